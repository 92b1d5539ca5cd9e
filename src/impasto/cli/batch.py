"""Many inputs: the files they name, where each painting goes, and what became of them, which
outlives a kill."""

import glob
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import typer

from impasto.errors import PictureError
from impasto.files import os_reason
from impasto.images.formats import EXTENSIONS, WRITABLE
from impasto.models.gallery import gallery_names
from impasto.video.formats import EXTENSIONS_READ, is_clip, written_suffix

LONGEST_NAME = 255  # bytes, on nearly all file systems
STANDARD = "-"  # standard input or output, in place of a file


@dataclass(frozen=True)
class InputFile:
    """A file to paint, and the folder that it stands in below the one that was named."""

    path: Path
    below: Path = Path()


def expand(
    inputs: Iterable[str], whole: bool = False, without: Path | None = None
) -> tuple[list[InputFile], list[tuple[str, Exception]]]:
    """Files that the inputs name, each once and in order; and the inputs that name none, with the
    reasons.

    Args:
        inputs: files, folders with all that is below them, globs.
        whole: a folder is one input: the frames of a film.
        without: a folder whose files are no inputs, as paintings go there.
    """
    found: dict[Path, InputFile] = {}
    failures: list[tuple[str, Exception]] = []
    outside = None if without is None else without.resolve()
    for text in inputs:
        try:
            for each in (
                [InputFile(Path(text))]
                if whole and Path(text).is_dir()
                else _files(text, outside, failures)
            ):
                found.setdefault(each.path, each)
        except (OSError, PictureError) as error:
            failures.append((text, error))
    return list(found.values()), failures


def files(
    inputs: Iterable[str], whole: bool = False
) -> tuple[list[Path], list[tuple[str, Exception]]]:
    """As `expand`, of folders without what is in folders below them."""
    found, failures = expand(inputs, whole)
    return [each.path for each in found if each.below == Path()], failures


def _files(
    text: str, without: Path | None, failures: list[tuple[str, Exception]]
) -> list[InputFile]:
    """Files that one input names: those below a folder, those that a glob matches, or the one file,
    there or not. Folders that cannot be read are added to `failures`.
    """
    path = Path(text)
    if path.is_dir():
        unread: list[OSError] = []
        found = sorted(_below(path, without, unread.append), key=lambda each: each.path)
        if unread:
            failures += [
                (
                    str(error.filename),
                    PictureError(f"cannot read the folder {error.filename}: {os_reason(error)}"),
                )
                for error in unread
            ]
            return found
    elif not path.exists() and glob.has_magic(text):
        matches = sorted(Path(match) for match in glob.glob(text, recursive=True))  # noqa: PTH207
        found = [InputFile(match) for match in matches if match.is_file()]
    else:
        found = [InputFile(path)]
    if not found:
        raise PictureError(
            f"{text} holds no pictures and no videos ({', '.join(sorted(EXTENSIONS | EXTENSIONS_READ))})"
        )
    return found


def _below(
    folder: Path, without: Path | None, unread: Callable[[OSError], None]
) -> Iterator[InputFile]:
    """Pictures and videos in a folder and in those below it; what is hidden is not, nor what links
    to folders lead to."""
    kinds = EXTENSIONS | EXTENSIONS_READ
    for place, folders, names in os.walk(folder, onerror=unread):
        here = Path(place)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() != without
        ]
        for name in names:
            path = here / name
            if path.suffix.lower() in kinds and not name.startswith(".") and path.is_file():
                yield InputFile(path, here.relative_to(folder))


def listed(name: str) -> list[str]:
    """Inputs that a file names, or standard input: one a line, or parted by zero bytes, as `find
    -print0` does.

    Raises PictureError if it cannot be read.
    """
    try:
        data = sys.stdin.buffer.read() if name == STANDARD else Path(name).read_bytes()
    except OSError as error:
        raise PictureError(f"cannot read the list {name}: {os_reason(error)}") from error
    parts = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(part) for part in parts if part.strip()]


def is_folder(output: str, several: bool) -> bool:
    """Whether an output is a folder: if it is one, ends as one, or inputs are several."""
    return several or output.endswith(("/", "\\")) or os.path.isdir(output)  # noqa: PTH112  # `Path` raises at long names


def targets(
    inputs: Iterable[InputFile], style: str, output: str | None, several: bool
) -> dict[Path, Path]:
    """Where each painting goes, by input: beside it, into the folder `output` as it stood below the
    one named, or to a file.

    No two have one: what would, since its format is not written (`a.heic` and `a.jpg`), has its
    suffix in its name; and if files of one name come from several folders, those are made in the
    output too.
    """
    inputs = list(inputs)
    if output is not None and not is_folder(output, several):
        return {each.path: Path(output) for each in inputs}
    proposed = {each: _place(each, output) / painting_name(each.path, style) for each in inputs}
    count = Counter(proposed.values())
    for each, target in proposed.items():
        other = each.path.with_suffix(target.suffix)
        changed = target.suffix.lower() != each.path.suffix.lower() and not is_clip(each.path)
        if changed and (count[target] > 1 or (other != each.path and other.exists())):
            proposed[each] = target.with_name(painting_name(each.path, style, full=True))
    count = Counter(proposed.values())
    clashing = [each for each, target in proposed.items() if count[target] > 1] if output else []
    if len({each.path.parent for each in clashing}) > 1:
        common = Path(os.path.commonpath([each.path.absolute().parent for each in clashing]))
        for each in clashing:
            proposed[each] = (
                Path(str(output))
                / each.path.absolute().parent.relative_to(common)
                / proposed[each].name
            )
    return {each.path: target for each, target in proposed.items()}


def _place(each: InputFile, output: str | None) -> Path:
    return each.path.parent if output is None else Path(output) / each.below


def painting_name(path: Path, style: str, full: bool = False) -> str:
    """What a painting is called after its input: `photo.starry-night.jpg`; with `full`,
    `photo.heic.starry-night.jpg`.

    A name that would be longer than file systems take has its end replaced by what tells it from
    others.
    """
    suffix = (
        written_suffix(path)
        if is_clip(path)
        else path.suffix
        if path.suffix.lower() in WRITABLE
        else ".jpg"
    )
    stem, end = path.name if full else path.stem, f".{style}{suffix}"
    room = LONGEST_NAME - len(os.fsencode(end))
    if len(os.fsencode(stem)) > room:
        code = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]
        # cut between characters
        stem = (
            os.fsencode(stem)[: max(0, room - len(code) - 1)].decode(errors="ignore") + f"-{code}"
        )
    return stem + end


def earlier_paintings(paths: Iterable[Path]) -> set[Path]:
    """Those of `paths` that an earlier run painted of another of them, in any style of the
    gallery."""
    paths = list(paths)
    photos = {path.with_suffix("") for path in paths} | set(paths)
    names = {f".{name}" for name in gallery_names()}
    return {
        path
        for path in paths
        if Path(path.stem).suffix in names and path.with_name(Path(path.stem).stem) in photos
    }


class RunLog:
    """A file of one JSON object a line for each input, written as they are done, so that a kill
    loses none.

    A run that is started again goes on in the same file, and several may write into one.

    Args:
        path: the file, or None for no report.
        fresh: start it anew.

    Raises:
        typer.BadParameter: it cannot be written, or is something else.
    """

    def __init__(self, path: Path | None, fresh: bool = False) -> None:
        self._file: IO[bytes] | None = None
        self._known: dict[str, dict[str, Any]] = {}
        if path is None:
            return
        try:
            if path.exists() and not path.is_file():  # a device or a pipe may have no end
                raise typer.BadParameter(
                    f"--report {path} is no file but a folder, a device or the like; give another name"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            old = path.read_bytes() if path.exists() and not fresh else b""
            kept = old[: old.rfind(b"\n") + 1]  # a kill may have cut the last line
            for line in kept.splitlines():
                record = json.loads(line)
                self._known[record["input"]] = record
            if path.exists():
                os.truncate(path, len(kept))
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise typer.BadParameter(f"--report {path}: {os_reason(error)}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise typer.BadParameter(
                f"--report {path} exists and is no report of an earlier run; give another name"
            ) from error

    def has(self, record: Mapping[str, Any]) -> bool:
        """Whether an earlier run told of the same input that it was painted, or that it failed in
        the same way."""
        known = self._known.get(record["input"])
        return known is not None and known.get("error") == record.get("error")

    def add(self, record: Mapping[str, Any]) -> None:
        """One line more."""
        if self._file:
            self._file.write(
                json.dumps(dict(record)).encode() + b"\n"
            )  # in ASCII, as names may be in no encoding

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
