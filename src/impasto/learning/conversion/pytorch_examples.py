"""Checkpoints of the PyTorch examples' `fast_neural_style` read as styles that own their networks.

Such a network knows one style. Its normalizations' scales and shifts are what a style embedding is
here, so they become one: statistics can then be held (see `impasto.inference.frozen_norm`), and
large pictures and videos are painted as with any other network.
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
from impasto.files import os_reason
from impasto.learning.conversion import onnx_export
from impasto.learning.networks.johnson import BLOCKS, WIDTHS, Johnson, JohnsonUpConv
from impasto.learning.networks.perceptual import tensors_hash
from impasto.learning.networks.transformer import upsampling_kernel
from impasto.models.network import INPUTS, MULTIPLE, OUTPUT, Network, check
from impasto.models.style import OWN, SUFFIX, Style

KIND = "johnson"  # under which a graph says its dimensions
LEVELS = 255  # in which such networks take and give pixels
NAMED = 3  # tensors, at most, in one message
HOLDERS = ("model", "state_dict")  # under which, or under both, checkpoints may hold a state dict
RUNNING = re.compile(r"(^|\.)(running_mean|running_var|num_batches_tracked)$")
# what PyTorch says of a pickle that is more than tensors: an object's name, or opcodes of newer
# pickles, FRAME or STACK_GLOBAL
CODE = re.compile(r"GLOBAL (\S+)|Unsupported operand 14[79]\b")


class ImportedStyle(NamedTuple):
    """What comes of a checkpoint: a style that owns its network, and the largest difference, of
    pixels in 0..1, of what it paints to what the checkpoint does in PyTorch.
    """

    style: Style
    widths: Sequence[int]
    blocks: int
    difference: float

    @property
    def described(self) -> str:
        """What was read, for people."""
        return _described(self.widths, self.blocks)


def import_checkpoint(path: Path, name: str) -> ImportedStyle:
    """The style of this name that a checkpoint is.

    Raises:
        NetworkError: the file is missing or broken, holds anything else than such a network, or one
            too large to paint with.
        StyleError: the name is none.
    """
    network = read_checkpoint(path)
    embedding, (widths, blocks) = embedding_of(network).numpy(), dimensions(network)
    own = Network(OWN, _hash(network), embedding.size, to_onnx(network), {})
    try:
        check(own)  # as when its style file is read, which would refuse it later
    except NetworkError as error:
        raise NetworkError(f"{path} cannot be painted with: {error}") from error
    facts = {"source": path.stem, f"{OWN}.imported": _described(widths, blocks)}
    style = Style(name, {OWN: embedding}, {OWN: own.hash}, facts, own)
    with torch.inference_mode():
        expected = painted(network, torch.from_numpy(exporting.sample())).numpy()
    return ImportedStyle(
        style, widths, blocks, exporting.difference(expected, exporting.painted(own, embedding))
    )


def _described(widths: Sequence[int], blocks: int) -> str:
    residual = "1 residual block" if blocks == 1 else f"{blocks} residual blocks"
    return f"a network of the PyTorch examples, {', '.join(map(str, widths))} channels, {residual}"


def dimensions(network: Johnson) -> tuple[list[int], int]:
    """Channels at full size, a half and a quarter, and the number of residual blocks."""
    convs = (network.conv1, network.conv2, network.conv3)
    return [conv.conv2d.out_channels for conv in convs], len(network.residuals)


def painted(network: Johnson, image: Tensor) -> Tensor:
    """What a network makes of an image (B, 3, H, W), RGB in 0..1: the same, as the examples write
    it into a file."""
    result: Tensor = network(LEVELS * image)
    return (result / LEVELS).clamp(0, 1)


# Graphs


def to_onnx(network: Johnson) -> bytes:
    """The graph of a network, with the inputs and the output of `export.to_onnx` and weights in
    float32."""
    height, width = (torch.export.Dim(name, min=1, max=1 << 16) for name in ("h8", "w8"))
    embedding = embedding_of(network)
    widths, blocks = dimensions(network)
    properties = {
        KIND: json.dumps({"widths": widths, "blocks": blocks}),
        "hash": _hash(network),
        "embedding_size": str(len(embedding)),
    }
    example, sides = (
        (torch.rand(1, 3, 64, 80), embedding[None]),
        {2: MULTIPLE * height, 3: MULTIPLE * width},
    )
    return onnx_export.exported(
        StyledJohnson(network).eval(),
        example,
        (INPUTS[:2], OUTPUT),
        (sides, None),
        set(),
        properties,
    )


def from_onnx(graph: bytes, embedding: Tensor) -> Johnson:
    """The network that a graph made by `to_onnx` holds, in the style of an embedding. Raises
    NetworkError if it is none."""
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
            f"this graph holds no imported network ({type(error).__name__}: {error})"
        ) from error
    return network.eval()


def embedding_of(network: Johnson) -> Tensor:
    """Scales and shifts of the normalizations one after the other: (embedding_size,)."""
    return torch.cat(
        [each.detach() for _, norm in _norms(network) for each in (norm.weight, norm.bias)]
    )


def _norms(network: Johnson) -> Iterator[tuple[str, nn.InstanceNorm2d]]:
    """In the order in which they normalize."""
    return (
        (name, module)
        for name, module in network.named_modules()
        if isinstance(module, nn.InstanceNorm2d)
    )


def _hash(network: Johnson) -> str:
    return tensors_hash(network.state_dict())


class StyledJohnson(nn.Module):
    """A network as a function of image and embedding, made for engines: it paints the same."""

    def __init__(self, network: Johnson) -> None:
        super().__init__()
        self.network = network
        self.epsilon = network.in1.eps

    def forward(self, image: Tensor, embedding: Tensor) -> Tensor:
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
            x = F.relu(norm(_doubled(x, up)))
        return (network.deconv3(x) / LEVELS).clamp(0, 1)


def _doubled(x: Tensor, up: JohnsonUpConv) -> Tensor:
    """As `learning.networks.UpConv`: features are never held at twice their size, which they are
    most of the memory of."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.conv_transpose2d(
        padded, upsampling_kernel(up.conv2d.weight), up.conv2d.bias, stride=2, padding=3
    )


# Checkpoints


def read_checkpoint(path: Path) -> Johnson:
    """The network whose state dict a file of PyTorch or safetensors holds, of any width and number
    of residual blocks.

    The state dict may stand under `state_dict` or `model`, and its names after `module.`. What old
    versions of PyTorch saved of running statistics is left out, as those networks read them from
    each picture in any case.

    Raises:
        NetworkError: the file is missing or broken, would run code, or holds anything else.
    """
    state = _state(_loaded(path))
    with torch.device("meta"):
        network = Johnson(*_dimensions_of(state))
    if said := _misfit(
        state, {name: tensor.shape for name, tensor in network.state_dict().items()}
    ):
        raise NetworkError(
            f"{path} is no fast_neural_style network of the PyTorch examples: {said}"
        )
    floats = {name: tensor.float() for name, tensor in state.items()}
    if broken := [name for name, tensor in floats.items() if not tensor.isfinite().all()]:
        raise NetworkError(
            f"{path} is damaged, or its training failed: {_listed(broken)} not finite; get another checkpoint"
        )
    network.load_state_dict(floats, assign=True)
    return network.requires_grad_(False).eval()


def _loaded(path: Path) -> Any:
    """What a file holds, without running any code of it."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old versions and of what is then refused
            if path.suffix.lower() == SUFFIX:
                return load(file.read())
            return torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise NetworkError(f"{path} does not exist") from error
    except Exception as error:  # of any kind, where bytes are not what they should be
        if isinstance(error, OSError) and error.filename:
            raise NetworkError(f"cannot read {path}: {os_reason(error)}") from error
        if code := CODE.search(str(error)):
            raise NetworkError(
                f"{path} is refused, as loading it would run code ({code[1] or 'an object that is no tensor'}); whoever made "
                "it can save the tensors alone: torch.save(network.state_dict(), FILE)"
            ) from error
        raise NetworkError(
            f"{path} is cut short, or is no checkpoint of PyTorch; get it anew"
        ) from error


def _state(found: Any) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, without running statistics; none if it is something
    else."""
    for key in HOLDERS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping):
        return {}
    named = {str(name).removeprefix("module."): value for name, value in found.items()}
    return {
        name: each
        for name, each in named.items()
        if isinstance(each, Tensor) and not RUNNING.search(name)
    }


def _dimensions_of(state: Mapping[str, Tensor]) -> tuple[list[int], int]:
    """Channels and residual blocks that a state dict has; those of the examples where it does not
    say."""
    weights = [state.get(f"conv{number}.conv2d.weight") for number in (1, 2, 3)]
    widths = [
        usual if weight is None or not weight.numel() or weight.ndim != 4 else weight.shape[0]
        for weight, usual in zip(weights, WIDTHS, strict=True)
    ]
    return widths, len(
        {found[1] for name in state if (found := re.match(r"(res\d+)\.", name))}
    ) or BLOCKS


def _misfit(state: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> str | None:
    """What is wrong with a state dict that should have tensors of these shapes; None if nothing
    is."""
    if missing := [name for name in shapes if name not in state]:
        return f"{_listed(missing)} missing"
    if more := [name for name in state if name not in shapes]:
        return f"{_listed(more)} unknown there"
    for name, shape in shapes.items():
        if state[name].shape != shape:
            return f"{name} has the shape {tuple(state[name].shape)} where {tuple(shape)} fits the others"
        if not state[name].is_floating_point():
            return f"{name} is of {state[name].dtype}, not of floating-point numbers"
    return None


def _listed(names: Sequence[str]) -> str:
    """`a is`, `a and b are`, `a, b, c and 5 more are`."""
    shown = [*names[:NAMED], *([f"{len(names) - NAMED} more"] if len(names) > NAMED else [])]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) + (
        " are" if names[1:] else " is"
    )
