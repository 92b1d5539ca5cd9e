"""Videos in: whatever PyAV decodes becomes upright 8-bit RGB frames in time, with sound and
subtitles beside them."""

import contextlib
import errno
import itertools
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from impasto.errors import VideoError
from impasto.files import os_reason
from impasto.images.image import UInt8
from impasto.images.reading import check_pixels
from impasto.video.clip import Clip, Frame, Item, TimeSpan
from impasto.video.large_strokes import LUMA, FineLuma, reduce, reduced_size, stroke_of

if TYPE_CHECKING:
    AnyPacket = Packet[Stream]
else:
    AnyPacket = Packet  # generic in its stubs only
from impasto.video.frame_conversion import (
    INDEXED,
    colors_of,
    light_of,
    matrix_of,
    plane_of,
    rgb_of,
    turned,
)

_PACKETS_HELD = 256  # at most, where no frame comes between
_JUMP = Fraction(1, 10)  # seconds back, from which on time is taken to have begun anew
_TRIES = 10  # readings in vain before a file is given up
_SLACK = Fraction(1, 4)  # seconds that a sound file may end before its header says


class VideoReader(Clip):
    """A video file.

    Packets that cannot be decoded are left out and counted in `lost`, and times of all others stay.
    A file that is cut short ends where it is cut, and `notes` says so.

    Args:
        path: a file of any container and codec that PyAV reads.
        span: the part to read; sound and subtitles are cut with it, at packets.
        threads: to decode with.
        max_pixels: refuse videos whose frames have more pixels than this.
        stroke: how large strokes will be: frames come reduced by it; None: as suits the first
            frame's size.

    Raises:
        VideoError: the file is missing, unreadable, no video, or holds no pictures.
        PictureError: its frames are too large.
    """

    def __init__(
        self, path: Path, span: TimeSpan, threads: int, max_pixels: int, stroke: float | None = 1.0
    ) -> None:
        self._container = _opened(path)
        self._video = video = _video_of(self._container, path)
        context = video.codec_context
        check_pixels(path, (context.width, context.height), max_pixels)
        video.thread_type = "AUTO"
        video.thread_count = threads
        time_base = video.time_base or Fraction(1, 90_000)
        rate = video.average_rate or video.guessed_rate or Fraction(25)
        seconds = Fraction(self._container.duration or 0, av.time_base)
        frames = video.frames or round(seconds * rate)
        super().__init__(path, time_base, rate, round(frames * span.share(seconds)) or None)
        self.aspect = video.sample_aspect_ratio or None
        self.tracks = [
            s for s in self._container.streams if s.type in ("audio", "subtitle", "attachment")
        ]
        self.metadata = dict(self._container.metadata)
        self.video_metadata = dict(video.metadata)
        self._span = span
        self._begin = Fraction(self._container.start_time or 0, av.time_base)
        # parts are timed from the first frame, also where sound begins before it
        self._origin = self._begin if video.start_time is None else video.start_time * time_base
        # of what is whole, times stay as they are, also where the first is not 0
        self._shift = Fraction(0) if span.start is None else self._origin + span.start
        self.chapters = _chapters(self._container, self._shift, span)
        self._reformatter, self._down, self._up = (
            VideoReformatter(),
            VideoReformatter(),
            VideoReformatter(),
        )
        self._stroke = stroke
        self._turn: tuple[int, ...] | None = None
        self._packets_decoded = self._frames_decoded = self._errors = 0
        self._seen = Fraction(0)  # where what was read ends, seconds
        if span.start and any(name in self._container.format.name for name in INDEXED):
            with contextlib.suppress(FFmpegError):
                self._container.seek(int(self._shift / time_base), stream=video)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    # Demuxing

    def items(self) -> Iterator[Item]:
        """Frames and packets, in the order of the file; the first item is a frame."""
        begun, held = False, list[AnyPacket]()
        for item in self._mixed():
            if isinstance(item, Packet):
                held.append(item)
            if held and begun and (isinstance(item, Frame) or len(held) >= _PACKETS_HELD):
                yield held
                held = []
            if isinstance(item, Frame):
                begun = True
                yield item
        if not begun:
            raise VideoError(self._no_frames())
        if held:
            yield held

    def _no_frames(self) -> str:
        if self._frames_decoded and self._span:
            return f"{self.path} has no frame {self._span}; it lasts {float(self._seen - self._origin):.1f} s"
        return f"{self.path} holds no frame that can be decoded; it is broken or cut short, get a fresh copy"

    def _mixed(self) -> Iterator[Frame | AnyPacket]:
        tracks = {track.index for track in self.tracks if track.type != "attachment"}
        open_tracks = {
            track.index for track in self.tracks if track.type == "audio"
        }  # whose end is not yet reached
        numbers, last = itertools.count(1), None
        # the end of the span is reached, and only what lies a little behind in the file is still
        # wanted
        ended = False
        for packet in self._timed():
            if packet.stream_index == self._video.index and not ended:
                for decoded in self._decoded(packet):
                    frame = self._framed(decoded, last, numbers)
                    if self._after(frame.pts * self.time_base):
                        ended = True
                        break
                    last = frame.pts
                    if frame.pts >= 0 or not self._span.start:
                        yield frame
            elif packet.stream_index in tracks:
                copied, over = self._copied(packet)
                if copied:
                    yield copied
                if over:
                    open_tracks.discard(packet.stream_index)
            if ended and not open_tracks:
                break
        if ended:
            self.lost = self._errors
            return
        for decoded in self._decoded(None):
            frame = self._framed(decoded, last, numbers)
            if self._after(frame.pts * self.time_base):
                break
            last = frame.pts
            if frame.pts >= 0 or not self._span.start:
                yield frame
        # errors name packets, and those that lean on them are missing without one
        self.lost = (
            max(self._errors, self._packets_decoded - self._frames_decoded) if self._errors else 0
        )
        self._say_if_cut_short()

    def _after(self, time: Fraction) -> bool:
        """Whether a time, in seconds of the output, lies behind the span."""
        return self._span.end is not None and time + self._shift - self._origin >= self._span.end

    def _copied(self, packet: AnyPacket) -> tuple[AnyPacket | None, bool]:
        """A packet of sound or subtitles as it is to be written, if it begins within the span; and
        whether it lies behind."""
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None:
            return None, False
        time = stamp * packet.time_base - self._shift
        if self._after(time):
            return None, True
        if self._span.start and time < 0:
            return None, False
        ticks = round(self._shift / packet.time_base)
        packet.pts = stamp - ticks
        packet.dts = packet.pts if packet.dts is None else packet.dts - ticks
        return packet, False

    def _timed(self) -> Iterator[AnyPacket]:
        """Packets whose times never fall back: where parts were joined, as transport streams can
        be, time goes on.

        Each track meets the joint at another place of the file, so each jumps when its own time
        falls back, and as far as the first that did, which is past the end of all tracks.
        """
        jumps = [Fraction(0)]  # what is added to times after each joint
        joints: dict[int, int] = {}  # by track: how many it has passed
        ends: dict[int, Fraction] = {}  # by track: where its last packet ended
        starts: dict[int, Fraction] = {}
        for packet in self._packets():
            track, unit = packet.stream_index, packet.time_base
            if packet.dts is not None:
                time = packet.dts * unit + jumps[joints.get(track, 0)]
                if track in starts and time < starts[track] - _JUMP:
                    joints[track] = joints.get(track, 0) + 1
                    if joints[track] == len(jumps):
                        jumps.append(jumps[-1] + max(ends.values()) - time)
                    time = packet.dts * unit + jumps[joints[track]]
                length = (
                    packet.duration * unit if packet.duration else time - starts.get(track, time)
                )
                starts[track], ends[track] = time, time + length
            if ticks := round(jumps[joints.get(track, 0)] / unit):
                packet.pts = None if packet.pts is None else packet.pts + ticks
                packet.dts = None if packet.dts is None else packet.dts + ticks
            stamp = packet.dts if packet.pts is None else packet.pts
            if stamp is not None:
                self._seen = max(self._seen, (stamp + (packet.duration or 0)) * unit)
            yield packet

    def _packets(self) -> Iterator[AnyPacket]:
        """All packets of the file, also those behind a damaged place."""
        failures = 0
        while failures < _TRIES:
            try:
                for packet in self._container.demux():
                    if (
                        packet.size or packet.dts is not None
                    ):  # else it only says that the file is at its end
                        failures = 0
                        yield packet
                return
            except (FFmpegError, OSError):
                failures += 1

    def _say_if_cut_short(self) -> None:
        whole = Fraction(self._container.duration or 0, av.time_base)
        there = self._seen - self._begin
        if whole - there > _SLACK + 2 / self.rate:
            self.notes.append(
                f"{self.path} is cut short: {float(there):.1f} of {float(whole):.1f} s are there"
            )

    # Decoding

    def _decoded(self, packet: AnyPacket | None) -> list[VideoFrame]:
        self._packets_decoded += packet is not None and not packet.is_discard
        try:
            frames = self._video.decode(packet)
        except EOFError:
            return []
        except FFmpegError:
            self._errors += 1
            return []
        self._frames_decoded += len(frames)
        return frames

    def _framed(self, decoded: VideoFrame, last: int | None, numbers: Iterator[int]) -> Frame:
        """A decoded frame with a time later than the last one's."""
        stamp = decoded.dts if decoded.pts is None else decoded.pts
        if stamp is None:  # as in bare H.264
            stamp = 0 if last is None else last + max(1, round(1 / self.rate / self.time_base))
        else:
            stamp -= round(self._shift / self.time_base)
        if last is not None:
            stamp = max(stamp, last + 1)
        if self._turn is None:
            self._turn = turn = matrix_of(decoded)
            self.colors = colors_of(decoded)
            if abs(turn[1]) > abs(turn[0]) and self.aspect:
                self.aspect = 1 / self.aspect
            self._stroke = stroke_of(decoded.height, decoded.width, self._stroke)
        if stamp < 0 and self._span.start:
            return Frame(
                np.empty((0, 0, 3), np.uint8), stamp
            )  # before the span: only its time is asked
        times = stamp, decoded.duration or 0, next(numbers)
        height, width = reduced_size(decoded.height, decoded.width, self._stroke)
        if (height, width) != (decoded.height, decoded.width) and (
            light := light_of(decoded)
        ) is not None:
            fine = self._beyond(light, height, width, full=decoded.color_range == ColorRange.JPEG)
            pixels = rgb_of(decoded, self._reformatter, (width, height))
            return Frame(turned(pixels, self._turn), *times, fine=turned(fine, self._turn))
        pixels = turned(rgb_of(decoded, self._reformatter), self._turn)
        return reduce(Frame(pixels, *times), self._stroke)

    def _beyond(self, light: UInt8, height: int, width: int, full: bool) -> FineLuma:
        """What of luma (H, W) a frame reduced to so many pixels leaves out; `full` where its black
        is 0 and white 255."""
        gray = VideoFrame.from_numpy_buffer(np.ascontiguousarray(light), "gray")
        low = self._down.reformat(
            gray, width, height, format="gray", interpolation=Interpolation.BILINEAR
        )
        back = self._up.reformat(
            low, gray.width, gray.height, format="gray", interpolation=Interpolation.BILINEAR
        )
        fine = light.astype(np.int16)
        fine -= plane_of(back)
        return np.rint(fine * np.float32(LUMA)).astype(np.int16) if full else fine


def _opened(path: Path) -> InputContainer:
    try:
        # absolute, since FFmpeg takes `data:x.mp4` for an address; only files, since playlists name
        # others
        return av.open(
            str(path.absolute()),
            metadata_errors="replace",
            container_options={"protocol_whitelist": "file,crypto,data"},
        )
    except (FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"cannot read {path}: {unreadable(path, error)}") from error


def unreadable(path: Path, error: BaseException) -> str:
    """Why a file cannot be opened as a video, and what to do."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return "there is no such file; check the name"
    if isinstance(error, IsADirectoryError):
        return "it is a folder; name a video file in it"
    if isinstance(error, OSError) and (
        isinstance(error, PermissionError) or error.errno == errno.ENAMETOOLONG
    ):
        return os_reason(error)
    if os.path.isfile(path) and not path.stat().st_size:  # noqa: PTH113  # as `Path.is_file` raises at long names
        return "it is empty (0 bytes); get a fresh copy"
    return "it is no video in a format that impasto reads, or it is cut short; get a fresh copy"


def _video_of(container: InputContainer, path: Path) -> VideoStream:
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        kinds = {s.type for s in container.streams}
        held = "only sound" if "audio" in kinds else "no video"
        raise VideoError(f"cannot paint {path}: it holds {held}; name a video or a picture")
    video = next((s for s in moving if s.codec_context), None)
    if video is None or not video.codec_context.width:
        raise VideoError(
            f"cannot read {path}: its pictures are broken, cut short, or coded in a way that PyAV does not know"
        )
    return video


def _chapters(container: InputContainer, shift: Fraction, span: TimeSpan) -> list[Any]:
    """Chapters that lie at least partly within the span, timed from its start."""
    end = None if span.end is None else span.end - (span.start or 0)
    found = list[Any]()
    for chapter in container.chapters():
        unit = chapter["time_base"] or Fraction(1, av.time_base)
        times = [time * unit - shift for time in (chapter["start"], chapter["end"])]
        if span:
            times = [
                max(time, Fraction(0)) if end is None else min(max(time, Fraction(0)), end)
                for time in times
            ]
        if times[1] > times[0]:
            start, stop = (round(time / unit) for time in times)
            found.append(chapter | {"time_base": unit, "start": start, "end": stop})
    return found
