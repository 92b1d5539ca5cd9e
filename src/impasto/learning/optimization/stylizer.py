"""A stylizer that optimizes pixels, to be compared with those that run networks."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Literal

import numpy as np

from impasto.errors import StyleError
from impasto.images.image import Picture, UInt8
from impasto.images.resize import resized
from impasto.inference.color import Color, color_after, keep_color, recolor_style
from impasto.inference.settings import StylizeSettings
from impasto.learning.evaluation.scorer import to_uint8
from impasto.learning.losses.objective import Objective
from impasto.learning.networks.pretrained import find_weights
from impasto.learning.optimization.baseline import lbfgs
from impasto.learning.optimization.run import Optimization
from impasto.learning.optimization.settings import OptimizationSettings, scales_to
from impasto.learning.optimization.style_pictures import start_painter, style_pictures
from impasto.learning.tensors import to_tensor
from impasto.learning.training.inputs import load_losses
from impasto.progress import Advance
from impasto.stylizer import Stylizer

Kind = Literal["lbfgs", "optimize"]


class OptimizationStylizer:
    """A stylizer that optimizes photographs towards the pictures of styles.

    VGG-19 compares them or, without its weights, `lite`. Strengths mix pixels. Colors are kept as
    they are with networks.

    Args:
        kind: "lbfgs" is plain L-BFGS from the photograph, "optimize" what `impasto optimize` does.
        iterations: in all, or at each scale.
        start: paints what "optimize" starts from.
        precision: of the perceptual network: "auto", "bf16" or "f32".
        progress: called with the bytes so far and in all while weights are fetched.
    """

    def __init__(
        self,
        kind: Kind,
        iterations: int,
        start: Stylizer,
        precision: str = "auto",
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.kind, self.iterations, self._start = kind, iterations, start
        self.perceptual = load_losses(
            "vgg19" if find_weights("vgg19") else "lite", precision, progress
        )
        # by photograph, style and recoloring of its picture: a painting is reused for other
        # strengths and kept colors
        self._painted: dict[tuple[int, int, Color], UInt8] = {}

    def check(self, style_settings: StylizeSettings) -> None:
        """Check that the settings have nothing but styles with pictures, one for L-BFGS.

        Raises:
            StyleError: they have strokes, masks or regions, or a style has no picture.
        """
        name = f"{self.kind}-{self.iterations}"
        if (
            style_settings.masks
            or style_settings.stroke != 1
            or (self.kind == "lbfgs" and len(style_settings.style.parts) > 1)
        ):
            mixes = "mixes, " if self.kind == "lbfgs" else ""
            raise StyleError(
                f"{name} cannot paint {style_settings.style.name} so: it takes no {mixes}strokes, "
                "masks or regions"
            )
        for style, _ in style_settings.style.parts:
            if style.picture is None:
                raise StyleError(
                    f"{style.name} has no picture that {name} could follow, as those of the "
                    "gallery; give the picture itself"
                )

    def __call__(self, photo: Picture, style_settings: StylizeSettings, advance: Advance) -> UInt8:
        """Paint a photograph: uint8 RGB (H, W, 3).

        Raises:
            StyleError: the settings fail `check`.
            TrainingError: the objective is no longer finite.
        """
        self.check(style_settings)
        key = (
            id(photo),
            id(style_settings.style),
            style_settings.color if style_settings.color.when == "before" else Color(),
        )
        if key not in self._painted:
            paint = self._by_lbfgs if self.kind == "lbfgs" else self._by_scales
            self._painted[key] = paint(photo.rgb, style_settings, advance)
        painted, _ = keep_color(self._painted[key], photo.rgb, color_after(style_settings.color))
        mixed = (
            style_settings.strength * painted.astype(np.float32)
            + (1 - style_settings.strength) * photo.rgb
        )
        return np.asarray(mixed + np.float32(0.5)).astype(np.uint8)

    def _by_lbfgs(self, photo: UInt8, style_settings: StylizeSettings, advance: Advance) -> UInt8:
        picture = style_settings.style.parts[0][0].picture
        assert picture is not None
        if style_settings.color.when == "before":
            picture = recolor_style(picture, photo, style_settings.color)
        objective, start = Objective(self.perceptual), to_tensor([photo])
        content = objective.content_target(start)
        style = objective.style_target(to_tensor([resized(picture, min(photo.shape[:2]))]))
        painted = start
        for state in islice(lbfgs(objective, start, content, style), self.iterations + 1):
            painted = state.picture
            advance(1 / (self.iterations + 1))
        return to_uint8(painted)

    def _by_scales(self, photo: UInt8, style_settings: StylizeSettings, advance: Advance) -> UInt8:
        settings = OptimizationSettings(
            iterations=self.iterations, scales=scales_to(min(photo.shape[:2]))
        )
        models = style_pictures(style_settings, photo)
        begin = start_painter(self._start, replace(style_settings, strength=1.0))
        run = Optimization(photo, models, self.perceptual, settings, begin)
        while (done := run.fraction) < 1:
            run.train_step()
            advance(run.fraction - done)
        return run.painted()
