"""ONNX Runtime: the engine for machines without a wheel of OpenVINO."""

from typing import Any

import numpy as np
import onnxruntime

from impasto.engines.base import Array
from impasto.errors import NetworkError


class ONNXRuntimeEngine:
    """A graph in an inference session on the CPU, in float32; see `impasto.engines.base.Engine`.

    Args:
        graph: ONNX, serialized.
        threads: threads to compute with.
        precision: "auto" or "f32".
        pixels: take and give 8-bit pixels, uint8 (1, H, W, 3).

    Raises:
        NetworkError: the graph is broken, or the precision is another.
    """

    name, device = "onnxruntime", "cpu"
    precision = "f32"

    def __init__(self, graph: bytes, threads: int, precision: str, pixels: bool) -> None:
        if precision not in ("auto", "f32"):
            raise NetworkError(
                f"ONNX Runtime computes in f32 on CPUs; use --precision f32,"
                f" or --engine openvino for {precision}"
            )
        self._pixels = pixels
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
        return f"ONNXRuntimeEngine({self.precision})"

    def run(self, *inputs: Array) -> Any:
        """Run the graph; see `impasto.engines.base.Engine`."""
        if self._pixels:
            image = np.ascontiguousarray(inputs[0].transpose(0, 3, 1, 2), np.float32)
            inputs = (image / np.float32(255), *inputs[1:])
        results = self._session.run(None, dict(zip(self.inputs, inputs, strict=True)))
        if len(results) > 1:
            return results
        result = results[0]
        if self._pixels and result.ndim == 4 and result.shape[1] == 3:
            return np.ascontiguousarray((result * 255 + 0.5).transpose(0, 2, 3, 1).astype(np.uint8))
        return result
