"""Images read row by row, from the top down, so that memory holds a few bands of them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from PIL import Image

from impasto.images.image import UInt8

BAND_PIXELS = 4_000_000  # pixels that a band of a resized picture has, or is made of


class RowSource(ABC):
    """A picture in 8-bit RGB that is made row by row; `height` and `width` in pixels."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self._bands: Iterator[UInt8] | None = None
        self._kept, self._top = (
            np.empty((0, width, 3), np.uint8),
            0,
        )  # rows that may be asked for again

    @abstractmethod
    def bands(self) -> Iterator[UInt8]:
        """All rows, from the top down, in bands uint8 (n, width, 3) of any heights."""

    @abstractmethod
    def reopen(self) -> "RowSource":
        """The same picture, to be read beside this one without either going back to its first
        row."""

    def rows(self, top: int, bottom: int) -> UInt8:
        """Rows from `top` to before `bottom`, (bottom - top, width, 3). Those above `top` are
        forgotten: to ask for them afterwards makes the picture anew from its first row."""
        if self._bands is None or top < self._top:
            self._bands, self._kept, self._top = self.bands(), self._kept[:0], 0
        bands = [self._kept]
        while self._top + sum(map(len, bands)) < bottom:
            bands.append(next(self._bands))
        while (
            len(bands) > 1 and self._top + len(bands[0]) <= top
        ):  # not copied, where rows are skipped
            self._top += len(bands.pop(0))
        kept = np.concatenate(bands) if len(bands) > 1 else bands[0]
        self._kept, self._top = kept[top - self._top :], top
        return self._kept[: bottom - top]

    def to_array(self) -> UInt8:
        """The picture in memory, (height, width, 3)."""
        picture, row = np.empty((self.height, self.width, 3), np.uint8), 0
        for band in self.bands():
            picture[row : row + len(band)] = band
            row += len(band)
        return picture


class ArrayRows(RowSource):
    """A picture in memory, uint8 RGB (H, W, 3)."""

    def __init__(self, picture: UInt8) -> None:
        super().__init__(*picture.shape[:2])
        self._picture = picture

    def bands(self) -> Iterator[UInt8]:
        yield self._picture

    def reopen(self) -> "ArrayRows":
        return self

    def rows(self, top: int, bottom: int) -> UInt8:
        return self._picture[top:bottom]

    def to_array(self) -> UInt8:
        return self._picture


class ResizedRows(RowSource):
    """Another picture in another size, resampled by Lanczos' filter."""

    SUPPORT = 3  # of the filter: pixels to either side, of the coarser picture

    def __init__(self, picture: RowSource, height: int, width: int) -> None:
        super().__init__(height, width)
        self._picture = picture

    def reopen(self) -> "ResizedRows":
        return ResizedRows(self._picture.reopen(), self.height, self.width)

    def bands(self) -> Iterator[UInt8]:
        picture, scale = self._picture, self._picture.height / self.height
        border = math.ceil(self.SUPPORT * max(scale, 1)) + 1
        step = max(1, int(BAND_PIXELS / max(self.width, picture.width * scale)))
        for start in range(0, self.height, step):
            stop = min(start + step, self.height)
            top = max(0, math.floor(start * scale) - border)
            bottom = min(picture.height, math.ceil(stop * scale) + border)
            box = (0, start * scale - top, picture.width, min(stop * scale, picture.height) - top)
            band = Image.fromarray(picture.rows(top, bottom))
            yield np.asarray(band.resize((self.width, stop - start), Image.Resampling.LANCZOS, box))


def at_size(picture: RowSource, height: int, width: int) -> RowSource:
    """A picture in this size: itself, if it has it."""
    return (
        picture
        if (picture.height, picture.width) == (height, width)
        else ResizedRows(picture, height, width)
    )
