"""Encoders: the codec for a container, and the settings for a quality and a speed."""

import math
from fractions import Fraction
from pathlib import Path

from impasto.choices import PRESETS
from impasto.errors import VideoError
from impasto.video.formats import CONTAINERS, Container

_MAX_TIMESCALE = 1 << 31  # of a movie

# Strokes come and go with each frame, which a search for motion does not find again: fewer ways to
# look for it give files of the same size and quality in half the time, and B-frames in a fixed
# order smaller ones than where x264 decides (docs/explanation/video.md).
_H264_FOR_STROKES = {"b_strategy": "0"}
_VERYFAST_FOR_STROKES = {"partitions": "i8x8", "subq": "1", "me_method": "dia"}


def container_of(target: Path) -> Container:
    """Give the container format that a suffix names.

    Raises:
        VideoError: impasto writes no such format.
    """
    try:
        return CONTAINERS[target.suffix.lower()]
    except KeyError:
        raise VideoError(
            f"cannot write {target} as a video: unsupported extension {target.suffix}; use one of "
            f"{' '.join(CONTAINERS)} .gif .webp"
        ) from None


def choose_codec(target: Path, codec: str) -> str:
    """Give the codec to encode with.

    Args:
        target: file to write; its suffix names the container.
        codec: "h264", "vp9" or "av1", or "auto" for the usual one of the container.

    Raises:
        VideoError: the container cannot hold the codec, or impasto does not write it.
    """
    container = container_of(target)
    name = container.codecs[0] if codec == "auto" else codec
    if name in container.codecs:
        return name
    suffixes = [suffix for suffix, other in CONTAINERS.items() if name in other.codecs]
    remedy = (
        f"use {' or '.join(container.codecs)}, or write {' or '.join(suffixes)}"
        if suffixes
        else "see --help"
    )
    raise VideoError(f"cannot write {target}: {target.suffix} holds no {name}; {remedy}")


# codecs for clips with clear pixels, and what FFmpeg needs to know for them
ALPHA_FORMATS = {"prores": "yuva444p10le", "vp9": "yuva420p"}
ALPHA_OPTIONS = {"prores": {"profile": "4444", "alpha_bits": "16"}, "vp9": {"auto-alt-ref": "0"}}
_ALPHA_CODECS = {"mov": "prores", "webm": "vp9", "matroska": "vp9"}  # by muxer


def alpha_codec_of(container: Container, codec: str) -> str | None:
    """Give the codec that keeps transparency in a container; None if none does, or not `codec`."""
    name = _ALPHA_CODECS.get(container.muxer)
    return name if codec in ("auto", name) else None


def encoder_settings(codec: str, quality: int, preset: str) -> tuple[str, dict[str, str]]:
    """Choose the encoder of a codec, and its options.

    Quality becomes a constant rate factor: 92 is 20 of H.264's 51, and 25 of the others' 63. For
    H.264, presets are those of x264, but for what strokes gain nothing by.

    Args:
        codec: "h264", "vp9" or "av1".
        quality: 1 (small file) to 100 (fine picture).
        preset: speed against file size, in the words of x264.

    Returns:
        The name of the encoder in FFmpeg, and its options.
    """
    step = PRESETS.index(preset)
    if codec == "prores":
        return "prores_ks", {}
    if codec == "h264":
        options = {"preset": preset, "crf": f"{50.5 - quality / 3:.1f}"} | _H264_FOR_STROKES
        return "libx264", options | (_VERYFAST_FOR_STROKES if preset == "veryfast" else {})
    crf = str(round(63 - 63 / 51 * quality / 3))
    if codec == "vp9":
        speed = {
            "deadline": "realtime" if step < 5 else "good",
            "cpu-used": str(max(0, 8 - step)),
            "row-mt": "1",
        }
        return "libvpx-vp9", {"crf": crf, "b": "0", **speed}
    return "libsvtav1", {"crf": crf, "preset": str(12 - step)}


def container_options(container: Container, time_base: Fraction, recording: bool) -> dict[str, str]:
    """Choose the options of a muxer.

    Left alone, the muxer of MP4 and QuickTime chooses a finer unit of time, and rounds the first
    time to milliseconds.

    Args:
        container: container to write.
        time_base: seconds in one unit of time of the frames.
        recording: keep the file playable as far as it is written.
    """
    if container.muxer not in ("mp4", "mov"):
        return {}
    options = {"video_track_timescale": str(time_base.denominator)}
    movie_timescale = math.lcm(time_base.denominator, 1000)
    if movie_timescale < _MAX_TIMESCALE:
        options["movie_timescale"] = str(movie_timescale)
    if recording:  # an ordinary file once it is ended
        options |= {"movflags": "hybrid_fragmented", "frag_duration": "1000000"}
    return options
