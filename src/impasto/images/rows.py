"""Pictures read row by row, from the top down, so that memory holds a few bands of them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from PIL import Image

from impasto.images.image import UInt8
from impasto.images.transparency import VisibleColors, resize_visible

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
    """Another picture at another size, resampled by Lanczos' filter.

    Args:
        picture: the picture.
        height: rows of the result.
        width: columns of the result.
        alpha: the alpha of the picture, as three equal channels: colors are weighted by it.
    """

    SUPPORT = 3  # of the filter: pixels to either side, of the coarser picture

    def __init__(
        self, picture: RowSource, height: int, width: int, alpha: RowSource | None = None
    ) -> None:
        super().__init__(height, width)
        self._picture, self._alpha = picture, alpha

    def reopen(self) -> "ResizedRows":
        """Return the same picture again, over the same source reopened."""
        alpha = None if self._alpha is None else self._alpha.reopen()
        return ResizedRows(self._picture.reopen(), self.height, self.width, alpha)

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
            band, size = picture.rows(top, bottom), (self.width, stop - start)
            if self._alpha is None:
                image = Image.fromarray(band)
                yield np.asarray(image.resize(size, Image.Resampling.LANCZOS, box))
            else:
                alpha = np.ascontiguousarray(self._alpha.rows(top, bottom)[..., 0])
                yield resize_visible(np.ascontiguousarray(band), alpha, size, box=box)


class CoveredRows(RowSource):
    """Another picture, with visible colors under its clear pixels; see `VisibleColors`.

    Args:
        picture: the picture.
        alpha: its alpha, as three equal channels.
        colors: its visible colors; None reads the picture once to find them.
    """

    def __init__(
        self, picture: RowSource, alpha: RowSource, colors: VisibleColors | None = None
    ) -> None:
        super().__init__(picture.height, picture.width)
        self._picture, self._alpha = picture, alpha
        self._colors = colors or VisibleColors(picture.height, picture.width, self._pairs())

    def _pairs(self) -> Iterator[tuple[UInt8, UInt8]]:
        picture, alpha, row = self._picture.reopen(), self._alpha.reopen(), 0
        for band in picture.bands():
            yield band, alpha.rows(row, row + len(band))[..., 0]
            row += len(band)

    def reopen(self) -> "CoveredRows":
        """Return the same picture again; its visible colors are not searched again."""
        return CoveredRows(self._picture.reopen(), self._alpha.reopen(), self._colors)

    def bands(self) -> Iterator[UInt8]:
        """Yield the bands of the picture, covered."""
        row = 0
        for band, alpha in self._pairs():
            yield self._colors.cover(band, alpha, row)
            row += len(band)


def at_size(
    picture: RowSource, height: int, width: int, alpha: RowSource | None = None
) -> RowSource:
    """Return a picture at this size: the picture itself where it has the size already.

    Args:
        picture: the picture.
        height: rows of the result.
        width: columns of the result.
        alpha: as for `ResizedRows`.
    """
    if (picture.height, picture.width) == (height, width):
        return picture
    return ResizedRows(picture, height, width, alpha)
