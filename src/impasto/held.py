"""Held statistics: instance normalization with the means and deviations of another picture.

Normalization that reads its statistics from what it paints makes the tiles of a picture differ and a video flicker. Taken once,
from a reduced picture or from earlier frames (thumbnail instance normalization, Chen et al. 2021), they fold into the style's
scales and shifts, and the network becomes plain convolutions.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from impasto.errors import NetworkError

STATISTICS = "statistics"  # the output of a measuring graph
NORMALIZATION = "InstanceNormalization"


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
        scales, shifts: where in an embedding each normalized channel's scale and shift stand, (channels,).
        epsilon: of the normalizations' variances.
    """

    plain: bytes
    measuring: bytes
    scales: NDArray[np.intp]
    shifts: NDArray[np.intp]
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
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_model_from_string(graph)
    try:
        made_by = {output: node for node in model.graph.node for output in node.output}
        used_by = {name: node for node in model.graph.node for name in node.input}
        constants = {tensor.name: tensor for tensor in model.graph.initializer}
        norms = [node for node in model.graph.node if node.op_type == NORMALIZATION]
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
    except (KeyError, ValueError, IndexError, StopIteration) as error:
        raise NetworkError(f"this network's statistics cannot be held: its graph is of another kind ({error!r})") from error

    measuring = onnx.ModelProto()
    measuring.CopyFrom(model)
    inputs = [norm.input[0] for norm in norms]
    axes = numpy_helper.from_array(np.array([2, 3], np.int64), "statistics.axes")
    flat = numpy_helper.from_array(np.array([1, -1], np.int64), "statistics.flat")
    measuring.graph.initializer.extend([axes, flat])
    add, means, variances = measuring.graph.node.add, [], []
    for name in inputs:
        mean, variance = f"{name}.mean", f"{name}.variance"
        add().CopyFrom(helper.make_node("ReduceMean", [name, axes.name], [mean], keepdims=1))
        add().CopyFrom(helper.make_node("Sub", [name, mean], [f"{name}.centred"]))
        add().CopyFrom(helper.make_node("Mul", [f"{name}.centred"] * 2, [f"{name}.squares"]))
        add().CopyFrom(helper.make_node("ReduceMean", [f"{name}.squares", axes.name], [variance], keepdims=1))
        means.append(mean)
        variances.append(variance)
    add().CopyFrom(helper.make_node("Concat", means + variances, ["statistics.stacked"], axis=1))
    add().CopyFrom(helper.make_node("Reshape", ["statistics.stacked", flat.name], [STATISTICS]))
    del measuring.graph.output[:]
    measuring.graph.output.append(helper.make_tensor_value_info(STATISTICS, TensorProto.FLOAT, [1, 2 * sum(map(len, scales))]))
    _drop_unused(measuring)

    past = {norm.output[0]: norm.input[0] for norm in norms}
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = past.get(name, name)
    _drop_unused(model)
    plain = model.SerializeToString()
    return HeldNetwork(plain, measuring.SerializeToString(), np.concatenate(scales), np.concatenate(shifts), epsilon)


def _drop_unused(model: "onnx.ModelProto") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Leave out nodes and weights that no output needs."""
    needed = {output.name for output in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input)
    weights = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    for field, values in ((model.graph.node, kept[::-1]), (model.graph.initializer, weights)):
        del field[:]
        field.extend(values)
    del model.graph.value_info[:]
