"""What was painted last is kept where the scene stands still."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import UInt8, photo

from impasto.engines import base
from impasto.video.temporal.still_blend import (
    CELL_SIZE,
    MIN_NEW_SHARE,
    MOVING_DIFFERENCE,
    STILL_DIFFERENCE,
    SURROUNDING_CELLS,
    StillBlend,
)


def by_definition(frame: UInt8, before: UInt8, painted: UInt8, shown: UInt8) -> np.ndarray:
    """Pixel by pixel: (H, W, 3), not rounded."""
    height, width = frame.shape[:2]
    distance = np.abs(frame.astype(float) - before).mean(-1)
    cells = np.array(
        [
            [distance[y, x : x + CELL_SIZE].mean() for x in range(0, width, CELL_SIZE)]
            for y in range(0, height, CELL_SIZE)
        ]
    )
    padded = np.pad(cells, SURROUNDING_CELLS // 2, mode="edge")
    weights = np.empty_like(cells)
    for y, x in np.ndindex(cells.shape):
        motion = (
            np.mean(padded[y : y + SURROUNDING_CELLS, x : x + SURROUNDING_CELLS]) - STILL_DIFFERENCE
        ) / (MOVING_DIFFERENCE - STILL_DIFFERENCE)
        weights[y, x] = np.clip(
            MIN_NEW_SHARE + (1 - MIN_NEW_SHARE) * motion,
            MIN_NEW_SHARE,
            1,
        )
    weight = weights.repeat(CELL_SIZE, 0).repeat(CELL_SIZE, 1)[:height, :width, None]
    blended: np.ndarray = shown + weight * (painted.astype(float) - shown)
    return blended


@pytest.mark.parametrize("engine", base.available_engines())
@settings(deadline=None, max_examples=15)
@given(
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    seed=st.integers(0, 99),
    motion=st.sampled_from([0, 3, 12, 255]),
)
def test_as_defined(engine: str, height: int, width: int, seed: int, motion: int) -> None:
    rng = np.random.default_rng(seed)
    before, painted, shown = rng.integers(0, 256, (3, height, width, 3), np.uint8)
    moved = rng.integers(-motion, motion + 1, before.shape)
    frame = (before + moved).clip(0, 255).astype(np.uint8)
    found = StillBlend(height, width, engine)(frame, before, painted, shown)
    assert found.dtype == np.uint8 and found.shape == frame.shape
    assert np.abs(found - by_definition(frame, before, painted, shown)).max() <= 0.501


def test_what_stands_still_settles_and_what_moves_is_new() -> None:
    scene, painted = photo(40, 60), 255 - photo(40, 60)
    mix = StillBlend(40, 60)
    shown = photo(40, 60)[::-1].copy()
    assert np.array_equal(mix(scene, 255 - scene, painted, shown), painted)
    off = [np.abs(shown.astype(int) - painted).mean()]
    for _ in range(12):
        shown = mix(scene, scene, painted, shown)
        off.append(np.abs(shown.astype(int) - painted).mean())
    assert off[1] == pytest.approx((1 - MIN_NEW_SHARE) * off[0], abs=0.5)
    assert off[-1] < 2


def test_only_where_it_moves() -> None:
    before = photo(64, 96)
    frame = before.copy()
    frame[:, 60:] = 255 - frame[:, 60:]
    painted, shown = np.full_like(frame, 200), np.full_like(frame, 100)
    found = StillBlend(64, 96)(frame, before, painted, shown).astype(int)
    assert (found[:, :50] == 130).all()
    assert found[:, 64:].mean() > 190
