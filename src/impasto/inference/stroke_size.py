"""Strokes of any size: a network paints strokes of one size, so larger ones are painted on a
reduced picture and brought up.

Enlarged as it is, a painting would be a blur. Three things are added up instead: how the painting
follows the photograph, as a linear function of its colors around each pixel, applied to the
photograph at full size, which has its edges (He & Sun, Fast Guided Filter, 2015); what the painting
has besides, its strokes, enlarged; and some of the finest strokes of a painting at full size.

What a network paints into single pixels, colored fringes and fine lines, is not seen at its own
size, but would be in an enlargement; so colors are softened before, and strokes a little.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.images.image import UInt8
from impasto.images.rows import ResizedRows, RowSource, at_size
from impasto.inference.model import PreparedStyle
from impasto.inference.tiling import TiledPainting
from impasto.progress import Advance

MIN_STROKE, MAX_STROKE = 0.25, 16.0
RADIUS = 3  # pixels of the reduced picture around one, that its linear function is of
EPSILON = 1e-3  # of a squared difference of colors in 0..1, below which they are no edge
COLOR_BLUR, STROKE_BLUR = 1.5, 0.6  # deviations of Gaussians, in reduced pixels
DETAIL_COLOR = 0.3  # of the colors of the finest strokes, which are fringes as well
BORDER = (
    2 * RADIUS + 10
)  # reduced pixels to see around a band: two means, 5 and 2 of Gaussians, 3 of resizing
BAND_PIXELS = 1_000_000  # pixels; each of them is worth 15 numbers here

Float32 = NDArray[np.float32]


def apply_stroke_size(
    picture: RowSource,
    prepared: PreparedStyle,
    stroke: float = 1,
    advance: Advance = lambda _: None,
) -> RowSource:
    """A picture painted with strokes of a size: 1 as the network paints, 2 twice as large, 0.5 half
    as large.

    Raises ValueError if `stroke` is out of range.
    """
    if not MIN_STROKE <= stroke <= MAX_STROKE:
        raise ValueError(
            f"stroke must be between {MIN_STROKE} (small strokes) and {MAX_STROKE:g} (large), not {stroke}"
        )
    if not prepared.passes:
        return picture
    height, width = (max(1, round(side / stroke)) for side in (picture.height, picture.width))
    if (height, width) == (picture.height, picture.width):
        return TiledPainting(picture, prepared, advance)
    if stroke < 1:
        return at_size(
            TiledPainting(ResizedRows(picture, height, width), prepared, advance),
            picture.height,
            picture.width,
        )
    share = 1 / (1 + stroke**2)  # of the reduced picture in the work
    large = TiledPainting(
        ResizedRows(picture.reopen(), height, width), prepared, lambda done: advance(done * share)
    )
    fine = TiledPainting(picture.reopen(), prepared, lambda done: advance(done * (1 - share)))
    # the larger strokes are, the fewer of the finest, which would stand against them
    return EnlargedRows(picture, large, fine, detail=prepared.strength / stroke)


class EnlargedRows(RowSource):
    """A painting of a reduced picture at the size of the picture.

    Args:
        picture: at full size.
        large: a painting of it at a reduced size.
        fine: a painting of it at full size, whose finest strokes are added.
        detail: how much of them, 0..1.
    """

    def __init__(
        self, picture: RowSource, large: RowSource, fine: RowSource, detail: float
    ) -> None:
        super().__init__(picture.height, picture.width)
        self._picture, self._large, self._fine, self._detail = picture, large, fine, detail
        self._reduced = ResizedRows(picture.reopen(), large.height, large.width)

    def reopen(self) -> RowSource:
        return EnlargedRows(
            self._picture.reopen(), self._large.reopen(), self._fine.reopen(), self._detail
        )

    def bands(self) -> Iterator[UInt8]:
        self._fine.rows(0, 1)  # before all else is in memory, as reading its statistics takes most
        scale = self.height / self._large.height
        step = max(1, BAND_PIXELS // self.width)
        for start in range(0, self.height, step):
            stop = min(start + step, self.height)
            top = max(0, int(start / scale) - BORDER)
            bottom = min(self._large.height, int(stop / scale) + 1 + BORDER)
            box = (
                0,
                start / scale - top,
                self._large.width,
                min(stop / scale, self._large.height) - top,
            )
            size = self.width, stop - start
            reduced, large = (
                _unit(each.rows(top, bottom)) for each in (self._reduced, self._large)
            )
            large = _with_colors(large, lambda colors: _soft(colors, COLOR_BLUR))
            slopes, offsets = guided_filter(reduced, large)
            strokes = _soft(large - _applied(slopes, offsets, reduced), STROKE_BLUR)
            full = _applied(
                _brought_up(slopes.reshape(*slopes.shape[:2], 9), size, box).reshape(
                    *size[::-1], 3, 3
                ),
                _brought_up(offsets, size, box),
                _unit(self._picture.rows(start, stop)),
            )
            full += _brought_up(strokes, size, box)
            full += self._detail * self._finest(start, stop)
            yield (full * 255 + 0.5).clip(0, 255).astype(np.uint8)

    def _finest(self, start: int, stop: int) -> Float32:
        """What of the fine painting is too small for the reduced size, (stop - start, width, 3) in
        -1..1."""
        scale, high = self.height / self._large.height, self._large.height
        top, bottom = (
            max(0, int(start / scale) - 4),
            min(high, int(stop / scale) + 5),
        )  # Lanczos, twice
        first, last = (
            max(0, int((top - 3) * scale) - 1),
            min(self.height, int((bottom + 3) * scale) + 2),
        )
        fine = Image.fromarray(self._fine.rows(first, last))
        box = 0, top * scale - first, self.width, min(bottom * scale, self.height) - first
        reduced = fine.resize((self._large.width, bottom - top), Image.Resampling.LANCZOS, box)
        box = 0, start / scale - top, self._large.width, min(stop / scale, high) - top
        smooth = reduced.resize((self.width, stop - start), Image.Resampling.LANCZOS, box)
        finest = _unit(np.asarray(fine)[start - first : stop - first]) - _unit(np.asarray(smooth))
        return _with_colors(finest, lambda colors: DETAIL_COLOR * colors)


def guided_filter(guide: Float32, target: Float32) -> tuple[Float32, Float32]:
    """How a picture (H, W, 3) follows the colors of another: slopes (H, W, 3, 3) and offsets (H, W,
    3) of the linear function that comes nearest around each pixel, equation 19 of He, Sun & Tang,
    Guided Image Filtering (2013), averaged as there."""
    mean_guide, mean_target = _mean(guide), _mean(target)
    spread = (
        _mean(guide[..., :, None] * guide[..., None, :])
        - mean_guide[..., :, None] * mean_guide[..., None, :]
    )
    common = (
        _mean(guide[..., :, None] * target[..., None, :])
        - mean_guide[..., :, None] * mean_target[..., None, :]
    )
    slopes = np.linalg.solve(spread + EPSILON * np.eye(3, dtype=np.float32), common)
    return _mean(slopes), _mean(mean_target - np.einsum("hwi,hwio->hwo", mean_guide, slopes))


def _mean(values: Float32) -> Float32:
    """Means over squares of 2 `RADIUS` + 1 pixels a side, (H, W, ...); mirrored at the borders."""
    return _weighted(values, np.full(2 * RADIUS + 1, 1 / (2 * RADIUS + 1), np.float32))


def _soft(values: Float32, deviation: float) -> Float32:
    """Blurred by a Gaussian, (H, W, ...); mirrored at the borders."""
    reach = math.ceil(3 * deviation)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2).astype(np.float32)
    return _weighted(values, weights / weights.sum())


def _weighted(values: Float32, weights: Float32) -> Float32:
    """Sums of what is around each pixel, (H, W, ...), by weights along both axes; mirrored at the
    borders."""
    reach = len(weights) // 2
    for axis in (0, 1):
        beyond = [(reach, reach) if each == axis else (0, 0) for each in range(values.ndim)]
        padded, length = np.pad(values, beyond, mode="symmetric"), values.shape[axis]
        total = np.zeros_like(values)
        for shift, weight in enumerate(weights):
            total += weight * padded[(slice(None),) * axis + (slice(shift, shift + length),)]
        values = total
    return values


def _with_colors(pixels: Float32, change: Callable[[Float32], Float32]) -> Float32:
    """Pixels (H, W, 3) of the same light, and of changed colors: how channels differ from their
    mean."""
    light = pixels.mean(-1, keepdims=True)
    return light + change(pixels - light)


def _applied(slopes: Float32, offsets: Float32, colors: Float32) -> Float32:
    moved: Float32 = np.einsum("hwi,hwio->hwo", colors, slopes) + offsets
    return moved


def _brought_up(
    values: Float32, size: tuple[int, int], box: tuple[float, float, float, float]
) -> Float32:
    """A part of an array (H, W, C) in another size (width, height); Lanczos' filter would ring."""
    channels = (
        Image.fromarray(np.ascontiguousarray(values[..., channel]))
        for channel in range(values.shape[2])
    )
    return np.stack(
        [np.asarray(each.resize(size, Image.Resampling.BICUBIC, box)) for each in channels], axis=-1
    )


def _unit(pixels: UInt8) -> Float32:
    return np.asarray(pixels, np.float32) / np.float32(255)
