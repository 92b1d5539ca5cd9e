"""Tiles of a large image: how large they are and where they lie."""

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import NamedTuple

from impasto.hardware import available_memory, resident_memory
from impasto.models.network import MULTIPLE

MAX_UNTILED_PIXELS = 4_000_000  # pixels that a network paints and measures in one go
TILE_SIDE = 1024  # pixels a side of a tile; whose features of one layer are then 32 MB at most
# Bytes of features that a pixel painted in one go takes in `base`, in float32, and the part of what
# is free that they may take.
BYTES_PER_PIXEL, MEMORY_SHARE = 220, 0.5
MIN_TILE_SIDE = 512  # pixels a side: smaller ones are mostly what lies around them


class TileLimits(NamedTuple):
    """Pixels that are painted in one go, and of the side of a tile of what is larger."""

    max_pixels: int
    tile: int

    def less(self) -> "TileLimits":
        """What takes a quarter of the memory."""
        tile = max(MIN_TILE_SIDE, self.tile // 2)
        return TileLimits(min(self.max_pixels // 4, tile * tile), tile)


_limits: ContextVar[TileLimits | None] = ContextVar("limits", default=None)


def tile_limits(within: int | None = None) -> TileLimits:
    """Those in force: of `limited`, or as many as fit into the memory that is free, or into
    `within` bytes for the process."""
    if set_ := _limits.get():
        return set_
    free = available_memory()
    if within is not None:
        left = max(0, within - resident_memory())
        free = left if free is None else min(free, left)
    fit = (
        MAX_UNTILED_PIXELS
        if free is None
        else min(
            MAX_UNTILED_PIXELS, max(MIN_TILE_SIDE**2, int(MEMORY_SHARE * free / BYTES_PER_PIXEL))
        )
    )
    return TileLimits(
        fit, min(TILE_SIDE, max(MIN_TILE_SIDE, math.isqrt(fit) // MULTIPLE * MULTIPLE))
    )


@contextlib.contextmanager
def limit_tiles(to: TileLimits) -> Iterator[None]:
    """Within it, these limits are in force."""
    token = _limits.set(to)
    try:
        yield
    finally:
        _limits.reset(token)


class TileSpan(NamedTuple):
    """Where a tile lies along one side of a picture: pixels from `start` to `stop` are read, from
    `first` to `last` kept."""

    start: int
    stop: int
    first: int
    last: int

    def seen(self, step: int = 1) -> slice:
        """What is read, of features of the picture that are `step` pixels apart."""
        return slice(self.start // step, self.stop // step)

    def kept(self, step: int = 1) -> slice:
        """What is kept, of features of the picture."""
        return slice(self.first // step, self.last // step)

    def inside(self, step: int = 1) -> slice:
        """What is kept, of features of the tile."""
        return slice((self.first - self.start) // step, (self.last - self.start) // step)


def tile_spans(height: int, width: int, margin: int) -> tuple[list[TileSpan], list[TileSpan]]:
    """Tiles of a picture, down and across: all of one size, as engines compile for sizes, and about
    as large as `limits` says.

    Those of a strip are longer. Sides, margin and all places are multiples of 8.
    """
    tile = tile_limits().tile
    down = _spans(height, _limit(min(width, tile), tile), margin)
    return down, _spans(width, _limit(down[0].stop, tile), margin)


def _limit(side: int, tile: int) -> int:
    """How long a tile may be whose other side is given."""
    return max(tile, tile * tile // side // MULTIPLE * MULTIPLE)


def _spans(length: int, limit: int, margin: int) -> list[TileSpan]:
    if length <= limit:
        return [TileSpan(0, length, 0, length)]
    count = math.ceil((length - 2 * margin) / (limit - 2 * margin))
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
