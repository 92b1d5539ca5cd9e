"""Surgery on ONNX graphs: cut them, measure features, count how far they see.

Models are `onnx.ModelProto`, which has no types. Each function returns a new model.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from impasto.models.network import MULTIPLE

STATISTICS = "statistics"  # the output of a measuring graph
NORMALIZATION = "InstanceNormalization"
UPSAMPLING_OPS = ("Resize", "ConvTranspose", "DepthToSpace")  # operations that enlarge features
COLORS = 3


def find_normalizations(model: Any) -> list[Any]:
    """List the nodes that normalize, in order."""
    return [node for node in model.graph.node if node.op_type == NORMALIZATION]


def add_statistics(model: Any, names: Sequence[str]) -> Any:
    """Add an output with means and variances of features.

    Args:
        model: the graph.
        names: features, each (1, C, h, w).

    Returns:
        The graph with a tensor `STATISTICS` (1, channels of all features times 2): the means of all
        channels in order, then the variances.
    """
    from onnx import helper, numpy_helper

    measuring = _copy(model)
    axes = numpy_helper.from_array(np.array([2, 3], np.int64), "statistics.axes")
    flat = numpy_helper.from_array(np.array([1, -1], np.int64), "statistics.flat")
    measuring.graph.initializer.extend([axes, flat])
    nodes, means, variances = [], [], []
    for name in names:
        mean, variance = f"{name}.mean", f"{name}.variance"
        centered, squares = f"{name}.centred", f"{name}.squares"
        nodes += [
            helper.make_node("ReduceMean", [name, axes.name], [mean], keepdims=1),
            helper.make_node("Sub", [name, mean], [centered]),
            helper.make_node("Mul", [centered] * 2, [squares]),
            helper.make_node("ReduceMean", [squares, axes.name], [variance], keepdims=1),
        ]
        means.append(mean)
        variances.append(variance)
    nodes += [
        helper.make_node("Concat", means + variances, ["statistics.stacked"], axis=1),
        helper.make_node("Reshape", ["statistics.stacked", flat.name], [STATISTICS]),
    ]
    measuring.graph.node.extend(nodes)
    return measuring


def remove_normalizations(model: Any) -> Any:
    """Remove the nodes that normalize: their inputs take the place of their outputs."""
    plain = _copy(model)
    bypass = {norm.output[0]: norm.input[0] for norm in find_normalizations(plain)}
    for node in plain.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = bypass.get(name, name)
    return plain


def extract_subgraph(model: Any, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> bytes:
    """Cut out the part of a graph that leads from some tensors to others.

    Args:
        model: the graph.
        inputs: tensors to begin at; by default the inputs of the graph.
        outputs: tensors to end at; by default the outputs of the graph.

    Returns:
        The part, serialized.
    """
    from onnx import TensorProto, helper

    cut = _copy(model)
    if outputs:
        del cut.graph.output[:]
        cut.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs
        )
    if inputs:
        known = {value.name: value for value in cut.graph.input}
        del cut.graph.input[:]
        any_size = [None] * 4
        cut.graph.input.extend(
            known.get(name) or helper.make_tensor_value_info(name, TensorProto.FLOAT, any_size)
            for name in inputs
        )
    nodes, needed = _trace_back(cut, inputs, [output.name for output in cut.graph.output])
    weights = [tensor for tensor in cut.graph.initializer if tensor.name in needed]
    for field, values in ((cut.graph.node, nodes), (cut.graph.initializer, weights)):
        del field[:]
        field.extend(values)
    del cut.graph.value_info[:]
    return cut.SerializeToString()


def required_inputs(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """List those of `inputs` that `outputs` are computed from."""
    names = _trace_back(model, inputs, outputs)[1]
    return [name for name in inputs if name in names]


def _trace_back(
    model: Any, inputs: Sequence[str], outputs: Sequence[str]
) -> tuple[list[Any], set[str]]:
    """Find the nodes that lead from some tensors to others, and all tensors on the way."""
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
    """The pixels that features depend on.

    The feature at position i depends on pixels from `i * step - before` to `i * step + after`.
    """

    step: float
    before: float
    after: float

    @property
    def margin(self) -> int:
        """Pixels around a part that its features depend on, as a multiple of 16.

        The part begins and ends at multiples of 16.
        """
        return math.ceil(max(self.before, self.after - self.step + 1) / MULTIPLE) * MULTIPLE

    def through(self, op_type: str, attributes: Mapping[str, Any], scale: int) -> "ReceptiveField":
        """Follow the field through one operation.

        Args:
            op_type: the operation in ONNX.
            attributes: attributes of the node, such as `kernel_shape` and `strides`.
            scale: for `Resize`, the factor by which it enlarges.
        """
        step, before, after = self
        kernel = attributes["kernel_shape"][0] if "kernel_shape" in attributes else None
        if op_type in UPSAMPLING_OPS:
            if op_type == "Resize":
                factor, taps = scale, 0
            else:
                factor = (
                    attributes["blocksize"]
                    if op_type == "DepthToSpace"
                    else attributes["strides"][0]
                )
                taps = 0 if kernel is None else kernel - factor
            reach = step / factor * taps / 2
            return ReceptiveField(
                step / factor, before + reach + step - step / factor, after + reach
            )
        if kernel is not None:
            reach = step * attributes.get("dilations", [1])[0] * (kernel - 1) / 2
            return ReceptiveField(step * attributes["strides"][0], before + reach, after + reach)
        return self


def receptive_fields(model: Any, steps: dict[str, int] | None = None) -> dict[str, ReceptiveField]:
    """Compute the receptive fields of all features of a graph, by name.

    Args:
        model: the graph.
        steps: features to count from as well as from pixels, and their steps in pixels.

    Raises:
        StopIteration, KeyError: the graph is of another kind.
    """
    from onnx import helper, numpy_helper

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    producers = {output: node for node in model.graph.node for output in node.output}
    fields = _first_fields(model, constants, producers)
    fields |= {name: ReceptiveField(step, 0, step - 1) for name, step in (steps or {}).items()}
    for node in model.graph.node:
        inputs = [fields[name] for name in node.input if name in fields]
        if not inputs or fields.keys() & set(node.output):
            continue
        widest = ReceptiveField(*(max(values) for values in zip(*inputs, strict=True)))
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        scale = 1
        if node.op_type == "Resize":
            scale = int(numpy_helper.to_array(constants[node.input[2]])[2])
        field = widest.through(node.op_type, attributes, scale)
        fields |= dict.fromkeys(node.output, field)
    return fields


def _first_fields(
    model: Any, constants: Mapping[str, Any], producers: Mapping[str, Any]
) -> dict[str, ReceptiveField]:
    """Return the field of the features that the first convolution reads."""
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    name = first.input[1]
    # weights in float16, and then cast
    weight = constants.get(name) or constants[producers[name].input[0]]
    # pixels a side that one feature holds: 1 where they are not unshuffled
    pixels = math.isqrt(weight.dims[1] // COLORS)
    return {skip_padding(first.input[0], producers): ReceptiveField(pixels, 0, pixels - 1)}


def skip_padding(name: str, producers: Mapping[str, Any]) -> str:
    """Return the features without the border that a `Pad` node puts around them."""
    return producers[name].input[0] if producers[name].op_type == "Pad" else name
