"""What counts as a video, what one is written as, and how: all that can be said before PyAV is
loaded."""

import contextlib
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from PIL import Image

from impasto.images.formats import EXTENSIONS, WRITABLE
from impasto.images.reading import MAX_PIXELS
from impasto.video.clip import TimeSpan
from impasto.video.image_sequences import is_pattern, matching

CodecName = Literal["auto", "h264", "vp9", "av1"]
Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]
PRESETS: tuple[str, ...] = get_args(Preset)


@dataclass(frozen=True)
class Container:
    """A container that videos are written in: its muxer, and the codecs that players expect in it,
    the usual one first."""

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
"""Containers of the videos that are written, by suffix in lower case."""

ANIMATIONS = frozenset({".gif", ".webp"})
"""Suffixes, in lower case, of animations that are read and written."""

EXTENSIONS_READ = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".f4v"),
        *(".mpg", ".mpeg", ".vob", ".mts", ".m2ts", ".3gp", ".3g2", ".ogv", ".mxf"),
    )
)
"""Suffixes, in lower case, of what counts as a video in a folder; a file that is named may have
any. Without .ts, which in most folders is TypeScript."""

EXTENSIONS_WRITTEN = frozenset(CONTAINERS) | ANIMATIONS
"""Suffixes, in lower case, that a video may be written with."""


@dataclass(frozen=True)
class VideoOptions:
    """How a clip is read and written.

    Attributes:
        span: the part to paint.
        rate: frames a second of numbered pictures; None for 25.
        codec: "auto", "h264", "vp9" or "av1".
        quality: 1 (small) to 100 (fine).
        preset: speed against size, in the words of x264.
        threads: to decode and to encode with; None for all cores.
        max_pixels: refuse frames of more pixels.
        stroke: how large strokes are, from 1 (as the network paints) to 16; frames are painted
            reduced by it, and what is given to `paint` is so small. None: as large as suits the
            size (`impasto.video.large_strokes.usual_stroke`).
    """

    span: TimeSpan = TimeSpan()
    rate: Fraction | None = None
    codec: CodecName = "auto"
    quality: int = 92
    preset: Preset = "veryfast"
    threads: int | None = None
    max_pixels: int = MAX_PIXELS
    stroke: float | None = 1.0


def is_clip(path: Path) -> bool:
    """Whether a path is one of a video, an animation or numbered pictures; else it is a picture's,
    or nothing's.

    Files of pictures and videos go by their suffixes, all others by their content.
    """
    suffix = path.suffix.lower()
    if suffix in ANIMATIONS:
        return is_animation(path) or is_pattern(path)
    if suffix in EXTENSIONS_READ or is_pattern(path) or os.path.isdir(path):  # noqa: PTH112  # `Path` raises at long names
        return True
    return suffix not in EXTENSIONS and _has_content(path) and not _is_picture(path)


def is_animation(path: Path) -> bool:
    """Whether a file is a GIF or WebP of more than one frame."""
    with (
        contextlib.suppress(Exception),
        Image.open(path, formats=("GIF", "WEBP")) as image,
    ):  # Pillow raises anything
        return bool(getattr(image, "is_animated", False))
    return False


def _has_content(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.is_file() and path.stat().st_size > 0
    return False


def _is_picture(path: Path) -> bool:
    with contextlib.suppress(Exception), Image.open(path):
        return True
    return False


def written_suffix(path: Path) -> str:
    """The suffix of a clip's painting where nobody says: its own, or .mkv, which holds what all
    others do."""
    if path.is_dir():
        return ".mp4"
    written = WRITABLE if is_pattern(path) else EXTENSIONS_WRITTEN
    return path.suffix if path.suffix.lower() in written else ".png" if is_pattern(path) else ".mkv"


def exists(target: Path) -> bool:
    """Whether a target is there already: the file, or any of a pattern's."""
    return bool(matching(target)) if is_pattern(target) else target.exists()


def is_same_file(source: Path, target: Path) -> bool:
    """Whether writing the target would write over the source."""
    if is_pattern(target):
        sources = (
            source.iterdir()
            if source.is_dir()
            else matching(source).values()
            if is_pattern(source)
            else [source]
        )
        return bool(
            {p.resolve() for p in sources} & {p.resolve() for p in matching(target).values()}
        )
    return target.exists() and source.exists() and target.samefile(source)
