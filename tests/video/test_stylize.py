"""Videos are stylized as the command line does: steady, and with large strokes."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from clips import EVEN, frames_of, gray_difference, make_clip, times_of
from moving import pan
from pictures import UInt8
from PIL import Image

from impasto.errors import ArgumentError, VideoError
from impasto.inference.settings import parse_settings
from impasto.progress import Progress
from impasto.stylizer import Stylizer
from impasto.video import VideoInterrupted, VideoOptions, stylize_video
from impasto.video.frame_stylizer import FrameStylizer
from impasto.video.temporal.frozen_statistics import SteadyStyle


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    return Stylizer("small")


@pytest.mark.parametrize("steady", [True, False])
def test_frames_are_steady_unless_the_caller_says_no(
    tmp_path: Path, stylizer: Stylizer, steady: bool
) -> None:
    source, target = make_clip(tmp_path / "clip.mp4", EVEN[:4], (96, 128)), tmp_path / "out.mp4"
    told: list[Progress] = []
    result = stylize_video(
        source,
        target,
        parse_settings("starry-night"),
        stylizer,
        steady=steady,
        on_progress=told.append,
    )
    prepared = stylizer.prepare("starry-night").for_frames()
    paint = SteadyStyle(prepared) if steady else prepared.paint
    for painted, frame in zip(frames_of(target), frames_of(source), strict=True):
        assert gray_difference(painted, paint(frame)) < 8
    assert (result.width, result.height, result.frames, result.lost) == (128, 96, 4, 0)
    assert (result.stroke, result.engine, result.notes) == (1, stylizer.engine.name, [])
    assert 0 < result.first_seconds < result.seconds
    assert result.fps == pytest.approx(3 / (result.seconds - result.first_seconds))
    assert [progress.step for progress in told] == [1, 2, 3, 4]
    assert 0 < told[0].seconds <= told[-1].seconds <= result.seconds


@pytest.mark.slow
def test_strokes_suit_the_size_or_are_those_of_the_settings(
    tmp_path: Path, stylizer: Stylizer
) -> None:
    large = make_clip(tmp_path / "large.mp4", EVEN[:2], (720, 740), pictures=pan(2, 720, 740, 1, 0))
    small = make_clip(tmp_path / "small.mp4", EVEN[:2], (96, 128))
    for source, stroke, expected in ((large, 1.0, 2), (small, 2.0, 2), (small, 0.5, 1)):
        settings = parse_settings("starry-night", stroke=stroke)
        assert stylize_video(source, tmp_path / "out.mp4", settings, stylizer).stroke == expected
    plain = VideoOptions()
    settings = parse_settings("starry-night")
    assert stylize_video(large, tmp_path / "out.mp4", settings, stylizer, plain).stroke == 1


def test_flow_needs_opencv_and_steady_frames(
    tmp_path: Path, stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, settings = make_clip(tmp_path / "clip.mp4", EVEN[:2]), parse_settings("starry-night")
    with pytest.raises(ValueError, match="flow=True with steady=False"):
        stylize_video(source, tmp_path / "out.mp4", settings, stylizer, steady=False, flow=True)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(VideoError, match="impasto\\[flow\\]"):
        stylize_video(source, tmp_path / "out.mp4", settings, stylizer, flow=True)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_an_engine_that_fails_is_an_error_of_the_video(
    tmp_path: Path, stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: FrameStylizer, frame: UInt8) -> UInt8:
        raise RuntimeError("bad allocation\nat 0x1234")

    monkeypatch.setattr(FrameStylizer, "begin", fail)
    source = make_clip(tmp_path / "clip.mp4", EVEN[:2])
    with pytest.raises(VideoError, match=r"clip\.mp4: painting failed \(bad allocation\)$"):
        stylize_video(source, tmp_path / "out.mp4", parse_settings("udnie"), stylizer)


@pytest.mark.parametrize("steady", [True, False])
def test_frames_painted_at_once_are_the_same(tmp_path: Path, steady: bool) -> None:
    source = make_clip(tmp_path / "clip.mp4", EVEN, (64, 80), sounds=["eng"])
    painted = []
    for threads in (1, 3):
        target = tmp_path / str(threads) / "%02d.png"  # as an encoder adds differences of its own
        loaded = Stylizer("small", threads=threads, precision="f32")
        options = VideoOptions(threads=1)
        stylize_video(source, target, parse_settings("udnie"), loaded, options, steady=steady)
        painted.append([np.asarray(Image.open(path)) for path in sorted(target.parent.iterdir())])
    assert len(painted[0]) == len(EVEN)
    for one, other in zip(*painted, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 0.01  # sums are rounded otherwise


def test_every_second_frame_is_painted(
    tmp_path: Path, stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cv2")
    painted = 0
    begin = SteadyStyle.begin

    def count(self: SteadyStyle, frame: UInt8) -> Callable[[], UInt8]:
        nonlocal painted
        painted += 1
        return begin(self, frame)

    monkeypatch.setattr(SteadyStyle, "begin", count)
    source = make_clip(tmp_path / "clip.mp4", EVEN, sounds=["eng"], pictures=pan(12, 48, 64, 1, 0))
    target = tmp_path / "out.mp4"
    options = VideoOptions(every=2)
    result = stylize_video(source, target, parse_settings("udnie"), stylizer, options)
    assert (result.frames, painted) == (len(EVEN), len(EVEN) / 2)
    assert times_of(target) == times_of(source)
    with pytest.raises(ArgumentError, match="every"):
        stylize_video(source, target, parse_settings("udnie"), stylizer, VideoOptions(every=9))


def test_ctrl_c_gives_the_result_until_then(tmp_path: Path, stylizer: Stylizer) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 2:
            raise KeyboardInterrupt

    source, target = make_clip(tmp_path / "clip.mp4"), tmp_path / "out.mp4"
    with pytest.raises(VideoInterrupted) as raised:
        stylize_video(source, target, parse_settings("udnie"), stylizer, on_progress=interrupt)
    part = target.with_name("out.part.mp4")
    assert (raised.value.result.frames, raised.value.target) == (2, part)
    assert raised.value.result.engine == stylizer.engine.name
    assert len(frames_of(part)) == 2
    assert np.shape(frames_of(part)[0]) == (48, 64, 3)
