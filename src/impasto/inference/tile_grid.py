"""Tiles of a large picture: their size, from the free memory, and their places."""

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import NamedTuple

from impasto.hardware import available_memory, resident_memory
from impasto.models.network import MULTIPLE

MAX_UNTILED_PIXELS = 4_000_000  # pixels that a network paints or measures in one run
TILE_SIDE = 1024  # pixels a side of a tile; the features of one layer then take at most 32 MB
MIN_TILE_SIDE = 512  # pixels a side; a smaller tile would consist mostly of margin
BYTES_PER_PIXEL = (
    220  # bytes of features, by pixel painted in one run; `large` takes 173 in float32
)
MEMORY_SHARE = 0.5  # of the free memory, for features


class TileLimits(NamedTuple):
    """How much is painted in one run.

    Attributes:
        max_pixels: pixels of the largest picture that is painted without tiles.
        tile: pixels a side of a tile of a larger picture.
    """

    max_pixels: int
    tile: int

    def reduce(self) -> "TileLimits":
        """Return limits that need a quarter of the memory."""
        tile = max(MIN_TILE_SIDE, self.tile // 2)
        return TileLimits(min(self.max_pixels // 4, tile * tile), tile)


MAX_LIMITS = TileLimits(MAX_UNTILED_PIXELS, TILE_SIDE)  # where memory is not short
_limits: ContextVar[TileLimits | None] = ContextVar("limits", default=None)


def tile_limits(memory: int | None = None) -> TileLimits:
    """Return the limits in force: those of `limit_tiles`, or limits that fit into the free memory.

    Args:
        memory: bytes that the process may use in all; None: all that is free.
    """
    if limits := _limits.get():
        return limits
    pixels = min(MAX_UNTILED_PIXELS, max(MIN_TILE_SIDE**2, pixels_in_memory(memory)))
    side = max(MIN_TILE_SIDE, math.isqrt(pixels) // MULTIPLE * MULTIPLE)
    return TileLimits(pixels, min(TILE_SIDE, side))


def pixels_in_memory(memory: int | None = None) -> int:
    """Count the pixels that the free memory allows to be painted at once.

    Args:
        memory: bytes that the process may use in all; None: all that is free.

    Returns:
        The number; `MAX_UNTILED_PIXELS` where the system does not tell the free memory.
    """
    free = available_memory()
    if memory is not None:
        left = max(0, memory - resident_memory())
        free = left if free is None else min(free, left)
    return MAX_UNTILED_PIXELS if free is None else int(MEMORY_SHARE * free / BYTES_PER_PIXEL)


@contextlib.contextmanager
def limit_tiles(limits: TileLimits) -> Iterator[None]:
    """Put limits in force within a `with` block, for this thread only."""
    token = _limits.set(limits)
    try:
        yield
    finally:
        _limits.reset(token)


class TileSpan(NamedTuple):
    """Place of a tile along one axis of the picture, in pixels.

    A tile is read with a margin, and its output is cropped.

    Attributes:
        start: first pixel that is read.
        stop: pixel after the last one that is read.
        first: first pixel that is written.
        last: pixel after the last one that is written.
    """

    start: int
    stop: int
    first: int
    last: int

    def input_slice(self, step: int = 1) -> slice:
        """Return the input of the tile, in features of the picture `step` pixels apart."""
        return slice(self.start // step, self.stop // step)

    def output_slice(self, step: int = 1) -> slice:
        """Return the output of the tile, in features of the picture `step` pixels apart."""
        return slice(self.first // step, self.last // step)

    def crop_slice(self, step: int = 1) -> slice:
        """Return the output of the tile, in features of the tile `step` pixels apart."""
        return slice((self.first - self.start) // step, (self.last - self.start) // step)


def tile_spans(height: int, width: int, margin: int) -> tuple[list[TileSpan], list[TileSpan]]:
    """Divide a picture into tiles of one size, because engines compile for each size.

    Tiles have about as many pixels as `tile_limits` allows: the tiles of a strip are longer.

    Args:
        height: pixels, a multiple of 16.
        width: pixels, a multiple of 16.
        margin: pixels that a tile reads around its output, a multiple of 16.

    Returns:
        The spans of the tiles down and across; all places are multiples of 16.
    """
    tile = tile_limits().tile
    down = _spans(height, _max_length(min(width, tile), tile), margin)
    return down, _spans(width, _max_length(down[0].stop, tile), margin)


def _max_length(side: int, tile: int) -> int:
    """Return the largest length of a tile whose other side has `side` pixels."""
    return max(tile, tile * tile // side // MULTIPLE * MULTIPLE)


def _spans(length: int, max_length: int, margin: int) -> list[TileSpan]:
    """Divide one axis into the fewest spans of one length."""
    if max_length <= 2 * margin:  # a network that sees further than the tile is large
        max_length = 4 * margin
    if length <= max_length:
        return [TileSpan(0, length, 0, length)]
    count = math.ceil((length - 2 * margin) / (max_length - 2 * margin))
    size = math.ceil((length + 2 * (count - 1) * margin) / count / MULTIPLE) * MULTIPLE
    starts = [
        place * (length - size) // (count - 1) // MULTIPLE * MULTIPLE for place in range(count)
    ]
    firsts = [0, *(start + margin for start in starts[1:])]
    lasts = [*firsts[1:], length]
    return [
        TileSpan(start, start + size, first, last)
        for start, first, last in zip(starts, firsts, lasts, strict=True)
    ]
