"""Colors under transparency: what is invisible has no effect.

Files store colors under clear pixels that no viewer shows. impasto replaces them by the visible
colors around them, so pictures that look alike are painted alike, and no hidden color leaks into
edges. The colors spread from a coarse grid by the push-pull algorithm (Gortler et al. 1996, The
Lumigraph, 4.3).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]

_MAX_CELLS = 256  # of the grid along the longer side
_NO_COLOR = 255.0  # of a picture that is clear all over: white, as a page
_BAND_PIXELS = 1_000_000  # that are worked on at a time


class VisibleColors:
    """The visible colors of a picture, averaged over a grid and spread over its clear places.

    Sums are whole numbers, so they do not depend on the bands in which a picture is read.

    Args:
        height: pixels down.
        width: pixels across.
        bands: pairs of colors (n, width, 3) and alpha (n, width), uint8, from the top down.
    """

    def __init__(self, height: int, width: int, bands: Iterable[tuple[UInt8, UInt8]]) -> None:
        self._cell = -(-max(height, width) // _MAX_CELLS)
        self._width = width
        rows, columns = -(-height // self._cell), -(-width // self._cell)
        sums = np.zeros((rows, columns, 4), np.int64)
        top = 0
        for rgb, alpha in bands:
            for start in range(0, len(rgb), step := max(1, _BAND_PIXELS // width)):
                part = slice(start, start + step)
                self._add(sums, rgb[part], alpha[part], top + start)
            top += len(rgb)
        weights = sums[..., 3].astype(np.float32)
        means = sums[..., :3] / np.maximum(sums[..., 3:], 1)
        self._grid = _spread(means.astype(np.float32), (weights / 255).clip(0, 1))

    def _add(self, sums: NDArray[np.int64], rgb: UInt8, alpha: UInt8, top: int) -> None:
        """Add a few rows to the sums of colors times alpha, and of alpha."""
        weighted = np.empty((*alpha.shape, 4), np.int64)
        weighted[..., 3] = alpha
        weighted[..., :3] = rgb
        weighted[..., :3] *= weighted[..., 3:]
        across = np.add.reduceat(weighted, range(0, self._width, self._cell), axis=1)
        cells = np.arange(top, top + len(rgb)) // self._cell
        np.add.at(sums, cells, across)

    def rows(self, top: int, bottom: int) -> Float32:
        """Return the spread colors of the rows from `top` to before `bottom`, (n, width, 3)."""
        down = _interpolate(self._grid, np.arange(top, bottom), self._cell)
        columns = np.arange(self._width)
        return _interpolate(down.swapaxes(0, 1), columns, self._cell).swapaxes(0, 1)

    def cover(self, rgb: UInt8, alpha: UInt8, top: int = 0) -> UInt8:
        """Return a copy of rows from `top` on, with visible colors under their clear pixels."""
        covered = rgb.copy()
        for start in range(0, len(rgb), step := max(1, _BAND_PIXELS // self._width)):
            clear = alpha[start : start + step] == 0
            if clear.any():
                colors = self.rows(top + start, top + start + len(clear))
                covered[start : start + step][clear] = np.rint(colors[clear]).astype(np.uint8)
        return covered


def cover_clear(rgb: UInt8, alpha: UInt8 | None) -> UInt8:
    """Replace the colors of clear pixels by the visible colors around them.

    Args:
        rgb: uint8 (H, W, 3).
        alpha: uint8 (H, W), 0 clear; None where all is opaque.

    Returns:
        uint8 (H, W, 3); the array itself where no pixel is clear.
    """
    if alpha is None or alpha.min() > 0:
        return rgb
    return VisibleColors(len(rgb), rgb.shape[1], [(rgb, alpha)]).cover(rgb, alpha)


def make_opaque(rgb: UInt8, alpha: UInt8 | None) -> UInt8:
    """Show a picture before its own visible colors, for what takes no alpha, such as styles.

    Args:
        rgb: uint8 (H, W, 3).
        alpha: uint8 (H, W), 0 clear; None where all is opaque.

    Returns:
        uint8 (H, W, 3); the array itself where all is opaque.
    """
    if alpha is None:
        return rgb
    behind, blended = VisibleColors(len(rgb), rgb.shape[1], [(rgb, alpha)]), np.empty_like(rgb)
    for start in range(0, len(rgb), step := max(1, _BAND_PIXELS // rgb.shape[1])):
        part = slice(start, start + step)
        weight = alpha[part, :, None] / np.float32(255)
        colors = behind.rows(start, start + len(weight))
        blended[part] = np.rint(rgb[part] * weight + colors * (1 - weight)).astype(np.uint8)
    return blended


def resize_visible(
    rgb: UInt8,
    alpha: UInt8,
    size: tuple[int, int],
    resample: Image.Resampling = Image.Resampling.LANCZOS,
    box: tuple[float, float, float, float] | None = None,
) -> UInt8:
    """Resample colors weighted by their alpha, so that less visible colors count less.

    Args:
        rgb: uint8 (H, W, 3), with visible colors under clear pixels (see `cover_clear`).
        alpha: uint8 (H, W).
        size: width and height of the result.
        resample: filter.
        box: part of the source: left, top, right and bottom; None for all of it.

    Returns:
        uint8 (h, w, 3).
    """
    straight = np.asarray(Image.fromarray(rgb).resize(size, resample, box))
    if alpha.min() == 255:
        return straight
    opacity = alpha.astype(np.float32)
    weight = np.asarray(Image.fromarray(opacity).resize(size, resample, box))
    visible, resized = weight >= 0.5, straight.copy()
    for channel in range(3):
        weighted = Image.fromarray(rgb[..., channel] * opacity).resize(size, resample, box)
        values = np.asarray(weighted)[visible] / weight[visible]
        resized[visible, channel] = np.rint(values.clip(0, 255)).astype(np.uint8)
    return resized


def _interpolate(grid: Float32, places: NDArray[np.int64], cell: int) -> Float32:
    """Interpolate the first axis of a grid linearly between the centers of its cells."""
    position = ((places + 0.5) / cell - 0.5).clip(0, len(grid) - 1).astype(np.float32)
    before = np.minimum(position.astype(np.int64), max(0, len(grid) - 2))
    share = (position - before).reshape(-1, *[1] * (grid.ndim - 1))
    after = np.minimum(before + 1, len(grid) - 1)
    return grid[before] * (1 - share) + grid[after] * share


def _spread(colors: Float32, weights: Float32) -> Float32:
    """Fill the cells (h, w, 3) of weight 0 (h, w) from the others, over coarser and coarser grids.

    Cells of a weight between 0 and 1 are mixed.
    """
    if weights.min() >= 1:
        return colors
    height, width = weights.shape
    if height == width == 1:
        return colors * weights[..., None] + _NO_COLOR * (1 - weights[..., None])
    sums = np.zeros((-(-height // 2) * 2, -(-width // 2) * 2, 4), np.float32)
    sums[:height, :width, :3] = colors * weights[..., None]
    sums[:height, :width, 3] = weights
    halves = sums.reshape(len(sums) // 2, 2, -1, 2, 4).sum((1, 3))
    total = halves[..., 3]
    means = halves[..., :3] / np.maximum(total, 1e-9)[..., None]
    coarse = _spread(means, total.clip(0, 1))
    fine = _interpolate(coarse, np.arange(height), 2)
    fine = _interpolate(fine.swapaxes(0, 1), np.arange(width), 2).swapaxes(0, 1)
    return colors * weights[..., None] + fine * (1 - weights[..., None])
