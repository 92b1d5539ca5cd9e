"""ONNX Runtime: the engine for machines without a wheel of OpenVINO, and for many GPUs."""

from typing import Any

import numpy as np
import onnxruntime

from impasto.engines import onnxruntime_devices
from impasto.engines.base import Array
from impasto.errors import NetworkError

find_devices = onnxruntime_devices.find_devices


class ONNXRuntimeEngine:
    """A graph in ONNX Runtime; see `impasto.engines.base.Engine`.

    Args:
        graph: ONNX, serialized.
        threads: threads to compute with on the CPU.
        precision: on the CPU "auto" or "f32"; on devices "auto" (f16), "f16" or "f32".
        pixels: take and give 8-bit pixels, uint8 (1, H, W, 3).
        device: "cpu", or a name that `find_devices` gives.

    Raises:
        NetworkError: the graph is broken, the precision is another, or the device does not start.
    """

    name = "onnxruntime"

    def __init__(
        self, graph: bytes, threads: int, precision: str, pixels: bool, device: str = "cpu"
    ) -> None:
        self.device, self._pixels = device, pixels
        self._sessions = None
        if device != "cpu":
            self._sessions = onnxruntime_devices.DeviceSessions(graph, device, precision, pixels)
            self.precision, self.inputs = self._sessions.precision, self._sessions.inputs
            return
        self.precision = "f32"
        if precision not in ("auto", "f32"):
            raise NetworkError(
                f"ONNX Runtime computes in f32 on CPUs; use --precision f32,"
                f" or --engine openvino for {precision}"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors only, which are raised
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise NetworkError(f"ONNX Runtime cannot load this network: {reason}") from error
        self.inputs = tuple(node.name for node in self._session.get_inputs())

    def __repr__(self) -> str:
        return f"ONNXRuntimeEngine({self.device}, {self.precision})"

    def run(self, *inputs: Array) -> Any:
        """Run the graph; see `impasto.engines.base.Engine`."""
        results = self._sessions.run(inputs) if self._sessions else self._run_on_cpu(inputs)
        return results if len(results) > 1 else results[0]

    def _run_on_cpu(self, inputs: tuple[Array, ...]) -> list[Array]:
        if self._pixels:
            image = np.ascontiguousarray(inputs[0].transpose(0, 3, 1, 2), np.float32)
            inputs = (image / np.float32(255), *inputs[1:])
        results: list[Array] = self._session.run(None, dict(zip(self.inputs, inputs, strict=True)))
        result = results[0]
        if self._pixels and len(results) == 1 and result.ndim == 4 and result.shape[1] == 3:
            levels = (result * 255 + 0.5).transpose(0, 2, 3, 1)
            return [np.ascontiguousarray(levels.astype(np.uint8))]
        return results
