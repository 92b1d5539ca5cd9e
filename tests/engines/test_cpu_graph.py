"""Graphs rewritten for CPUs: they paint as before, and by the way they were rewritten for."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import UInt8

openvino = pytest.importorskip("openvino")

from openvino import opset13

from impasto.choices import NETWORKS
from impasto.engines import base, cpu_graph
from impasto.inference.frozen_norm import freeze_norms
from impasto.models.gallery import gallery_style
from impasto.models.network import load_shipped
from impasto.models.noise import noise_at

Floats = NDArray[np.float32]
SIDES = 64, 80


def run(model: Any, *inputs: Floats | UInt8) -> Any:
    model.reshape(
        {
            port.get_any_name(): list(array.shape)
            for port, array in zip(model.inputs, inputs, strict=True)
        }
    )
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", options)
    return compiled(list(inputs))[0]


def kinds(model: Any) -> list[str]:
    return [node.get_type_name() for node in model.get_ordered_ops()]


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_paint_pixels_as_they_paint_numbers(name: str, frozen: bool, scene: UInt8) -> None:
    network = load_shipped(name)
    graph = freeze_norms(network.graph).plain if frozen else network.graph
    picture = np.ascontiguousarray(scene[None, : SIDES[0], : SIDES[1]])
    image = picture.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    numbers, pixels = (
        base.load_engine(graph, "openvino", 1, "f32", pixels=pixels) for pixels in (False, True)
    )
    for style in ("starry-night", "great-wave", "photo"):
        inputs = gallery_style(style).embedding(network)[None], noise_at(*SIDES)
        expected = numbers.run(image, *inputs).transpose(0, 2, 3, 1) * 255
        painted = pixels.run(picture, *inputs)
        # half a level of rounding, and a little of adding up in another order
        assert np.abs(painted - expected).max() < 0.55


@pytest.mark.parametrize("name", NETWORKS)
def test_no_pixel_of_networks_is_shuffled(name: str) -> None:
    """Neither unshuffled, by a transposition of 6 axes, nor shuffled back."""
    model = openvino.Core().read_model(load_shipped(name).graph)
    shuffled = [node for node in model.get_ordered_ops() if is_shuffling(node)]
    wrapped = cpu_graph.wrap_pixels(model)
    left = [node for node in wrapped.get_ordered_ops() if is_shuffling(node)]
    assert len(left) == len(shuffled) - 2  # of the noise alone
    assert "DepthToSpace" not in kinds(wrapped)


def is_shuffling(node: Any) -> bool:
    transposes = node.get_type_name() == "Transpose" and len(node.get_output_partial_shape(0)) == 6
    return transposes or node.get_type_name() == "DepthToSpace"


def test_a_graph_of_another_kind_takes_pixels_too() -> None:
    image = opset13.parameter([1, 3, -1, -1], np.float32, "image")
    model = openvino.Model([opset13.subtract(np.float32(1), image)], [image], "negative")
    picture = np.random.default_rng(0).integers(256, size=(1, 16, 32, 3), dtype=np.uint8)
    assert np.array_equal(run(cpu_graph.wrap_pixels(model), picture), 255 - picture)


def test_a_result_that_is_no_picture_stays_a_number() -> None:
    image = opset13.parameter([1, 3, -1, -1], np.float32, "image")
    mean = opset13.reduce_mean(image, [1, 2, 3], False)
    model = openvino.Model([mean], [image], "mean")
    picture = np.random.default_rng(0).integers(256, size=(1, 16, 32, 3), dtype=np.uint8)
    assert run(cpu_graph.wrap_pixels(model), picture) == pytest.approx(picture.mean() / 255)


def test_convolutions_upsample_as_transposed_ones_do() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(5, 3, 4, 4)).astype(np.float32)
    features = rng.normal(size=(1, 5, 9, 12)).astype(np.float32)

    def upsampling() -> Any:
        source = opset13.parameter([1, 5, -1, -1], np.float32, "features")
        result = opset13.convolution_backprop_data(
            source, opset13.constant(weights), [2, 2], pads_begin=[3, 3], pads_end=[3, 3]
        )
        return openvino.Model([result], [source], "upsampling")

    rewritten = upsampling()
    cpu_graph.upsample_by_convolutions(rewritten)
    assert "ConvolutionBackpropData" not in kinds(rewritten)
    assert run(rewritten, features) == pytest.approx(run(upsampling(), features), abs=1e-4)


def test_a_transposed_convolution_of_another_kind_stays() -> None:
    source = opset13.parameter([1, 5, -1, -1], np.float32, "features")
    weights = opset13.constant(np.ones((5, 3, 4, 4), np.float32))
    result = opset13.convolution_backprop_data(
        source, weights, [2, 2], pads_begin=[1, 1], pads_end=[1, 1]
    )
    model = openvino.Model([result], [source], "upsampling")
    cpu_graph.upsample_by_convolutions(model)
    assert "ConvolutionBackpropData" in kinds(model)
