"""The frame pipeline: a clip is read, painted frame by frame, and written, all at once."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from impasto.errors import ArgumentError, VideoError
from impasto.files import RoomyFile, os_reason
from impasto.images.image import UInt8
from impasto.progress import OnProgress, Progress
from impasto.video.clip import Clip, Frame, Item
from impasto.video.clip_files import Writer, open_clip, open_writer, partial_path
from impasto.video.formats import VideoOptions
from impasto.video.frame_size import fit_frame
from impasto.video.image_sequences import SequenceWriter
from impasto.video.large_strokes import check_stroke, choose_stroke, enlarge_frame, reduce_frame
from impasto.video.pipelining import begin_frame, prefetch, write_behind
from impasto.video.reader import VideoReader
from impasto.video.writer import VideoWriter

PaintFrame = Callable[[UInt8], UInt8]
"""Paints a frame: uint8 (H, W, 3) to uint8 (H, W, 3).

It is called in order of time, in the thread of `paint_video`. All frames have one size, reduced
where strokes are large. Only numbered pictures that become numbered pictures keep their own sizes.
"""

_QUEUE_DEPTH = 3  # frames that wait before and behind the painting; in full HD, 6 MB each


@dataclass(frozen=True)
class VideoResult:
    """The outcome of painting a clip.

    Attributes:
        width: pixels across.
        height: pixels down.
        frames: number of frames painted.
        lost: number of frames that could not be decoded.
        notes: remarks for the user, one line each.
        stroke: stroke size.
        seconds: time spent in all.
        first_seconds: time until the first frame was painted: networks are compiled for its size,
            and statistics are measured.
        engine: name of the engine that painted; empty for a painting function of the caller's own.
        precision: precision in which it computed.
    """

    width: int
    height: int
    frames: int
    lost: int
    notes: list[str]
    stroke: float
    seconds: float
    first_seconds: float
    engine: str = ""
    precision: str = ""

    @property
    def fps(self) -> float:
        """Frames painted per second, after the first one."""
        if self.frames > 1:
            return (self.frames - 1) / max(self.seconds - self.first_seconds, 1e-9)
        return 1 / max(self.seconds, 1e-9)

    def to_record(self) -> dict[str, Any]:
        """Give the values as in the JSON record of `impasto stylize`, rounded."""
        return {
            "engine": self.engine,
            "precision": self.precision,
            "width": self.width,
            "height": self.height,
            "seconds": round(self.seconds, 3),
            "first_seconds": round(self.first_seconds, 3),
            "frames": self.frames,
            "fps": round(self.fps, 2),
            "lost": self.lost,
            "stroke": self.stroke,
        }


class VideoInterrupted(KeyboardInterrupt):
    """Raised by Ctrl-C after at least one frame was painted.

    Attributes:
        result: the outcome until then.
        target: file that holds the frames painted until then, beside the target: `clip.part.mp4`.
            Numbered pictures stay where they are.
    """

    def __init__(self, result: VideoResult, target: Path) -> None:
        super().__init__()
        self.result = result
        self.target = target


def paint_video(
    source: Path | str,
    target: Path | str,
    paint_frame: PaintFrame,
    options: VideoOptions | None = None,
    on_progress: OnProgress | None = None,
    ahead: int = 0,
) -> VideoResult:
    """Paint a video, an animation or numbered pictures with any function.

    Reading, painting and writing overlap. Sound, subtitles, chapters and metadata are copied;
    times, size and the shape of pixels stay. Frames that a camera turned come out upright. The
    target appears complete or not at all. After Ctrl-C, or if the disk fills up, the frames painted
    until then are kept beside the target, as `clip.part.mp4`. Numbered pictures appear one by one.

    Args:
        source: a video file, an animated GIF or WebP, a pattern such as `frames/%05d.png`, or a
            folder of pictures.
        target: a video file, a GIF or WebP, or a pattern.
        paint_frame: uint8 (H, W, 3) to uint8 (H, W, 3), called for one frame after the other.
        options: settings for reading and writing.
        on_progress: called after each frame; `step` is the number of frames painted. An exception
            that it raises ends the work and leaves no file.
        ahead: frames that are begun before the one before them is finished, where `paint_frame`
            has a method `begin` (`impasto.video.pipelining.PaintsAhead`).

    Returns:
        Size, number of frames, times and notes.

    Raises:
        VideoError: the source cannot be read or holds no frame, or the target cannot be written.
        ValueError: `paint_frame` returns another size or type, or strokes are out of range.
        PictureError: frames are too large, or a numbered picture cannot be written.
        VideoInterrupted: Ctrl-C was pressed after at least one frame was painted.
    """
    options = options or VideoOptions()
    check_stroke(options.stroke)
    with open_clip(Path(source), options) as clip:
        return _Painting(clip, Path(target), paint_frame, options, on_progress, ahead).run()


class _Painting:
    """One clip being painted.

    Attributes:
        clip: clip to paint.
        target: file to write.
        kept: file that was written: the target, or a file beside it that holds a part.
        error: Ctrl-C or a full disk, which ended the work and left a part to keep.
    """

    def __init__(
        self,
        clip: Clip,
        target: Path,
        paint_frame: PaintFrame,
        options: VideoOptions,
        on_progress: OnProgress | None,
        ahead: int,
    ) -> None:
        self.clip, self.target, self.kept = clip, target, target
        self.error: KeyboardInterrupt | OSError | None = None
        self._paint_frame, self._options, self._on_progress = paint_frame, options, on_progress
        self._ahead = ahead
        self._began = time.perf_counter()
        self._first_seconds = 0.0
        self._painted = self._written = 0

    def run(self) -> VideoResult:
        items = _reduced_items(self.clip, self._options.stroke)
        first = next(items)
        assert isinstance(first, Frame)
        with open_writer(self.target, self.clip, first, self._options, self._final_path) as (
            writer,
            file,
        ):
            try:
                self._paint_all(items, first, writer, file)
            except (KeyboardInterrupt, OSError) as error:
                is_full_disk = file is not None and error is file.full
                if not self._written or not (isinstance(error, KeyboardInterrupt) or is_full_disk):
                    raise
                self.error = error
            writer.close()
            if isinstance(writer, SequenceWriter) and not self.error:
                writer.mark_complete()
        return self._finish(first)

    def _final_path(self, path: Path) -> Path:
        """Choose the name of the file: a part never has that of the target."""
        if self.error:
            self.kept = partial_path(path)
            return self.kept
        return path

    def _paint_all(
        self, items: Iterator[Item], first: Frame, writer: Writer, file: RoomyFile | None
    ) -> None:
        def write_item(item: Item) -> None:
            writer.write(item)
            self._written += isinstance(item, Frame)
            if file and file.full:
                raise file.full

        with (
            prefetch(items, _QUEUE_DEPTH) as coming,
            write_behind(write_item, _QUEUE_DEPTH) as write,
        ):
            begun: deque[Callable[[], None]] = deque()
            frames = 0  # that are begun
            for item in itertools.chain([first], coming):
                if isinstance(item, Frame):
                    frames += 1
                    begun.append(self._begin(item, first, writer, write))
                else:
                    begun.append(partial(write, item))
                while begun and frames - self._painted > self._ahead:
                    begun.popleft()()
            while begun:
                begun.popleft()()

    def _begin(
        self, frame: Frame, first: Frame, writer: Writer, write: Callable[[Item], None]
    ) -> Callable[[], None]:
        """Begin to paint a frame; the function returned writes it."""
        if not isinstance(writer, SequenceWriter):
            frame = fit_frame(frame, first, self.clip)
        paint = begin_frame(self._paint_frame, frame.rgb)

        def finish() -> None:
            painted = replace(frame, rgb=_checked(paint(), frame.rgb))
            # a video writer enlarges opaque frames itself, while it converts their colors
            is_enlarged_later = frame.alpha is None and isinstance(writer, VideoWriter)
            write(painted if is_enlarged_later else enlarge_frame(painted))
            self._report()

        return finish

    def _report(self) -> None:
        self._painted += 1
        seconds = time.perf_counter() - self._began
        self._first_seconds = self._first_seconds or seconds
        if self._on_progress is None:
            return
        count = self.clip.count
        fraction = min(1.0, self._painted / count) if count else 0.0
        self._on_progress(
            Progress(fraction, seconds, self.clip.path.name, self._painted, count, "frame")
        )

    def _finish(self, first: Frame) -> VideoResult:
        clip, frames = self.clip, self._written
        if isinstance(self.error, OSError):
            raise VideoError(
                f"cannot write {self.target} further: {os_reason(self.error)}; {self.kept} holds "
                f"the frames painted until then ({frames})"
            ) from self.error
        if clip.lost and not self.error:
            plural = "frame is" if clip.lost == 1 else "frames are"
            clip.notes.append(
                f"{clip.path}: {clip.lost} {plural} lost to damage; all others keep their time"
            )
        height, width = first.size
        result = VideoResult(
            width,
            height,
            frames,
            clip.lost,
            notes=list(dict.fromkeys(clip.notes)),
            stroke=choose_stroke(height, width, self._options.stroke),
            seconds=time.perf_counter() - self._began,
            first_seconds=self._first_seconds,
        )
        if self.error:
            raise VideoInterrupted(result, self.kept)
        return result


def _reduced_items(clip: Clip, stroke: float | None) -> Iterator[Item]:
    """Yield the items of a clip, frames in the size at which they are painted."""
    if isinstance(clip, VideoReader):  # which reduces frames while it converts their colors
        return clip.items()
    return (
        reduce_frame(item, stroke) if isinstance(item, Frame) else item for item in clip.items()
    )


def _checked(painted: UInt8, frame: UInt8) -> UInt8:
    if painted.shape != frame.shape or painted.dtype != np.uint8:
        raise ArgumentError(
            f"cannot use a painted frame: a frame of uint8 {frame.shape} was painted as "
            f"{painted.dtype} {painted.shape}; keep size and type"
        )
    return painted
