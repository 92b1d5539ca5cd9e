"""Strokes carried along with what moves."""

import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from moving import COVERED, covering, noisy, pan, texture
from pictures import UInt8

from impasto.errors import VideoError
from impasto.stylizer import Stylizer
from impasto.video.metrics import measure
from impasto.video.temporal import flow_blend
from impasto.video.temporal.flow_blend import FlowStyle

pytest.importorskip("cv2")

Paint = Callable[[UInt8], UInt8]


@pytest.fixture(scope="module")
def exact() -> Stylizer:
    return Stylizer("small", precision="f32")


@pytest.fixture
def carrying(
    exact: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[UInt8]], FlowStyle]:
    """A brush that paints these frames one after the other, whatever it is given, in place of a
    network."""

    def made(painted: list[UInt8]) -> FlowStyle:
        coming: Iterator[UInt8] = iter(painted)
        prepared = FlowStyle(exact.prepare("starry-night"))
        monkeypatch.setattr(prepared, "_steady", lambda frame: next(coming))
        return prepared

    return made


def contrast(frame: UInt8) -> float:
    """How much neighbouring pixels differ."""
    return float(np.abs(np.diff(frame.astype(int), axis=1)).mean())


@pytest.mark.slow
def test_what_is_painted_goes_with_what_moves(exact: Stylizer) -> None:
    frames = pan(6, 96, 128, 3, 1)
    held, moved = exact.prepare("starry-night"), FlowStyle(exact.prepare("starry-night"))
    statistics = held.measure(frames[0])
    alone = [held.freeze(statistics).paint(frame) for frame in frames]
    _, before, after = measure(frames, alone, [moved(frame) for frame in frames])
    assert after.warping_error < 0.6 * before.warping_error
    assert after.flicker < before.flicker


def test_blending_is_towards_the_last_painting(
    carrying: Callable[[list[UInt8]], FlowStyle],
) -> None:
    still = texture(64, 96)
    painted = [np.full_like(still, level) for level in (0, 100, 100)]
    prepared = carrying(painted)
    means = [float(prepared(still)[12:-12, 12:-12].mean()) for _ in painted]
    weight = flow_blend.STILL_SHARE
    assert means == pytest.approx([0, 100 * (1 - weight), 100 * (1 - weight**2)], abs=2)


def test_what_was_hidden_is_painted_anew(carrying: Callable[[list[UInt8]], FlowStyle]) -> None:
    second, first = covering()  # backwards: the thing uncovers what it covered
    painted = [np.zeros_like(first), np.full_like(first, 200)]
    prepared = carrying(painted)
    prepared(first)
    found = prepared(second)
    assert found[70:110, COVERED].mean() > 180
    assert found[:, 160:220].mean() == pytest.approx(200 * (1 - flow_blend.STILL_SHARE), abs=10)


def test_a_cut_starts_anew(carrying: Callable[[list[UInt8]], FlowStyle]) -> None:
    frames = [texture(64, 96, 1), texture(64, 96, 2)]
    painted = [np.zeros_like(frames[0]), texture(64, 96, 3)]
    prepared = carrying(painted)
    prepared(frames[0])
    np.testing.assert_array_equal(prepared(frames[1]), painted[1])


def test_other_sizes_start_anew(carrying: Callable[[list[UInt8]], FlowStyle]) -> None:
    frames = [texture(64, 96), texture(48, 96)]
    prepared = carrying(frames)
    prepared(frames[0])
    np.testing.assert_array_equal(prepared(frames[1]), frames[1])


def test_blur_does_not_pile_up(carrying: Callable[[list[UInt8]], FlowStyle]) -> None:
    """Strokes that move with the clip by parts of a pixel are as sharp after 24 frames as after
    4."""
    wide = pan(24, 192, 256, 3, 1)  # 1.5 and 0.5 pixels of the reduced frames
    frames = [np.ascontiguousarray(frame[::2, ::2]) for frame in wide]
    prepared = carrying(frames)
    blended = [prepared(frame) for frame in frames]
    kept = [
        contrast(after) / contrast(before) for after, before in zip(blended, frames, strict=True)
    ]
    assert kept[-1] > 0.9
    assert kept[-1] > kept[3] - 0.05


def test_flow_is_of_reduced_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_blend, "MAX_FLOW_SIDE", 64)
    assert flow_blend.reduce_for_flow(texture(96, 128)).shape == (48, 64, 3)
    assert flow_blend.reduce_for_flow(texture(400, 2)).shape == (64, 1, 3)
    small = texture(30, 64)
    assert flow_blend.reduce_for_flow(small) is small


def test_reduced_flow_carries_as_far(
    carrying: Callable[[list[UInt8]], FlowStyle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_blend, "MAX_FLOW_SIDE", 96)
    frames = pan(5, 144, 192, 4, 0)
    strokes = noisy([255 - frame for frame in frames], 25)
    prepared = carrying(strokes)
    _, before, after = measure(frames, strokes, [prepared(frame) for frame in frames])
    assert after.warping_error < 0.5 * before.warping_error


def test_strength_0_gives_the_frames_back(exact: Stylizer) -> None:
    prepared = FlowStyle(exact.prepare("great-wave", 0))
    for frame in pan(3, 64, 96, 2, 0):
        assert np.array_equal(prepared(frame), frame)


@pytest.mark.parametrize("size", [(1, 1), (9, 3), (5, 400)])
def test_any_size(exact: Stylizer, size: tuple[int, int]) -> None:
    prepared = FlowStyle(exact.prepare("great-wave"))
    for frame in pan(2, *size, 1, 0):
        assert prepared(frame).shape == (*size, 3)


def test_without_opencv_there_is_one_clear_line(
    exact: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(VideoError, match=r"pip install 'impasto\[flow\]'"):
        FlowStyle(exact.prepare("great-wave"))
