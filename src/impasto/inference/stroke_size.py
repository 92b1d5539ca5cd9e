"""Paint with strokes of any size.

A network paints strokes of one size in pixels. So larger strokes are painted on a reduced picture,
and the painting is enlarged. A plain enlargement would be a blur. Three parts are added up instead:

1. the painting as a linear function of the photograph's colors around each pixel, applied to the
   photograph at full size, whose edges are sharp (He and Sun, Fast Guided Filter, 2015);
2. the remainder of the painting, its strokes, enlarged;
3. a share of the finest strokes of a painting at full size.

Networks also paint colored fringes and fine lines into single pixels. They are invisible at their
own size, and would show in an enlargement. So colors are blurred first, and strokes a little.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.choices import MAX_STROKE, MIN_STROKE
from impasto.errors import check_number
from impasto.images.image import UInt8
from impasto.images.rows import ResizedRows, RowSource, at_size
from impasto.inference.prepared_style import PreparedStyle
from impasto.inference.tiling import TiledPainting
from impasto.progress import Advance

RADIUS = 3  # reduced pixels on each side of the one that a linear function is fitted around
EPSILON = 1e-3  # squared difference of colors in 0..1, below which they form no edge
COLOR_BLUR, STROKE_BLUR = 1.5, 0.6  # standard deviations of Gaussians, in reduced pixels
DETAIL_COLOR = 0.3  # share of the finest strokes' colors, which are fringes in part
# reduced pixels read around a band: two box means, 5 and 2 of the Gaussians, 3 of resizing
BAND_MARGIN = 2 * RADIUS + 10
LANCZOS_MARGIN = 3  # pixels that Lanczos' filter reads on each side, of the coarser picture
BAND_PIXELS = 1_000_000  # pixels computed at a time; each needs 15 numbers

Float32 = NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, right, bottom, as Pillow takes it


def check_stroke(stroke: float) -> None:
    """Check that a stroke size is possible for pictures; raise ArgumentError if it is not."""
    allowed = (
        f"{MIN_STROKE:g} (small strokes) to {MAX_STROKE:g} (large); 1 is the network's own size"
    )
    check_number("stroke", stroke, allowed, MIN_STROKE, MAX_STROKE)


def apply_stroke_size(
    picture: RowSource,
    prepared: PreparedStyle,
    stroke: float = 1,
    advance: Advance = lambda _: None,
) -> RowSource:
    """Paint a picture with strokes of a size.

    Args:
        picture: the picture to paint.
        prepared: the style.
        stroke: 1 as the network paints, 2 twice as large, 0.5 half as large; 0.25..16.
        advance: called with the fraction of work done since the last call; the fractions sum to 1.

    Returns:
        The painting, of the same size, painted when its rows are read.

    Raises:
        ArgumentError: the stroke is out of range.
    """
    check_stroke(stroke)
    if not prepared.passes:
        return picture
    height, width = (max(1, round(side / stroke)) for side in (picture.height, picture.width))
    if (height, width) == (picture.height, picture.width):
        return TiledPainting(picture, prepared, advance)
    if stroke < 1:
        enlarged = ResizedRows(picture, height, width)
        return at_size(TiledPainting(enlarged, prepared, advance), picture.height, picture.width)
    share = 1 / (1 + stroke**2)  # of the reduced picture in the work
    reduced = ResizedRows(picture.reopen(), height, width)
    large = TiledPainting(reduced, prepared, lambda done: advance(done * share))
    fine = TiledPainting(picture.reopen(), prepared, lambda done: advance(done * (1 - share)))
    # Fine strokes stand against large ones, so the larger those are, the less is added.
    return EnlargedRows(picture, large, fine, detail=prepared.strength / stroke)


class EnlargedRows(RowSource):
    """A painting of a reduced picture, enlarged to the size of the picture.

    One thread reads it at a time; `reopen` gives another thread its own.

    Args:
        picture: the picture at full size.
        large: a painting of it at a reduced size.
        fine: a painting of it at full size, whose finest strokes are added.
        detail: share of the finest strokes, 0..1.
    """

    def __init__(
        self, picture: RowSource, large: RowSource, fine: RowSource, detail: float
    ) -> None:
        super().__init__(picture.height, picture.width)
        self._picture, self._large, self._fine, self._detail = picture, large, fine, detail
        self._reduced = ResizedRows(picture.reopen(), large.height, large.width)

    def reopen(self) -> "EnlargedRows":
        """Return the same painting, read from its first row."""
        return EnlargedRows(
            self._picture.reopen(), self._large.reopen(), self._fine.reopen(), self._detail
        )

    def bands(self) -> Iterator[UInt8]:
        """Compute all rows, from the top down."""
        # Measuring statistics takes the most memory, so it comes before all else.
        self._fine.rows(0, 1)
        step = max(1, BAND_PIXELS // self.width)
        for start in range(0, self.height, step):
            yield self._enlarge(start, min(start + step, self.height))

    def _enlarge(self, start: int, stop: int) -> UInt8:
        """Compute rows from `start` to before `stop`, uint8 (stop - start, width, 3)."""
        scale = self.height / self._large.height
        top = max(0, int(start / scale) - BAND_MARGIN)
        bottom = min(self._large.height, int(stop / scale) + 1 + BAND_MARGIN)
        box = self._reduced_box(start, stop, top)
        size = self.width, stop - start
        reduced = _to_unit(self._reduced.rows(top, bottom))
        large = _to_unit(self._large.rows(top, bottom))
        large = _change_colors(large, lambda colors: _gaussian_blur(colors, COLOR_BLUR))
        slopes, offsets = guided_filter(reduced, large)
        strokes = _gaussian_blur(large - _map_colors(slopes, offsets, reduced), STROKE_BLUR)
        flat_slopes = _resize(slopes.reshape(*slopes.shape[:2], 9), size, box)
        full = _map_colors(
            flat_slopes.reshape(*size[::-1], 3, 3),
            _resize(offsets, size, box),
            _to_unit(self._picture.rows(start, stop)),
        )
        full += _resize(strokes, size, box)
        full += self._detail * self._finest_strokes(start, stop)
        return (full * 255 + 0.5).clip(0, 255).astype(np.uint8)

    def _finest_strokes(self, start: int, stop: int) -> Float32:
        """Compute the part of the fine painting that the reduced size cannot show.

        Returns:
            float32 (stop - start, width, 3), -1..1.
        """
        scale, height = self.height / self._large.height, self._large.height
        # Lanczos' filter reads its margin twice: reducing and enlarging.
        top = max(0, int(start / scale) - LANCZOS_MARGIN - 1)
        bottom = min(height, int(stop / scale) + LANCZOS_MARGIN + 2)
        first = max(0, int((top - LANCZOS_MARGIN) * scale) - 1)
        last = min(self.height, int((bottom + LANCZOS_MARGIN) * scale) + 2)
        fine = Image.fromarray(self._fine.rows(first, last))
        box = 0, top * scale - first, self.width, min(bottom * scale, self.height) - first
        reduced = fine.resize((self._large.width, bottom - top), Image.Resampling.LANCZOS, box)
        smooth = reduced.resize(
            (self.width, stop - start),
            Image.Resampling.LANCZOS,
            self._reduced_box(start, stop, top),
        )
        rows = np.asarray(fine)[start - first : stop - first]
        finest = _to_unit(rows) - _to_unit(np.asarray(smooth))
        return _change_colors(finest, lambda colors: DETAIL_COLOR * colors)

    def _reduced_box(self, start: int, stop: int, top: int) -> Box:
        """Return the place of full-size rows in reduced rows that begin at `top`."""
        scale = self.height / self._large.height
        bottom = min(stop / scale, self._large.height)
        return 0, start / scale - top, self._large.width, bottom - top


def guided_filter(guide: Float32, target: Float32) -> tuple[Float32, Float32]:
    """Fit, around each pixel, a picture's colors as a linear function of another picture's.

    Source: equation 19 of He, Sun and Tang, Guided Image Filtering, 2013; averaged as there.

    Args:
        guide: colors that the function takes, float32 (H, W, 3), 0..1.
        target: colors that it should give, float32 (H, W, 3), 0..1.

    Returns:
        Slopes (H, W, 3, 3), from input to output channel, and offsets (H, W, 3).
    """
    mean_guide, mean_target = _box_mean(guide), _box_mean(target)
    variance = (
        _box_mean(guide[..., :, None] * guide[..., None, :])
        - mean_guide[..., :, None] * mean_guide[..., None, :]
    )
    covariance = (
        _box_mean(guide[..., :, None] * target[..., None, :])
        - mean_guide[..., :, None] * mean_target[..., None, :]
    )
    slopes = np.linalg.solve(variance + EPSILON * np.eye(3, dtype=np.float32), covariance)
    offsets = mean_target - np.einsum("hwi,hwio->hwo", mean_guide, slopes)
    return _box_mean(slopes), _box_mean(offsets)


def _box_mean(values: Float32) -> Float32:
    """Average over squares of 2 `RADIUS` + 1 pixels a side, (H, W, ...); mirrored at the edges."""
    return _convolve(values, np.full(2 * RADIUS + 1, 1 / (2 * RADIUS + 1), np.float32))


def _gaussian_blur(values: Float32, deviation: float) -> Float32:
    """Blur by a Gaussian, (H, W, ...); mirrored at the edges."""
    reach = math.ceil(3 * deviation)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2).astype(np.float32)
    return _convolve(values, weights / weights.sum())


def _convolve(values: Float32, weights: Float32) -> Float32:
    """Convolve (H, W, ...) with the same weights down and across; mirrored at the edges."""
    reach = len(weights) // 2
    for axis in (0, 1):
        padding = [(reach, reach) if other == axis else (0, 0) for other in range(values.ndim)]
        padded, length = np.pad(values, padding, mode="symmetric"), values.shape[axis]
        total = np.zeros_like(values)
        for shift, weight in enumerate(weights):
            total += weight * padded[(slice(None),) * axis + (slice(shift, shift + length),)]
        values = total
    return values


def _change_colors(pixels: Float32, change: Callable[[Float32], Float32]) -> Float32:
    """Change the differences of channels from their mean, and keep the mean, (H, W, 3)."""
    light = pixels.mean(-1, keepdims=True)
    return light + change(pixels - light)


def _map_colors(slopes: Float32, offsets: Float32, colors: Float32) -> Float32:
    """Apply linear functions from `guided_filter` to colors (H, W, 3)."""
    mapped: Float32 = np.einsum("hwi,hwio->hwo", colors, slopes) + offsets
    return mapped


def _resize(values: Float32, size: tuple[int, int], box: Box) -> Float32:
    """Resize a part of an array (H, W, C) to a size (width, height).

    The filter is bicubic, because Lanczos' filter would ring.
    """
    channels = (
        Image.fromarray(np.ascontiguousarray(values[..., channel]))
        for channel in range(values.shape[2])
    )
    return np.stack(
        [np.asarray(channel.resize(size, Image.Resampling.BICUBIC, box)) for channel in channels],
        axis=-1,
    )


def _to_unit(pixels: UInt8) -> Float32:
    """Convert levels 0..255 to 0..1."""
    return np.asarray(pixels, np.float32) / np.float32(255)
