"""Videos out: painted frames encoded at their times, sound and subtitles copied beside them."""

import contextlib
import io
import math
import os
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.stream import AttachmentStream, Stream
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from impasto.errors import VideoError
from impasto.images.image import UInt8
from impasto.video.clip import Clip, Frame, Item
from impasto.video.formats import CONTAINERS, PRESETS, Container
from impasto.video.large_strokes import add_fine_luma
from impasto.video.reader import AnyPacket, VideoReader

_FROM_RGB = int(
    Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INP
)  # exact to half a level, and the fastest

_UNTRUE = (
    "BPS",
    "DURATION",
    "NUMBER_OF_",
    "_STATISTICS_",
    "ENCODER",
    "MAJOR_BRAND",
    "MINOR_VERSION",
    "COMPATIBLE_BRANDS",
)


class VideoWriter:
    """A video file being written.

    Args:
        file: to write to, from its start; it can seek.
        target: its name to be, for its suffix and for errors.
        clip: what is painted: its times, rate, colors, metadata and tracks are the new file's. What
            the container cannot hold is left out, and the clip's notes say so.
        first: the first frame, for its size; all others have the same.
        codec: "auto" (what is usual in the container), "h264", "vp9" or "av1".
        quality: 1 (small) to 100 (fine).
        preset: speed against size, in the words of x264.
        threads: to encode with.
        recording: keep the file playable as far as it is written, as something may end the writing
            at any time.

    Raises:
        VideoError: a container that is not written, a codec that it cannot hold, or a size that
            cannot be encoded.
    """

    def __init__(
        self,
        file: IO[bytes],
        target: Path,
        clip: Clip,
        first: Frame,
        codec: str,
        quality: int,
        preset: str,
        threads: int,
        recording: bool = False,
    ) -> None:
        form = container_of(target)
        name = form.codecs[0] if codec == "auto" else codec
        if name not in form.codecs:
            fitting = [s for s, other in CONTAINERS.items() if name in other.codecs]
            remedy = (
                f"use {' or '.join(form.codecs)}, or write {' or '.join(fitting)}"
                if fitting
                else "see --help"
            )
            raise VideoError(f"cannot write {target}: {target.suffix} holds no {name}; {remedy}")
        self._target = target
        self._time_base = clip.time_base
        options = _exact_times(clip.time_base) if form.muxer in ("mp4", "mov") else {}
        if recording and options:
            options |= {
                "movflags": "hybrid_fragmented",
                "frag_duration": "1000000",
            }  # an ordinary file once it is ended
        self._container = av.open(
            file, "w", format=form.muxer, container_options=options, buffer_size=1 << 20
        )
        height, width = first.rgb.shape[:2]
        self._video = self._added(clip, name, (width, height), quality, preset, threads, recording)
        self._tracks = {
            track.index: copy for track in clip.tracks if (copy := self._track(track, form.muxer))
        }
        self._last = dict[int, int]()  # by index in the new file: time of the last packet copied
        self._say_what_is_left_out(clip)
        with contextlib.suppress(AttributeError, ValueError):
            self._container.set_chapters(clip.chapters)
        self._container.metadata.update(_still_true(clip.metadata))
        self._reformatter = VideoReformatter()
        try:
            self._container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            size = f"{width}x{height} pixels at {float(clip.rate):g} frames a second"
            raise VideoError(
                f"cannot write {target}: {name} does not take {size} ({_one_line(error)})"
            ) from error

    def _added(
        self,
        clip: Clip,
        codec: str,
        size: tuple[int, int],
        quality: int,
        preset: str,
        threads: int,
        recording: bool,
    ) -> VideoStream:
        os.environ.setdefault("SVT_LOG", "0")  # this encoder would print its settings on stderr
        encoder, options = _encoder(codec, quality, preset)
        # with B-frames, MP4 takes another frame's duration for the last one's, and in fragments
        # begins later than 0
        if codec == "h264" and (recording or clip.loop is not None):
            options["bf"] = "0"
        rate = min(max(clip.rate, Fraction(1)), Fraction(240)).limit_denominator(
            1 << 16
        )  # a hint; times are those of frames
        stream: VideoStream = self._container.add_stream(encoder, rate=rate, options=options)  # type: ignore[assignment]
        stream.width, stream.height = size
        # chroma at half resolution wants even sides of H.264, which players that know nothing else
        # are content with
        halved = codec != "h264" or not (size[0] % 2 or size[1] % 2)
        stream.pix_fmt = "yuv420p" if halved else "yuv444p"
        context = stream.codec_context
        context.time_base = clip.time_base
        context.thread_count = threads
        context.flags |= Flags.frame_duration
        context.color_range = ColorRange.MPEG
        context.colorspace, context.color_primaries, context.color_trc = (
            clip.colors.matrix,
            clip.colors.primaries,
            clip.colors.transfer,
        )
        if clip.aspect:
            context.sample_aspect_ratio = clip.aspect
        if isinstance(clip, VideoReader):
            stream.metadata.update(_still_true(clip.video_metadata))
        self._matrix = 1 if clip.colors.matrix == 1 else 5  # for swscale; 6 has the numbers of 5
        return stream

    def _track(self, track: Stream, muxer: str) -> Stream | None:
        """A track of the new file that takes the packets of another, or None if it cannot hold
        them."""
        if isinstance(track, AttachmentStream):
            return _attached(self._container, track) if muxer == "matroska" else None
        if not _holds(muxer, track):
            return None
        copy = self._container.add_stream_from_template(track)
        copy.metadata.update(_still_true(track.metadata))
        copy.disposition = track.disposition
        return copy

    def _say_what_is_left_out(self, clip: Clip) -> None:
        missing = [track for track in clip.tracks if track.index not in self._tracks]
        if not missing:
            return
        named = ", ".join(map(_described, missing))
        suffix = self._target.suffix
        remedy = "" if suffix == ".mkv" else f"; -o {self._target.with_suffix('.mkv').name} could"
        clip.notes.append(f"{clip.path}: left out, as {suffix} cannot hold it: {named}{remedy}")

    def write(self, item: Item) -> None:
        """Write a painted frame, or packets as they are. Raises OSError where the disk does not
        take them."""
        if isinstance(item, Frame):
            self._encode(item)
        else:
            for packet in item:
                self._copy(packet)

    def _encode(self, frame: Frame) -> None:
        height, width = frame.size
        coded = self._reformatter.reformat(
            _as_it_lies(_opaque(frame)),
            width,
            height,
            format=self._video.pix_fmt,
            dst_colorspace=self._matrix,
            dst_color_range=ColorRange.MPEG,
            interpolation=_FROM_RGB,
            threads=1,
        )
        if frame.fine is not None:
            luma = coded.planes[0]
            add_fine_luma(
                np.ndarray(
                    (height, width), np.uint8, memoryview(luma), strides=(luma.line_size, 1)
                ),
                frame.fine,
            )
        coded.pts, coded.duration, coded.time_base = frame.pts, frame.duration, self._time_base
        self._container.mux(self._video.encode(coded))

    def _copy(self, packet: AnyPacket) -> None:
        track = self._tracks.get(packet.stream_index)
        if track is None or packet.dts is None or packet.pts is None or track.time_base is None:
            return
        ratio = packet.time_base / track.time_base
        # later than the last one, as may not be so in damaged files: muxers take no time twice
        dts, last = round(packet.dts * ratio), self._last.get(track.index)
        packet.dts = dts if last is None else max(dts, last + 1)
        packet.pts = max(round(packet.pts * ratio), packet.dts)
        packet.duration = round((packet.duration or 0) * ratio)
        packet.time_base = track.time_base
        self._last[track.index] = packet.dts
        packet.stream = track
        self._container.mux_one(packet)

    def close(self) -> None:
        """Encode what the encoder still holds back, and end the file. Raises OSError where the disk
        does not take it."""
        self._container.mux(self._video.encode(None))
        self._container.close()


def _exact_times(unit: Fraction) -> dict[str, str]:
    """Options for MP4 and QuickTime. Left alone, the muxer chooses a finer unit, and rounds the
    first time to milliseconds."""
    movie = math.lcm(unit.denominator, 1000)
    found = {"video_track_timescale": str(unit.denominator)}
    return found | ({"movie_timescale": str(movie)} if movie < 1 << 31 else {})


def container_of(target: Path) -> Container:
    """The container that a suffix names. Raises VideoError for one that is not written."""
    try:
        return CONTAINERS[target.suffix.lower()]
    except KeyError:
        raise VideoError(
            f"cannot write {target} as a video; use one of {' '.join(CONTAINERS)} .gif .webp"
        ) from None


def _encoder(codec: str, quality: int, preset: str) -> tuple[str, dict[str, str]]:
    """An encoder's name and options. Quality becomes a constant rate factor: 92 is 20 of H.264's
    51, 25 of the others' 63."""
    step = PRESETS.index(preset)
    if codec == "h264":
        return "libx264", {"preset": preset, "crf": f"{51 - quality / 3:.1f}"}
    crf = str(round(63 - 63 / 51 * quality / 3))
    if codec == "vp9":
        speed = {
            "deadline": "realtime" if step < 5 else "good",
            "cpu-used": str(max(0, 8 - step)),
            "row-mt": "1",
        }
        return "libvpx-vp9", {"crf": crf, "b": "0", **speed}
    return "libsvtav1", {"crf": crf, "preset": str(12 - step)}


def _holds(muxer: str, track: Stream) -> bool:
    """Whether a container takes a track: tried, as muxers tell some of what they refuse only when
    they begin to write."""
    trial: OutputContainer = av.open(io.BytesIO(), "w", format=muxer)
    try:
        trial.add_stream_from_template(track)
        trial.start_encoding()
    except (av.FFmpegError, ValueError, OSError):
        return False
    with contextlib.suppress(av.FFmpegError, ValueError, OSError):
        trial.close()
    return True


def _attached(container: OutputContainer, track: AttachmentStream) -> Stream:
    return container.add_attachment(
        track.metadata.get("filename", "attachment"),
        track.mimetype or "application/octet-stream",
        track.data,
    )


def _still_true(metadata: dict[str, str]) -> dict[str, str]:
    """Without what described the old file's bytes."""
    return {key: value for key, value in metadata.items() if not key.upper().startswith(_UNTRUE)}


def _described(track: Stream) -> str:
    kind = {"audio": "sound", "subtitle": "subtitles"}.get(track.type, track.type)
    codec: Any = track.codec_context and track.codec_context.name
    return (
        f"{kind} ({', '.join(filter(None, (codec, track.language)))})"
        if codec or track.language
        else kind
    )


def _as_it_lies(rgb: UInt8) -> av.VideoFrame:
    """Pixels (H, W, 3) for PyAV, in the order in memory that they have: putting planes of full HD
    together takes 10 ms."""
    if rgb.strides[1:] == (3, 1):
        return av.VideoFrame.from_numpy_buffer(rgb)
    if rgb.strides[1] != 1:
        return av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(rgb))
    height, width = rgb.shape[:2]
    frame = av.VideoFrame(width, height, "gbrp")
    for plane, channel in zip(frame.planes, (1, 2, 0), strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        rows[:height, :width] = rgb[..., channel]
    return frame


def _opaque(frame: Frame) -> UInt8:
    """Pixels with white behind what is clear."""
    if frame.alpha is None:
        return frame.rgb
    share = frame.alpha[..., None].astype(np.uint16)
    return ((frame.rgb * share + 255 * (255 - share) + 127) // 255).astype(np.uint8)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
