"""Measures of stability by their definitions."""

import math
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving import COVERED, covering, noisy, pan, texture
from pictures import UInt8

from impasto.errors import VideoError
from impasto.video.metrics import flicker, flicker_ratio, measure, warping_error
from impasto.video.temporal.optical_flow import OpticalFlow


def painted(frames: list[UInt8]) -> list[UInt8]:
    """The frames in other colors, which go with what moves."""
    return [np.ascontiguousarray(255 - frame[..., ::-1]) for frame in frames]


def stills(*levels: int) -> list[UInt8]:
    return [np.full((16, 20, 3), level, np.uint8) for level in levels]


def test_flicker_is_the_mean_absolute_difference() -> None:
    frames = [texture(20, 30, seed) for seed in range(4)]
    expected = np.abs(np.diff(np.array(frames, float) / 255, axis=0)).mean()
    assert flicker(frames) == pytest.approx(expected, rel=1e-9)
    assert flicker(stills(0, 51, 0)) == pytest.approx(0.2)


@given(seed=st.integers(0, 99), right=st.integers(1, 5))
@settings(max_examples=10, deadline=None)
def test_a_clip_flickers_as_itself(seed: int, right: int) -> None:
    frames = pan(3, 24, 40, right, 0, seed)
    assert flicker_ratio(frames, frames) == 1
    assert flicker_ratio(frames, painted(frames)) == pytest.approx(1)
    assert flicker_ratio(frames, noisy(frames, 20)) > 1
    assert flicker_ratio(frames, frames[:1] * 3) == 0


def test_what_stands_still_has_no_ratio() -> None:
    assert math.isnan(flicker_ratio(stills(9, 9), stills(9, 12)))
    assert math.isnan(flicker(stills(9)))


@given(right=st.integers(-5, 5), down=st.integers(-5, 5))
@settings(max_examples=8, deadline=None)
def test_what_goes_with_the_clip_has_no_warping_error(right: int, down: int) -> None:
    pytest.importorskip("cv2")
    frames = pan(3, 96, 128, right, down)
    assert warping_error(frames, frames) < 3e-4
    assert warping_error(frames, painted(frames)) < 3e-4
    assert warping_error(frames, noisy(painted(frames), 20)) > 5e-3
    if abs(right) + abs(down) > 2:  # strokes that stay where they are while all else moves
        assert warping_error(frames, painted(frames)[:1] * 3) > 5e-3


def test_noise_raises_both() -> None:
    pytest.importorskip("cv2")
    frames = pan(3, 64, 96, 3, 1)
    found = measure(frames, *(noisy(painted(frames), strength) for strength in (0, 5, 10, 20)))
    for name in ("flicker", "flicker_ratio", "warping_error"):
        values = [getattr(each, name) for each in found[1:]]
        assert values == sorted(values), name
        assert values[-1] > values[0] * 1.05, name
    # two independent errors of deviation 20 levels, but for what is clipped and what reading
    # between pixels averages
    assert found[-1].warping_error == pytest.approx(2 * (20 / 255) ** 2, rel=0.35)


def test_the_warping_error_by_its_equation() -> None:
    """Of a clip that stands still, where flow is 0: the mean over pixels that are visible and over
    channels."""
    pytest.importorskip("cv2")
    room = texture(40, 60)
    first, second = texture(40, 60, 3), texture(40, 60, 4)
    visible = OpticalFlow.between(room, room).visible
    expected = ((first / 255 - second / 255) ** 2)[visible].mean()
    assert warping_error([room, room], [first, second]) == pytest.approx(expected, rel=1e-5)


def test_what_is_hidden_does_not_count() -> None:
    pytest.importorskip("cv2")
    first, second = covering()
    place = (slice(60, 120), COVERED)  # there the second frame shows the thing
    other = first.copy()
    other[place] = 255 - other[place]
    before, after = (warping_error([first, second], [one, second]) for one in (first, other))
    assert before < 1e-3
    assert after - before < 0.2 * np.mean((other / 255 - first / 255) ** 2)


def test_pairs_of_which_nothing_is_visible_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    frames = [texture(32, 32, 1)] * 2 + [texture(32, 32, 2)] * 2
    flow = np.zeros((32, 32, 2), np.float32)

    def between(first: UInt8, second: UInt8) -> OpticalFlow:
        return OpticalFlow(flow, np.full((32, 32), np.array_equal(first, second)))

    monkeypatch.setattr(OpticalFlow, "between", between)
    own, other = measure(frames, noisy(frames, 10))
    assert (own.pairs, own.warping_error) == (3, 0)
    assert other.warping_error > 0


def test_several_paintings_in_one_pass_are_as_each_alone() -> None:
    pytest.importorskip("cv2")
    frames = pan(4, 48, 64, 2, 1)
    clips = [noisy(frames, 10), painted(frames), noisy(painted(frames), 5)]
    together = measure(frames, *clips)
    for found, clip in zip(together, [frames, *clips], strict=True):
        assert found.warping_error == warping_error(frames, clip)
        assert found.flicker_ratio == pytest.approx(flicker_ratio(frames, clip))
        assert found.flicker == flicker(clip)


def test_frames_are_taken_in_pairs() -> None:
    taken = [0, 0]

    def counted(which: int) -> Iterator[UInt8]:
        for frame in pan(6, 16, 16, 1, 0):
            taken[which] += 1
            yield frame

    def told(pairs: int) -> None:
        assert taken == [pairs + 1, pairs + 1]

    own, _ = measure(counted(0), counted(1), warping=False, told=told)
    assert own.pairs == 5


def test_the_shorter_decides() -> None:
    frames = pan(6, 16, 24, 1, 0)
    own, short, long = measure(frames, frames[:3], frames + frames, warping=False)
    assert (own.pairs, short.pairs, long.pairs) == (5, 2, 5)
    assert short.flicker_ratio == 1
    assert measure(frames, frames[:3], warping=False)[0].pairs == 2


def test_other_sizes_are_an_error() -> None:
    frames, others = pan(3, 16, 24, 1, 0), pan(3, 16, 20, 1, 0)
    with pytest.raises(VideoError, match="20x16 and 24x16 pixels do not compare"):
        flicker_ratio(frames, others)
    with pytest.raises(VideoError, match="do not compare"):
        flicker([*frames, *others])


def test_flicker_needs_no_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    frames = pan(3, 16, 24, 1, 0)
    assert flicker_ratio(frames, frames) == 1
    with pytest.raises(VideoError, match="needs OpenCV"):
        warping_error(frames, frames)
