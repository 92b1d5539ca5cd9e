"""Paint pictures whose sides meet, such as 360-degree panoramas and textures, without a seam.

The picture goes on beyond an edge with the pixels of the opposite side. It is painted with that
border, and where both sides show the same place, one painting fades into the other.
"""

from collections.abc import Callable, Iterator

import numpy as np

from impasto.choices import WRAPS, Wrap
from impasto.errors import ArgumentError
from impasto.images.image import UInt8
from impasto.images.rows import ArrayRows, RowSource

CONTEXT = 64  # pixels beyond an edge that strokes of the network's own size reach
FADE = 64  # pixels over which one painting fades into the other


def check_wrap(wrap: str) -> Wrap:
    """Return the text if it names sides that meet.

    Raises:
        ArgumentError: it does not.
    """
    if wrap not in WRAPS:
        raise ArgumentError(
            f"cannot use {wrap!r} as wrap: there is no such value; give one of {', '.join(WRAPS)}"
        )
    return wrap  # type: ignore[return-value]  # mypy does not narrow to a Literal


def paint_wrapped(
    photo: RowSource, wrap: Wrap, stroke: float, paint: Callable[[RowSource], RowSource]
) -> RowSource:
    """Paint a picture whose sides meet.

    Args:
        photo: the picture.
        wrap: the sides that meet.
        stroke: size of the strokes.
        paint: paints a picture of any size.

    Returns:
        The painting, of the size of the photo.
    """
    if wrap == "none":
        return paint(photo)
    context, fade = (round(length * max(1.0, stroke)) for length in (CONTEXT, FADE))
    across = _Overlap.of(photo.width, context, fade)
    down = _Overlap.of(photo.height, context, fade) if wrap == "both" else _Overlap(0, 0)
    painted = UnwrappedColumns(paint(WrappedRows(photo, down, across)), photo.width, across)
    if not down.after:
        return painted
    # the last rows fade into the first, which needs them all
    return ArrayRows(_fade(painted.to_array(), photo.height, down))


class _Overlap:
    """The border of one dimension: pixels before the first, and after the last, one.

    Attributes:
        before: pixels beyond the first edge.
        after: pixels beyond the last edge: those that fade, and as many again as before.
        fade: pixels that are painted twice and fade.
    """

    def __init__(self, before: int, fade: int) -> None:
        self.before, self.fade, self.after = before, fade, before + fade

    @classmethod
    def of(cls, side: int, context: int, fade: int) -> "_Overlap":
        fade = min(fade, side)
        return cls(min(context, side), fade)


class WrappedRows(RowSource):
    """A picture that goes on beyond its edges with the opposite sides.

    Args:
        picture: the picture.
        down: border above and below.
        across: border to the left and right.
    """

    def __init__(self, picture: RowSource, down: _Overlap, across: _Overlap) -> None:
        super().__init__(
            down.before + picture.height + down.after,
            across.before + picture.width + across.after,
        )
        self._picture, self._down, self._across = picture, down, across

    def reopen(self) -> "WrappedRows":
        """Return the same picture, read from its first row."""
        return WrappedRows(self._picture.reopen(), self._down, self._across)

    def bands(self) -> Iterator[UInt8]:
        """Yield the last rows, all rows, and the first rows, each widened."""
        height, down = self._picture.height, self._down
        if down.before:
            yield self._widen(self._picture.reopen().rows(height - down.before, height))
        for band in self._picture.bands():
            yield self._widen(band)
        left, picture = down.after, self._picture.reopen()
        while left:  # a small picture repeats
            count = min(left, height)
            yield self._widen(picture.rows(0, count))
            left, picture = left - count, picture.reopen()

    def _widen(self, band: UInt8) -> UInt8:
        widths = ((0, 0), (self._across.before, self._across.after), (0, 0))
        return np.pad(band, widths, mode="wrap")


class UnwrappedColumns(RowSource):
    """A painting without the border to its left and right, whose sides fade into each other.

    Args:
        painting: the painting with its border.
        width: columns without the border.
        across: the border.
    """

    def __init__(self, painting: RowSource, width: int, across: _Overlap) -> None:
        super().__init__(painting.height, width)
        self._painting, self._across = painting, across

    def reopen(self) -> "UnwrappedColumns":
        """Return the same painting, read from its first row."""
        return UnwrappedColumns(self._painting.reopen(), self.width, self._across)

    def bands(self) -> Iterator[UInt8]:
        """Yield the bands of the painting."""
        for band in self._painting.bands():
            yield _fade(band.swapaxes(0, 1), self.width, self._across).swapaxes(0, 1)


def _fade(painted: UInt8, side: int, overlap: _Overlap) -> UInt8:
    """Cut the border off the first axis; its first pixels begin as those after the last one go on.

    Pixel `side` of the painting shows the same place as pixel 0, and joins pixel `side - 1`.
    """
    first = overlap.before
    inside = painted[first : first + side].copy()
    again = painted[first + side : first + side + overlap.fade].astype(np.float32)
    shape = (-1, *[1] * (painted.ndim - 1))
    share = ((np.arange(overlap.fade, dtype=np.float32) + 0.5) / overlap.fade).reshape(shape)
    mixed = share * inside[: overlap.fade] + (1 - share) * again
    inside[: overlap.fade] = np.rint(mixed).astype(np.uint8)
    return inside
