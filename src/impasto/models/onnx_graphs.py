"""Surgery on ONNX graphs: cut them, measure features, count how far they see."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from impasto.models.network import MULTIPLE

STATISTICS = "statistics"  # the output of a measuring graph
NORMALIZATION = "InstanceNormalization"
UPSAMPLING_OPS = ("Resize", "ConvTranspose", "DepthToSpace")  # what makes features more, by node
COLORS = 3


# Surgery. Models are `onnx.ModelProto`, which has no types; each function gives a new one.


def normalizations(model: Any) -> list[Any]:
    """The nodes that normalize, in order."""
    return [node for node in model.graph.node if node.op_type == NORMALIZATION]


def with_statistics(model: Any, names: Sequence[str]) -> Any:
    """With means and variances of features by name, all channels in order, as one more tensor (1, 2
    channels)."""
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
        add().CopyFrom(
            helper.make_node("ReduceMean", [f"{name}.squares", axes.name], [variance], keepdims=1)
        )
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


def extract_subgraph(model: Any, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> bytes:
    """What leads to some tensors from others, serialized; by default, from the model's inputs to
    its outputs."""
    from onnx import TensorProto, helper

    cut = _copy(model)
    if outputs:
        del cut.graph.output[:]
        cut.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs
        )
    given = {each.name: each for each in cut.graph.input}
    if inputs:
        del cut.graph.input[:]
        features = [None] * 4  # of any size
        cut.graph.input.extend(
            given.get(name) or helper.make_tensor_value_info(name, TensorProto.FLOAT, features)
            for name in inputs
        )
    kept, needed = _leading(cut, inputs, [output.name for output in cut.graph.output])
    weights = [tensor for tensor in cut.graph.initializer if tensor.name in needed]
    for field, values in ((cut.graph.node, kept), (cut.graph.initializer, weights)):
        del field[:]
        field.extend(values)
    del cut.graph.value_info[:]
    return cut.SerializeToString()


def required_inputs(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """Of these inputs, those that these outputs are made of."""
    names = _leading(model, inputs, outputs)[1]
    return [name for name in inputs if name in names]


def _leading(
    model: Any, inputs: Sequence[str], outputs: Sequence[str]
) -> tuple[list[Any], set[str]]:
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


class ReceptiveField(NamedTuple):
    """Where features come from: those at position i of pixels from `i * step - before` to `i * step
    + after`."""

    step: float
    before: float
    after: float

    @property
    def margin(self) -> int:
        """Pixels around features that begin and end at multiples of 8 which count for them, as a
        multiple of 8."""
        return math.ceil(max(self.before, self.after - self.step + 1) / MULTIPLE) * MULTIPLE


def receptive_fields(model: Any, given: dict[str, int] | None = None) -> dict[str, ReceptiveField]:
    """How far the features of a graph see, by name; `given` are features to count from, too, and
    their steps.

    Raises StopIteration or KeyError if the graph is of another kind.
    """
    from onnx import helper, numpy_helper

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    made_by = {output: node for node in model.graph.node for output in node.output}
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    name = first.input[1]
    weight = constants.get(name) or constants[made_by[name].input[0]]  # in float16, and then cast
    pixels = math.isqrt(
        weight.dims[1] // COLORS
    )  # a side, of which there are features: 1 where they are not unshuffled
    found = {without_padding(first.input[0], made_by): ReceptiveField(pixels, 0, pixels - 1)}
    found |= {name: ReceptiveField(step, 0, step - 1) for name, step in (given or {}).items()}
    for node in model.graph.node:
        inputs = [found[name] for name in node.input if name in found]
        if not inputs or found.keys() & set(node.output):
            continue
        step, before, after = (max(values) for values in zip(*inputs, strict=True))
        about = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type in UPSAMPLING_OPS:
            if node.op_type == "Resize":
                factor, taps = int(numpy_helper.to_array(constants[node.input[2]])[2]), 0
            else:
                factor = (
                    about["blocksize"] if node.op_type == "DepthToSpace" else about["strides"][0]
                )
                taps = about["kernel_shape"][0] - factor if "kernel_shape" in about else 0
            around = step / factor * taps / 2
            before, after, step = (
                before + around + step - step / factor,
                after + around,
                step / factor,
            )
        elif "kernel_shape" in about:
            around = step * about.get("dilations", [1])[0] * (about["kernel_shape"][0] - 1) / 2
            before, after, step = before + around, after + around, step * about["strides"][0]
        found |= dict.fromkeys(node.output, ReceptiveField(step, before, after))
    return found


def without_padding(name: str, made_by: dict[str, Any]) -> str:
    """The features that others are, with a border around them."""
    return made_by[name].input[0] if made_by[name].op_type == "Pad" else name
