"""PyTorch as an engine: runs an ONNX graph operation by operation, on GPUs too.

Numbers that describe shapes stay on the CPU: reading them there does not wait for a GPU.
"""

import contextlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.engines.base import Array
from impasto.errors import NetworkError, one_line

TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
RUNS_BEFORE_CAPTURE = 3  # of one size; sizes that come once are not worth a CUDA graph
MAX_COUNTED_SIZES = 64  # of those that came last
MAX_CAPTURED_SIZES = 2  # CUDA graphs in the memory of the GPU
LEVELS = 255
COLORS = 3  # channels of a picture
NORMALIZATION = "InstanceNormalization"
PAD_MODES = ("constant", "reflect", "edge")
Tensors = dict[str, Tensor]
Operation = Callable[..., Any]


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
        steps = _fold_constants([_to_step(node) for node in model.graph.node], constants)
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


def _run_step(step: _Step, tensors: Tensors, constants: Mapping[str, Tensor]) -> None:
    """Compute the outputs of an operation and add them to the tensors."""
    given = [
        None if not name else tensors[name] if name in tensors else constants[name]
        for name in step.inputs
    ]
    results = step.operation(*given)
    results = results if isinstance(results, (list, tuple)) else [results]
    tensors.update(zip(step.outputs, results, strict=True))


def _fold_constants(steps: list[_Step], constants: Tensors) -> list[_Step]:
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


def _to_step(node: Any) -> _Step:
    """Translate an ONNX node."""
    from onnx import helper

    attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    attributes = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in attributes.items()
    }
    if node.op_type in PLAIN_OPERATIONS:
        operation = PLAIN_OPERATIONS[node.op_type]
    elif node.op_type in OPERATIONS:
        operation = OPERATIONS[node.op_type](attributes, len(node.output))
    else:
        raise NetworkError(
            f"PyTorch cannot run this network: it has the operation {node.op_type}; use"
            " --engine openvino or --engine onnxruntime"
        )
    return _Step(node.op_type, operation, tuple(node.input), tuple(node.output))


# Operations by their names in ONNX; each takes the inputs of a node

PLAIN_OPERATIONS: Mapping[str, Operation] = {
    "Abs": torch.abs,
    "Add": torch.add,
    "Exp": torch.exp,
    "Identity": lambda x: x,
    "MatMul": torch.matmul,
    "Mul": torch.mul,
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Sqrt": torch.sqrt,
    "Sub": torch.sub,
    "Tanh": torch.tanh,
    "Clip": lambda x, low=None, high=None: torch.clamp(x, low, high),
    "Div": lambda x, y: x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc"),
    "Expand": lambda x, shape: x.expand(torch.broadcast_shapes(x.shape, tuple(shape.tolist()))),
    "Max": lambda x, y: torch.maximum(x, y),
    "Min": lambda x, y: torch.minimum(x, y),
}
# The others are made from the attributes of a node and the number of its outputs.


def _make_convolution(attributes: dict[str, Any], _: int) -> Operation:
    pads = attributes.get("pads", [0, 0, 0, 0])
    strides, dilations = attributes.get("strides", 1), attributes.get("dilations", 1)
    group = attributes.get("group", 1)
    if attributes.get("auto_pad", "NOTSET") != "NOTSET":
        raise NetworkError("PyTorch cannot run this network: a convolution has auto_pad")

    def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if pads[:2] != pads[2:]:
            x = F.pad(x, (pads[1], pads[3], pads[0], pads[2]))
            return F.conv2d(x, weight, bias, strides, 0, dilations, group)
        return F.conv2d(x, weight, bias, strides, pads[:2], dilations, group)

    return convolve


def _make_transposed_convolution(attributes: dict[str, Any], _: int) -> Operation:
    pads = attributes.get("pads", [0, 0, 0, 0])
    if pads[:2] != pads[2:] or attributes.get("auto_pad", "NOTSET") != "NOTSET":
        raise NetworkError("PyTorch cannot run this network: its transposed convolution pads")
    more = attributes.get("output_padding", 0), attributes.get("group", 1)
    strides, dilations = attributes.get("strides", 1), attributes.get("dilations", 1)
    return lambda x, weight, bias=None: F.conv_transpose2d(
        x, weight, bias, strides, pads[:2], *more, dilations
    )


def _make_normalization(attributes: dict[str, Any], _: int) -> Operation:
    epsilon = attributes.get("epsilon", 1e-5)

    def normalize(x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        # the same for a batch of one; unlike `instance_norm`, this leaves features channels-last.
        # It sums in float32 whatever the type of x is.
        return F.batch_norm(x, None, None, scale.float(), bias.float(), True, 0.0, epsilon)

    return normalize


def _make_pad(attributes: dict[str, Any], _: int) -> Operation:
    mode = attributes.get("mode", "constant")
    if mode not in PAD_MODES:
        raise NetworkError(f"PyTorch cannot run this network: it pads in the mode {mode}")

    def pad(
        x: Tensor, pads: Tensor, value: Tensor | None = None, axes: Tensor | None = None
    ) -> Tensor:
        widths = pads.tolist()
        if axes is None:
            before, after = widths[: x.ndim], widths[x.ndim :]
        else:
            before, after = [0] * x.ndim, [0] * x.ndim
            for axis, first, last in zip(
                axes.tolist(), widths[: len(axes)], widths[len(axes) :], strict=True
            ):
                before[axis], after[axis] = first, last
        sides = range(x.ndim - 1, (1 if mode != "constant" else -1), -1)  # from the last axis on
        flat = [width for side in sides for width in (before[side], after[side])]
        if mode == "constant":
            return F.pad(x, flat, value=0.0 if value is None else float(value))
        return _repeat_border(x, flat, mirrors=mode == "reflect")

    return pad


def _repeat_border(x: Tensor, widths: Sequence[int], mirrors: bool) -> Tensor:
    """Enlarge features by what they have along their edges.

    `F.pad` does the same, and on CUDA it turns channels-last features into channels-first ones.

    Args:
        x: (1, C, H, W).
        widths: left, right, top and bottom.
        mirrors: mirror features, without the edge itself; else repeat the edge.
    """
    left, right, top, bottom = widths
    _, _, height, width = x.shape
    size = (*x.shape[:2], top + height + bottom, left + width + right)
    padded = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    padded[:, :, top : top + height, left : left + width] = x
    for axis, before, after, side in ((2, top, bottom, height), (3, left, right, width)):
        end = before + side
        if mirrors:
            first = padded.narrow(axis, before + 1, before).flip(axis)
            last = padded.narrow(axis, end - 1 - after, after).flip(axis)
        else:
            first, last = padded.narrow(axis, before, 1), padded.narrow(axis, end - 1, 1)
        padded.narrow(axis, 0, before).copy_(first)
        padded.narrow(axis, end, after).copy_(last)
    return padded


def _make_slice(_: dict[str, Any], __: int) -> Operation:
    def cut(
        x: Tensor,
        starts: Tensor,
        ends: Tensor,
        axes: Tensor | None = None,
        steps: Tensor | None = None,
    ) -> Tensor:
        places = [slice(None)] * x.ndim
        numbers = range(len(starts)) if axes is None else axes.tolist()
        strides = [1] * len(starts) if steps is None else steps.tolist()
        for axis, start, end, stride in zip(
            numbers, starts.tolist(), ends.tolist(), strides, strict=True
        ):
            places[axis] = slice(start, end, stride)
        return x[tuple(places)]

    return cut


def _make_split(attributes: dict[str, Any], outputs: int) -> Operation:
    axis = attributes.get("axis", 0)

    def split(x: Tensor, sizes: Tensor | None = None) -> Sequence[Tensor]:
        # without sizes: equal parts, the last one smaller
        part = -(-x.shape[axis] // outputs) if sizes is None else sizes.tolist()
        return x.split(part, axis)

    return split


def _make_reshape(attributes: dict[str, Any], _: int) -> Operation:
    keeps_zeros = attributes.get("allowzero", 0)

    def reshape(x: Tensor, shape: Tensor) -> Tensor:
        sides = shape.tolist()
        if not keeps_zeros:
            sides = [side or x.shape[axis] for axis, side in enumerate(sides)]
        return x.reshape(sides)

    return reshape


def _make_depth_to_space(attributes: dict[str, Any], _: int) -> Operation:
    block = attributes["blocksize"]
    if attributes.get("mode", "DCR") == "CRD":  # the order of PyTorch
        return lambda x: F.pixel_shuffle(x, block)

    def shuffle(x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        reordered = x.reshape(batch, block**2, channels // block**2, height, width).transpose(1, 2)
        return F.pixel_shuffle(reordered.reshape(x.shape), block)

    return shuffle


def _make_resize(attributes: dict[str, Any], _: int) -> Operation:
    if attributes.get("mode", "nearest") != "nearest":
        raise NetworkError("PyTorch cannot run this network: it resizes by interpolation")

    def repeat(x: Tensor, _: Any, scales: Tensor, sizes: Tensor | None = None) -> Tensor:
        factors = scales.tolist() if sizes is None else (sizes / torch.tensor(x.shape)).tolist()
        whole = [round(factor) for factor in factors]
        if whole != factors:
            raise NetworkError(f"PyTorch cannot run this network: it resizes by {factors}")
        return F.interpolate(x, scale_factor=[float(factor) for factor in whole[2:]])

    return repeat


def _make_reduction(reduce: Operation) -> Callable[[dict[str, Any], int], Operation]:
    def make(attributes: dict[str, Any], _: int) -> Operation:
        keep = bool(attributes.get("keepdims", 1))

        def run(x: Tensor, axes: Tensor | None = None) -> Tensor:
            over = attributes.get("axes") if axes is None else axes.tolist()
            result: Tensor = reduce(x, over or list(range(x.ndim)), keep)
            return result

        return run

    return make


def _unsqueeze(x: Tensor, axes: Tensor) -> Tensor:
    for axis in sorted(axes.tolist()):
        x = x.unsqueeze(axis)
    return x


def _squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(axes.tolist()))


def _make_cast(attributes: dict[str, Any], _: int) -> Operation:
    from onnx import helper

    target = torch.from_numpy(np.empty(0, helper.tensor_dtype_to_np_dtype(attributes["to"]))).dtype
    if target.is_floating_point:  # features have one type from the beginning to the end
        return lambda x: x if x.is_floating_point() else x.to(target)
    return lambda x: x.to(target)


def _make_constant(attributes: dict[str, Any], _: int) -> Operation:
    from onnx import numpy_helper

    (value,) = attributes.values()
    array = numpy_helper.to_array(value) if hasattr(value, "dims") else np.asarray(value)
    wanted = np.float32 if array.dtype == np.float64 else array.dtype
    return lambda: torch.from_numpy(np.array(array, wanted))


OPERATIONS: Mapping[str, Callable[[dict[str, Any], int], Operation]] = {
    "Cast": _make_cast,
    "Concat": lambda attributes, _: lambda *parts: torch.cat(parts, attributes["axis"]),
    "Constant": _make_constant,
    "Conv": _make_convolution,
    "ConvTranspose": _make_transposed_convolution,
    "DepthToSpace": _make_depth_to_space,
    "Gather": lambda attributes, _: (
        lambda x, places: x[(slice(None),) * attributes.get("axis", 0) + (places,)]
    ),
    "InstanceNormalization": _make_normalization,
    "LeakyRelu": lambda attributes, _: lambda x: F.leaky_relu(x, attributes.get("alpha", 0.01)),
    "Pad": _make_pad,
    "ReduceMean": _make_reduction(torch.mean),
    "ReduceSum": _make_reduction(torch.sum),
    "Reshape": _make_reshape,
    "Resize": _make_resize,
    "Shape": lambda attributes, _: (
        lambda x: torch.tensor(x.shape[attributes.get("start", 0) : attributes.get("end")])
    ),
    "Slice": _make_slice,
    "Split": _make_split,
    "Squeeze": lambda _, __: _squeeze,
    "Transpose": lambda attributes, _: lambda x: x.permute(attributes["perm"]),
    "Unsqueeze": lambda _, __: _unsqueeze,
}
