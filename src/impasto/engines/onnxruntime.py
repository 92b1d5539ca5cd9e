"""ONNX Runtime: runs where OpenVINO has no wheel."""

import onnxruntime

from impasto.engines import Float32
from impasto.errors import NetworkError


class ONNXRuntimeEngine:
    """A graph in an inference session on the CPU, in float32; see `impasto.engines.Engine`."""

    name = "onnxruntime"
    precision = "f32"

    def __init__(self, graph: bytes, threads: int, precision: str) -> None:
        if precision == "bf16":
            raise NetworkError("ONNX Runtime computes in f32 on CPUs; use --precision f32, or --engine openvino for bf16")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise NetworkError(f"ONNX Runtime cannot load this network: {str(error).splitlines()[0]}") from error

    def run(self, *inputs: Float32) -> Float32:
        names = [node.name for node in self._session.get_inputs()]
        result: Float32 = self._session.run(None, dict(zip(names, inputs, strict=True)))[0]
        return result
