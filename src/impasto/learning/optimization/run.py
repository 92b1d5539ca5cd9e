"""Optimization of the picture itself: the best painting of one photograph, and what other pictures
are measured against.

Gatys et al. 2016 with what came after: from coarse to fine, from what a network paints, in a metric
that suits pictures, with other style terms, and in tiles. `lbfgs` is the plain method that
evaluation compares with.
"""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import StyleError, TrainingError
from impasto.images.image import UInt8
from impasto.images.resize import resized
from impasto.images.rows import ArrayRows
from impasto.inference.color import Color, recolor_style
from impasto.inference.masks import Float32
from impasto.inference.pipeline import build_pipeline, recolor_styles
from impasto.inference.settings import StylizeSettings, parse_settings
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.pretrained import load_perceptual
from impasto.learning.optimization.picture_objective import (
    OptimizationTerms,
    PictureObjective,
    WeightedStyle,
    read_style,
)
from impasto.learning.optimization.solvers import LBFGS, Adam, Solver
from impasto.learning.tensors import best_device, to_tensor
from impasto.learning.training import checkpoints
from impasto.learning.training.settings import TrainingProgress
from impasto.models.mix import Mix
from impasto.models.style import Style
from impasto.paths import GALLERY
from impasto.stylizer import Stylizer

# pixels, short side of photographs and styles: of smaller ones the deepest layer has nothing to
# read
MIN_SHORT_SIDE = 16
MIN_STYLE_SIDE = 64  # pixels, short side up to which smaller styles are enlarged
MIN_COARSE_SIDE = 384  # pixels, least short side at which scales begin by themselves
PAINTED_SHARE = (
    0.5  # of a painted start, the rest being the photograph, of which less is to be found again
)
SKETCH_STEPS = 10  # steps by `lite`, which cost little, before those of a larger network
MAX_UNTILED_PIXELS, TILE_SIDE = (
    1 << 20,
    768,
)  # pixels of a picture that is passed in one go; side of the tiles of a larger one
REDRAW_STEPS = (
    10  # steps of L-BFGS between other random directions, which it must take for the same a while
)
SYMBOLS = {"content": "C", "style": "S"}  # as figures name the terms
Start = Literal["painted", "photo", "noise"]
SolverName = Literal["lbfgs", "adam"]


@dataclass(frozen=True)
class OptimizationSettings:
    """How to optimize. Give `iterations` (then a resumed run ends in the same picture) or
    `minutes`.

    Attributes:
        iterations: at each scale.
        minutes: in all; each scale has as many iterations as the others, as far as its pixels say.
        scales: short sides, pixels, from coarse to fine; the last is that of the painting.
        start: what the coarsest scale starts from: half the photograph and half what a network
            paints of it, the photograph alone, or noise.
        terms: what the picture is optimized for.
        solver: what lowers it.
        learning_rate, ema: of Adam.
        tile: side of tiles, pixels; 0: none.
        seed: of everything random.
    """

    iterations: int | None = None
    minutes: float | None = None
    scales: tuple[int, ...] = (512,)
    start: Start = "painted"
    terms: OptimizationTerms = field(default_factory=OptimizationTerms)
    solver: SolverName = "lbfgs"
    learning_rate: float = 0.03
    ema: float = 0.0
    tile: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.iterations is None) == (self.minutes is None):
            raise TrainingError("say how long to optimize: --iterations or --minutes, one of them")


def scales_to(short: int) -> tuple[int, ...]:
    """Short sides from coarse to fine that end in `short`: each half the next, down to
    `COARSEST`."""
    halves = int(math.log2(max(1.0, short / MIN_COARSE_SIDE)))
    return tuple(round(short / 2**i) for i in range(halves, -1, -1))


@dataclass(frozen=True, eq=False)
class StylePicture:
    """A style as it is optimized with.

    Attributes:
        picture: uint8 RGB (H, W, 3), at the size that goes with the finest scale.
        weight: among the others.
        mask: where, (H, W) of any size in 0..1; None: everywhere.
    """

    picture: UInt8
    weight: float = 1.0
    mask: Float32 | None = None


class Optimization:
    """One run: a photograph, the styles, where it stands, and all that resuming needs.

    Args:
        photo: uint8 RGB (H, W, 3), as large as the painting.
        styles: in whose manner.
        perceptual: what compares.
        settings: how.
        paint: makes the start from a photograph of any size, if that is to be painted.
        sketcher: a quicker network that compares in `SKETCH` steps before the first.
        mask: where to paint, (H, W) in 0..1; outside stays the photograph.
    """

    STATE = (
        "scale",
        "iteration",
        "step",
        "seconds",
        "began",
    )  # kept in a checkpoint, beside tensors

    def __init__(
        self,
        photo: UInt8,
        styles: Sequence[StylePicture],
        perceptual: PerceptualNetwork,
        settings: OptimizationSettings,
        paint: Callable[[UInt8], UInt8] | None = None,
        mask: Float32 | None = None,
        sketcher: PerceptualNetwork | None = None,
    ) -> None:
        self.device = best_device()
        self.photo, self.styles, self.settings, self.paint, self.mask = (
            photo,
            styles,
            settings,
            paint,
            mask,
        )
        self.perceptual, self.sketcher = (
            perceptual.to(self.device),
            sketcher and sketcher.to(self.device),
        )
        self.scale, self.iteration, self.step = -1, 0, 0
        self.seconds = self.began = 0.0  # in all, and when this scale began
        self.last = 0.0  # seconds of the last iteration
        self.solver: Solver | None = None

    # The part of the run that is done

    @property
    def _costs(self) -> list[int]:
        """Of an iteration at each scale, up to a factor."""
        return [short * short for short in self.settings.scales]

    @property
    def _scale_fraction(self) -> float:
        """How much of this scale is done, 0..1."""
        if self.scale < 0:
            return 0.0
        if self.solver and self.solver.done:
            return 1.0
        if self.settings.iterations is not None:
            return min(1.0, self.iteration / self.settings.iterations)
        assert self.settings.minutes
        left = self._costs[self.scale :]
        budget = (60 * self.settings.minutes - self.began) * left[0] / sum(left)
        spent = self.seconds - self.began
        # what would not come to its end in time is not begun
        return 1.0 if spent + self.last > budget else spent / budget

    @property
    def fraction(self) -> float:
        """How much of the run is done, 0..1."""
        done = sum(self._costs[: max(0, self.scale)])
        return (
            (done + self._costs[self.scale] * self._scale_fraction) / sum(self._costs)
            if self.scale >= 0
            else 0.0
        )

    @property
    def progress(self) -> TrainingProgress:
        """Where it stands; terms are of the picture as it is."""
        terms = {
            SYMBOLS.get(name, name): value
            for name, value in (self.solver.terms if self.solver else {}).items()
        }
        unit = f"{self.settings.scales[max(0, self.scale)]} pixels, iteration"
        return TrainingProgress(
            self.iteration, self.fraction, self.seconds, terms, terms.pop("total", math.nan), unit
        )

    # Steps

    def train_step(self) -> None:
        """One iteration, of the next scale if this one is done. Raises TrainingError where the
        terms are not finite."""
        start = time.perf_counter()
        if self.solver is None:
            self._begin(0, self._sketched(self._start()))
        elif self._scale_fraction >= 1:
            self._begin(self.scale + 1, self._at(self.scale + 1))
        assert self.solver
        ready = time.perf_counter()
        if any(self.settings.terms.transports.values()):
            self._draw(self.solver)
        self.solver.step(self._scale_fraction)
        self.iteration += 1
        self.step += 1
        now = time.perf_counter()
        self.last = now - ready
        self.seconds += now - start

    def _begin(self, scale: int, picture: Tensor) -> None:
        """Begin a scale with a picture of its size."""
        settings = self.settings
        self.scale, self.iteration, self.began = scale, 0, self.seconds
        self.objective = self._objective(scale, self.perceptual)
        self._inside = (
            None if self.mask is None else self._sized(self.mask, self.objective.photo)[None, None]
        )
        if settings.solver == "adam":
            self.solver = Adam(self._masked, picture, settings.learning_rate, settings.ema)
        else:
            self.solver = LBFGS(self._masked, picture)

    def _objective(self, scale: int, perceptual: PerceptualNetwork) -> PictureObjective:
        settings, short = self.settings, self.settings.scales[scale]
        photo = self._tensor(resized(self.photo, short))
        shares = [
            self._share(style, photo, short / settings.scales[-1], perceptual)
            for style in self.styles
        ]
        return PictureObjective(
            perceptual, settings.terms, photo, shares, self._tile(photo), settings.seed
        )

    def _share(
        self, style: StylePicture, photo: Tensor, scale: float, perceptual: PerceptualNetwork
    ) -> WeightedStyle:
        """A style as large, for this scale, as it is for the last."""
        short = min(style.picture.shape[:2])
        picture = self._tensor(
            resized(style.picture, max(min(short, MIN_STYLE_SIDE), round(scale * short)))
        )
        mask = None if style.mask is None else self._sized(style.mask, photo)
        return WeightedStyle(
            read_style(perceptual, self.settings.terms, picture, self._tile(picture)),
            style.weight,
            mask,
        )

    def _tile(self, picture: Tensor) -> int | None:
        """Side of tiles, if a picture is passed in several."""
        if self.settings.tile is None:
            return TILE_SIDE if picture.shape[2] * picture.shape[3] > MAX_UNTILED_PIXELS else None
        return self.settings.tile or None

    def _start(self) -> Tensor:
        """The picture that the coarsest scale starts from."""
        photo = resized(self.photo, self.settings.scales[0])
        if self.settings.start == "painted" and self.paint:
            return self._tensor(photo).lerp(self._tensor(self.paint(photo)), PAINTED_SHARE)
        if self.settings.start == "noise":
            photo = np.random.default_rng(self.settings.seed).integers(
                0, 256, photo.shape, np.uint8
            )
        return self._tensor(photo)

    def _sketched(self, start: Tensor) -> Tensor:
        """A start, brought nearer by a quicker network."""
        if self.sketcher is None:
            return start
        solver = LBFGS(self._objective(0, self.sketcher), start)
        for _ in range(SKETCH_STEPS):
            solver.step(0)
        return solver.picture

    def _at(self, scale: int) -> Tensor:
        """The picture at the size of a scale."""
        assert self.solver
        height, width = resized(self.photo, self.settings.scales[scale]).shape[:2]
        if self.solver.picture.shape[2:] == (height, width):
            return self.solver.picture
        return F.interpolate(self.solver.picture, size=(height, width), mode="bicubic").clamp(0, 1)

    def _draw(self, solver: Solver) -> None:
        """Let the objective draw at random anew: at every step of Adam, and now and then for
        L-BFGS, which compares steps."""
        every = REDRAW_STEPS if isinstance(solver, LBFGS) else 1
        self.objective.draw(self.step // every)
        if isinstance(solver, LBFGS) and self.step % every == 0:
            solver.look()

    def _masked(self, picture: Tensor) -> tuple[dict[str, float], Tensor]:
        """The objective of a picture that is the photograph outside of the mask."""
        if self._inside is None:
            return self.objective(picture)
        terms, gradient = self.objective(self.objective.photo.lerp(picture, self._inside))
        return terms, gradient * self._inside

    def _tensor(self, picture: UInt8) -> Tensor:
        return to_tensor([picture]).to(self.device)

    def _sized(self, mask: Float32, photo: Tensor) -> Tensor:
        """A mask, (H, W), at the size of a photograph."""
        whole = torch.from_numpy(mask)[None, None].to(self.device)
        return F.interpolate(whole, size=photo.shape[2:], mode="bilinear", antialias=True)[0, 0]

    def painted(self) -> UInt8:
        """The picture so far, uint8 RGB (H, W, 3), as large as the photograph."""
        if self.solver is None:
            return self.photo
        picture = self._at(len(self.settings.scales) - 1)
        if self.mask is not None:
            photo = self._tensor(self.photo)
            picture = photo.lerp(picture, self._sized(self.mask, photo))
        return (picture[0] * 255).round().byte().permute(1, 2, 0).cpu().numpy()

    # What resuming needs

    def _conditions(self) -> dict[str, Any]:
        """What must be the same for a run to go on; how long it is may change."""
        digest = hashlib.sha256()
        for array in (
            self.photo,
            self.mask,
            *(part for style in self.styles for part in (style.picture, style.mask)),
        ):
            if array is not None:
                digest.update(f"{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return asdict(self.settings) | {
            "pictures": digest.hexdigest()[:16],
            "shares": [style.weight for style in self.styles],
            "perceptual": f"{self.perceptual.identity} {self.perceptual.dtype}",
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint with everything that resuming needs. Raises TrainingError where the
        disk does not take it."""
        if self.solver:
            state = {key: getattr(self, key) for key in self.STATE}
            checkpoints.write(path, self.solver.state(), state, self._conditions())

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same run.

        Raises TrainingError if the file is broken, of other pictures, or of a run with other
        settings.
        """
        with checkpoints.resuming(path):
            tensors, state = checkpoints.read(path, self._conditions())
            self._begin(state["scale"], tensors["picture"].to(self.device))
            for key in self.STATE:
                setattr(self, key, state[key])
            assert self.solver
            self.solver.restore({name: tensor.to(self.device) for name, tensor in tensors.items()})


def new_optimization(
    photo: UInt8,
    style: str | Path | Style | Mix | StylizeSettings,
    perceptual: PerceptualNetwork,
    settings: OptimizationSettings,
    stylizer: Stylizer,
    style_size: int | None = None,
) -> Optimization:
    """A run for a photograph, uint8 RGB (H, W, 3), as large as the painting, in a style or a
    manner.

    `stylizer` paints the start, if that is to be painted; `style_size` is the `short` of
    `style_pictures`. Before another network, `lite` sketches. Raises StyleError if a style has no
    picture.
    """
    style_settings = style if isinstance(style, StylizeSettings) else parse_settings(style)
    where = style_settings.mask.at_size(*photo.shape[:2]) if style_settings.mask else None
    styles = style_pictures(style_settings, photo, style_size)
    sketcher = None if perceptual.name == "lite" else load_perceptual("lite", perceptual.dtype)
    return Optimization(
        photo,
        styles,
        perceptual,
        settings,
        start_painter(stylizer, style_settings),
        where,
        sketcher,
    )


def style_pictures(
    style_settings: StylizeSettings, photo: UInt8, short: int | None = None
) -> list[StylePicture]:
    """The styles of a manner as they are optimized with: by weight and, where it has regions, each
    in its own.

    Args:
        manner: what styles, where, and whether in the photograph's colors.
        photo: uint8 RGB (H, W, 3), as large as the painting.
        short: short side, pixels, at which styles are read; by default that of the photograph. None
            is enlarged, but for those below `SMALLEST`.

    Raises:
        StyleError: a style has no picture, as those of the gallery.
    """
    whole = (
        np.ones(photo.shape[:2], np.float32)
        if style_settings.mask is None
        else style_settings.mask.at_size(*photo.shape[:2])
    )
    places = [whole]
    for region in style_settings.regions:  # a later one lies over an earlier
        within = region.mask.at_size(*photo.shape[:2])
        places = [*(place * (1 - within) for place in places), whole * within]
    found = []
    for mix, place in zip(style_settings.mixes, places, strict=True):
        share = float(place.sum() / whole.sum())
        for style, weight in mix.parts if share else ():
            own = _picture_of(style)
            if style_settings.color.when == "before":
                own = recolor_style(own, photo, style_settings.color)
            side = max(MIN_STYLE_SIDE, min(short or min(photo.shape[:2]), *own.shape[:2]))
            found.append(
                StylePicture(
                    resized(own, side), weight * share, place if style_settings.masks else None
                )
            )
    return found


def _picture_of(style: Style) -> UInt8:
    """A style's picture. Raises StyleError if it has none, or hardly any."""
    picture = style.picture
    if picture is None:
        gallery = style.file is None or GALLERY in style.file.parents
        lacks = (
            "is of the gallery, without its picture" if gallery else "does not remember its picture"
        )
        why = f"{style.name if gallery else style.file} {lacks}"
        raise StyleError(
            f"{why}, and a painting is optimized towards a picture; give that itself, such as {style.name}.jpg"
        )
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SHORT_SIDE:
        raise StyleError(
            f"{style.file or style.name} has {width}x{height} pixels, which show no style; give {MIN_SHORT_SIDE} or more"
        )
    return picture


def start_painter(stylizer: Stylizer, style_settings: StylizeSettings) -> Callable[[UInt8], UInt8]:
    """What paints the start: photographs, uint8 RGB (H, W, 3), in a manner whose colors and mask
    are seen to afterwards."""

    def paint(photo: UInt8) -> UInt8:
        colored = recolor_styles(stylizer, style_settings, photo)
        return build_pipeline(
            stylizer, ArrayRows(photo), replace(colored, color=Color(), mask=None)
        ).rows.to_array()

    return paint
