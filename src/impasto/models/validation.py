"""ONNX graphs that stand in files, looked into before an engine sees them: what they compute, and
how much of it.

An engine does what a graph says: a few hundred bytes may ask for terabytes of memory, for a file
beside them, or for code of another library. So a graph from a file has only operations that exports
of this project have, on tensors that are all bounded.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import NetworkError

OPERATIONS = frozenset(
    (
        *(
            "Abs",
            "Add",
            "AveragePool",
            "Cast",
            "Clip",
            "Concat",
            "Constant",
            "ConstantOfShape",
            "Conv",
            "ConvTranspose",
        ),
        *(
            "DepthToSpace",
            "Div",
            "Expand",
            "EyeLike",
            "Gather",
            "GatherND",
            "Gemm",
            "Identity",
            "InstanceNormalization",
        ),
        *(
            "LeakyRelu",
            "Log",
            "MatMul",
            "Max",
            "MaxPool",
            "Min",
            "Mul",
            "Pad",
            "ReduceMean",
            "ReduceSum",
            "Relu",
            "Reshape",
        ),
        *(
            "Resize",
            "Shape",
            "Sigmoid",
            "Sign",
            "Slice",
            "SpaceToDepth",
            "Split",
            "Sqrt",
            "Squeeze",
            "Sub",
            "Tanh",
        ),
        *("Transpose", "Unsqueeze"),
    )
)
"""All that exports of this project have had, and what is nearest to it. None runs another graph,
none reads anything."""

MAX_NODES = 5000  # of a graph; base and its predictor have 300 and 160
# numbers of one tensor to a pixel of the picture; ours have 9 at most, and networks of the PyTorch
# examples 32
MAX_FEATURES_PER_PIXEL = 128
MAX_SHAPE_SIZE = (
    64  # numbers of a tensor that may be a shape, an axis and the like, and is computed here
)
SHAPE_OPERATIONS = frozenset(
    (
        "Add",
        "Cast",
        "Concat",
        "Div",
        "Gather",
        "Mul",
        "Reshape",
        "Slice",
        "Squeeze",
        "Sub",
        "Unsqueeze",
    )
)  # how
HALF = ".float16"  # ends the names of weights as exports store them
OPTIONAL = "noise"  # of the inputs

Shape = tuple[int, ...]


def check(graph: bytes, inputs: Mapping[str, Shape], output: tuple[str, Shape]) -> Any:
    """Look into a graph.

    Args:
        graph: ONNX, serialized.
        inputs: what it takes, by name and in order, noise or not: shapes for a picture as large as
            it ever takes in one go.
        output: name and shape of what it gives then.

    Returns:
        The model, `onnx.ModelProto`.

    Raises:
        NetworkError: it is no graph, or another one; it has operations that exports do not have,
            would take too much memory, or holds weights that are not finite. Says what, and not
            where.
    """
    import onnx  # here, as few need it

    try:
        model = onnx.load_model_from_string(graph)
    except Exception as error:  # protobuf's own kind
        raise NetworkError("it holds no ONNX graph") from error
    if said := _misfit(model, inputs, output[0]):
        raise NetworkError(said)
    constants = {tensor.name: _array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        for each in node.attribute:
            if each.HasField("t"):
                _array(each.t)
    try:
        found = _shapes(model, inputs, constants).get(output[0])
    except NetworkError:
        raise
    except Exception as error:  # onnx raises many kinds where a graph contradicts itself
        raise NetworkError(f"its graph is broken ({_line(error)})") from error
    if found != output[1]:
        raise NetworkError(
            f"its graph gives {output[0]} of the shape {found}, where it should be {output[1]}"
        )
    return model


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _misfit(model: Any, inputs: Mapping[str, Shape], output: str) -> str | None:
    """What a graph has that exports do not have, to be seen without reading its tensors; None if
    there is nothing."""
    graph = model.graph
    names, made = [each.name for each in graph.input], [each.name for each in graph.output]
    if names != [name for name in inputs if name in names or name != OPTIONAL] or made != [output]:
        return f"its graph makes {', '.join(made)} of {', '.join(names)}, and not {output} of {', '.join(inputs)}"
    for each in graph.input:
        sides = [dim.dim_value for dim in each.type.tensor_type.shape.dim]
        if len(sides) != len(inputs[each.name]) or any(
            side not in (0, is_) for side, is_ in zip(sides, inputs[each.name], strict=True)
        ):
            return f"its graph takes {each.name} of the shape {sides}, where it should be {list(inputs[each.name])}"
    if len(graph.node) > MAX_NODES:
        return f"its graph has {len(graph.node)} operations, and {MAX_NODES} is the most"
    domains = [each.domain for each in model.opset_import]
    if (
        domains not in ([""], ["ai.onnx"])
        or model.functions
        or model.training_info
        or graph.sparse_initializer
    ):
        return "its graph is more than operations of ONNX on plain weights"
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATIONS:
            name = f"{node.domain}{node.domain and '.'}{node.op_type}"
            name = "".join(filter(str.isprintable, name))  # the file may say anything
            return f"its graph has the operation {name}, which is not let run"
        for each in node.attribute:
            if (
                each.HasField("g")
                or each.graphs
                or each.tensors
                or each.HasField("sparse_tensor")
                or each.sparse_tensors
            ):
                return f"its graph has more inside its operation {node.op_type}"
    return None


def _array(tensor: Any) -> NDArray[Any]:
    """What a tensor of a graph holds. Raises NetworkError if it lies elsewhere, is not all there,
    or is not finite."""
    import onnx
    from onnx import numpy_helper

    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise NetworkError(
            f"its weights {tensor.name} are said to lie in another file, which is not read"
        )
    size = math.prod(tensor.dims)
    if min(tensor.dims, default=0) < 0 or size > tensor.ByteSize():  # before room is made for them
        raise NetworkError(
            f"its weights {tensor.name} are {list(tensor.dims)} numbers, and it does not hold as many"
        )
    try:
        array: NDArray[Any] = numpy_helper.to_array(tensor)
    except Exception as error:
        raise NetworkError(f"its weights {tensor.name} are broken ({_line(error)})") from error
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NetworkError(
            f"its weights {tensor.name} are not finite numbers: it is damaged, or its training failed"
        )
    return array


def _shapes(
    model: Any, inputs: Mapping[str, Shape], constants: Mapping[str, NDArray[Any]]
) -> dict[str, Shape]:
    """Shapes of all tensors of a graph by name; those that are shapes themselves are computed on
    the way.

    Raises NetworkError if one is too large, or does not show before it runs; what onnx raises if it
    makes no sense.
    """
    from onnx import defs, helper, numpy_helper, shape_inference
    from onnx.reference import ReferenceEvaluator

    (opset,) = model.opset_import
    most = MAX_FEATURES_PER_PIXEL * math.prod(inputs["image"][2:])
    types = {
        each.name: helper.make_tensor_type_proto(each.type.tensor_type.elem_type, inputs[each.name])
        for each in model.graph.input
    }
    for name, array in constants.items():
        types[name] = helper.make_tensor_type_proto(
            helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
    values = {
        name: array for name, array in constants.items() if array.size <= MAX_SHAPE_SIZE
    }  # floats may be scales
    for node in model.graph.node:
        names = list(dict.fromkeys(filter(None, node.input)))
        known = {name: values[name] for name in names if name in values}
        schema = defs.get_schema(node.op_type, opset.version, "")
        given = {name: numpy_helper.from_array(array) for name, array in known.items()}
        found = shape_inference.infer_node_outputs(
            schema, node, {name: types[name] for name in names}, given, opset_imports=[opset]
        )
        made = list(filter(None, node.output))
        for name in made:
            shape = _shape(found[name])
            if name in types:
                raise NetworkError(f"its graph makes {name} twice")
            if shape is None:
                raise NetworkError(f"its graph does not tell how large {name} is ({node.op_type})")
            if math.prod(shape) > most:
                size = f"{math.prod(shape):,} numbers"
                raise NetworkError(
                    f"its graph makes {size} of a picture at once ({node.op_type}), and {most:,} are the most"
                )
            types[name] = found[name]
        if node.op_type == "Shape":
            about = {each.name: each.i for each in node.attribute}
            whole = np.array(_shape(types[names[0]]), np.int64)
            values[made[0]] = whole[about.get("start", 0) : about.get("end", len(whole))]
        elif (
            node.op_type in SHAPE_OPERATIONS
            and len(known) == len(names)
            and math.prod(_shape(found[made[0]]) or ()) <= MAX_SHAPE_SIZE
        ):
            results: Any = ReferenceEvaluator(node, opsets={"": opset.version}).run(None, known)
            values[made[0]] = np.asarray(results[0])
    return {name: _shape(kind) or () for name, kind in types.items()}


def _shape(kind: Any) -> Shape | None:
    """Of a type, where it is known."""
    dims = kind.tensor_type.shape.dim
    if not kind.tensor_type.HasField("shape") or not all(
        dim.HasField("dim_value") and dim.dim_value >= 0 for dim in dims
    ):
        return None
    return tuple(dim.dim_value for dim in dims)


def hash_of(model: Any) -> str | None:
    """The hash of the network that a graph is: over its weights, as
    `impasto.learning.networks.perceptual.tensors_hash` has it, or, where they are not stored as in
    exports of this project, what its own metadata say, if they do.
    """
    from onnx import numpy_helper

    halves = {
        each.name.removesuffix(HALF): each
        for each in model.graph.initializer
        if each.name.endswith(HALF)
    }
    if not halves:
        return next((each.value for each in model.metadata_props if each.key == "hash"), None)
    digest = hashlib.sha256()
    for name in sorted(halves):
        array = numpy_helper.to_array(halves[name])
        digest.update(f"{name} torch.{array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
