"""Tracks beside the frames: sound, subtitles and attachments are copied without decoding."""

import contextlib
import io
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.stream import AttachmentStream, Stream

from impasto.video.clip import Clip
from impasto.video.demuxer import AnyPacket

_OUTDATED_METADATA = (  # beginnings of keys that describe the bytes of the old file
    "BPS",
    "DURATION",
    "NUMBER_OF_",
    "_STATISTICS_",
    "ENCODER",
    "MAJOR_BRAND",
    "MINOR_VERSION",
    "COMPATIBLE_BRANDS",
)


class TrackCopier:
    """Copies the tracks of a clip into a new file.

    The clip's notes name the tracks that the container cannot hold; these are left out.

    Args:
        container: the new file; its video track is there already.
        clip: clip whose tracks are copied.
        target: name of the new file, for notes.
    """

    def __init__(self, container: OutputContainer, clip: Clip, target: Path) -> None:
        self._container = container
        self._tracks = {
            track.index: copy for track in clip.tracks if (copy := self._add(track)) is not None
        }
        self._last_dts = dict[int, int]()  # by index in the new file: time of the last packet
        missing = [track for track in clip.tracks if track.index not in self._tracks]
        if missing:
            clip.notes.append(_describe_missing(missing, clip.path, target))

    def _add(self, track: Stream) -> Stream | None:
        """Add a track that takes the packets of another; None if the container cannot hold them."""
        muxer = self._container.format.name
        if isinstance(track, AttachmentStream):
            return _attach(self._container, track) if muxer == "matroska" else None
        if not can_hold(muxer, track):
            return None
        copy = self._container.add_stream_from_template(track)
        copy.metadata.update(without_outdated(track.metadata))
        copy.disposition = track.disposition
        return copy

    def copy(self, packet: AnyPacket) -> None:
        """Write a packet, or leave it out if its track or its time is missing.

        Raises:
            OSError: the disk is full.
        """
        track = self._tracks.get(packet.stream_index)
        if track is None or packet.dts is None or packet.pts is None or track.time_base is None:
            return
        ratio = packet.time_base / track.time_base
        # Muxers refuse a time that is not later than the last one, as damaged files have it.
        dts, last = round(packet.dts * ratio), self._last_dts.get(track.index)
        packet.dts = dts if last is None else max(dts, last + 1)
        packet.pts = max(round(packet.pts * ratio), packet.dts)
        packet.duration = round((packet.duration or 0) * ratio)
        packet.time_base = track.time_base
        self._last_dts[track.index] = packet.dts
        packet.stream = track
        self._container.mux_one(packet)


def can_hold(muxer: str, track: Stream) -> bool:
    """Tell whether a container can hold a track.

    impasto tries it, since muxers report some refusals only when they begin to write.
    """
    trial: OutputContainer = av.open(io.BytesIO(), "w", format=muxer)
    try:
        trial.add_stream_from_template(track)
        trial.start_encoding()
    except (av.FFmpegError, ValueError, OSError):
        return False
    with contextlib.suppress(av.FFmpegError, ValueError, OSError):
        trial.close()
    return True


def without_outdated(metadata: dict[str, str]) -> dict[str, str]:
    """Leave out the metadata that described the bytes of the old file."""
    return {
        key: value
        for key, value in metadata.items()
        if not key.upper().startswith(_OUTDATED_METADATA)
    }


def _attach(container: OutputContainer, track: AttachmentStream) -> Stream:
    return container.add_attachment(
        track.metadata.get("filename", "attachment"),
        track.mimetype or "application/octet-stream",
        track.data,
    )


def _describe_missing(missing: list[Stream], source: Path, target: Path) -> str:
    names = ", ".join(map(_describe, missing))
    suffix = target.suffix
    remedy = "" if suffix == ".mkv" else f"; -o {target.with_suffix('.mkv').name} could"
    return f"{source}: left out, as {suffix} cannot hold it: {names}{remedy}"


def _describe(track: Stream) -> str:
    kind = {"audio": "sound", "subtitle": "subtitles"}.get(track.type, track.type)
    codec: Any = track.codec_context and track.codec_context.name
    details = ", ".join(filter(None, (codec, track.language)))
    return f"{kind} ({details})" if details else kind
