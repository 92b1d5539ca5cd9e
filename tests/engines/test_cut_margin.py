"""Graphs without their margin paint what is left as before, and compute less."""

from typing import Any

import numpy as np
import pytest
from pictures import photo

openvino = pytest.importorskip("openvino")

from openvino import opset13

from impasto.choices import NETWORKS
from impasto.engines import base
from impasto.engines.cut_margin import cut_margin
from impasto.inference.frozen_norm import NormStatistics, freeze_norms
from impasto.models.gallery import gallery_style
from impasto.models.network import NOISE, load_shipped
from impasto.models.noise import noise_at

SIDES = 128, 160
# Largest difference of 255, and 8 times that of the mean. In int8, features that are rounded up in
# one graph and down in the other differ by a level, which is several levels of the picture.
LEVELS = {"f32": 1, "int8": 12}


@pytest.mark.parametrize("margin", [16, 32])
@pytest.mark.parametrize("precision", ["f32", "int8"])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_left_is_painted_as_before(name: str, precision: str, margin: int) -> None:
    network = load_shipped(name)
    frozen = freeze_norms(network.graph)
    measuring = base.load_engine(frozen.measuring, "openvino", 1, precision, pixels=True)
    picture, noise = photo(*SIDES)[None], noise_at(*SIDES)
    embedding = gallery_style("starry-night").embedding(network)
    statistics = NormStatistics.of_output(measuring.run(picture, embedding[None], noise))
    folded = frozen.fold(embedding, statistics)[None]
    whole, cut = (
        base.load_engine(frozen.plain, "openvino", 1, precision, pixels=True, margin=pixels)
        for pixels in (0, margin)
    )
    expected = whole.run(picture, folded, noise)[:, margin:-margin, margin:-margin].astype(int)
    painted = cut.run(picture, folded, noise)
    assert painted.shape == expected.shape
    differences = np.abs(painted - expected)
    assert differences.max() <= LEVELS[precision]
    assert differences.mean() <= LEVELS[precision] / 8


def test_a_network_computes_less_and_mirrors_less() -> None:
    graph = freeze_norms(load_shipped("small").graph).plain
    models = [openvino.Core().read_model(graph) for _ in range(2)]
    cut_margin(models[1], 16)
    whole, cut = (
        [node.get_type_name() for node in model.get_ordered_ops()].count("Pad") for model in models
    )
    assert cut == whole - 3  # the last filter, the step before it, and a block
    for model in models:
        model.reshape({"image": [1, 3, *SIDES], NOISE: [1, 1, SIDES[0] // 2, SIDES[1] // 2]})
    assert products(models[1]) < 0.95 * products(models[0])


def products(model: Any) -> float:
    """Count the products of plain convolutions."""
    return sum(
        np.prod(node.input_value(1).get_shape()) * np.prod(node.get_output_shape(0)[2:])
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Convolution"
    )


def test_a_graph_of_another_kind_is_cut_at_its_end() -> None:
    image = opset13.parameter([1, 3, -1, -1], np.float32, "image")
    model = openvino.Model([opset13.relu(opset13.exp(image))], [image], "other")
    cut_margin(model, 3)
    picture = np.random.default_rng(0).random((1, 3, 16, 32), np.float32)
    painted = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(painted([picture])[0], np.exp(picture)[:, :, 3:-3, 3:-3], rtol=1e-5)


def test_inputs_that_nothing_changes_are_compiled_in() -> None:
    network = load_shipped("small")
    embedding = gallery_style("starry-night").embedding(network)[None]
    plain, fixed = (
        base.load_engine(network.graph, "openvino", 1, "f32", pixels=True, constants=constants)
        for constants in (None, {NOISE: noise_at})
    )
    assert fixed.inputs == tuple(name for name in plain.inputs if name != NOISE)
    for sides in (SIDES, (64, 96)):
        picture = photo(*sides)[None]
        expected = plain.run(picture, embedding, noise_at(*sides)).astype(int)
        assert np.abs(fixed.run(picture, embedding) - expected).max() <= 1
