"""Stylize the frames of a video: styles are put together by masks, and colors follow the scene."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from impasto.images.image import UInt8
from impasto.images.resize import resize_short_side
from impasto.inference.color import Color, Palette, fit_recoloring, measure_palette, recolor
from impasto.inference.masks import Mask
from impasto.inference.pipeline import STYLE_PALETTE_SIDE, recolor_styles
from impasto.inference.prepared_style import PreparedStyle
from impasto.inference.settings import StylizeSettings
from impasto.stylizer import Stylizer
from impasto.video.pipelining import begin_frame
from impasto.video.temporal.frozen_statistics import is_cut

# Share of the way that palettes go with each frame to that frame's own palette: a second or so.
PALETTE_RATE = 0.1
# Palettes are measured on one of so many pixels across and down, ...
MAX_PALETTE_STEP = 4
# ... or of fewer, so that at least so many pixels are left.
MIN_PALETTE_PIXELS = 14_400

_NO_OPACITY = np.empty((0, 0, 1), np.float32)

FrameStyle = Callable[[UInt8], UInt8]
"""Paints frames in order of time: uint8 RGB (H, W, 3) to the same.

One that has a method `begin`, as `SteadyStyle.begin`, may paint ahead.
"""


class FrameStylizer:
    """Stylizes the frames of one video, called in order of time with uint8 RGB (H, W, 3).

    A style picture that is recolored before takes the colors of the first frame. Masks lie still
    over all frames.

    Args:
        stylizer: the loaded network.
        settings: styles, strength, color and masks; the stroke size is that of the network.
        stabilize: turns a prepared style into a painter of frames, such as
            `impasto.video.temporal.frozen_statistics.SteadyStyle`, which keeps frames alike.

    Raises:
        StyleError: a style does not fit the network.
        MaskError: a mask is the photo's transparency, which frames do not have.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        settings: StylizeSettings,
        stabilize: Callable[[PreparedStyle], FrameStyle],
    ) -> None:
        self._stylizer, self._settings, self._stabilize = stylizer, settings, stabilize
        self._masks = [mask.with_alpha(None) for mask in settings.masks]
        self._opacities: dict[int, NDArray[np.float32]] = {}
        self._layers: list[_Layer] = []
        if settings.color.when == "after" or not settings.color.changes:
            # now, so that a style that does not fit fails before the first frame
            self._layers = self._make_layers(settings)

    def __repr__(self) -> str:
        return f"FrameStylizer({self._settings.style.name!r})"

    def _make_layers(self, settings: StylizeSettings) -> list["_Layer"]:
        styles = [self._stylizer.prepare(mix, settings.strength) for mix in settings.mixes]
        return [
            _Layer(self._stabilize(style), settings.color if style.passes else Color())
            for style in styles
        ]

    def __call__(self, frame: UInt8) -> UInt8:
        """Stylize the next frame, uint8 RGB (H, W, 3)."""
        return self.begin(frame)()

    def begin(self, frame: UInt8) -> Callable[[], UInt8]:
        """Begin to stylize the next frame, as `SteadyStyle.begin`."""
        if not self._layers:
            small = resize_short_side(frame, min(STYLE_PALETTE_SIDE, *frame.shape[:2]))
            self._layers = self._make_layers(recolor_styles(self._stylizer, self._settings, small))
        layers = [layer.begin(frame) for layer in self._layers]
        return lambda: self._join(frame, [finish() for finish in layers])

    def _join(self, frame: UInt8, layers: list[UInt8]) -> UInt8:
        """Put the layers of a frame together by their masks."""
        painted, *others = layers
        masks = list(self._masks)
        outer_mask = masks.pop(0) if self._settings.mask else None
        for other, mask in zip(others, masks, strict=True):
            painted = self._blend(painted, other, mask)
        return self._blend(frame, painted, outer_mask) if outer_mask else painted

    def _blend(self, below: UInt8, above: UInt8, mask: Mask) -> UInt8:
        """Show one picture where a mask is 0, and the other where it is 1."""
        opacity = self._opacity(mask, below.shape[:2])
        mixed = below + opacity * (above.astype(np.int16) - below)
        return (mixed + np.float32(0.5)).astype(np.uint8)

    def _opacity(self, mask: Mask, size: tuple[int, ...]) -> NDArray[np.float32]:
        """Resize a mask to frames (H, W, 1), once."""
        if self._opacities.get(id(mask), _NO_OPACITY).shape[:2] != size:
            self._opacities[id(mask)] = mask.at_size(*size)[..., None]
        return self._opacities[id(mask)]


class _Layer:
    """One style, in the colors that the settings ask for."""

    def __init__(self, style: FrameStyle, color: Color) -> None:
        self._style, self._color = style, SteadyColor(color) if color.changes else None

    def begin(self, frame: UInt8) -> Callable[[], UInt8]:
        paint = begin_frame(self._style, frame)
        color = self._color
        return (lambda: color(paint(), frame)) if color else paint


class SteadyColor:
    """Recolors painted frames in order of time.

    Palettes follow the scene slowly, so that colors do not flicker. A cut starts anew.

    Args:
        color: color mode and its amount.
    """

    def __init__(self, color: Color) -> None:
        self._color = color
        self._last: UInt8 | None = None
        self._palettes: tuple[Palette, Palette] | None = None  # of the painting, of the frame

    def __repr__(self) -> str:
        return f"SteadyColor({self._color.text!r})"

    def __call__(self, painted: UInt8, frame: UInt8) -> UInt8:
        """Give a painted frame the colors of its frame, both uint8 RGB (H, W, 3)."""
        mode, amount = self._color.mode, self._color.amount
        if mode == "luminance":
            return recolor(painted, frame, fit_recoloring(mode), amount)[0]
        self._palettes = self._next_palettes(painted, frame)
        self._last = frame
        return recolor(painted, frame, fit_recoloring(mode, *self._palettes), amount)[0]

    def _next_palettes(self, painted: UInt8, frame: UInt8) -> tuple[Palette, Palette]:
        height, width = frame.shape[:2]
        step = max(1, min(MAX_PALETTE_STEP, math.isqrt(height * width // MIN_PALETTE_PIXELS)))
        current = measure_palette(painted[::step, ::step]), measure_palette(frame[::step, ::step])
        if self._palettes is None or self._last is None or is_cut(self._last, frame):
            return current
        of_painting, of_frame = (
            old.towards(new, PALETTE_RATE) for old, new in zip(self._palettes, current, strict=True)
        )
        return of_painting, of_frame
