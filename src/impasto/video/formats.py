"""Formats: the files that count as videos, the formats written, and the options for both.

Nothing here loads PyAV, so commands for pictures start fast.
"""

import contextlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from PIL import Image

from impasto.choices import MAX_PIXELS, CodecName, HwAccelName, Preset
from impasto.errors import VideoError
from impasto.images.detection import FileKind, is_animated, kind_of, read_start
from impasto.images.formats import EXTENSIONS, WRITABLE
from impasto.video.clip import TimeSpan
from impasto.video.image_sequences import is_pattern, matching, unfinished_marker


@dataclass(frozen=True)
class Container:
    """A container format that impasto writes.

    Attributes:
        muxer: its name in FFmpeg.
        codecs: the video codecs that players expect in it, the usual one first.
    """

    muxer: str
    codecs: tuple[str, ...]


_MP4 = Container("mp4", ("h264", "av1", "vp9"))
_TRANSPORT = Container("mpegts", ("h264",))
CONTAINERS = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container("mov", ("h264",)),
    ".mkv": Container("matroska", ("h264", "av1", "vp9")),
    ".webm": Container("webm", ("vp9", "av1")),
    ".ts": _TRANSPORT,
    ".mts": _TRANSPORT,
    ".m2ts": _TRANSPORT,
}
"""Containers of the videos that impasto writes, by suffix in lower case."""

ANIMATIONS = frozenset({".gif", ".webp"})
"""Suffixes, in lower case, of animations that impasto writes of any clip."""

ANIMATED_PICTURES = frozenset({".png", ".apng", ".avif"})
"""Suffixes, in lower case, of pictures that impasto writes as animations of animations."""

EXTENSIONS_READ = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".f4v"),
        *(".mpg", ".mpeg", ".vob", ".mts", ".m2ts", ".3gp", ".3g2", ".ogv", ".mxf"),
    )
)
"""Suffixes, in lower case, of the files in a folder that count as videos.

A file that the user names may have any suffix. `.ts` is missing, since in most folders it is
TypeScript.
"""

EXTENSIONS_WRITTEN = frozenset(CONTAINERS) | ANIMATIONS
"""Suffixes, in lower case, of the videos and animations that impasto writes."""


@dataclass(frozen=True)
class VideoOptions:
    """Settings for reading and writing a clip.

    Attributes:
        span: part of the clip to paint.
        rate: frames per second of numbered pictures; None for 25.
        codec: "auto", "h264", "vp9" or "av1".
        quality: 1 (small file) to 100 (fine picture).
        preset: encoding speed against file size, in the words of x264.
        threads: number of threads to decode and to encode with; None for all cores.
        max_pixels: largest number of pixels of a frame; larger frames are refused.
        stroke: stroke size, from 1 (as the network paints) to 16. Frames are painted reduced by
            this factor, and the painting function gets frames of the reduced size. None: as suits
            the size of the frames (`impasto.video.large_strokes.default_stroke`).
        every: paint one of so many frames, 1 (all) to 4; the others show its painting, moved along
            the optical flow (`impasto.video.temporal.carried_frames`). From 2 on it needs OpenCV.
        hwaccel: kind of hardware that encodes and decodes, one of `ACCELERATORS`, or "auto" for the
            first that works. Without it, or where it does not work, software does; a note says so.
        numbered: whether the target is the pattern of numbered pictures; None where its name tells.
    """

    span: TimeSpan = TimeSpan()
    rate: Fraction | None = None
    codec: CodecName = "auto"
    quality: int = 92
    preset: Preset = "veryfast"
    threads: int | None = None
    max_pixels: int = MAX_PIXELS
    stroke: float | None = 1.0
    every: int = 1
    hwaccel: HwAccelName = "none"
    numbered: bool | None = None


_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")  # h:m:s


def parse_time(time: str | float | Fraction) -> Fraction:
    """Convert a time to seconds.

    Args:
        time: seconds as a number or text ("90", "1.5"), or "h:m:s" ("1:30", "1:02:03.5").

    Raises:
        VideoError: the text is no time.
    """
    if not isinstance(time, str):
        return Fraction(time)
    match = _TIME.fullmatch(time.strip())
    if not match:
        raise VideoError(
            f"cannot read {time!r}: it is no time; write seconds (90, 1.5) or h:m:s "
            "(1:30, 1:02:03.5)"
        )
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds)


def parse_span(
    start: str | float | Fraction | None = None, end: str | float | Fraction | None = None
) -> TimeSpan:
    """Make the part of a clip between two times.

    Args:
        start: time of the beginning, as `parse_time` takes it; None for the beginning of the clip.
        end: time of the end, as `parse_time` takes it; None for the end of the clip.

    Raises:
        VideoError: a text is no time, or the end does not lie after the start.
    """
    return TimeSpan(*(None if time is None else parse_time(time) for time in (start, end)))


def is_clip(path: Path) -> bool:
    """Tell whether a path names a video, an animation or numbered pictures.

    The content decides; where that is unknown, missing or broken, the suffix does.
    """
    suffix = path.suffix.lower()
    if is_pattern(path) or os.path.isdir(path):  # noqa: PTH112  # `Path` raises at long names
        return True
    header = read_start(path)
    kind = FileKind.MISSING if header is None else kind_of(header)
    if header and kind is FileKind.PICTURE:
        return is_animation(path)
    if kind in (FileKind.RAW, FileKind.UNREADABLE_PICTURE):
        return False
    if kind is FileKind.VIDEO or suffix in EXTENSIONS_READ:
        return True
    return bool(header) and suffix not in EXTENSIONS


def is_animation(path: Path) -> bool:
    """Tell whether a file is a GIF, WebP, PNG or AVIF of more than one frame."""
    header = read_start(path)
    if not header:
        return False
    if not header.startswith((b"GIF8", b"RIFF")):
        return is_animated(header)
    with (
        contextlib.suppress(Exception),  # Pillow raises anything
        Image.open(path, formats=("GIF", "WEBP")) as image,
    ):
        return bool(getattr(image, "is_animated", False))
    return False


def written_suffix(path: Path) -> str:
    """Choose the suffix of a painted clip, where the user names none.

    It is the suffix of the clip, or else .mkv, which holds all that other containers hold.
    """
    if path.is_dir():
        return ".mp4"
    if is_pattern(path):
        return path.suffix if path.suffix.lower() in WRITABLE else ".png"
    suffix = path.suffix.lower()
    if suffix in ANIMATED_PICTURES | ANIMATIONS and is_animation(path):
        return path.suffix
    return path.suffix if suffix in CONTAINERS else _suffix_by_content(path)


def _suffix_by_content(path: Path) -> str:
    """Return the suffix for an animation under a foreign name; .mkv for all other clips."""
    header = read_start(path) or b""
    if is_animation(path):
        return {b"GIF8": ".gif", b"RIFF": ".webp", b"\x89PNG": ".png"}.get(header[:4], ".avif")
    return ".mkv"


def exists(target: Path, numbered: bool = False) -> bool:
    """Tell whether a target exists: the file, or files of the pattern of `numbered` pictures.

    Numbered pictures of which a run was interrupted do not count: the next run paints them anew.
    """
    if numbered:
        return bool(matching(target)) and not unfinished_marker(target).exists()
    return target.exists()


def is_same_file(source: Path, target: Path, numbered: bool = False) -> bool:
    """Tell whether writing the target would overwrite the source.

    Args:
        source: a file, a folder, or a pattern.
        target: a file, or the pattern of `numbered` pictures.
        numbered: whether the target is a pattern.
    """
    if numbered:
        sources = {path.resolve() for path in _files_of(source)}
        return bool(sources & {path.resolve() for path in matching(target).values()})
    return target.exists() and source.exists() and target.samefile(source)


def _files_of(source: Path) -> Iterable[Path]:
    if source.is_dir():
        return source.iterdir()
    return matching(source).values() if is_pattern(source) else [source]
