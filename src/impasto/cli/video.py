"""The parts of `impasto stylize` and `impasto evaluate` that concern videos."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.progress import Progress as Bar

from impasto.cli import console
from impasto.errors import VideoError
from impasto.inference.settings import StylizeSettings
from impasto.progress import Progress
from impasto.stylizer import Stylizer
from impasto.video.clip import TimeSpan
from impasto.video.formats import VideoOptions, parse_span, parse_time
from impasto.video.large_strokes import MIN_VIDEO_STROKE

if TYPE_CHECKING:
    from impasto.video.frame_pipeline import VideoInterrupted, VideoResult

Smoothing = Literal["none", "still", "flow"]
"""How frames are kept alike: not at all, where the scene stands still, or along motion as well."""


def seconds(text: str | None) -> Fraction | None:
    """Convert a time, given as seconds or h:m:s, to seconds.

    Raises:
        typer.BadParameter: it is no time.
    """
    try:
        return None if text is None else parse_time(text)
    except VideoError as error:
        raise typer.BadParameter(str(error)) from error


def span(start: str | None, end: str | None) -> TimeSpan:
    """Make the part of a clip between two times.

    Raises:
        typer.BadParameter: a text is no time, or the end does not lie after the start.
    """
    try:
        return parse_span(start, end)
    except VideoError as error:
        raise typer.BadParameter(f"--start and --end: {error}") from error


def options(
    start: str | None,
    end: str | None,
    rate: float | None,
    codec: str,
    preset: str,
    quality: int,
    threads: int | None,
    pixels: int,
    stroke: float | None,
) -> VideoOptions:
    """Make the settings for reading and writing from the options of the command line.

    Raises:
        typer.BadParameter: the times make no part of a video.
    """
    video_stroke = None if stroke is None else max(stroke, MIN_VIDEO_STROKE)
    fps = None if rate is None else Fraction(rate).limit_denominator(1001)
    return VideoOptions(
        span(start, end),
        fps,
        codec,  # type: ignore[arg-type]  # typer has checked it
        quality,
        preset,  # type: ignore[arg-type]  # typer has checked it
        threads,
        pixels,
        video_stroke,
    )


def paint(
    stylizer: Stylizer,
    path: Path,
    target: Path,
    settings: StylizeSettings,
    video_options: VideoOptions,
    smoothing: Smoothing,
    bar: Bar,
) -> dict[str, Any]:
    """Stylize one clip, show progress and notes, and give its JSON record.

    Raises:
        VideoInterrupted: Ctrl-C was pressed; a note names the file that is kept.
    """
    # here, as pictures do without PyAV
    from impasto.video.stylize import VideoInterrupted, stylize_video

    task = bar.add_task(path.name, total=None)

    def show(progress: Progress) -> None:
        rate = progress.step / progress.seconds
        description = f"{path.name}, {rate:.1f} frames a second"
        bar.update(task, completed=progress.step, total=progress.steps, description=description)

    try:
        result = stylize_video(
            path,
            target,
            settings,
            stylizer,
            video_options,
            steady=smoothing != "none",
            flow=smoothing == "flow",
            on_progress=show,
        )
    except VideoInterrupted as interruption:
        _report_interruption(interruption, target)
        raise
    finally:
        bar.remove_task(task)
    _report_notes(result)
    return result.to_record()


def _report_notes(result: "VideoResult") -> None:
    for note in result.notes:
        console.note(note)


def _report_interruption(interruption: "VideoInterrupted", target: Path) -> None:
    _report_notes(interruption.result)
    kept = interruption.target
    rest = "--overwrite paints all" if kept == target else f"{target} is as it was"
    console.note(
        f"{kept} holds the frames painted until then ({interruption.result.frames}); {rest}"
    )
