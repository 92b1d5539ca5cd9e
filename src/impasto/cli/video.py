"""What `impasto stylize` does with a video, an animation or numbered pictures."""

import re
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.progress import Progress

from impasto.cli import console
from impasto.errors import VideoError
from impasto.images.image import UInt8
from impasto.inference.model import PreparedStyle
from impasto.inference.settings import StylizeSettings
from impasto.stylizer import Stylizer
from impasto.video.clip import TimeSpan
from impasto.video.formats import VideoOptions
from impasto.video.large_strokes import MIN_VIDEO_STROKE

if TYPE_CHECKING:
    from impasto.video.stylize import VideoResult

Smoothing = Literal["none", "still", "flow"]
"""How frames are kept alike: not at all, where the scene stands still, or along what moves as
well."""

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")  # h:m:s


def seconds(text: str | None) -> Fraction | None:
    """A time given as seconds or h:m:s. Raises a usage error for anything else."""
    if text is None:
        return None
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise typer.BadParameter(
            f"{text!r} is no time; write seconds (90, 1.5) or h:m:s (1:30, 1:02:03.5)"
        )
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(rest)


def span(start: str | None, end: str | None) -> TimeSpan:
    """The part of a clip between two times. Raises a usage error for times that make none."""
    try:
        return TimeSpan(seconds(start), seconds(end))
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
    """What the command line says of videos. Raises a usage error for times that make no part of a
    video."""
    large = None if stroke is None else max(stroke, MIN_VIDEO_STROKE)
    fps = None if rate is None else Fraction(rate).limit_denominator(1001)
    return VideoOptions(span(start, end), fps, codec, quality, preset, threads, pixels, large)  # type: ignore[arg-type]  # typer has checked them


def _frame_painter(
    stylizer: Stylizer, settings: StylizeSettings, smoothing: Smoothing, threads: int | None
) -> Callable[[UInt8], UInt8]:
    from impasto.video.frame_stylizer import FrameStyle, FrameStylizer
    from impasto.video.temporal.flow_blend import FlowStyle
    from impasto.video.temporal.frozen_statistics import SteadyStyle

    def steady(prepared: PreparedStyle) -> FrameStyle:
        if smoothing == "flow":
            return FlowStyle(prepared)
        return (
            SteadyStyle(prepared, engine=stylizer.engine.name, threads=threads)
            if smoothing == "still"
            else prepared.paint
        )

    return FrameStylizer(stylizer, settings, steady)


def paint(
    stylizer: Stylizer,
    path: Path,
    target: Path,
    settings: StylizeSettings,
    how: VideoOptions,
    smoothing: Smoothing,
    bar: Progress,
) -> dict[str, Any]:
    """Read, paint and write one clip; what `--json` says of it. On Ctrl-C, tells what is kept."""
    # here, as pictures do without PyAV
    from impasto.video.stylize import VideoInterrupted, stylize_video

    begun = time.perf_counter()
    task = bar.add_task(path.name, total=None)

    # seconds until a frame was painted: networks are compiled for its size, statistics read
    first = 0.0

    def show(done: int, count: int | None) -> None:
        nonlocal first
        first = first or time.perf_counter() - begun
        rate = done / (time.perf_counter() - begun)
        bar.update(
            task,
            completed=done,
            total=count,
            description=f"{path.name}, {rate:.1f} frames a second",
        )

    def told(done: "VideoResult") -> dict[str, Any]:
        for note in done.notes:
            console.note(note)
        took = time.perf_counter() - begun
        size = {"width": done.width, "height": done.height, "seconds": round(took, 3)}
        fps = (done.frames - 1) / (took - first) if done.frames > 1 else 1 / took
        speed = {
            "first_seconds": round(first, 3),
            "frames": done.frames,
            "fps": round(fps, 2),
            "lost": done.lost,
            "stroke": done.stroke,
        }
        return {"engine": stylizer.engine.name} | size | speed

    try:
        return told(
            stylize_video(
                path, target, _frame_painter(stylizer, settings, smoothing, how.threads), how, show
            )
        )
    except VideoInterrupted as stop:
        told(stop.painted)
        rest = "--overwrite paints all" if stop.target == target else f"{target} is as it was"
        console.note(
            f"{stop.target} holds the frames painted until then ({stop.painted.frames}); {rest}"
        )
        raise
    except (MemoryError, RuntimeError) as error:  # engines report a lack of memory as RuntimeError
        raise VideoError(
            f"{path}: painting failed ({next(iter(str(error).strip().splitlines()), 'out of memory')})"
        ) from error
    finally:
        bar.remove_task(task)
