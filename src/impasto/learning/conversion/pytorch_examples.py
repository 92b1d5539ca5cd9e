"""Import of `fast_neural_style` checkpoints of the PyTorch examples as styles.

Such a network paints one style. The scales and shifts of its normalizations become a style
embedding, and the style owns the network. Its statistics can then be frozen (see
`impasto.inference.frozen_norm`), so large pictures and videos are painted as with any other
network.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor, nn

from impasto import export as exporting
from impasto.errors import NetworkError
from impasto.files import describe_missing, os_reason
from impasto.learning.conversion import onnx_export
from impasto.learning.networks.johnson import BLOCKS, WIDTHS, Johnson, JohnsonUpConv
from impasto.learning.networks.perceptual import tensors_hash
from impasto.learning.networks.transformer import upsampling_kernel
from impasto.models.network import INPUTS, MULTIPLE, OUTPUT, Network, check_network
from impasto.models.style import OWN, SUFFIX, Style

KIND = "johnson"  # key of the dimensions in the metadata of a graph
LEVELS = 255  # such networks take and give pixels in 0..255
MAX_LISTED_NAMES = 3  # tensors in one message
STATE_KEYS = ("model", "state_dict")  # a state dict may stand under one, or under both nested
RUNNING = re.compile(r"(^|\.)(running_mean|running_var|num_batches_tracked)$")
# in PyTorch's errors for a pickle of more than tensors: the name of an object, or the opcodes FRAME
# and STACK_GLOBAL of newer pickles
CODE = re.compile(r"GLOBAL (\S+)|Unsupported operand 14[79]\b")


class ImportedStyle(NamedTuple):
    """An imported checkpoint.

    Attributes:
        style: the style, which owns its network.
        widths: channels at full, half and quarter size.
        blocks: the number of residual blocks.
        difference: the largest difference to the checkpoint's painting in PyTorch, of pixels in
            0..1.
    """

    style: Style
    widths: Sequence[int]
    blocks: int
    difference: float

    @property
    def described(self) -> str:
        """The kind and the dimensions of the network, in words."""
        return _describe(self.widths, self.blocks)


def import_checkpoint(path: Path, name: str) -> ImportedStyle:
    """Import a checkpoint as a style, and compare the two.

    Args:
        path: a state dict of PyTorch or safetensors.
        name: the name of the style.

    Raises:
        NetworkError: the file is missing or broken, holds anything else than such a network, holds
            one too large to paint with, or the style paints something else.
        StyleError: the name is not allowed.
    """
    network = read_checkpoint(path)
    embedding, (widths, blocks) = embedding_of(network).numpy(), read_dimensions(network)
    own = Network(OWN, _hash(network), embedding.size, to_onnx(network), {})
    try:
        check_network(own)  # now, as reading the style file would refuse it later
    except NetworkError as error:
        raise NetworkError(f"cannot import {path}: {error}") from error
    metadata = {"source": path.stem, f"{OWN}.imported": _describe(widths, blocks)}
    style = Style(name, {OWN: embedding}, {OWN: own.hash}, metadata, own)
    with torch.inference_mode():
        expected = paint(network, torch.from_numpy(exporting.make_sample())).numpy()
    difference = exporting.measure_difference(expected, exporting.paint_sample(own, embedding))
    return ImportedStyle(style, widths, blocks, difference)


def _describe(widths: Sequence[int], blocks: int) -> str:
    """Describe a network in words."""
    residual = "1 residual block" if blocks == 1 else f"{blocks} residual blocks"
    return f"a network of the PyTorch examples, {', '.join(map(str, widths))} channels, {residual}"


def read_dimensions(network: Johnson) -> tuple[list[int], int]:
    """Read the channels at full, half and quarter size, and the number of residual blocks."""
    convs = (network.conv1, network.conv2, network.conv3)
    return [conv.conv2d.out_channels for conv in convs], len(network.residuals)


def paint(network: Johnson, image: Tensor) -> Tensor:
    """Paint an image with a network, as the examples write it to a file.

    Args:
        network: the network.
        image: (B, 3, H, W), RGB in 0..1.

    Returns:
        The painting, (B, 3, H, W), RGB in 0..1.
    """
    result: Tensor = network(LEVELS * image)
    return (result / LEVELS).clamp(0, 1)


# Graphs


def to_onnx(network: Johnson) -> bytes:
    """Export a network as an ONNX graph, with weights in float32.

    Returns:
        The serialized graph. Its inputs and its output are those of `onnx_export.to_onnx`, without
        noise.
    """
    height, width = (torch.export.Dim(name, min=1, max=1 << 16) for name in ("h16", "w16"))
    embedding = embedding_of(network)
    widths, blocks = read_dimensions(network)
    properties = {
        KIND: json.dumps({"widths": widths, "blocks": blocks}),
        "hash": _hash(network),
        "embedding_size": str(len(embedding)),
    }
    return onnx_export.export_module(
        StyledJohnson(network).eval(),
        (torch.rand(1, 3, 64, 80), embedding[None]),
        (INPUTS[:2], OUTPUT),
        ({2: MULTIPLE * height, 3: MULTIPLE * width}, None),
        set(),
        properties,
    )


def from_onnx(graph: bytes, embedding: Tensor) -> Johnson:
    """Rebuild the network of a graph that `to_onnx` made.

    Args:
        graph: the serialized graph.
        embedding: the style, (embedding_size,), which becomes scales and shifts again.

    Raises:
        NetworkError: the graph is broken, or holds anything else.
    """
    try:
        stored, properties = onnx_export.stored_tensors(graph)
        network = Johnson(**json.loads(properties[KIND]))
        start = 0
        for name, norm in _norms(network):
            end = start + 2 * norm.num_features
            stored[f"network.{name}.weight"], stored[f"network.{name}.bias"] = embedding[
                start:end
            ].chunk(2)
            start = end
        network.load_state_dict({name: stored[f"network.{name}"] for name in network.state_dict()})
    except Exception as error:
        raise NetworkError(
            f"cannot read an imported network from this graph: {type(error).__name__}: {error}; "
            "give a graph of `impasto import`"
        ) from error
    return network.eval()


def embedding_of(network: Johnson) -> Tensor:
    """Join scales and shifts of the normalizations into an embedding, (embedding_size,)."""
    return torch.cat(
        [part.detach() for _, norm in _norms(network) for part in (norm.weight, norm.bias)]
    )


def _norms(network: Johnson) -> Iterator[tuple[str, nn.InstanceNorm2d]]:
    """Yield the normalizations with their names, in the order in which they run."""
    return (
        (name, module)
        for name, module in network.named_modules()
        if isinstance(module, nn.InstanceNorm2d)
    )


def _hash(network: Johnson) -> str:
    """Hash the weights of a network."""
    return tensors_hash(network.state_dict())


class StyledJohnson(nn.Module):
    """A network as a function of image and embedding, for engines; it paints the same."""

    def __init__(self, network: Johnson) -> None:
        super().__init__()
        self.network = network
        self.epsilon = network.in1.eps

    def forward(self, image: Tensor, embedding: Tensor) -> Tensor:
        """Paint an image (B, 3, H, W), RGB in 0..1, in the style (B, embedding_size)."""
        network, start = self.network, 0

        def norm(x: Tensor) -> Tensor:
            nonlocal start
            end = start + 2 * x.shape[1]
            scale, shift = embedding[:, start:end, None, None].split(x.shape[1], dim=1)
            start = end
            return F.instance_norm(x, eps=self.epsilon) * scale + shift

        x = LEVELS * image
        for conv in (network.conv1, network.conv2, network.conv3):
            x = F.relu(norm(conv(x)))
        for block in network.residuals:
            x = x + norm(block.conv2(F.relu(norm(block.conv1(x)))))
        for up in (network.deconv1, network.deconv2):
            x = F.relu(norm(_double_size(x, up)))
        return (network.deconv3(x) / LEVELS).clamp(0, 1)


def _double_size(x: Tensor, up: JohnsonUpConv) -> Tensor:
    """Enlarge and convolve features in one step, as `UpConv` of the transformer network does.

    Enlarged features, which would take most of the memory, never exist.
    """
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.conv_transpose2d(
        padded, upsampling_kernel(up.conv2d.weight), up.conv2d.bias, stride=2, padding=3
    )


# Checkpoints


def read_checkpoint(path: Path) -> Johnson:
    """Read a network of any width and number of residual blocks from a checkpoint.

    The state dict may stand under `state_dict` or `model`, and its names after `module.`. Running
    statistics, which old versions of PyTorch saved, are left out: those networks measure each
    picture in any case.

    Args:
        path: a state dict of PyTorch or safetensors.

    Raises:
        NetworkError: the file is missing or broken, would run code, or holds anything else.
    """
    state = _find_tensors(_load_file(path))
    with torch.device("meta"):
        network = Johnson(*_infer_dimensions(state))
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    if misfit := _find_misfit(state, shapes):
        raise NetworkError(
            f"cannot import {path}: it is no fast_neural_style network of the PyTorch examples, as "
            f"{misfit}; give such a checkpoint"
        )
    floats = {name: tensor.float() for name, tensor in state.items()}
    if broken := [name for name, tensor in floats.items() if not tensor.isfinite().all()]:
        raise NetworkError(
            f"cannot import {path}: it is damaged, or its training failed, as "
            f"{_list_names(broken)} not finite; get another checkpoint"
        )
    network.load_state_dict(floats, assign=True)
    return network.requires_grad_(False).eval()


def _load_file(path: Path) -> Any:
    """Load the content of a file without running any code of it."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            # PyTorch warns about old versions, and about files that are then refused
            warnings.simplefilter("ignore")
            if path.suffix.lower() == SUFFIX:
                return load(file.read())
            return torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise NetworkError(f"cannot import {describe_missing(path)}") from error
    except Exception as error:  # damaged bytes raise errors of any kind
        if isinstance(error, OSError) and error.filename:
            raise NetworkError(f"cannot read {path}: {os_reason(error)}") from error
        if code := CODE.search(str(error)):
            raise NetworkError(
                f"cannot import {path}: loading it would run code "
                f"({code[1] or 'an object that is no tensor'}); its author can save the tensors "
                "alone: torch.save(network.state_dict(), FILE)"
            ) from error
        raise NetworkError(
            f"cannot import {path}: it is cut short, or no checkpoint of PyTorch; get a fresh copy"
        ) from error


def _find_tensors(content: Any) -> dict[str, Tensor]:
    """Find the tensors of a checkpoint by name, without running statistics.

    The content of any other file has none.
    """
    for key in STATE_KEYS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        return {}
    values = {str(name).removeprefix("module."): value for name, value in content.items()}
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, Tensor) and not RUNNING.search(name)
    }


def _infer_dimensions(state: Mapping[str, Tensor]) -> tuple[list[int], int]:
    """Infer channels and the number of residual blocks from a state dict.

    Dimensions that cannot be inferred are those of the examples.
    """
    weights = [state.get(f"conv{number}.conv2d.weight") for number in (1, 2, 3)]
    widths = [
        usual if weight is None or not weight.numel() or weight.ndim != 4 else weight.shape[0]
        for weight, usual in zip(weights, WIDTHS, strict=True)
    ]
    blocks = {match[1] for name in state if (match := re.match(r"(res\d+)\.", name))}
    return widths, len(blocks) or BLOCKS


def _find_misfit(state: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> str | None:
    """Find the first difference of a state dict to these shapes, in words; None if it fits."""
    if missing := [name for name in shapes if name not in state]:
        return f"{_list_names(missing)} missing"
    if unknown := [name for name in state if name not in shapes]:
        return f"{_list_names(unknown)} unknown"
    for name, shape in shapes.items():
        if state[name].shape != shape:
            return (
                f"{name} has the shape {tuple(state[name].shape)} where {tuple(shape)} fits the "
                "others"
            )
        if not state[name].is_floating_point():
            return f"{name} is of {state[name].dtype}, not of floating-point numbers"
    return None


def _list_names(names: Sequence[str]) -> str:
    """List names with a verb: `a is`, `a and b are`, `a, b, c and 5 more are`."""
    items = list(names[:MAX_LISTED_NAMES])
    if len(names) > MAX_LISTED_NAMES:
        items.append(f"{len(names) - MAX_LISTED_NAMES} more")
    listed = " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))
    return f"{listed} {'are' if names[1:] else 'is'}"
