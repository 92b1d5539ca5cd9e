"""Write video files: painted frames are encoded at their times, with sound and subtitles."""

import contextlib
import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING

import av
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from impasto.errors import VideoError
from impasto.hardware import available_cores
from impasto.images.image import UInt8
from impasto.video.clip import Clip, Frame, Item
from impasto.video.encoders import (
    ALPHA_FORMATS,
    ALPHA_OPTIONS,
    alpha_codec_of,
    choose_codec,
    container_of,
    container_options,
    encoder_settings,
)
from impasto.video.formats import VideoOptions
from impasto.video.frame_conversion import first_plane
from impasto.video.hardware_codecs import find_encoder
from impasto.video.large_strokes import add_fine_luma
from impasto.video.tracks import TrackCopier, without_outdated

if TYPE_CHECKING:
    from av.packet import Packet  # generic in its stubs only

# exact to half a level, and the fastest
_FROM_RGB = int(Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INP)

_MIN_RATE, _MAX_RATE = Fraction(1), Fraction(240)  # frames per second that a file may name
_BUFFER_BYTES = 1 << 20


class VideoWriter:
    """A video file being written.

    Args:
        file: file to write to, from its start; it can seek.
        target: final name of the file, for its suffix and for errors.
        clip: the clip that is painted. Its times, rate, colors, metadata and tracks are those of
            the new file. Tracks that the container cannot hold are left out, and the clip's notes
            tell so.
        first: the first frame, for its size; all others have the same size.
        options: codec, quality, preset and threads to encode with.
        recording: keep the file playable as far as it is written, since a recording may be cut off
            at any time.

    Raises:
        VideoError: impasto does not write the container, the container cannot hold the codec, or
            the size cannot be encoded.
    """

    def __init__(
        self,
        file: IO[bytes],
        target: Path,
        clip: Clip,
        first: Frame,
        options: VideoOptions,
        recording: bool = False,
    ) -> None:
        container = container_of(target)
        alpha_codec = alpha_codec_of(container, options.codec) if first.alpha is not None else None
        codec = alpha_codec or choose_codec(target, options.codec)
        self._has_alpha = alpha_codec is not None
        self._note_lost_alpha, self._clip = not self._has_alpha, clip
        self._target, self._time_base = target, clip.time_base
        self._span: tuple[int, int] | None = None  # times of the first frame and of the end
        self._first_dts = 0
        self._held: Packet[VideoStream] | None = None  # the last packet of the encoder
        self._container = av.open(
            file,
            "w",
            format=container.muxer,
            container_options=container_options(container, clip.time_base, recording),
            buffer_size=_BUFFER_BYTES,
        )
        height, width = first.size
        self._video = self._add_video(clip, codec, (width, height), options, recording)
        # the matrix for swscale; 6 has the numbers of 5
        self._matrix = 1 if clip.colors.matrix == 1 else 5
        self._tracks = TrackCopier(self._container, clip, target)
        with contextlib.suppress(AttributeError, ValueError):
            self._container.set_chapters(clip.chapters)
        self._container.metadata.update(without_outdated(clip.metadata))
        self._reformatter = VideoReformatter()
        try:
            self._container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            size = f"{width}x{height} pixels at {float(clip.rate):g} frames a second"
            reason = " ".join(str(error).split()) or type(error).__name__
            raise VideoError(
                f"cannot write {target}: {codec} does not take {size} ({reason})"
            ) from error

    def __repr__(self) -> str:
        return f"VideoWriter({str(self._target)!r})"

    def _add_video(
        self, clip: Clip, codec: str, size: tuple[int, int], options: VideoOptions, recording: bool
    ) -> VideoStream:
        os.environ.setdefault("SVT_LOG", "0")  # this encoder would print its settings on stderr
        encoder, settings = encoder_settings(codec, options.quality, options.preset)
        if self._has_alpha:
            settings |= ALPHA_OPTIONS.get(codec, {})
        # with B-frames, MP4 takes another frame's duration for the last one's, and in fragments
        # begins later than 0
        if codec == "h264" and (recording or clip.loop is not None):
            settings["bf"] = "0"
        # a hint only; the times are those of the frames
        rate = min(max(clip.rate, _MIN_RATE), _MAX_RATE).limit_denominator(1 << 16)
        # Players that know H.264 only want chroma at half resolution, which needs even sides.
        halves_chroma = codec != "h264" or not (size[0] % 2 or size[1] % 2)
        pix_fmt = "yuv420p" if halves_chroma else "yuv444p"
        if self._has_alpha:
            pix_fmt = ALPHA_FORMATS[codec]
        device = None
        if options.hwaccel != "none":
            found = find_encoder(options.hwaccel, codec, size, pix_fmt, options.quality)
            if isinstance(found, str):
                clip.notes.append(found)
            else:
                encoder, settings, device = found
        stream: VideoStream = self._container.add_stream(  # type: ignore[assignment]
            encoder, rate=rate, options=settings, hwaccel=device
        )
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        context, colors = stream.codec_context, clip.colors
        context.time_base = clip.time_base
        context.thread_count = options.threads or available_cores()
        context.flags |= Flags.frame_duration
        context.color_range = ColorRange.MPEG
        context.colorspace = colors.matrix
        context.color_primaries = colors.primaries
        context.color_trc = colors.transfer
        if clip.aspect:
            context.sample_aspect_ratio = clip.aspect
        stream.metadata.update(without_outdated(clip.video_metadata))
        return stream

    def write(self, item: Item) -> None:
        """Write a painted frame, or packets without decoding them.

        Raises:
            OSError: the disk is full.
        """
        if isinstance(item, Frame):
            self._encode(item)
        else:
            for packet in item:
                self._tracks.copy(packet)

    def _encode(self, frame: Frame) -> None:
        height, width = frame.size
        if frame.alpha is not None and self._note_lost_alpha:
            self._note_lost_alpha = False
            self._clip.notes.append(
                f"{self._clip.path}: clear parts become white, as {self._target.name} has no"
                " transparency; -o FILE.mov or FILE.webm has"
            )
        encoded = self._reformatter.reformat(
            _to_video_frame(_with_alpha(frame) if self._has_alpha else _without_alpha(frame)),
            width,
            height,
            format=self._video.pix_fmt,
            dst_colorspace=self._matrix,
            dst_color_range=ColorRange.MPEG,
            interpolation=_FROM_RGB,
            threads=1,
        )
        if frame.fine is not None:
            add_fine_luma(first_plane(encoded), frame.fine)
        encoded.pts, encoded.duration = frame.pts, frame.duration
        encoded.time_base = self._time_base
        self._span = (self._span or (frame.pts, 0))[0], frame.pts + frame.duration
        self._mux(self._video.encode(encoded))

    def _mux(self, packets: "Iterable[Packet[VideoStream]]") -> None:
        """Write packets of the encoder; the last one is held back until its duration is known."""
        for packet in packets:
            if self._held is None:
                self._first_dts = packet.dts or 0
            else:
                self._container.mux(self._held)
            self._held = packet

    def _mux_last(self) -> None:
        """Write the last packet of the encoder.

        MP4 and QuickTime count the length of a track in the order of decoding, where the last
        packet need not hold the last frame.
        """
        packet, self._held = self._held, None
        if packet is None or self._span is None:
            return
        if self._container.format.name in ("mp4", "mov") and packet.dts is not None:
            start, end = self._span
            packet.duration = max(1, end - start - (packet.dts - self._first_dts))
        self._container.mux(packet)

    def close(self) -> None:
        """Encode the frames that the encoder still holds back, and end the file.

        Raises:
            OSError: the disk is full.
        """
        self._mux(self._video.encode(None))
        self._mux_last()
        self._tracks.close()
        self._container.close()


def _to_video_frame(rgb: UInt8) -> av.VideoFrame:
    """Hand pixels (H, W, 3) to PyAV in the order that they have in memory; (H, W, 4) as they are.

    Interleaving the planes of a full HD picture would take 10 ms.
    """
    if rgb.shape[2] == 4:
        return av.VideoFrame.from_numpy_buffer(rgb, "rgba")
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


def _with_alpha(frame: Frame) -> UInt8:
    """Join colors and alpha, (H, W, 4)."""
    alpha = np.full(frame.rgb.shape[:2], 255, np.uint8) if frame.alpha is None else frame.alpha
    return np.ascontiguousarray(np.dstack([frame.rgb, alpha]))


def _without_alpha(frame: Frame) -> UInt8:
    """Put white behind transparent pixels."""
    if frame.alpha is None:
        return frame.rgb
    opacity = frame.alpha[..., None].astype(np.uint16)
    return ((frame.rgb * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
