"""Frames of one scene are painted alike, and a cut starts anew."""

from itertools import pairwise

import numpy as np
import pytest
from pictures import UInt8, photo

from impasto.inference.prepared_style import PreparedStyle
from impasto.stylizer import Stylizer
from impasto.video.temporal import frozen_statistics
from impasto.video.temporal.frozen_statistics import SteadyStyle


@pytest.fixture(scope="module")
def exact() -> Stylizer:
    return Stylizer("small", precision="f32")


def scene(light: int) -> UInt8:
    """A picture whose right quarter becomes lighter, as where a door opens."""
    picture = photo(96, 192).copy()
    picture[:, 144:] = np.clip(picture[:, 144:].astype(int) // 2 + light, 0, 255)
    return picture


def left(painted: UInt8) -> np.ndarray:
    """What is further from the door than a network sees."""
    return painted[:, :40].astype(int)


def test_what_moves_on_one_side_does_not_repaint_the_other(exact: Stylizer) -> None:
    prepared = exact.prepare("starry-night")
    held = SteadyStyle(prepared)
    first, later = (left(held(scene(light))) for light in (0, 20))
    alone = [left(prepared.paint(scene(light))) for light in (0, 20)]
    assert np.abs(alone[0] - alone[1]).max() > 3, (
        "the test shows nothing: every frame by itself would do"
    )
    assert np.abs(first - later).max() <= 1
    assert np.abs(first - alone[0]).max() <= 1


def test_statistics_follow_the_scene_slowly(
    exact: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen_statistics, "MEASURE_EVERY", 4)
    held = SteadyStyle(exact.prepare("starry-night"), blend=False)
    painted = [left(held(frame)) for frame in [scene(0)] + [scene(20)] * 9]
    moved = [float(np.abs(a - b).mean()) for a, b in pairwise(painted)]
    assert max(moved[:3]) <= 0.1  # until the next reading
    assert max(moved) < 0.6 * np.abs(painted[0] - painted[-1]).mean(), "all at once"
    now = left(exact.stylize(scene(20), "starry-night"))
    assert np.abs(painted[-1] - now).mean() < 0.2 * np.abs(painted[0] - now).mean()


def test_a_cut_starts_anew(exact: Stylizer) -> None:
    prepared = exact.prepare("great-wave")
    held = SteadyStyle(prepared)
    held(photo(96, 128))
    other = 255 - photo(96, 128)[::-1]
    assert np.abs(held(other).astype(int) - prepared.paint(other)).max() <= 1


def noisy(seed: int) -> UInt8:
    noise = np.random.default_rng(seed).normal(0, 2, (96, 128, 3))
    return (photo(96, 128) + noise).round().clip(0, 255).astype(np.uint8)


def test_a_camera_s_noise_moves_strokes_less(exact: Stylizer) -> None:
    prepared = exact.prepare("starry-night")
    moved = []
    for blended in (False, True):
        held = SteadyStyle(prepared, blended)
        painted = [held(noisy(seed)).astype(int) for seed in range(6)]
        moved.append(np.mean([np.abs(a - b).mean() for a, b in pairwise(painted)]))
    assert moved[1] < 0.6 * moved[0]


def test_frames_of_another_size_start_anew(exact: Stylizer) -> None:
    prepared = exact.prepare("udnie")
    held = SteadyStyle(prepared)
    for picture in (photo(96, 128), photo(64, 72), photo(64, 72), photo(96, 128)):
        assert np.abs(held(picture).astype(int) - prepared.paint(picture)).max() <= 1


def off(prepared: PreparedStyle, frames: list[UInt8]) -> list[float]:
    """How far frames of a video are from being painted by themselves, levels."""
    held = SteadyStyle(prepared, blend=False)
    return [
        float(np.abs(held(frame).astype(int) - prepared.paint(frame)).mean()) for frame in frames
    ]


def test_what_comes_out_of_the_dark(exact: Stylizer) -> None:
    """Statistics of a black frame, whose deviations are 0, or of a dark one are none for the light
    ones that follow."""
    picture = photo(96, 128)
    fade = [(picture * share).astype(np.uint8) for share in np.linspace(0, 1, 20)]
    fade += [picture] * 3
    assert max(off(exact.prepare("starry-night"), fade)) < 30
    assert off(
        exact.prepare("great-wave"), [np.full_like(picture, light) for light in (0, 0, 128, 255)]
    ) == [0, 0, 0, 0]


@pytest.mark.parametrize("side", [2, 9, 40])
def test_tiny_frames_are_painted_by_themselves(stylizer: Stylizer, side: int) -> None:
    assert (
        max(
            off(stylizer.prepare("great-wave"), [photo(side, side), photo(side, side)[::-1].copy()])
        )
        == 0
    )


def test_strength_0_gives_the_frames_back(exact: Stylizer) -> None:
    held = SteadyStyle(exact.prepare("great-wave", 0))
    for frame in (scene(0), scene(30)):
        assert np.array_equal(held(frame), frame)
