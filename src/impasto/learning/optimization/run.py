"""A run of `impasto optimize`: pixels of one photograph, optimized from coarse to fine.

Gatys et al. 2016 with what came after: from coarse to fine, from the painting of a network, in a
metric that suits pictures, with other style terms, and in tiles. `baseline.lbfgs` is the plain
method that evaluation compares with; `recipe.optimize_photo` is the whole way from a file to a
file.
"""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from impasto.images.image import UInt8
from impasto.inference.masks import Float32
from impasto.inference.settings import StylizeSettings, parse_settings
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.pretrained import load_perceptual
from impasto.learning.optimization.scaled_problem import MARGIN, ScaledProblem
from impasto.learning.optimization.settings import OptimizationSettings
from impasto.learning.optimization.solvers import LBFGS, Adam, Solver
from impasto.learning.optimization.style_pictures import StylePicture, start_painter, style_pictures
from impasto.learning.tensors import best_device
from impasto.learning.training import checkpoints
from impasto.models.mix import Mix
from impasto.models.style import Style
from impasto.progress import Progress
from impasto.stylizer import Stylizer

SKETCH_STEPS = 10  # steps by `lite`, which cost little, before those of a larger network
REDRAW_STEPS = 10  # steps of L-BFGS with the same random directions: it compares steps
SYMBOLS = {"content": "C", "style": "S"}  # names of the terms in figures


class Optimization:
    """One run: its photograph and styles, where it stands, and all that resuming needs.

    Args:
        photo: uint8 RGB (H, W, 3), as large as the painting.
        styles: the pictures that are followed.
        perceptual: the network whose features are compared.
        settings: of the run.
        paint: paints the start from a photograph of any size, where the start is painted.
        mask: where to paint, (H, W) in 0..1; outside stays the photograph.
        sketcher: a quicker network that compares in `SKETCH_STEPS` steps before the first.

    Attributes:
        scale: number of the scale in work; -1 before the first step.
        iteration: steps at this scale.
        step: steps in all.
        seconds: spent so far, resumed runs included.
        began: seconds when this scale began.
    """

    # attributes that a checkpoint keeps, beside tensors
    STATE = ("scale", "iteration", "step", "seconds", "began")

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
        self.photo, self.settings = photo, settings
        self.problem = ScaledProblem(photo, styles, settings, paint, mask, self.device)
        self.perceptual = perceptual.to(self.device)
        self.sketcher = sketcher and sketcher.to(self.device)
        self.scale, self.iteration, self.step = -1, 0, 0
        self.seconds = self.began = 0.0
        self.last_seconds = 0.0  # seconds of the last iteration
        self.solver: Solver | None = None

    def __repr__(self) -> str:
        return f"Optimization({self.settings.scales}, {100 * self.fraction:.0f} %)"

    # Progress

    @property
    def _costs(self) -> list[int]:
        """Estimate the cost of an iteration at each scale, up to a factor."""
        return [short * short for short in self.settings.scales]

    @property
    def _scale_fraction(self) -> float:
        """Compute the fraction of this scale that is done, 0..1."""
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
        # an iteration that would not end in time is not begun
        return 1.0 if spent + self.last_seconds > budget else spent / budget

    @property
    def fraction(self) -> float:
        """Compute the fraction of the run that is done, 0..1."""
        if self.scale < 0:
            return 0.0
        done = sum(self._costs[: self.scale]) + self._costs[self.scale] * self._scale_fraction
        return done / sum(self._costs)

    @property
    def progress(self) -> Progress:
        """Tell where the run stands; losses are those of the picture so far."""
        terms = dict(self.solver.terms) if self.solver else {}
        total = terms.pop("total", math.nan)
        return Progress(
            self.fraction,
            self.seconds,
            f"{self.settings.scales[max(0, self.scale)]} pixels",
            self.iteration,
            self.settings.iterations,
            "iteration",
            {SYMBOLS.get(name, name): value for name, value in terms.items()},
            total,
        )

    def painted(self) -> UInt8:
        """Make the painting so far, uint8 RGB (H, W, 3), as large as the photograph."""
        return self.photo if self.solver is None else self.problem.paste(self.solver.picture)

    # Steps

    def train_step(self) -> None:
        """Do one iteration, of the next scale if this one is done.

        Raises:
            TrainingError: the losses are no longer finite.
        """
        start = time.perf_counter()
        if self.solver is None:
            self._begin(0, self._sketch(self.problem.start()))
        elif self._scale_fraction >= 1:
            picture = self.problem.resize(self.solver.picture, self.scale + 1)
            self._begin(self.scale + 1, picture)
        assert self.solver
        ready = time.perf_counter()
        if any(self.settings.terms.transports.values()):
            self._redraw(self.solver)
        self.solver.step(self._scale_fraction)
        self.iteration += 1
        self.step += 1
        now = time.perf_counter()
        self.last_seconds = now - ready
        self.seconds += now - start

    def _begin(self, scale: int, picture: Tensor) -> None:
        """Begin a scale with a picture of its size."""
        settings, mask = self.settings, self.problem.mask
        self.scale, self.iteration, self.began = scale, 0, self.seconds
        self.objective = self.problem.objective(scale, self.perceptual)
        self._inside: Tensor | None = None
        if mask is not None:
            self._inside = self.problem.resize_mask(mask, self.objective.photo)[None, None]
        if settings.solver == "adam":
            self.solver = Adam(self._masked, picture, settings.learning_rate, settings.ema)
        else:
            self.solver = LBFGS(self._masked, picture)

    def _sketch(self, start: Tensor) -> Tensor:
        """Bring a start nearer by the quicker network."""
        if self.sketcher is None:
            return start
        solver = LBFGS(self.problem.objective(0, self.sketcher), start)
        for _ in range(SKETCH_STEPS):
            solver.step(0)
        return solver.picture

    def _redraw(self, solver: Solver) -> None:
        """Draw random directions anew: at every step of Adam, now and then for L-BFGS."""
        every = REDRAW_STEPS if isinstance(solver, LBFGS) else 1
        self.objective.draw(self.step // every)
        if isinstance(solver, LBFGS) and self.step % every == 0:
            solver.look()

    def _masked(self, picture: Tensor) -> tuple[dict[str, float], Tensor]:
        """Compute the objective of a picture that is the photograph outside of the mask."""
        if self._inside is None:
            return self.objective(picture)
        terms, gradient = self.objective(self.objective.photo.lerp(picture, self._inside))
        return terms, gradient * self._inside

    # Checkpoints

    def _conditions(self) -> dict[str, Any]:
        """Collect all that must be the same for a run to be resumed; its length may change."""
        digest = hashlib.sha256()
        styles = self.problem.styles
        arrays = [part for style in styles for part in (style.picture, style.mask)]
        for array in (self.photo, self.problem.mask, *arrays):
            if array is not None:
                digest.update(f"{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return asdict(self.settings) | {
            "pictures": digest.hexdigest()[:16],
            "margin": MARGIN,
            "shares": [style.weight for style in styles],
            "perceptual": f"{self.perceptual.identity} {self.perceptual.dtype}",
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint with everything that resuming needs.

        Raises:
            TrainingError: the disk does not take it.
        """
        if self.solver:
            state = {key: getattr(self, key) for key in self.STATE}
            checkpoints.write(path, self.solver.state(), state, self._conditions())

    def load(self, path: Path) -> None:
        """Resume from a checkpoint of the same run.

        Raises:
            TrainingError: the file is broken, of other pictures, or of a run with other settings.
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
    """Prepare a run for a photograph in a style.

    Args:
        photo: uint8 RGB (H, W, 3), as large as the painting.
        style: a style, or settings with styles, mask, regions and colors.
        perceptual: the network whose features are compared. Before another than `lite`, `lite`
            sketches.
        settings: of the run.
        stylizer: paints the start, if that is to be painted.
        style_size: short side of the styles' pictures, see `style_pictures`.

    Raises:
        StyleError: a style has no picture.
    """
    stylize_settings = style if isinstance(style, StylizeSettings) else parse_settings(style)
    mask = stylize_settings.mask
    return Optimization(
        photo,
        style_pictures(stylize_settings, photo, style_size),
        perceptual,
        settings,
        start_painter(stylizer, stylize_settings),
        mask.at_size(*photo.shape[:2]) if mask else None,
        None if perceptual.name == "lite" else load_perceptual("lite", perceptual.dtype),
    )
