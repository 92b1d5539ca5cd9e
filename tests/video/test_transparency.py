"""Transparency of clips is kept where the output can hold it, and told of where it cannot."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pictures import UInt8, photo
from PIL import Image

from impasto.video import VideoOptions, paint_video
from impasto.video.clip import Frame
from impasto.video.clip_files import open_clip
from impasto.video.formats import is_clip, written_suffix

FORMS = {
    "prores.mov": ("prores_ks", "yuva444p10le", {"profile": "4444"}),
    "qtrle.mov": ("qtrle", "argb", {}),
    "png.mov": ("png", "rgba", {}),
    "vp9.webm": ("libvpx-vp9", "yuva420p", {"auto-alt-ref": "0", "crf": "4", "b": "0"}),
    "vp8.webm": ("libvpx", "yuva420p", {"auto-alt-ref": "0", "crf": "4", "b": "4000000"}),
    "ffv1.mkv": ("ffv1", "bgra", {}),
    "utvideo.avi": ("utvideo", "gbrap", {}),
}


def cut_out(number: int) -> UInt8:
    """A frame with a clear border and a soft edge, (48, 64, 4)."""
    alpha = np.zeros((48, 64), np.uint8)
    alpha[12:36, 16 : 48 + number] = 255
    alpha[12:36, 12:16] = 128
    rgb = photo(48, 64).copy()
    rgb[alpha == 0] = (255, 0, 255)
    return np.dstack([rgb, alpha])


def make(path: Path, codec: str, form: str, options: dict[str, str], count: int = 4) -> Path:
    with av.open(str(path), "w") as out:
        track: Any = out.add_stream(codec, rate=25, options=options)
        track.width, track.height, track.pix_fmt = 64, 48, form
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(cut_out(number), format="rgba").reformat(format=form)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
    return path


def frames_of(path: Path) -> list[Frame]:
    with open_clip(path, VideoOptions()) as clip:
        return [item for item in clip.items() if isinstance(item, Frame)]


def check(path: Path, tolerance: int = 24) -> None:
    frames = frames_of(path)
    assert len(frames) == 4
    for number, frame in enumerate(frames):
        expected = cut_out(number)
        assert frame.alpha is not None
        assert np.abs(frame.alpha.astype(int) - expected[..., 3]).mean() < 2
        inside = frame.rgb[16:32, 20:44].astype(int)
        assert np.abs(inside - expected[16:32, 20:44, :3]).mean() < tolerance / 4


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("suffix", [None, ".mov", ".webm", ".mkv", ".gif", ".webp"])
def test_transparency_of_videos_is_kept(tmp_path: Path, name: str, suffix: str | None) -> None:
    source = make(tmp_path / name, *FORMS[name])
    target = tmp_path / f"out{suffix or written_suffix(source)}"
    seen: list[UInt8] = []
    done = paint_video(
        source,
        target,
        lambda frame: seen.append(frame.copy()) or frame,  # type: ignore[func-returns-value]
    )
    assert done.notes == [] and done.frames == 4
    if suffix == ".gif":  # which has no soft edges
        assert all(frame.alpha is not None for frame in frames_of(target))
    else:
        check(target)
    # hidden colors are not painted
    assert all(np.abs(frame[2, 2].astype(int) - (255, 0, 255)).max() > 20 for frame in seen)


@pytest.mark.parametrize("target", ["out.mp4", "out.ts"])
def test_where_transparency_is_lost_it_is_told(tmp_path: Path, target: str) -> None:
    source = make(tmp_path / "clip.mov", *FORMS["prores.mov"])
    (note,) = paint_video(source, tmp_path / target, lambda frame: frame).notes
    assert "clear parts become white" in note
    with av.open(str(tmp_path / target)) as clip:
        frame = next(clip.decode(video=0)).to_ndarray(format="rgb24")
    assert frame[2, 2].min() > 245


def test_opaque_videos_stay_as_they_were(tmp_path: Path) -> None:
    source = tmp_path / "clip.mov"
    with av.open(str(source), "w") as out:
        track: Any = out.add_stream("prores_ks", rate=25, options={"profile": "4444"})
        track.width, track.height, track.pix_fmt = 64, 48, "yuva444p10le"
        pixels = np.dstack([photo(48, 64), np.full((48, 64), 255, np.uint8)])
        frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="yuva444p10le")
        out.mux([*track.encode(frame), *track.encode(None)])
    assert paint_video(source, tmp_path / "out.mov", lambda frame: frame).notes == []
    with av.open(str(tmp_path / "out.mov")) as clip:
        assert clip.streams.video[0].codec_context.name == "h264"


@pytest.mark.parametrize("suffix", [".png", ".apng", ".avif"])
@pytest.mark.parametrize("clear", [False, True])
def test_animated_pictures_stay_animated(tmp_path: Path, suffix: str, clear: bool) -> None:
    images = [Image.fromarray(cut_out(number)) for number in range(4)]
    if not clear:
        images = [image.convert("RGB") for image in images]
    source = tmp_path / f"clip{suffix}"
    form = "AVIF" if suffix == ".avif" else "PNG"
    options: dict[str, Any] = {"quality": 95} if form == "AVIF" else {"loop": 3}
    durations = [80, 120, 200, 360]
    images[0].save(
        source, form, save_all=True, append_images=images[1:], duration=durations, **options
    )
    assert is_clip(source) and written_suffix(source) == suffix
    done = paint_video(source, tmp_path / f"out{suffix}", lambda frame: frame)
    assert done.frames == 4 and done.notes == []
    with Image.open(tmp_path / f"out{suffix}") as found:
        assert getattr(found, "n_frames", 1) == 4
        assert form == "AVIF" or found.info["loop"] == 3
        for number, duration in enumerate(durations):
            found.seek(number)
            found.load()
            assert abs(found.info["duration"] - duration) <= 1
    frames = frames_of(tmp_path / f"out{suffix}")
    assert [frame.alpha is not None for frame in frames] == [clear] * 4
    if clear:
        check(tmp_path / f"out{suffix}")


def test_the_still_of_an_animated_png_is_not_painted(tmp_path: Path) -> None:
    images = [Image.fromarray(cut_out(number)).convert("RGB") for number in range(3)]
    path = tmp_path / "clip.png"
    images[0].save(path, save_all=True, default_image=True, append_images=images[1:], duration=100)
    assert [frame.pts for frame in frames_of(path)] == [0, 100]


def test_still_pictures_are_no_clips(tmp_path: Path) -> None:
    for suffix in (".png", ".avif", ".webp", ".gif"):
        Image.fromarray(photo(48, 64)).save(tmp_path / f"a{suffix}")
        assert not is_clip(tmp_path / f"a{suffix}")
