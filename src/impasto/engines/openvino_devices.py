"""Intel's GPUs and NPUs through OpenVINO's plugins."""

import contextlib
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import openvino

from impasto.engines import device_graphs
from impasto.engines.base import Array
from impasto.errors import NetworkError, one_line
from impasto.paths import home

GPU, NPU = "gpu", "npu"
MAX_COMPILED_SIZES = 4  # compiled graphs in memory
MAX_CACHED_BLOBS = 12  # on disk
CACHE = "openvino-devices"  # folder in the cache
INTEGRATED = "it is part of the CPU, shares its memory, and is often slower"
SLOW_COMPILER = "it compiles the network for each size of picture, which takes seconds"


def find_devices() -> list[tuple[str, str, str, str]]:
    """List Intel's GPUs and NPUs.

    Returns:
        Name, kind, label and objection of each, as `impasto.engines.devices.Device` has them.
    """
    core = openvino.Core()
    devices = []
    if gpus := _list_gpus(core):
        objection = "" if _is_discrete(core, gpus[0]) else INTEGRATED
        devices.append((GPU, GPU, _label(core, gpus[0]), objection))
    if "NPU" in core.available_devices:
        devices.append((NPU, NPU, _label(core, "NPU"), SLOW_COMPILER))
    return devices


class OpenVINODeviceEngine:
    """A graph on Intel's GPU or NPU, compiled for each size; see `impasto.engines.base.Engine`.

    Compiling takes seconds, so that compiled graphs are kept in the cache.

    Args:
        graph: ONNX, serialized.
        precision: "auto" (f16), "f16" or, on GPUs, "f32".
        pixels: take and give 8-bit pixels, uint8 (1, H, W, 3).
        device: "gpu" or "npu".

    Raises:
        NetworkError: the graph is broken, or there is no such device, or no such precision there.
    """

    name = "openvino"

    def __init__(self, graph: bytes, precision: str, pixels: bool, device: str) -> None:
        self._core, self.device = openvino.Core(), device
        self._target, self.precision, self._options = choose_target(self._core, device, precision)
        try:
            model, self.inputs = device_graphs.read_graph(graph, pixels)
            self._model = self._core.read_model(model.SerializeToString())
        except Exception as error:  # kinds of protobuf, onnx and OpenVINO
            raise NetworkError(f"OpenVINO cannot load this network: {one_line(error)}") from error
        self._running = threading.Lock()
        self._requests: OrderedDict[tuple[tuple[int, ...], ...], Any] = OrderedDict()

    def __repr__(self) -> str:
        return f"OpenVINODeviceEngine({self.device}, {self.precision})"

    def run(self, *inputs: Array) -> Any:
        """Run the graph; see `impasto.engines.base.Engine`. Threads take turns."""
        shapes = tuple(array.shape for array in inputs)
        with self._running:
            if shapes not in self._requests:
                self._requests[shapes] = self._compile(shapes).create_infer_request()
                if len(self._requests) > MAX_COMPILED_SIZES:
                    self._requests.popitem(last=False)
            self._requests.move_to_end(shapes)
            results = self._requests[shapes].infer(list(inputs), share_inputs=True)
            copied = [np.array(results[place]) for place in range(len(results))]
        return copied[0] if len(copied) == 1 else copied

    def _compile(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        """Compile the graph for inputs of these shapes, or load it from the cache."""
        self._model.reshape({place: list(shape) for place, shape in enumerate(shapes)})
        if cache := home():
            folder = cache / CACHE
            with contextlib.suppress(OSError, RuntimeError):  # folders that take no file
                folder.mkdir(parents=True, exist_ok=True)
                options = self._options | {"CACHE_DIR": str(folder)}
                compiled = self._core.compile_model(self._model, self._target, options)
                blobs = sorted(folder.glob("*.blob"), key=lambda blob: blob.stat().st_mtime)
                for old in blobs[:-MAX_CACHED_BLOBS]:
                    old.unlink(missing_ok=True)
                return compiled
        return self._core.compile_model(self._model, self._target, self._options)


def choose_target(core: Any, device: str, precision: str) -> tuple[str, str, dict[str, Any]]:
    """Choose the device of OpenVINO, the precision and the options of its plugin.

    Args:
        core: `openvino.Core`.
        device: "gpu" or "npu".
        precision: "auto" (f16), "f16" or "f32".

    Returns:
        The name in OpenVINO, such as "GPU.1", the precision, and the options.

    Raises:
        NetworkError: there is no such device, or it does not compute in this precision.
    """
    targets = ["NPU"] if device == NPU else _list_gpus(core)
    if device not in (GPU, NPU) or not targets or targets[0] not in core.available_devices:
        raise NetworkError(f"OpenVINO finds no {device}: there is {_list_available(core)}")
    allowed = ("f16",) if device == NPU else ("f16", "f32")
    chosen = "f16" if precision == "auto" else precision
    if chosen not in allowed:
        raise NetworkError(
            f"OpenVINO computes in {' or '.join(allowed)} on {device}; use --precision auto"
        )
    return targets[0], chosen, {"INFERENCE_PRECISION_HINT": chosen, "PERFORMANCE_HINT": "LATENCY"}


def _list_available(core: Any) -> str:
    return ", ".join(core.available_devices)


def _list_gpus(core: Any) -> list[str]:
    """List Intel's GPUs by their names in OpenVINO, graphics cards before integrated ones.

    OpenVINO also lists the cards of others that have OpenCL, and fails on them.
    """
    gpus = [name for name in core.available_devices if name.startswith("GPU")]
    gpus = [name for name in gpus if "Intel" in _label(core, name)]
    return sorted(gpus, key=lambda name: not _is_discrete(core, name))


def _is_discrete(core: Any, name: str) -> bool:
    return "DISCRETE" in str(core.get_property(name, "DEVICE_TYPE")).upper()


def _label(core: Any, name: str) -> str:
    return str(core.get_property(name, "FULL_DEVICE_NAME"))
