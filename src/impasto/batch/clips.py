"""The way from a batch to videos, which load PyAV when the first of them is painted."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import VideoError, first_line
from impasto.images.image import UInt8
from impasto.inference.model import PreparedStyle
from impasto.inference.settings import StylizeSettings
from impasto.progress import OnProgress, Progress
from impasto.stylizer import Stylizer
from impasto.video.formats import VideoOptions

if TYPE_CHECKING:
    from impasto.video.stylize import VideoResult


class ClipInterrupted(KeyboardInterrupt):
    """Raised by Ctrl-C in a video of which at least one frame was painted.

    Attributes:
        target: file that the video was to be painted into.
        partial: file that holds the frames painted until then; beside the target, if that existed.
        frames: number of frames in it.
        notes: what else a user may want to know, one sentence each.
    """

    def __init__(self, target: Path, partial: Path, frames: int, notes: Sequence[str]) -> None:
        super().__init__()
        self.target, self.partial, self.frames, self.notes = target, partial, frames, notes


def stylize_clip(
    source: Path,
    target: Path,
    settings: StylizeSettings,
    stylizer: Stylizer,
    options: VideoOptions,
    *,
    steady: bool = True,
    flow: bool = False,
    on_progress: OnProgress | None = None,
) -> "VideoResult":
    """Paint one video, animation or sequence of numbered pictures.

    Raises:
        VideoError: it cannot be read, painted or written.
        ClipInterrupted: on Ctrl-C, when at least one frame was painted.
    """
    from impasto.video.stylize import VideoInterrupted, stylize_video

    begun = time.perf_counter()

    def report(done: int, count: int | None) -> None:
        if on_progress:
            fraction = done / count if count else 0.0
            seconds = time.perf_counter() - begun
            on_progress(Progress(fraction, seconds, source.name, done, count, "frame"))

    paint = _frame_function(stylizer, settings, options.threads, steady, flow)
    try:
        return stylize_video(source, target, paint, options, report)
    except VideoInterrupted as stop:
        frames, notes = stop.painted.frames, stop.painted.notes
        raise ClipInterrupted(target, stop.target, frames, notes) from stop
    except (MemoryError, RuntimeError) as error:  # engines report a lack of memory as RuntimeError
        raise VideoError(
            f"cannot paint {source}: painting failed ({first_line(error)}); if memory is short, use"
            " larger strokes (--stroke)"
        ) from error


def _frame_function(
    stylizer: Stylizer,
    settings: StylizeSettings,
    threads: int | None,
    steady: bool,
    flow: bool,
) -> Callable[[UInt8], UInt8]:
    from impasto.video.frame_stylizer import FrameStyle, FrameStylizer
    from impasto.video.temporal.flow_blend import FlowStyle
    from impasto.video.temporal.frozen_statistics import SteadyStyle

    def frame_style(prepared: PreparedStyle) -> FrameStyle:
        if flow:
            return FlowStyle(prepared)
        if steady:
            return SteadyStyle(prepared, engine=stylizer.engine.name, threads=threads)
        return prepared.paint

    return FrameStylizer(stylizer, settings, frame_style)
