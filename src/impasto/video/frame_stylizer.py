"""Frames of a video painted in a manner: by a brush for each style, in colors that follow the scene, put together by masks."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from impasto.images.image import UInt8
from impasto.images.resize import resized
from impasto.inference.color import Color, Palette, palette, recolored, recoloring
from impasto.inference.masks import Mask
from impasto.inference.model import Brush
from impasto.inference.pipeline import STYLE_SIDE, recolored_before
from impasto.inference.settings import Manner
from impasto.stylizer import Stylizer
from impasto.video.temporal.frozen_statistics import is_cut

RATE = 0.1  # of the way to a frame's own palette, that palettes go with each frame: a second or so
# Of so many pixels down and across one is looked at for a palette, of fewer where a frame has not pixels enough to leave out.
EVERY, ENOUGH = 4, 14_400

_NONE = np.empty((0, 0, 1), np.float32)

FrameBrush = Callable[[UInt8], UInt8]
"""Paints frames in order of time: uint8 RGB (H, W, 3) to the same."""


class FramePainter:
    """A manner for the frames of one video, in order of time; called with one, uint8 RGB (H, W, 3), it gives it painted.

    A style picture that is to be recolored before takes the colors of the first frame. Masks lie still over all frames.

    Args:
        painter: whose network paints.
        manner: how; strokes have the network's size.
        steady: makes of a brush one that keeps frames alike, such as `impasto.video.temporal.frozen_statistics.SteadyBrush`.

    Raises:
        StyleError: a style does not fit the network.
        MaskError: a mask is the photograph's transparency, which frames do not have.
    """

    def __init__(self, painter: Stylizer, manner: Manner, steady: Callable[[Brush], FrameBrush]) -> None:
        self._painter, self._manner, self._steady = painter, manner, steady
        self._masks = [mask.of(None) for mask in manner.masks]
        self._shares: dict[int, NDArray[np.float32]] = {}
        self._layers: list[_Layer] = []
        if manner.color.when == "after" or not manner.color.changes:
            self._make(manner)  # now, so that what does not fit fails before the first frame

    def _make(self, manner: Manner) -> None:
        brushes = [self._painter.brush(mix, manner.strength) for mix in manner.mixes]
        self._layers = [_Layer(self._steady(brush), manner.color if brush.jobs else Color()) for brush in brushes]

    def __call__(self, frame: UInt8) -> UInt8:
        if not self._layers:
            seen = resized(frame, min(STYLE_SIDE, *frame.shape[:2]))
            self._make(recolored_before(self._painter, self._manner, seen))
        painted, *others = [layer(frame) for layer in self._layers]
        masks = list(self._masks)
        outside = masks.pop(0) if self._manner.mask else None
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
            self._shares[id(mask)] = mask.whole(*size)[..., None]
        return self._shares[id(mask)]


class _Layer:
    """One style, in the colors that the manner says."""

    def __init__(self, brush: FrameBrush, color: Color) -> None:
        self._brush, self._color = brush, SteadyColor(color) if color.changes else None

    def __call__(self, frame: UInt8) -> UInt8:
        painted = self._brush(frame)
        return self._color(painted, frame) if self._color else painted


class SteadyColor:
    """Recolors painted frames, in order of time; palettes follow the scene slowly, so that colors do not flicker."""

    def __init__(self, color: Color) -> None:
        self._color = color
        self._last: UInt8 | None = None
        self._palettes: tuple[Palette, Palette] | None = None

    def __call__(self, painted: UInt8, frame: UInt8) -> UInt8:
        """A painting in the colors of its frame, both uint8 RGB (H, W, 3)."""
        if self._color.mode == "luminance":
            return recolored(painted, frame, recoloring(self._color.mode), self._color.amount)[0]
        step = max(1, min(EVERY, math.isqrt(frame.shape[0] * frame.shape[1] // ENOUGH)))
        now = palette(painted[::step, ::step]), palette(frame[::step, ::step])
        if self._palettes is None or self._last is None or is_cut(self._last, frame):
            self._palettes = now
        else:
            one, other = (old.towards(new, RATE) for old, new in zip(self._palettes, now, strict=True))
            self._palettes = one, other
        self._last = frame
        return recolored(painted, frame, recoloring(self._color.mode, *self._palettes), self._color.amount)[0]
