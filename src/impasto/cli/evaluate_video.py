"""impasto evaluate --clip: how steady stylized versions of a clip are."""

import math
from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.cli import console
from impasto.errors import ImpastoError
from impasto.files import os_reason, write_atomically
from impasto.progress import Progress
from impasto.video.formats import VideoOptions

if TYPE_CHECKING:
    from impasto.video.clip_scores import ClipScore

MARKDOWN, JSON = "stability.md", "stability.json"


def evaluate_video(
    clip: Path, paintings: Sequence[Path], options: VideoOptions, folder: Path | None, json: bool
) -> int:
    """Measure and print how steady stylized versions of a clip are, and the clip itself.

    Args:
        clip: The original clip.
        paintings: Stylized versions of it.
        options: How to read the clip.
        folder: Folder for a table and a JSON file, if any.
        json: Print JSON objects.

    Returns:
        The number of stylized versions that could not be compared.

    Raises:
        VideoError: The clip cannot be read, or OpenCV is missing.
        PictureError: A frame of the clip cannot be read.
        ImpastoError: The folder cannot be written into.
    """
    from impasto.video.clip_scores import evaluate_clip  # here, as pictures do without PyAV

    with console.bar(unit=True) as bar:
        task = bar.add_task(clip.name)

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.step, total=progress.steps)

        evaluation = evaluate_clip(clip, paintings, options, on_progress=show)
    for path, error in evaluation.failures:
        console.failed(console.failure(str(path), error), json)
    for note in evaluation.notes:
        console.note(note)
    for score in evaluation.scores:
        console.result(_line(score), score.to_json(), json)
    if folder and evaluation.scores:
        _write(folder, evaluation.scores)
    return len(evaluation.failures)


def _line(score: "ClipScore") -> str:
    name = "the clip itself" if score.is_original else str(score.path)
    ratio, error = _format(score.flicker_ratio), _format(score.warping_error)
    return f"{name:32}  flicker ratio {ratio}  warping error {error}  ({score.frames} frames)"


def _format(value: float) -> str:
    """Format with three significant digits, and at least two decimals; "-" for no value."""
    if math.isnan(value):
        return "-"
    if not value:
        return "0"
    return f"{value:.{max(2, 2 - math.floor(math.log10(value)))}f}"


def _write(folder: Path, scores: Sequence["ClipScore"]) -> None:
    """Write the scores as Markdown and JSON into a folder.

    Raises:
        ImpastoError: The folder cannot be written into.
    """
    lines = [
        f"| {scores[0].clip.name} | flicker ratio | warping error | frames |",
        "|---|---|---|---|",
    ]
    for score in scores:
        name = "the clip itself" if score.is_original else score.path.name
        ratio, error = _format(score.flicker_ratio), _format(score.warping_error)
        lines.append(f"| {name} | {ratio} | {error} | {score.frames} |")
    lines += [
        "",
        "Flicker ratio: mean absolute difference of neighboring frames, over that of the clip. "
        "Warping error: Lai et al. 2018, levels of 0..1, mean over channels; "
        f"flow by {scores[0].flow}. Lower is steadier.",
        "",
    ]
    records = [score.to_json() for score in scores]
    text = dumps(records, indent=2) + "\n"
    try:
        write_atomically(folder / MARKDOWN, "\n".join(lines).encode(errors="backslashreplace"))
        write_atomically(folder / JSON, text.encode())
    except OSError as error:
        raise ImpastoError(f"cannot write into {folder}: {os_reason(error)}") from error
    console.note(f"{folder / MARKDOWN}, {folder / JSON}")
