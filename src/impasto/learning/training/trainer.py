"""Training: a transformer network with an embedding for each picture, or one embedding for a
network that is there.

Johnson et al. 2016, with one row of scales and shifts a style (Dumoulin et al. 2017). Everything
random in a step is drawn from the seed and the step's number, so that a run that was killed goes on
as if it had not been.
"""

import copy
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from impasto.errors import TrainingError
from impasto.learning.data.photos import ContentImages
from impasto.learning.data.sampler import BatchSampler, TrainingBatch, prefetch_batches
from impasto.learning.data.style_crops import StyleCrops
from impasto.learning.losses.objective import ContentTarget, LayerStyle, Objective, StyleTarget
from impasto.learning.losses.statistics import Moments
from impasto.learning.losses.terms import instability, total_variation_loss
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.predictor import StylePredictor
from impasto.learning.networks.transformer import TransformerNetwork
from impasto.learning.tensors import best_device, pixels, to_tensor
from impasto.learning.training import checkpoints
from impasto.learning.training.muon import Muon
from impasto.learning.training.settings import TrainingProgress, TrainingSettings
from impasto.models.network import MULTIPLE

# Of the content error at the start, what it is held at: that of whole photographs rises where the
# one of crops stays as it is.
CONTENT_LIMIT_SHARE = 0.85
PRICE_RATE, HIGHEST_PRICE = (
    0.05,
    20.0,
)  # how quickly the content's weight follows its error, and where it ends
# what stability is learned from: motion in pixels, and noise of pixels in 0..1, as of a camera in
# dim light
MAX_SHIFT, MAX_NOISE = 5, 0.03
WRAP_BORDER = (
    32  # pixels at the borders where a picture that was moved in a circle does not show the same
)
VIEWS_PER_BATCH = 64  # that a GPU reads at once
CONTENT_CACHE_BYTES = (
    2 << 30
)  # of content targets; computing one costs as much as a third of its training step


class Trainer:
    """One run of training: what learns, what it learns from, and everything that resuming needs.

    Args:
        network: what is trained, or only used when `settings.whole_network` is False.
        embeddings: (styles, embedding_size), where they start.
        styles: pictures to learn, uint8 (H, W, 3), at the size of the strokes wanted.
        content: pictures to paint.
        perceptual: network of the losses; its type (bfloat16 or float32) is also that in which the
            transformer runs.
        predictor: learns to predict embeddings of `styles` and of views of `art`; what is in
            `embeddings` beyond its predictions stays with each style.
        art: pictures that prediction is learned from.
        content_targets: kept from runs on the same content by the same perceptual network, and
            added to.
    """

    STATE = (
        "step",
        "seconds",
        "running",
        "history",
        "price",
    )  # kept in a checkpoint, beside tensors

    def __init__(
        self,
        network: TransformerNetwork,
        embeddings: Tensor,
        styles: Sequence[np.ndarray],
        content: ContentImages,
        perceptual: PerceptualNetwork,
        settings: TrainingSettings,
        predictor: StylePredictor | None = None,
        art: StyleCrops | None = None,
        content_targets: dict[tuple[int, int], ContentTarget] | None = None,
    ) -> None:
        self.settings, self.content, self.art = settings, content, art
        self.device = best_device()
        self.objective = Objective(
            perceptual.to(self.device), settings.weights, settings.even_content
        )
        self.network = network.to(self.device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.network.requires_grad_(settings.whole_network)
        self.predictor = predictor.to(self.device) if predictor else None
        if self.predictor:
            with torch.no_grad():
                readings = [
                    self.predictor.statistics(to_tensor([style]).to(self.device))
                    for style in styles
                ]
                self.readings = torch.cat(readings)
                embeddings = embeddings.to(self.device) - self.predictor.from_statistics(
                    self.readings
                )
        # with a predictor: what each style has beyond its prediction
        self.embeddings = nn.Parameter(embeddings.to(self.device))
        targets = [
            self.objective.style_target(to_tensor([style]).to(self.device)) for style in styles
        ]
        self.style_targets = {
            layer: _stacked([target[layer] for target in targets]) for layer in targets[0]
        }
        self.parameters: dict[str, nn.Parameter] = {"embeddings": self.embeddings}
        for part, module in (("network", self.network), ("predictor", self.predictor)):
            named = module.named_parameters() if module else ()
            self.parameters |= {f"{part}.{name}": p for name, p in named if p.requires_grad}
        self.optimizers = self._optimizers()
        self.averages = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.start = self.embeddings.detach().clone()
        # how far the embeddings that a run is worth go from where it starts to what it learned
        self.trust = 1.0
        self.step, self.seconds = 0, 0.0
        self.history = ""  # what had been trained before this run started, as a card says it
        self.running: dict[str, float] = {}
        self.ceiling = math.inf  # of the content error, see `hold_content`
        self.price = 1.0  # times the content's weight
        # by number and size of the crop; runs on the same content, by the same perceptual network,
        # may share them
        self.content_targets: dict[tuple[int, int], ContentTarget] = (
            {} if content_targets is None else content_targets
        )
        self._views: dict[int, tuple[Tensor, StyleTarget]] = {}
        self._coming: dict[
            int, Tensor
        ] = {}  # views that are read with the next ones that are missing
        predicted = round(settings.batch * settings.predicted) if self.predictor and art else 0
        takes_noise = self.network.architecture.noise
        self.draws = BatchSampler(
            settings.seed,
            settings.batch,
            len(embeddings),
            content,
            takes_noise,
            art,
            predicted,
            settings.alone,
        )
        self._ahead: Iterator[TrainingBatch] | None = None
        self._ahead_at = 0, 0  # the step and crop of what comes next there
        # draws made ahead, targets computed in batches; such runs do not repeat bit for bit, nor
        # would any on a GPU
        self.together = self.device.type == "cuda"
        if self.together:
            torch.backends.cudnn.benchmark = True
            torch.set_float32_matmul_precision("high")
        self._stepping = self._compiled() if self.together and settings.is_long else self.objective

    def _compiled(self) -> Objective:
        """The objective with a perceptual network compiled for a GPU, which takes some twenty
        seconds."""
        perceptual: Any = torch.compile(self.objective.perceptual, dynamic=False)
        return Objective(perceptual, self.settings.weights, self.settings.even_content)

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        """Muon for kernels and matrices but the predictor's last, whose outputs are of several
        kinds; Adam for the rest."""
        settings = self.settings
        rates = {
            "embeddings": settings.embedding_rate,
            "network": settings.learning_rate,
            "predictor": settings.predictor_rate,
        }
        groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
        for name, p in self.parameters.items():
            matrix = p.ndim > 1 and name not in ("embeddings", "predictor.outer.weight")
            groups.setdefault((matrix, rates[name.split(".")[0]]), []).append(p)
        made: list[torch.optim.Optimizer] = []
        for (matrix, rate), params in groups.items():
            group = [{"params": params, "rate": rate}]
            made.append(
                Muon(group) if matrix else torch.optim.Adam(group, lr=0.0, betas=(0.9, 0.99))
            )  # rates: at every step
        return made

    @property
    def fraction(self) -> float:
        """How much of the run is done, 0..1."""
        if self.settings.steps is not None:
            return min(1.0, self.step / self.settings.steps)
        return (
            min(1.0, self.seconds / (60 * self.settings.minutes)) if self.settings.minutes else 1.0
        )

    def _crop(self) -> int:
        part = next(part for until, part in self.settings.curriculum if self.fraction <= until)
        return max(64, round(self.settings.crop * part / MULTIPLE) * MULTIPLE)

    def _rate(self) -> float:
        """Learning rate over its peak: a short warm-up, then half a cosine down to zero."""
        warm = min(
            1.0,
            (self.step + 1) / 20,
            self.fraction / self.settings.warmup if self.settings.minutes else 1.0,
        )
        return max(warm, 0.05) * 0.5 * (1 + math.cos(math.pi * self.fraction))

    def _batch(self) -> tuple[TrainingBatch, Tensor, ContentTarget, Tensor, StyleTarget]:
        """What is drawn, photographs, their content targets, the embeddings they are painted with,
        and the targets of these
        styles: all from the seed and the step's number.
        """
        draw = self._draw()
        photos = pixels(draw.photos.to(self.device, non_blocking=True))
        embeddings, styles = self._gallery_rows(
            draw.rows.to(self.device), draw.alone.to(self.device)
        )
        if len(draw.views):
            painted, wanted = self._art_views(draw)
            embeddings = torch.cat([embeddings, painted])
            styles = {layer: _stacked([styles[layer], wanted[layer]]) for layer in styles}
        return draw, photos, self._content_targets(draw.numbers, photos), embeddings, styles

    def _draw(self) -> TrainingBatch:
        """What this step draws; with a GPU, made ahead by other processes."""
        crop = self._crop()
        if not self.together:
            return self.draws.draw(self.step, crop)
        if self._ahead is None or self._ahead_at != (self.step, crop):
            self._ahead = None  # ends the processes of crops of another size
            self._ahead = prefetch_batches(
                self.draws, self.step, crop, max(1, torch.get_num_threads() - 1)
            )
        draw = next(self._ahead)
        self._ahead_at = self.step + 1, crop
        self.content.broken |= set(draw.broken)
        return draw

    def _gallery_rows(self, rows: Tensor, alone: Tensor) -> tuple[Tensor, StyleTarget]:
        """Embeddings of styles of the gallery, those `alone` as they are predicted, and their
        targets."""
        # a product with one-hot rows, not indexing: its gradient is summed in a fixed order
        chosen = nn.functional.one_hot(rows, len(self.embeddings)).to(self.embeddings.dtype)
        embeddings = chosen @ self.embeddings
        if self.predictor:
            embeddings = embeddings * ~alone[:, None] + self.predictor.from_statistics(
                self.readings[rows]
            )
        return embeddings, {
            layer: target.rows(rows) for layer, target in self.style_targets.items()
        }

    def _art_views(self, draw: TrainingBatch) -> tuple[Tensor, StyleTarget]:
        """Embeddings predicted of views of art, and their targets: from a window that moves on, so
        that each view is read once and painted a few times, among others.
        """
        assert self.predictor
        for number in [number for number in self._views if number < self.draws.gone(self.step)]:
            del self._views[number]
        numbers = draw.views.tolist()
        if not self.together:
            unread = {
                number: self.draws.view(number)
                for number in sorted(set(numbers))
                if number not in self._views
            }
        else:
            self._coming |= draw.fresh
            moved = any(number not in self._views for number in numbers)
            unread, self._coming = (self._coming, {}) if moved else ({}, self._coming)
        self._read_views(
            {number: view for number, view in unread.items() if number not in self._views}
        )
        readings, targets = zip(*(self._views[number] for number in numbers), strict=True)
        wanted = {layer: _stacked([target[layer] for target in targets]) for layer in targets[0]}
        return self.predictor.from_statistics(torch.cat(readings)), wanted

    @torch.no_grad()
    def _read_views(self, views: Mapping[int, Tensor]) -> None:
        """Alone, never in a batch, as `_content_target`; for a GPU those of a size together."""
        assert self.predictor
        together = VIEWS_PER_BATCH if self.together else 1
        sizes: dict[int, list[int]] = {}
        for number, view in views.items():
            sizes.setdefault(len(view), []).append(number)
        for same in sizes.values():
            for numbers in (same[i : i + together] for i in range(0, len(same), together)):
                view = pixels(torch.stack([views[number] for number in numbers]).to(self.device))
                with torch.backends.cudnn.flags(
                    enabled=True, benchmark=False
                ):  # of shapes that hardly come again
                    readings, targets = (
                        self.predictor.statistics(view),
                        self.objective.style_target(view),
                    )
                for i, number in enumerate(numbers):
                    only = torch.tensor([i], device=self.device)
                    self._views[number] = (
                        readings[i : i + 1],
                        {layer: target.rows(only) for layer, target in targets.items()},
                    )

    def _content_targets(self, numbers: Tensor, photos: Tensor) -> ContentTarget:
        if not self.together:
            contents = [
                self._content_target(int(n), photo[None])
                for n, photo in zip(numbers, photos, strict=True)
            ]
            return ContentTarget(*(torch.cat(parts) for parts in zip(*contents, strict=True)))
        target = self._stepping.content_target(
            photos
        )  # a GPU computes them sooner than it would find them
        return ContentTarget(target.features.to(self.objective.perceptual.dtype), target.floor)

    def _content_target(self, number: int, photo: Tensor) -> ContentTarget:
        """Computed alone, never in a batch: so it does not depend on which pictures came together,
        and runs repeat exactly."""
        key = number, photo.shape[-1]
        if key not in self.content_targets:
            target = self.objective.content_target(photo)
            target = ContentTarget(
                target.features.to(self.objective.perceptual.dtype), target.floor
            )
            size = target.features.numel() * target.features.element_size()
            if (
                sum(kept.features.nbytes for kept in self.content_targets.values()) + size
                > CONTENT_CACHE_BYTES
            ):
                for other in [other for other in self.content_targets if other[1] != key[1]]:
                    del self.content_targets[other]  # of crops of another size: they have grown
                if len(self.content_targets) * size > CONTENT_CACHE_BYTES:
                    return target
            self.content_targets[key] = target
        return self.content_targets[key]

    def paint(self, photos: Tensor, embeddings: Tensor, noise: Tensor | None = None) -> Tensor:
        """The network in the type of the perceptual network: (B, 3, H, W), float32. Noise is the
        step's, if none is given."""
        if noise is None and self.network.architecture.noise:
            noise = self.draws.noise(self.step, len(photos), photos.shape[-1]).to(self.device)
        dtype = self.objective.perceptual.dtype
        with torch.autocast(self.device.type, dtype=dtype, enabled=dtype != torch.float32):
            return self.network(photos, embeddings, noise).float()

    def _instability(
        self, photos: Tensor, embeddings: Tensor, noise: Tensor | None, pictures: Tensor
    ) -> Tensor:
        """How much the pictures change where the photographs move by some pixels and are noisy,
        (B,); see `instability`.

        What leaves on one side comes in on the other, so that statistics of normalization stay as
        they are.
        """
        rng = np.random.default_rng(
            [self.settings.seed, self.step, 1]
        )  # 1: `_batch` draws from the first two
        # every other time nothing moves: most of what flickers in a film is what stands still
        farthest = MAX_SHIFT * (self.step % 2)
        down, right = (int(by) for by in rng.integers(-farthest, farthest + 1, size=2))
        generator = torch.Generator(self.device).manual_seed(
            int(rng.integers(1 << 62))
        )  # on a GPU, where it is quick
        grain = rng.uniform(0, MAX_NOISE) * torch.randn(
            photos.shape, generator=generator, device=self.device
        )
        moved = photos.roll((down, right), (2, 3)) + grain
        again = self.paint(
            moved.clamp(0, 1).contiguous(memory_format=torch.channels_last), embeddings, noise
        )
        return instability(
            pictures,
            again.roll((-down, -right), (2, 3)),
            border=min(WRAP_BORDER, photos.shape[-1] // 4),
        )

    @torch.no_grad()
    def hold_content(self, pictures: int = 8, held: float = CONTENT_LIMIT_SHARE) -> None:
        """Let the content error of the first style stay at `held` times what it is, over some
        content pictures: its weight rises while it is higher, and falls back while it is not. So
        training takes more of the style and keeps the subject.
        """
        errors = []
        for number in range(pictures):
            photo = to_tensor([self.content.crop(number, self.settings.crop)]).to(self.device)
            painted = self.paint(photo, self.embeddings[:1])
            styles: StyleTarget = {
                layer: target.rows(torch.tensor([0]))
                for layer, target in self.style_targets.items()
            }
            terms = self.objective.terms(painted, self.objective.content_target(photo), styles)
            errors.append(log_compress(terms["content"]).item())
        self.ceiling = held * float(np.mean(errors))

    def train_step(self) -> None:
        """One step. Raises TrainingError, and changes no weights, if a loss or gradient is not
        finite."""
        start = time.perf_counter()
        settings = self.settings
        draw, photos, content, embeddings, styles = self._batch()
        noise = None if draw.noise is None else draw.noise.to(self.device, non_blocking=True)
        pictures = self.paint(photos, embeddings, noise)
        terms = {
            name: log_compress(term)
            for name, term in self._stepping.terms(pictures, content, styles).items()
        }
        if settings.weights.tv:
            terms["tv"] = total_variation_loss(pictures, photos)
        if settings.weights.stability:
            terms["stability"] = self._instability(photos, embeddings, noise, pictures)
        loss = self.objective.total(terms | {"content": self.price * terms["content"]}).mean()
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), settings.clip)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            values = ", ".join(f"{name} {value.mean().item():.3g}" for name, value in terms.items())
            raise TrainingError(
                f"step {self.step} gave a loss or gradient that is not finite ({values}, gradient {norm.item():.3g}); the "
                "state before it is kept; try a lower --learning-rate or another --seed"
            )
        rate = self._rate()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * rate
            optimizer.step()
        self.step += 1
        decay = min(settings.ema, self.step / (self.step + 10))
        with torch.no_grad():
            for name, p in self.parameters.items():
                self.averages[name].lerp_(p, 1 - decay)
        record = {name: value.mean().item() for name, value in terms.items()} | {
            "total": loss.item()
        }
        keep = min(0.98, 1 - 1 / self.step)
        self.running = {
            name: keep * self.running.get(name, 0.0) + (1 - keep) * value
            for name, value in record.items()
        }
        above = min(record["content"] / self.ceiling - 1, 1.0)
        self.price = min(max(self.price * math.exp(PRICE_RATE * above), 1.0), HIGHEST_PRICE)
        self.seconds += time.perf_counter() - start

    @property
    def progress(self) -> TrainingProgress:
        terms = dict(self.running)
        return TrainingProgress(
            self.step, self.fraction, self.seconds, terms, terms.pop("total", math.nan)
        )

    def averaged(self) -> dict[str, Tensor]:
        """What the run is worth: the running means of all weights, by name; `embeddings` (styles,
        size) and `network.*`.

        Of embeddings as much as `trust` says.
        """
        averaged = {name: tensor.detach().float().cpu() for name, tensor in self.averages.items()}
        if self.trust < 1:
            averaged["embeddings"] = (
                self.start.float().cpu().lerp(averaged["embeddings"], self.trust)
            )
        if self.predictor:
            with torch.no_grad():
                predicted = self.averaged_predictor().from_statistics(self.readings.cpu())
            averaged["embeddings"] = (
                averaged["embeddings"] + predicted
            )  # anew: on a CPU the means are not copied above
        return averaged

    def averaged_predictor(self) -> StylePredictor:
        """A copy of the predictor on the CPU with the running means of its weights."""
        assert self.predictor
        copied = copy.deepcopy(self.predictor).cpu()
        means = {
            name: self.averages[f"predictor.{name}"]
            for name, p in copied.named_parameters()
            if p.requires_grad
        }
        copied.load_state_dict({name: mean.cpu() for name, mean in means.items()}, strict=False)
        return copied

    def _conditions(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        return asdict(self.settings) | {
            "content": self.content.description,
            "perceptual": self.objective.perceptual.identity,
            **({"art": self.art.description} if self.art else {}),
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint with everything that resuming needs, under a temporary name first."""
        tensors: dict[str, Tensor] = {}
        for name, p in self.parameters.items():
            tensors[name], tensors[f"average.{name}"] = p.detach(), self.averages[name]
            kept = self._optimizer_of(p).state.get(p, {})
            tensors |= {f"optimizer.{name}.{key}": value for key, value in kept.items()}
        checkpoints.write(
            path, tensors, {key: getattr(self, key) for key in self.STATE}, self._conditions()
        )

    def _optimizer_of(self, p: nn.Parameter) -> torch.optim.Optimizer:
        return next(
            o
            for o in self.optimizers
            if any(p is each for group in o.param_groups for each in group["params"])
        )

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same run; how long the run is may change.

        Raises TrainingError if the file is broken, of other styles, or of a run with other
        settings.
        """
        with checkpoints.resuming(path):
            tensors, state = checkpoints.read(path, self._conditions())
            tensors = {key: tensor.to(self.device) for key, tensor in tensors.items()}
            shapes = {
                key: p.shape
                for name, p in self.parameters.items()
                for key in (name, f"average.{name}")
            }
            if {
                key: tensor.shape
                for key, tensor in tensors.items()
                if not key.startswith("optimizer.")
            } != shapes:
                raise ValueError("it is of another network or of other styles")
            with torch.no_grad():
                for name, p in self.parameters.items():
                    p.copy_(tensors[name])
                    self.averages[name].copy_(tensors[f"average.{name}"])
                    prefix = f"optimizer.{name}."
                    kept = {
                        key.removeprefix(prefix): value
                        for key, value in tensors.items()
                        if key.startswith(prefix)
                    }
                    if kept:
                        self._optimizer_of(p).state[p] = {
                            k: v.cpu() if k == "step" else v for k, v in kept.items()
                        }
            for key in self.STATE:
                setattr(self, key, state[key])


def log_compress(error: Tensor) -> Tensor:
    """An error as it is up to 1, and beyond as 1 + log: so that a picture whose relative error is
    huge, since the style it is compared with is nearly flat, does not rule a step.
    """
    return torch.where(error <= 1, error, 1 + error.clamp_min(1).log())


def _stacked(targets: Sequence[LayerStyle]) -> LayerStyle:
    """Targets of several pictures as one."""
    mean, cov = (
        torch.cat(each) for each in zip(*(target.moments for target in targets), strict=True)
    )
    directions, deviations = (
        torch.cat([getattr(t, name) for t in targets]) for name in ("directions", "deviations")
    )
    return LayerStyle(Moments(mean, cov), directions, deviations)
