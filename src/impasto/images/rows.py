"""Pictures read row by row, from the top down, so that memory holds a few bands of them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from PIL import Image

from impasto.images.image import UInt8

BAND_PIXELS = 4_000_000  # pixels that a band of a resized picture has, or is made of


class RowSource(ABC):
    """A picture in 8-bit RGB that is produced row by row.

    Attributes:
        height: pixels down.
        width: pixels across.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self._bands: Iterator[UInt8] | None = None
        # rows that may be asked for again, and the number of the first of them
        self._buffer, self._buffer_top = np.empty((0, width, 3), np.uint8), 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.width} x {self.height})"

    @abstractmethod
    def bands(self) -> Iterator[UInt8]:
        """Yield all rows from the top down, in bands uint8 (n, width, 3) of any heights."""

    @abstractmethod
    def reopen(self) -> "RowSource":
        """Return the same picture again, to be read from its first row beside this one."""

    def rows(self, top: int, bottom: int) -> UInt8:
        """Read the rows from `top` to before `bottom`.

        Rows above `top` are forgotten: asking for them later produces the picture anew from its
        first row.

        Returns:
            uint8 (bottom - top, width, 3).
        """
        if self._bands is None or top < self._buffer_top:
            self._bands, self._buffer, self._buffer_top = self.bands(), self._buffer[:0], 0
        bands = [self._buffer]
        while self._buffer_top + sum(map(len, bands)) < bottom:
            bands.append(next(self._bands))
        # bands above `top` are dropped before the others are copied together
        while len(bands) > 1 and self._buffer_top + len(bands[0]) <= top:
            self._buffer_top += len(bands.pop(0))
        joined = np.concatenate(bands) if len(bands) > 1 else bands[0]
        self._buffer, self._buffer_top = joined[top - self._buffer_top :], top
        return self._buffer[: bottom - top]

    def to_array(self) -> UInt8:
        """Read the whole picture into memory, uint8 (height, width, 3)."""
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
        """Yield the whole picture as one band."""
        yield self._picture

    def reopen(self) -> "ArrayRows":
        """Return this object, which any number of readers may share."""
        return self

    def rows(self, top: int, bottom: int) -> UInt8:
        """Return a view of the rows from `top` to before `bottom`."""
        return self._picture[top:bottom]

    def to_array(self) -> UInt8:
        """Return the array itself."""
        return self._picture


class ResizedRows(RowSource):
    """Another picture at another size, resampled by Lanczos' filter."""

    SUPPORT = 3  # of the filter: pixels to either side, of the coarser picture

    def __init__(self, picture: RowSource, height: int, width: int) -> None:
        super().__init__(height, width)
        self._picture = picture

    def reopen(self) -> "ResizedRows":
        """Return the same picture again, over the same source reopened."""
        return ResizedRows(self._picture.reopen(), self.height, self.width)

    def bands(self) -> Iterator[UInt8]:
        """Yield resampled bands; each is resampled with the source rows that its filter reaches."""
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
    """Return a picture at this size: the picture itself where it has the size already."""
    if (picture.height, picture.width) == (height, width):
        return picture
    return ResizedRows(picture, height, width)
