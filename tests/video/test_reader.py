"""Video files are read: parts of them, and files that are damaged or no videos."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import (
    EVEN,
    TIME_BASE,
    frames_of,
    gray_difference,
    make_clip,
    packets_of,
    scene,
    times_of,
    unchanged,
)

from impasto.errors import PictureError, VideoError
from impasto.video import TimeSpan, VideoOptions, paint_video


def test_a_part(tmp_path: Path) -> None:
    times = tuple(range(0, 50 * 512, 512))  # 2 seconds
    source = make_clip(tmp_path / "clip.mp4", times, sounds=["eng"], options={"g": "10"})
    whole = frames_of(source)
    done = paint_video(
        source,
        tmp_path / "out.mp4",
        unchanged,
        VideoOptions(TimeSpan(Fraction(1, 2), Fraction(3, 2))),
    )
    # frames 13 to 37 begin within
    assert times_of(tmp_path / "out.mp4") == ([time - 6400 for time in times[13:38]], TIME_BASE)
    assert done.frames == 25
    for painted, frame in zip(frames_of(tmp_path / "out.mp4"), whole[13:38], strict=True):
        assert gray_difference(painted, frame) < 2
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
    paint_video(
        source,
        tmp_path / "out.mkv",
        lambda frame: seen.append(float(frame.mean())) or frame,  # type: ignore[func-returns-value]
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
    assert paint_video(source, tmp_path / "out.mkv", unchanged, VideoOptions(span)).frames == 5


def test_parts_that_are_none(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4")
    with pytest.raises(VideoError, match=r"from 100 s: it has no frame there; it lasts 0\.5 s"):
        paint_video(source, tmp_path / "out.mp4", unchanged, VideoOptions(TimeSpan(Fraction(100))))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


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
    done = paint_video(source, tmp_path / "out.mp4", unchanged)
    assert (done.frames, done.lost) == (45, 5)
    (note,) = done.notes
    assert f"{source}: 5 frames are lost" in note
    times = [512 * number for number in range(50) if number not in range(20, 25)]
    assert times_of(tmp_path / "out.mp4") == (times, TIME_BASE)
    assert packets_of(tmp_path / "out.mp4") == packets_of(source)
    last = frames_of(tmp_path / "out.mp4")[-1]
    assert gray_difference(last, scene(48, 64, 49)) < 3


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
    done = paint_video(source, tmp_path / "out.mp4", unchanged)
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
        paint_video(source, tmp_path / "out.mp4", unchanged)
    assert str(source) in str(raised.value)
    assert not (tmp_path / "out.mp4").exists()


def test_too_many_pixels(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:2])
    with pytest.raises(PictureError, match="--max-pixels 3072"):
        paint_video(source, tmp_path / "out.mp4", unchanged, VideoOptions(max_pixels=3071))
