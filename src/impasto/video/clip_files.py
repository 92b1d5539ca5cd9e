"""Clip files: open a clip for reading, and a file for writing, in the format that its name says."""

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Protocol, cast

from av.error import FFmpegError

from impasto.errors import VideoError, one_line
from impasto.files import RoomyFile, atomic_write, os_reason
from impasto.hardware import available_cores
from impasto.images.detection import FileKind, kind_of, read_start
from impasto.images.formats import WRITABLE
from impasto.video.animations import (
    AnimationReader,
    APNGWriter,
    AVIFWriter,
    GIFWriter,
    WebPWriter,
)
from impasto.video.clip import Clip, Frame, Item
from impasto.video.demuxer import describe_track
from impasto.video.formats import (
    ANIMATED_PICTURES,
    ANIMATIONS,
    EXTENSIONS_WRITTEN,
    VideoOptions,
    is_animation,
)
from impasto.video.image_sequences import DEFAULT_RATE, SequenceReader, SequenceWriter, is_pattern
from impasto.video.reader import VideoReader
from impasto.video.writer import VideoWriter

# Disk space kept free to end a file on a full disk: for the index, Matroska's last cluster, and the
# frames in the encoder.
_RESERVED_BYTES, _RESERVED_BYTES_PER_PIXEL = 10 << 20, 8


class Writer(Protocol):
    """Writes the frames and packets of a clip, in order."""

    def write(self, item: Item) -> None:
        """Write a painted frame, or packets."""
        ...

    def close(self) -> None:
        """End the file."""
        ...


def open_clip(source: Path, options: VideoOptions) -> Clip:
    """Open a video, an animation or numbered pictures.

    Args:
        source: a file, a pattern such as `frames/%05d.png`, or a folder of pictures.
        options: settings for reading.

    Raises:
        VideoError: the source cannot be read, or `options.rate` is set for a source that has times
            of its own.
        PictureError: its frames are too large.
    """
    if is_pattern(source) or source.is_dir():
        rate = options.rate or DEFAULT_RATE
        return SequenceReader(source, options.span, rate, options.max_pixels)
    if options.rate:
        raise VideoError(
            f"cannot set the frame rate of {source}: it has times of its own; frames a second are "
            "for numbered pictures"
        )
    is_video = kind_of(read_start(source) or b"") is FileKind.VIDEO
    if is_animation(source) or (source.suffix.lower() in ANIMATIONS and not is_video):
        return AnimationReader(source, options.span, options.max_pixels)
    threads = options.threads or available_cores()
    return VideoReader(
        source, options.span, threads, options.max_pixels, options.stroke, options.hwaccel
    )


@contextlib.contextmanager
def open_writer(
    target: Path,
    clip: Clip,
    first: Frame,
    options: VideoOptions,
    rename: Callable[[Path], Path] = lambda path: path,
) -> Iterator[tuple[Writer, RoomyFile | None]]:
    """Open a writer for a target.

    A file appears at the end of the block, complete, and not at all if the block raises. Numbered
    pictures appear one by one.

    Args:
        target: a file, or a pattern such as `frames/%05d.png`.
        clip: the clip that is painted.
        first: the first frame, for its size.
        options: settings for writing.
        rename: called at the end with the path of the file; it may return another one.

    Returns:
        A context manager that gives the writer, and the file it writes to; None for numbered
        pictures.

    Raises:
        VideoError: the target cannot be written.
    """
    is_numbered = is_pattern(target) if options.numbered is None else options.numbered
    if clip.tracks and (is_numbered or target.suffix.lower() in ANIMATIONS | ANIMATED_PICTURES):
        names = ", ".join(map(describe_track, clip.tracks))
        clip.notes.append(f"{clip.path}: left out, as {target.name} holds pictures only: {names}")
    if is_numbered:
        yield SequenceWriter(target, options.quality), None
        return
    _check_suffix(target, clip)
    reserved_bytes = _RESERVED_BYTES + _RESERVED_BYTES_PER_PIXEL * math.prod(first.size)
    try:
        with (
            atomic_write(target, rename, buffering=0) as raw_file,
            contextlib.closing(RoomyFile(raw_file, reserved_bytes)) as file,
        ):
            yield _make_writer(cast(IO[bytes], file), target, clip, first, options), file
    except OSError as error:
        raise VideoError(f"cannot write {target}: {os_reason(error)}") from error
    except FFmpegError as error:
        raise VideoError(
            f"cannot write {target}: FFmpeg refuses it ({one_line(error)}); use another format"
        ) from error


def _make_writer(
    file: IO[bytes], target: Path, clip: Clip, first: Frame, options: VideoOptions
) -> Writer:
    suffix = target.suffix.lower()
    if suffix == ".gif":
        return GIFWriter(file, clip, first)
    if suffix == ".webp":
        return WebPWriter(file, clip, first, options.quality)
    if suffix == ".avif":
        return AVIFWriter(file, clip, options.quality)
    if suffix in ANIMATED_PICTURES:
        return APNGWriter(file, clip, first)
    return VideoWriter(file, target, clip, first, options)


def _check_suffix(target: Path, clip: Clip) -> None:
    suffix = target.suffix.lower()
    # a video becomes no .png by mistake: numbered pictures are meant more often
    is_animation = isinstance(clip, AnimationReader) or suffix == ".apng"
    if suffix in EXTENSIONS_WRITTEN or (is_animation and suffix in ANIMATED_PICTURES):
        return
    pattern = f", or a pattern such as {target.with_suffix('')}-%05d{target.suffix}"
    remedy = pattern if target.suffix.lower() in WRITABLE else ""
    raise VideoError(
        f"cannot write {target} as a video; use one of "
        f"{' '.join(sorted(EXTENSIONS_WRITTEN))}{remedy}"
    )


def partial_path(path: Path) -> Path:
    """Find a free name beside a file for a part of it: `clip.part.mp4`, `clip.part-2.mp4`, ..."""
    names = (
        path.with_stem(f"{path.stem}.part{number and f'-{number}'}")
        for number in ("", *range(2, 1_000_000))
    )
    return next(name for name in names if not name.exists())
