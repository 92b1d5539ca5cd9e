"""Frames of a video painted in a manner: by a brush for each style, in colors that follow the
scene, put together by masks."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from impasto.images.image import UInt8
from impasto.images.resize import resized
from impasto.inference.color import Color, Palette, fit_recoloring, measure_palette, recolor
from impasto.inference.masks import Mask
from impasto.inference.model import PreparedStyle
from impasto.inference.pipeline import STYLE_PALETTE_SIDE, recolor_styles
from impasto.inference.settings import StylizeSettings
from impasto.stylizer import Stylizer
from impasto.video.temporal.frozen_statistics import is_cut

PALETTE_RATE = (
    0.1  # of the way to a frame's own palette, that palettes go with each frame: a second or so
)
# Of so many pixels down and across one is looked at for a palette, of fewer where a frame has not
# pixels enough to leave out.
EVERY, ENOUGH = 4, 14_400

_NONE = np.empty((0, 0, 1), np.float32)

FrameStyle = Callable[[UInt8], UInt8]
"""Paints frames in order of time: uint8 RGB (H, W, 3) to the same."""


class FrameStylizer:
    """A manner for the frames of one video, in order of time; called with one, uint8 RGB (H, W, 3),
    it gives it painted.

    A style picture that is to be recolored before takes the colors of the first frame. Masks lie
    still over all frames.

    Args:
        painter: whose network paints.
        manner: how; strokes have the network's size.
        steady: makes of a brush one that keeps frames alike, such as
            `impasto.video.temporal.frozen_statistics.SteadyBrush`.

    Raises:
        StyleError: a style does not fit the network.
        MaskError: a mask is the photograph's transparency, which frames do not have.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        settings: StylizeSettings,
        steady: Callable[[PreparedStyle], FrameStyle],
    ) -> None:
        self._stylizer, self._settings, self._steady = stylizer, settings, steady
        self._masks = [mask.with_alpha(None) for mask in settings.masks]
        self._shares: dict[int, NDArray[np.float32]] = {}
        self._layers: list[_Layer] = []
        if settings.color.when == "after" or not settings.color.changes:
            self._make(settings)  # now, so that what does not fit fails before the first frame

    def _make(self, settings: StylizeSettings) -> None:
        prepared_styles = [self._stylizer.prepare(mix, settings.strength) for mix in settings.mixes]
        self._layers = [
            _Layer(self._steady(prepared), settings.color if prepared.passes else Color())
            for prepared in prepared_styles
        ]

    def __call__(self, frame: UInt8) -> UInt8:
        if not self._layers:
            seen = resized(frame, min(STYLE_PALETTE_SIDE, *frame.shape[:2]))
            self._make(recolor_styles(self._stylizer, self._settings, seen))
        painted, *others = [layer(frame) for layer in self._layers]
        masks = list(self._masks)
        outside = masks.pop(0) if self._settings.mask else None
        for other, mask in zip(others, masks, strict=True):
            painted = self._blended(painted, other, mask)
        return self._blended(frame, painted, outside) if outside else painted

    def _blended(self, one: UInt8, other: UInt8, mask: Mask) -> UInt8:
        """One picture where a mask is 0, the other where it is 1."""
        share = self._share(mask, one.shape[:2])
        mixed = one + share * (other.astype(np.int16) - one)
        return (mixed + np.float32(0.5)).astype(np.uint8)

    def _share(self, mask: Mask, size: tuple[int, ...]) -> NDArray[np.float32]:
        """A mask at the size of frames (H, W, 1), computed once."""
        if self._shares.get(id(mask), _NONE).shape[:2] != size:
            self._shares[id(mask)] = mask.at_size(*size)[..., None]
        return self._shares[id(mask)]


class _Layer:
    """One style, in the colors that the manner says."""

    def __init__(self, prepared: FrameStyle, color: Color) -> None:
        self._brush, self._color = prepared, SteadyColor(color) if color.changes else None

    def __call__(self, frame: UInt8) -> UInt8:
        painted = self._brush(frame)
        return self._color(painted, frame) if self._color else painted


class SteadyColor:
    """Recolors painted frames, in order of time; palettes follow the scene slowly, so that colors
    do not flicker."""

    def __init__(self, color: Color) -> None:
        self._color = color
        self._last: UInt8 | None = None
        self._palettes: tuple[Palette, Palette] | None = None

    def __call__(self, painted: UInt8, frame: UInt8) -> UInt8:
        """A painting in the colors of its frame, both uint8 RGB (H, W, 3)."""
        if self._color.mode == "luminance":
            return recolor(painted, frame, fit_recoloring(self._color.mode), self._color.amount)[0]
        step = max(1, min(EVERY, math.isqrt(frame.shape[0] * frame.shape[1] // ENOUGH)))
        now = measure_palette(painted[::step, ::step]), measure_palette(frame[::step, ::step])
        if self._palettes is None or self._last is None or is_cut(self._last, frame):
            self._palettes = now
        else:
            one, other = (
                old.towards(new, PALETTE_RATE) for old, new in zip(self._palettes, now, strict=True)
            )
            self._palettes = one, other
        self._last = frame
        return recolor(
            painted, frame, fit_recoloring(self._color.mode, *self._palettes), self._color.amount
        )[0]
