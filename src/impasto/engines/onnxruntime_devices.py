"""GPUs and other devices through ONNX Runtime's execution providers."""

import contextlib
import importlib
import io
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import onnxruntime

from impasto.engines import device_graphs
from impasto.engines.base import Array
from impasto.engines.devices import REMEDIES
from impasto.errors import NetworkError, one_line
from impasto.paths import home

CPU_PROVIDER = "CPUExecutionProvider"
MAX_SESSIONS = 4  # of devices that compile for each size
WARNINGS, ERRORS, FATAL = 2, 3, 4  # levels of messages, in ONNX Runtime; the first is its default
_CPP = re.compile(r"^(\[ONNXRuntimeError\] : \d+ : \w+ : )?(\S+\.(cc|h):\d+ .* was false\. )?")
SLOW_START = "it compiles the network for each size of picture, which takes {}"


class _Provider(NamedTuple):
    """How ONNX Runtime drives a device.

    Attributes:
        name: of the provider in ONNX Runtime.
        kind: "gpu" or "npu".
        fixed: whether each size of picture needs a session of its own.
        objection: why "auto" does not take it; empty if it does.
    """

    name: str
    kind: str = "gpu"
    fixed: bool = False
    objection: str = ""


PROVIDERS = {  # by device, best first
    "cuda": _Provider("CUDAExecutionProvider"),
    "directml": _Provider("DmlExecutionProvider", fixed=True),
    "webgpu": _Provider("WebGpuExecutionProvider"),
    "coreml": _Provider(
        "CoreMLExecutionProvider", fixed=True, objection=SLOW_START.format("seconds")
    ),
    "rocm": _Provider(
        "MIGraphXExecutionProvider", fixed=True, objection=SLOW_START.format("minutes")
    ),
    "tensorrt": _Provider(
        "TensorrtExecutionProvider", fixed=True, objection=SLOW_START.format("minutes")
    ),
}


def find_devices() -> list[tuple[str, str, str, str]]:
    """List the devices that this build of ONNX Runtime has providers for.

    That a provider is built in does not say that its libraries or a card for it are there.

    Returns:
        Name, kind, label and objection of each, as `impasto.engines.devices.Device` has them.
    """
    available = {*onnxruntime.get_available_providers(), *_plugin_devices()}
    return [
        (device, provider.kind, provider.name, provider.objection)
        for device, provider in PROVIDERS.items()
        if provider.name in available
    ]


def _plugin_devices() -> dict[str, Any]:
    """Register the plugin for WebGPU, if its package is installed; return its device by name."""
    with contextlib.suppress(Exception):  # an old ONNX Runtime, a missing library: no device
        plugin = importlib.import_module("onnxruntime_ep_webgpu")
        name = str(plugin.get_ep_name())
        if name not in {device.ep_name for device in onnxruntime.get_ep_devices()}:
            onnxruntime.register_execution_provider_library(name, plugin.get_library_path())
        return {
            device.ep_name: device
            for device in onnxruntime.get_ep_devices()
            if device.ep_name == name
        }
    return {}


class ONNXRuntimeDeviceEngine:
    """A graph on one device of ONNX Runtime; see `impasto.engines.base.Engine`.

    There is one session for all sizes, or one for each of the last sizes.

    Args:
        graph: ONNX, serialized.
        precision: "auto" (f16), "f16" or "f32".
        pixels: take and give 8-bit pixels, uint8 (1, H, W, 3).
        device: a key of `PROVIDERS`.

    Raises:
        NetworkError: the graph is broken, the precision is another, or the device does not start.
    """

    name = "onnxruntime"

    def __init__(self, graph: bytes, precision: str, pixels: bool, device: str) -> None:
        if precision not in ("auto", "f16", "f32"):
            raise NetworkError(
                f"ONNX Runtime computes in f16 or f32 on {device}; use --precision f32, or --engine"
                f" torch for {precision}"
            )
        if device not in PROVIDERS:
            raise NetworkError(f"ONNX Runtime has no device {device}; use {', '.join(PROVIDERS)}")
        self.precision = "f32" if precision == "f32" else "f16"
        self.device, self._provider = device, PROVIDERS[device]
        try:
            model, self.inputs = device_graphs.read_graph(graph, pixels)
            if self.precision == "f16":
                model = device_graphs.compute_in_float16(model)
        except Exception as error:  # of protobuf and onnx
            raise NetworkError(
                f"ONNX Runtime cannot load this network: {one_line(error)}"
            ) from error
        self._model = model
        self._names = [value.name for value in model.graph.input]
        self._running = threading.Lock()  # DirectML forbids runs at once, and no GPU gains by them
        self._sessions: OrderedDict[tuple[tuple[int, ...], ...], Any] = OrderedDict()
        if not self._provider.fixed:
            self._sessions[()] = self._start(())

    def __repr__(self) -> str:
        return f"ONNXRuntimeDeviceEngine({self.device}, {self.precision})"

    def run(self, *inputs: Array) -> Any:
        """Run the graph; see `impasto.engines.base.Engine`. Threads take turns."""
        with self._running:
            shapes = tuple(array.shape for array in inputs) if self._provider.fixed else ()
            if shapes not in self._sessions:
                self._sessions[shapes] = self._start(shapes)
                if len(self._sessions) > MAX_SESSIONS:
                    self._sessions.popitem(last=False)
            self._sessions.move_to_end(shapes)
            named = dict(zip(self._names, inputs, strict=True))
            results = self._sessions[shapes].run(None, named)
        return results if len(results) > 1 else results[0]

    def _start(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        """Start a session for inputs of these shapes, or of any without them.

        Raises:
            NetworkError: it does not start, or does not use the device.
        """
        model = self._model
        if shapes:
            model = type(model)()
            model.CopyFrom(self._model)
            device_graphs.fix_shapes(model, shapes)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if self.device == "directml":  # which supports neither
            options.enable_mem_pattern = False
            options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        try:
            with _quiet():
                session = self._create(model.SerializeToString(), options)
        except Exception as error:
            raise NetworkError(
                f"ONNX Runtime does not start on {self.device}: {_reason(error)}"
            ) from error
        # a provider whose libraries are missing is left out without an error
        if self._provider.name not in session.get_providers():
            raise NetworkError(
                f"ONNX Runtime does not start on {self.device}: the libraries or the driver of"
                f" {self._provider.name} are missing or of another version;"
                f" {REMEDIES[self.device]}"
            )
        _check_assignment(session, self._provider.name)
        return session

    def _create(self, graph: bytes, options: Any) -> Any:
        plugin = _plugin_devices().get(self._provider.name)
        if plugin is not None:
            options.add_provider_for_devices([plugin], {})
            return onnxruntime.InferenceSession(graph, options, enable_fallback=0)
        providers: list[Any] = [(self._provider.name, self._provider_options()), CPU_PROVIDER]
        if self.device == "tensorrt":
            providers.insert(1, PROVIDERS["cuda"].name)  # for operations that it lacks
            with contextlib.suppress(ImportError, OSError):
                importlib.import_module("tensorrt")  # which loads its libraries
        if self.device in ("cuda", "tensorrt"):
            _load_libraries()
        return onnxruntime.InferenceSession(graph, options, providers=providers, enable_fallback=0)

    def _provider_options(self) -> dict[str, str]:
        """Return the options of the provider, all of them strings."""
        exact, folder = self.precision == "f32", home()
        if self.device == "cuda":
            # the default tries all algorithms for each new size; TF32 has 10 bits
            return {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": str(int(not exact))}
        if self.device == "tensorrt":
            kept = (
                {}
                if folder is None
                else {
                    "trt_engine_cache_enable": "1",
                    "trt_engine_cache_path": str(folder / "tensorrt"),
                    "trt_timing_cache_enable": "1",
                    "trt_timing_cache_path": str(folder / "tensorrt"),
                }
            )
            return {"trt_fp16_enable": str(int(not exact)), **kept}
        if self.device == "directml":
            return {"performance_preference": "high_performance"}  # of several cards
        if self.device == "coreml":
            return {"ModelFormat": "MLProgram"}
        return {}


@cache
def _load_libraries() -> None:
    """Load CUDA and cuDNN from their packages of Python, once; those of the system need no help."""
    if hasattr(onnxruntime, "preload_dlls"):  # since 1.21
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it misses
            onnxruntime.preload_dlls()


def _reason(error: Exception) -> str:
    """Return an error of ONNX Runtime in one line, without its code and its place in C++."""
    return _CPP.sub("", one_line(error))


def _check_assignment(session: Any, provider: str) -> None:
    """Raise NetworkError if most convolutions were left to the CPU, which then waits for copies."""
    if not hasattr(session, "get_provider_graph_assignment_info"):  # before 1.24
        return
    placed = [
        part.ep_name
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
        if "Conv" in node.op_type
    ]
    left = sum(name == CPU_PROVIDER for name in placed)
    if 2 * left > len(placed):
        raise NetworkError(
            f"{provider} leaves {left} of {len(placed)} convolutions to the CPU; use another engine"
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep ONNX Runtime from printing: its errors are raised, or found, and explained."""
    onnxruntime.set_default_logger_severity(FATAL)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(WARNINGS)
