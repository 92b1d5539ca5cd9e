"""A clip painted: read, painted frame by frame, and written, all at once."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import VideoError
from impasto.files import RoomyFile, atomic_write, os_reason
from impasto.hardware import available_cores
from impasto.images.formats import WRITABLE
from impasto.images.image import UInt8
from impasto.video import image_sequences
from impasto.video.animations import AnimationReader, GIFWriter, WebPWriter
from impasto.video.clip import Clip, Frame, Item
from impasto.video.formats import ANIMATIONS, EXTENSIONS_WRITTEN, VideoOptions
from impasto.video.image_sequences import SequenceReader, SequenceWriter, is_pattern
from impasto.video.large_strokes import check_stroke, enlarge, reduce, stroke_of
from impasto.video.pipelining import prefetch, write_behind
from impasto.video.reader import VideoReader
from impasto.video.writer import VideoWriter

T = TypeVar("T", bound=np.generic)
FrameFunction = Callable[[UInt8], UInt8]
"""Paints a frame: uint8 (H, W, 3) to uint8 (H, W, 3). Called in order of time, in the thread of
`stylize_video`, and with frames of one size (but for numbered pictures into numbered pictures,
which keep their own), reduced where strokes are large."""

FrameProgress = Callable[[int, int | None], None]
"""Told after each frame how many are painted, and of how many, where that is known."""

_DEPTH = 3  # frames that wait before and behind the painter: full HD has 6 MB each
# Bytes, and bytes a pixel, kept to end a file on a full disk: index, Matroska's last cluster,
# frames in the encoder.
_ROOM, _ROOM_A_PIXEL = 10 << 20, 8


@dataclass(frozen=True)
class VideoResult:
    """What came of a clip: pixels across and down, frames painted, frames that could not be
    decoded, what there is to know, and how large strokes are."""

    width: int
    height: int
    frames: int
    lost: int
    notes: list[str]
    stroke: float = 1.0


class VideoInterrupted(KeyboardInterrupt):
    """Ctrl-C, after which what was painted until then stands in `target`: where something was there
    before, beside it."""

    def __init__(self, painted: VideoResult, target: Path) -> None:
        super().__init__()
        self.painted = painted
        self.target = target


class _Writer(Protocol):
    def write(self, item: Item) -> None: ...

    def close(self) -> None: ...


def stylize_video(
    source: Path | str,
    target: Path | str,
    paint: FrameFunction,
    options: VideoOptions | None = None,
    progress: FrameProgress | None = None,
) -> VideoResult:
    """Paint a video, an animation or numbered pictures.

    Reading, painting and writing overlap. Sound, subtitles, chapters and metadata are copied;
    times, size and the shape of pixels stay; frames that a camera turned come out upright. The
    target appears whole or not at all; numbered pictures appear one by one. Where the disk fills
    up, what was painted until then stands beside the target, as `clip.part.mp4`.

    Args:
        source: a video file, an animated GIF or WebP, a pattern such as `frames/%05d.png`, or a
            folder of pictures.
        target: a video file, a GIF or WebP, or a pattern.
        paint: uint8 (H, W, 3) to uint8 (H, W, 3), called for one frame after the other.
        options: how to read and write.
        progress: told after each frame.

    Raises:
        VideoError: the source cannot be read, holds no frame, or the target cannot be written.
        ValueError: `paint` gives another size or type than it was given, or strokes are out of
            range.
        PictureError: frames are too large, or a numbered picture cannot be written.
        Interrupted: on Ctrl-C, when at least one frame was painted; the target holds what was, or,
            if it was there before, a file beside it, such as `clip.part.mp4`.
    """
    source, target, options = Path(source), Path(target), options or VideoOptions()
    progress = progress or (lambda done, count: None)
    check_stroke(options.stroke)
    with open_clip(source, options) as clip:
        items = clip.items()
        if not isinstance(clip, VideoReader):  # which reads them so
            items = (
                reduce(item, options.stroke) if isinstance(item, Frame) else item for item in items
            )
        first = next(items)
        assert isinstance(first, Frame)
        done, kept = 0, target
        stopped: BaseException | None = None

        def named(path: Path) -> Path:
            """Where the file goes: a part takes no place of what was there, nor, unless wished for,
            the name of the whole."""
            nonlocal kept
            if stopped and (path.exists() or isinstance(stopped, OSError)):
                kept = path = partial_path(path)
            return path

        with _writing(target, clip, enlarge(first), options, named) as (out, file):
            written = 0

            def write_out(item: Item) -> None:
                nonlocal written
                out.write(item)
                written += isinstance(item, Frame)
                if file and file.full:
                    raise file.full

            same_size = not isinstance(out, SequenceWriter)
            try:
                with prefetch(items, _DEPTH) as coming, write_behind(write_out, _DEPTH) as write:
                    for item in itertools.chain([first], coming):
                        if isinstance(item, Frame):
                            frame = fit_frame(item, first, clip) if same_size else item
                            item = replace(frame, rgb=_painted(paint, frame.rgb))
                            if item.alpha is not None or not isinstance(
                                out, VideoWriter
                            ):  # which brings light up itself
                                item = enlarge(item)
                        write(item)
                        if isinstance(item, Frame):
                            done += 1
                            progress(done, clip.count)
            except (KeyboardInterrupt, OSError) as error:
                if not written or (
                    isinstance(error, OSError) and (file is None or error is not file.full)
                ):
                    raise
                stopped = error
            out.close()
        if isinstance(stopped, OSError):
            there = f"{kept} holds the frames painted until then ({written})"
            raise VideoError(
                f"cannot write {target} further: {os_reason(stopped)}; {there}"
            ) from stopped
        if clip.lost and not stopped:
            plural = "frame is" if clip.lost == 1 else "frames are"
            clip.notes.append(
                f"{source}: {clip.lost} {plural} lost to damage; all others keep their time"
            )
        height, width = first.size
        notes, stroke = list(dict.fromkeys(clip.notes)), stroke_of(height, width, options.stroke)
        painted = VideoResult(width, height, written, clip.lost, notes, stroke)
    if stopped:
        raise VideoInterrupted(painted, kept)
    return painted


def partial_path(path: Path) -> Path:
    """A name beside a file for a part of it, which nothing has yet: `clip.part.mp4`,
    `clip.part-2.mp4` and so on."""
    names = (
        path.with_stem(f"{path.stem}.part{number and f'-{number}'}")
        for number in ("", *range(2, 1_000_000))
    )
    return next(name for name in names if not name.exists())


def open_clip(source: Path, options: VideoOptions) -> Clip:
    """A video, an animation or numbered pictures, opened. Raises VideoError or PictureError where
    that cannot be read."""
    if is_pattern(source) or source.is_dir():
        return SequenceReader(
            source, options.span, options.rate or image_sequences.RATE, options.max_pixels
        )
    if options.rate:
        raise VideoError(
            f"{source} has times of its own; frames a second are for numbered pictures"
        )
    if source.suffix.lower() in ANIMATIONS:
        return AnimationReader(source, options.span, options.max_pixels)
    return VideoReader(
        source,
        options.span,
        options.threads or available_cores(),
        options.max_pixels,
        options.stroke,
    )


@contextlib.contextmanager
def _writing(
    target: Path, clip: Clip, first: Frame, options: VideoOptions, named: Callable[[Path], Path]
) -> Iterator[tuple[_Writer, RoomyFile | None]]:
    """What writes the target, and into what; a file appears whole at the end of the block, or not
    at all."""
    if is_pattern(target):
        yield SequenceWriter(target, options.quality), None
        return
    if target.suffix.lower() not in EXTENSIONS_WRITTEN:
        remedy = f"or a pattern such as {target.with_suffix('')}-%05d{target.suffix}"
        other = f", {remedy}" if target.suffix.lower() in WRITABLE else ""
        raise VideoError(
            f"cannot write {target} as a video; use one of {' '.join(sorted(EXTENSIONS_WRITTEN))}{other}"
        )
    try:
        room = _ROOM + _ROOM_A_PIXEL * first.rgb[..., 0].size
        with (
            atomic_write(target, named, buffering=0) as opened,
            contextlib.closing(RoomyFile(opened, room)) as file,
        ):
            to = cast(IO[bytes], file)
            if target.suffix.lower() == ".gif":
                yield GIFWriter(to, clip, first), file
            elif target.suffix.lower() == ".webp":
                yield WebPWriter(to, clip, first, options.quality), file
            else:
                threads = options.threads or available_cores()
                yield (
                    VideoWriter(
                        to,
                        target,
                        clip,
                        first,
                        options.codec,
                        options.quality,
                        options.preset,
                        threads,
                    ),
                    file,
                )
    except OSError as error:
        raise VideoError(f"cannot write {target}: {os_reason(error)}") from error


def _painted(paint: FrameFunction, frame: UInt8) -> UInt8:
    painted = paint(frame)
    if painted.shape != frame.shape or painted.dtype != np.uint8:
        seen = f"{painted.dtype} {painted.shape}"
        raise ValueError(
            f"a frame of uint8 {frame.shape} was painted as {seen}; paint must keep size and type"
        )
    return painted


def fit_frame(frame: Frame, first: Frame, clip: Clip) -> Frame:
    """A frame in the size of the first one."""
    if frame.size == first.size and frame.rgb.shape == first.rgb.shape:
        return frame
    size, seen = (f"{each.size[1]}x{each.size[0]}" for each in (first, frame))
    where = f"{size} to {seen} pixels at frame {frame.number}"
    note = f"{clip.path}: frames change from {where}; all are painted in the size of the first"
    if not any("frames change" in said for said in clip.notes):
        clip.notes.append(note)
    if first.fine is None:
        frame = enlarge(frame)
    fine = None if first.fine is None else np.zeros_like(first.fine)
    if fine is not None and frame.fine is not None:
        fine = np.rint(_resized(frame.fine.astype(np.float32), first.size)).astype(np.int16)
    alpha = None if frame.alpha is None else _resized(frame.alpha, first.size)
    height, width = first.rgb.shape[:2]
    return replace(frame, rgb=_resized(frame.rgb, (height, width)), alpha=alpha, fine=fine)


def _resized(pixels: NDArray[T], size: tuple[int, int]) -> NDArray[T]:
    """Pixels (H, W) or (H, W, 3) in another size, down and across."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(image.resize(size[::-1], Image.Resampling.BILINEAR))
