"""Tracks beside the frames: sound, subtitles and attachments are copied without decoding.

Sound that the new container cannot hold is coded anew.
"""

import contextlib
import io
from collections.abc import Iterable
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import AttachmentStream, Stream

from impasto.video.clip import Clip
from impasto.video.demuxer import AnyPacket, describe_track

# codecs of sound in transport streams; FFmpeg writes any other as private data, which none plays
_TRANSPORT_CODECS = frozenset({"aac", "mp2", "mp3", "ac3", "eac3", "opus", "dts", "dca", "truehd"})
_NAMES_OF_DECODERS = {"mp3float": "mp3", "mp2float": "mp2", "libopus": "opus"}
# to code sound anew: AAC, but Opus in WebM
_AAC, _OPUS = "aac", "libopus"
_AAC_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000)
_OPUS_RATE = 48_000
_MAX_DURATION = 1 << 31  # of a packet, in ticks; 0 lets the muxer find it
_BITS_PER_CHANNEL = 96_000  # a second
_LAYOUTS = frozenset({"mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1"})  # of both encoders

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

    The clip's notes name the tracks that the container cannot hold: sound is coded anew, others are
    left out.

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
        self._recoders = {
            track.index: recoder
            for track in missing
            if isinstance(track, AudioStream)
            and (recoder := SoundRecoder.start(container, track)) is not None
        }
        recoded = [track for track in missing if track.index in self._recoders]
        if recoded:
            names = ", ".join(map(describe_track, recoded))
            codec = "Opus" if container.format.name == "webm" else "AAC"
            clip.notes.append(
                f"{clip.path}: coded anew as {codec}, as {target.suffix} cannot hold it: {names}"
            )
        missing = [track for track in missing if track.index not in self._recoders]
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
        if recoder := self._recoders.get(packet.stream_index):
            recoder.add(packet)
            return
        track = self._tracks.get(packet.stream_index)
        if track is None or packet.dts is None or packet.pts is None or track.time_base is None:
            return
        ratio = packet.time_base / track.time_base
        # Muxers refuse a time that is not later than the last one, as damaged files have it.
        dts, last = round(packet.dts * ratio), self._last_dts.get(track.index)
        packet.dts = dts if last is None else max(dts, last + 1)
        packet.pts = max(round(packet.pts * ratio), packet.dts)
        duration = round((packet.duration or 0) * ratio)
        packet.duration = duration if 0 <= duration < _MAX_DURATION else 0  # as Ogg may have it
        packet.time_base = track.time_base
        self._last_dts[track.index] = packet.dts
        packet.stream = track
        self._container.mux_one(packet)

    def close(self) -> None:
        """Write the sound that encoders still hold back.

        Raises:
            OSError: the disk is full.
        """
        for recoder in self._recoders.values():
            recoder.close()


class SoundRecoder:
    """Codes the sound of one track anew.

    Args:
        container: the new file.
        track: the track of the clip.
        encoded: the track of the new file.
    """

    def __init__(
        self, container: OutputContainer, track: AudioStream, encoded: AudioStream
    ) -> None:
        self._container, self._track, self._encoded = container, track, encoded
        self._resampler: AudioResampler | None = None
        self._last_pts: int | None = None

    @classmethod
    def start(cls, container: OutputContainer, track: AudioStream) -> "SoundRecoder | None":
        """Add a track of new sound to a file; None where the sound cannot be decoded."""
        context = track.codec_context
        if context is None or not context.sample_rate or not context.channels:
            return None
        is_webm = container.format.name == "webm"
        rates = (_OPUS_RATE,) if is_webm else _AAC_RATES
        wanted = context.sample_rate
        rate = min(rates, key=lambda rate: (rate < wanted, abs(rate - wanted)))
        layout = context.layout.name
        if layout not in _LAYOUTS:
            layout = "mono" if context.channels == 1 else "stereo"
        try:
            encoded: AudioStream = container.add_stream(_OPUS if is_webm else _AAC, rate=rate)  # type: ignore[assignment]
            encoded.codec_context.layout = layout
            encoded.codec_context.bit_rate = _BITS_PER_CHANNEL * encoded.codec_context.channels
        except (av.FFmpegError, ValueError):
            return None
        encoded.metadata.update(without_outdated(track.metadata))
        encoded.disposition = track.disposition
        return cls(container, track, encoded)

    def add(self, packet: AnyPacket) -> None:
        """Decode a packet, and write what the encoder gives; damaged packets are left out.

        Raises:
            OSError: the disk is full.
        """
        try:
            frames = self._track.codec_context.decode(packet)
        except (av.FFmpegError, EOFError, ValueError):
            return
        for frame in frames:
            self._encode(self._resample(frame))

    def _resample(self, frame: AudioFrame | None) -> list[AudioFrame]:
        if self._resampler is None:
            context = self._encoded.codec_context
            self._resampler = AudioResampler(
                context.format, context.layout, context.sample_rate, context.frame_size or 1024
            )
        return self._resampler.resample(frame)

    def _encode(self, frames: Iterable[AudioFrame]) -> None:
        for frame in frames:
            if frame.pts is not None:  # encoders refuse a time that is not later than the last one
                last = self._last_pts
                frame.pts = frame.pts if last is None else max(frame.pts, last + 1)
                self._last_pts = frame.pts
            self._container.mux(self._encoded.encode(frame))

    def close(self) -> None:
        """Write what the decoder, the resampler and the encoder hold back."""
        with contextlib.suppress(av.FFmpegError, EOFError, ValueError):
            for frame in self._track.codec_context.decode(None):
                self._encode(self._resample(frame))
        if self._resampler is not None:
            self._encode(self._resample(None))
            self._container.mux(self._encoded.encode(None))


def can_hold(muxer: str, track: Stream) -> bool:
    """Tell whether a container can hold a track, so that players find it.

    impasto tries it, since muxers report some refusals only when they begin to write.
    """
    if isinstance(track, AudioStream) and (context := track.codec_context) is not None:
        codec = _NAMES_OF_DECODERS.get(context.name, context.name)
        if muxer == "mpegts" and codec not in _TRANSPORT_CODECS:
            return False
        # MP4 takes uncompressed sound if the file says where its channels belong
        if muxer == "mp4" and codec.startswith("pcm_") and context.layout.name not in _LAYOUTS:
            return False
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
    names = ", ".join(map(describe_track, missing))
    suffix = target.suffix
    remedy = "" if suffix == ".mkv" else f"; -o {target.with_suffix('.mkv').name} could"
    return f"{source}: left out, as {suffix} cannot hold it: {names}{remedy}"
