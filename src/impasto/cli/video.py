"""Options of videos, as `impasto stylize` and `impasto evaluate` take them."""

from fractions import Fraction
from typing import TYPE_CHECKING

import typer

from impasto.errors import VideoError
from impasto.video.clip import TimeSpan
from impasto.video.formats import VideoOptions, parse_span, parse_time
from impasto.video.large_strokes import MIN_VIDEO_STROKE

if TYPE_CHECKING:
    pass


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
