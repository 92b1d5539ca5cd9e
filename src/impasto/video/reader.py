"""Read video files: every format that PyAV decodes becomes upright RGB frames in time."""

import contextlib
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.codec import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from impasto.errors import ImpastoError, VideoError, one_line
from impasto.images.reading import check_pixels
from impasto.video.clip import Clip, Frame, Item, TimeSpan
from impasto.video.deinterlacing import Deinterlacer
from impasto.video.demuxer import (
    AnyPacket,
    PacketReader,
    can_seek,
    chapters_within,
    describe_track,
    find_video,
    open_accelerated,
    open_container,
    stamp_of,
)
from impasto.video.frame_conversion import FrameConverter

_MAX_PENDING_PACKETS = 256  # where no frame comes between
_MAX_MISSING_SECONDS = Fraction(1, 4)  # by which a sound file may end before its header says
_COPIED_KINDS = ("audio", "subtitle", "attachment")


class VideoReader(Clip):
    """A video file.

    Packets that cannot be decoded are left out and counted in `lost`; the times of all others stay.
    A file that is cut short ends where it is cut; `notes` tells so.

    Args:
        path: a file of any container and codec that PyAV reads.
        span: part to read; sound and subtitles are cut with it, at packets.
        threads: number of threads to decode with.
        max_pixels: largest number of pixels of a frame; videos with larger frames are refused.
        stroke: stroke size; frames come reduced by this factor. None: as suits the size of the
            first frame.
        hwaccel: hardware to decode with, as of `VideoOptions`; software where that does not work.

    Raises:
        VideoError: the file is missing, cannot be read, or is no video.
        PictureError: its frames are too large.
    """

    def __init__(
        self,
        path: Path,
        span: TimeSpan,
        threads: int,
        max_pixels: int,
        stroke: float | None = 1.0,
        hwaccel: str = "none",
    ) -> None:
        accelerated = open_accelerated(path, hwaccel)
        self._container = accelerated or open_container(path)
        self._video = video = find_video(self._container, path)
        context = video.codec_context
        check_pixels(path, (context.width, context.height), max_pixels)
        video.thread_type = "AUTO"
        video.thread_count = threads
        time_base = video.time_base or Fraction(1, 90_000)
        rate = video.average_rate or video.guessed_rate or Fraction(25)
        seconds = Fraction(self._container.duration or 0, av.time_base)
        count = round((video.frames or round(seconds * rate)) * span.fraction_of(seconds))
        super().__init__(path, time_base, rate, count or None)
        if hwaccel != "none" and not accelerated:
            self.notes.append(f"--hwaccel {hwaccel}: decoded by software (no device takes {path})")
        self.aspect = video.sample_aspect_ratio or None
        self.tracks = [s for s in self._container.streams if s.type in _COPIED_KINDS]
        others = [s for s in self._container.streams if s.type not in _COPIED_KINDS and s != video]
        if others:
            names = ", ".join(map(describe_track, others))
            self.notes.append(f"{path}: left out, as impasto does not copy it: {names}")
        self.metadata = dict(self._container.metadata)
        self.video_metadata = dict(video.metadata)
        self._decoder = _alpha_decoder(video, threads)
        self._span, self._stroke = span, stroke
        self._begin = Fraction(self._container.start_time or 0, av.time_base)
        # parts are timed from the first frame, also where sound begins before it
        self._origin = self._begin if video.start_time is None else video.start_time * time_base
        # a complete clip keeps its times, also where the first one is not 0
        self._shift = Fraction(0) if span.start is None else self._origin + span.start
        self.chapters = chapters_within(self._container, self._shift, span)
        self._packets = PacketReader(self._container)
        self._packets_decoded = self._frames_decoded = self._errors = 0
        self._converter: FrameConverter | None = None
        self._deinterlacer = Deinterlacer(time_base)
        self._numbers = itertools.count(1)
        self._last_pts: int | None = None
        self._span_has_ended = False
        if span.start and can_seek(self._container):
            with contextlib.suppress(FFmpegError):
                self._container.seek(int(self._shift / time_base), stream=video)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def items(self) -> Iterator[Item]:
        """Yield frames and packets in the order of the file; the first item is a frame.

        Raises:
            VideoError: no frame can be decoded, or none lies in the span.
        """
        try:
            yield from self._grouped_items()
        except ImpastoError:
            raise
        except Exception as error:  # a demuxer or a decoder may raise any kind
            raise VideoError(
                f"cannot read {self.path}: decoding failed ({one_line(error)}); get a fresh copy, "
                "or convert it"
            ) from error

    def _grouped_items(self) -> Iterator[Item]:
        """Yield frames, and lists of the packets between them."""
        has_begun, pending = False, list[AnyPacket]()
        for item in self._frames_and_packets():
            is_frame = isinstance(item, Frame)
            if isinstance(item, Packet):
                pending.append(item)
            if pending and has_begun and (is_frame or len(pending) >= _MAX_PENDING_PACKETS):
                yield pending
                pending = []
            if isinstance(item, Frame):
                has_begun = True
                yield item
        if not has_begun:
            raise VideoError(self._explain_no_frames())
        if pending:
            yield pending

    def _explain_no_frames(self) -> str:
        if self._frames_decoded and self._span:
            seconds = float(self._packets.end - self._origin)
            return (
                f"cannot paint {self.path} {self._span}: it has no frame there; it lasts "
                f"{seconds:.1f} s"
            )
        return (
            f"cannot paint {self.path}: it holds no frame that can be decoded; it is broken or cut "
            "short, get a fresh copy"
        )

    def _frames_and_packets(self) -> Iterator[Frame | AnyPacket]:
        tracks = {track.index for track in self.tracks if track.type != "attachment"}
        # sound whose end is not yet reached: it may lie a little behind the last frame in the file
        open_tracks = {track.index for track in self.tracks if track.type == "audio"}
        for packet in self._packets:
            if packet.stream_index == self._video.index and not self._span_has_ended:
                yield from self._frames(packet)
            elif packet.stream_index in tracks and (stamp := stamp_of(packet)) is not None:
                time = stamp * packet.time_base - self._shift
                if self._is_after_span(time):
                    open_tracks.discard(packet.stream_index)
                elif time >= 0 or not self._span.start:
                    yield self._shifted(packet, stamp)
            if self._span_has_ended and not open_tracks:
                break
        if self._span_has_ended:
            self.lost = self._errors
            self._note_if_interlaced()
            return
        yield from self._frames(None)
        # errors count packets, and packets that depend on a damaged one give no frame either
        missing = self._packets_decoded - self._frames_decoded
        self.lost = max(self._errors, missing) if self._errors else 0
        self._note_if_interlaced()
        self._note_if_cut_short()

    def _is_after_span(self, time: Fraction) -> bool:
        """Tell whether a time, in seconds of the output, lies behind the span."""
        return self._span.end is not None and time + self._shift - self._origin >= self._span.end

    def _shifted(self, packet: AnyPacket, stamp: int) -> AnyPacket:
        """Move the times of a packet to those of the output."""
        ticks = round(self._shift / packet.time_base)
        packet.pts = stamp - ticks
        packet.dts = packet.pts if packet.dts is None else packet.dts - ticks
        return packet

    def _note_if_interlaced(self) -> None:
        if self._deinterlacer.is_active:
            self.notes.append(f"{self.path} is interlaced; its frames were deinterlaced first")

    def _note_if_cut_short(self) -> None:
        seconds = Fraction(self._container.duration or 0, av.time_base)
        seconds_read = self._packets.end - self._begin
        if seconds - seconds_read > _MAX_MISSING_SECONDS + 2 / self.rate:
            self.notes.append(
                f"{self.path} is cut short: {float(seconds_read):.1f} of {float(seconds):.1f} s "
                "are there"
            )

    def _frames(self, packet: AnyPacket | None) -> Iterator[Frame]:
        """Yield the frames of a packet that lie within the span; None ends the decoding."""
        for decoded in self._deinterlaced(packet):
            pts = decoded.pts or 0
            if self._is_after_span(pts * self.time_base):
                self._span_has_ended = True
                return
            if pts >= 0 or not self._span.start:
                frame = self._convert(decoded, pts, next(self._numbers))
                if frame is not None:
                    yield frame

    def _deinterlaced(self, packet: AnyPacket | None) -> Iterator[VideoFrame]:
        """Yield the frames of a packet in the times of the output; interlaced ones come later."""
        for decoded in self._decode(packet):
            decoded.pts = self._last_pts = self._next_pts(decoded)
            decoded.time_base = self.time_base
            yield from self._deinterlacer.push(decoded)
        if packet is None:
            yield from self._deinterlacer.flush()

    def _convert(self, decoded: VideoFrame, pts: int, number: int) -> Frame | None:
        """Convert a decoded frame; None where that fails, which counts as a lost frame."""
        try:
            self._converter = self._converter or self._prepare(decoded)
            return self._converter.convert(decoded, pts, number)
        except MemoryError:
            raise
        except Exception:  # such as a pixel format that swscale does not know
            self._errors += 1
            self._frames_decoded -= 1
            return None

    def _decode(self, packet: AnyPacket | None) -> list[VideoFrame]:
        self._packets_decoded += packet is not None and not packet.is_discard
        try:
            frames = self._decoder.decode(packet)
        except EOFError:
            return []
        except MemoryError:
            raise
        except Exception:  # FFmpegError, or whatever PyAV makes of the frame
            self._errors += 1
            return []
        self._frames_decoded += len(frames)
        return frames

    def _prepare(self, first: VideoFrame) -> FrameConverter:
        """Take from the first frame what holds for all: turn, color coding and stroke size."""
        converter = FrameConverter(first, self._stroke)
        self.colors = converter.colors
        if converter.is_on_its_side and self.aspect:
            self.aspect = 1 / self.aspect
        return converter

    def _next_pts(self, decoded: VideoFrame) -> int:
        """Compute the time of a decoded frame in the output, later than that of the last one."""
        stamp, last = decoded.dts if decoded.pts is None else decoded.pts, self._last_pts
        if stamp is None:  # as in bare H.264
            stamp = 0 if last is None else last + max(1, round(1 / self.rate / self.time_base))
        else:
            stamp -= round(self._shift / self.time_base)
        return stamp if last is None else max(stamp, last + 1)


def _alpha_decoder(video: VideoStream, threads: int) -> VideoStream | VideoCodecContext:
    """Choose what decodes a track: FFmpeg's own decoders of VP8 and VP9 leave alpha out."""
    context = video.codec_context
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(context.name)
    modes = [video.metadata.get(key) for key in ("alpha_mode", "ALPHA_MODE")]
    if name is None or "1" not in modes:
        return video
    with contextlib.suppress(FFmpegError, ValueError):
        decoder: VideoCodecContext = CodecContext.create(name, "r")  # type: ignore[assignment]
        decoder.extradata, decoder.thread_count = context.extradata, threads
        return decoder
    return video
