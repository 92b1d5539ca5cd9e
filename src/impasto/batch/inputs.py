"""The files that inputs name: pictures, videos, folders, globs and lists."""

import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from impasto.errors import PictureError, one_line
from impasto.files import describe_missing, is_url, os_reason
from impasto.images.detection import FileKind, detect_kind
from impasto.images.formats import EXTENSIONS, WRITABLE
from impasto.images.opening import reads_heic
from impasto.video.formats import EXTENSIONS_READ, is_clip

STANDARD = "-"  # standard input or output, in place of a file

_KNOWN = EXTENSIONS | EXTENSIONS_READ
_SOUND = frozenset(
    {".m4a", ".m4b", ".m4r", ".ogg", ".oga", ".opus", ".spx", ".wma", ".mka", ".aax", ".caf"}
)

InputFailure = tuple[str, Exception]
"""An input as it was written, and the reason why it names no file."""


@dataclass(frozen=True)
class InputFile:
    """A file to paint.

    Attributes:
        path: the file.
        below: folder of the file, relative to the folder that was named as input.
    """

    path: Path
    below: Path = Path()

    @cached_property
    def is_clip(self) -> bool:
        """Tell whether the file is a video, an animation or numbered pictures; decided once."""
        return is_clip(self.path)


class NamedFile(InputFile):
    """A file of which only the name is known, or matters, as another job paints it."""

    @cached_property
    def is_clip(self) -> bool:
        """Tell by the suffix whether the file is a video; an animation counts as a picture."""
        return self.path.suffix.lower() in EXTENSIONS_READ


ListAddress = Callable[[str], list[InputFile]]
"""Finds the files of an address in an object store. Raises PictureError where there are none."""


def find_files(
    inputs: Iterable[str],
    as_sequence: bool = False,
    exclude: Path | None = None,
    unread: list[Path] | None = None,
    list_address: ListAddress | None = None,
) -> tuple[list[InputFile], list[InputFailure]]:
    """Find the files that inputs name.

    Args:
        inputs: files, folders with all pictures and videos below them, or globs.
        as_sequence: take a folder as one input, the frames of a film.
        exclude: a folder whose files are no inputs, since paintings go there.
        unread: takes the pictures in folders whose formats impasto does not read.
        list_address: finds the files of an address in an object store; None refuses addresses.

    Returns:
        The files, each once and in order, and the inputs that name none.
    """
    unread = [] if unread is None else unread
    files: dict[Path, InputFile] = {}
    failures: list[InputFailure] = []
    excluded = None if exclude is None else exclude.resolve()
    for text in inputs:
        try:
            if as_sequence and Path(text).is_dir():
                matches = [InputFile(Path(text))]
            elif list_address and is_url(text):
                matches = list_address(text)
            else:
                matches = _match(text, excluded, failures, unread)
        except (OSError, PictureError) as error:
            failures.append((text, error))
            continue
        for file in matches:
            files.setdefault(file.path, file)
    return list(files.values()), failures


def find_paths(
    inputs: Iterable[str], as_sequence: bool = False
) -> tuple[list[Path], list[InputFailure]]:
    """Find files as `find_files` does, without those in subfolders of the folders named."""
    files, failures = find_files(inputs, as_sequence)
    return [file.path for file in files if file.below == Path()], failures


def _match(
    text: str, exclude: Path | None, failures: list[InputFailure], left_out: list[Path]
) -> list[InputFile]:
    """Find the files of one input; add the folders that cannot be read to `failures`.

    A path that is neither a folder nor a glob is its own match, whether it exists or not.
    """
    path = Path(text)
    if is_url(text) and not path.exists():
        raise PictureError(f"cannot read {describe_missing(text)}")
    if path.is_dir():
        unread: list[OSError] = []
        found = _walk(path, exclude, unread.append, left_out)
        matches = sorted(found, key=lambda file: file.path)
        if unread:
            failures += map(_folder_failure, unread)
            return matches
    elif not path.exists() and glob.has_magic(text):
        paths = sorted(Path(match) for match in glob.glob(text, recursive=True))  # noqa: PTH207
        matches = [InputFile(match) for match in paths if match.is_file()]
    else:
        matches = [InputFile(path)]
    if not matches:
        heic = ".heic" if reads_heic() else ".heic (after pip install 'impasto[heic]')"
        raise PictureError(
            f"cannot paint {text}: it holds no pictures and no videos that impasto reads; it reads"
            f" {', '.join(sorted(WRITABLE))}, .gif, {heic}, camera raw files and videos"
        )
    return matches


def _folder_failure(error: OSError) -> InputFailure:
    folder = str(error.filename)
    return folder, PictureError(f"cannot read the folder {folder}: {os_reason(error)}")


def _walk(
    folder: Path,
    exclude: Path | None,
    on_error: Callable[[OSError], None],
    left_out: list[Path],
) -> Iterator[InputFile]:
    """Yield pictures and videos below a folder; skip hidden files and links to folders.

    Files of other suffixes, or none, count by their content.
    """
    for place, folders, names in os.walk(folder, onerror=on_error):
        parent = Path(place)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and (parent / name).resolve() != exclude
        ]
        for name in names:
            path = parent / name
            if name.startswith(".") or not path.is_file():
                continue
            if path.suffix.lower() in _KNOWN or is_input(path):
                yield InputFile(path, parent.relative_to(folder))
            elif detect_kind(path) is FileKind.UNREADABLE_PICTURE:
                left_out.append(path)


def is_input(path: Path) -> bool:
    """Tell whether a file of an unknown suffix is a picture or a video by its content."""
    kind = detect_kind(path)
    is_sound = path.suffix.lower() in _SOUND  # in containers of videos
    return kind in (FileKind.PICTURE, FileKind.RAW) or (kind is FileKind.VIDEO and not is_sound)


def read_list(name: str) -> list[str]:
    """Read inputs from a file or from standard input ("-").

    Inputs are separated by line breaks or, as `find -print0` does, by zero bytes.

    Raises:
        PictureError: the file cannot be read.
    """
    try:
        data = sys.stdin.buffer.read() if name == STANDARD else Path(name).read_bytes()
    except OSError as error:
        raise PictureError(f"cannot read the list {name}: {os_reason(error)}") from error
    parts = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(part) for part in parts if part.strip()]


def read_column(name: str, column: str) -> list[str]:
    """Read inputs from a column of a Parquet file, or of a folder of such files.

    Args:
        name: path or address.
        column: name of the column.

    Raises:
        PictureError: the file or the column cannot be read, or pyarrow is missing.
    """
    try:
        from pyarrow import ArrowException, dataset
    except ImportError as error:
        raise PictureError(
            f"cannot read the list {name}: pyarrow is missing ({error}); pip install"
            " 'impasto[cluster]'"
        ) from error
    try:
        data = dataset.dataset(name, format="parquet")
        if column not in data.schema.names:
            names = ", ".join(data.schema.names)
            raise PictureError(
                f"cannot read the list {name}: it has no column {column}; use one of {names}"
            )
        values = data.to_table(columns=[column])[column].to_pylist()
    except (OSError, ArrowException, ValueError) as error:
        raise PictureError(
            f"cannot read the list {name}: {one_line(error)}; give a Parquet file"
        ) from error
    return [str(value) for value in values if value]
