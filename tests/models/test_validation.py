"""Graphs from files: those of this project pass, and whatever else stands there is said in a line
before an engine sees it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from tiny_models import changed

from impasto.errors import NetworkError
from impasto.inference.frozen_norm import freeze_norms
from impasto.models.network import Network, check_network, load_shipped
from impasto.models.validation import MAX_FEATURES_PER_PIXEL, MAX_NODES, check_graph, weights_hash

SMALL = load_shipped("small")
IMAGE, EMBEDDING = (1, 3, 64, 64), (1, SMALL.embedding_size)
INPUTS = {"image": IMAGE, "embedding": EMBEDDING, "noise": (1, 1, 32, 32)}
OUTPUT = "picture", IMAGE


def refused(graph: bytes) -> str:
    """Why a graph is not let run, in one line."""
    with pytest.raises(NetworkError) as raised:
        check_graph(graph, INPUTS, OUTPUT)
    message = str(raised.value)
    assert "\n" not in message and len(message) < 500
    return message


def made(nodes: list[Any], weights: dict[str, Any] | None = None) -> bytes:
    """A graph of these operations, with the inputs and the output of a network, and weights."""
    inputs = [
        helper.make_tensor_value_info(name, 1, shape) for name, shape in list(INPUTS.items())[:2]
    ]
    output = [helper.make_tensor_value_info("picture", 1, IMAGE)]
    held = [
        numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()
    ]
    graph = helper.make_graph(nodes, "made", inputs, output, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()


def node(kind: str, *inputs: str, output: str = "picture", **attributes: Any) -> Any:
    return helper.make_node(kind, inputs, [output], **attributes)


# What passes


def test_what_is_made_here() -> None:
    assert (
        check_graph(made([node("Relu", "image")]), INPUTS, OUTPUT).graph.node[0].op_type == "Relu"
    )


@pytest.mark.parametrize("name", ["base", "small"])
def test_what_ships(name: str) -> None:
    check_network(load_shipped(name))
    model = check_graph(
        load_shipped(name).graph,
        {**INPUTS, "embedding": (1, load_shipped(name).embedding_size)},
        OUTPUT,
    )
    assert weights_hash(model) == load_shipped(name).hash


@pytest.mark.usefixtures("kept_graphs")
def test_what_is_exported() -> None:
    pytest.importorskip("torch")
    from impasto.learning.conversion import onnx_export, pytorch_examples
    from impasto.learning.networks.johnson import Johnson
    from impasto.learning.networks.transformer import Architecture, TransformerNetwork

    for noise in (False, True):
        network = TransformerNetwork(Architecture((4, 8, 8), 1, noise)).eval()
        own = Network(
            "own",
            onnx_export.network_hash(network),
            network.embedding_size,
            onnx_export.to_onnx(network),
            {},
        )
        check_network(own)
    older = Johnson((8, 4, 6), 1).eval()
    size = len(pytorch_examples.embedding_of(older))
    check_network(
        Network("own", pytorch_examples._hash(older), size, pytorch_examples.to_onnx(older), {})
    )


# What does not


def external(model: Any) -> None:
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")


def external_constant(model: Any) -> None:
    tensor = onnx.TensorProto(data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.insert(0, node("Constant", output="read", value=tensor))


def branching(model: Any) -> None:
    branch = helper.make_graph([], "branch", [], [])
    model.graph.node.insert(
        0, node("If", "image", output="either", then_branch=branch, else_branch=branch)
    )


def hidden(model: Any) -> None:
    model.graph.node[0].attribute.append(
        helper.make_attribute("body", helper.make_graph([], "body", [], []))
    )


def foreign(model: Any) -> None:
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def foreign_operation(model: Any) -> None:
    model.graph.node[0].domain = "com.example"


def of_functions(model: Any) -> None:
    model.functions.add(name="Relu", domain="")


def larger_than_it_is(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [1 << 40]


def smaller_than_nothing(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [-1, -1]


def overflowing(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [1 << 32, 1 << 32]


def not_finite(model: Any) -> None:
    weight = next(each for each in model.graph.initializer if each.name.endswith(".float16"))
    weight.raw_data = np.full(len(weight.raw_data) // 2, np.nan, np.float16).tobytes()


def infinite(model: Any) -> None:
    weight = next(each for each in model.graph.initializer if each.data_type == 1)
    weight.CopyFrom(
        numpy_helper.from_array(np.full(tuple(weight.dims), -np.inf, np.float32), weight.name)
    )


def upside_down(model: Any) -> None:
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def twice(model: Any) -> None:
    model.graph.node.append(node("Relu", "image"))


def endless(model: Any) -> None:
    model.graph.node.extend([node("Relu", "image")] * MAX_NODES)


def of_another_name(model: Any) -> None:
    model.graph.output[0].name = "painting"


def of_another_size(model: Any) -> None:
    model.graph.input[1].type.tensor_type.shape.dim[1].dim_value = 99


def not_all_there(model: Any) -> None:
    del model.graph.node[-1]


def without_weights(model: Any) -> None:
    del model.graph.initializer[:]


def without_nodes(model: Any) -> None:
    del model.graph.node[:]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (external, "in another file, which is not read"),
        (external_constant, "in another file, which is not read"),
        (branching, "the operation If, which is not let run"),
        (hidden, "more inside its operation"),
        (foreign, "more than operations of ONNX"),
        (foreign_operation, "the operation com.example."),
        (of_functions, "more than operations of ONNX"),
        (larger_than_it_is, "does not hold as many"),
        (smaller_than_nothing, "does not hold as many"),
        (overflowing, "does not hold as many"),
        (not_finite, "not finite numbers"),
        (infinite, "not finite numbers"),
        (upside_down, "its graph is broken"),
        (twice, "makes picture twice"),
        (endless, f"{MAX_NODES} is the most"),
        (of_another_name, "makes painting of image, embedding, noise"),
        (of_another_size, "takes embedding of the shape [1, 99]"),
        (not_all_there, "gives picture of the shape None"),
        (without_weights, "its graph is broken"),
        (without_nodes, "gives picture of the shape None"),
    ],
)
def test_what_no_export_has(change: Callable[[Any], None], reason: str) -> None:
    assert reason in refused(changed(SMALL.graph, change))


MUCH = MAX_FEATURES_PER_PIXEL * IMAGE[2] * IMAGE[3] + 1
FLAT = np.array([1, 3 * 64 * 64, 1])


@pytest.mark.parametrize(
    ("nodes", "weights"),
    [
        (
            [node("Expand", "image", "sides", output="much")],
            {"sides": np.array([1 << 20, 3, 64, 64])},
        ),
        ([node("ConstantOfShape", "sides", output="much")], {"sides": np.array([MUCH])}),
        (
            [node("ConstantOfShape", "sides", output="much")],
            {"sides": np.array([1 << 31, 1 << 31])},
        ),
        (
            [node("Resize", "image", "", "scales", output="much")],
            {"scales": np.array([1, 1, 1e4, 1e4], np.float32)},
        ),
        (
            [node("Pad", "image", "sides", output="much")],
            {"sides": np.array([0, 0, 0, 0, 0, 0, 1 << 30, 1 << 30])},
        ),
        (
            [node("ConvTranspose", "image", "kernel", output="much", strides=[9999, 9999])],
            {"kernel": np.ones((3, 1, 1, 1))},
        ),
        (  # every pixel times every pixel
            [
                node("Reshape", "image", "flat", output="flat.image"),
                node("Transpose", "flat.image", output="turned", perm=[0, 2, 1]),
                node("MatMul", "flat.image", "turned", output="much"),
            ],
            {"flat": FLAT},
        ),
        (  # numbers that only the graph itself multiplies
            [
                node("Mul", "side", "side", output="sides"),
                node("ConstantOfShape", "sides", output="much"),
            ],
            {"side": np.array([1 << 15])},
        ),
    ],
)
def test_too_much_memory(nodes: list[Any], weights: dict[str, Any]) -> None:
    weights = {
        name: array.astype(np.float32) if name == "kernel" else array
        for name, array in weights.items()
    }
    assert "are the most" in refused(made([*nodes, node("Relu", "image")], weights))


def test_what_does_not_show_how_large_it_is() -> None:
    nodes = [
        node("Reshape", "embedding", "flat", output="flat.embedding"),
        node("Cast", "flat.embedding", output="numbers", to=7),
        node("ConstantOfShape", "numbers", output="much"),
        node("Relu", "image"),
    ]
    assert "does not tell how large much is" in refused(made(nodes, {"flat": np.array([-1])}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Dear Sir or Madam,\n" * 9,
        b"\xff" * 100,
        bytes(100),
        SMALL.graph[:5000],
        SMALL.predictor,
    ],
)
def test_what_is_no_graph_or_another(data: bytes) -> None:
    refused(data)


@settings(max_examples=40, deadline=None)
@given(
    damage=st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 255)), min_size=1, max_size=4)
)
@example([(0, 0)])
@example([(2698, 9)])  # the name of an operation then has a line break
def test_damaged_graphs_are_refused_or_still_graphs(damage: list[tuple[int, int]]) -> None:
    data = bytearray(SMALL.graph)
    for place, value in damage:
        data[place] = value
    try:
        check_graph(bytes(data), INPUTS, OUTPUT)
    except NetworkError as error:
        assert "\n" not in str(error)
        return
    try:
        freeze_norms(bytes(data))
    except NetworkError as error:
        assert "cannot freeze" in str(error)
