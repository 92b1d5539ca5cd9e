"""Frames are read, painted and written in order; whatever ends the work, files stay in order."""

import errno
import itertools
import os
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
from disk import Disk
from pictures import UInt8
from PIL import Image

from impasto.errors import VideoError
from impasto.progress import Progress
from impasto.video import VideoInterrupted, paint_video
from impasto.video.formats import exists
from impasto.video.image_sequences import matching


def test_frames_come_in_order_and_one_by_one(tmp_path: Path) -> None:
    seen: list[float] = []
    told: list[Progress] = []

    def paint(frame: UInt8) -> UInt8:
        assert frame.dtype == np.uint8
        assert frame.shape == (48, 64, 3)
        seen.append(float(frame.mean()))
        return 255 - frame

    paint_video(
        make_clip(tmp_path / "clip.mp4"),
        tmp_path / "out.mp4",
        paint,
        on_progress=told.append,
    )
    assert [(p.step, p.steps, p.unit, p.name) for p in told] == [
        (number, 12, "frame", "clip.mp4") for number in range(1, 13)
    ]
    assert [p.fraction for p in told] == [number / 12 for number in range(1, 13)]
    assert [p.seconds for p in told] == sorted(p.seconds for p in told)
    expected = [scene(48, 64, number) for number in range(12)]
    np.testing.assert_allclose(seen, [frame.mean() for frame in expected], atol=1.5)
    for painted, frame in zip(frames_of(tmp_path / "out.mp4"), expected, strict=True):
        assert gray_difference(painted, 255 - frame) < 3


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
    for name, paint in (("one", unchanged), ("other", lay)):
        paint_video(source, tmp_path / f"{name}{suffix}", paint)
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"other{suffix}").read_bytes()


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (48, 65), (49, 64), (2, 300)])
def test_sizes_are_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    source = make_clip(
        tmp_path / "clip.mkv", (0, 40, 80), size, pix_fmt="yuv444p", time_base=Fraction(1, 1000)
    )
    for name in ("out.mp4", "out.webm", "out.gif", "out.webp"):
        done = paint_video(source, tmp_path / name, unchanged)
        assert (done.height, done.width) == size
    for name in ("out.gif", "out.webp"):
        with Image.open(tmp_path / name) as image:
            assert image.size == size[::-1]
    with av.open(str(tmp_path / "out.webm")) as clip:
        assert (clip.streams.video[0].height, clip.streams.video[0].width) == size
    for painted, frame in zip(frames_of(tmp_path / "out.mp4"), frames_of(source), strict=True):
        assert painted.shape == (*size, 3)
        assert gray_difference(painted, frame) < (
            3 if min(size) > 8 else 6
        )  # of few pixels each is an edge


def test_a_video_that_changes_its_size_midway(tmp_path: Path) -> None:
    """Two transport streams one after the other, which begin at the unchanged time."""
    times = tuple(range(0, 12 * 3600, 3600))
    parts = [
        make_clip(
            tmp_path / f"{size[0]}.ts", times, size, time_base=Fraction(1, 90_000), sounds=["eng"]
        )
        for size in ((48, 64), (96, 128))
    ]
    (tmp_path / "clip.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    shapes = set()
    done = paint_video(
        tmp_path / "clip.ts",
        tmp_path / "out.mp4",
        lambda frame: shapes.add(frame.shape) or frame,  # type: ignore[func-returns-value]
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
        paint_video(source, tmp_path / "out.mp4", spoil)
    assert not (tmp_path / "out.mp4").exists()


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
        paint_video(source, tmp_path / name, unchanged)
    assert (tmp_path / name).read_bytes() == b"the old one"


@pytest.mark.slow
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
    paint_video(source, target, unchanged)
    Disk(monkeypatch, room=target.stat().st_size * 9 // 10)
    target.write_bytes(b"a good one")
    with pytest.raises(VideoError) as raised:
        paint_video(source, target, unchanged)
    found = frames_of(part)
    told = (
        f"cannot write {target} further: No space left on device; "
        "free some space, or choose another disk"
    )
    assert str(raised.value) == f"{told}; {part} holds the frames painted until then ({len(found)})"
    assert 5 < len(found) < 120
    assert gray_difference(found[-1], frames_of(source)[len(found) - 1]) < 20
    assert len(packets_of(part)) == len(sounds)
    assert target.read_bytes() == b"a good one"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["clip.mp4", target.name, part.name]
    )


def interrupted_after(frames: int) -> Callable[[UInt8], UInt8]:
    """Return a painter that changes nothing, and is interrupted in the frame after so many."""
    left = itertools.count(frames, -1)

    def paint(frame: UInt8) -> UInt8:
        if next(left) == 0:
            raise KeyboardInterrupt
        return frame

    return paint


def test_ctrl_c_keeps_what_is_painted(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", sounds=["eng"])
    with pytest.raises(VideoInterrupted) as raised:
        paint_video(source, tmp_path / "out.mp4", interrupted_after(5))
    result = raised.value.result
    assert (result.width, result.height, result.frames, result.lost) == (64, 48, 5, 0)
    assert result.notes == []
    assert raised.value.target == tmp_path / "out.part.mp4"
    assert times_of(tmp_path / "out.part.mp4") == (list(EVEN[:5]), TIME_BASE)
    assert not (tmp_path / "out.mp4").exists(), "a later run would take it for a whole one"


def test_numbered_pictures_of_which_some_are_missing_are_no_output(tmp_path: Path) -> None:
    source, target = make_clip(tmp_path / "clip.mp4"), tmp_path / "out" / "%d.png"
    with pytest.raises(VideoInterrupted):
        paint_video(source, target, interrupted_after(5))
    assert len(matching(target)) == 5 and not exists(target, numbered=True)
    paint_video(source, target, unchanged)
    assert len(matching(target)) == 12 and exists(target, numbered=True)
    assert len(list(target.parent.iterdir())) == 12


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
            paint_video(source, tmp_path / "good.mp4", paint)
        assert raised.value.target == tmp_path / name
        assert times_of(tmp_path / name) == (list(EVEN[:5]), TIME_BASE)
    assert (tmp_path / "good.mp4").read_bytes() == b"a good one"


def test_ctrl_c_before_anything_is_painted(tmp_path: Path) -> None:
    def paint(frame: UInt8) -> UInt8:
        raise KeyboardInterrupt

    source = make_clip(tmp_path / "clip.mp4")
    with pytest.raises(KeyboardInterrupt) as raised:
        paint_video(source, tmp_path / "out.mp4", paint)
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
        paint_video(source, tmp_path / "out.mp4", paint)
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("error", [ZeroDivisionError, RuntimeError])
@pytest.mark.parametrize("name", ["out.mp4", "out.webp", "%d.png"])
def test_an_error_in_on_progress_ends_the_work_in_order(
    tmp_path: Path, name: str, error: type[Exception]
) -> None:
    def stop_after_three(progress: Progress) -> None:
        if progress.step == 3:
            raise error("enough")

    source = make_clip(tmp_path / "clip.mp4")
    with pytest.raises(error, match="enough"):
        paint_video(source, tmp_path / name, unchanged, on_progress=stop_after_three)
    pictures = [".%d.png.unfinished", "1.png", "2.png", "3.png"] if name == "%d.png" else []
    assert sorted(path.name for path in tmp_path.iterdir()) == [*pictures, "clip.mp4"]
