"""Videos in and out: times, sizes, colors, sound and what is broken."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import EVEN, TIME_BASE, UNEVEN, frames_of, make_clip, packets_of, scene, times_of
from disk import Disk
from pictures import UInt8, photo, ramp
from PIL import Image

from impasto.errors import PictureError, VideoError
from impasto.images.reading import read
from impasto.video import TimeSpan, VideoInterrupted, VideoOptions, VideoResult, stylize_video
from impasto.video.pipelining import prefetch, write_behind


def same(frame: UInt8) -> UInt8:
    return frame


def apart(one: UInt8, other: UInt8) -> float:
    """Mean difference in grey levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path: Path) -> Iterator[None]:
    """No thread and no half-written file outlives a call."""
    yield
    assert not [thread for thread in threading.enumerate() if thread.name in ("ahead", "behind")]
    assert not list(tmp_path.rglob(".impasto-*"))


# Times


@pytest.mark.parametrize("times", [EVEN, UNEVEN, tuple(time + 1000 for time in UNEVEN)])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_times_and_their_unit_are_kept(tmp_path: Path, times: tuple[int, ...], suffix: str) -> None:
    source, target = make_clip(tmp_path / f"clip{suffix}", times), tmp_path / f"out{suffix}"
    done = stylize_video(source, target, same)
    assert (done.frames, done.lost, done.notes) == (len(times), 0, [])
    assert times_of(target) == times_of(source) == (list(times), TIME_BASE)
    with av.open(str(source)) as one, av.open(str(target)) as other:
        assert one.streams.video[0].duration == other.streams.video[0].duration
        assert one.streams.video[0].average_rate == other.streams.video[0].average_rate


@pytest.mark.parametrize("base", [Fraction(1, 600), Fraction(1001, 30_000), Fraction(1, 90_000)])
def test_other_units_of_time(tmp_path: Path, base: Fraction) -> None:
    times = tuple(range(10)) if base.numerator > 1 else tuple(range(0, 10 * 37, 37))
    source = make_clip(tmp_path / "clip.mp4", times, time_base=base)
    stylize_video(source, tmp_path / "out.mp4", same)
    assert times_of(tmp_path / "out.mp4") == times_of(source)


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_times_in_milliseconds(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    times = (0, 40, 45, 160, 161, 400)
    source = make_clip(tmp_path / f"clip{suffix}", times, codec=codec, time_base=Fraction(1, 1000))
    stylize_video(source, tmp_path / f"out{suffix}", same)
    assert (
        times_of(tmp_path / f"out{suffix}") == times_of(source) == (list(times), Fraction(1, 1000))
    )


def test_frames_come_in_order_and_one_by_one(tmp_path: Path) -> None:
    seen: list[float] = []
    told: list[tuple[int, int | None]] = []

    def paint(frame: UInt8) -> UInt8:
        assert frame.dtype == np.uint8
        assert frame.shape == (48, 64, 3)
        seen.append(float(frame.mean()))
        return 255 - frame

    stylize_video(
        make_clip(tmp_path / "clip.mp4"),
        tmp_path / "out.mp4",
        paint,
        progress=lambda *done: told.append(done),
    )
    assert told == [(number, 12) for number in range(1, 13)]
    expected = [scene(48, 64, number) for number in range(12)]
    np.testing.assert_allclose(seen, [frame.mean() for frame in expected], atol=1.5)
    for painted, frame in zip(frames_of(tmp_path / "out.mp4"), expected, strict=True):
        assert apart(painted, 255 - frame) < 3


def planar(frame: UInt8) -> UInt8:
    return np.ascontiguousarray(frame.transpose(2, 0, 1)).transpose(1, 2, 0)


def fliplr(frame: UInt8) -> UInt8:
    return frame[:, ::-1]


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp"])
@pytest.mark.parametrize(
    "lay", [planar, np.asfortranarray, lambda frame: fliplr(fliplr(frame).copy())]
)
def test_painters_may_lay_their_pixels_as_they_like(
    tmp_path: Path, lay: Callable[[UInt8], UInt8], suffix: str
) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:2], (48, 66))
    for name, paint in (("one", same), ("other", lay)):
        stylize_video(source, tmp_path / f"{name}{suffix}", paint)
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"other{suffix}").read_bytes()


# Sizes and turns


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (48, 65), (49, 64), (2, 300)])
def test_sizes_are_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    source = make_clip(
        tmp_path / "clip.mkv", (0, 40, 80), size, pix_fmt="yuv444p", time_base=Fraction(1, 1000)
    )
    for name in ("out.mp4", "out.webm", "out.gif", "out.webp"):
        done = stylize_video(source, tmp_path / name, same)
        assert (done.height, done.width) == size
    for name in ("out.gif", "out.webp"):
        with Image.open(tmp_path / name) as image:
            assert image.size == size[::-1]
    with av.open(str(tmp_path / "out.webm")) as clip:
        assert (clip.streams.video[0].height, clip.streams.video[0].width) == size
    for painted, frame in zip(frames_of(tmp_path / "out.mp4"), frames_of(source), strict=True):
        assert painted.shape == (*size, 3)
        assert apart(painted, frame) < (2 if min(size) > 8 else 6)  # of few pixels each is an edge


TURNS: dict[tuple[float, bool], Callable[[UInt8], UInt8]] = {
    (0, False): lambda frame: frame,
    (90, False): np.rot90,
    (180, False): lambda frame: np.rot90(frame, 2),
    (-90, False): lambda frame: np.rot90(frame, 3),
    (0, True): np.fliplr,
    (180, True): np.flipud,
}


@pytest.mark.parametrize("turn", TURNS)
def test_turned_videos_come_out_upright_once(tmp_path: Path, turn: tuple[float, bool]) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:3], turn=turn)
    seen: list[UInt8] = []
    done = stylize_video(
        source,
        tmp_path / "out.mp4",
        lambda frame: seen.append(frame.copy()) or frame,  # type: ignore[func-returns-value]  # noqa: E501
    )
    upright = TURNS[turn](scene(48, 64, 0))
    assert (done.height, done.width) == upright.shape[:2]
    assert apart(seen[0], upright) < 2
    assert apart(frames_of(tmp_path / "out.mp4")[0], upright) < 3
    with av.open(str(tmp_path / "out.mp4")) as clip:
        assert next(clip.decode(video=0)).rotation == 0


def test_the_shape_of_pixels_is_kept(tmp_path: Path) -> None:
    for turn, shape in ((None, Fraction(4, 3)), ((90, False), Fraction(3, 4))):
        source = make_clip(
            tmp_path / "clip.mp4", EVEN[:2], turn=turn, options={"x264-params": "sar=4/3"}
        )
        stylize_video(source, tmp_path / "out.mp4", same)
        with av.open(str(tmp_path / "out.mp4")) as clip:
            assert clip.streams.video[0].sample_aspect_ratio == shape


def test_a_video_that_changes_its_size_midway(tmp_path: Path) -> None:
    """Two transport streams one after the other, which begin at the same time."""
    times = tuple(range(0, 12 * 3600, 3600))
    parts = [
        make_clip(
            tmp_path / f"{size[0]}.ts", times, size, time_base=Fraction(1, 90_000), sounds=["eng"]
        )
        for size in ((48, 64), (96, 128))
    ]
    (tmp_path / "clip.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    shapes = set()
    done = stylize_video(
        tmp_path / "clip.ts",
        tmp_path / "out.mp4",
        lambda frame: shapes.add(frame.shape) or frame,  # type: ignore[func-returns-value]  # noqa: E501
    )
    assert shapes == {(48, 64, 3)}
    assert done.frames == 24
    (note,) = done.notes
    assert "from 64x48 to 128x96 pixels at frame 13" in note
    painted, unit = times_of(tmp_path / "out.mp4")
    assert unit == Fraction(1, 90_000)
    steps = np.diff(np.array(painted)).tolist()
    joint = steps.pop(11)
    assert steps == [3600] * 22
    assert (
        3600 <= joint <= 5 * 3600
    )  # the sound of the first part is a little longer than its frames
    (sound,) = packets_of(tmp_path / "out.mp4")
    gaps = np.diff([time for time, _ in sound])
    assert 0.01 < gaps.min() < gaps.max() < 0.15, "sound goes on"


# Colors


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("colors", [(1, 1, 1), (5, 5, 6), (6, 6, 6), (2, 2, 2)])
def test_colors(tmp_path: Path, colors: tuple[int, int, int], full: bool) -> None:
    """The painter sees the colors that were drawn, and what it paints is what comes out and is
    tagged."""
    source = make_clip(tmp_path / "clip.mp4", EVEN[:2], (96, 128), colors=colors, full=full)
    drawn, seen = scene(96, 128, 0), list[UInt8]()
    stylize_video(source, tmp_path / "out.mp4", lambda frame: seen.append(frame.copy()) or frame)  # type: ignore[func-returns-value]
    assert apart(seen[0], drawn) < 1.5
    assert abs((seen[0].astype(int) - drawn).mean()) < 0.6, "rounded, not cut"
    assert apart(frames_of(tmp_path / "out.mp4")[0], drawn) < 2
    with av.open(str(tmp_path / "out.mp4")) as clip:
        context = clip.streams.video[0].codec_context
        assert context.color_range == 1
        assert (context.colorspace, context.color_primaries, context.color_trc) == (
            colors if colors[0] != 2 else (6, 2, 2)
        )


def solid(
    code: tuple[Any, int, int], size: tuple[int, int], pix_fmt: str, path: Path, **tags: int
) -> Path:
    """A lossless video of one frame whose Y, U and V are these codes; Y may be (H, W)."""
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("ffv1", rate=25)
        video.height, video.width, video.pix_fmt = *size, pix_fmt
        for name, value in tags.items():
            setattr(video.codec_context, name, value)
        frame = av.VideoFrame(size[1], size[0], pix_fmt)
        for plane, value in zip(frame.planes, code, strict=True):
            kind = np.dtype(np.uint16 if "10" in pix_fmt else np.uint8)
            rows = np.zeros((plane.height, plane.line_size // kind.itemsize), kind)
            rows[:, : plane.width] = value
            plane.update(rows.tobytes())
        frame.pts = 0
        out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


def first_seen(source: Path, target: Path) -> UInt8:
    seen = list[UInt8]()
    stylize_video(source, target, lambda frame: seen.append(frame.copy()) or frame)  # type: ignore[func-returns-value]
    return seen[0][seen[0].shape[0] // 2, seen[0].shape[1] // 2]


@pytest.mark.parametrize(("size", "matrix"), [((96, 128), "601"), ((720, 1280), "709")])
def test_colors_that_nobody_tells(tmp_path: Path, size: tuple[int, int], matrix: str) -> None:
    """High definition counts as BT.709 and all else as BT.601, as it does with players (ITU-R
    BT.601-7, BT.709-6)."""
    kr, kb = {"601": (0.299, 0.114), "709": (0.2126, 0.0722)}[matrix]
    red, green, blue = 200 / 255, 60 / 255, 30 / 255
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    code = (
        16 + 219 * luma,
        128 + 224 * (blue - luma) / (2 - 2 * kb),
        128 + 224 * (red - luma) / (2 - 2 * kr),
    )
    rounded = round(code[0]), round(code[1]), round(code[2])
    source = solid(rounded, size, "yuv420p", tmp_path / "clip.mkv")
    np.testing.assert_allclose(
        first_seen(source, tmp_path / "out.mp4").astype(int), [200, 60, 30], atol=2
    )


def test_ten_bits(tmp_path: Path) -> None:
    source = solid(
        (4 * 126, 512, 512),
        (96, 128),
        "yuv420p10le",
        tmp_path / "clip.mkv",
        colorspace=1,
        color_range=1,
    )
    np.testing.assert_allclose(
        first_seen(source, tmp_path / "out.mp4").astype(int), [128] * 3, atol=1
    )
    with av.open(str(tmp_path / "out.mp4")) as clip:
        assert clip.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_high_dynamic_range(tmp_path: Path) -> None:
    """PQ codes by SMPTE ST 2084: what is as light as white paper becomes nearly white, and dark
    stays dark."""
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 16}
    codes = []
    for nits in (0.1, 10, 100, 203):
        power = (nits / 10_000) ** 0.1593017578125
        codes.append(
            round(64 + 876 * ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)
        )
    rows = np.repeat(np.repeat(np.array(codes, np.uint16), 32)[None], 64, axis=0)
    source = solid((rows, 512, 512), (64, 128), "yuv420p10le", tmp_path / "clip.mkv", **tags)
    seen = list[UInt8]()
    stylize_video(source, tmp_path / "out.mp4", lambda frame: seen.append(frame.copy()) or frame)  # type: ignore[func-returns-value]
    patches = seen[0][32, 16::32].astype(int)
    assert np.ptp(patches, axis=1).max() <= 2, "grey stays grey"
    dark, dim, light, white = patches.mean(axis=1)
    assert dark < 20 < dim < 100 < light < white
    assert white > 225
    with av.open(str(tmp_path / "out.mp4")) as clip:
        context = clip.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)


# Sound, subtitles and what else there is


@pytest.mark.parametrize("sounds", [[], ["eng"], ["eng", "fra"]])
def test_sound_is_copied_byte_for_byte(tmp_path: Path, sounds: list[str]) -> None:
    source = make_clip(tmp_path / "clip.mp4", sounds=sounds)
    done = stylize_video(source, tmp_path / "out.mp4", same)
    before, after = packets_of(source), packets_of(tmp_path / "out.mp4")
    assert done.notes == []
    assert len(before) == len(sounds)
    assert after == before
    assert all(len(track) > 20 for track in after)
    with av.open(str(tmp_path / "out.mp4")) as clip:
        assert [track.language for track in clip.streams.audio] == sounds


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "mov_text"), (".mkv", "subrip")])
def test_subtitles_chapters_and_metadata_are_copied(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    chapters = [
        {
            "id": 1,
            "start": 0,
            "end": 200,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": "One"},
        },
        {
            "id": 2,
            "start": 200,
            "end": 480,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": "Two"},
        },
    ]
    source = make_clip(
        tmp_path / f"clip{suffix}",
        sounds=["eng"],
        subtitles=codec,
        chapters=chapters,
        metadata={"title": "A walk", "artist": "Me"},
    )
    stylize_video(source, tmp_path / f"out{suffix}", same)
    texts = packets_of(source, "subtitle")
    assert b"".join(text for _, text in texts[0]).count(b"one") == 1
    said = [
        [text for text in track if text[1].strip(b"\0")]
        for track in packets_of(tmp_path / f"out{suffix}", "subtitle")
    ]
    assert said == [
        [text for text in track if text[1].strip(b"\0")] for track in texts
    ]  # MP4 fills pauses with nothing
    with av.open(str(source)) as one, av.open(str(tmp_path / f"out{suffix}")) as other:
        assert [chapter["metadata"]["title"] for chapter in other.chapters()] == ["One", "Two"]
        assert [chapter["start"] * (chapter["time_base"] or 0) for chapter in other.chapters()] == [
            0,
            Fraction(1, 5),
        ]
        assert (other.metadata.get("title") or other.metadata.get("TITLE")) == "A walk"
        assert [track.type for track in other.streams] == [track.type for track in one.streams]


def test_what_a_container_cannot_hold_is_left_out_in_one_line(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", sounds=["eng", "fra"], subtitles="subrip")
    (note,) = stylize_video(source, tmp_path / "out.webm", same).notes
    assert all(
        part in note
        for part in (
            str(source),
            ".webm",
            "sound (aac, eng)",
            "sound (aac, fra)",
            "subtitles (srt)",
            "out.mkv",
        )
    )
    assert packets_of(tmp_path / "out.webm") == []
    (note,) = stylize_video(source, tmp_path / "out.mp4", same).notes
    assert "srt" in note
    assert "aac" not in note
    before, after = packets_of(source), packets_of(tmp_path / "out.mp4")
    assert [[data for _, data in track] for track in after] == [
        [data for _, data in track] for track in before
    ]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(
            [time for time, _ in other], [time for time, _ in one], atol=0.001
        )


# Parts


def test_a_part(tmp_path: Path) -> None:
    times = tuple(range(0, 50 * 512, 512))  # 2 seconds
    source = make_clip(tmp_path / "clip.mp4", times, sounds=["eng"], options={"g": "10"})
    whole = frames_of(source)
    done = stylize_video(
        source, tmp_path / "out.mp4", same, VideoOptions(TimeSpan(Fraction(1, 2), Fraction(3, 2)))
    )
    # frames 13 to 37 begin within
    assert times_of(tmp_path / "out.mp4") == ([time - 6400 for time in times[13:38]], TIME_BASE)
    assert done.frames == 25
    for painted, frame in zip(frames_of(tmp_path / "out.mp4"), whole[13:38], strict=True):
        assert apart(painted, frame) < 2
    ((first, *_, last),) = packets_of(tmp_path / "out.mp4")
    assert 0 <= first[0] < 0.03
    assert 0.95 < last[0] < 1
    (before,) = packets_of(source)
    assert first[1] == next(data for time, data in before if time >= 0.5)


@pytest.mark.parametrize(
    ("start", "end", "numbers"), [(None, 0.1, (0, 3)), (0.3, None, (8, 12)), (0.32, 0.36, (8, 9))]
)
@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".avi"])
def test_ends_of_parts(
    tmp_path: Path, suffix: str, start: float | None, end: float | None, numbers: tuple[int, int]
) -> None:
    codec = "ffv1" if suffix == ".avi" else "libx264"
    source = make_clip(
        tmp_path / f"clip{suffix}", tuple(range(12)), codec=codec, time_base=Fraction(1, 25)
    )
    span = TimeSpan(*(None if time is None else Fraction(str(time)) for time in (start, end)))
    seen: list[float] = []
    stylize_video(
        source,
        tmp_path / "out.mkv",
        lambda frame: seen.append(float(frame.mean())) or frame,  # type: ignore[func-returns-value]  # noqa: E501
        VideoOptions(span),
    )
    expected = [scene(48, 64, number).mean() for number in range(*numbers)]
    np.testing.assert_allclose(seen, expected, atol=1.9)  # frames differ by 4


@pytest.mark.parametrize("name", ["silent.mp4", "silent.ts", "sound.mkv", "sound.ts"])
@pytest.mark.parametrize("start", [None, 0])
def test_parts_are_timed_from_the_first_frame(tmp_path: Path, name: str, start: int | None) -> None:
    times = tuple(time + 2133 for time in EVEN)  # from 1/6 s, and sound, where there is any, from 0
    source = make_clip(tmp_path / name, times, sounds=["eng"] if "sound" in name else [])
    span = TimeSpan(None if start is None else Fraction(start), Fraction(1, 5))
    assert stylize_video(source, tmp_path / "out.mkv", same, VideoOptions(span)).frames == 5


@pytest.mark.parametrize(
    "spoil", [lambda frame: frame[:-2], lambda frame: frame[..., :1], lambda frame: frame / 255]
)
def test_what_is_painted_is_of_one_size_and_type(
    tmp_path: Path, spoil: Callable[[UInt8], Any]
) -> None:
    source = make_clip(tmp_path / "clip.mp4")
    with pytest.raises(
        ValueError, match=r"frame of uint8 \(48, 64, 3\) was painted as (uint8|float64) \(4"
    ):
        stylize_video(source, tmp_path / "out.mp4", spoil)
    assert not (tmp_path / "out.mp4").exists()


def test_parts_that_are_none(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4")
    with pytest.raises(VideoError, match=r"has no frame from 100 s; it lasts 0\.5 s"):
        stylize_video(source, tmp_path / "out.mp4", same, VideoOptions(TimeSpan(Fraction(100))))
    for start, end in ((2, 1), (1, 1), (-1, None)):
        with pytest.raises(VideoError, match="is no part of a video"):
            TimeSpan(Fraction(start), None if end is None else Fraction(end))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


# Codecs


@pytest.mark.parametrize(
    ("name", "codec", "found"),
    [
        ("out.mp4", "auto", "h264"),
        ("out.mkv", "vp9", "vp9"),
        ("out.webm", "auto", "vp9"),
        ("out.mp4", "av1", "av1"),
        ("out.ts", "auto", "h264"),
    ],
)
def test_codecs(tmp_path: Path, name: str, codec: Any, found: str) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:3], (64, 96))
    stylize_video(source, tmp_path / name, same, VideoOptions(codec=codec))
    with av.open(str(tmp_path / name)) as clip:
        assert found in clip.streams.video[0].codec_context.codec.canonical_name
    for painted, frame in zip(frames_of(tmp_path / name), frames_of(source), strict=True):
        assert apart(painted, frame) < 4


def test_a_codec_that_the_container_does_not_hold(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:2])
    with pytest.raises(VideoError, match=r"\.webm holds no h264; use vp9 or av1, or write \.mp4"):
        stylize_video(source, tmp_path / "out.webm", same, VideoOptions(codec="h264"))
    with pytest.raises(VideoError, match=r"\.wmv as a video; use one of .*\.mp4"):
        stylize_video(source, tmp_path / "out.wmv", same)


def test_quality(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN, (240, 320))
    for quality in (20, 98):
        stylize_video(source, tmp_path / f"{quality}.mp4", same, VideoOptions(quality=quality))
    assert 2 * (tmp_path / "20.mp4").stat().st_size < (tmp_path / "98.mp4").stat().st_size


# What is broken


def damaged(path: Path, numbers: range, size: tuple[int, int] = (48, 64)) -> Path:
    """A clip some of whose coded frames are nothing but zeros."""
    make_clip(
        path, tuple(range(0, 50 * 512, 512)), size, sounds=["eng"], options={"g": "5", "bf": "0"}
    )
    with av.open(str(path)) as clip:
        places = [(packet.pos, packet.size) for packet in clip.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for number in numbers:
        place, length = places[number]
        assert place is not None
        data[place : place + length] = bytes(length)
    path.write_bytes(data)
    return path


def test_a_broken_middle(tmp_path: Path) -> None:
    source = damaged(tmp_path / "clip.mp4", range(20, 25))
    done = stylize_video(source, tmp_path / "out.mp4", same)
    assert (done.frames, done.lost) == (45, 5)
    (note,) = done.notes
    assert f"{source}: 5 frames are lost" in note
    times = [512 * number for number in range(50) if number not in range(20, 25)]
    assert times_of(tmp_path / "out.mp4") == (times, TIME_BASE)
    assert packets_of(tmp_path / "out.mp4") == packets_of(source)
    last = frames_of(tmp_path / "out.mp4")[-1]
    assert apart(last, scene(48, 64, 49)) < 3


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_a_file_that_is_cut_short(tmp_path: Path, suffix: str) -> None:
    source = make_clip(
        tmp_path / f"clip{suffix}",
        tuple(range(0, 50 * 40, 40)),
        time_base=Fraction(1, 1000),
        sounds=["eng"],
    )
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 2 // 3])
    done = stylize_video(source, tmp_path / "out.mp4", same)
    assert 10 < done.frames < 50
    if suffix == ".mkv":  # whose header tells how long it was
        assert any(
            f"{source} is cut short: " in note and "of 2.0 s are there" in note
            for note in done.notes
        )
    assert len(frames_of(tmp_path / "out.mp4")) == done.frames
    assert packets_of(tmp_path / "out.mp4")[0]


def without_frames(path: Path) -> None:
    damaged(path, range(50))


def of_sound(path: Path) -> None:
    with av.open(str(path), "w") as out:
        track: Any = out.add_stream("aac", rate=48_000, layout="mono")
        from clips import _hum

        _hum(out, track, 0.3, 440)


def headless(path: Path) -> None:
    """An MP4 whose index, at its end, is cut off."""
    data = make_clip(path).read_bytes()
    path.write_bytes(data[: data.index(b"moov")])


def absent(path: Path) -> None:
    pass


def of_text(path: Path) -> None:
    path.write_text("Dear Sir or Madam,\n" * 99)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (without_frames, "holds no frame that can be decoded"),
        (of_sound, "it holds only sound"),
        (headless, "it is no video in a format that impasto reads, or it is cut short"),
        (absent, "there is no such file"),
        (of_text, "it is no video"),
        (Path.touch, r"it is empty \(0 bytes\)"),
    ],
)
def test_what_is_no_video(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    source = tmp_path / "clip.mp4"
    make(source)
    with pytest.raises(VideoError, match=reason) as raised:
        stylize_video(source, tmp_path / "out.mp4", same)
    assert str(source) in str(raised.value)
    assert not (tmp_path / "out.mp4").exists()


def test_too_many_pixels(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:2])
    with pytest.raises(PictureError, match="--max-pixels 3072"):
        stylize_video(source, tmp_path / "out.mp4", same, VideoOptions(max_pixels=3071))


@pytest.mark.parametrize("room", [0, 3000, 20_000])
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.gif", "out.webp"])
def test_a_disk_that_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, room: int
) -> None:
    source = make_clip(
        tmp_path / "clip.mp4", tuple(range(0, 50 * 512, 512)), (96, 128), sounds=["eng"]
    )
    (tmp_path / name).write_bytes(b"the old one")
    real = Path.open

    def opened(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        file: Any = real(path, mode, *args, **kwargs)
        if "x" not in mode:
            return file
        written = 0

        class Small:
            name = str(path)

            def write(self, data: bytes) -> int:
                nonlocal written
                written += len(data)
                if written > room:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return int(file.write(data))

            def __getattr__(self, name: str) -> Any:
                return getattr(file, name)

            def __enter__(self) -> "Small":
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

        return Small()

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(
        VideoError, match=rf"cannot write .*{name}: No space left on device; free some space"
    ):
        stylize_video(source, tmp_path / name, same)
    assert (tmp_path / name).read_bytes() == b"the old one"


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".gif"])
def test_a_disk_that_fills_up_keeps_what_was_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    noise = list(np.random.default_rng(0).integers(0, 256, (120, 48, 64, 3), dtype=np.uint8))
    sounds = ["eng"] if suffix == ".mp4" else []
    step = 12_800 if suffix == ".mkv" else 512  # Matroska is written in pieces of 5 seconds
    source = make_clip(
        tmp_path / "clip.mp4", tuple(range(0, 120 * step, step)), pictures=noise, sounds=sounds
    )
    target, part = tmp_path / f"out{suffix}", tmp_path / f"out.part{suffix}"
    stylize_video(source, target, same)
    Disk(monkeypatch, room=target.stat().st_size * 9 // 10)
    target.write_bytes(b"a good one")
    with pytest.raises(VideoError) as raised:
        stylize_video(source, target, same)
    found = frames_of(part)
    told = f"cannot write {target} further: No space left on device; free some space, or choose another disk"
    assert str(raised.value) == f"{told}; {part} holds the frames painted until then ({len(found)})"
    assert 5 < len(found) < 120
    assert apart(found[-1], frames_of(source)[len(found) - 1]) < 20
    assert len(packets_of(part)) == len(sounds)
    assert target.read_bytes() == b"a good one"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["clip.mp4", target.name, part.name]
    )


# The end, wished for or not


def test_ctrl_c_keeps_what_is_painted(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", sounds=["eng"])
    left = [5]

    def paint(frame: UInt8) -> UInt8:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return frame

    with pytest.raises(VideoInterrupted) as raised:
        stylize_video(source, tmp_path / "out.mp4", paint)
    assert raised.value.painted == VideoResult(64, 48, 5, 0, [])
    assert times_of(tmp_path / "out.mp4") == (list(EVEN[:5]), TIME_BASE)


def test_ctrl_c_leaves_what_was_there(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", sounds=["eng"])
    left = [0]

    def paint(frame: UInt8) -> UInt8:
        left[0] += 1
        if left[0] % 6 == 0:
            raise KeyboardInterrupt
        return frame

    (tmp_path / "good.mp4").write_bytes(b"a good one")
    for name in ("good.part.mp4", "good.part-2.mp4"):
        with pytest.raises(VideoInterrupted) as raised:
            stylize_video(source, tmp_path / "good.mp4", paint)
        assert raised.value.target == tmp_path / name
        assert times_of(tmp_path / name) == (list(EVEN[:5]), TIME_BASE)
    assert (tmp_path / "good.mp4").read_bytes() == b"a good one"


def test_ctrl_c_before_anything_is_painted(tmp_path: Path) -> None:
    def paint(frame: UInt8) -> UInt8:
        raise KeyboardInterrupt

    source = make_clip(tmp_path / "clip.mp4")
    with pytest.raises(KeyboardInterrupt) as raised:
        stylize_video(source, tmp_path / "out.mp4", paint)
    assert not isinstance(raised.value, VideoInterrupted)
    assert not (tmp_path / "out.mp4").exists()


def test_a_painter_that_fails(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4")
    calls = [0]

    def paint(frame: UInt8) -> UInt8:
        calls[0] += 1
        if calls[0] == 4:
            raise ZeroDivisionError
        return frame

    with pytest.raises(ZeroDivisionError):
        stylize_video(source, tmp_path / "out.mp4", paint)
    assert not (tmp_path / "out.mp4").exists()


def test_ahead_is_bounded_and_in_order() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with prefetch(items(), depth=3) as coming:
        for taken in range(20):
            assert next(coming) == taken
            assert len(made) <= taken + 1 + 3 + 1  # taken, waiting, and one that finds no room
    assert len(made) < 30


def test_ahead_passes_errors_on_after_what_came_before() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with prefetch(items(), depth=3) as coming:
        assert next(coming) == 1
        with pytest.raises(ZeroDivisionError):
            next(coming)


def test_behind_takes_all_whatever_happens() -> None:
    taken: list[int] = []
    with pytest.raises(KeyboardInterrupt), write_behind(taken.append, depth=2) as hand:
        for number in range(10):
            hand(number)
        raise KeyboardInterrupt
    assert taken == list(range(10))


def test_behind_passes_errors_back() -> None:
    def take(item: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), write_behind(take, depth=2) as hand:
        for number in range(10):
            hand(number)
    with pytest.raises(ZeroDivisionError), write_behind(take, depth=2) as hand:
        hand(0)


# Numbered pictures


def make_pictures(folder: Path, numbers: range = range(3, 8)) -> Path:
    folder.mkdir()
    for number in numbers:
        Image.fromarray(scene(40, 50, number)).save(folder / f"f{number:03}.png")
    return folder / "f%03d.png"


def test_numbered_pictures_into_numbered_pictures(tmp_path: Path) -> None:
    pattern = make_pictures(tmp_path / "in")
    (tmp_path / "in" / "f0010.png").write_text("another number of digits")
    (tmp_path / "in" / "f005.png").unlink()
    done = stylize_video(pattern, tmp_path / "out" / "p%d.png", lambda frame: 255 - frame)
    assert (done.frames, done.lost) == (4, 0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "p3.png",
        "p4.png",
        "p6.png",
        "p7.png",
    ]
    for number in (3, 7):
        assert np.array_equal(
            read(tmp_path / "out" / f"p{number}.png").rgb, 255 - scene(40, 50, number)
        )


def test_numbered_pictures_into_a_video(tmp_path: Path) -> None:
    pattern = make_pictures(tmp_path / "in")
    (tmp_path / "in" / "f005.png").write_text("Dear Sir")
    done = stylize_video(pattern, tmp_path / "out.mp4", same, VideoOptions(rate=Fraction(10)))
    assert (done.frames, done.lost) == (4, 1)
    times, unit = times_of(tmp_path / "out.mp4")
    assert unit
    assert [(time or 0) * unit for time in times] == [
        0,
        Fraction(1, 10),
        Fraction(3, 10),
        Fraction(4, 10),
    ]
    assert apart(frames_of(tmp_path / "out.mp4")[-1], scene(40, 50, 7)) < 2


def test_a_folder_into_a_video_and_back(tmp_path: Path) -> None:
    make_pictures(tmp_path / "in")
    stylize_video(tmp_path / "in", tmp_path / "out.mp4", same)
    stylize_video(tmp_path / "out.mp4", tmp_path / "back" / "%02d.png", same)
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == [
        f"0{number}.png" for number in range(1, 6)
    ]
    assert apart(read(tmp_path / "back" / "05.png").rgb, scene(40, 50, 7)) < 3


def test_no_numbered_pictures(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no picture there fits"):
        stylize_video(tmp_path / "%d.png", tmp_path / "out.mp4", same)
    with pytest.raises(VideoError, match="frames a second are for numbered pictures"):
        stylize_video(
            make_clip(tmp_path / "clip.mp4"),
            tmp_path / "out.mp4",
            same,
            VideoOptions(rate=Fraction(10)),
        )
    with pytest.raises(VideoError, match=r"\.jpg as a video; .*out-%05d\.jpg"):
        stylize_video(tmp_path / "clip.mp4", tmp_path / "out.jpg", same)


# Animations


def make_animation(
    path: Path, durations: list[int], loop: int | None = None, alpha: bool = False
) -> Path:
    frames = [scene(40, 50, 3 * number) for number in range(len(durations))]
    clear = ramp(40, 50) // 128 * 255
    images = [Image.fromarray(np.dstack([frame, clear]) if alpha else frame) for frame in frames]
    looping: dict[str, Any] = {} if loop is None else {"loop": loop}
    images[0].save(
        path,
        save_all=True,
        append_images=images[1:],
        duration=durations,
        disposal=2,
        quality=95,
        **looping,
    )
    return path


def animation(path: Path) -> tuple[list[int], int | None, list[Image.Image]]:
    """Durations in ms, loop and frames (RGBA)."""
    durations, frames = [], []
    with Image.open(path) as image:
        for index in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(index)
            frames.append(image.convert("RGBA"))
            durations.append(round(image.info["duration"]))
        return durations, image.info.get("loop"), frames


@pytest.mark.parametrize("out", [".gif", ".webp"])
@pytest.mark.parametrize("source", [".gif", ".webp"])
@pytest.mark.parametrize("loop", [0, 3])
def test_animations(tmp_path: Path, source: str, out: str, loop: int) -> None:
    durations = [100, 200, 50, 330]
    path = make_animation(tmp_path / f"clip{source}", durations, loop)
    done = stylize_video(path, tmp_path / f"out{out}", same)
    assert (done.frames, done.notes) == (4, [])
    found, looped, frames = animation(tmp_path / f"out{out}")
    assert found == durations
    assert looped == loop
    for one, other in zip(frames, animation(path)[2], strict=True):
        assert apart(np.asarray(one), np.asarray(other)) < 5


def test_an_animation_that_is_played_once(tmp_path: Path) -> None:
    path = make_animation(tmp_path / "clip.gif", [100, 200])
    assert animation(path)[1] is None
    stylize_video(path, tmp_path / "out.gif", same)
    assert animation(tmp_path / "out.gif")[1] is None
    stylize_video(path, tmp_path / "out.webp", same)
    assert animation(tmp_path / "out.webp")[1] == 1


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_what_is_clear_stays_clear(tmp_path: Path, suffix: str) -> None:
    path = make_animation(tmp_path / f"clip{suffix}", [100, 200], alpha=True)
    stylize_video(path, tmp_path / f"out{suffix}", lambda frame: np.full_like(frame, 90))
    for frame in animation(tmp_path / f"out{suffix}")[2]:
        rgba = np.asarray(frame)
        assert np.array_equal(rgba[..., 3], ramp(40, 50) // 128 * 255)
        assert np.abs(rgba[rgba[..., 3] == 255][:, :3].astype(int) - 90).max() < 4


def test_an_animation_into_a_video_and_a_video_into_an_animation(tmp_path: Path) -> None:
    path = make_animation(tmp_path / "clip.gif", [100, 200, 50])
    stylize_video(path, tmp_path / "out.mp4", same)
    times, unit = times_of(tmp_path / "out.mp4")
    assert [(time or 0) * (unit or 0) for time in times] == [0, Fraction(1, 10), Fraction(3, 10)]
    for suffix in (".gif", ".webp"):
        stylize_video(tmp_path / "out.mp4", tmp_path / f"back{suffix}", same)
        durations, loop, _ = animation(tmp_path / f"back{suffix}")
        assert durations == [100, 200, 50]
        assert loop == 0


def test_a_part_of_an_animation(tmp_path: Path) -> None:
    path = make_animation(tmp_path / "clip.webp", [100, 200, 50, 330])
    stylize_video(
        path, tmp_path / "out.webp", same, VideoOptions(TimeSpan(Fraction(1, 10), Fraction(3, 10)))
    )
    assert len(frames_of_animation(tmp_path / "out.webp")) == 1
    assert (
        apart(
            frames_of_animation(tmp_path / "out.webp")[0],
            np.asarray(animation(path)[2][1])[..., :3],
        )
        < 4
    )


def frames_of_animation(path: Path) -> list[UInt8]:
    with Image.open(path) as image:
        found = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            found.append(np.asarray(image.convert("RGB")))
        return found


def test_a_broken_animation(tmp_path: Path) -> None:
    path = make_animation(tmp_path / "clip.gif", [100] * 8)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    done = stylize_video(path, tmp_path / "out.gif", same)
    assert 3 <= done.frames < 8
    path.write_bytes(b"GIF89a")
    with pytest.raises(VideoError, match="broken or cut short"):
        stylize_video(path, tmp_path / "new.gif", same)


def test_photo_is_not_symmetrical() -> None:
    """What the tests of turns lean on."""
    frame = photo(48, 64)
    assert all(
        turned(frame).shape != frame.shape or apart(turned(frame), frame) > 10
        for turned in list(TURNS.values())[1:]
    )
