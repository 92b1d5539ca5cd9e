"""Where things go from frame to frame, and what cannot be followed."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving import COVERED, covering, pan, texture

from impasto.errors import VideoError
from impasto.video.temporal.optical_flow import OpticalFlow, occluded, one_opencv_thread, warp

cv2 = pytest.importorskip("cv2")

SIDE = 12  # pixels at the edges, where contents come in and go out


def uniform(right: float, down: float, height: int = 20, width: int = 30) -> np.ndarray:
    return np.tile(np.array([right, down], np.float32), (height, width, 1))


@given(right=st.integers(-6, 6), down=st.integers(-6, 6))
@settings(max_examples=8, deadline=None)
def test_a_known_shift_is_found(right: int, down: int) -> None:
    first, second = pan(2, 96, 128, right, down)
    motion = OpticalFlow.between(first, second)
    inner = (slice(SIDE, -SIDE),) * 2
    assert np.abs(motion.flow[inner] - [right, down]).mean() < 0.15
    assert motion.visible[inner].mean() > 0.97


def test_flow_leads_from_the_first_frame_to_the_second() -> None:
    first, second = pan(2, 96, 128, 5, -2)
    flow = OpticalFlow.between(first, second).flow
    apart = np.abs(warp(second, flow).astype(int) - first)[SIDE:-SIDE, SIDE:-SIDE]
    assert apart.mean() < 2
    assert apart.mean() < 0.2 * np.abs(second.astype(int) - first).mean()


def test_what_is_hidden_is_not_visible() -> None:
    first, second = covering()
    visible = OpticalFlow.between(first, second).visible
    assert visible[60:120, COVERED].mean() < 0.2
    assert visible[60:120, 60:100].mean() > 0.9  # the thing itself
    assert visible[:, 150:-SIDE].mean() > 0.95


def test_what_leaves_the_frame_is_not_visible() -> None:
    out = occluded(uniform(4, 0), uniform(-4, 0))
    np.testing.assert_array_equal(np.flatnonzero(out.all(0)), np.arange(26, 30))
    assert not out[:, :26].any()


def test_there_and_back_again() -> None:
    """|w + w'|^2 > 0.01 (|w|^2 + |w'|^2) + 0.5, in the middle, where nothing leaves."""
    for back, expected in ((-4.0, False), (-3.2, False), (-3.0, True), (-5.1, True), (4.0, True)):
        definition = (4 + back) ** 2 > 0.01 * (16 + back**2) + 0.5
        assert definition == expected
        assert bool(occluded(uniform(4, 0), uniform(back, 0))[10, 12]) == expected


def test_a_window_is_a_part_of_the_whole() -> None:
    picture = texture(40, 50)
    flow = np.random.default_rng(3).normal(0, 4, (40, 50, 2)).astype(np.float32)
    window = slice(7, 31), slice(12, 50)
    for pixels in (picture, picture.astype(np.float32)):
        assert np.array_equal(warp(pixels, flow, window=window), warp(pixels, flow)[window])


def test_opencv_gets_its_threads_back() -> None:
    before = cv2.getNumThreads()
    with one_opencv_thread():
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == before


def test_motion_boundaries() -> None:
    """|grad u|^2 + |grad v|^2 > 0.01 |w|^2 + 0.002, beside a step of flow that leads back where it
    came from."""
    for step, expected in ((0.3, False), (0.5, True)):
        flow, back = uniform(4, 0), uniform(-4, 0)
        flow[:, 12:, 0], back[:, 16:, 0] = 4 + step, -4 - step
        assert (step**2 > 0.01 * 16 + 0.002) == expected
        assert bool(occluded(flow, back)[10, 11]) == expected
        assert not occluded(flow, back)[10, 5]


@given(height=st.integers(1, 24), width=st.integers(1, 24))
@settings(max_examples=12, deadline=None)
def test_any_size(height: int, width: int) -> None:
    frame = texture(height, width)
    motion = OpticalFlow.between(frame, frame)
    assert motion.flow.shape == (height, width, 2)
    assert motion.visible.shape == (height, width)
    np.testing.assert_array_equal(warp(frame, motion.flow * 0), frame)


def test_without_opencv_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(VideoError, match=r"needs OpenCV .*pip install 'impasto\[flow\]'"):
        OpticalFlow.between(texture(20, 20), texture(20, 20))
