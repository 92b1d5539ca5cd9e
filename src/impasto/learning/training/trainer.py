"""One run of training, step by step: of a gallery with its network, or of one style.

Johnson et al. 2016, with one row of scales and shifts a style (Dumoulin et al. 2017). Everything
random in a step is drawn from the seed and the step's number. So a run that was killed and resumed
ends in the same weights.
"""

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from impasto.learning.data.photos import ContentImages
from impasto.learning.data.sampler import BatchSampler
from impasto.learning.data.style_crops import StyleCrops
from impasto.learning.losses.objective import Objective
from impasto.learning.losses.terms import instability, total_variation_loss
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.predictor import StylePredictor
from impasto.learning.networks.transformer import TransformerNetwork
from impasto.learning.tensors import best_device, to_tensor
from impasto.learning.training import checkpoints
from impasto.learning.training.batches import (
    ArtViews,
    Batches,
    ContentCache,
    ContentTargets,
    GalleryStyles,
    StepBatch,
    move_photos,
)
from impasto.learning.training.content_weight import (
    CONTENT_LIMIT_SHARE,
    ContentWeight,
    log_compress,
)
from impasto.learning.training.ranks import SINGLE, Ranks
from impasto.learning.training.settings import TrainingSettings
from impasto.learning.training.weights import LearningWeights, learning_parameters
from impasto.progress import Progress

WRAP_BORDER = 32  # pixels at the borders where a picture moved in a circle shows something else
RUNNING_MEAN_DECAY = 0.98  # of the losses shown: a mean over about 50 steps


class Trainer:
    """One run of training: what learns, what it learns from, and the state that resuming needs.

    A step reads top to bottom in `train_step`: make a batch, paint it, compare, update the weights.

    Args:
        network: is trained, or only used when `settings.whole_network` is False.
        embeddings: (styles, embedding_size), where they start.
        styles: pictures to learn, uint8 (H, W, 3), at the size of the strokes wanted.
        content: pictures to paint.
        perceptual: network of the losses; its type (bfloat16 or float32) is also that in which the
            transformer runs.
        predictor: learns to predict embeddings of `styles` and of views of `art`. Each style keeps
            the difference of its embedding to the prediction.
        art: pictures that prediction is learned from.
        content_targets: cached by runs on the same content by the same perceptual network, and
            added to.
        ranks: processes that share each batch.

    Attributes:
        step: steps done.
        seconds: spent in steps so far; a resumed run counts from its first start.
        weights: weights that learn, with their optimizers and running means.
        history: describes the training before this run, for the card.
        content_weight: adaptive weight of the content term.
        update_scale: how far the embeddings of `averaged` go from the start of the run (0) to what
            it learned (1).
    """

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
        content_targets: ContentCache | None = None,
        ranks: Ranks = SINGLE,
    ) -> None:
        self.settings, self.content, self.art, self.ranks = settings, content, art, ranks
        self.device = best_device()
        self.objective = Objective(
            perceptual.to(self.device), settings.weights, settings.even_content
        )
        self.network = network.to(self.device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.network.requires_grad_(settings.whole_network)
        self.predictor = predictor.to(self.device) if predictor else None
        self.styles = GalleryStyles(embeddings, styles, self.objective, self.predictor, self.device)
        learning = learning_parameters(self.embeddings, self.network, self.predictor)
        ranks.copy_first(learning.values())
        self.weights = LearningWeights(learning, settings)
        self.start = self.embeddings.detach().clone()
        self.update_scale, self.content_weight = 1.0, ContentWeight()
        self.step, self.seconds, self._late_seconds = 0, 0.0, 0.0
        self.history = ""
        self.running: dict[str, float] = {}
        self._step_objective = self._compiled()
        self.batches = self._batches(content_targets)

    def __repr__(self) -> str:
        return f"Trainer(styles={len(self.styles)}, step={self.step}, device={self.device.type!r})"

    # Construction

    def _compiled(self) -> Objective:
        """Compile the perceptual network for a long run on a GPU; it takes some twenty seconds."""
        if self.device.type != "cuda" or not self.settings.is_long:
            return self.objective
        perceptual: Any = torch.compile(self.objective.perceptual, dynamic=False)
        return Objective(perceptual, self.settings.weights, self.settings.even_content)

    def _batches(self, content_targets: ContentCache | None) -> Batches:
        settings, predictor, art = self.settings, self.predictor, self.art
        predicted = round(settings.batch * settings.predicted) if predictor and art else 0
        self.ranks.check_batch(settings.batch, predicted)
        sampler = BatchSampler(
            settings.seed,
            settings.batch,
            len(self.styles),
            self.content,
            self.network.architecture.noise,
            art,
            predicted,
            settings.alone,
            self.ranks.rank,
            self.ranks.count,
        )
        return Batches(
            sampler,
            self.styles,
            ContentTargets(self.objective, content_targets),
            ArtViews(sampler, predictor, self.objective, self.device) if predictor else None,
            self._step_objective,
            self.device,
        )

    # Where the run stands

    @property
    def embeddings(self) -> nn.Parameter:
        """Embeddings as they are now; with a predictor, their differences to its predictions."""
        return self.styles.embeddings

    @property
    def fraction(self) -> float:
        """Fraction of the run that is done, 0..1."""
        return self.settings.fraction(self.step, self.seconds)

    @property
    def progress(self) -> Progress:
        """Where the run stands; losses are running means over about 50 steps."""
        losses, step, steps = dict(self.running), self.step, self.settings.steps
        loss = losses.pop("total", None)
        return Progress(self.fraction, self.seconds, "", step, steps, losses=losses, loss=loss)

    # A step

    def train_step(self) -> None:
        """Train one step.

        Raises:
            TrainingError: a loss or gradient is not finite; no weights have changed then.
        """
        start = time.perf_counter()
        batch = self.batches.make(self.step, self.settings.crop_size(self.fraction))
        pictures = self.paint(batch.photos, batch.embeddings, batch.noise)
        terms = self._loss_terms(batch, pictures)
        content = self.content_weight.scale * terms["content"]
        loss = self.objective.total({**terms, "content": content}).mean()
        self.weights.compute_gradients(loss)
        means = {name: term.mean() for name, term in terms.items()} | {"total": loss}
        now = time.perf_counter()
        losses, seconds = self.ranks.average(
            self.weights.parameters.values(), means, self.seconds + self._late_seconds + now - start
        )
        self.weights.clip_gradients(self.step, losses)
        self.weights.update(self.step, self.fraction)
        self.step, self.seconds = self.step + 1, seconds
        self._record(losses)
        # counted with the next step, as other processes do not know it
        self._late_seconds = time.perf_counter() - now

    def paint(self, photos: Tensor, embeddings: Tensor, noise: Tensor | None = None) -> Tensor:
        """Paint photographs by the network, in the type of the perceptual network.

        Args:
            photos: (B, 3, H, W) in 0..1.
            embeddings: (B, embedding_size).
            noise: (B, 1, H / 2, W / 2); by default that of this step.

        Returns:
            Pictures (B, 3, H, W), float32 in 0..1.
        """
        if noise is None and self.network.architecture.noise:
            sampler = self.batches.sampler
            noise = sampler.noise(self.step, len(photos), photos.shape[-1]).to(self.device)
        dtype = self.objective.perceptual.dtype
        with torch.autocast(self.device.type, dtype=dtype, enabled=dtype != torch.float32):
            return self.network(photos, embeddings, noise).float()

    def _loss_terms(self, batch: StepBatch, pictures: Tensor) -> dict[str, Tensor]:
        """Compute the loss terms of a batch, each (B,), without their weights."""
        weights = self.settings.weights
        terms = {
            name: log_compress(term)
            for name, term in self._step_objective.terms(
                pictures, batch.content, batch.styles
            ).items()
        }
        if weights.tv:
            terms["tv"] = total_variation_loss(pictures, batch.photos)
        if weights.stability:
            terms["stability"] = self._instability(batch, pictures)
        return terms

    def _instability(self, batch: StepBatch, pictures: Tensor) -> Tensor:
        """Paint the photographs again, moved and noisy, and measure the change of pictures, (B,).

        See `impasto.learning.losses.terms.instability`.
        """
        moved, (down, right) = move_photos(batch.photos, self.batches.sampler, self.step)
        again = self.paint(moved, batch.embeddings, batch.noise)
        border = min(WRAP_BORDER, moved.shape[-1] // 4)
        return instability(pictures, again.roll((-down, -right), (2, 3)), border=border)

    def _record(self, losses: Mapping[str, float]) -> None:
        """Move the running means of the losses, and the weight of the content."""
        decay = min(RUNNING_MEAN_DECAY, 1 - 1 / self.step)
        self.running = {
            name: decay * self.running.get(name, 0.0) + (1 - decay) * value
            for name, value in losses.items()
        }
        self.content_weight.update(losses["content"])

    @torch.no_grad()
    def limit_content_loss(self, pictures: int = 8, share: float = CONTENT_LIMIT_SHARE) -> None:
        """Limit the content error of the first style to a share of its present value.

        The error is measured over some content pictures. While that of training is higher, the
        weight of the content term rises; see `ContentWeight`.
        """
        first = torch.tensor([0])
        styles = {layer: target.rows(first) for layer, target in self.styles.targets.items()}
        errors = []
        for number in range(pictures):
            photo = to_tensor([self.content.crop(number, self.settings.crop)]).to(self.device)
            target = self.objective.content_target(photo)
            painted = self.paint(photo, self.embeddings[:1])
            terms = self.objective.terms(painted, target, styles)
            errors.append(log_compress(terms["content"]).item())
        self.content_weight.limit = share * float(np.mean(errors))

    # Results

    def averaged(self) -> dict[str, Tensor]:
        """Collect the result of the run: running means of all weights, by name, on the CPU.

        Returns:
            `embeddings` (styles, embedding_size), predictions included, and `network.*`.
        """
        averaged = {
            name: tensor.detach().float().cpu() for name, tensor in self.weights.averages.items()
        }
        if self.update_scale < 1:
            start = self.start.float().cpu()
            averaged["embeddings"] = start.lerp(averaged["embeddings"], self.update_scale)
        if self.predictor:
            with torch.no_grad():
                predicted = self.averaged_predictor().from_statistics(
                    self.styles.style_statistics.cpu()
                )
            # not in place: on a CPU the means are not copied above
            averaged["embeddings"] = averaged["embeddings"] + predicted
        return averaged

    def averaged_network(self) -> TransformerNetwork:
        """Make a copy of the network on the CPU with the running means of its weights."""
        network = TransformerNetwork(self.network.architecture)
        means = {
            name.removeprefix("network."): mean
            for name, mean in self.averaged().items()
            if name.startswith("network.")
        }
        network.load_state_dict(means)
        return network

    def averaged_predictor(self) -> StylePredictor:
        """Make a copy of the predictor on the CPU with the running means of its weights."""
        assert self.predictor
        predictor = copy.deepcopy(self.predictor).cpu()
        means = {
            name: self.weights.averages[f"predictor.{name}"].cpu()
            for name, p in predictor.named_parameters()
            if p.requires_grad
        }
        predictor.load_state_dict(means, strict=False)
        return predictor

    # Checkpoints

    def save(self, path: Path) -> None:
        """Write a checkpoint with everything that resuming needs; see `checkpoints.write`."""
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "running": self.running,
            "history": self.history,
            "update_scale": self.update_scale,
            **self.content_weight.state(),
        }
        checkpoints.write(path, self.weights.tensors(), state, self._conditions())

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same run; only the length of the run may change.

        Raises:
            TrainingError: the file is broken, of other styles, or of a run with other settings.
        """
        with checkpoints.resuming(path):
            tensors, state = checkpoints.read(path, self._conditions())
            self.weights.load({key: tensor.to(self.device) for key, tensor in tensors.items()})
            self.step, self.seconds = state["step"], state["seconds"]
            self.running, self.history = state["running"], state["history"]
            # checkpoints of older versions lack it: then it stays as the run has begun
            self.update_scale = state.get("update_scale", self.update_scale)
            self.content_weight.load_state(state)
        self.ranks.check_step(self.step, self.device)

    def _conditions(self) -> dict[str, Any]:
        """Describe what must be the same for a run to go on."""
        return asdict(self.settings) | {
            "content": self.content.description,
            "perceptual": self.objective.perceptual.identity,
            "ranks": self.ranks.count,
            **({"art": self.art.description} if self.art else {}),
        }
