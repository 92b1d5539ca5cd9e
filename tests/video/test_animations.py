"""Animated GIF and WebP are read and written."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import gray_difference, scene, times_of, unchanged
from pictures import UInt8, ramp
from PIL import Image

from impasto.errors import VideoError
from impasto.video import TimeSpan, VideoOptions, paint_video


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
    done = paint_video(path, tmp_path / f"out{out}", unchanged)
    assert (done.frames, done.notes) == (4, [])
    found, looped, frames = animation(tmp_path / f"out{out}")
    assert found == durations
    assert looped == loop
    for one, other in zip(frames, animation(path)[2], strict=True):
        assert gray_difference(np.asarray(one), np.asarray(other)) < 5


def test_an_animation_that_is_played_once(tmp_path: Path) -> None:
    path = make_animation(tmp_path / "clip.gif", [100, 200])
    assert animation(path)[1] is None
    paint_video(path, tmp_path / "out.gif", unchanged)
    assert animation(tmp_path / "out.gif")[1] is None
    paint_video(path, tmp_path / "out.webp", unchanged)
    assert animation(tmp_path / "out.webp")[1] == 1


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_what_is_clear_stays_clear(tmp_path: Path, suffix: str) -> None:
    path = make_animation(tmp_path / f"clip{suffix}", [100, 200], alpha=True)
    paint_video(path, tmp_path / f"out{suffix}", lambda frame: np.full_like(frame, 90))
    for frame in animation(tmp_path / f"out{suffix}")[2]:
        rgba = np.asarray(frame)
        assert np.array_equal(rgba[..., 3], ramp(40, 50) // 128 * 255)
        assert np.abs(rgba[rgba[..., 3] == 255][:, :3].astype(int) - 90).max() < 4


def test_an_animation_into_a_video_and_a_video_into_an_animation(tmp_path: Path) -> None:
    path = make_animation(tmp_path / "clip.gif", [100, 200, 50])
    paint_video(path, tmp_path / "out.mp4", unchanged)
    times, unit = times_of(tmp_path / "out.mp4")
    assert [(time or 0) * (unit or 0) for time in times] == [0, Fraction(1, 10), Fraction(3, 10)]
    for suffix in (".gif", ".webp"):
        paint_video(tmp_path / "out.mp4", tmp_path / f"back{suffix}", unchanged)
        durations, loop, _ = animation(tmp_path / f"back{suffix}")
        assert durations == [100, 200, 50]
        assert loop == 0


def test_a_part_of_an_animation(tmp_path: Path) -> None:
    path = make_animation(tmp_path / "clip.webp", [100, 200, 50, 330])
    paint_video(
        path,
        tmp_path / "out.webp",
        unchanged,
        VideoOptions(TimeSpan(Fraction(1, 10), Fraction(3, 10))),
    )
    assert len(frames_of_animation(tmp_path / "out.webp")) == 1
    assert (
        gray_difference(
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
    done = paint_video(path, tmp_path / "out.gif", unchanged)
    assert 3 <= done.frames < 8
    path.write_bytes(b"GIF89a")
    with pytest.raises(VideoError, match="broken or cut short"):
        paint_video(path, tmp_path / "new.gif", unchanged)
