"""A row source for tests, in bands of a given height."""

from collections.abc import Iterator

from pictures import UInt8

from impasto.images.rows import RowSource


class BandedRows(RowSource):
    """A picture in bands of some heights, which counts how often it is begun."""

    def __init__(self, picture: UInt8, heights: int = 7) -> None:
        super().__init__(*picture.shape[:2])
        self._picture, self._heights, self.begun = picture, heights, 0

    def reopen(self) -> "BandedRows":
        return self

    def bands(self) -> Iterator[UInt8]:
        self.begun += 1
        for top in range(0, self.height, self._heights):
            yield self._picture[top : top + self._heights]
