"""Tiles cover a picture, see enough around them, and fit into memory."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.inference import tile_grid
from impasto.inference.tile_grid import TileSpan, tile_spans
from impasto.models.network import MULTIPLE


@settings(deadline=None)
@given(height=st.integers(4, 350), width=st.integers(4, 350), margin=st.integers(0, 5))
def test_tiles_cover_a_picture_once_and_see_around_them(
    height: int, width: int, margin: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tile_grid, "TILE_SIDE", 256)
        height, width, margin = (MULTIPLE * number for number in (height, width, margin))
        sides = tile_spans(height, width, margin)
    for length, side in zip((height, width), sides, strict=True):
        assert side[0].first == 0 and side[-1].last == length
        assert all(one.last == other.first for one, other in pairwise(side))
        assert len({span.stop - span.start for span in side}) == 1, (
            "engines would compile for each size"
        )
        for span in side:
            assert all(place % MULTIPLE == 0 for place in span)
            assert 0 <= span.start <= span.first < span.last <= span.stop <= length
            assert span.start in (0, span.first - margin) or span.first - span.start >= margin
            assert span.stop == length or span.stop - span.last >= margin
    area = np.prod([side[0].stop for side in sides])
    assert area <= 256 * 256 or max(side[0].stop for side in sides) <= 256


def test_the_parts_of_a_span() -> None:
    span = TileSpan(16, 80, 32, 64)
    assert (span.input_slice(8), span.output_slice(8), span.crop_slice(4)) == (
        slice(2, 10),
        slice(4, 8),
        slice(4, 12),
    )


def test_a_strip_has_long_tiles() -> None:
    down, across = tile_spans(64, 40_000, 88)
    assert len(down) == 1 and len(across) == 3


def test_what_is_painted_in_one_go_fits_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for free, expected in (
        (None, (tile_grid.MAX_UNTILED_PIXELS, tile_grid.TILE_SIDE)),
        (8 << 30, (tile_grid.MAX_UNTILED_PIXELS, tile_grid.TILE_SIDE)),
        (0, (512**2, 512)),
    ):
        monkeypatch.setattr(tile_grid, "available_memory", lambda free=free: free)
        assert tile_grid.tile_limits() == expected
    monkeypatch.setattr(tile_grid, "available_memory", lambda: 400 << 20)
    assert (
        0.4 * (400 << 20)
        < tile_grid.tile_limits().max_pixels * tile_grid.BYTES_PER_PIXEL
        < 0.6 * (400 << 20)
    )
    with tile_grid.limit_tiles(tile_grid.TileLimits(100, 64)):
        assert tile_grid.tile_limits() == (100, 64)
    assert tile_grid.tile_limits().tile > 64


def test_what_is_painted_in_one_go_fits_into_the_memory_that_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tile_grid, "resident_memory", lambda: 300 << 20)
    for free in (None, 8 << 30):
        monkeypatch.setattr(tile_grid, "available_memory", lambda free=free: free)
        assert tile_grid.tile_limits(700 << 20).max_pixels == int(
            tile_grid.MEMORY_SHARE * (400 << 20) / tile_grid.BYTES_PER_PIXEL
        )
        assert tile_grid.tile_limits(100 << 20) == (512**2, 512)
    monkeypatch.setattr(tile_grid, "available_memory", lambda: 0)
    assert tile_grid.tile_limits(8 << 30) == (512**2, 512)


@pytest.mark.parametrize("margin", [112, 128, 208, 512])
def test_a_network_may_see_further_than_a_tile_is_large(
    margin: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tile_grid, "TILE_SIDE", 256)
    down, across = tile_spans(512, 3008, margin)
    for length, side in ((512, down), (3008, across)):
        assert side[0].first == 0 and side[-1].last == length
        assert all(one.last == other.first for one, other in pairwise(side))
        for span in side:
            assert 0 <= span.start <= span.first < span.last <= span.stop <= length
            assert span.start == 0 or span.first - span.start >= margin
            assert span.stop == length or span.stop - span.last >= margin
