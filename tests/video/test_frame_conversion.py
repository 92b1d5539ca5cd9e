"""Decoded frames become upright RGB in the colors that were drawn."""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import EVEN, frames_of, gray_difference, make_clip, scene
from pictures import UInt8, photo
from PIL import Image

from impasto.errors import VideoError
from impasto.images.exif import TURNS as TURNS_OF_EXIF
from impasto.video import frame_conversion, paint_video

TURNS: dict[tuple[float, bool], Callable[[UInt8], UInt8]] = {
    (0, False): lambda frame: frame,
    (90, False): np.rot90,
    (180, False): lambda frame: np.rot90(frame, 2),
    (-90, False): lambda frame: np.rot90(frame, 3),
    (0, True): np.fliplr,
    (180, True): np.flipud,
}


def time_lapse(path: Path, orientation: int | None) -> Path:
    """JPEG files with EXIF, one behind the other, as cameras and `ffmpeg -c copy` make it."""
    exif = Image.Exif()
    exif[271] = "Camera"
    if orientation:
        exif[274] = orientation
    with av.open(str(path), "w") as out:
        track: Any = out.add_stream("mjpeg", rate=10)
        track.width, track.height, track.pix_fmt = 64, 48, "yuvj420p"
        for number in range(3):
            data = io.BytesIO()
            Image.fromarray(scene(48, 64, number)).save(data, "JPEG", quality=95, exif=exif)
            packet = av.Packet(data.getvalue())
            packet.stream, packet.is_keyframe = track, True
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, 10)
            out.mux(packet)
    return path


@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
@pytest.mark.parametrize("suffix", [".avi", ".mov", ".mkv"])
def test_side_data_that_pyav_does_not_know_never_matters(
    tmp_path: Path, orientation: int | None, suffix: str
) -> None:
    source = time_lapse(tmp_path / f"lapse{suffix}", orientation)
    seen: list[UInt8] = []
    done = paint_video(
        source,
        tmp_path / "out.mp4",
        lambda frame: seen.append(frame.copy()) or frame,  # type: ignore[func-returns-value]
    )
    turned = Image.fromarray(scene(48, 64, 0))
    if orientation in TURNS_OF_EXIF:
        turned = turned.transpose(TURNS_OF_EXIF[orientation])
    assert (done.frames, done.lost, seen[0].shape) == (3, 0, np.asarray(turned).shape)
    assert gray_difference(seen[0], np.asarray(turned)) < 3


@pytest.mark.parametrize("kind", [ValueError, KeyError, RuntimeError])
@pytest.mark.parametrize("name", ["to_rgb", "display_matrix", "coding_of"])
def test_whatever_a_frame_raises_is_an_error_of_the_video(
    tmp_path: Path, kind: type[Exception], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:3])

    def fail(*_: object, **__: object) -> None:
        raise kind("why")

    monkeypatch.setattr(frame_conversion, name, fail)
    with pytest.raises(VideoError, match="no frame that can be decoded"):
        paint_video(source, tmp_path / "out.mp4", lambda frame: frame)
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("turn", TURNS)
def test_turned_videos_come_out_upright_once(tmp_path: Path, turn: tuple[float, bool]) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN[:3], turn=turn)
    seen: list[UInt8] = []
    done = paint_video(
        source,
        tmp_path / "out.mp4",
        lambda frame: seen.append(frame.copy()) or frame,  # type: ignore[func-returns-value]
    )
    upright = TURNS[turn](scene(48, 64, 0))
    assert (done.height, done.width) == upright.shape[:2]
    assert gray_difference(seen[0], upright) < 2
    assert gray_difference(frames_of(tmp_path / "out.mp4")[0], upright) < 3
    with av.open(str(tmp_path / "out.mp4")) as clip:
        assert next(clip.decode(video=0)).rotation == 0


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("colors", [(1, 1, 1), (5, 5, 6), (6, 6, 6), (2, 2, 2)])
def test_colors(tmp_path: Path, colors: tuple[int, int, int], full: bool) -> None:
    """The painter sees the colors that were drawn, and what it paints is what comes out and is
    tagged."""
    source = make_clip(tmp_path / "clip.mp4", EVEN[:2], (96, 128), colors=colors, full=full)
    drawn, seen = scene(96, 128, 0), list[UInt8]()
    paint_video(source, tmp_path / "out.mp4", lambda frame: seen.append(frame.copy()) or frame)  # type: ignore[func-returns-value]
    assert gray_difference(seen[0], drawn) < 1.5
    assert abs((seen[0].astype(int) - drawn).mean()) < 0.6, "rounded, not cut"
    assert gray_difference(frames_of(tmp_path / "out.mp4")[0], drawn) < 2
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
    paint_video(source, target, lambda frame: seen.append(frame.copy()) or frame)  # type: ignore[func-returns-value]
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


@pytest.mark.slow
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
    paint_video(source, tmp_path / "out.mp4", lambda frame: seen.append(frame.copy()) or frame)  # type: ignore[func-returns-value]
    patches = seen[0][32, 16::32].astype(int)
    assert np.ptp(patches, axis=1).max() <= 2, "grey stays grey"
    dark, dim, light, white = patches.mean(axis=1)
    assert dark < 20 < dim < 100 < light < white
    assert white > 225
    with av.open(str(tmp_path / "out.mp4")) as clip:
        context = clip.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)


def test_photo_is_not_symmetrical() -> None:
    """What the tests of turns lean on."""
    frame = photo(48, 64)
    assert all(
        turned(frame).shape != frame.shape or gray_difference(turned(frame), frame) > 10
        for turned in list(TURNS.values())[1:]
    )
