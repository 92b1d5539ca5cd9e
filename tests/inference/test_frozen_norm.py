"""Held statistics: a picture's own change nothing, and parts painted with those of the whole agree
with it."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from pictures import UInt8, photo

from impasto.choices import NETWORKS
from impasto.errors import NetworkError
from impasto.inference.frozen_norm import NormStatistics, freeze_norms
from impasto.models.network import load_shipped
from impasto.stylizer import Stylizer

# levels of 255, mean, that bfloat16 may be off where scales and shifts are rounded at other places
SAME = 4.0


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("strength", [1.0, 0.5, 0.05])
def test_a_pictures_own_statistics_change_nothing(
    network: str, strength: float, scene: UInt8
) -> None:
    prepared = Stylizer(network, precision="f32").prepare("starry-night", strength)
    painted = prepared.paint(scene).astype(int)
    again = prepared.freeze(prepared.measure(scene)).paint(scene)
    assert np.abs(painted - scene).mean() > 0.5
    assert np.abs(painted - again).max() <= 1


def test_in_bfloat16_too(stylizer: Stylizer, scene: UInt8) -> None:
    prepared = stylizer.prepare("great-wave")
    painted = prepared.paint(scene).astype(int)
    again, other = (
        prepared.freeze(prepared.measure(picture)).paint(scene) for picture in (scene, scene // 8)
    )
    assert np.abs(painted - again).mean() < SAME
    assert np.abs(painted - other).mean() > 2 * SAME


@pytest.mark.slow
def test_a_part_is_painted_as_in_the_whole(stylizer: Stylizer) -> None:
    """But for its borders, which see less than they do in the whole."""
    prepared = Stylizer(stylizer.network, precision="f32").prepare("starry-night")
    picture, border = photo(480, 544), prepared.margin
    held = prepared.freeze(prepared.measure(picture))
    whole = held.paint(picture)[64:, 64:][border:-border, border:-border].astype(int)
    part = held.paint(picture[64:, 64:], 64, 64)[border:-border, border:-border].astype(int)
    alone = prepared.paint(picture[64:, 64:], 64, 64)[border:-border, border:-border].astype(int)
    assert np.abs(part - whole).max() <= 1
    assert np.abs(alone - whole).max() > 5, (
        "the test shows nothing: statistics of the part would do"
    )


def test_styles_that_mix_hold_together(stylizer: Stylizer, scene: UInt8) -> None:
    prepared = stylizer.prepare("starry-night:0.5,great-wave:0.5", 0.7)
    assert (
        np.abs(
            prepared.paint(scene).astype(int)
            - prepared.freeze(prepared.measure(scene)).paint(scene)
        ).mean()
        < SAME
    )


def test_strength_0_is_the_photograph(stylizer: Stylizer, scene: UInt8) -> None:
    prepared = stylizer.prepare("starry-night", 0)
    assert prepared.measure(scene) == []
    assert np.array_equal(prepared.freeze([]).paint(scene), scene)


def test_measured_statistics_are_those_of_the_features() -> None:
    """The first normalization reads a convolution of the unshuffled pixels: a flat picture has no
    variance there."""
    prepared = Stylizer("small").prepare("starry-night")
    (flat,) = prepared.measure(np.full((64, 64, 3), 90, np.uint8))
    (busy,) = prepared.measure(photo(64, 64))
    first = slice(0, 16)
    assert flat.mean.shape == flat.variance.shape == busy.mean.shape
    assert flat.variance[first].max() < 1e-6
    assert busy.variance[first].min() > 1e-6


@pytest.mark.slow
@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
def test_mixed_statistics_are_those_of_both_pictures_pixels(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    count = round(200 * share)
    one, other = (
        rng.normal(rng.normal(size=2), 1, (200, 2)),
        rng.normal(rng.normal(size=2), 2, (200, 2)),
    )
    pixels = np.concatenate([np.repeat(one, 200 - count, 0), np.repeat(other, count, 0)])
    mixed = NormStatistics(one.mean(0), one.var(0)).towards(
        NormStatistics(other.mean(0), other.var(0)), count / 200
    )
    np.testing.assert_allclose(mixed.mean, pixels.mean(0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(mixed.variance, pixels.var(0), rtol=1e-9)


def test_folding_leaves_what_is_not_normalized_alone() -> None:
    network = load_shipped("small")
    held = freeze_norms(network.graph)
    embedding = np.random.default_rng(0).random(network.embedding_size, np.float32)
    folded = held.fold(
        embedding,
        NormStatistics(
            np.zeros(len(held.scales), np.float32), np.ones(len(held.scales), np.float32)
        ),
    )
    places = np.concatenate([held.scales, held.shifts])
    assert (
        len(set(places)) == len(places) == 2 * sum((8, 24, 48, *[48] * 6, 24, 8))
    )  # not colours, not strengths of noise
    np.testing.assert_allclose(folded, embedding, rtol=1e-4)


def test_a_graph_of_another_kind_is_refused() -> None:
    nodes = [
        helper.make_node("InstanceNormalization", ["image", "s", "b"], ["n"]),
        helper.make_node("Relu", ["n"], ["picture"]),
    ]
    value = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8])
        for name in ("image", "picture")
    ]
    weights = [helper.make_tensor(name, TensorProto.FLOAT, [3], [1, 1, 1]) for name in "sb"]
    graph = helper.make_model(
        helper.make_graph(nodes, "g", value[:1], value[1:], weights)
    ).SerializeToString()
    with pytest.raises(NetworkError, match="cannot freeze"):
        freeze_norms(graph)
    with pytest.raises(NetworkError, match="cannot freeze"):
        freeze_norms(onnx.ModelProto().SerializeToString())
