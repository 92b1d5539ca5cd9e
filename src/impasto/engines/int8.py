"""Convolutions in 8-bit integers, where the ranges of features are known.

They compute two to four times as many products a second. Features are rounded to 256 levels
between the least and the greatest value that was measured over many pictures and styles. Each
channel has a range of its own, and the weights that read it make up for its scale (as in
SmoothQuant, Xiao et al. 2023). Weights are rounded to up to 255 levels for each output channel.
OpenVINO's CPU plugin turns such rounding (FakeQuantize) before a convolution into integer
arithmetic; all else stays in floating point. Convolutions that read pixels or noise, or produce
pixels, are left as they are: 8 bits are coarse there. So are the first that read features.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import openvino
from openvino import opset13

from impasto.engines.base import Array
from impasto.engines.cpu_graph import constant_value
from impasto.errors import NetworkError, one_line

# property of a graph: the range of the input of each convolution, by the convolution's name
RANGES = "ranges"
PROPERTIES = ["framework", RANGES]  # where OpenVINO keeps this property
VNNI = {"avx512_vnni", "avx_vnni"}  # features of x86 CPUs
# convolutions, and the axis of their weights that counts output channels
OUTPUT_AXES = {"Convolution": 0, "ConvolutionBackpropData": 1}
PIXEL_CHANNELS = 12  # of networks whose pixels are unshuffled by two
# share of a channel's features that may lie beyond its range on either side, so that few outliers
# do not make the levels coarse for all
OUTLIER_SHARE = 3e-4
# Power of a channel's own range that its levels follow; 1 would use all levels in each channel, and
# leave weights of very different sizes. Of 0, 0.5, 0.75 and 1 it gives the least difference.
BALANCE = 0.75
MIN_SHARE = 1 / 32  # of the whole range that any channel is given, as another style may use it
LEVELS, SIGNED_LEVELS = 256, 255
FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}


class FeatureRange(NamedTuple):
    """The range of the features that a convolution reads.

    Attributes:
        low: the least feature.
        high: the greatest feature.
        factors: share of the range that each channel takes, 0..1, (C,); or one for all.
    """

    low: float
    high: float
    factors: Sequence[float] = (1.0,)


Ranges = Mapping[str, FeatureRange]


def read_ranges(model: openvino.Model) -> Ranges:
    """Read the ranges of features that a model carries, as OpenVINO read it from an ONNX graph.

    Returns:
        The range of the input of each convolution, by its name; empty where they were not measured.

    Raises:
        NetworkError: the ranges are broken.
    """
    if not model.has_rt_info(PROPERTIES):
        return {}
    try:
        ranges = {
            str(name): FeatureRange(*values)
            for name, values in json.loads(model.get_rt_info(PROPERTIES).astype(str)).items()
        }
        if not all(_is_usable(one) for one in ranges.values()):
            raise ValueError("a range without width")
    except (ValueError, TypeError, AttributeError) as error:
        raise NetworkError(f"int8 cannot load this network: {one_line(error)}") from error
    return ranges


def has_ranges(graph: bytes) -> bool:
    """Tell whether a graph carries ranges of features, without reading it: in about 1 ms."""
    # the key of a property in the format of ONNX: field 1 of a message, and its length
    return b"\x0a" + bytes([len(RANGES)]) + RANGES.encode() in graph


def has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the CPU adds four products of 8 bits at once, in 32 bits.

    Args:
        cpuinfo: where Linux lists the CPU's features. On other systems the answer is no.
    """
    try:
        return bool(VNNI & set(cpuinfo.read_text().split()))
    except OSError:
        return False


def _is_usable(found: FeatureRange) -> bool:
    low, high, factors = (np.asarray(value, np.float32) for value in found)
    finite = all(np.isfinite(value).all() for value in (low, high, factors))
    return bool(finite and low < high and factors.ndim == 1 and (factors > 0).all())


def quantize(model: openvino.Model, ranges: Ranges) -> openvino.Model:
    """Return a copy of a model whose convolutions named in `ranges` compute in 8-bit integers.

    Raises:
        NetworkError: a range has factors of another number of channels.
    """
    rounded = model.clone()
    for node in _convolutions(rounded):
        name = _name(node)
        if name not in ranges:
            continue
        low, high, factors = (np.asarray(value, np.float32) for value in ranges[name])
        weights = constant_value(node.input_value(1))
        output_axis = OUTPUT_AXES[node.get_type_name()]
        if len(factors) not in (1, weights.shape[1 - output_axis]):
            raise NetworkError(
                f"int8 cannot load this network: {name} reads {weights.shape[1 - output_axis]}"
                f" channels, and its ranges are of {len(factors)}; get the network anew"
            )
        # each channel's range is mapped to that of all, and weights undo it
        channel_ends = [end * factors.reshape(1, -1, 1, 1) for end in (low, high)]
        scaled = weights * np.expand_dims(factors, (output_axis, 2, 3))
        limit = _weight_limits(scaled, output_axis)
        _round_input(node, 0, node.input_value(0), channel_ends, (low, high), LEVELS)
        limits = -limit, limit
        _round_input(node, 1, opset13.constant(scaled), limits, limits, SIGNED_LEVELS)
    rounded.validate_nodes_and_infer_types()
    return rounded


def _weight_limits(weights: Array, output_axis: int) -> Array:
    """Return the weight of the greatest level of each output channel.

    A CPU without VNNI adds the products of two neighboring input channels in 16 bits. There, two
    weights of one sign may have 128 levels together: 255 times as much is the most that fits. One
    level is kept for their rounding.
    """
    kernels = np.moveaxis(weights, output_axis, 0)  # out, in, taps
    if has_vnni():
        largest = np.abs(kernels).max(axis=(1, 2, 3))
    else:
        even, odd = kernels[:, ::2], kernels[:, 1::2]
        odd = np.pad(odd, ((0, 0), (0, even.shape[1] - odd.shape[1]), (0, 0), (0, 0)))
        pairs = [np.maximum(sign * even, 0) + np.maximum(sign * odd, 0) for sign in (1, -1)]
        largest = np.max(pairs, axis=(0, 2, 3, 4))
    shape = [-1 if axis == output_axis else 1 for axis in range(weights.ndim)]
    return np.maximum(largest, np.finfo(np.float32).tiny).reshape(shape)


def _round_input(
    node: Any,
    index: int,
    source: Any,
    limits: Sequence[Any],
    output_limits: Sequence[Any],
    levels: int,
) -> None:
    """Put rounding to so many levels between two limits before an input of a node."""
    ends = [opset13.constant(limit) for limit in (*limits, *output_limits)]
    rounding = opset13.fake_quantize(source, *ends, levels)
    node.input(index).replace_source_output(rounding.output(0))


def measure_ranges(graph: bytes, inputs: Iterable[Sequence[Array]]) -> dict[str, FeatureRange]:
    """Measure the ranges of features over runs of a graph, for the convolutions to be rounded.

    These are all but those that read pixels or noise, or produce pixels, and the others up to the
    first wide one. They read the finest features: rounding them costs 2 to 7 dB in some pictures.

    Args:
        graph: ONNX, serialized.
        inputs: the inputs of each run.

    Returns:
        The range of the input of each convolution, by its name.
    """
    core = openvino.Core()
    model = core.read_model(graph)
    among_features = [
        node for node in _convolutions(model) if _is_among_features(node.input_value(1).get_shape())
    ]
    first = next((place for place, node in enumerate(among_features) if _is_wide(node)), 0)
    sources = {_name(node): node.input_value(0) for node in among_features[first + 1 :]}
    probe = openvino.Model(list(sources.values()), model.get_parameters(), "probe")
    run = core.compile_model(probe, "CPU", FLOAT32)
    # 0 has a level of its own, as borders are padded with it
    ends: dict[str, list[Array]] = {name: [np.zeros(1), np.zeros(1)] for name in sources}
    for run_inputs in inputs:
        results = run(list(run_inputs))
        for index, (name, (low, high)) in enumerate(ends.items()):
            shares = (OUTLIER_SHARE, 1 - OUTLIER_SHARE)
            least, greatest = np.quantile(results[index], shares, axis=(0, 2, 3))
            ends[name] = [np.minimum(low, least), np.maximum(high, greatest)]
    return {name: _balanced(low, high) for name, (low, high) in ends.items()}


def _balanced(low: Array, high: Array) -> FeatureRange:
    """Make the range of a convolution from those of the channels that it reads."""
    least, greatest = float(low.min()), float(high.max())
    own = np.maximum(high / greatest if greatest else 0, low / least if least else 0)
    factors = np.maximum(own, MIN_SHARE) ** BALANCE
    return FeatureRange(least, greatest, tuple(float(factor) for factor in factors))


def _is_among_features(shape: Sequence[int]) -> bool:
    """Tell whether weights of some shape take features to features, and no pixels or noise."""
    return tuple(shape[2:]) != (1, 1) and PIXEL_CHANNELS not in tuple(shape[:2])


def _is_wide(convolution: Any) -> bool:
    """Tell whether a convolution reads and produces more channels than pixels have."""
    return min(convolution.input_value(1).get_shape()[:2]) > PIXEL_CHANNELS


def _convolutions(model: openvino.Model) -> list[Any]:
    return [node for node in model.get_ordered_ops() if node.get_type_name() in OUTPUT_AXES]


def _name(node: Any) -> str:
    """Return the name of a convolution's result in the ONNX graph."""
    return str(node.get_friendly_name()).partition("/")[0]
