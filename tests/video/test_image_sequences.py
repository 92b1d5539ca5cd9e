"""Numbered pictures are read and written."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import frames_of, gray_difference, make_clip, scene, times_of, unchanged
from PIL import Image

from impasto.errors import VideoError
from impasto.images.reading import read
from impasto.video import VideoOptions, paint_video
from impasto.video.image_sequences import is_pattern


def make_pictures(folder: Path, numbers: range = range(3, 8)) -> Path:
    folder.mkdir()
    for number in numbers:
        Image.fromarray(scene(40, 50, number)).save(folder / f"f{number:03}.png")
    return folder / "f%03d.png"


def test_numbered_pictures_into_numbered_pictures(tmp_path: Path) -> None:
    pattern = make_pictures(tmp_path / "in")
    (tmp_path / "in" / "f0010.png").write_text("another number of digits")
    (tmp_path / "in" / "f005.png").unlink()
    done = paint_video(pattern, tmp_path / "out" / "p%d.png", lambda frame: 255 - frame)
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
    done = paint_video(pattern, tmp_path / "out.mp4", unchanged, VideoOptions(rate=Fraction(10)))
    assert (done.frames, done.lost) == (4, 1)
    times, unit = times_of(tmp_path / "out.mp4")
    assert unit
    assert [(time or 0) * unit for time in times] == [
        0,
        Fraction(1, 10),
        Fraction(3, 10),
        Fraction(4, 10),
    ]
    assert gray_difference(frames_of(tmp_path / "out.mp4")[-1], scene(40, 50, 7)) < 2


def test_a_folder_into_a_video_and_back(tmp_path: Path) -> None:
    make_pictures(tmp_path / "in")
    paint_video(tmp_path / "in", tmp_path / "out.mp4", unchanged)
    paint_video(tmp_path / "out.mp4", tmp_path / "back" / "%02d.png", unchanged)
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == [
        f"0{number}.png" for number in range(1, 6)
    ]
    assert gray_difference(read(tmp_path / "back" / "05.png").rgb, scene(40, 50, 7)) < 3


@pytest.mark.parametrize("name", ["%05d.png", "frame%d.jpg", "a%d_left.tif", "%03d", "%2d.png"])
def test_names_that_stand_for_numbered_pictures(name: str) -> None:
    assert is_pattern(name) == (name not in ("%03d", "%2d.png"))


@pytest.mark.parametrize(
    "name", ["50%discount.jpg", "100%dance.gif", "100%déjà.png", "%d.mp4", "50%.jpg", "a%5d.mov"]
)
def test_names_of_one_file(name: str) -> None:
    assert not is_pattern(name)


def test_no_numbered_pictures(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no picture there fits"):
        paint_video(tmp_path / "%d.png", tmp_path / "out.mp4", unchanged)
    with pytest.raises(VideoError, match="frames a second are for numbered pictures"):
        paint_video(
            make_clip(tmp_path / "clip.mp4"),
            tmp_path / "out.mp4",
            unchanged,
            VideoOptions(rate=Fraction(10)),
        )
    with pytest.raises(VideoError, match=r"\.jpg as a video; .*out-%05d\.jpg"):
        paint_video(tmp_path / "clip.mp4", tmp_path / "out.jpg", unchanged)
