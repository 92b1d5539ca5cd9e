"""Operations of ONNX in PyTorch, as far as networks of impasto have them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import NetworkError

PAD_MODES = ("constant", "reflect", "edge")
Operation = Callable[..., Any]


def find_operation(node: Any) -> Operation:
    """Return the function for an ONNX node: it takes the node's inputs, None for those left out.

    Raises:
        NetworkError: the operation, or its form, is not known here.
    """
    from onnx import helper

    attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    attributes = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in attributes.items()
    }
    if node.op_type in PLAIN_OPERATIONS:
        return PLAIN_OPERATIONS[node.op_type]
    if node.op_type in OPERATIONS:
        return OPERATIONS[node.op_type](attributes, len(node.output))
    raise NetworkError(
        f"PyTorch cannot run this network: it has the operation {node.op_type}; use"
        " --engine openvino or --engine onnxruntime"
    )


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
