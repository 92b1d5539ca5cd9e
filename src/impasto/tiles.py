"""Pictures of any size: read, painted and handed on in rows from the top down, so that memory holds a few bands of them.

A chain of `Pixels` does it, each link asking the one before for the rows that it needs: a photograph, in memory or a file;
`Resized`; `Painted`, tile by tile. Tiles show no seams, as all are painted with the statistics of the whole picture (see
`impasto.staged`) and see as much around them as the network does.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from PIL import Image

from impasto import staged
from impasto.held import Statistics
from impasto.images import UInt8
from impasto.model import Brush
from impasto.networks import MULTIPLE
from impasto.staged import Advance, spans

BAND = 4_000_000  # pixels that a band of a resized picture has, or is made of
OWN = 64_000_000  # pixels up to which a picture's own statistics are read; coarse features then take 12 bytes a pixel of memory
SAMPLE = 36_000_000  # pixels of each of the samples that stand for a larger picture, and are in memory themselves
SAMPLES = 2
PATCHES = 4  # a side, that a sample of a larger picture is put together of


class Pixels(ABC):
    """A picture in 8-bit RGB that is made row by row; `height` and `width` in pixels."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self._bands: Iterator[UInt8] | None = None
        self._kept, self._top = np.empty((0, width, 3), np.uint8), 0  # rows that may be asked for again

    @abstractmethod
    def bands(self) -> Iterator[UInt8]:
        """All rows, from the top down, in bands uint8 (n, width, 3) of any heights."""

    @abstractmethod
    def again(self) -> "Pixels":
        """The same picture, to be read beside this one without either going back to its first row."""

    def rows(self, top: int, bottom: int) -> UInt8:
        """Rows from `top` to before `bottom`, (bottom - top, width, 3). Those above `top` are forgotten: to ask for them
        afterwards makes the picture anew from its first row."""
        if self._bands is None or top < self._top:
            self._bands, self._kept, self._top = self.bands(), self._kept[:0], 0
        bands = [self._kept]
        while self._top + sum(map(len, bands)) < bottom:
            bands.append(next(self._bands))
        while len(bands) > 1 and self._top + len(bands[0]) <= top:  # not copied, where rows are skipped
            self._top += len(bands.pop(0))
        kept = np.concatenate(bands) if len(bands) > 1 else bands[0]
        self._kept, self._top = kept[top - self._top :], top
        return self._kept[: bottom - top]

    def whole(self) -> UInt8:
        """The picture in memory, (height, width, 3)."""
        picture, row = np.empty((self.height, self.width, 3), np.uint8), 0
        for band in self.bands():
            picture[row : row + len(band)] = band
            row += len(band)
        return picture


class Held(Pixels):
    """A picture in memory, uint8 RGB (H, W, 3)."""

    def __init__(self, picture: UInt8) -> None:
        super().__init__(*picture.shape[:2])
        self._picture = picture

    def bands(self) -> Iterator[UInt8]:
        yield self._picture

    def again(self) -> "Held":
        return self

    def rows(self, top: int, bottom: int) -> UInt8:
        return self._picture[top:bottom]

    def whole(self) -> UInt8:
        return self._picture


class Resized(Pixels):
    """Another picture in another size, resampled by Lanczos' filter."""

    SUPPORT = 3  # of the filter: pixels to either side, of the coarser picture

    def __init__(self, picture: Pixels, height: int, width: int) -> None:
        super().__init__(height, width)
        self._picture = picture

    def again(self) -> "Resized":
        return Resized(self._picture.again(), self.height, self.width)

    def bands(self) -> Iterator[UInt8]:
        picture, scale = self._picture, self._picture.height / self.height
        border = math.ceil(self.SUPPORT * max(scale, 1)) + 1
        step = max(1, int(BAND / max(self.width, picture.width * scale)))
        for start in range(0, self.height, step):
            stop = min(start + step, self.height)
            top = max(0, math.floor(start * scale) - border)
            bottom = min(picture.height, math.ceil(stop * scale) + border)
            box = (0, start * scale - top, picture.width, min(stop * scale, picture.height) - top)
            band = Image.fromarray(picture.rows(top, bottom))
            yield np.asarray(band.resize((self.width, stop - start), Image.Resampling.LANCZOS, box))


def resized(picture: Pixels, height: int, width: int) -> Pixels:
    """A picture in this size: itself, if it has it."""
    return picture if (picture.height, picture.width) == (height, width) else Resized(picture, height, width)


class Painted(Pixels):
    """Another picture, painted: in one go if it is small, else tile by tile, once its statistics are read.

    Args:
        picture: what to paint.
        brush: what to paint with, of a network whose statistics can be held.
        advance: told of each share of the work that is done; they sum to 1.
    """

    READING, PAINTING = 2.6, 1.3  # what a pixel costs, in those of a picture painted in one go

    def __init__(self, picture: Pixels, brush: Brush, advance: Advance = lambda _: None) -> None:
        super().__init__(picture.height, picture.width)
        self._picture, self._brush, self._advance = picture, brush, advance
        self._statistics: list[Statistics] | None = None

    def again(self) -> "Painted":
        return Painted(self._picture.again(), self._brush)

    def bands(self) -> Iterator[UInt8]:
        picture, brush = self._picture, self._brush
        if self.height * self.width <= staged.limits().whole or not brush.holds:
            painted = brush.paint(picture.rows(0, picture.height))
            self._advance(1)
            yield painted
            return
        sampled = sample_size(picture)
        share = self.READING * sampled / (self.READING * sampled + self.PAINTING * self.height * self.width)
        if self._statistics is None:
            self._statistics = measured(picture, brush, lambda done: self._advance(done * share))
        held = brush.hold(self._statistics)
        yield from self._tiles(held, 1 - share)

    def _tiles(self, brush: Brush, share: float) -> Iterator[UInt8]:
        pixels = self.height * self.width
        height, width = (side + -side % MULTIPLE for side in (self.height, self.width))
        down, across = spans(height, width, brush.margin)
        for row in down:
            band = self._picture.rows(row.start, min(row.stop, self.height))
            painted = np.empty((min(row.last, self.height) - row.first, self.width, 3), np.uint8)
            for column in across:
                tile = brush.paint(band[:, column.seen()], row.start, column.start)[row.inside(), column.inside()]
                painted[:, column.kept()] = tile
                self._advance(share * tile.shape[0] * tile.shape[1] / pixels)
            yield painted


def sample_size(picture: Pixels) -> int:
    """Pixels that the statistics of a picture are read of."""
    pixels = picture.height * picture.width
    return pixels if pixels <= OWN else min(pixels, SAMPLES * SAMPLE)


def measured(picture: Pixels, brush: Brush, advance: Advance = lambda _: None) -> list[Statistics]:
    """The statistics of a picture: its own up to `OWN` pixels, then those of samples of it."""
    if picture.height * picture.width <= OWN:
        return brush.measure(picture.rows(0, picture.height), advance)
    found: list[Statistics] = []
    pictures = samples(picture)
    share = 1 / len(pictures)
    for count in range(1, len(pictures) + 1):
        more = brush.measure(pictures.pop(), lambda done: advance(done * share))
        found = [one.towards(other, 1 / count) for one, other in zip(found or more, more, strict=True)]
    return found


def samples(picture: Pixels) -> list[UInt8]:
    """Pictures put together of large patches of one, from everywhere in it, at its full size: `SAMPLE` pixels each, at most.

    Patches next to each other in the picture are not of one sample, so that each is like the whole.
    """
    side = int(math.sqrt(SAMPLE)) // PATCHES // MULTIPLE * MULTIPLE
    height = min(side, picture.height)
    width = min(side * side // height, picture.width)
    height = min(side * side // width, picture.height)
    count = min(SAMPLES, math.ceil(picture.height * picture.width / SAMPLE))
    wanted = count * PATCHES**2
    rows = min(max(1, round(math.sqrt(wanted * picture.height * width / (picture.width * height)))), wanted)
    columns = math.ceil(wanted / rows)
    chosen = set(np.linspace(0, rows * columns - 1, wanted).round().astype(int).tolist())
    found = [np.empty((PATCHES * height, PATCHES * width, 3), np.uint8) for _ in range(count)]
    taken = [0] * count
    for down, top in enumerate(np.linspace(0, picture.height - height, rows).round().astype(int).tolist()):
        band = picture.rows(top, top + height)
        for across, left in enumerate(np.linspace(0, picture.width - width, columns).round().astype(int).tolist()):
            if down * columns + across in chosen:
                turns = sorted(range(count), key=lambda turn: (turn - down - across) % count)  # as on a chessboard
                turn = next(turn for turn in turns if taken[turn] < PATCHES**2)
                row, column = divmod(taken[turn], PATCHES)
                patch = band[:, left : left + width]
                found[turn][row * height : (row + 1) * height, column * width : (column + 1) * width] = patch
                taken[turn] += 1
    return found
