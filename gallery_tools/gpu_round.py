"""Train all networks of the gallery on one GPU, in a few minutes.

  python gallery_tools/gpu_round.py pack DATA FOLDER
  python gallery_tools/gpu_round.py run FOLDER --gallery GALLERY --minutes 12 --out OUT
  python gallery_tools/gpu_round.py write OUT/large.pt --gallery GALLERY

`pack` makes a folder of at most 40 MB that a machine with a GPU needs: photographs and art as small
WebP files, the paintings, and VGG-19 up to relu4_1. `run` trains there; it needs PyTorch, NumPy,
Pillow and safetensors. Everything is on the GPU before the first step: crops, views of art, and all
targets. A step then only picks rows, and the GPU never waits. `run` leaves a checkpoint for each
network, from which the next round goes on (`--resume`). With `--finest`, only the finest level of
networks learns, which a CPU can do in half an hour. Small batches on a CPU can also mend trained
networks as a whole, with a low `--rate`. `write` makes a gallery of a checkpoint.
"""

import argparse
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from impasto.learning.data.photos import random_crop
from impasto.learning.data.style_crops import StyleCrops
from impasto.learning.losses import flaws
from impasto.learning.losses.objective import (
    STYLE_LAYERS,
    ContentTarget,
    LayerStyle,
    LossWeights,
    Objective,
)
from impasto.learning.losses.statistics import Moments, moments
from impasto.learning.losses.terms import instability, moment_loss
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.predictor import StylePredictor, new_predictor
from impasto.learning.networks.transformer import ARCHITECTURES, TransformerNetwork
from impasto.learning.tensors import best_device, best_dtype, pixels
from impasto.learning.training.batches import MAX_NOISE
from impasto.learning.training.content_weight import log_compress
from impasto.learning.training.paintings import read_catalog
from impasto.learning.training.settings import TrainingSettings
from impasto.learning.training.weights import LearningWeights, learning_parameters
from impasto.models.noise import NOISE_SIDE, noise_at

CATALOG = Path(__file__).with_name("gallery.tsv")
PHOTOS, ART = 900, 1000  # pictures in a pack
SIDES = {"photos": 272, "art": 288, "paintings": 512}  # pixels, short sides
QUALITIES = {"photos": 66, "art": 66, "paintings": 88}
VGG_CONVOLUTIONS = 9  # up to conv4_1

NETWORKS = ("large", "base", "small")
# whose step it is, again and again
TURNS = "large,base,large,small,large,large,base,large,large,small,large,base"
HIDDEN = {"large": 144, "base": 128, "small": 128}  # units of a hidden layer of new predictors
CROP = 288  # pixels
COMPILE_SECONDS = 70  # after which the perceptual network is used as it is
COMPILE_ERROR = 0.1  # of gradients, relative: bfloat16 alone makes some hundredths
FINEST_LAYERS = ("up1", "out")
FLAT_SHARE = 1 / 12  # of a batch: generated skies, on which repetitions are measured
PREDICTED, ALONE = 0.5, 0.25  # as in `TrainingSettings`
MARKS_GALLERY, MARKS_VIEW = 4096, 1024  # features of a style that marks are compared with
COARSE_LAYERS = ("relu2_1", "relu3_1", "relu4_1")  # of pictures of half the size
MARK_LAYER = "relu3_1"
# pixels; larger parts of the fine layers are satisfied by a strong edge, and leave a ring of empty
# paint beside it
PARTS = {"relu1_1": 16, "relu2_1": 16, "relu3_1": 16, "relu4_1": 32}
SCALE_PHOTOS = 1000  # crops of photographs among which places are ranked
MIN_VIEW = 160  # pixels: smaller views have fewer positions than marks


@dataclass(frozen=True)
class RoundWeights:
    """Weights of the terms of a round, and whether the network is asked to be steady."""

    content: float = 1.8
    style: float = 5.0
    local: float = 2.0
    coarse: float = 0.0
    nearest: float = 0.5
    residue: float = 1.0
    repetition: float = 1.5
    palette: float = 2.0
    spectrum: float = 0.3
    contrast: float = 2.0
    stability: float = 0.0


WEIGHT_NAMES = tuple(term.name for term in fields(RoundWeights))
WEIGHTS = {
    "large": RoundWeights(
        content=2.0,
        coarse=1.0,
        nearest=1.0,
        residue=1.5,
        repetition=2.0,
        spectrum=0.5,
        contrast=1.5,
    ),
    "base": RoundWeights(stability=0.5),
    "small": RoundWeights(stability=1.0),
}
# where only the finest level learns (`--finest`), the others have settled what these terms ask for
FINEST_WEIGHTS = RoundWeights(
    content=1.6, local=1.0, residue=2.0, repetition=0.0, spectrum=1.0, contrast=0.0
)
# peaks of learning rates for networks that start from nothing, and for those that go on
FRESH: dict[str, Any] = {"learning_rate": 4e-3, "embedding_rate": 1.5e-2, "predictor_rate": 1e-3}
CONTINUED: dict[str, Any] = {
    "learning_rate": 2.5e-3,
    "embedding_rate": 1e-2,
    "predictor_rate": 8e-4,
}


# Packing


def pack(data: Path, folder: Path) -> None:
    """Write the pictures and weights that a round needs; paintings by the names of their styles."""
    catalog = read_catalog(CATALOG)
    for kind, source, count in (
        ("photos", data / "photos", PHOTOS),
        ("art", data / "art", ART),
        ("paintings", data / "styles", None),
    ):
        paths = sorted(p for p in source.iterdir() if p.suffix in (".jpg", ".png", ".webp"))
        step = max(1, len(paths) / count) if count else 1
        chosen = [paths[int(i * step)] for i in range(min(len(paths), count or len(paths)))]
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for path in chosen:
            picture = _read(path)
            scale = SIDES[kind] / min(picture.size)
            if scale < 1:
                width, height = (max(SIDES[kind], round(side * scale)) for side in picture.size)
                picture = picture.resize((width, height), Image.Resampling.LANCZOS)
            name = catalog[path.name]["name"] if kind == "paintings" else path.stem
            picture.save(folder / kind / f"{name}.webp", quality=QUALITIES[kind])
    tensors = load_file(data / "weights" / "vgg19.safetensors")
    names = sorted(tensors, key=lambda name: int(name.split(".")[1]))[: 2 * VGG_CONVOLUTIONS]
    # cards name the whole network, of which these are the layers that count
    identity = PerceptualNetwork("vgg19", tensors).identity
    part = {name: tensors[name] for name in names}
    save_file(part, folder / "vgg19.safetensors", metadata={"identity": identity})
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {total / 1e6:.1f} MB")


def _read(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


# What is on the GPU


class Content(NamedTuple):
    """Crops of photographs, and their targets.

    Attributes:
        crops: uint8 (n, S, S, 3); the first `flat` of them are generated skies.
        target: content targets of all crops.
        ranks: of the contrast of their places, among those of all photographs.
    """

    crops: Tensor
    target: ContentTarget
    ranks: Tensor
    flat: int


class Styles(NamedTuple):
    """Targets of style pictures, and what predictors see of them.

    Attributes:
        statistics: (n, statistics).
        layers: targets by layer.
        coarse: moments of the pictures at half the size, by layer.
        marks: features of the pictures at some positions.
        palette: colors of the pictures.
        spectrum: the finest structure of the pictures.
        contrast: quantiles of the contrast of their places.
    """

    statistics: Tensor
    layers: dict[str, LayerStyle]
    coarse: dict[str, Moments]
    marks: flaws.Marks
    palette: flaws.Palette
    spectrum: Tensor
    contrast: Tensor

    def rows(self, numbers: Tensor, marks: Tensor | None) -> "Styles":
        """Pick styles (B,), and these of their marks, or all."""
        features = self.marks.features[numbers]
        return Styles(
            self.statistics[numbers],
            {layer: target.rows(numbers) for layer, target in self.layers.items()},
            {layer: Moments(*(p[numbers] for p in m)) for layer, m in self.coarse.items()},
            flaws.Marks(
                self.marks.center[numbers], features if marks is None else features[:, marks]
            ),
            flaws.Palette(*(part[numbers] for part in self.palette)),
            self.spectrum[numbers],
            self.contrast[numbers],
        )

    @staticmethod
    def joined(parts: Sequence["Styles"]) -> "Styles":
        """Put styles together."""

        def cat(pick: Any) -> Tensor:
            return torch.cat([pick(part) for part in parts])

        first = parts[0]
        return Styles(
            cat(lambda s: s.statistics),
            {
                layer: LayerStyle(
                    Moments(
                        cat(lambda s, k=layer: s.layers[k].moments.mean),
                        cat(lambda s, k=layer: s.layers[k].moments.cov),
                    ),
                    cat(lambda s, k=layer: s.layers[k].directions),
                    cat(lambda s, k=layer: s.layers[k].deviations),
                )
                for layer in first.layers
            },
            {
                layer: Moments(
                    cat(lambda s, k=layer: s.coarse[k].mean),
                    cat(lambda s, k=layer: s.coarse[k].cov),
                )
                for layer in first.coarse
            },
            flaws.Marks(cat(lambda s: s.marks.center), cat(lambda s: s.marks.features)),
            flaws.Palette(cat(lambda s: s.palette.quantiles), cat(lambda s: s.palette.variance)),
            cat(lambda s: s.spectrum),
            cat(lambda s: s.contrast),
        )


@torch.no_grad()
def describe(pictures: Tensor, objective: Objective, lite: nn.Module, marks: int) -> Styles:
    """Compute the targets of style pictures of one size, uint8 (n, H, W, 3)."""
    x = pixels(pictures.to(next(lite.buffers()).device))
    half = F.avg_pool2d(x, 2)
    coarse = {layer: moments(f) for layer, f in objective.perceptual(half, COARSE_LAYERS).items()}
    f = objective.perceptual(x, [MARK_LAYER])[MARK_LAYER]
    return Styles(
        lite(x),
        dict(objective.style_target(x)),
        coarse,
        flaws.pick_marks(f, marks),
        flaws.palette(x),
        flaws.spectrum(x),
        flaws.contrast_quantiles(x),
    )


def skies(count: int, size: int, seed: int) -> np.ndarray:
    """Generate pictures like skies: colors that change slowly, uint8 (count, size, size, 3)."""
    rng = np.random.default_rng([seed, size])
    y, x = np.mgrid[:size, :size] / size - 0.5
    pictures = []
    for _ in range(count):
        angle = rng.normal(0, 0.5)
        along = y * np.cos(angle) + x * np.sin(angle)
        first, second = rng.uniform(30, 235, 3), rng.normal(0, 50, 3)
        wave = np.sin(rng.uniform(1, 6) * x + rng.uniform(1, 6) * y + rng.uniform(0, 6))
        picture = first + along[..., None] * second + rng.uniform(0, 12) * wave[..., None]
        picture += rng.normal(0, rng.uniform(0, 2.5), picture.shape)
        pictures.append(picture.clip(0, 255).astype(np.uint8))
    return np.stack(pictures)


def _crop_photo(number: int, paths: Sequence[Path], size: int) -> np.ndarray:
    rng = np.random.default_rng([7, number, size])
    picture = _read(paths[number % len(paths)])
    crop = random_crop(picture, size, rng, (size, 1.3 * size))
    if rng.random() < 0.15:  # contrast and exposure: nights, backlight, haze
        levels = 255 * (crop / 255) ** np.exp(rng.normal(0, 0.5))
        crop = (128 + (levels - 128) * rng.uniform(0.5, 1.3)).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(crop)


def _view(number: int, folder: Path) -> np.ndarray:
    return np.ascontiguousarray(_art(folder).view(number))


@cache
def _art(folder: Path) -> StyleCrops:
    return StyleCrops([folder], seed=11)


class Pictures(NamedTuple):
    """Pictures as other processes draw them, before anything is on the GPU.

    Attributes:
        views: of art, uint8, of several sizes.
        crops: of photographs, uint8 (n, S, S, 3).
    """

    views: list[np.ndarray]
    crops: np.ndarray


@contextmanager
def draw_pictures(args: argparse.Namespace) -> Iterator[Callable[[], Pictures]]:
    """Let other processes draw crops of photographs and views of art; yield what waits for them.

    They start here, as processes should not be forked from one that uses a GPU.
    """
    paths = sorted((args.folder / "photos").iterdir())
    # of few, from all collections
    spread = paths[:: max(1, len(paths) // max(1, args.crops))]
    with ProcessPoolExecutor(args.processes) as pool:
        view = partial(_view, folder=args.folder / "art")
        views = pool.map(view, range(args.views), chunksize=16)
        cut = partial(_crop_photo, paths=spread, size=args.size)
        crops = pool.map(cut, range(args.crops), chunksize=16)
        yield lambda: Pictures(list(views), np.stack(list(crops)))


def make_content(crops: np.ndarray, objective: Objective) -> Content:
    """Put crops of photographs on the GPU, after skies, and compute their targets."""
    flat = max(1, int(len(crops) * FLAT_SHARE))
    pictures = torch.from_numpy(np.concatenate([skies(flat, crops.shape[1], 3), crops]))
    pictures = pictures.to(device(objective))
    targets = [objective.content_target(pixels(part)) for part in pictures.split(64)]
    dtype = objective.perceptual.dtype
    features = torch.cat([target.features.to(dtype) for target in targets])
    floor = torch.cat([target.floor for target in targets])
    contrast = torch.cat([flaws.local_contrast(pixels(part)) for part in pictures.split(64)])
    some = slice(flat, None, -(-len(contrast) // SCALE_PHOTOS))
    ranks = flaws.contrast_ranks(contrast, flaws.contrast_scale(contrast[some]))
    return Content(pictures, ContentTarget(features, floor), ranks, flat)


def describe_views(views: Sequence[np.ndarray], objective: Objective, lite: nn.Module) -> Styles:
    """Compute the targets of views of art."""
    sizes: dict[int, list[np.ndarray]] = {}
    for view in views:
        sizes.setdefault(len(view), []).append(view)
    parts = []
    for size, same in sizes.items():
        if size < MIN_VIEW:
            continue
        for part in torch.from_numpy(np.stack(same)).split(64):
            parts.append(describe(part, objective, lite, MARKS_VIEW))
    return Styles.joined(parts)


def load_paintings(
    folder: Path, objective: Objective, lite: nn.Module, names: Sequence[str]
) -> tuple[Styles, list[str]]:
    """Load the paintings of the gallery, or only those named, and compute their targets."""
    parts, known = [], sorted((folder / "paintings").iterdir())
    chosen = [path for path in known if not names or path.stem in names]
    for path in chosen:
        picture = torch.from_numpy(np.array(_read(path)))
        parts.append(describe(picture[None], objective, lite, MARKS_GALLERY))
    return Styles.joined(parts), [path.stem for path in chosen]


def device(objective: Objective) -> torch.device:
    """Tell where the perceptual network is."""
    return objective.perceptual.mean.device


class Draw(NamedTuple):
    """What is drawn for a step.

    Attributes:
        numbers: of the crops, (B,); the first are skies.
        rows: numbers of styles of the gallery.
        own: which of these are painted by their own embeddings, not as predicted.
        views: numbers of views of art, whose predictions the others are painted by.
        order: in which these styles meet the crops, (B,).
        marks: numbers of the marks that are compared.
        corners: where the noise is cut, (2, B, 1).
        moved: rows and columns of pictures that have moved, (2, S).
        grain: noise of a camera, for half of the pictures, where steadiness is asked for.
    """

    numbers: Tensor
    rows: Tensor
    own: Tensor
    views: Tensor
    order: Tensor
    marks: Tensor
    corners: Tensor
    moved: Tensor
    grain: Tensor


def _move(pictures: Tensor, moved: Tensor) -> Tensor:
    """Move pictures (B, 3, S, S) in a circle."""
    return pictures.index_select(2, moved[0]).index_select(3, moved[1])


# One network


@dataclass
class Run:
    """One network in training.

    Attributes:
        name: of the network.
        network: as it learns.
        predictor: as it learns; statistics are computed elsewhere.
        weights: what learns, with `embeddings` as differences to predictions.
        batch: pictures a step.
        steps: done so far, in all rounds and in this one.
        pictures: painted so far.
        sums: of loss terms since the last report, of `counted` steps.
        terms: their names.
        graph: a recorded step, what it reads, and what it leaves.
        eager: whether steps are not recorded.
    """

    name: str
    network: TransformerNetwork
    predictor: StylePredictor
    weights: LearningWeights
    batch: int
    steps: int = 0
    pictures: int = 0
    sums: Tensor | None = None
    counted: int = 0
    terms: list[str] = field(default_factory=list)
    graph: Any = None
    eager: bool = False

    @property
    def embeddings(self) -> nn.Parameter:
        """Differences of the embeddings of the gallery to their predictions."""
        return self.weights.parameters["embeddings"]

    def unlearned(self) -> dict[str, Tensor]:
        """Collect the weights that stay as they are, as `LearningWeights` names them."""
        parts = (("network", self.network), ("predictor", self.predictor))
        return {
            f"{part}.{name}": p
            for part, module in parts
            for name, p in module.named_parameters()
            if not p.requires_grad
        }


class Round:
    """A round of training of several networks on the same pictures."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.began = args, time.perf_counter()
        with draw_pictures(args) as drawn:
            self.device = best_device()
            dtype = best_dtype()
            torch.set_float32_matmul_precision("high")
            weights = args.folder / "vgg19.safetensors"
            vgg = PerceptualNetwork("vgg19", load_file(weights), dtype)
            with safe_open(weights, "pt") as file:
                self.identity = file.metadata()["identity"]
            self.objective = Objective(
                vgg.to(self.device),
                LossWeights(local=RoundWeights.local),
                even_content=True,
                parts=PARTS,
            )
            self.noise = torch.from_numpy(noise_at(4 * NOISE_SIDE, 4 * NOISE_SIDE)).to(self.device)
            self.runs: dict[str, Run] = {}
            self.pool: Any = None
            lite = _statistics(args.gallery).to(self.device)
            names = args.paintings.split(",") if args.paintings else ()
            self.gallery, self.names = load_paintings(args.folder, self.objective, lite, names)
            self.say(len(self.names), "paintings")
            self.perceptual: Any = self.compiled() if args.compile else self.objective.perceptual
            pictures = drawn()
        self.say("pictures are drawn")
        self.views = describe_views(pictures.views, self.objective, lite)
        self.say(len(self.views.statistics), "views")
        self.content = make_content(pictures.crops, self.objective)
        self.say(len(self.content.crops), "crops")
        # from here on, the same shapes come again and again
        torch.backends.cudnn.benchmark = True

    def say(self, *words: object) -> None:
        """Print a line with the time since the start."""
        print(f"{time.perf_counter() - self.began:6.1f} s", *words, flush=True)

    # Starting

    def compiled(self) -> Any:
        """Compile the perceptual network, where that works, ends soon, and keeps gradients.

        `large` itself took longer to compile than that saved.
        """
        shape = (self.args.batch, self.args.size, self.args.size, 3)
        bytes_ = np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)
        picture = pixels(torch.from_numpy(bytes_).to(self.device)).requires_grad_()

        def gradient(network: Any) -> Tensor:
            features = network(picture, STYLE_LAYERS).values()
            loss = torch.stack([f.float().square().mean() for f in features]).sum()
            return torch.autograd.grad(loss, picture)[0]

        def give_up(*_: object) -> None:
            raise TimeoutError("it takes too long")

        network = self.objective.perceptual
        expected = gradient(network)
        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(COMPILE_SECONDS)
        try:
            compiled = torch.compile(network, dynamic=False)
            error = (gradient(compiled) - expected).norm().item() / expected.norm().item()
            self.say(f"compiled, error {error:.4f}")
        except Exception as problem:  # whatever it is, the network works as it is
            self.say(f"not compiled: {type(problem).__name__}: {problem}"[:300])
            torch._dynamo.reset()
            return network
        finally:
            signal.alarm(0)
        return compiled if error < COMPILE_ERROR else network

    def start(self, name: str) -> None:
        """Start a network: from a checkpoint, from the gallery, or from nothing."""
        args, torch_device = self.args, self.device
        checkpoint = Path(args.resume) / f"{name}.pt" if args.resume else None
        torch.manual_seed(0)
        if checkpoint and checkpoint.exists():
            state = torch.load(checkpoint, weights_only=True)
            network = TransformerNetwork(ARCHITECTURES[name])
            network.load_state_dict({k: v.float() for k, v in state["network"].items()})
            embeddings = state["embeddings"].float()
            predictor = _fresh_predictor(name, network, args.gallery)
            missing = predictor.load_state_dict(
                {k: v.float() for k, v in state["predictor"].items()}, strict=False
            )
            assert not missing.unexpected_keys, missing
            rates = {**CONTINUED} if state["steps"] > 1500 else {**FRESH}
            steps, pictures = state["steps"], state["pictures"]
            network.rescale()
        else:
            network, embeddings, known, rates = _from_gallery(name, args.gallery, self.names)
            predictor = known or _fresh_predictor(name, network, args.gallery)
            steps = pictures = 0
            with torch.no_grad():
                statistics = self.gallery.statistics.cpu()
                embeddings = embeddings - predictor.from_statistics(statistics)
        network = network.to(torch_device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        predictor = predictor.to(torch_device)
        rates = {name: rate * args.rate for name, rate in rates.items()}
        # the fraction of the run that is done is given at every step
        settings = TrainingSettings(minutes=args.minutes, warmup=0.02, ema=0.997, **rates)
        parameter = nn.Parameter(embeddings.to(torch_device))
        if args.finest:
            keep_coarse(network, predictor)
        weights = LearningWeights(learning_parameters(parameter, network, predictor), settings)
        batch = args.batch
        self.runs[name] = Run(name, network, predictor, weights, batch, steps, pictures)
        self.runs[name].eager = args.eager or torch_device.type != "cuda"

    # A step

    def step(self, run: Run, fraction: float) -> None:
        """Train a network by one step."""
        content = self.content
        draw = self.draw(run, content)
        if not run.eager and self._can_replay(run, content, draw):
            terms = self._replay(run, content, draw)
        else:
            for optimizer in run.weights.optimizers:
                optimizer.zero_grad()
            terms = self.differentiate(run, content, draw)
        gradients = [p.grad for p in run.weights.parameters.values() if p.grad is not None]
        nn.utils.clip_grad_norm_(run.weights.parameters.values(), run.weights.settings.clip)
        for gradient in gradients:  # if one is not finite, all are not: then nothing moves
            gradient.nan_to_num_(0.0, 0.0, 0.0)
        run.weights.update(run.steps, fraction)
        run.steps += 1
        run.pictures += len(draw.numbers)
        run.counted += 1
        run.sums = terms.clone() if run.sums is None else run.sums + terms

    def draw(self, run: Run, content: Content) -> Draw:
        """Draw what a step paints, in which styles."""
        where = self.device
        size = content.crops.shape[1]
        batch = run.batch
        flat = self.flat(batch)
        viewed = round(batch * PREDICTED)
        photos = torch.randint(content.flat, len(content.crops), (batch - flat,), device=where)
        rows = torch.randperm(max(len(self.names), batch), device=where)[: batch - viewed]
        grain = (-(-batch // 2) if self.weights(run).stability else 0, 3, size, size)
        offset = 2 * (run.steps % 2) * torch.randint(-2, 3, (2, 1), device=where)
        return Draw(
            torch.cat([torch.randint(content.flat, (flat,), device=where), photos]),
            rows % len(self.names),
            torch.rand(len(rows), 1, device=where) > ALONE,
            torch.randint(len(self.views.statistics), (viewed,), device=where),
            torch.randperm(batch, device=where),
            torch.randint(MARKS_GALLERY, (MARKS_VIEW,), device=where),
            torch.randint(NOISE_SIDE, (2, batch, 1), device=where),
            (torch.arange(size, device=where) - offset) % size,
            MAX_NOISE * torch.rand(1, device=where) * torch.randn(grain, device=where),
        )

    def weights(self, run: Run) -> RoundWeights:
        """Tell the weights of a network's loss terms."""
        usual = FINEST_WEIGHTS if self.args.finest else WEIGHTS[run.name]
        return replace(usual, **self.args.weights)

    @staticmethod
    def flat(batch: int) -> int:
        """Tell how many pictures of a batch are skies."""
        return max(1, round(batch * FLAT_SHARE))

    def differentiate(self, run: Run, content: Content, draw: Draw) -> Tensor:
        """Compute all gradients of a step.

        Returns:
            The mean of each loss term.
        """
        photos = pixels(content.crops[draw.numbers])
        target = ContentTarget(*(part[draw.numbers] for part in content.target))
        known = torch.arange(len(self.names), device=self.device)
        own = (draw.rows[:, None] == known).float() @ run.embeddings * draw.own
        styles = Styles.joined(
            [
                self.gallery.rows(draw.rows, draw.marks),
                self.views.rows(draw.views, draw.marks % MARKS_VIEW),
            ]
        )
        embeddings = run.predictor.from_statistics(styles.statistics)
        embeddings = torch.cat([embeddings[: len(own)] + own, embeddings[len(own) :]])
        # skies come with styles of both kinds, as the rest does
        styles, embeddings = styles.rows(draw.order, None), embeddings[draw.order]
        line = torch.arange(photos.shape[-1] // 2, device=self.device)
        down, across = draw.corners + line
        noise = self.noise[0, 0][down[:, :, None], across[:, None]][:, None]
        pictures = self.paint(run, photos, embeddings, noise)
        ranks = content.ranks[draw.numbers]
        terms = self.terms(run, pictures, photos, target, ranks, styles)
        weights = self.weights(run)
        if weights.stability:
            some = slice(None, None, 2)
            moved = (_move(photos[some], draw.moved) + draw.grain).clamp(0, 1)
            again = self.paint(run, moved, embeddings[some], noise[some])
            terms["stability"] = instability(_move(pictures[some], draw.moved), again, border=32)
        run.terms = list(terms)
        means = {name: term.mean() for name, term in terms.items()}
        loss = sum(getattr(weights, name) * mean for name, mean in means.items())
        assert isinstance(loss, Tensor)
        loss.backward()
        return torch.stack(list(means.values())).detach()

    def paint(self, run: Run, photos: Tensor, embeddings: Tensor, noise: Tensor) -> Tensor:
        """Paint photographs, in the type of the perceptual network."""
        with self.autocast():
            pictures = run.network(photos, embeddings, noise).float()
        return pictures.contiguous(memory_format=torch.channels_last)

    def autocast(self) -> torch.autocast:
        """Compute in the type of the perceptual network."""
        dtype = self.objective.perceptual.dtype
        return torch.autocast(
            self.device.type, dtype=dtype, enabled=dtype != torch.float32, cache_enabled=False
        )

    def terms(
        self,
        run: Run,
        pictures: Tensor,
        photos: Tensor,
        target: ContentTarget,
        ranks: Tensor,
        styles: Styles,
    ) -> dict[str, Tensor]:
        """Compute all loss terms but that of stability; the first pictures are painted skies."""
        weights = self.weights(run)
        features = self.perceptual(pictures, STYLE_LAYERS)
        terms = {
            name: log_compress(term)
            for name, term in self.objective.terms_of(
                features, pictures, target, styles.layers
            ).items()
        }
        if weights.coarse:
            some = slice(None, None, 2)
            half = self.objective.perceptual(F.avg_pool2d(pictures[some], 2), COARSE_LAYERS)
            errors = [
                moment_loss(moments(f), Moments(*(part[some] for part in styles.coarse[layer])))
                for layer, f in half.items()
            ]
            terms["coarse"] = log_compress(torch.stack(errors).mean(0))
        terms["nearest"] = flaws.nearest_loss(features[MARK_LAYER], styles.marks)
        terms["residue"] = flaws.residue_loss(pictures, flaws.find_detail(photos))
        terms["palette"] = log_compress(flaws.palette_loss(pictures, styles.palette))
        if weights.repetition:  # of a few pictures, with the weight of all
            skies = pictures[: self.flat(len(pictures))]
            terms["repetition"] = flaws.repetition_loss(skies)
        if weights.contrast:
            terms["contrast"] = flaws.contrast_loss(pictures, ranks, styles.contrast)
        terms["spectrum"] = log_compress(flaws.spectrum_loss(pictures, styles.spectrum))
        return terms

    def _replay(self, run: Run, content: Content, draw: Draw) -> Tensor:
        """Compute the gradients by replaying one step that the GPU has recorded.

        A step has thousands of small operations. Asked for one by one, they would take longer than
        the GPU takes for them.
        """
        assert run.graph
        graph, static, means = run.graph
        for kept, drawn in zip(static, draw, strict=True):
            kept.copy_(drawn)
        graph.replay()
        return means

    def _can_replay(self, run: Run, content: Content, draw: Draw) -> bool:
        """Record a step, unless that is done; where it fails, steps are asked for as usual."""
        if not run.graph:
            try:
                run.graph = self._record(run, content, draw)
            except Exception as problem:  # whatever it is, steps work without
                self.say("not recorded:", run.name, f"{type(problem).__name__}: {problem}"[:300])
                run.eager = True
                self._forget_gradients(run)
        return not run.eager

    def _record(self, run: Run, content: Content, draw: Draw) -> tuple[Any, Draw, Tensor]:
        static = Draw(*(part.clone() for part in draw))
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):
                self._forget_gradients(run)
                self.differentiate(run, content, static)
        torch.cuda.current_stream().wait_stream(stream)
        self._forget_gradients(run)
        torch.cuda.empty_cache()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            means = self.differentiate(run, content, static)
        self.pool = self.pool or graph.pool()
        self.say("recorded", run.name)
        return graph, static, means

    @staticmethod
    def _forget_gradients(run: Run) -> None:
        for p in run.weights.parameters.values():
            p.grad = None

    # The whole round

    def train(self) -> None:
        """Train until the time is over; write checkpoints on the way."""
        args = self.args
        turns = [name for name in args.turns if name in self.runs]
        start = report = saved = time.perf_counter()
        seconds = 60 * args.minutes - (start - self.began)
        turn = 0
        while True:
            now = time.perf_counter()
            if (fraction := (now - start) / seconds) >= 1 or (args.steps and turn >= args.steps):
                break
            self.step(self.runs[turns[turn % len(turns)]], fraction)
            turn += 1
            if turn % 10 == 0 and self.device.type == "cuda":
                torch.cuda.synchronize()
            if now - report > args.report or turn == len(turns):
                report = now
                self.report(fraction)
            if now - saved > 75:
                saved = now
                self.save()
        self.report(1.0)

    def report(self, fraction: float) -> None:
        """Print the mean loss terms since the last report."""
        for run in self.runs.values():
            if run.counted:
                assert run.sums is not None
                values = (run.sums / run.counted).tolist()
                means = {k: round(v, 3) for k, v in zip(run.terms, values, strict=True)}
                memory = (
                    torch.cuda.max_memory_allocated() / 2**30 if self.device.type == "cuda" else 0
                )
                self.say(
                    f"{fraction:.3f} {run.name} step {run.steps}, {run.pictures} pictures,",
                    f"{memory:.0f} GiB {json.dumps(means)}",
                )
                run.sums, run.counted = None, 0

    def save(self) -> None:
        """Write a checkpoint of each network: running means, in float16, and facts."""
        self.args.out.mkdir(parents=True, exist_ok=True)
        for run in self.runs.values():
            means = {**run.unlearned(), **run.weights.averages}
            state = {
                "name": run.name,
                "names": self.names,
                "finest": self.args.finest,
                "device": "CPU" if self.device.type == "cpu" else "GPU",
                "weights": asdict(self.weights(run)),
                "steps": run.steps,
                "pictures": run.pictures,
                "photos": min(_count(self.args.folder / "photos"), self.args.crops),
                "art": min(_count(self.args.folder / "art"), self.args.views),
                "crop": self.args.size,
                "perceptual": self.identity,
                "embeddings": means["embeddings"].half().cpu(),
                "statistics": self.gallery.statistics.float().cpu(),
                "network": _part(means, "network."),
                "predictor": _part(means, "predictor."),
            }
            path = self.args.out / f"{run.name}.pt"
            torch.save(state, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)


def keep_coarse(network: TransformerNetwork, predictor: StylePredictor) -> None:
    """Let only the finest level of a network learn, with its part of embeddings and predictions.

    The coarser levels then compute no gradients, also none of their part of the embeddings. So a
    step takes little more than the perceptual network does.
    """
    for name, layer in network.named_modules():
        if name and not name.startswith(FINEST_LAYERS):
            layer.requires_grad_(False)
            layer.forward = torch.no_grad()(layer.forward)
    predictor.inner.requires_grad_(False)
    predictor.middle.requires_grad_(False)


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor.half().cpu().contiguous()
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _known_predictor(gallery: Path) -> StylePredictor:
    """Rebuild the predictor of `base`."""
    from impasto.learning.conversion.onnx_export import predictor_from_onnx
    from impasto.models.network import network_path, read_network

    predictor = predictor_from_onnx(read_network(network_path("base", gallery)).predictor)
    predictor.balance()
    return predictor


def _fresh_predictor(name: str, network: TransformerNetwork, gallery: Path) -> StylePredictor:
    """Make a predictor with the statistics of `base`, which has learned nothing yet."""
    start = network.neutral_embedding()
    predictor = new_predictor(start, [torch.rand(1, 3, 64, 64)] * 2, HIDDEN[name])
    predictor.statistics.load_state_dict(_statistics(gallery).state_dict())
    return predictor


def _statistics(gallery: Path) -> nn.Module:
    return _known_predictor(gallery).statistics.eval()


def _from_gallery(
    name: str, gallery: Path, names: Sequence[str]
) -> tuple[TransformerNetwork, Tensor, StylePredictor | None, dict[str, Any]]:
    """Load a network of the gallery with its embeddings and predictor, or start from nothing."""
    from impasto.learning.conversion import onnx_export
    from impasto.models.network import network_path, read_network
    from impasto.models.style import read_style

    path = network_path(name, gallery)
    if not path.exists():
        network = TransformerNetwork(ARCHITECTURES[name])
        embeddings = network.neutral_embedding().repeat(len(names), 1)
        return network, embeddings, None, dict(FRESH)
    known = read_network(path)
    network = TransformerNetwork(ARCHITECTURES[name])  # the filter may be another one now
    network.load_state_dict(onnx_export.from_onnx(known.graph).state_dict())
    network.rescale()
    predictor = onnx_export.predictor_from_onnx(known.predictor)
    predictor.balance()
    embeddings = torch.stack(
        [
            torch.from_numpy(
                read_style(gallery / "styles" / f"{n}.safetensors").embedding(known).copy()
            )
            for n in names
        ]
    ).float()
    return network, embeddings, predictor, dict(CONTINUED)


# Writing


def write(checkpoint: Path, args: argparse.Namespace) -> None:
    """Write a checkpoint as a network of a gallery, with its embeddings in the styles there."""
    from impasto.learning.conversion import onnx_export
    from impasto.learning.training.gallery import write_network
    from impasto.models.network import network_path, read_network
    from impasto.models.style import PHOTO, read_style

    state = torch.load(checkpoint, weights_only=True)
    name = state["name"]
    network = TransformerNetwork(ARCHITECTURES[name])
    network.load_state_dict({key: value.float() for key, value in state["network"].items()})
    predictor = _fresh_predictor(name, network, args.gallery)
    predictor.load_state_dict(
        {key: value.float() for key, value in state["predictor"].items()}, strict=False
    )
    with torch.no_grad():
        embeddings = predictor.from_statistics(state["statistics"]) + state["embeddings"].float()
    path = network_path(name, args.gallery)
    known = read_network(path) if path.exists() else None
    # the same network may be written again, with another filter
    again = known and known.hash == onnx_export.network_hash(network)
    before = known.metadata.get("trained", "") if known and not again else ""
    kind = "of its finest level" if state["finest"] else f"on a {state['device']}"
    rounds = f"{state['steps']} steps {kind}, {state['pictures']} pictures"
    card = {
        "trained": f"{before}, then {rounds}" if before else rounds,
        "perceptual": state["perceptual"],
        "content": f"{state['photos']} photographs",
        "art": f"{state['art']} pictures",
        "crop": str(state["crop"]),
        "style_size": str(SIDES["paintings"]),
        "weights": ", ".join(f"{term} {value:g}" for term, value in state["weights"].items()),
        "seed": "0",
    }
    names = [PHOTO, *state["names"]]
    old = [read_style(args.gallery / "styles" / f"{style}.safetensors") for style in names]
    styles = [
        replace(style, metadata={k: v for k, v in style.metadata.items() if "." not in k})
        for style in old
    ]
    parity = write_network(name, network, predictor, embeddings, styles, args.gallery, card)[1]
    print(name, "differs from its graph by", dict(parity))


def parse_weights(text: str) -> dict[str, float]:
    """Read weights of loss terms such as "local=1.5,residue=1"."""
    weights = {}
    for part in text.split(","):
        term, _, value = part.partition("=")
        if term not in WEIGHT_NAMES:
            raise argparse.ArgumentTypeError(
                f"cannot weigh {term!r}: it is no loss term; choose from {', '.join(WEIGHT_NAMES)}"
            )
        try:
            weights[term] = float(value)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"cannot weigh {term} by {value!r}: it is no number; write {term}=1.5"
            ) from None
    return weights


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    packing = verbs.add_parser("pack", help="make the folder that a round needs")
    packing.add_argument("data", type=Path)
    packing.add_argument("folder", type=Path)
    running = verbs.add_parser("run", help="train on what `pack` made")
    running.add_argument("folder", type=Path)
    running.add_argument("--gallery", type=Path, default=Path("src/impasto/gallery"))
    running.add_argument("--minutes", type=float, default=12.0, help="in all, with loading")
    running.add_argument("--steps", type=int, help="stop after so many steps of all networks")
    running.add_argument("--out", type=Path, required=True)
    running.add_argument("--resume", help="folder of checkpoints to go on from")
    running.add_argument("--networks", default=",".join(NETWORKS))
    running.add_argument("--turns", default=TURNS)
    running.add_argument("--batch", type=int, default=48)
    running.add_argument("--crops", type=int, default=7000)
    running.add_argument("--views", type=int, default=6000)
    running.add_argument("--rate", type=float, default=1.0, help="factor of the learning rates")
    running.add_argument("--no-compile", dest="compile", action="store_false")
    running.add_argument("--eager", action="store_true", help="record no steps")
    running.add_argument("--report", type=float, default=15.0, help="seconds between reports")
    running.add_argument("--paintings", help="names of the only styles to learn")
    running.add_argument(
        "--weights", type=parse_weights, default={}, help="of loss terms, in place of the usual"
    )
    running.add_argument("--finest", action="store_true", help="learn the finest level only")
    running.add_argument("--size", type=int, default=CROP, help="of crops, pixels")
    running.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    writing = verbs.add_parser("write", help="write checkpoints into a gallery")
    writing.add_argument("checkpoints", type=Path, nargs="+")
    writing.add_argument("--gallery", type=Path, required=True)
    args = parser.parse_args(arguments)
    if args.verb == "write":
        for checkpoint in args.checkpoints:
            write(checkpoint, args)
        return
    if args.verb == "pack":
        pack(args.data, args.folder)
        return
    args.turns = args.turns.split(",")
    whole = Round(args)
    for name in args.networks.split(","):
        whole.start(name)
    whole.say("ready")
    try:
        whole.train()
    finally:
        whole.save()


if __name__ == "__main__":
    main()
