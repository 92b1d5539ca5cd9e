"""Convolutions in 8-bit integers: twice to four times as many products a second, where the ranges
of features are known.

Features are rounded to 256 levels between the least and the greatest that were seen in many
pictures and styles (`seen`), weights to 127 levels for each channel. OpenVINO's CPU plugin turns
such rounding (FakeQuantize) before a convolution into integer arithmetic; all else stays in
floating point. Convolutions that see pixels or make them are left as they are: 8 bits are coarse
there.

The usual way, ranges from the least to the greatest and all convolutions (as NNCF does), lets
strokes vanish.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import openvino
from openvino import opset13

from impasto.engines.base import Array
from impasto.errors import NetworkError

# property of a graph: least and greatest of what each convolution takes, by the convolution's name
RANGES = "ranges"
KINDS = {
    "Convolution": 0,
    "ConvolutionBackpropData": 1,
}  # and the axis of weights that counts what comes out
PIXEL_CHANNELS = 12  # of networks whose pixels are unshuffled by two
# share of features that may be beyond the range on either side, so that few of them do not make it
# coarse for all
OUTLIER_SHARE = 5e-4
LEVELS, SIGNED_LEVELS = 256, 255
# Of the 127 levels that weights have on either side of 0, those that are used: a CPU without VNNI
# adds two products in 16 bits, and with all levels some sums are cut off there.
USED_LEVELS = 63
Ranges = Mapping[str, Sequence[float]]


def ranges_of(graph: bytes) -> Ranges:
    """Those that a graph tells. Raises NetworkError if it is broken, or tells none."""
    import onnx  # here, as few need it

    try:
        properties = {
            each.key: each.value for each in onnx.load_model_from_string(graph).metadata_props
        }
        found = {
            str(name): (float(low), float(high))
            for name, (low, high) in json.loads(properties.get(RANGES, "{}")).items()
        }
        if not all(np.isfinite(ends).all() and ends[0] < ends[1] for ends in found.values()):
            raise ValueError("a range without width")
    except Exception as error:  # onnx raises protobuf's own kind
        raise NetworkError(f"int8 cannot load this network: {error}") from error
    if not found:
        raise NetworkError(
            "this network was not measured for int8, only those that ship are; use --precision auto"
        )
    return found


def quantize(model: openvino.Model, ranges: Ranges) -> openvino.Model:
    """A model whose convolutions, those that `ranges` names, compute in 8-bit integers."""
    rounded = model.clone()
    for node in _convolutions(rounded):
        if _name(node) not in ranges:
            continue
        low, high = (np.float32(value) for value in ranges[_name(node)])
        weights = _value(node.input_value(1))
        axis = KINDS[node.get_type_name()]
        most = np.abs(weights).max(
            axis=tuple(each for each in range(weights.ndim) if each != axis), keepdims=True
        )
        most = np.maximum(most, np.finfo(np.float32).tiny) * np.float32(
            (SIGNED_LEVELS // 2) / USED_LEVELS
        )
        for place, (of, limits, levels) in enumerate(
            (
                (node.input_value(0), (low, high), LEVELS),
                (opset13.constant(weights), (-most, most), SIGNED_LEVELS),
            )
        ):
            ends = [opset13.constant(limit) for limit in limits]
            node.input(place).replace_source_output(
                opset13.fake_quantize(of, *ends, *ends, levels).output(0)
            )
    rounded.validate_nodes_and_infer_types()
    return rounded


def measure_ranges(
    graph: bytes, inputs: Iterable[Sequence[Array]]
) -> dict[str, tuple[float, float]]:
    """The least and the greatest of what each convolution takes, over runs of a graph; of those
    that are to be rounded: all but those that see pixels or make them, and the first of the others,
    which sees the finest features: rounded, it costs most.
    """
    core = openvino.Core()
    model = core.read_model(graph)
    wide = [
        node
        for node in _convolutions(model)
        if min(node.input_value(1).get_shape()[:2]) > PIXEL_CHANNELS
    ]
    sources = {_name(node): node.input_value(0) for node in wide[1:]}
    probe = openvino.Model(list(sources.values()), model.get_parameters(), "probe")
    run = core.compile_model(probe, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = dict.fromkeys(
        sources, (0.0, 0.0)
    )  # 0 has a level of its own, as edges are padded with it
    for given in inputs:
        results = run(list(given))
        for place, (name, (low, high)) in enumerate(found.items()):
            features = results[place]
            least, greatest = np.quantile(features, (OUTLIER_SHARE, 1 - OUTLIER_SHARE))
            found[name] = min(low, float(least)), max(high, float(greatest))
    return found


def _convolutions(model: openvino.Model) -> list[Any]:
    return [node for node in model.get_ordered_ops() if node.get_type_name() in KINDS]


def _name(node: Any) -> str:
    """What a convolution's result is called in the graph that it comes from."""
    return str(node.get_friendly_name()).partition("/")[0]


def _value(output: Any) -> Array:
    """Of weights, which the model computes from constants."""
    folded = openvino.Core().compile_model(
        openvino.Model([output], [], "weights"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    return np.array(folded([])[0], np.float32)
