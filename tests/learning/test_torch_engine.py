"""PyTorch as an engine: it paints as the others do, and computes what ONNX defines."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pictures import UInt8

from impasto.engines import base
from impasto.errors import NetworkError
from impasto.inference.frozen_norm import NormStatistics, freeze_norms
from impasto.inference.tiled_statistics import split_at_norms
from impasto.models.gallery import gallery_style
from impasto.models.network import NOISE, Network, load_shipped
from impasto.models.noise import noise_at

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from impasto.learning import torch_engine
from impasto.learning.torch_engine import TorchEngine

each_network = pytest.mark.parametrize("name", ["small", "base", "large"])


def inputs_of(network: Network, scene: UInt8) -> list[Any]:
    """Return a picture with sides that the network takes, a style, and noise."""
    picture = np.ascontiguousarray(scene[None, :112, :160])
    style = gallery_style("starry-night").embedding(network)[None]
    return [picture, style, noise_at(112, 160)]


def levels_off(graph: bytes, inputs: list[Any], precision: str) -> tuple[int, float]:
    """Return the largest and the mean difference of PyTorch to another engine on the CPU."""
    expected = base.load_engine(graph, "auto", 1, "f32", pixels=True)
    engine = TorchEngine(graph, 1, precision, True)
    assert engine.inputs == expected.inputs
    inputs = inputs[: len(engine.inputs)]
    difference = np.abs(engine.run(*inputs).astype(int) - expected.run(*inputs))
    return int(difference.max()), float(difference.mean())


@each_network
def test_all_parts_of_a_network_paint_as_in_other_engines(name: str, scene: UInt8) -> None:
    network = load_shipped(name)
    frozen, inputs = freeze_norms(network.graph), inputs_of(network, scene)
    assert levels_off(network.graph, inputs, "f32")[0] <= 1
    measured, expected = (
        engine.run(*inputs[: len(engine.inputs)])
        for engine in (
            TorchEngine(frozen.measuring, 1, "f32", True),
            base.load_engine(frozen.measuring, "auto", 1, "f32", pixels=True),
        )
    )
    assert np.allclose(measured, expected, rtol=1e-3, atol=1e-3)
    folded = frozen.fold(inputs[1][0], NormStatistics.of_output(measured))[None]
    assert levels_off(frozen.plain, [inputs[0], folded, inputs[2]], "f32")[0] <= 1


@each_network
def test_float16_is_within_the_limit_of_the_test_and_bf16_comes_near(
    name: str, scene: UInt8
) -> None:
    network = load_shipped(name)
    inputs = inputs_of(network, scene)
    assert levels_off(network.graph, inputs, "f16")[0] <= 2
    largest, mean = levels_off(network.graph, inputs, "bf16")
    assert largest > 1 and mean < 1.5


def test_segments_give_what_other_engines_give(scene: UInt8) -> None:
    network = load_shipped("small")
    known: dict[str, Any] = dict(
        zip(("image", "embedding", NOISE), inputs_of(network, scene), strict=True)
    )
    for segment in split_at_norms(network.graph):
        inputs = [known[name] for name in segment.inputs]
        ours, theirs = (
            base.load_engine(segment.graph, engine, 1, "f32", segment.pixels).run(*inputs)
            for engine in ("torch", "auto")
        )
        several = len(segment.outputs) > 1
        for one, other in zip(*((ours, theirs) if several else ([ours], [theirs])), strict=True):
            # engines round sums alike, but for those of large numbers that cancel
            assert np.abs(one - other).max() < 1e-5 * max(100, np.abs(other).max())
        known |= dict(zip(segment.outputs, theirs if several else [theirs], strict=True))


def test_pictures_may_be_read_only_views(scene: UInt8) -> None:
    network = load_shipped("small")
    engine = TorchEngine(network.graph, 1, "f32", True)
    picture, *more = inputs_of(network, scene)
    expected = engine.run(picture, *more)
    flipped = picture[:, :, ::-1].copy()[:, :, ::-1]
    flipped.flags.writeable = False
    assert np.array_equal(engine.run(flipped, *more), expected)


# Operations, against those of ONNX's own definition

RANDOM = np.random.default_rng(1)
FEATURES = RANDOM.normal(size=(1, 8, 6, 10)).astype(np.float32)


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


def weights(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


CASES: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("Conv", [FEATURES, weights(4, 8, 3, 3), weights(4)], {"pads": [1, 1, 1, 1]}),
    ("Conv", [FEATURES, weights(4, 8, 3, 3)], {"pads": [0, 1, 2, 0], "strides": [2, 2]}),
    ("Conv", [FEATURES, weights(8, 2, 3, 3)], {"group": 4, "dilations": [2, 2]}),
    ("ConvTranspose", [FEATURES, weights(8, 3, 4, 4)], {"pads": [1] * 4, "strides": [2, 2]}),
    (
        "ConvTranspose",
        [FEATURES, weights(8, 3, 3, 3), weights(3)],
        {"pads": [1] * 4, "strides": [2, 2], "output_padding": [1, 1]},
    ),
    ("InstanceNormalization", [FEATURES, weights(8), weights(8)], {"epsilon": 1e-3}),
    ("Pad", [FEATURES, ints(0, 0, 2, 1, 0, 0, 3, 0)], {"mode": "reflect"}),
    ("Pad", [FEATURES, ints(0, 0, 2, 1, 0, 0, 3, 0)], {"mode": "edge"}),
    ("Pad", [FEATURES, ints(0, 1, 2, 1, 0, 0, 3, 0), np.float32(2)], {}),
    ("Pad", [FEATURES, ints(1, 2, 3, 4), None, ints(2, 3)], {"mode": "reflect"}),
    ("DepthToSpace", [FEATURES], {"blocksize": 2, "mode": "CRD"}),
    ("DepthToSpace", [FEATURES], {"blocksize": 2}),
    (
        "Resize",
        [FEATURES, None, np.array([1, 1, 2, 3], np.float32)],
        {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        },
    ),
    ("Slice", [FEATURES, ints(1, -4), ints(7, 100), ints(1, 3), ints(2, 1)], {}),
    ("Slice", [FEATURES, ints(0, 2), ints(1, 5)], {}),
    ("Concat", [FEATURES, FEATURES + 1], {"axis": 2}),
    ("ReduceMean", [FEATURES, ints(2, 3)], {"keepdims": 1}),
    ("ReduceMean", [FEATURES], {"keepdims": 0}),
    ("ReduceSum", [FEATURES, ints(1)], {"keepdims": 0}),
    ("Reshape", [FEATURES, ints(0, 2, 4, -1)], {}),
    ("Transpose", [FEATURES], {"perm": [0, 2, 3, 1]}),
    ("Unsqueeze", [FEATURES, ints(0, 3)], {}),
    ("Squeeze", [FEATURES, ints(0)], {}),
    ("Gather", [FEATURES, ints(5, 0, -1)], {"axis": 3}),
    ("Expand", [FEATURES, ints(3, 1, 1, 10)], {}),
    ("Clip", [FEATURES, np.float32(-0.5), np.float32(0.5)], {}),
    ("Clip", [FEATURES, None, np.float32(0.5)], {}),
    ("LeakyRelu", [FEATURES], {"alpha": 0.2}),
    ("MatMul", [FEATURES, weights(10, 7)], {}),
    ("Div", [FEATURES, np.float32(3)], {}),
    ("Div", [ints(7, -7, 8), ints(2, 2, 4)], {}),
    ("Shape", [FEATURES], {"start": 1, "end": 3}),
    ("Cast", [ints(1, 2)], {"to": TensorProto.FLOAT}),
    ("Cast", [FEATURES], {"to": TensorProto.INT64}),
    *((name, [FEATURES], {}) for name in ("Abs", "Relu", "Sigmoid", "Tanh", "Identity", "Exp")),
    *((name, [FEATURES, FEATURES[:, :1]], {}) for name in ("Add", "Sub", "Mul", "Max", "Min")),
    ("Sqrt", [np.abs(FEATURES)], {}),
]


def one_node(kind: str, inputs: list[Any], attributes: dict[str, Any], outputs: int = 1) -> bytes:
    """Make a graph of one operation; all inputs but the first are constants."""
    names = ["" if value is None else f"in{place}" for place, value in enumerate(inputs)]
    results = [f"out{place}" for place in range(outputs)]
    first = helper.np_dtype_to_tensor_dtype(inputs[0].dtype)
    constants = [
        onnx.numpy_helper.from_array(np.asarray(value), name)
        for value, name in zip(inputs[1:], names[1:], strict=True)
        if name
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, names, results, **attributes)],
        "one",
        [helper.make_tensor_value_info(names[0], first, None)],
        [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in results],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)]
)
def test_operations_compute_what_onnx_defines(
    kind: str, inputs: list[Any], attributes: dict[str, Any]
) -> None:
    graph = one_node(kind, inputs, attributes)
    (expected,) = ReferenceEvaluator(graph).run(None, {"in0": inputs[0]})
    found = TorchEngine(graph, 1, "f32", False).run(inputs[0])
    assert np.shape(found) == np.shape(expected)
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("more", "attributes", "parts"),
    [([ints(1, 5, 2)], {"axis": 1}, 3), ([], {"axis": 3, "num_outputs": 4}, 4)],
)
def test_parts_are_as_onnx_defines(more: list[Any], attributes: Any, parts: int) -> None:
    graph = one_node("Split", [FEATURES, *more], attributes, parts)
    expected = ReferenceEvaluator(graph).run(None, {"in0": FEATURES})
    found = TorchEngine(graph, 1, "f32", False).run(FEATURES)
    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes", "reason"),
    [
        ("Softmax", [FEATURES], {}, "it has the operation Softmax"),
        ("Conv", [FEATURES, weights(4, 8, 3, 3)], {"auto_pad": "SAME_UPPER"}, "has auto_pad"),
        ("ConvTranspose", [FEATURES, weights(8, 3, 4, 4)], {"pads": [0, 0, 1, 1]}, "pads"),
        ("Resize", [FEATURES, None, np.ones(4, np.float32)], {"mode": "linear"}, "interpolation"),
    ],
)
def test_operations_that_are_not_known(
    kind: str, inputs: list[Any], attributes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NetworkError, match=f"PyTorch cannot run this network: .*{reason}"):
        TorchEngine(one_node(kind, inputs, attributes), 1, "f32", False)


def test_the_precision_must_be_one_that_pytorch_has() -> None:
    with pytest.raises(NetworkError, match="PyTorch does not compute in int8"):
        TorchEngine(load_shipped("small").graph, 1, "int8", True)


@pytest.mark.parametrize(
    ("seen", "hip", "devices"),
    [
        ([], None, []),
        (["cuda"], None, [("cuda", "a card")]),
        (["cuda"], "7.1", [("rocm", "a card")]),
        (["mps"], None, [("mps", "Apple's Metal")]),
        (["xpu"], None, [("xpu", "a card")]),
    ],
)
def test_gpus_that_pytorch_sees(
    monkeypatch: pytest.MonkeyPatch, seen: list[str], hip: str | None, devices: list[Any]
) -> None:
    for name, module in (("cuda", torch.cuda), ("mps", torch.backends.mps), ("xpu", torch.xpu)):
        monkeypatch.setattr(module, "is_available", lambda name=name: name in seen)
        monkeypatch.setattr(module, "get_device_name", lambda: "a card", raising=False)
    monkeypatch.setattr(torch.version, "hip", hip)
    found = torch_engine.find_devices()
    assert [(name, label) for name, _, label, _ in found] == devices
    assert all((kind, objection) == ("gpu", "") for _, kind, _, objection in found)


def test_float32_is_exact_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the switches of cuDNN, as there is no card."""
    cudnn = torch.backends.cudnn
    owner, name = (
        (cudnn.conv, "fp32_precision") if hasattr(cudnn, "conv") else (cudnn, "allow_tf32")
    )
    before = getattr(owner, name)
    engine = TorchEngine(load_shipped("small").graph, 1, "f32", True)
    engine._place = torch.device("cuda")
    with engine._exact():
        assert getattr(owner, name) in ("ieee", False)
    assert getattr(owner, name) == before
    engine.precision = "f16"
    with engine._exact():
        assert getattr(owner, name) == before


# CUDA graphs, by a stub that computes on the CPU


class StubCapture:
    """Computes at each replay what a CUDA graph would have recorded."""

    recorded = 0

    def __init__(self, compute: Any, inputs: list[Any]) -> None:
        type(self).recorded += 1
        self._compute = compute
        self._inputs = [tensor.clone() for tensor in inputs]

    @classmethod
    def record(cls, compute: Any, inputs: list[Any]) -> "StubCapture":
        return cls(compute, inputs)

    def replay(self, tensors: list[Any]) -> list[Any]:
        for place, tensor in zip(self._inputs, tensors, strict=True):
            place.copy_(tensor)
        return list(self._compute(self._inputs))


def captured_engine() -> TorchEngine:
    engine = TorchEngine(load_shipped("small").graph, 1, "f32", True)
    engine._captures = True
    return engine


def test_sizes_that_come_often_are_recorded(scene: UInt8, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_engine, "_Captured", StubCapture)
    StubCapture.recorded = 0
    network, engine = load_shipped("small"), captured_engine()
    for side in (64, 80, 96, 64):
        for run in range(5):
            picture = np.ascontiguousarray(np.roll(scene, run, axis=1)[None, :side, :side])
            inputs = [picture, *inputs_of(network, scene)[1:2], noise_at(side, side)]
            expected = TorchEngine(network.graph, 1, "f32", True).run(*inputs)
            assert np.array_equal(engine.run(*inputs), expected)
    # the first size was dropped when the third came
    assert StubCapture.recorded == 4
    assert len(engine._captured) == torch_engine.MAX_CAPTURED_SIZES


def test_where_nothing_can_be_recorded_it_runs_all_the_same(
    scene: UInt8, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def fail(*_: Any) -> Any:
        tried.append(1)
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(torch_engine._Captured, "record", fail)
    network, engine = load_shipped("small"), captured_engine()
    inputs = inputs_of(network, scene)
    painted = [engine.run(*inputs) for _ in range(6)]
    assert all(np.array_equal(one, painted[0]) for one in painted)
    assert len(tried) == 1


def test_a_recording_has_a_warm_up_on_the_same_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """By stubs of PyTorch's names, which compute at once."""
    seen: list[Any] = []

    class Stream:
        def wait_stream(self, other: Any) -> None:
            seen.append("wait")

    class Graph:
        def replay(self) -> None:
            seen.append("replay")

    @contextlib.contextmanager
    def block(*arguments: Any, stream: Any = None) -> Iterator[None]:
        seen.append(stream or arguments[-1])
        yield

    def compute(inputs: list[Any]) -> list[Any]:
        seen.append(torch.backends.cudnn.benchmark)
        return [2 * inputs[0]]

    stream, before = Stream(), torch.backends.cudnn.benchmark
    monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "stream", block)
    monkeypatch.setattr(torch.cuda, "graph", block)
    captured = torch_engine._Captured.record(compute, [torch.ones(3)])
    assert seen == ["wait", stream, True, stream, True, "wait"]
    assert torch.backends.cudnn.benchmark == before
    assert captured.replay([torch.full((3,), 5.0)]) == captured.outputs
    assert captured.inputs[0].tolist() == [5, 5, 5] and seen[-1] == "replay"
