"""Stylize a video: frames stay steady, strokes suit their size, and colors follow the scene."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from impasto.errors import ArgumentError, VideoError
from impasto.images.detection import FileKind, detect_kind
from impasto.images.image import UInt8
from impasto.inference.prepared_style import PreparedStyle
from impasto.inference.settings import StylizeSettings
from impasto.progress import OnProgress, Progress
from impasto.stylizer import Stylizer
from impasto.video.formats import VideoOptions, is_clip
from impasto.video.frame_pipeline import VideoInterrupted, VideoResult, paint_video
from impasto.video.frame_stylizer import FrameStyle, FrameStylizer
from impasto.video.large_strokes import MIN_VIDEO_STROKE
from impasto.video.pipelining import Begin, begin_frame, working_threads
from impasto.video.temporal.carried_frames import CarriedStyle, check_every
from impasto.video.temporal.flow_blend import FlowStyle
from impasto.video.temporal.frozen_statistics import SteadyStyle
from impasto.video.temporal.optical_flow import one_opencv_thread

__all__ = ["VideoInterrupted", "VideoResult", "stylize_video"]


def stylize_video(
    source: Path | str,
    target: Path | str,
    settings: StylizeSettings,
    stylizer: Stylizer,
    options: VideoOptions | None = None,
    *,
    steady: bool = True,
    flow: bool = False,
    on_progress: OnProgress | None = None,
) -> VideoResult:
    """Stylize a video, an animation or numbered pictures, as the command line does.

    `paint_video` says what is copied, and what happens to the target.

    Args:
        source: a video file, an animated GIF or WebP, a pattern such as `frames/%05d.png`, or a
            folder of pictures.
        target: a video file, a GIF or WebP, or a pattern.
        settings: style, strength, color, mask and regions. `options.stroke` decides the stroke
            size, and not `settings.stroke`.
        stylizer: the loaded network.
        options: settings for reading and writing. None: the defaults, with the stroke size of
            `settings`, or, where that is 1, one that suits the size of the frames.
        steady: keep frames alike where the scene stands still; else each is painted by itself.
        flow: also move strokes along with the scene; needs OpenCV.
        on_progress: called after each frame; `step` is the number of frames painted. An exception
            that it raises ends the work and leaves no file.

    Returns:
        Size, number of frames, times and notes.

    Raises:
        VideoError: the source cannot be read or holds no frame, the target cannot be written,
            OpenCV is missing, or the engine failed.
        StyleError: a style does not fit the network.
        MaskError: a mask is the photo's transparency, which frames do not have.
        PictureError: frames are too large, or a numbered picture cannot be written.
        ArgumentError: `flow` is set without `steady`, or strokes or `every` are out of range.
        VideoInterrupted: Ctrl-C was pressed after at least one frame was painted.
    """
    _refuse_picture(Path(source))
    began = time.perf_counter()
    stylizer = stylizer.for_many()
    options = options or VideoOptions(stroke=_video_stroke(settings))
    check_every(options.every)

    def complete(result: VideoResult) -> VideoResult:
        return replace(
            result,
            seconds=result.seconds + preparation,
            first_seconds=result.first_seconds + preparation,
            engine=stylizer.engine.name,
            precision=stylizer.engine.precision,
        )

    def report(progress: Progress) -> None:
        if on_progress is not None:
            on_progress(replace(progress, seconds=progress.seconds + preparation))

    try:
        with working_threads(stylizer.streams) as begin_work, contextlib.ExitStack() as stack:
            if flow or options.every > 1:
                stack.enter_context(one_opencv_thread())
            stabilize = _stabilizer(stylizer, steady, flow, options.every, begin_work)
            paint_frame = _NamedFailures(FrameStylizer(stylizer, settings, stabilize), Path(source))
            preparation = time.perf_counter() - began
            # a carried frame may take from the next painting
            ahead = stylizer.streams * options.every
            return complete(
                paint_video(source, target, paint_frame, options, report, ahead if ahead > 1 else 0)
            )
    except VideoInterrupted as interruption:
        interruption.result = complete(interruption.result)
        raise


def _refuse_picture(source: Path) -> None:
    """Raise VideoError if the source is a picture, which would become a video of one frame."""
    pictures = FileKind.PICTURE, FileKind.RAW, FileKind.UNREADABLE_PICTURE
    if detect_kind(source) in pictures and not is_clip(source):
        raise VideoError(
            f"cannot paint {source} as a video: it is a picture; `impasto stylize` and"
            " `impasto.stylize` paint pictures"
        )


def _video_stroke(settings: StylizeSettings) -> float | None:
    """Take the stroke size of the settings, but at least 1; None, where it is 1, to suit frames."""
    return None if settings.stroke == 1 else max(settings.stroke, MIN_VIDEO_STROKE)


def _stabilizer(
    stylizer: Stylizer, steady: bool, flow: bool, every: int, begin_work: Begin
) -> Callable[[PreparedStyle], FrameStyle]:
    """Choose the function that turns a prepared style into a painter of frames in order."""
    if flow and not steady:
        raise ArgumentError("cannot use flow=True with steady=False; choose one")

    def paint_all(prepared: PreparedStyle) -> FlowStyle | SteadyStyle | _Unsteady:
        prepared = prepared.for_frames()
        if flow:
            return FlowStyle(prepared, begin_work)
        if steady:
            return SteadyStyle(
                prepared, engine=stylizer.engine.name, threads=1, begin_work=begin_work
            )
        return _Unsteady(prepared, begin_work)

    def paint_some(prepared: PreparedStyle) -> FrameStyle:
        style = paint_all(prepared)
        return CarriedStyle(style, every) if prepared.passes else style  # else nothing is painted

    return paint_all if every == 1 else paint_some


class _Unsteady:
    """Paints each frame by itself."""

    def __init__(self, prepared: PreparedStyle, begin_work: Begin) -> None:
        self._prepared, self._begin_work = prepared, begin_work

    def __call__(self, frame: UInt8) -> UInt8:
        return self._prepared.paint(frame)

    def begin(self, frame: UInt8) -> Callable[[], UInt8]:
        return self._begin_work(self._prepared.paint, frame)


class _NamedFailures:
    """Paints frames; failures of the engine name the video.

    Engines report a lack of memory as RuntimeError.
    """

    def __init__(self, paint_frame: FrameStyle, source: Path) -> None:
        self._paint_frame, self._source = paint_frame, source

    def __call__(self, frame: UInt8) -> UInt8:
        return self.begin(frame)()

    def begin(self, frame: UInt8) -> Callable[[], UInt8]:
        with self._naming():
            finish = begin_frame(self._paint_frame, frame)

        def finish_named() -> UInt8:
            with self._naming():
                return finish()

        return finish_named

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            reason = next(iter(str(error).strip().splitlines()), "out of memory")
            raise VideoError(f"cannot paint {self._source}: painting failed ({reason})") from error
