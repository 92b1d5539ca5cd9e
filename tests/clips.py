"""Small videos for tests: drawn frames, generated sound."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from pictures import UInt8, photo

TIME_BASE = Fraction(1, 12_800)
EXACT = int(Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT)
EVEN = tuple(range(0, 12 * 512, 512))  # 12 frames at 25 a second
UNEVEN = (0, 512, 640, 2000, 2001, 5000, 9000, 9001)

Sound = list[tuple[int | None, bytes]]


def scene(height: int, width: int, number: int) -> UInt8:
    """Frame number so-and-so (H, W, 3): the smooth picture of other tests, lighter in each, so that
    they can be told apart."""
    return (photo(height, width) * 0.7 + 4 * (number % 16)).astype(np.uint8)


def make_clip(
    path: Path,
    times: Sequence[int] = EVEN,
    size: tuple[int, int] = (48, 64),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    sounds: Sequence[str] = (),
    time_base: Fraction = TIME_BASE,
    colors: tuple[int, int, int] = (5, 2, 2),
    full: bool = False,
    pictures: Sequence[UInt8] | None = None,
    turn: tuple[float, bool] | None = None,
    metadata: dict[str, str] | None = None,
    chapters: Sequence[Any] = (),
    subtitles: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A clip with frames at these times, in the suffix's container.

    `sounds` are languages, a track of AAC (in .webm and .mkv, Opus) each; `turn` is degrees
    counterclockwise and whether mirrored; `colors` are matrix, primaries and transfer by H.273;
    `subtitles` is a codec.
    """
    height, width = size
    scale = str(time_base.denominator)
    given = (
        {"video_track_timescale": scale, "movie_timescale": scale}
        if path.suffix in (".mp4", ".mov")
        else {}
    )
    with av.open(str(path), "w", container_options=given) as out:
        out.metadata.update(metadata or {})
        video: Any = out.add_stream(
            codec,
            rate=25,
            options={"crf": "4"} | (options or {}) if "26" in codec else options or {},
        )
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        context = video.codec_context
        context.time_base = time_base
        context.flags |= Flags.frame_duration
        context.colorspace, context.color_primaries, context.color_trc = colors
        context.color_range = 2 if full else 1
        if turn:
            video.set_display_rotation(turn[0], hflip=turn[1])
        tracks = [_track(out, path, language) for language in sounds]
        texts = out.add_mux_stream(subtitles, time_base=Fraction(1, 1000)) if subtitles else None
        out.set_chapters(list(chapters))
        ends = [*times[1:], times[-1] + times[1] - times[0]]
        for number, (time, end) in enumerate(zip(times, ends, strict=True)):
            rgb = scene(height, width, number) if pictures is None else pictures[number]
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb)).reformat(
                format=pix_fmt,
                dst_colorspace=colors[0] if colors[0] != 2 else 5,
                dst_color_range=2 if full else 1,
            )
            frame.pts, frame.duration, frame.time_base = time, end - time, time_base
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for number, track in enumerate(tracks):
            _hum(out, track, float(ends[-1] * time_base), 220 * (number + 1))
        if texts:
            for number, text in enumerate(("one", "two")):
                data = (
                    text.encode()
                    if subtitles != "mov_text"
                    else len(text).to_bytes(2, "big") + text.encode()
                )
                packet: Any = Packet(data)
                packet.stream, packet.time_base = texts, Fraction(1, 1000)
                packet.pts = packet.dts = 100 * number
                packet.duration = 90
                out.mux(packet)
    return path


def _track(out: Any, path: Path, language: str) -> Any:
    opus = path.suffix == ".webm"
    track = out.add_stream("libopus" if opus else "aac", rate=48_000, layout="mono")
    track.metadata["language"] = language
    return track


def _hum(out: Any, track: Any, seconds: float, pitch: int) -> None:
    """A sound as long as the pictures."""
    total = int(seconds * 48_000)
    size = track.codec_context.frame_size or 960
    for start in range(0, total, size):
        phase = 2 * np.pi * pitch * np.arange(start, start + size) / 48_000
        samples = (np.sin(phase) * 8000).astype(np.float32)[None] / 32_768
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        resampled = av.AudioResampler(
            format=track.codec_context.format.name, layout="mono", rate=48_000
        ).resample(frame)
        for part in resampled:
            part.pts = start
            out.mux(track.encode(part))
    out.mux(track.encode(None))


def unchanged(frame: UInt8) -> UInt8:
    """Give a frame back as it is, in place of a network."""
    return frame


def gray_difference(one: UInt8, other: UInt8) -> float:
    """Compute the mean difference in gray levels of two pictures of one size."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


def frames_of(path: Path) -> list[UInt8]:
    """All frames of a video in the colors that its tags name, (H, W, 3) each."""
    with av.open(str(path)) as clip:
        return [
            np.asarray(frame.to_ndarray(format="rgb24", interpolation=EXACT))
            for frame in clip.decode(video=0)
        ]


def times_of(path: Path) -> tuple[list[int | None], Fraction | None]:
    """When the frames of a video are shown, and in which unit."""
    with av.open(str(path)) as clip:
        return [frame.pts for frame in clip.decode(video=0)], clip.streams.video[0].time_base


def packets_of(path: Path, kind: str = "audio") -> list[list[tuple[float, bytes]]]:
    """All packets of the tracks of a kind: time in seconds, to the millisecond, and content."""
    with av.open(str(path)) as clip:
        tracks = [track for track in clip.streams if track.type == kind]
        found: dict[int, list[tuple[float, bytes]]] = {track.index: [] for track in tracks}
        for packet in clip.demux(*tracks) if tracks else ():
            if packet.size and packet.pts is not None:
                found[packet.stream_index].append(
                    (round(float(packet.pts * packet.time_base), 3), bytes(packet))
                )
    return list(found.values())
