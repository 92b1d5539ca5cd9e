"""Large strokes in what moves: frames painted reduced, and brought up with the light that was too
fine."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from clips import EVEN, frames_of, make_clip, unchanged
from hypothesis import given, settings
from hypothesis import strategies as st
from moving import texture
from numpy.typing import NDArray
from pictures import UInt8, photo
from PIL import Image

from impasto.images.reading import read
from impasto.video import VideoOptions, paint_video
from impasto.video.clip import Frame
from impasto.video.large_strokes import add_fine_luma, default_stroke, enlarge_frame, reduce_frame

TWICE = VideoOptions(stroke=2)


def light(frame: UInt8) -> NDArray[np.float64]:
    return frame @ np.array([0.299, 0.587, 0.114])


def apart(one: UInt8, other: UInt8) -> float:
    """Mean difference of light in grey levels."""
    assert one.shape == other.shape
    return float(np.abs(light(one) - light(other)).mean())


def quiet(picture: UInt8) -> UInt8:
    """Colors that videos can hold at half the resolution: a fifth as strong as they were."""
    gray = picture.mean(-1, keepdims=True)
    return (50 + 0.6 * (gray + 0.2 * (picture - gray))).astype(np.uint8)


def keeping(frames: list[UInt8]) -> Callable[[UInt8], UInt8]:
    """Leaves frames as they are, and keeps them."""

    def keep(frame: UInt8) -> UInt8:
        frames.append(frame)
        return frame

    return keep


@pytest.mark.parametrize(
    ("size", "stroke"),
    [
        ((1, 1), 1),
        ((480, 640), 1),
        ((719, 1280), 1),
        ((720, 1280), 2),
        ((1280, 720), 2),
        ((1080, 1920), 2),
        ((1440, 2560), 4),
        ((2160, 3840), 4),
        ((30_000, 30_000), 16),
    ],
)
def test_how_large_strokes_are_if_nobody_says(size: tuple[int, int], stroke: float) -> None:
    assert default_stroke(*size) == stroke


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    stroke=st.floats(1, 16),
    seed=st.integers(0, 9),
)
def test_a_frame_that_is_not_painted_comes_back(
    height: int, width: int, stroke: float, seed: int
) -> None:
    rgb = texture(height, width, seed)
    frame = reduce_frame(Frame(rgb, 7, 3, 2), stroke)
    assert frame.rgb.shape == (max(1, round(height / stroke)), max(1, round(width / stroke)), 3)
    assert frame.size == (height, width)
    back = enlarge_frame(frame)
    assert (back.pts, back.duration, back.number, back.size) == (7, 3, 2, (height, width))
    missing = light(rgb) - light(back.rgb)
    inside = (back.rgb > 0) & (
        back.rgb < 255
    )  # where colors are brought back into their range, light is lost too
    assert np.abs(missing[inside.all(-1)]).max(initial=0) < 4


@pytest.mark.parametrize(("side", "stroke"), [(718, 1), (720, 2)])
@pytest.mark.parametrize("name", ["clip.mp4", "%d.png"])
def test_strokes_are_large_in_large_frames(
    tmp_path: Path, side: int, stroke: int, name: str
) -> None:
    frame = texture(side, side + 2, size=20)
    make_clip(tmp_path / "clip.mp4", EVEN[:2], frame.shape[:2], pictures=[frame] * 2)
    Image.fromarray(frame).save(tmp_path / "1.png")
    seen = list[UInt8]()
    done = paint_video(
        tmp_path / name, tmp_path / "out.mp4", keeping(seen), VideoOptions(stroke=None)
    )
    assert (done.stroke, done.height, done.width) == (stroke, side, side + 2)
    assert {each.shape for each in seen} == {(side // stroke, side // stroke + 2 // stroke, 3)}
    assert frames_of(tmp_path / "out.mp4")[0].shape == frame.shape


def test_luma_stays_in_its_range() -> None:
    luma = np.array([[16, 100, 235, 20]], np.uint8)
    add_fine_luma(luma, np.array([[-5, 7, 9, -300]], np.int16))
    assert luma.tolist() == [[16, 107, 235, 16]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pix_fmt", "colors", "full"),
    [
        ("yuv420p", (5, 2, 2), False),
        ("yuv420p", (1, 1, 1), True),
        ("yuv444p", (1, 1, 1), False),
        ("yuv420p10le", (1, 1, 1), False),
        (
            "yuv420p10le",
            (9, 9, 16),
            False,
        ),  # high dynamic range, whose light is not the one that is shown
    ],
)
@pytest.mark.parametrize("size", [(96, 128), (90, 122)])
def test_light_is_that_of_the_scene(
    tmp_path: Path, pix_fmt: str, colors: tuple[int, int, int], full: bool, size: tuple[int, int]
) -> None:
    """A video that is reduced, left as it is and brought up is as near to the scene as one that is
    only coded anew."""
    height, width = size
    pictures = [quiet(texture(height, width, number, size=3)) for number in range(3)]
    source = make_clip(
        tmp_path / "clip.mkv",
        EVEN[:3],
        size,
        pix_fmt=pix_fmt,
        colors=colors,
        full=full,
        pictures=pictures,
    )
    scenes, seen = list[UInt8](), list[UInt8]()
    paint_video(source, tmp_path / "plain.mkv", keeping(scenes))
    done = paint_video(source, tmp_path / "twice.mkv", keeping(seen), TWICE)
    assert [frame.shape for frame in seen] == [(height // 2, width // 2, 3)] * 3
    assert (done.width, done.height, done.frames, done.stroke) == (width, height, 3, 2)
    for scene, plain, twice in zip(
        scenes, *(frames_of(tmp_path / f"{name}.mkv") for name in ("plain", "twice")), strict=True
    ):
        assert apart(scene, twice) < apart(scene, plain) + 0.5
        assert abs(light(twice).mean() - light(scene).mean()) < 1


def test_what_is_painted_is_brought_up_with_the_edges_of_the_scene(tmp_path: Path) -> None:
    edge = np.full((96, 128, 3), 90, np.uint8)
    edge[:, 63:] = 160
    source = make_clip(tmp_path / "clip.mp4", EVEN[:2], (96, 128), pictures=[edge] * 2)
    paint_video(source, tmp_path / "out.mp4", lambda frame: np.full_like(frame, 120), TWICE)
    rows = light(frames_of(tmp_path / "out.mp4")[0]).mean(0)
    assert rows[:56] == pytest.approx(120, abs=2) and rows[70:] == pytest.approx(120, abs=2)
    assert rows[64] - rows[61] > 15, (
        "the scene's edge, which falls between two reduced pixels, is seen"
    )


@pytest.mark.parametrize("turn", [(90, False), (180, True)])
def test_turned(tmp_path: Path, turn: tuple[float, bool]) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:2], turn=turn)
    for name, options in (("plain", VideoOptions()), ("twice", TWICE)):
        paint_video(source, tmp_path / f"{name}.mp4", unchanged, options)
    plain, twice = (frames_of(tmp_path / f"{name}.mp4") for name in ("plain", "twice"))
    assert apart(plain[0], twice[0]) < 2


@pytest.mark.parametrize("out", ["out.gif", "out.webp", "out-%d.png"])
@pytest.mark.parametrize("source", ["clip.mp4", "clip.gif"])
def test_animations_and_numbered_pictures(tmp_path: Path, source: str, out: str) -> None:
    make_clip(tmp_path / "clip.mp4", EVEN[:3])
    if source == "clip.gif":
        paint_video(tmp_path / "clip.mp4", tmp_path / source, unchanged)
    seen = list[UInt8]()
    done = paint_video(tmp_path / source, tmp_path / out, keeping(seen), TWICE)
    assert {frame.shape for frame in seen} == {(24, 32, 3)}
    assert (done.width, done.height, done.frames) == (64, 48, 3)
    if out.endswith(".png"):
        assert apart(read(tmp_path / "out-1.png").rgb, frames_of(tmp_path / source)[0]) < 1.5


def test_what_is_clear_stays_clear(tmp_path: Path) -> None:
    for number in range(2):
        alpha = np.zeros((48, 64), np.uint8)
        alpha[10:30, 10 + number : 40] = 255
        Image.fromarray(np.dstack([photo(48, 64), alpha])).save(tmp_path / f"{number}.png")
    paint_video(tmp_path / "%d.png", tmp_path / "out.webp", unchanged, TWICE)
    paint_video(tmp_path / "%d.png", tmp_path / "out.mp4", unchanged, TWICE)
    with Image.open(tmp_path / "out.webp") as image:
        assert (
            np.asarray(image.convert("RGBA"))[..., 3].tolist()
            == np.asarray(Image.open(tmp_path / "0.png"))[..., 3].tolist()
        )
    assert frames_of(tmp_path / "out.mp4")[0][:8].mean() > 250, "white is behind what is clear"


@pytest.mark.parametrize("stroke", [0.5, 0.0, -1.0, 17.0, float("nan")])
def test_strokes_that_frames_cannot_have(tmp_path: Path, stroke: float) -> None:
    with pytest.raises(ValueError, match="stroke of a video must be between 1"):
        paint_video(
            make_clip(tmp_path / "clip.mp4", EVEN[:2]),
            tmp_path / "out.mp4",
            unchanged,
            VideoOptions(stroke=stroke),
        )
    assert not (tmp_path / "out.mp4").exists()
