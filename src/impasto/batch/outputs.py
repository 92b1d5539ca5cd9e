"""Outputs of a run: the file of each painting, its name, and the checks before it is painted."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.batch.inputs import InputFailure, InputFile, ListAddress, NamedFile, find_files
from impasto.batch.shards import Shard
from impasto.errors import ImpastoError, OutputError, PictureError, VideoError
from impasto.files import is_url, unwritable_reason
from impasto.images.formats import WRITABLE
from impasto.inference.record import read_record
from impasto.inference.settings import StylizeSettings
from impasto.models.gallery import gallery_names
from impasto.video.formats import EXTENSIONS_WRITTEN, is_same_file, written_suffix
from impasto.video.image_sequences import is_pattern

MAX_NAME_BYTES = 255  # on nearly all file systems
_PART_OF_CLIP = re.compile(r"\.part(-\d+)?$")  # what an interrupted run leaves: clip.udnie.part.mp4
EARLIER_PAINTING = "left out, as the name is that of a painting; to paint it, rename it"


@dataclass(frozen=True)
class FileTask:
    """A file to paint in one style.

    Attributes:
        source: file to read.
        target: file to write.
        settings: how it is painted.
        is_clip: whether it is a video, an animation or numbered pictures.
        is_numbered: whether the target is the pattern of numbered pictures. The user wrote that;
            a name that impasto makes of the name of a file is none.
        rival: another input that is painted into the same target; it comes first.
    """

    source: Path
    target: Path
    settings: StylizeSettings
    is_clip: bool = False
    is_numbered: bool = False
    rival: Path | None = None


@dataclass(frozen=True)
class BatchPlan:
    """All that a run will do.

    Attributes:
        tasks: files to paint, by input and then by style.
        failures: inputs that name no file, with the reasons.
        left_out: inputs that are paintings of other inputs, by an earlier run.
        protected: files of styles and masks, which no painting may replace.
        is_single: whether the run has one input, one style and one output file.
        unread: pictures in folders whose formats impasto does not read.
        shard: the part of all inputs that `tasks` are of; None where they are of all.
    """

    tasks: Sequence[FileTask]
    failures: Sequence[InputFailure] = ()
    left_out: Sequence[Path] = ()
    protected: Sequence[Path] = ()
    is_single: bool = False
    unread: Sequence[Path] = ()
    shard: Shard | None = None


def plan_files(
    inputs: Iterable[str | Path],
    styles: Sequence[StylizeSettings],
    output: str | Path | None = None,
    shard: Shard | None = None,
    list_address: ListAddress | None = None,
) -> BatchPlan:
    """Find all inputs and choose the output of each of them in each style.

    Args:
        inputs: files, folders with all that is below them, or globs.
        styles: settings of the run, one of them per style.
        output: a file, numbered pictures (`frames/%05d.png`), or a folder: if it is one, ends in a
            slash, or there are several inputs or styles. None writes beside each input.
        shard: plan this part of the inputs only. Their outputs have the names that they would have
            without it. Inputs that name no file are in the plan of every shard.
        list_address: finds the inputs of an address in an object store; None refuses addresses.

    Raises:
        OutputError: the output fits neither the inputs nor the styles, or cannot be written.
    """
    _check_names(styles)
    texts, output = [str(text) for text in inputs], None if output is None else str(output)
    as_sequence = is_pattern(output or "")  # a folder is then the frames of one film
    is_parted = max(len(texts), len(styles)) > 1 or any(Path(text).is_dir() for text in texts)
    folder = Path(output) if output and not as_sequence and is_folder(output, is_parted) else None
    unread: list[Path] = []
    files, failures = find_files(texts, as_sequence, folder, unread, list_address)
    own = {file.path for file in files if shard is None or shard.takes(file.path)}
    if shard:  # many jobs that open all files would be a burden to a shared disk
        files = [file if file.path in own else NamedFile(file.path, file.below) for file in files]
    several = max(len(files), len(texts), len(styles)) > 1 or folder is not None
    if output:
        _check_output(output, files, several, len(styles))
        if is_url(output) and not list_address:
            raise OutputError(
                f"cannot write {output}: impasto writes to object stores from a cluster only; give"
                " a folder, or --cluster"
            )
        if not is_url(output):
            _check_writable(output, folder)
    targets = {
        settings.style.name: choose_targets(files, settings.style.name, output, several)
        for settings in styles
    }
    # the first input of each target
    owners = {
        target: path for by_path in targets.values() for path, target in reversed(by_path.items())
    }
    named = output if output and not is_folder(output, several) else None
    paths = [file.path for file in files]
    paintings = {path for path in paths if owners.get(path, path) != path}
    paintings |= find_earlier_paintings(paths)
    own -= paintings
    tasks = [
        _task(file, targets[settings.style.name][file.path], settings, owners, named)
        for file in files
        if file.path in own
        for settings in styles
    ]
    return BatchPlan(
        tasks,
        failures,
        # this run's own targets need no words, unless the user named them
        left_out=sorted(paintings - (owners.keys() - set(map(Path, texts)))),
        protected=list(dict.fromkeys(file for settings in styles for file in settings.files)),
        is_single=not several,
        unread=sorted(unread),
        shard=shard,
    )


def _task(
    file: InputFile,
    target: Path,
    settings: StylizeSettings,
    owners: Mapping[Path, Path],
    named: str | None,
) -> FileTask:
    """Make a task; `named` is the output, if the user named one file or pattern."""
    rival = owners[target] if owners[target] != file.path else None
    is_numbered = is_pattern(named) if named else file.is_clip and is_pattern(file.path)
    return FileTask(file.path, target, settings, file.is_clip, is_numbered, rival)


def _check_names(styles: Iterable[StylizeSettings]) -> None:
    for name, count in Counter(settings.style.name for settings in styles).items():
        if count > 1:
            raise OutputError(
                f"cannot paint in {count} styles of the name {name}: their paintings would have"
                " one name; paint them in runs of their own"
            )


def _check_output(output: str, files: Sequence[InputFile], several: bool, styles: int) -> None:
    """Raise OutputError for an output that the inputs and styles cannot have."""
    written = WRITABLE | EXTENSIONS_WRITTEN
    fitting = written
    if len(files) == 1:
        fitting = EXTENSIONS_WRITTEN if files[0].is_clip else WRITABLE
    suffix = Path(output).suffix.lower()
    if not is_folder(output, several) and suffix not in written:
        unsupported = f"unsupported extension {suffix}" if suffix else "it has no extension"
        raise OutputError(
            f"cannot write {output}: {unsupported}; use one of {' '.join(sorted(fitting))}, or"
            f" write {output}/ for a folder"
        )
    if not several:
        return
    counted = f"{styles} styles" if styles > 1 else "several inputs"
    if is_pattern(output):
        raise OutputError(
            f"cannot write {output}: numbered pictures take one input and one style, and there are"
            f" {counted}; name a folder"
        )
    if suffix in written and not is_folder(output, several=False):
        raise OutputError(
            f"cannot write {output}: it is one file, and there are {counted}; write {output}/ for"
            " a folder of that name"
        )


def _check_writable(output: str, folder: Path | None) -> None:
    if reason := unwritable_reason(folder / "_" if folder else Path(output)):
        raise OutputError(f"cannot write {output}: {reason}")


def is_folder(output: str, several: bool) -> bool:
    """Tell whether an output is a folder: it is one, ends as one, or takes several paintings."""
    return several or output.endswith(("/", "\\")) or os.path.isdir(output)  # noqa: PTH112  # `Path` raises at long names


def choose_targets(
    inputs: Iterable[InputFile], style: str, output: str | None, several: bool
) -> dict[Path, Path]:
    """Choose the file of each painting, by input.

    A painting goes beside its input, into the folder `output` as its input stood below the folder
    named, or to the file `output`. No two inputs have one target. Where they would, since one has
    a format that is not written (`a.heic` and `a.jpg`), its name keeps the suffix of the input.
    Where files of one name come from several folders, those folders are made in the output too.
    """
    inputs = list(inputs)
    if output is not None and not is_folder(output, several):
        return {file.path: Path(output) for file in inputs}
    targets = {
        file: _parent(file, output) / painting_name(file.path, style, file.is_clip)
        for file in inputs
    }
    count = Counter(targets.values())
    for file, target in targets.items():
        other = file.path.with_suffix(target.suffix)
        changed = target.suffix.lower() != file.path.suffix.lower() and not file.is_clip
        if changed and (count[target] > 1 or (other != file.path and other.exists())):
            targets[file] = target.with_name(painting_name(file.path, style, full=True))
    if output is not None:
        _separate(targets, Path(output))
    return {file.path: target for file, target in targets.items()}


def _parent(file: InputFile, output: str | None) -> Path:
    return file.path.parent if output is None else Path(output) / file.below


def _separate(targets: dict[InputFile, Path], output: Path) -> None:
    """Keep files of one name apart by the folders that they come from."""
    count = Counter(targets.values())
    clashing = [file for file, target in targets.items() if count[target] > 1]
    if len({file.path.parent for file in clashing}) <= 1:
        return
    common = Path(os.path.commonpath([file.path.absolute().parent for file in clashing]))
    for file in clashing:
        folder = file.path.absolute().parent.relative_to(common)
        targets[file] = output / folder / targets[file].name


def painting_name(path: Path, style: str, is_clip: bool = False, full: bool = False) -> str:
    """Name a painting after its input and its style: `photo.starry-night.jpg`.

    A name that is too long for file systems has its end replaced by a hash of the input's name.

    Args:
        path: the input.
        style: name of the style.
        is_clip: whether the input is a video, an animation or numbered pictures.
        full: keep the suffix of the input, as in `photo.heic.starry-night.jpg`.
    """
    if is_clip:
        suffix = written_suffix(path)
    else:
        suffix = path.suffix if path.suffix.lower() in WRITABLE else ".jpg"
    stem, end = path.name if full else path.stem, f".{style}{suffix}"
    room = MAX_NAME_BYTES - len(os.fsencode(end))
    if len(os.fsencode(stem)) > room:
        code = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]
        cut = os.fsencode(stem)[: max(0, room - len(code) - 1)]
        stem = f"{cut.decode(errors='ignore')}-{code}"  # cut between characters
    return stem + end


def find_earlier_paintings(paths: Iterable[Path]) -> set[Path]:
    """Find the paths that an earlier run painted from another path.

    They have the name of a gallery style, as in `photo.starry-night.jpg`, or that of another style
    and settings in the file.
    """
    paths = list(paths)
    photos = {path.with_suffix("") for path in paths} | set(paths)
    names = {f".{name}" for name in gallery_names()}
    stems = {path: Path(_PART_OF_CLIP.sub("", path.stem)) for path in paths}
    return {
        path
        for path, stem in stems.items()
        if stem.suffix
        and path.with_name(stem.stem) in photos
        and (stem.suffix in names or _has_settings(path))
    }


def _has_settings(path: Path) -> bool:
    try:
        return read_record(path) is not None
    except PictureError:  # no picture, or broken: that is reported when it is painted
        return False


def check_task(task: FileTask, protected: Collection[Path] = ()) -> ImpastoError | None:
    """Return the reason why a task must not be painted; None where it may.

    Args:
        task: the task.
        protected: files that no painting may replace.
    """
    source, target = task.source, task.target
    if task.rival:
        return PictureError(
            f"cannot paint {source} into {target}: {task.rival} is painted into it; paint {source}"
            " in a run of its own"
        )
    if any(is_same_file(path, target, task.is_numbered) for path in protected):
        return PictureError(
            f"cannot write {target}: it is a style or a mask of this run, which is never"
            " overwritten; give another -o"
        )
    if task.is_clip:
        if not is_same_file(source, target, task.is_numbered):
            return None
        return VideoError(
            f"cannot write {target}: it is the video itself, which is never overwritten; give"
            " another -o"
        )
    if target.suffix.lower() not in WRITABLE or task.is_numbered:
        return PictureError(
            f"cannot write {target}: {source} is a single picture; use one of"
            f" {' '.join(sorted(WRITABLE))}"
        )
    if target.exists() and source.exists() and target.samefile(source):
        return PictureError(
            f"cannot write {target}: it is the photograph itself, which is never overwritten; give"
            " another -o"
        )
    return None
