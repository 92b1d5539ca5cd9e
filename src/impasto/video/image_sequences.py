"""Numbered pictures, in and out: `frames/%05d.png`."""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from impasto.errors import PictureError, VideoError
from impasto.images.formats import EXTENSIONS, WRITABLE
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.writing import write
from impasto.video.clip import Clip, Frame, Item, TimeSpan, within

_NUMBER = re.compile(r"%(0\d{1,2})?d")

RATE = Fraction(25)
"""Frames a second of numbered pictures, where nobody says."""


def is_pattern(path: Path | str) -> bool:
    """Whether a file name stands for numbered files, as `%05d.png` does."""
    return bool(_NUMBER.search(Path(path).name)) and not Path(path).exists()


def numbered(pattern: Path, number: int) -> Path:
    """The file of a pattern with this number."""
    return pattern.with_name(
        _NUMBER.sub(lambda found: f"%{found[1] or ''}d" % number, pattern.name, count=1)
    )


def matching(pattern: Path) -> dict[int, Path]:
    """The files of a pattern that there are, by number and in its order."""
    before, _, after = _NUMBER.split(pattern.name, maxsplit=1)
    fitting = re.compile(f"{re.escape(before)}(\\d+){re.escape(after)}")
    found = {}
    if pattern.parent.is_dir():
        for path in pattern.parent.iterdir():
            if (match := fitting.fullmatch(path.name)) and numbered(
                pattern, int(match[1])
            ).name == path.name:
                found[int(match[1])] = path
    return dict(sorted(found.items()))


class SequenceReader(Clip):
    """Numbered pictures, or all pictures of a folder in the order of their names.

    A missing number is a gap in time; so is a picture that cannot be read, which `lost` counts.

    Args:
        path: a pattern or a folder.
        span: the part to read.
        rate: frames a second.
        max_pixels: refuse larger pictures.

    Raises:
        VideoError: no such pictures.
    """

    def __init__(self, path: Path, span: TimeSpan, rate: Fraction, max_pixels: int) -> None:
        if path.is_dir():
            pictures = sorted(
                p for p in path.iterdir() if p.suffix.lower() in EXTENSIONS and p.is_file()
            )
            self._pictures = dict(enumerate(pictures, 1))
        else:
            self._pictures = matching(path)
        if not self._pictures:
            raise VideoError(
                f"cannot read {path}: no picture there fits; check the folder and the number of digits"
            )
        super().__init__(path, 1 / rate, rate, None if span else len(self._pictures))
        self._span, self._max_pixels = span, max_pixels

    @property
    def files(self) -> list[Path]:
        """The pictures, in order."""
        return list(self._pictures.values())

    def items(self) -> Iterator[Item]:
        """The frames."""
        begun = False
        for frame in within(self._frames(), self._span, self.time_base):
            begun = True
            yield frame
        if not begun:
            raise VideoError(
                self.notes[-1]
                if self.notes
                else f"{self.path} has no picture in the part asked for"
            )

    def _frames(self) -> Iterator[Frame]:
        first = next(iter(self._pictures))
        for number, path in self._pictures.items():
            try:
                picture = read(path, self._max_pixels)
            except PictureError as error:
                self.lost += 1
                self.notes.append(str(error))
                continue
            yield Frame(picture.rgb, number - first, 1, number, picture.alpha)


class SequenceWriter:
    """Numbered pictures being written, each as soon as it is painted, by the numbers of their
    frames.

    Raises:
        VideoError: no format of pictures has the pattern's suffix.
    """

    def __init__(self, pattern: Path, quality: int) -> None:
        if pattern.suffix.lower() not in WRITABLE:
            raise VideoError(f"cannot write {pattern}: use one of {' '.join(sorted(WRITABLE))}")
        self._pattern, self._quality = pattern, quality

    def write(self, item: Item) -> None:
        """Write a painted frame. Raises PictureError where the folder or the disk does not take
        it."""
        if isinstance(item, Frame):
            write(
                numbered(self._pattern, item.number), Picture(item.rgb, item.alpha), self._quality
            )

    def close(self) -> None:
        """Nothing is left to do."""
