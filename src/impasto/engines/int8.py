"""Convolutions in 8-bit integers, where the ranges of features are known.

They compute two to four times as many products a second. Features are rounded to 256 levels
between the least and the greatest value that was measured over many pictures and styles. Weights
are rounded to 127 levels for each channel, or to 255 where the CPU has VNNI. OpenVINO's CPU plugin
turns such rounding (FakeQuantize) before a convolution into integer arithmetic; all else stays in
floating point. Convolutions that read pixels or produce them are left as they are: 8 bits are
coarse there.

The usual way, as in NNCF, takes ranges from the least to the greatest value, and rounds all
convolutions. With it strokes vanish.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13

from impasto.engines.base import Array
from impasto.engines.cpu_graph import constant_value
from impasto.errors import NetworkError, one_line

# property of a graph: least and greatest input of each convolution, by the convolution's name
RANGES = "ranges"
PROPERTIES = ["framework", RANGES]  # where OpenVINO keeps this property
VNNI = {"avx512_vnni", "avx_vnni"}  # features of x86 CPUs
# convolutions, and the axis of their weights that counts output channels
OUTPUT_AXES = {"Convolution": 0, "ConvolutionBackpropData": 1}
PIXEL_CHANNELS = 12  # of networks whose pixels are unshuffled by two
# share of features that may lie beyond the range on either side, so that few outliers do not make
# the levels coarse for all
OUTLIER_SHARE = 5e-4
LEVELS, SIGNED_LEVELS = 256, 255
# Levels used of the 127 that weights have on either side of 0: a CPU without VNNI adds two products
# in 16 bits, and with all levels some sums overflow there.
USED_LEVELS, USED_LEVELS_WITH_VNNI = 63, 127
FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}
Ranges = Mapping[str, Sequence[float]]


def read_ranges(model: openvino.Model) -> Ranges:
    """Read the ranges of features that a model carries, as OpenVINO read it from an ONNX graph.

    Returns:
        The least and the greatest input of each convolution, by its name; empty where they were
        not measured.

    Raises:
        NetworkError: the ranges are broken.
    """
    if not model.has_rt_info(PROPERTIES):
        return {}
    try:
        ranges = {
            str(name): (float(low), float(high))
            for name, (low, high) in json.loads(model.get_rt_info(PROPERTIES).astype(str)).items()
        }
        if not all(np.isfinite(ends).all() and ends[0] < ends[1] for ends in ranges.values()):
            raise ValueError("a range without width")
    except (ValueError, TypeError, AttributeError) as error:
        raise NetworkError(f"int8 cannot load this network: {one_line(error)}") from error
    return ranges


def has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the CPU adds four products of 8 bits at once, in 32 bits.

    Args:
        cpuinfo: where Linux lists the CPU's features. On other systems the answer is no.
    """
    try:
        return bool(VNNI & set(cpuinfo.read_text().split()))
    except OSError:
        return False


def quantize(model: openvino.Model, ranges: Ranges) -> openvino.Model:
    """Return a copy of a model whose convolutions named in `ranges` compute in 8-bit integers."""
    rounded = model.clone()
    for node in _convolutions(rounded):
        name = _name(node)
        if name not in ranges:
            continue
        low, high = (np.float32(value) for value in ranges[name])
        weights = constant_value(node.input_value(1))
        limit = _weight_limits(weights, OUTPUT_AXES[node.get_type_name()])
        _round_input(node, 0, node.input_value(0), (low, high), LEVELS)
        _round_input(node, 1, opset13.constant(weights), (-limit, limit), SIGNED_LEVELS)
    rounded.validate_nodes_and_infer_types()
    return rounded


def _weight_limits(weights: Array, channel_axis: int) -> Array:
    """Return the greatest level of the weights of each channel, for the levels that are used."""
    other_axes = tuple(axis for axis in range(weights.ndim) if axis != channel_axis)
    largest = np.abs(weights).max(axis=other_axes, keepdims=True)
    levels = USED_LEVELS_WITH_VNNI if has_vnni() else USED_LEVELS
    scale = np.float32((SIGNED_LEVELS // 2) / levels)
    return np.maximum(largest, np.finfo(np.float32).tiny) * scale


def _round_input(node: Any, index: int, source: Any, limits: tuple[Any, Any], levels: int) -> None:
    """Put rounding to so many levels between two limits before an input of a node."""
    ends = [opset13.constant(limit) for limit in limits]
    rounding = opset13.fake_quantize(source, *ends, *ends, levels)
    node.input(index).replace_source_output(rounding.output(0))


def measure_ranges(
    graph: bytes, inputs: Iterable[Sequence[Array]]
) -> dict[str, tuple[float, float]]:
    """Measure the ranges of features over runs of a graph, for the convolutions to be rounded.

    These are all but those that read pixels or produce them, and the first of the others. That one
    reads the finest features: rounding it costs most.

    Args:
        graph: ONNX, serialized.
        inputs: the inputs of each run.

    Returns:
        The least and the greatest input of each convolution, by its name.
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
    run = core.compile_model(probe, "CPU", FLOAT32)
    # 0 has a level of its own, as borders are padded with it
    ranges = dict.fromkeys(sources, (0.0, 0.0))
    for run_inputs in inputs:
        results = run(list(run_inputs))
        for index, (name, (low, high)) in enumerate(ranges.items()):
            least, greatest = np.quantile(results[index], (OUTLIER_SHARE, 1 - OUTLIER_SHARE))
            ranges[name] = min(low, float(least)), max(high, float(greatest))
    return ranges


def _convolutions(model: openvino.Model) -> list[Any]:
    return [node for node in model.get_ordered_ops() if node.get_type_name() in OUTPUT_AXES]


def _name(node: Any) -> str:
    """Return the name of a convolution's result in the ONNX graph."""
    return str(node.get_friendly_name()).partition("/")[0]
