"""Numbered pictures as clips: `frames/%05d.png` is read and written."""

import contextlib
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from impasto.errors import PictureError, VideoError
from impasto.images.detection import is_picture
from impasto.images.formats import EXTENSIONS, WRITABLE
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.writing import write
from impasto.video.clip import Clip, Frame, Item, TimeSpan, cut_to_span

# `%05d`, or `%d` that no letter follows: "50%discount.jpg" is the name of one file
_NUMBER = re.compile(r"%(?:(0\d{1,2})d|d(?![^\W\d_]))")

DEFAULT_RATE = Fraction(25)  # frames per second of numbered pictures, where the user gives none


def is_pattern(path: Path | str) -> bool:
    """Tell whether a name that a user wrote stands for numbered pictures, as `%05d.png` does.

    The name of an existing file does not. Neither does a name that impasto makes: it is not asked.
    """
    path = Path(path)
    if path.suffix.lower() not in EXTENSIONS or not _NUMBER.search(path.name):
        return False
    return not os.path.exists(path)  # noqa: PTH110  # `Path.exists` raises at long names


def numbered(pattern: Path, number: int) -> Path:
    """Make the path of the file of a pattern that has this number."""
    return pattern.with_name(
        _NUMBER.sub(lambda match: f"%{match[1] or ''}d" % number, pattern.name, count=1)
    )


def matching(pattern: Path) -> dict[int, Path]:
    """Find the existing files of a pattern, by number and in order of their numbers."""
    before, _, after = _NUMBER.split(pattern.name, maxsplit=1)
    expression = re.compile(f"{re.escape(before)}(\\d+){re.escape(after)}")
    if not pattern.parent.is_dir():
        return {}
    files: dict[int, Path] = {}
    for path in pattern.parent.iterdir():
        match = expression.fullmatch(path.name)
        # a number with other leading zeros belongs to another pattern
        if match and numbered(pattern, int(match[1])).name == path.name:
            files[int(match[1])] = path
    return dict(sorted(files.items()))


class SequenceReader(Clip):
    """Numbered pictures, or all pictures of a folder in the order of their names.

    A missing number is a gap in time. So is a picture that cannot be read; `lost` counts these.

    Args:
        path: a pattern or a folder.
        span: part to read.
        rate: frames per second.
        max_pixels: largest number of pixels of a picture; larger pictures are refused.

    Raises:
        VideoError: there are no such pictures.
    """

    def __init__(self, path: Path, span: TimeSpan, rate: Fraction, max_pixels: int) -> None:
        self._pictures = _pictures_in(path) if path.is_dir() else matching(path)
        if not self._pictures:
            raise VideoError(
                f"cannot read {path}: no picture there fits; check the folder and the number of "
                "digits"
            )
        super().__init__(path, 1 / rate, rate, None if span else len(self._pictures))
        self._span, self._max_pixels = span, max_pixels

    def items(self) -> Iterator[Item]:
        """Yield the frames.

        Raises:
            VideoError: no picture in the span can be read.
        """
        is_empty = True
        for frame in cut_to_span(self._frames(), self._span, self.time_base):
            is_empty = False
            yield frame
        if is_empty:
            raise VideoError(
                self.notes[-1]
                if self.notes
                else f"cannot read {self.path} {self._span}: it has no picture there; check "
                "--start and --end"
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


def _pictures_in(folder: Path) -> dict[int, Path]:
    """Number the pictures of a folder from 1, in the order of their names."""
    paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    return dict(enumerate(sorted(path for path in paths if is_picture(path)), 1))


def unfinished_marker(pattern: Path) -> Path:
    """Return the file that lies beside numbered pictures while some are missing."""
    return pattern.with_name(f".{pattern.name}.unfinished")


class SequenceWriter:
    """Numbered pictures being written, each one as soon as it is painted.

    Args:
        pattern: pattern of the files; each gets the number of its frame.
        quality: 1 to 100, for formats that lose detail.

    Raises:
        VideoError: the suffix of the pattern is that of no picture format.
    """

    def __init__(self, pattern: Path, quality: int) -> None:
        if pattern.suffix.lower() not in WRITABLE:
            raise VideoError(
                f"cannot write {pattern}: unsupported extension {pattern.suffix}; use one of "
                f"{' '.join(sorted(WRITABLE))}"
            )
        self._pattern, self._quality, self._is_marked = pattern, quality, False

    def __repr__(self) -> str:
        return f"SequenceWriter({str(self._pattern)!r})"

    def write(self, item: Item) -> None:
        """Write a painted frame; packets are ignored.

        Raises:
            PictureError: the folder cannot be written, or the disk is full.
        """
        if isinstance(item, Frame):
            path = numbered(self._pattern, item.number)
            write(path, Picture(item.rgb, item.alpha), self._quality)
            if not self._is_marked:  # after the first picture: its folder may be new
                with contextlib.suppress(OSError):
                    unfinished_marker(self._pattern).touch()
                self._is_marked = True

    def mark_complete(self) -> None:
        """Say that no picture is missing; without this, a later run paints all anew."""
        with contextlib.suppress(OSError):
            unfinished_marker(self._pattern).unlink(missing_ok=True)

    def close(self) -> None:
        """Do nothing: every picture is complete already."""
