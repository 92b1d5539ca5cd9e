"""What `impasto evaluate --clip` does: how steady painted versions of a clip are."""

import contextlib
import itertools
import math
from collections.abc import Iterator
from json import dumps
from pathlib import Path
from typing import Any

from impasto.cli import console
from impasto.errors import ImpastoError, VideoError
from impasto.files import os_reason, write_atomically
from impasto.images.image import UInt8
from impasto.video.clip import Frame
from impasto.video.formats import VideoOptions
from impasto.video.metrics import StabilityScores, measure
from impasto.video.temporal.optical_flow import EFFORT, opencv

MARKDOWN, JSON = "stability.md", "stability.json"


def evaluate(
    clip: Path, paintings: list[Path], how: VideoOptions, folder: Path | None, json: bool
) -> int:
    """Measure and say how steady paintings of a clip are, and the clip itself beside them; how many
    of them failed.

    Raises VideoError or PictureError where the clip cannot be read, and VideoError where OpenCV is
    missing.
    """
    flow = f"DIS of OpenCV {opencv().__version__}, {EFFORT}"
    with contextlib.ExitStack() as opened:
        ours = _Frames(opened, clip, how)
        theirs, failed = list[_Frames](), 0
        for path in paintings:
            try:
                theirs.append(
                    _Frames(
                        opened,
                        path,
                        VideoOptions(threads=how.threads, max_pixels=how.max_pixels),
                        ours,
                    )
                )
            except (ImpastoError, OSError) as error:
                failed += 1
                console.failed(console.failure(str(path), error), json)
        if not theirs:
            return failed
        with console.bar(unit=True) as bar:
            task = bar.add_task(clip.name, total=ours.clip.count)
            clip_itself, *found = measure(
                ours, *theirs, told=lambda pairs: bar.update(task, completed=pairs + 1)
            )
        measured = [(ours, clip_itself), *zip(theirs, found, strict=True)]
        for frames, _ in measured:
            for note in dict.fromkeys(frames.clip.notes):
                console.note(note)
        for frames, each in measured[1:]:
            shorter = each.pairs + 1 < ours.taken
            if shorter or frames.goes_on():
                hint = (
                    "; if it is painted of a part, --start and --end say which" if shorter else ""
                )
                console.note(
                    f"{frames.clip.path} and {clip} are not equally long: compared over {each.pairs + 1} frames{hint}"
                )
    records = [_record(clip, frames.clip.path, each, flow) for frames, each in measured]
    for record in records:
        console.result(_line(record), record, json)
    if folder:
        _write(folder, records)
    return failed


class _Frames:
    """The frames of a clip, all in the size of the first, counted as they are taken.

    Raises VideoError or PictureError: it cannot be read, has one frame, or frames of another size
        than `like`.
    """

    def __init__(
        self,
        opened: contextlib.ExitStack,
        path: Path,
        how: VideoOptions,
        like: "_Frames | None" = None,
    ) -> None:
        from impasto.video.clip_files import open_clip  # here, as pictures do without PyAV

        self.clip, self.taken = opened.enter_context(open_clip(path, how)), 0
        frames = (item for item in self.clip.items() if isinstance(item, Frame))
        begin = list(itertools.islice(frames, 2))
        if len(begin) < 2:
            raise VideoError(f"{path} has one frame; what flickers has two at least")
        self._first, self._coming = begin[0], itertools.chain(begin, frames)
        self.size = self._first.rgb.shape[1::-1]
        if like and self.size != like.size:
            sizes = " and ".join(f"{width}x{height}" for width, height in (self.size, like.size))
            raise VideoError(
                f"{path} and {like.clip.path} have {sizes} pixels; give a painting in the size of the clip"
            )

    def __iter__(self) -> Iterator[UInt8]:
        from impasto.video.frame_size import fit_frame

        for frame in self._coming:
            self.taken += 1
            yield fit_frame(frame, self._first, self.clip).rgb

    def goes_on(self) -> bool:
        """Whether there are frames that were not taken."""
        return next(self._coming, None) is not None


def _record(clip: Path, path: Path, found: StabilityScores, flow: str) -> dict[str, Any]:
    """What `--json` says of a painting; null for what has no value."""
    values = {name: getattr(found, name) for name in ("flicker", "flicker_ratio", "warping_error")}
    rounded = {
        name: None if math.isnan(value) else float(f"{value:.6g}") for name, value in values.items()
    }
    return {
        "input": str(path),
        "clip": str(clip),
        "frames": found.pairs + 1,
        **rounded,
        "flow": flow,
    }


def _line(record: dict[str, Any]) -> str:
    ratio, error = (_shown(record[name]) for name in ("flicker_ratio", "warping_error"))
    name = "the clip itself" if record["input"] == record["clip"] else record["input"]
    return f"{name:32}  flicker ratio {ratio}  warping error {error}  ({record['frames']} frames)"


def _shown(value: float | None) -> str:
    """Three digits that count, or a dash."""
    return (
        "-"
        if value is None
        else f"{value:.{max(2, 2 - math.floor(math.log10(value)))}f}"
        if value
        else "0"
    )


def _write(folder: Path, records: list[dict[str, Any]]) -> None:
    """Write the figures as Markdown and JSON into a folder. Raises ImpastoError where it does not
    take them."""
    rows = [
        f"| {_name(r)} | {_shown(r['flicker_ratio'])} | {_shown(r['warping_error'])} | {r['frames']} |"
        for r in records
    ]
    text = "\n".join(
        [
            f"| {Path(records[0]['clip']).name} | flicker ratio | warping error | frames |",
            "|---|---|---|---|",
            *rows,
            "",
            "Flicker ratio: mean absolute difference of neighbouring frames, over that of the clip. Warping error: Lai et al. "
            f"2018, levels of 0..1, mean over channels; flow by {records[0]['flow']}. Lower is steadier.",
            "",
        ]
    )
    try:
        write_atomically(folder / MARKDOWN, text.encode())
        write_atomically(
            folder / JSON, (dumps(records, indent=2, ensure_ascii=False) + "\n").encode()
        )
    except OSError as error:
        raise ImpastoError(f"cannot write into {folder}: {os_reason(error)}") from error
    console.note(f"{folder / MARKDOWN}, {folder / JSON}")


def _name(record: dict[str, Any]) -> str:
    return "the clip itself" if record["input"] == record["clip"] else Path(record["input"]).name
