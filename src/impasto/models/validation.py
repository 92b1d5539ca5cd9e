"""Check ONNX graphs from files before an engine sees them: their operations, and their memory.

An engine does whatever a graph demands: a few hundred bytes may demand terabytes of memory, a file
beside them, or code of another library. So a graph from a file may have only operations that
exports of impasto have, on tensors that are all bounded.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import NetworkError, one_line

# fmt: off
OPERATIONS = frozenset(
    (
        "Abs", "Add", "AveragePool", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape",
        "Conv", "ConvTranspose", "DepthToSpace", "Div", "Expand", "EyeLike", "Gather", "GatherND",
        "Gemm", "Identity", "InstanceNormalization", "LeakyRelu", "Log", "MatMul", "Max", "MaxPool",
        "Min", "Mul", "Pad", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Resize", "Shape",
        "Sigmoid", "Sign", "Slice", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Tanh",
        "Transpose", "Unsqueeze",
    )
)
"""Operations that exports of impasto have had, and similar ones. None runs another graph, none
reads a file."""

# operations by which graphs compute shapes, axes and the like, and that are computed here
SHAPE_OPERATIONS = frozenset(
    (
        "Add", "Cast", "Concat", "Div", "Gather", "Mul", "Reshape", "Slice", "Squeeze", "Sub",
        "Unsqueeze",
    )
)
# fmt: on

MAX_NODES = 5000  # of a graph; base and its predictor have 300 and 160
# numbers of one tensor for each pixel of the picture; networks that ship have 9 at most, and
# networks of the PyTorch examples 32
MAX_FEATURES_PER_PIXEL = 128
# numbers of a tensor that may be a shape, an axis and the like, and is then computed here
MAX_SHAPE_SIZE = 64
MAX_REASON_LENGTH = 200  # characters of another library's message
HALF = ".float16"  # suffix of the names of weights as exports store them
OPTIONAL = "noise"  # of the inputs
DOMAINS = ("", "ai.onnx")  # of the operations of ONNX itself

Shape = tuple[int, ...]


def check_graph(graph: bytes, inputs: Mapping[str, Shape], output: tuple[str, Shape]) -> Any:
    """Check a graph.

    Args:
        graph: ONNX, serialized.
        inputs: its inputs by name and in order, noise or not, with their shapes for a picture as
            large as it ever takes in one go.
        output: name and shape of its output for these inputs.

    Returns:
        The model, `onnx.ModelProto`.

    Raises:
        NetworkError: it is no graph, or another one; it has operations that exports do not have,
            would take too much memory, or holds weights that are not finite. The message gives
            the reason and not the file.
    """
    import onnx  # here, as few need it

    try:
        model = onnx.load_model_from_string(graph)
    except Exception as error:  # protobuf's own kind
        raise NetworkError("it holds no ONNX graph") from error
    reason = (
        _interface_mismatch(model, inputs, output[0])
        or _foreign_part(model)
        or _foreign_operation(model)
    )
    if reason:
        raise NetworkError(reason)
    constants = {tensor.name: _read_tensor(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _read_tensor(attribute.t)
    try:
        shape = _infer_shapes(model, inputs, constants).get(output[0])
    except NetworkError:
        raise
    except Exception as error:  # onnx raises many kinds where a graph contradicts itself
        raise NetworkError(f"its graph is broken ({_short_reason(error)})") from error
    if shape != output[1]:
        raise NetworkError(
            f"its graph gives {output[0]} of the shape {shape}, where it should be {output[1]}"
        )
    return model


def _short_reason(error: Exception) -> str:
    return one_line(error)[:MAX_REASON_LENGTH]


def _interface_mismatch(model: Any, inputs: Mapping[str, Shape], output: str) -> str | None:
    """Explain how inputs and outputs of a graph differ from those required; None if they match."""
    graph = model.graph
    names, outputs = [value.name for value in graph.input], [value.name for value in graph.output]
    expected = [name for name in inputs if name in names or name != OPTIONAL]
    if names != expected or outputs != [output]:
        return (
            f"its graph makes {', '.join(outputs)} of {', '.join(names)}, and not {output} of"
            f" {', '.join(inputs)}"
        )
    for value in graph.input:
        sides, shape = (
            [dim.dim_value for dim in value.type.tensor_type.shape.dim],
            inputs[value.name],
        )
        if len(sides) != len(shape) or any(
            side not in (0, required) for side, required in zip(sides, shape, strict=True)
        ):
            return (
                f"its graph takes {value.name} of the shape {sides}, where it should be"
                f" {list(shape)}"
            )
    return None


def _foreign_part(model: Any) -> str | None:
    """Explain the parts of a model that exports do not have; None if there are none."""
    graph = model.graph
    if len(graph.node) > MAX_NODES:
        return f"its graph has {len(graph.node)} operations, and {MAX_NODES} is the most"
    domains = [opset.domain for opset in model.opset_import]
    more = model.functions or model.training_info or graph.sparse_initializer
    if more or len(domains) != 1 or domains[0] not in DOMAINS:
        return "its graph is more than operations of ONNX on plain weights"
    return None


def _foreign_operation(model: Any) -> str | None:
    """Name the first operation that exports do not have; None if there is none."""
    for node in model.graph.node:
        if node.domain not in DOMAINS or node.op_type not in OPERATIONS:
            name = f"{node.domain}{node.domain and '.'}{node.op_type}"
            name = "".join(filter(str.isprintable, name))  # the file may say anything
            return f"its graph has the operation {name}, which is not let run"
        if any(_holds_more(attribute) for attribute in node.attribute):
            return f"its graph has more inside its operation {node.op_type}"
    return None


def _holds_more(attribute: Any) -> bool:
    """Tell whether an attribute holds graphs, or more than one plain tensor."""
    return bool(
        attribute.HasField("g")
        or attribute.graphs
        or attribute.tensors
        or attribute.HasField("sparse_tensor")
        or attribute.sparse_tensors
    )


def _read_tensor(tensor: Any) -> NDArray[Any]:
    """Read the numbers of a tensor.

    Raises:
        NetworkError: they lie in another file, are not all there, or are not finite.
    """
    import onnx
    from onnx import numpy_helper

    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise NetworkError(
            f"its weights {tensor.name} are said to lie in another file, which is not read"
        )
    size = math.prod(tensor.dims)
    # compared before memory is allocated for them
    if min(tensor.dims, default=0) < 0 or size > tensor.ByteSize():
        raise NetworkError(
            f"its weights {tensor.name} are {list(tensor.dims)} numbers, and it does not hold as"
            " many"
        )
    try:
        array: NDArray[Any] = numpy_helper.to_array(tensor)
    except Exception as error:
        raise NetworkError(
            f"its weights {tensor.name} are broken ({_short_reason(error)})"
        ) from error
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NetworkError(
            f"its weights {tensor.name} are not finite numbers: it is damaged, or its training"
            " failed"
        )
    return array


def _infer_shapes(
    model: Any, inputs: Mapping[str, Shape], constants: Mapping[str, NDArray[Any]]
) -> dict[str, Shape]:
    """Infer the shapes of all tensors of a graph, by name.

    Tensors that are shapes themselves are computed on the way.

    Raises:
        NetworkError: a tensor is too large, or its size is unknown before the graph runs.
        Exception: any kind, by onnx, where the graph makes no sense.
    """
    from onnx import defs, helper, numpy_helper, shape_inference

    (opset,) = model.opset_import
    max_size = MAX_FEATURES_PER_PIXEL * math.prod(inputs["image"][2:])
    types = {
        value.name: helper.make_tensor_type_proto(
            value.type.tensor_type.elem_type, inputs[value.name]
        )
        for value in model.graph.input
    }
    for name, array in constants.items():
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        types[name] = helper.make_tensor_type_proto(kind, array.shape)
    # small tensors whose numbers are known; floats may be scales
    values = {name: array for name, array in constants.items() if array.size <= MAX_SHAPE_SIZE}
    for node in model.graph.node:
        names = list(dict.fromkeys(filter(None, node.input)))
        known = {name: values[name] for name in names if name in values}
        inferred = shape_inference.infer_node_outputs(
            defs.get_schema(node.op_type, opset.version, ""),
            node,
            {name: types[name] for name in names},
            {name: numpy_helper.from_array(array) for name, array in known.items()},
            opset_imports=[opset],
        )
        outputs = list(filter(None, node.output))
        for name in outputs:
            if name in types:
                raise NetworkError(f"its graph makes {name} twice")
            _check_tensor_size(name, _shape(inferred[name]), node.op_type, max_size)
            types[name] = inferred[name]
        if (value := _compute_shape(node, names, types, known, opset.version)) is not None:
            values[outputs[0]] = value
    return {name: _shape(kind) or () for name, kind in types.items()}


def _check_tensor_size(name: str, shape: Shape | None, op_type: str, max_size: int) -> None:
    if shape is None:
        raise NetworkError(f"its graph does not tell how large {name} is ({op_type})")
    if math.prod(shape) > max_size:
        raise NetworkError(
            f"its graph makes {math.prod(shape):,} numbers of a picture at once ({op_type}), and"
            f" {max_size:,} are the most"
        )


def _compute_shape(
    node: Any,
    inputs: list[str],
    types: Mapping[str, Any],
    known: Mapping[str, NDArray[Any]],
    opset_version: int,
) -> NDArray[Any] | None:
    """Compute the output of a node where it is, or may become, a shape; else return None."""
    from onnx.reference import ReferenceEvaluator

    if node.op_type == "Shape":
        ends = {attribute.name: attribute.i for attribute in node.attribute}
        shape = np.array(_shape(types[inputs[0]]), np.int64)
        return shape[ends.get("start", 0) : ends.get("end", len(shape))]
    if node.op_type not in SHAPE_OPERATIONS or len(known) != len(inputs):
        return None
    output = next(filter(None, node.output))
    if math.prod(_shape(types[output]) or ()) > MAX_SHAPE_SIZE:
        return None
    results: Any = ReferenceEvaluator(node, opsets={"": opset_version}).run(None, dict(known))
    return np.asarray(results[0])


def _shape(kind: Any) -> Shape | None:
    """Return the shape of a tensor type, or None where it is unknown."""
    dims = kind.tensor_type.shape.dim
    if not kind.tensor_type.HasField("shape") or not all(
        dim.HasField("dim_value") and dim.dim_value >= 0 for dim in dims
    ):
        return None
    return tuple(dim.dim_value for dim in dims)


def weights_hash(model: Any) -> str | None:
    """Compute the hash of a network from its graph.

    It is the hash over its weights, as by `impasto.learning.networks.perceptual.tensors_hash`.

    Returns:
        The hash. For graphs that do not store weights as exports of impasto do, it is the hash in
        their own metadata, or None.
    """
    from onnx import numpy_helper

    halves = {
        tensor.name.removesuffix(HALF): tensor
        for tensor in model.graph.initializer
        if tensor.name.endswith(HALF)
    }
    if not halves:
        return next((entry.value for entry in model.metadata_props if entry.key == "hash"), None)
    digest = hashlib.sha256()
    for name in sorted(halves):
        array = numpy_helper.to_array(halves[name])
        digest.update(f"{name} torch.{array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
