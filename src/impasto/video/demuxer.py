"""Demux video files: open them with PyAV, and read packets whose times never fall back."""

import contextlib
import errno
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from impasto.errors import VideoError
from impasto.files import describe_missing, is_url, os_reason
from impasto.video.clip import TimeSpan
from impasto.video.formats import CONTAINERS, EXTENSIONS_READ
from impasto.video.hardware_codecs import decoding_devices

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

    AnyPacket = Packet[Stream]
else:
    AnyPacket = Packet  # generic in its stubs only

# Demuxers that find a key frame before any time; files of others are read from their beginning.
_INDEXED_FORMATS = ("mov", "matroska")
_MIN_JUMP = Fraction(1, 10)  # seconds back, from which on time is taken to have begun anew
_MAX_FAILURES = 10  # readings in vain before a file is given up


def open_container(path: Path, device: "HWAccel | None" = None) -> InputContainer:
    """Open a video file.

    Args:
        path: the file.
        device: what decodes; None for software.

    Raises:
        VideoError: the file is missing, cannot be read, or is no video.
    """
    try:
        # absolute, since FFmpeg takes `data:x.mp4` for an address; only files, since playlists name
        # others
        return av.open(
            str(path.absolute()),
            metadata_errors="replace",
            container_options={"protocol_whitelist": "file,crypto,data"},
            hwaccel=device,
        )
    except Exception as error:  # FFmpegError, or whatever PyAV makes of the header
        if is_url(path):
            raise VideoError(f"cannot read {describe_missing(path)}") from error
        raise VideoError(f"cannot read {path}: {explain_unreadable(path, error)}") from error


def open_accelerated(path: Path, hwaccel: str) -> InputContainer | None:
    """Open a video file for decoding by hardware; None where no device takes it.

    A device may be built into FFmpeg and missing in the machine, or not know the codec.
    """
    for device in decoding_devices(hwaccel):
        with contextlib.suppress(VideoError):
            container = open_container(path, device)
            if find_video(container, path).codec_context.is_hwaccel:
                return container
            container.close()
    return None


def explain_unreadable(path: Path, error: BaseException) -> str:
    """Explain why a file cannot be opened as a video, with a remedy."""
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
    if path.suffix.lower() in EXTENSIONS_READ | CONTAINERS.keys():
        return "it is no video in a format that impasto reads, or it is cut short; get a fresh copy"
    return (
        "it is neither a picture nor a video in a format that impasto reads; name a picture or a"
        " video, or convert it"
    )


def find_video(container: InputContainer, path: Path) -> VideoStream:
    """Find the first video track that can be decoded; cover pictures do not count.

    Raises:
        VideoError: there is none.
    """
    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not videos:
        kinds = {stream.type for stream in container.streams}
        contents = "only sound" if "audio" in kinds else "no video"
        raise VideoError(f"cannot paint {path}: it holds {contents}; name a video or a picture")
    video = next((stream for stream in videos if stream.codec_context), None)
    if video is None or not video.codec_context.width:
        raise VideoError(
            f"cannot read {path}: its pictures are broken, cut short, or coded in a way that PyAV "
            "does not know; get a fresh copy"
        )
    return video


def can_seek(container: InputContainer) -> bool:
    """Tell whether the format finds a key frame before any time."""
    return any(name in container.format.name for name in _INDEXED_FORMATS)


def chapters_within(container: InputContainer, shift: Fraction, span: TimeSpan) -> list[Any]:
    """List the chapters that lie at least partly within the span, with times from its start.

    Args:
        container: the file.
        shift: time in the file that becomes 0, in seconds.
        span: part of the clip.
    """
    end = None if span.end is None else span.end - (span.start or 0)
    chapters = list[Any]()
    for chapter in container.chapters():
        unit = chapter["time_base"] or Fraction(1, av.time_base)
        times = [time * unit - shift for time in (chapter["start"], chapter["end"])]
        if span:
            times = [max(time, Fraction(0)) for time in times]
            times = times if end is None else [min(time, end) for time in times]
        if times[1] > times[0]:
            start, stop = (round(time / unit) for time in times)
            chapters.append(chapter | {"time_base": unit, "start": start, "end": stop})
    return chapters


def describe_track(track: Stream) -> str:
    """Describe a track by its kind, codec and language, as "sound (aac, eng)"."""
    kind = {"audio": "sound", "subtitle": "subtitles"}.get(track.type, track.type)
    if track.type == "video" and track.disposition & Disposition.attached_pic:
        kind = "cover picture"
    codec: Any = track.codec_context and track.codec_context.name
    details = ", ".join(filter(None, (codec, track.language)))
    return f"{kind} ({details})" if details else kind


def stamp_of(packet: AnyPacket) -> int | None:
    """Give the time of a packet in its time base: when it is shown, or else decoded."""
    return packet.dts if packet.pts is None else packet.pts


class PacketReader:
    """Iterates over all packets of a file, with times that never fall back.

    Where parts were joined, as transport streams can be, time goes on. What lies behind a damaged
    place is read too.

    Attributes:
        end: time in seconds at which the packets read so far end.
    """

    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self.end = Fraction(0)

    def __iter__(self) -> Iterator[AnyPacket]:
        times = _ContinuousTimes()
        for packet in self._packets():
            times.correct(packet)
            stamp = stamp_of(packet)
            if stamp is not None:
                self.end = max(self.end, (stamp + (packet.duration or 0)) * packet.time_base)
            yield packet

    def _packets(self) -> Iterator[AnyPacket]:
        failures = 0
        while failures < _MAX_FAILURES:
            try:
                for packet in self._container.demux():
                    # a packet without size and time only marks the end of the file
                    if packet.size or packet.dts is not None:
                        failures = 0
                        yield packet
                return
            except MemoryError:
                raise
            except Exception:  # FFmpegError, or whatever PyAV makes of the packet
                failures += 1


class _ContinuousTimes:
    """Corrects the times of packets so that those of no track fall back.

    Each track meets a joint at another place of the file. So each jumps when its own time falls
    back, and as far as the first that did, which is past the end of all tracks.
    """

    def __init__(self) -> None:
        self._offsets = [Fraction(0)]  # seconds to add before the first joint, the second, ...
        self._joints: dict[int, int] = {}  # by track: joints it has passed
        self._starts: dict[int, Fraction] = {}  # by track: start of its last packet, seconds
        self._ends: dict[int, Fraction] = {}  # by track: end of its last packet, seconds

    def correct(self, packet: AnyPacket) -> None:
        """Correct the times of the next packet of the file in place."""
        if packet.dts is not None:
            self._pass_joint(packet, packet.dts * packet.time_base)
        if ticks := round(self._offset(packet.stream_index) / packet.time_base):
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks

    def _offset(self, track: int) -> Fraction:
        return self._offsets[self._joints.get(track, 0)]

    def _pass_joint(self, packet: AnyPacket, stored: Fraction) -> None:
        """Note when a packet begins and ends, after a joint of its track if its time falls back."""
        track, time = packet.stream_index, stored + self._offset(packet.stream_index)
        if track in self._starts and time < self._starts[track] - _MIN_JUMP:
            self._joints[track] = self._joints.get(track, 0) + 1
            if self._joints[track] == len(self._offsets):
                self._offsets.append(self._offsets[-1] + max(self._ends.values()) - time)
            time = stored + self._offset(track)
        length = packet.duration * packet.time_base if packet.duration else None
        if length is None:
            length = time - self._starts.get(track, time)
        self._starts[track], self._ends[track] = time, time + length
