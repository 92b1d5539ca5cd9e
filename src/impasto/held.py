"""Held statistics: instance normalization with the means and deviations of another picture.

Normalization that reads its statistics from what it paints makes the tiles of a picture differ and a video flicker. Taken once,
from a reduced picture or from earlier frames (thumbnail instance normalization, Chen et al. 2021), they fold into the style's
scales and shifts, and the network becomes plain convolutions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from impasto.errors import NetworkError
from impasto.networks import MULTIPLE, OUTPUT

STATISTICS = "statistics"  # the output of a measuring graph
NORMALIZATION = "InstanceNormalization"
GROWING = ("Resize", "ConvTranspose", "DepthToSpace")  # what makes features more, by node
COLORS = 3


class Statistics(NamedTuple):
    """What the normalizations of a network read from a picture, of all their channels in order: (channels,) each."""

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]

    @classmethod
    def of_output(cls, output: NDArray[np.float32]) -> "Statistics":
        """From what a measuring graph gives, (1, 2 channels)."""
        mean, variance = np.split(output[0], 2)
        return cls(mean, variance)

    def towards(self, other: "Statistics", share: float) -> "Statistics":
        """A mixture with `share` of another's, 0..1: of means and of variances about them, so that it too is of pixels."""
        mean = (1 - share) * self.mean + share * other.mean
        between = share * (1 - share) * (self.mean - other.mean) ** 2
        return Statistics(mean, (1 - share) * self.variance + share * other.variance + between)


@dataclass(frozen=True, eq=False)
class HeldNetwork:
    """What is made of a network's graph to hold its statistics.

    Attributes:
        plain: ONNX, the graph without its normalizations; paints with embeddings that `fold` gives.
        measuring: ONNX, of image and embedding to `statistics` (1, 2 channels): means, then variances.
        margin: pixels, a multiple of 8, that are to be seen around a part of a picture for it to be painted by the plain graph
            as in the whole. Parts begin at multiples of 8, too.
        scales, shifts: where in an embedding each normalized channel's scale and shift stand, (channels,).
        channels: of each normalization, where its channels stand among all.
        epsilon: of the normalizations' variances.
    """

    plain: bytes
    measuring: bytes
    margin: int
    scales: NDArray[np.intp]
    shifts: NDArray[np.intp]
    channels: tuple[slice, ...]
    epsilon: float

    def fold(self, embedding: NDArray[np.float32], statistics: Statistics) -> NDArray[np.float32]:
        """The embedding (size,) with which the plain graph paints as the network does where it reads these statistics."""
        gain = 1 / np.sqrt(statistics.variance + self.epsilon)
        folded = embedding.astype(np.float32, copy=True)
        folded[self.scales] = embedding[self.scales] * gain
        folded[self.shifts] = embedding[self.shifts] - embedding[self.scales] * gain * statistics.mean
        return folded


@lru_cache(maxsize=8)
def hold(graph: bytes) -> HeldNetwork:
    """Take a network's graph apart. Raises NetworkError if it is not built as `impasto train` builds them."""
    import onnx  # here, as few need it
    from onnx import numpy_helper

    model = onnx.load_model_from_string(graph)
    try:
        made_by = {output: node for node in model.graph.node for output in node.output}
        used_by = {name: node for node in model.graph.node for name in node.input}
        constants = {tensor.name: tensor for tensor in model.graph.initializer}
        norms = normalizations(model)
        scales, shifts, epsilons = [], [], set()
        for norm in norms:
            # instance_norm(x) * scale + shift, where (scale, shift) = split(unsqueeze(slice(embedding)))
            split = made_by[next(name for name in used_by[norm.output[0]].input if name != norm.output[0])]
            part = made_by[made_by[split.input[0]].input[0]]
            if split.op_type != "Split" or part.op_type != "Slice":
                raise KeyError(split.op_type, part.op_type)
            start, end = (int(numpy_helper.to_array(constants[name]).item()) for name in part.input[1:3])
            middle = (start + end) // 2
            scales.append(np.arange(start, middle))
            shifts.append(np.arange(middle, end))
            epsilons.add(next(a.f for a in norm.attribute if a.name == "epsilon"))
        (epsilon,) = epsilons
        margin = reaches(model)[OUTPUT].margin
    except (KeyError, ValueError, IndexError, StopIteration) as error:
        raise NetworkError(f"this network's statistics cannot be held: its graph is of another kind ({error!r})") from error
    measuring = piece(with_statistics(model, [norm.input[0] for norm in norms]), outputs=[STATISTICS])
    plain = piece(without_normalizations(model))
    ends = np.cumsum([len(each) for each in scales]).tolist()
    channels = tuple(slice(start, end) for start, end in pairwise([0, *ends]))
    return HeldNetwork(plain, measuring, margin, np.concatenate(scales), np.concatenate(shifts), channels, epsilon)


# Surgery. Models are `onnx.ModelProto`, which has no types; each function gives a new one.


def normalizations(model: Any) -> list[Any]:
    """The nodes that normalize, in order."""
    return [node for node in model.graph.node if node.op_type == NORMALIZATION]


def with_statistics(model: Any, names: Sequence[str]) -> Any:
    """With means and variances of features by name, all channels in order, as one more tensor (1, 2 channels)."""
    from onnx import helper, numpy_helper

    measuring = _copy(model)
    axes = numpy_helper.from_array(np.array([2, 3], np.int64), "statistics.axes")
    flat = numpy_helper.from_array(np.array([1, -1], np.int64), "statistics.flat")
    measuring.graph.initializer.extend([axes, flat])
    add, means, variances = measuring.graph.node.add, [], []
    for name in names:
        mean, variance = f"{name}.mean", f"{name}.variance"
        add().CopyFrom(helper.make_node("ReduceMean", [name, axes.name], [mean], keepdims=1))
        add().CopyFrom(helper.make_node("Sub", [name, mean], [f"{name}.centred"]))
        add().CopyFrom(helper.make_node("Mul", [f"{name}.centred"] * 2, [f"{name}.squares"]))
        add().CopyFrom(helper.make_node("ReduceMean", [f"{name}.squares", axes.name], [variance], keepdims=1))
        means.append(mean)
        variances.append(variance)
    add().CopyFrom(helper.make_node("Concat", means + variances, ["statistics.stacked"], axis=1))
    add().CopyFrom(helper.make_node("Reshape", ["statistics.stacked", flat.name], [STATISTICS]))
    return measuring


def without_normalizations(model: Any) -> Any:
    """With nothing in the place of its normalizations."""
    plain = _copy(model)
    past = {norm.output[0]: norm.input[0] for norm in normalizations(plain)}
    for node in plain.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = past.get(name, name)
    return plain


def piece(model: Any, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> bytes:
    """What leads to some tensors from others, serialized; by default, from the model's inputs to its outputs."""
    from onnx import TensorProto, helper

    cut = _copy(model)
    if outputs:
        del cut.graph.output[:]
        cut.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs)
    given = {each.name: each for each in cut.graph.input}
    if inputs:
        del cut.graph.input[:]
        features = [None] * 4  # of any size
        cut.graph.input.extend(
            given.get(name) or helper.make_tensor_value_info(name, TensorProto.FLOAT, features) for name in inputs
        )
    kept, needed = _leading(cut, inputs, [output.name for output in cut.graph.output])
    weights = [tensor for tensor in cut.graph.initializer if tensor.name in needed]
    for field, values in ((cut.graph.node, kept), (cut.graph.initializer, weights)):
        del field[:]
        field.extend(values)
    del cut.graph.value_info[:]
    return cut.SerializeToString()


def needed(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """Of these inputs, those that these outputs are made of."""
    names = _leading(model, inputs, outputs)[1]
    return [name for name in inputs if name in names]


def _leading(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> tuple[list[Any], set[str]]:
    """The nodes that lead from some tensors to others, and all tensors on the way."""
    names, nodes = set(outputs), []
    for node in reversed(model.graph.node):
        if names & set(node.output) - set(inputs):
            nodes.append(node)
            names |= set(node.input)
    return nodes[::-1], names


def _copy(model: Any) -> Any:
    copied = type(model)()
    copied.CopyFrom(model)
    return copied


class Reach(NamedTuple):
    """Where features come from: those at position i of pixels from `i * step - before` to `i * step + after`."""

    step: float
    before: float
    after: float

    @property
    def margin(self) -> int:
        """Pixels around features that begin and end at multiples of 8 which count for them, as a multiple of 8."""
        return math.ceil(max(self.before, self.after - self.step + 1) / MULTIPLE) * MULTIPLE


def reaches(model: Any, given: dict[str, int] | None = None) -> dict[str, Reach]:
    """How far the features of a graph see, by name; `given` are features to count from, too, and their steps.

    Raises StopIteration or KeyError if the graph is of another kind.
    """
    from onnx import helper, numpy_helper

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    made_by = {output: node for node in model.graph.node for output in node.output}
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    name = first.input[1]
    weight = constants.get(name) or constants[made_by[name].input[0]]  # in float16, and then cast
    pixels = math.isqrt(weight.dims[1] // COLORS)  # a side, of which there are features: 1 where they are not unshuffled
    found = {unpadded(first.input[0], made_by): Reach(pixels, 0, pixels - 1)}
    found |= {name: Reach(step, 0, step - 1) for name, step in (given or {}).items()}
    for node in model.graph.node:
        inputs = [found[name] for name in node.input if name in found]
        if not inputs or found.keys() & set(node.output):
            continue
        step, before, after = (max(values) for values in zip(*inputs, strict=True))
        about = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type in GROWING:
            if node.op_type == "Resize":
                factor, taps = int(numpy_helper.to_array(constants[node.input[2]])[2]), 0
            else:
                factor = about["blocksize"] if node.op_type == "DepthToSpace" else about["strides"][0]
                taps = about["kernel_shape"][0] - factor if "kernel_shape" in about else 0
            around = step / factor * taps / 2
            before, after, step = before + around + step - step / factor, after + around, step / factor
        elif "kernel_shape" in about:
            around = step * about.get("dilations", [1])[0] * (about["kernel_shape"][0] - 1) / 2
            before, after, step = before + around, after + around, step * about["strides"][0]
        found |= dict.fromkeys(node.output, Reach(step, before, after))
    return found


def unpadded(name: str, made_by: dict[str, Any]) -> str:
    """The features that others are, with a border around them."""
    return made_by[name].input[0] if made_by[name].op_type == "Pad" else name
