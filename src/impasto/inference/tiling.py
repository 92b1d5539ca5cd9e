"""Pictures of any size: read, painted and handed on in rows from the top down, so that memory holds
a few bands of them.

A chain of `Pixels` does it, each link asking the one before for the rows that it needs: a
photograph, in memory or a file; `Resized`; `Painted`, tile by tile. Tiles show no seams, as all are
painted with the statistics of the whole picture (see `impasto.inference.tiled_statistics`) and see
as much around them as the network does.
"""

import math
from collections.abc import Iterator

import numpy as np

from impasto.images.image import UInt8
from impasto.images.rows import RowSource
from impasto.inference import tile_grid
from impasto.inference.frozen_norm import NormStatistics
from impasto.inference.model import PreparedStyle
from impasto.inference.tile_grid import tile_spans
from impasto.models.network import MULTIPLE
from impasto.progress import Advance

# pixels up to which a picture's own statistics are read; coarse features then take 12 bytes a pixel
# of memory
MAX_MEASURED_PIXELS = 64_000_000
# pixels of each of the samples that stand for a larger picture, and are in memory themselves
SAMPLE_PIXELS = 36_000_000
SAMPLE_COUNT = 2
PATCHES_PER_SIDE = 4  # a side, that a sample of a larger picture is put together of


class TiledPainting(RowSource):
    """Another picture, painted: in one go if it is small, else tile by tile, once its statistics
    are read.

    Args:
        picture: what to paint.
        brush: what to paint with, of a network whose statistics can be held.
        advance: told of each share of the work that is done; they sum to 1.
    """

    READING, PAINTING = 2.6, 1.3  # what a pixel costs, in those of a picture painted in one go

    def __init__(
        self, picture: RowSource, prepared: PreparedStyle, advance: Advance = lambda _: None
    ) -> None:
        super().__init__(picture.height, picture.width)
        self._picture, self._brush, self._advance = picture, prepared, advance
        self._statistics: list[NormStatistics] | None = None

    def reopen(self) -> "TiledPainting":
        return TiledPainting(self._picture.reopen(), self._brush)

    def bands(self) -> Iterator[UInt8]:
        picture, prepared = self._picture, self._brush
        if (
            self.height * self.width <= tile_grid.tile_limits().max_pixels
            or not prepared.can_freeze
        ):
            painted = prepared.paint(picture.rows(0, picture.height))
            self._advance(1)
            yield painted
            return
        sampled = sample_size(picture)
        share = (
            self.READING
            * sampled
            / (self.READING * sampled + self.PAINTING * self.height * self.width)
        )
        if self._statistics is None:
            self._statistics = measure_statistics(
                picture, prepared, lambda done: self._advance(done * share)
            )
        held = prepared.freeze(self._statistics)
        yield from self._tiles(held, 1 - share)

    def _tiles(self, prepared: PreparedStyle, share: float) -> Iterator[UInt8]:
        pixels = self.height * self.width
        height, width = (side + -side % MULTIPLE for side in (self.height, self.width))
        down, across = tile_spans(height, width, prepared.margin)
        for row in down:
            band = self._picture.rows(row.start, min(row.stop, self.height))
            painted = np.empty((min(row.last, self.height) - row.first, self.width, 3), np.uint8)
            for column in across:
                tile = prepared.paint(band[:, column.seen()], row.start, column.start)[
                    row.inside(), column.inside()
                ]
                painted[:, column.kept()] = tile
                self._advance(share * tile.shape[0] * tile.shape[1] / pixels)
            yield painted


def sample_size(picture: RowSource) -> int:
    """Pixels that the statistics of a picture are read of."""
    pixels = picture.height * picture.width
    return pixels if pixels <= MAX_MEASURED_PIXELS else min(pixels, SAMPLE_COUNT * SAMPLE_PIXELS)


def measure_statistics(
    picture: RowSource, prepared: PreparedStyle, advance: Advance = lambda _: None
) -> list[NormStatistics]:
    """The statistics of a picture: its own up to `OWN` pixels, then those of samples of it."""
    if picture.height * picture.width <= MAX_MEASURED_PIXELS:
        return prepared.measure(picture.rows(0, picture.height), advance)
    found: list[NormStatistics] = []
    pictures = sample_images(picture)
    share = 1 / len(pictures)
    for count in range(1, len(pictures) + 1):
        more = prepared.measure(pictures.pop(), lambda done: advance(done * share))
        found = [
            one.towards(other, 1 / count) for one, other in zip(found or more, more, strict=True)
        ]
    return found


def sample_images(picture: RowSource) -> list[UInt8]:
    """Pictures put together of large patches of one, from everywhere in it, at its full size:
    `SAMPLE` pixels each, at most.

    Patches next to each other in the picture are not of one sample, so that each is like the whole.
    """
    side = int(math.sqrt(SAMPLE_PIXELS)) // PATCHES_PER_SIDE // MULTIPLE * MULTIPLE
    height = min(side, picture.height)
    width = min(side * side // height, picture.width)
    height = min(side * side // width, picture.height)
    count = min(SAMPLE_COUNT, math.ceil(picture.height * picture.width / SAMPLE_PIXELS))
    wanted = count * PATCHES_PER_SIDE**2
    rows = min(
        max(1, round(math.sqrt(wanted * picture.height * width / (picture.width * height)))), wanted
    )
    columns = math.ceil(wanted / rows)
    chosen = set(np.linspace(0, rows * columns - 1, wanted).round().astype(int).tolist())
    found = [
        np.empty((PATCHES_PER_SIDE * height, PATCHES_PER_SIDE * width, 3), np.uint8)
        for _ in range(count)
    ]
    taken = [0] * count
    for down, top in enumerate(
        np.linspace(0, picture.height - height, rows).round().astype(int).tolist()
    ):
        band = picture.rows(top, top + height)
        for across, left in enumerate(
            np.linspace(0, picture.width - width, columns).round().astype(int).tolist()
        ):
            if down * columns + across in chosen:
                turns = sorted(
                    range(count), key=lambda turn: (turn - down - across) % count
                )  # as on a chessboard
                turn = next(turn for turn in turns if taken[turn] < PATCHES_PER_SIDE**2)
                row, column = divmod(taken[turn], PATCHES_PER_SIDE)
                patch = band[:, left : left + width]
                found[turn][
                    row * height : (row + 1) * height, column * width : (column + 1) * width
                ] = patch
                taken[turn] += 1
    return found
