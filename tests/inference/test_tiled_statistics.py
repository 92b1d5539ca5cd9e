"""Statistics measured in segments and tiles are those of the whole picture."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from pictures import UInt8, photo

from impasto.choices import NETWORKS
from impasto.errors import NetworkError
from impasto.inference import frozen_norm, tile_grid, tiled_statistics
from impasto.models.network import INPUTS, load_shipped
from impasto.stylizer import Stylizer


def busy(height: int, width: int) -> UInt8:
    """A picture with something everywhere, which is not the same everywhere."""
    noise = np.random.default_rng(0).integers(0, 90, (height, width, 3), np.uint8)
    return photo(height, width) // 2 + noise


@pytest.mark.parametrize(
    ("engine", "precision", "tolerance"),
    [
        ("openvino", "f32", 1e-3),  # coarse features are kept in 16 bits
        ("onnxruntime", "f32", 1e-3),
        ("openvino", "int8", 5e-3),  # so that some of them are rounded to another level
    ],
)
@pytest.mark.parametrize("is_fine", [True, False])
@pytest.mark.parametrize("network", NETWORKS)
def test_statistics_are_those_of_the_whole_picture(
    network: str,
    is_fine: bool,
    engine: str,
    precision: str,
    tolerance: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip(engine)
    if precision == "int8":
        from impasto.engines.int8 import has_vnni

        tolerance *= 10 if has_vnni() else 1  # it was up to 0.04 there
    picture = busy(200, 264)
    prepared = Stylizer(network, engine, precision=precision).prepare("starry-night")
    (whole,) = prepared.measure(picture)
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tile_grid, "TILE_SIDE", 64)
    if not is_fine:
        monkeypatch.setattr(tiled_statistics, "MAX_FINE_PIXELS", 0)
    told: list[float] = []
    (found,) = prepared.measure(picture, told.append)
    deviation = np.sqrt(whole.variance)
    assert np.abs((found.mean - whole.mean) / deviation).max() < tolerance
    assert np.abs(found.variance / whole.variance - 1).max() < 2 * tolerance
    assert sum(told) == pytest.approx(1)
    assert min(told) > 0


@pytest.mark.parametrize("step", [4, 8])
@pytest.mark.parametrize("network", NETWORKS)
def test_stages_tell_all_statistics_and_keep_coarse_features_only(network: str, step: int) -> None:
    stages = tiled_statistics.split_at_norms(load_shipped(network).graph, step)
    channels = [
        np.arange(len(frozen_norm.freeze_norms(load_shipped(network).graph).scales))[stage.channels]
        for stage in stages
    ]
    assert np.array_equal(np.concatenate(channels), np.arange(sum(map(len, channels))))
    known = set(INPUTS)
    for stage in stages:
        assert set(stage.inputs) <= known
        assert not stage.kept or stage.step >= step
        known |= stage.kept
    coarsest = 16 if network == "large" else 8
    assert [stage.step for stage in stages][:4] == [2, 4, 8, coarsest]
    # none but fine features and the first of a kind are computed from the picture
    assert all(not stage.pixels for stage in stages[4:] if stage.step == coarsest)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_margin_is_what_a_network_sees(axis: int) -> None:
    """What is further away does not count, and the last pixels of the margin do."""
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
