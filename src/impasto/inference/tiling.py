"""Paint a picture of any size in tiles, row by row, so that memory holds a few bands only.

Row sources form a chain. Each one asks the one before for the rows it needs: a photograph in memory
or in a file, `ResizedRows`, and `TiledPainting`. Tiles show no seams for two reasons: all are
painted with the statistics of the whole picture (see `impasto.inference.tiled_statistics`), and
each tile is read with a margin as wide as the network's receptive field.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from impasto.images.image import UInt8
from impasto.images.rows import RowSource
from impasto.inference import tile_grid
from impasto.inference.frozen_norm import NormStatistics
from impasto.inference.prepared_style import PreparedStyle
from impasto.inference.tile_grid import tile_spans
from impasto.models.network import MULTIPLE
from impasto.progress import Advance

# Pixels of the largest picture whose own statistics are measured. Its coarse features then take 12
# bytes of memory a pixel.
MAX_MEASURED_PIXELS = 64_000_000
# Pixels of each of the samples that stand for a larger picture; a sample is held in memory.
SAMPLE_PIXELS = 36_000_000
SAMPLE_COUNT = 2
PATCHES_PER_SIDE = 4  # patches along each side of a sample
PATCHES_PER_SAMPLE = PATCHES_PER_SIDE**2
# Cost of a pixel, relative to a pixel of a picture that is painted in one run.
MEASURE_COST, PAINT_COST = 2.6, 1.3


class TiledPainting(RowSource):
    """The painting of another picture.

    A small picture is painted in one run, and a larger one tile by tile, after its statistics are
    measured. One thread reads it at a time; `reopen` gives another thread its own.

    Args:
        picture: the picture to paint.
        prepared: the style. If its statistics cannot be frozen, the picture is painted in one run.
        advance: called with the fraction of work done since the last call; the fractions sum to 1.
    """

    def __init__(
        self, picture: RowSource, prepared: PreparedStyle, advance: Advance = lambda _: None
    ) -> None:
        super().__init__(picture.height, picture.width)
        self._picture, self._prepared, self._advance = picture, prepared, advance
        self._statistics: list[NormStatistics] | None = None

    def reopen(self) -> "TiledPainting":
        """Return the same painting, read from its first row; it reports no progress."""
        return TiledPainting(self._picture.reopen(), self._prepared)

    def bands(self) -> Iterator[UInt8]:
        """Paint all rows, from the top down."""
        picture, prepared, pixels = self._picture, self._prepared, self.height * self.width
        if pixels <= tile_grid.tile_limits().max_pixels or not prepared.can_freeze:
            painted = prepared.paint(picture.rows(0, picture.height))
            self._advance(1)
            yield painted
            return
        measuring = MEASURE_COST * count_measured_pixels(picture)
        share = measuring / (measuring + PAINT_COST * pixels)
        if self._statistics is None:
            self._statistics = measure_statistics(
                picture, prepared, lambda done: self._advance(done * share)
            )
        yield from self._paint_tiles(prepared.freeze(self._statistics), 1 - share)

    def _paint_tiles(self, frozen: PreparedStyle, share: float) -> Iterator[UInt8]:
        pixels = self.height * self.width
        height, width = (side + -side % MULTIPLE for side in (self.height, self.width))
        down, across = tile_spans(height, width, frozen.margin)
        for row in down:
            band = self._picture.rows(row.start, min(row.stop, self.height))
            painted = np.empty((min(row.last, self.height) - row.first, self.width, 3), np.uint8)
            for column in across:
                tile = frozen.paint(band[:, column.input_slice()], row.start, column.start)
                tile = tile[row.crop_slice(), column.crop_slice()]
                painted[:, column.output_slice()] = tile
                self._advance(share * tile.shape[0] * tile.shape[1] / pixels)
            yield painted


def count_measured_pixels(picture: RowSource) -> int:
    """Return the number of pixels that `measure_statistics` reads of a picture."""
    pixels = picture.height * picture.width
    return pixels if pixels <= MAX_MEASURED_PIXELS else min(pixels, SAMPLE_COUNT * SAMPLE_PIXELS)


def measure_statistics(
    picture: RowSource, prepared: PreparedStyle, advance: Advance = lambda _: None
) -> list[NormStatistics]:
    """Measure the statistics of a picture, or of samples of it above `MAX_MEASURED_PIXELS`.

    Args:
        picture: the picture to paint.
        prepared: the style whose networks measure.
        advance: called with the fraction of work done since the last call; the fractions sum to 1.

    Returns:
        The statistics of each network pass.
    """
    if picture.height * picture.width <= MAX_MEASURED_PIXELS:
        return prepared.measure(picture.rows(0, picture.height), advance)
    statistics: list[NormStatistics] = []
    samples = sample_images(picture)
    share = 1 / len(samples)
    for count in range(1, len(samples) + 1):
        # popped, so that the memory of a measured sample is free
        measured = prepared.measure(samples.pop(), lambda done: advance(done * share))
        statistics = [
            mean.towards(new, 1 / count)
            for mean, new in zip(statistics or measured, measured, strict=True)
        ]
    return statistics


def sample_images(picture: RowSource) -> list[UInt8]:
    """Compose samples of large patches from all over a picture, at its full size.

    Neighboring patches go to different samples, so that each sample is like the whole picture.

    Returns:
        At most `SAMPLE_COUNT` pictures, uint8 (h, w, 3), of at most `SAMPLE_PIXELS` pixels each.
    """
    height, width = _choose_patch_size(picture)
    count = min(SAMPLE_COUNT, math.ceil(picture.height * picture.width / SAMPLE_PIXELS))
    grid = _choose_patch_grid(picture, height, width, count * PATCHES_PER_SAMPLE)
    size = (PATCHES_PER_SIDE * height, PATCHES_PER_SIDE * width, 3)
    samples = [np.empty(size, np.uint8) for _ in range(count)]
    patch_counts = [0] * count
    for row, top in enumerate(grid.tops):
        band = picture.rows(top, top + height)
        for column, left in enumerate(grid.lefts):
            if row * len(grid.lefts) + column in grid.chosen:
                number = _next_sample(patch_counts, row + column)
                down, across = divmod(patch_counts[number], PATCHES_PER_SIDE)
                samples[number][
                    down * height : (down + 1) * height, across * width : (across + 1) * width
                ] = band[:, left : left + width]
                patch_counts[number] += 1
    return samples


def _choose_patch_size(picture: RowSource) -> tuple[int, int]:
    """Return height and width of a patch; in a strip, patches are longer."""
    side = int(math.sqrt(SAMPLE_PIXELS)) // PATCHES_PER_SIDE // MULTIPLE * MULTIPLE
    height = min(side, picture.height)
    width = min(side * side // height, picture.width)
    return min(side * side // width, picture.height), width


class _PatchGrid(NamedTuple):
    tops: list[int]
    lefts: list[int]
    chosen: set[int]  # numbers of the patches to take, row by row


def _choose_patch_grid(picture: RowSource, height: int, width: int, patches: int) -> _PatchGrid:
    """Place at least as many patches evenly over the picture, and choose as many evenly of them."""
    ratio = picture.height * width / (picture.width * height)
    rows = min(max(1, round(math.sqrt(patches * ratio))), patches)
    columns = math.ceil(patches / rows)
    return _PatchGrid(
        _spread(picture.height - height, rows),
        _spread(picture.width - width, columns),
        set(_spread(rows * columns - 1, patches)),
    )


def _spread(last: int, count: int) -> list[int]:
    """Return as many whole numbers, evenly from 0 to the last."""
    numbers: list[int] = np.linspace(0, last, count).round().astype(int).tolist()
    return numbers


def _next_sample(patch_counts: list[int], diagonal: int) -> int:
    """Return the sample that the next patch goes to: alternating, as on a chessboard."""
    numbers = ((diagonal + step) % len(patch_counts) for step in range(len(patch_counts)))
    return next(number for number in numbers if patch_counts[number] < PATCHES_PER_SAMPLE)
