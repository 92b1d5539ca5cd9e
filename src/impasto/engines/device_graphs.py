"""Changes to ONNX graphs for GPUs: pixels in and out, float16, one fixed size.

Models are `onnx.ModelProto`, which has no types. Each function changes the model it is given.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

COLORS = 3  # channels of a picture
# operations that stay in float32: sums of squares overflow in float16
FLOAT32_OPERATIONS = ("InstanceNormalization", "ReduceMean")
LEVELS, HALF = "pixels.levels", "pixels.half"  # constants


def read_graph(graph: bytes, pixels: bool) -> tuple[Any, tuple[str, ...]]:
    """Read a graph, which takes and gives 8-bit pixels if `pixels` says so.

    Returns:
        The model, and the names of its inputs without that change.
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    names = tuple(value.name for value in model.graph.input)
    if pixels:
        wrap_pixels(model)
    return model, names


def wrap_pixels(model: Any) -> None:
    """Let a graph take 8-bit pixels (1, H, W, 3), and give them if its output is a picture.

    The conversions then run on the GPU, and a quarter of the bytes travel there.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph, node = model.graph, helper.make_node
    for name, value in ((LEVELS, 255), (HALF, 0.5)):
        graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
    image = graph.input[0]
    planes, name = _dimensions(image), image.name
    image.CopyFrom(
        helper.make_tensor_value_info(
            "pixels", TensorProto.UINT8, [planes[0], planes[2], planes[3], COLORS]
        )
    )
    before = [
        node("Cast", ["pixels"], ["pixels.floats"], to=TensorProto.FLOAT),
        node("Transpose", ["pixels.floats"], ["pixels.planes"], perm=[0, 3, 1, 2]),
        node("Div", ["pixels.planes", LEVELS], [name]),
    ]
    nodes = [*before, *graph.node]
    output = graph.output[0]
    if len(graph.output) == 1 and _dimensions(output)[1:2] == [COLORS]:
        planes, name = _dimensions(output), output.name
        output.CopyFrom(
            helper.make_tensor_value_info(
                "painted", TensorProto.UINT8, [planes[0], planes[2], planes[3], COLORS]
            )
        )
        nodes += [
            node("Mul", [name, LEVELS], ["painted.floats"]),
            node("Add", ["painted.floats", HALF], ["painted.raised"]),
            node("Transpose", ["painted.raised"], ["painted.pixels"], perm=[0, 2, 3, 1]),
            node("Cast", ["painted.pixels"], ["painted"], to=TensorProto.UINT8),
        ]
    del graph.node[:]
    graph.node.extend(nodes)


def _dimensions(value: Any) -> list[int | str | None]:
    """Return the sides of an input or output: numbers, names, or None."""
    return [dim.dim_value or dim.dim_param or None for dim in value.type.tensor_type.shape.dim]


def compute_in_float16(model: Any) -> Any:
    """Return a graph that computes in float16, with inputs and outputs as before."""
    # part of the wheel of ONNX Runtime
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    return convert_float_to_float16(
        model,
        keep_io_types=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, *FLOAT32_OPERATIONS],
    )


def fix_shapes(model: Any, shapes: Sequence[Sequence[int]]) -> None:
    """Write the shapes of its inputs into a graph, so that nothing in it varies."""
    for value, shape in zip(model.graph.input, shapes, strict=True):
        for dim, side in zip(value.type.tensor_type.shape.dim, shape, strict=True):
            dim.dim_value = side  # which takes the place of a name
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
