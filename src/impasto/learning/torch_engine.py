"""PyTorch as an engine: runs an ONNX graph operation by operation, on GPUs too.

Numbers that describe shapes stay on the CPU: reading them there does not wait for a GPU.
"""

import contextlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from impasto.engines.base import Array
from impasto.errors import NetworkError, one_line
from impasto.learning.torch_operations import Operation, find_operation

TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
RUNS_BEFORE_CAPTURE = 3  # of one size; sizes that come once are not worth a CUDA graph
MAX_COUNTED_SIZES = 64  # of those that came last
MAX_CAPTURED_SIZES = 2  # CUDA graphs in the memory of the GPU
LEVELS = 255
COLORS = 3  # channels of a picture
NORMALIZATION = "InstanceNormalization"
Tensors = dict[str, Tensor]


def find_devices() -> list[tuple[str, str, str, str]]:
    """List the GPUs that PyTorch sees.

    Returns:
        Name, kind, label and objection of each, as `impasto.engines.devices.Device` has them.
    """
    devices = []
    if torch.cuda.is_available():
        name = "rocm" if torch.version.hip else "cuda"
        devices.append((name, "gpu", torch.cuda.get_device_name(), ""))
    if torch.backends.mps.is_available():
        devices.append(("mps", "gpu", "Apple's Metal", ""))
    if torch.xpu.is_available():
        devices.append(("xpu", "gpu", torch.xpu.get_device_name(), ""))
    return devices


class TorchEngine:
    """A graph in PyTorch; see `impasto.engines.base.Engine`.

    Convolutions compute in `precision`, on features in channels-last order. The conversion of
    pixels and the statistics of normalizations are in float32. On CUDA, sizes that come often run
    as CUDA graphs.

    Args:
        graph: ONNX, serialized.
        threads: threads to compute with on the CPU.
        precision: "auto" (f16 on GPUs, f32 on the CPU), "f32", "f16" or "bf16".
        pixels: take and give 8-bit pixels, uint8 (1, H, W, 3).
        device: "cpu", "cuda", "rocm", "mps" or "xpu".

    Raises:
        NetworkError: the graph is broken or has other operations, or the precision is unavailable.
    """

    name = "torch"

    def __init__(
        self, graph: bytes, threads: int, precision: str, pixels: bool, device: str = "cpu"
    ) -> None:
        if precision == "auto":
            precision = "f32" if device == "cpu" else "f16"
        if precision not in TYPES:
            raise NetworkError(f"PyTorch does not compute in {precision}; use --precision f32")
        self.precision, self.device = precision, device
        self._threads, self._pixels = threads, pixels
        self._place = torch.device("cuda" if device == "rocm" else device)
        try:
            self._program = _Program(graph, TYPES[precision], self._place)
        except NetworkError:
            raise
        except Exception as error:  # of protobuf, onnx and torch
            reason = one_line(error)
            raise NetworkError(f"PyTorch cannot load this network: {reason}") from error
        self.inputs = self._program.inputs
        self._running = threading.Lock()
        self._runs: OrderedDict[tuple[tuple[int, ...], ...], int] = OrderedDict()
        self._captured: OrderedDict[tuple[tuple[int, ...], ...], _Captured] = OrderedDict()
        self._captures = self._place.type == "cuda"

    def __repr__(self) -> str:
        return f"TorchEngine({self.device}, {self.precision})"

    def run(self, *inputs: Array) -> Any:
        """Run the graph; see `impasto.engines.base.Engine`. Threads take turns."""
        tensors = [_to_tensor(array) for array in inputs]
        with self._running, torch.inference_mode(), self._exact():
            outputs = [output.cpu().numpy() for output in self._paint(tensors)]
        return outputs[0] if len(outputs) == 1 else outputs

    def _exact(self) -> contextlib.AbstractContextManager[None]:
        """Forbid the 10-bit products (TF32) that cuDNN takes for float32 by itself."""
        if self._place.type == "cpu":
            torch.set_num_threads(self._threads)
        if self._place.type == "cuda" and self.precision == "f32":
            cudnn = torch.backends.cudnn
            if hasattr(cudnn, "conv"):  # since 2.9
                return _attribute(cudnn.conv, "fp32_precision", "ieee")
            return _attribute(cudnn, "allow_tf32", False)
        return contextlib.nullcontext()

    def _paint(self, tensors: list[Tensor]) -> Sequence[Tensor]:
        """Run the graph on inputs in the CPU's memory; the outputs may be in the GPU's."""
        if not self._captures:
            return self._compute([tensor.to(self._place) for tensor in tensors])
        shapes = tuple(tuple(tensor.shape) for tensor in tensors)
        self._runs[shapes] = self._runs.pop(shapes, 0) + 1
        if len(self._runs) > MAX_COUNTED_SIZES:
            self._runs.popitem(last=False)
        if self._runs[shapes] > RUNS_BEFORE_CAPTURE and shapes not in self._captured:
            self._capture(shapes, tensors)
        if shapes in self._captured:
            self._captured.move_to_end(shapes)
            return self._captured[shapes].replay(tensors)
        return self._compute([tensor.to(self._place) for tensor in tensors])

    def _capture(self, shapes: tuple[tuple[int, ...], ...], tensors: list[Tensor]) -> None:
        """Record the kernels for one size, to start them all at once from then on.

        Some operations or drivers do not allow it: the graph then runs as before.
        """
        try:
            self._captured[shapes] = _Captured.record(
                self._compute, [tensor.to(self._place) for tensor in tensors]
            )
        except RuntimeError:
            self._captures = False
            self._captured.clear()
        if len(self._captured) > MAX_CAPTURED_SIZES:
            self._captured.popitem(last=False)

    def _compute(self, tensors: list[Tensor]) -> list[Tensor]:
        """Run the graph, with the conversion of pixels, on inputs in the memory of the device."""
        if self._pixels:
            planes = tensors[0].permute(0, 3, 1, 2)  # a view, which is channels-last
            tensors = [planes.float() / LEVELS, *tensors[1:]]
        outputs = self._program.run(tensors)
        if not self._pixels:
            return [output.float().contiguous() for output in outputs]
        return [_to_levels(output) for output in outputs]


@contextlib.contextmanager
def _attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Set an attribute within a block."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _to_tensor(array: Array) -> Tensor:
    contiguous = np.ascontiguousarray(array)  # PyTorch takes no negative strides
    return torch.from_numpy(contiguous if contiguous.flags.writeable else contiguous.copy())


def _read_constant(array: Array) -> Tensor:
    """Return a constant of a graph; weights are stored in float16, and computed from in float32."""
    tensor = torch.from_numpy(array.copy())
    return tensor.float() if tensor.is_floating_point() else tensor


def _to_levels(output: Tensor) -> Tensor:
    """Round a picture (1, 3, H, W) in 0..1 to levels (1, H, W, 3); leave features, as float32."""
    if output.ndim != 4 or output.shape[1] != COLORS:
        return output.float().contiguous()
    levels = output.float().mul(LEVELS).add(0.5).clamp(0, LEVELS)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


class _Captured(NamedTuple):
    """A CUDA graph, with the memory that it reads and writes."""

    graph: Any
    inputs: list[Tensor]
    outputs: list[Tensor]

    @classmethod
    def record(
        cls, compute: Callable[[list[Tensor]], list[Tensor]], inputs: list[Tensor]
    ) -> "_Captured":
        """Record a computation on inputs in the memory of the GPU."""
        graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        # one size from now on: let cuDNN try its algorithms, outside the recording
        with _attribute(torch.backends.cudnn, "benchmark", True):
            with torch.cuda.stream(side):
                compute(inputs)
            # on the same stream, as libraries make what they need for each
            with torch.cuda.graph(graph, stream=side):
                outputs = compute(inputs)
        torch.cuda.current_stream().wait_stream(side)
        return cls(graph, inputs, outputs)

    def replay(self, tensors: list[Tensor]) -> list[Tensor]:
        """Run it on other inputs of the same shapes; the next replay overwrites the outputs."""
        for place, tensor in zip(self.inputs, tensors, strict=True):
            place.copy_(tensor)
        self.graph.replay()
        return self.outputs


class _Step(NamedTuple):
    """One operation of a graph.

    Attributes:
        kind: its name in ONNX.
        operation: takes the inputs, and None for those left out.
        inputs: names, "" for those left out.
        outputs: names.
        last_uses: inputs that no later step reads.
    """

    kind: str
    operation: Operation
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    last_uses: tuple[str, ...] = ()


class _Program:
    """The operations of a graph in order, with its constants on a device.

    Args:
        graph: ONNX, serialized.
        dtype: type of all features.
        device: where they are.

    Raises:
        NetworkError: the graph has an operation that is not known here.
    """

    def __init__(self, graph: bytes, dtype: torch.dtype, device: torch.device) -> None:
        import onnx

        model = onnx.load_model_from_string(graph)
        if not model.graph.output:
            raise NetworkError("PyTorch cannot load this network: it holds no ONNX graph")
        self.inputs = tuple(value.name for value in model.graph.input)
        self._outputs = tuple(value.name for value in model.graph.output)
        self._dtype = dtype
        constants = {
            tensor.name: _read_constant(onnx.numpy_helper.to_array(tensor))
            for tensor in model.graph.initializer
        }
        steps = _fold_constants(map(_to_step, model.graph.node), constants)
        self._steps = _mark_last_uses(_fuse_scaling(steps, self._outputs), self._outputs)
        self._constants = {
            name: self._convert(tensor).to(device) if tensor.is_floating_point() else tensor
            for name, tensor in constants.items()
        }

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Compute the outputs from the inputs, in order."""
        tensors = {
            name: self._convert(tensor) if tensor.is_floating_point() else tensor
            for name, tensor in zip(self.inputs, inputs, strict=True)
        }
        for step in self._steps:
            _run_step(step, tensors, self._constants)
            for name in step.last_uses:
                tensors.pop(name, None)
        return [tensors[name] for name in self._outputs]

    def _convert(self, tensor: Tensor) -> Tensor:
        layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
        return tensor.to(self._dtype, memory_format=layout)


def _to_step(node: Any) -> _Step:
    """Translate an ONNX node."""
    return _Step(node.op_type, find_operation(node), tuple(node.input), tuple(node.output))


def _run_step(step: _Step, tensors: Tensors, constants: Mapping[str, Tensor]) -> None:
    """Compute the outputs of an operation and add them to the tensors."""
    given = [
        None if not name else tensors[name] if name in tensors else constants[name]
        for name in step.inputs
    ]
    results = step.operation(*given)
    results = results if isinstance(results, (list, tuple)) else [results]
    tensors.update(zip(step.outputs, results, strict=True))


def _fold_constants(steps: Iterable[_Step], constants: Tensors) -> list[_Step]:
    """Compute what depends on constants alone, add it to them, and return the other steps."""
    varying = []
    for step in steps:
        if all(not name or name in constants for name in step.inputs):
            _run_step(step, constants, constants)
        else:
            varying.append(step)
    return varying


def _fuse_scaling(steps: list[_Step], outputs: Sequence[str]) -> list[_Step]:
    """Fuse x * scale + shift into one operation, with the normalization before it.

    These operations move memory and compute little, so one takes a fraction of the time of three.
    """
    makers = {name: step for step in steps for name in step.outputs}
    uses = Counter([*outputs, *(name for step in steps for name in step.inputs)])

    def made_alone(name: str, kind: str) -> _Step | None:
        """Return the step of this kind that makes a tensor for one reader only."""
        maker = makers.get(name)
        return maker if maker and maker.kind == kind and uses[name] == 1 else None

    fused, gone = [], set[str]()
    for step in steps:
        pairs = (
            [
                (product, shift)
                for name, shift in (step.inputs, step.inputs[::-1])
                if (product := made_alone(name, "Mul"))
            ]
            if step.kind == "Add"
            else []
        )
        if len(pairs) != 1:
            fused.append(step)
            continue
        ((product, shift),) = pairs
        norm = next(filter(None, (made_alone(n, NORMALIZATION) for n in product.inputs)), None)
        if norm is None:
            inputs = (shift, *product.inputs)
            fused.append(_Step("", torch.addcmul, inputs, step.outputs))
        else:
            scale = next(name for name in product.inputs if name not in norm.outputs)
            scaled = partial(_normalize_and_scale, norm.operation)
            fused.append(_Step("", scaled, (*norm.inputs, scale, shift), step.outputs))
            gone |= set(norm.outputs)
        gone |= set(product.outputs)
    return [step for step in fused if not gone & set(step.outputs)]


def _normalize_and_scale(
    normalize: Operation, x: Tensor, weight: Tensor, bias: Tensor, scale: Tensor, shift: Tensor
) -> Tensor:
    """Compute normalize(x, weight, bias) * scale + shift."""
    if scale.numel() == shift.numel() == weight.numel():  # one of each for a channel
        flat = scale.float().flatten()
        result: Tensor = normalize(x, weight * flat, bias * flat + shift.float().flatten())
        return result
    return torch.addcmul(shift, normalize(x, weight, bias), scale)


def _mark_last_uses(steps: list[_Step], outputs: Sequence[str]) -> list[_Step]:
    """Let each step tell which tensors may be freed after it."""
    needed, marked = set(outputs), []
    for step in reversed(steps):
        marked.append(step._replace(last_uses=tuple(set(step.inputs) - needed)))
        needed |= set(step.inputs)
    return marked[::-1]
