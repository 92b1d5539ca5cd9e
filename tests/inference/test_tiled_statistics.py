"""Statistics read stage by stage and tile by tile are those of the whole picture; tiles cover it
and see enough around them."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from pictures import UInt8, photo

from impasto.errors import NetworkError
from impasto.inference import frozen_norm, tile_grid, tiled_statistics
from impasto.inference.tile_grid import TileSpan, tile_spans
from impasto.models.network import INPUTS, MULTIPLE, load_shipped
from impasto.stylizer import Stylizer


def busy(height: int, width: int) -> UInt8:
    """A picture with something everywhere, which is not the same everywhere."""
    noise = np.random.default_rng(0).integers(0, 90, (height, width, 3), np.uint8)
    return photo(height, width) // 2 + noise


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("network", ["base", "small"])
def test_statistics_are_those_of_the_whole_picture(
    network: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(engine)
    picture = busy(200, 264)
    prepared = Stylizer(network, engine, precision="f32").prepare("starry-night")
    (whole,) = prepared.measure(picture)
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tile_grid, "TILE_SIDE", 64)
    told: list[float] = []
    (found,) = prepared.measure(picture, told.append)
    deviation = np.sqrt(whole.variance)
    assert (
        np.abs((found.mean - whole.mean) / deviation).max() < 1e-3
    )  # coarse features are kept in 16 bits
    assert np.abs(found.variance / whole.variance - 1).max() < 2e-3
    assert sum(told) == pytest.approx(1)
    assert min(told) > 0


@pytest.mark.parametrize("network", ["base", "small"])
def test_stages_tell_all_statistics_and_keep_coarse_features_only(network: str) -> None:
    stages = tiled_statistics.split_at_norms(load_shipped(network).graph)
    channels = [
        np.arange(len(frozen_norm.freeze_norms(load_shipped(network).graph).scales))[stage.channels]
        for stage in stages
    ]
    assert np.array_equal(np.concatenate(channels), np.arange(sum(map(len, channels))))
    known = set(INPUTS)
    for stage in stages:
        assert set(stage.inputs) <= known
        assert not stage.kept or stage.step == MULTIPLE
        known |= stage.kept
    assert [stage.step for stage in stages][:3] == [2, 4, 8]


@pytest.mark.parametrize("axis", [0, 1])
def test_the_margin_is_what_a_network_sees(axis: int) -> None:
    """What is further away does not count, and the last 8 pixels of the margin do."""
    network = load_shipped("small")
    margin = frozen_norm.freeze_norms(network.graph).margin
    one = busy(256, 256)
    prepared = Stylizer(network, precision="f32").prepare("starry-night")
    prepared = prepared.freeze(prepared.measure(one))
    for side in (False, True):
        other = one.copy()
        strip = np.moveaxis(other, axis, 0)[::-1] if side else np.moveaxis(other, axis, 0)
        strip[:64] = 255 - strip[:64]
        painted = [np.moveaxis(prepared.paint(each), axis, 0) for each in (one, other)]
        changed = (painted[0] != painted[1]).any((1, 2))
        changed = changed[::-1] if side else changed
        assert not changed[64 + margin :].any()
        assert side or changed[64 + margin - 40 : 64 + margin].any(), "a smaller margin would do"


@settings(deadline=None)
@given(height=st.integers(8, 700), width=st.integers(8, 700), margin=st.integers(0, 11))
def test_tiles_cover_a_picture_once_and_see_around_them(
    height: int, width: int, margin: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tile_grid, "TILE_SIDE", 256)
        height, width, margin = (8 * number for number in (height, width, margin))
        sides = tile_spans(height, width, margin)
    for length, side in zip((height, width), sides, strict=True):
        assert side[0].first == 0 and side[-1].last == length
        assert all(one.last == other.first for one, other in pairwise(side))
        assert len({span.stop - span.start for span in side}) == 1, (
            "engines would compile for each size"
        )
        for span in side:
            assert all(place % 8 == 0 for place in span)
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


def other_kind(*nodes: Any) -> bytes:
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8])
        for name in ("image", "picture")
    ]
    return helper.make_model(
        helper.make_graph(nodes, "g", values[:1], values[1:])
    ).SerializeToString()


def test_a_graph_of_another_kind_is_refused() -> None:
    with pytest.raises(NetworkError, match="cannot freeze"):
        tiled_statistics.split_at_norms(
            other_kind(helper.make_node("Relu", ["image"], ["picture"]))
        )


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
