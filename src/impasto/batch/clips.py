"""The way from a batch to videos, which load PyAV when the first of them is painted."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.inference.settings import StylizeSettings
from impasto.progress import OnProgress
from impasto.stylizer import Stylizer
from impasto.video.formats import VideoOptions

if TYPE_CHECKING:
    from impasto.video.stylize import VideoResult


class ClipInterrupted(KeyboardInterrupt):
    """Raised by Ctrl-C in a video of which at least one frame was painted.

    Attributes:
        target: file that the video was to be painted into.
        partial: file that holds the frames painted until then, beside the target.
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

    try:
        return stylize_video(
            source,
            target,
            settings,
            stylizer,
            options,
            steady=steady,
            flow=flow,
            on_progress=on_progress,
        )
    except VideoInterrupted as stop:
        frames, notes = stop.result.frames, stop.result.notes
        raise ClipInterrupted(target, stop.target, frames, notes) from stop
