"""Frames between painted ones show a painting that is moved along."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
from moving import COVERED, covering, pan, texture
from pictures import UInt8

from impasto.errors import ArgumentError, VideoError
from impasto.video.temporal import carried_frames
from impasto.video.temporal.carried_frames import (
    MAX_EVERY,
    CarriedStyle,
    enlarge_flow,
    move_painting,
)
from impasto.video.temporal.optical_flow import warp

pytest.importorskip("cv2")


class Negative:
    """Paints the negative of each frame, and notes which frames it painted."""

    def __init__(self) -> None:
        self.painted: list[UInt8] = []

    def begin(self, frame: UInt8) -> Callable[[], UInt8]:
        self.painted.append(frame)
        return lambda: 255 - frame


def paint(frames: list[UInt8], every: int) -> tuple[list[UInt8], Negative]:
    style = Negative()
    carried = CarriedStyle(style, every)
    finish = [carried.begin(frame) for frame in frames]  # all ahead, so that each has a next one
    return [one() for one in finish], style


def error(painted: UInt8, frame: UInt8) -> float:
    """Mean difference to the negative of a frame, away from the edges, in levels."""
    return float(np.abs(painted.astype(int) - (255 - frame))[16:-16, 16:-16].mean())


@pytest.mark.parametrize("every", [2, 3, MAX_EVERY])
def test_every_nth_frame_is_painted_and_the_others_follow_the_motion(every: int) -> None:
    frames = pan(9, 120, 160, 3, 1)
    painted, style = paint(frames, every)
    assert [frame is other for frame, other in zip(style.painted, frames[::every], strict=True)]
    for number, (one, frame) in enumerate(zip(painted, frames, strict=True)):
        if number % every == 0:
            assert np.array_equal(one, 255 - frame)
        else:
            unmoved = error(painted[number - number % every], frame)
            assert error(one, frame) < 0.3 * unmoved


def test_what_stands_still_keeps_its_painting_to_the_pixel() -> None:
    frame = texture(90, 120)
    (first, second), style = paint([frame, frame.copy()], 2)
    assert np.array_equal(first, second)
    assert len(style.painted) == 1


@pytest.mark.parametrize("size", [(90, 120), (97, 131), (30, 40), (64, 200)])
def test_moving_what_changes_is_moving_all(size: tuple[int, int]) -> None:
    painting = texture(*size)
    flow = np.zeros((30, 40, 2), np.float32)
    flow[12:19, 5:9] = 2, -1.5
    flow[0, 39], flow[29, 20:22] = (-3, 0), (0, 4)
    assert np.array_equal(
        move_painting(painting, flow), warp(painting, enlarge_flow(flow, painting))
    )


def test_a_frame_after_a_cut_is_painted() -> None:
    frames = [texture(90, 120), texture(90, 120, seed=7)]
    painted, style = paint(frames, 4)
    assert len(style.painted) == 2
    assert np.array_equal(painted[1], 255 - frames[1])


def test_frames_of_another_size_are_painted() -> None:
    frames = [texture(90, 120), texture(100, 120)]
    painted, style = paint(frames, 2)
    assert len(style.painted) == 2
    assert painted[1].shape == (100, 120, 3)


def test_what_comes_into_view_is_taken_from_the_next_painting() -> None:
    uncovered, covered = covering()  # played backwards, so that a thing bares what was behind it
    with_next, _ = paint([covered, uncovered, uncovered], 2)
    alone, _ = paint([covered, uncovered], 2)
    place = (slice(50, 130), COVERED)
    assert error_at(with_next[1], uncovered, place) < 0.5 * error_at(alone[1], uncovered, place)


def error_at(painted: UInt8, frame: UInt8, place: tuple[slice, slice]) -> float:
    return float(np.abs(painted[place].astype(int) - (255 - frame)[place]).mean())


@pytest.mark.parametrize("every", [0, MAX_EVERY + 1, 1.5])
def test_other_numbers_are_refused(every: int) -> None:
    with pytest.raises(ArgumentError, match="every must be a whole number from 1 to 4"):
        CarriedStyle(Negative(), every)


def test_without_opencv_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(VideoError, match=r"pip install 'impasto\[flow\]'"):
        CarriedStyle(Negative(), 2)


@pytest.mark.parametrize("size", [(180, 320), (60, 90), (37, 53)])
def test_windows_hold_all_that_changes(size: tuple[int, int]) -> None:
    """Things that move here and there are moved as in the whole picture, by windows around them."""
    rng = np.random.default_rng(0)
    flow = np.zeros((*size, 2), np.float32)
    flow[3:9, 4:8] = (2.5, -1)
    flow[-7:, -9:] = (-3, 0.5)
    flow[20:24, size[1] // 2] = (0, 1)
    painting = rng.integers(256, size=(3 * size[0], 3 * size[1], 3), dtype=np.uint8)
    expected = warp(painting, carried_frames.enlarge_flow(flow, painting))
    windows = list(carried_frames._changed_windows(np.asarray(flow.any(-1)), painting))
    assert sum(painting[window].size for window in windows) < painting.size
    assert np.array_equal(carried_frames.move_painting(painting, flow), expected)


def test_windows_end_where_much_does_not_change() -> None:
    changes = np.zeros((10, 200), bool)
    changes[5, [20, 30, 150]] = True
    painting = np.zeros((20, 400, 3), np.uint8)
    columns = [window[1] for window in carried_frames._changed_windows(changes, painting)]
    # a reduced pixel more on each side, enlarged twice
    assert columns == [slice(38, 64), slice(298, 304)]
