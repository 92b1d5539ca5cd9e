"""Devices: which are found, in which order, and how engines drive those that are not here."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from pictures import UInt8

from impasto.engines import base, devices
from impasto.engines.devices import Device, find_clash, find_devices, list_candidates
from impasto.errors import NetworkError
from impasto.models.gallery import gallery_style
from impasto.models.network import Network, load_shipped
from impasto.models.noise import noise_at

CARD, OLD_CARD = ("cuda", "gpu", "a card", ""), ("gpu", "gpu", "an UHD", "it is slow")


def refused(*arguments: Any) -> str:
    with pytest.raises(NetworkError) as raised:
        list_candidates(*arguments)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def names(engine: str = "auto", device: str = "auto") -> list[str]:
    return [str(one) for one in list_candidates(engine, device)]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What engines answer when they are asked for devices; an error is raised."""
    answers: dict[str, Any] = {}

    def load(module: str) -> Any:
        answer = answers.get(module.rpartition(".")[2].removesuffix("_devices"), [])
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(find_devices=lambda: answer)

    monkeypatch.setattr(devices, "importlib", SimpleNamespace(import_module=load))
    monkeypatch.setattr(devices, "available_engines", lambda: list(base.ENGINES))
    monkeypatch.setattr(devices, "graphics_vendors", lambda: {"nvidia", "intel"})
    versions = {"onnxruntime-gpu": "1", "torch": "2.13.0+cu130"}
    monkeypatch.setattr(devices, "_version", versions.get)
    return answers


def test_auto_ends_with_the_cpu_and_leaves_out_what_is_not_worth_it(answers: Any) -> None:
    assert names() == ["cpu"]
    answers |= {"openvino": [OLD_CARD], "onnxruntime": [CARD], "torch_engine": [CARD]}
    assert names() == ["cuda by onnxruntime", "cuda by torch", "cpu"]
    assert names("openvino") == ["cpu by openvino"]
    assert names("torch") == ["cuda by torch", "cpu by torch"]


def test_a_device_is_named_by_its_driver_or_by_its_kind(answers: Any) -> None:
    npu = ("npu", "npu", "an NPU", "it is slow to start")
    answers |= {"openvino": [OLD_CARD, npu], "torch_engine": [CARD]}
    assert names(device="gpu") == ["cuda by torch", "gpu by openvino"]
    assert names(device="npu") == ["npu by openvino"]
    assert names(device="cuda") == ["cuda by torch"]
    assert names(device="cpu") == ["cpu"]


def test_a_wheel_for_cards_that_are_not_here_is_left_alone(
    answers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [(name, "gpu", "", "") for name in ("rocm", "webgpu")]
    answers |= {"onnxruntime": [CARD, *others], "torch_engine": [CARD]}
    monkeypatch.setattr(devices, "graphics_vendors", lambda: {"intel"})
    assert names() == ["webgpu by onnxruntime", "cpu"]
    monkeypatch.setattr(devices, "graphics_vendors", set)
    assert names() == ["cpu"]
    assert find_devices() == []
    assert "cannot compute on gpu" in refused("auto", "gpu")
    # who names it knows better
    assert names(device="rocm") == ["rocm by onnxruntime"]
    assert names(device="cuda") == ["cuda by onnxruntime", "cuda by torch"]


@pytest.mark.parametrize("error", [ImportError("a library is missing"), RuntimeError("a driver")])
def test_an_engine_that_cannot_be_asked_has_no_devices(answers: Any, error: Exception) -> None:
    answers |= {"onnxruntime": error, "torch_engine": [CARD]}
    assert names() == ["cuda by torch", "cpu"]


@pytest.mark.parametrize(
    ("vendors", "versions", "asked"),
    [
        (set(), {"onnxruntime": "1", "torch": "2.13.0"}, []),
        ({"nvidia"}, {"onnxruntime": "1", "torch": "2.13.0+cpu"}, []),
        ({"nvidia"}, {"torch": "2.13.0"}, ["torch"]),
        (
            {"nvidia"},
            {"torch": "2.13.0+cu130", "onnxruntime-gpu": "1"},
            ["onnxruntime", "torch"],
        ),
        ({"amd"}, {"torch": "2.13.0"}, []),
        ({"amd"}, {"torch": "2.13.0+rocm7.1"}, ["torch"]),
        ({"amd"}, {"torch": "2.9.1+rocm7.1.0.lw.git351ff442"}, ["torch"]),
        ({"intel"}, {"torch": "2.13.0"}, ["openvino"]),
        ({"intel"}, {"torch": "2.13.0+xpu"}, ["openvino", "torch"]),
        ({"apple"}, {"torch": "2.13.0"}, ["torch"]),
        ({"amd"}, {"onnxruntime-ep-webgpu": "0.4"}, ["onnxruntime"]),
        (set(), {"onnxruntime-ep-webgpu": "0.4"}, []),
    ],
)
def test_auto_loads_only_engines_that_may_see_a_gpu(
    answers: Any,
    monkeypatch: pytest.MonkeyPatch,
    vendors: set[str],
    versions: dict[str, str],
    asked: list[str],
) -> None:
    seen: list[str] = []

    def note(engine: str) -> Iterator[Device]:
        seen.append(engine)
        return iter(())

    monkeypatch.setattr(devices, "graphics_vendors", lambda: vendors)
    monkeypatch.setattr(devices, "_version", versions.get)
    monkeypatch.setattr(devices, "_ask", note)
    assert names() == ["cpu"]
    assert seen == asked
    seen.clear()
    find_devices()
    assert seen == list(base.ENGINES)


@pytest.mark.parametrize(
    "device", [name for name in devices.DEVICES if name not in ("auto", "cpu")]
)
def test_a_device_that_nobody_has(answers: Any, device: str) -> None:
    message = refused("auto", device)
    assert message.startswith(
        f"cannot compute on {device}: no installed engine finds one (openvino"
    )
    assert f"; {devices.REMEDIES[device]}; `impasto doctor`" in message
    assert "the engine openvino finds none" in refused("openvino", device)


def test_names_that_are_none() -> None:
    assert refused("auto", "toaster").startswith("no device is called 'toaster'; there are auto, ")
    assert refused("toaster", "cpu").startswith("no engine is called 'toaster'")


def test_wheels_that_overwrite_each_other(answers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_clash() is None
    versions = {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1", "onnxruntime-ep-webgpu": "1"}
    monkeypatch.setattr(devices, "_version", versions.get)
    clash = "onnxruntime and onnxruntime-gpu overwrite each other: pip uninstall onnxruntime"
    assert clash in str(find_clash())
    assert clash in refused("auto", "cuda")


# ONNX Runtime's providers, by sessions on the CPU that say otherwise


class StubSession:
    """A session on the CPU that names the provider that was asked for."""

    made: ClassVar[list["StubSession"]] = []
    dropped = False  # whether the provider is left out, as where its libraries are missing
    convolutions = "stub"  # the provider that computes them

    def __init__(self, graph: bytes, options: Any, providers: Any, enable_fallback: int) -> None:
        assert enable_fallback == 0, "it would print to stdout"
        self.options, self.providers = options, providers
        self.session = REAL_SESSION(graph, options, providers=["CPUExecutionProvider"])
        self.made.append(self)

    def get_providers(self) -> list[str]:
        names = [one[0] if isinstance(one, tuple) else one for one in self.providers]
        return names[1:] if self.dropped else names

    def get_provider_graph_assignment_info(self) -> list[Any]:
        node = SimpleNamespace(op_type="Conv")
        return [SimpleNamespace(ep_name=self.convolutions, get_nodes=lambda: [node])]

    def run(self, *arguments: Any) -> Any:
        return self.session.run(*arguments)


onnxruntime: Any = pytest.importorskip("onnxruntime")
REAL_SESSION = onnxruntime.InferenceSession


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from impasto.engines import onnxruntime_devices

    every = [provider.name for provider in onnxruntime_devices.PROVIDERS.values()]
    every.append("CPUExecutionProvider")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: every)
    monkeypatch.setattr(onnxruntime, "InferenceSession", StubSession)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("Failed to load libcudnn"))
    StubSession.made.clear()
    onnxruntime_devices._load_libraries.cache_clear()
    yield
    StubSession.dropped, StubSession.convolutions = False, "stub"


def inputs_of(network: Network, scene: UInt8, width: int = 160) -> list[Any]:
    picture = np.ascontiguousarray(scene[None, :112, :width])
    style = gallery_style("starry-night").embedding(network)[None]
    return [picture, style, noise_at(112, width)]


def load(device: str, precision: str = "auto", graph: bytes = b"") -> Any:
    graph = graph or load_shipped("small").graph
    return base.load_engine(graph, "onnxruntime", 1, precision, pixels=True, device=device)


def test_every_provider_of_the_wheel_is_a_device(providers: None) -> None:
    from impasto.engines.onnxruntime_devices import find_devices as found

    assert [name for name, *_ in found()] == [
        *("cuda", "directml", "webgpu", "coreml", "rocm", "tensorrt")
    ]
    # those that compile for each size of picture are not taken by themselves
    assert [name for name, _, _, objection in found() if objection] == [
        "coreml",
        "rocm",
        "tensorrt",
    ]


@pytest.mark.parametrize("name", ["small", "base", "large"])
@pytest.mark.parametrize(("precision", "levels"), [("f32", 1), ("auto", 2)])
def test_pixels_are_converted_within_the_graph(
    providers: None, scene: UInt8, name: str, precision: str, levels: int
) -> None:
    network = load_shipped(name)
    inputs = inputs_of(network, scene)
    expected = base.load_engine(network.graph, "auto", 1, "f32", pixels=True).run(*inputs)
    engine = load("cuda", precision, network.graph)
    assert (engine.device, engine.precision) == ("cuda", "f32" if precision == "f32" else "f16")
    assert engine.inputs == ("image", "embedding", "noise")
    painted = engine.run(*inputs)
    assert painted.dtype == np.uint8
    assert np.abs(painted.astype(int) - expected).max() <= levels
    (session,) = StubSession.made
    assert session.session.get_inputs()[0].type == "tensor(uint8)"


def test_graphs_without_a_picture_at_the_end(providers: None, scene: UInt8) -> None:
    from impasto.inference.frozen_norm import freeze_norms

    network = load_shipped("small")
    graph = freeze_norms(network.graph).measuring
    expected = base.load_engine(graph, "auto", 1, "f32", pixels=True)
    inputs = inputs_of(network, scene)[: len(expected.inputs)]
    assert np.allclose(load("cuda", "f32", graph).run(*inputs), expected.run(*inputs), atol=1e-3)


def test_options_of_providers(
    providers: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))
    inputs = inputs_of(load_shipped("small"), np.zeros((112, 160, 3), np.uint8))
    found = {}
    for device in ("cuda", "directml", "tensorrt", "coreml", "webgpu", "rocm"):
        load(device, "f32").run(*inputs)
        session = StubSession.made[-1]
        found[device] = session.providers[0][1]
        assert session.options.enable_mem_pattern == (device != "directml")
    assert found["cuda"] == {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    assert found["directml"] == {"performance_preference": "high_performance"}
    assert found["tensorrt"]["trt_engine_cache_path"] == str(tmp_path / "tensorrt")
    assert found["tensorrt"]["trt_fp16_enable"] == "0"
    load("tensorrt").run(*inputs)
    assert StubSession.made[-1].providers[0][1]["trt_fp16_enable"] == "1"
    assert StubSession.made[-1].providers[1:] == ["CUDAExecutionProvider", "CPUExecutionProvider"]


def test_devices_of_fixed_sizes_have_a_session_for_each_of_the_last_sizes(
    providers: None, scene: UInt8
) -> None:
    network = load_shipped("small")
    dynamic, fixed = load("cuda", "f32"), load("coreml", "f32")
    for width in (64, 80, 64, 96, 112, 128, 64):
        inputs = inputs_of(network, scene, width)
        assert np.array_equal(fixed.run(*inputs), dynamic.run(*inputs))
    shapes = [one.session.get_inputs()[0].shape for one in StubSession.made]
    assert shapes[0][1:3] != [112, 64], "one session for all sizes"
    # the size that was used last is kept when the fifth comes
    assert shapes[1:] == [[1, 112, width, 3] for width in (64, 80, 96, 112, 128)]


def test_a_provider_that_is_left_out_without_an_error(
    providers: None, capfd: pytest.CaptureFixture[str]
) -> None:
    StubSession.dropped = True
    with pytest.raises(NetworkError) as raised:
        load("cuda")
    assert "the libraries or the driver of CUDAExecutionProvider are missing" in str(raised.value)
    assert "pip install 'impasto[cuda]'" in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_a_provider_that_leaves_the_work_to_the_cpu(providers: None) -> None:
    StubSession.convolutions = "CPUExecutionProvider"
    with pytest.raises(NetworkError, match="leaves 1 of 1 convolutions to the CPU"):
        load("webgpu")


def test_a_provider_that_does_not_start(providers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError(
            "[ONNXRuntimeError] : 1 : FAIL : /src/webgpu/context.cc:65 void f()::<lambda()>"
            " status == Success was false. no adapter\nmore of it"
        )

    monkeypatch.setattr(onnxruntime, "InferenceSession", fail)
    with pytest.raises(NetworkError, match="does not start on webgpu: no adapter more of it"):
        load("webgpu")
    with pytest.raises(NetworkError, match="computes in f16 or f32 on cuda; use --precision f32"):
        load("cuda", "bf16")
    with pytest.raises(NetworkError, match="cannot load this network: "):
        load("cuda", graph=b"no graph")


def test_the_plugin_for_webgpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from impasto.engines import onnxruntime_devices

    device = SimpleNamespace(ep_name="WebGpuExecutionProvider")
    registered: list[str] = []

    def register(name: str, path: str) -> None:
        registered.append(path)

    class Options(onnxruntime.SessionOptions):  # type: ignore[misc]
        def add_provider_for_devices(self, chosen: list[Any], _: Any) -> None:
            assert chosen == [device]

    class Session(StubSession):
        def __init__(self, graph: bytes, options: Any, enable_fallback: int) -> None:
            super().__init__(graph, options, ["WebGpuExecutionProvider"], enable_fallback)

    plugin = SimpleNamespace(
        get_ep_name=lambda: device.ep_name, get_library_path=lambda: "plugin.so"
    )
    monkeypatch.setitem(sys.modules, "onnxruntime_ep_webgpu", plugin)
    monkeypatch.setattr(onnxruntime, "register_execution_provider_library", register)
    monkeypatch.setattr(onnxruntime, "get_ep_devices", lambda: [device] if registered else [])
    monkeypatch.setattr(onnxruntime, "SessionOptions", Options)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    assert [name for name, *_ in onnxruntime_devices.find_devices()] == ["webgpu"]
    assert load("webgpu").device == "webgpu"
    assert registered == ["plugin.so"], "registered once"


# OpenVINO's plugins, by a core that compiles for the CPU


class StubCore:
    """A core with two GPUs of Intel, one of another maker, and an NPU."""

    facts: ClassVar[dict[str, tuple[str, str]]] = {
        "GPU.0": ("Intel(R) UHD Graphics 620 (iGPU)", "Type.INTEGRATED"),
        "GPU.1": ("Intel(R) Arc(TM) A770 Graphics (dGPU)", "Type.DISCRETE"),
        "GPU.2": ("NVIDIA GeForce", "Type.DISCRETE"),
        "NPU": ("Intel(R) AI Boost", "Type.INTEGRATED"),
    }
    compiled: ClassVar[list[tuple[str, bool, dict[str, Any]]]] = []

    def __init__(self) -> None:
        self._real = REAL_CORE()
        self.available_devices = ["CPU", *self.facts]

    def get_property(self, device: str, name: str) -> Any:
        if device == "CPU":
            return self._real.get_property(device, name)
        return self.facts[device][name == "DEVICE_TYPE"]

    def read_model(self, graph: bytes) -> Any:
        return self._real.read_model(graph)

    def compile_model(self, model: Any, device: str, options: dict[str, Any]) -> Any:
        self.compiled.append((device, model.is_dynamic(), options))
        return self._real.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


openvino: Any = pytest.importorskip("openvino")
REAL_CORE = openvino.Core


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> type[StubCore]:
    monkeypatch.setattr(openvino, "Core", StubCore)
    monkeypatch.setattr(StubCore, "compiled", [])
    return StubCore


def test_intels_gpus_and_npu_are_found(core: type[StubCore], monkeypatch: Any) -> None:
    from impasto.engines.openvino_devices import find_devices as found

    arc = ("gpu", "gpu", "Intel(R) Arc(TM) A770 Graphics (dGPU)", "")
    assert found()[0] == arc
    name, kind, label, objection = found()[1]
    assert (name, kind, label) == ("npu", "npu", "Intel(R) AI Boost") and objection
    every = core.facts
    monkeypatch.setattr(core, "facts", {"GPU": every["GPU.0"]})
    ((name, _, label, objection),) = found()
    assert (name, label) == ("gpu", "Intel(R) UHD Graphics 620 (iGPU)")
    assert objection, "the CPU beside it is as fast"
    monkeypatch.setattr(core, "facts", {"GPU": every["GPU.2"]})
    assert found() == []


@pytest.mark.parametrize(("device", "target"), [("gpu", "GPU.1"), ("npu", "NPU")])
def test_a_graph_is_compiled_for_the_device_and_one_size(
    core: type[StubCore], scene: UInt8, device: str, target: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))
    network = load_shipped("small")
    engine = base.load_engine(
        network.graph, "openvino", 2, pixels=True, cache=True, any_size=True, device=device
    )
    assert (engine.device, engine.precision) == (device, "f16")
    expected = base.load_engine(network.graph, "onnxruntime", 1, "f32", pixels=True)
    for width in (64, 80):
        inputs = inputs_of(network, scene, width)
        assert np.abs(engine.run(*inputs).astype(int) - expected.run(*inputs)).max() <= 1
    options = {"INFERENCE_PRECISION_HINT": "f16", "PERFORMANCE_HINT": "LATENCY"}
    options["CACHE_DIR"] = str(
        tmp_path / "openvino-devices"
    )  # of each size, as compiling takes seconds
    assert core.compiled == [(target, False, options)] * 2


@pytest.mark.parametrize(
    ("device", "precision", "message"),
    [
        ("npu", "f32", "OpenVINO computes in f16 on npu"),
        ("gpu", "bf16", "OpenVINO computes in f16 or f32 on gpu"),
        ("cuda", "f16", "OpenVINO finds no cuda: there is CPU, GPU.0"),
        ("cpu", "f16", "cannot compute in f16 on the CPU"),
    ],
)
def test_what_openvino_cannot_do(
    core: type[StubCore], device: str, precision: str, message: str
) -> None:
    graph = load_shipped("small").graph
    with pytest.raises(NetworkError, match=message.replace("(", "[(]")):
        base.load_engine(graph, "openvino", 1, precision, device=device)


def test_the_name_of_a_device() -> None:
    assert str(Device("torch", "cuda", "gpu")) == "cuda by torch"
    assert str(Device("auto", "cpu", "cpu")) == "cpu"
