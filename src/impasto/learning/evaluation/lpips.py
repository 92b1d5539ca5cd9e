"""SqueezeNet 1.1 (Iandola et al. 2016) at the seven places where LPIPS looks, and the heads of
LPIPS."""

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import WeightsError
from impasto.learning.networks.perceptual import MEAN, STD, tensors_hash
from impasto.learning.networks.pretrained import load_tensors
from impasto.paths import weights_folders

FILES = (
    "squeezenet1_1.safetensors",
    "squeezenet1_1-b8a52dc0.pth",
)  # the second is torchvision's name of it
URL = f"https://download.pytorch.org/models/{FILES[1]}"
FIRES = (3, 4, 6, 7, 9, 10, 11, 12)  # indices of fire modules in torchvision's `features`
POOLS = (2, 5, 8)
SLICES = (1, 4, 7, 9, 10, 11, 12)  # indices after which LPIPS takes features
CHANNELS = (64, 128, 256, 384, 384, 512, 512)  # there


class SqueezeNet(torch.nn.Module):
    """A frozen SqueezeNet 1.1. Takes RGB in 0..1, (B, 3, H, W); gives features (B, C, h, w) at
    `SLICES`.

    Args:
        tensors: in torchvision's key layout; a classifier may be there and is not used.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.tensors = {
            key: tensor.float() for key, tensor in tensors.items() if key.startswith("features.")
        }
        self.identity = f"squeezenet1_1-{tensors_hash(self.tensors)}"

    def forward(self, picture: Tensor) -> list[Tensor]:
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        x = F.relu(self._conv("0", (picture - mean) / std, stride=2))
        slices = [x]
        for index in range(2, SLICES[-1] + 1):
            if index in POOLS:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            elif index in FIRES:
                squeezed = F.relu(self._conv(f"{index}.squeeze", x))
                sides = (
                    self._conv(f"{index}.expand1x1", squeezed),
                    self._conv(f"{index}.expand3x3", squeezed, padding=1),
                )
                x = F.relu(torch.cat(sides, 1))
            if index in SLICES:
                slices.append(x)
        return slices

    def _conv(self, name: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(
            x,
            self.tensors[f"features.{name}.weight"],
            self.tensors[f"features.{name}.bias"],
            stride,
            padding,
        )


def find() -> Path | None:
    """The file that holds SqueezeNet 1.1 on this machine, in `IMPASTO_WEIGHTS` or the cache, or
    None."""
    return next(
        (
            folder / file
            for folder in weights_folders()
            for file in FILES
            if (folder / file).is_file()
        ),
        None,
    )


def load() -> SqueezeNet:
    """SqueezeNet 1.1. Raises WeightsError, which says where to get it, if it is not on this machine
    or broken."""
    path = find()
    if path is None:
        raise WeightsError(
            f"SqueezeNet is not on this machine: get {URL} and put it into {weights_folders()[0]} (a folder that "
            "IMPASTO_WEIGHTS names, or the cache)"
        )
    try:
        network = SqueezeNet(read_weights(path))
        network(torch.zeros(1, 3, 64, 64))  # all that it takes is there, and of the shapes it takes
    except (KeyError, RuntimeError) as error:
        raise WeightsError(
            f"{path} does not hold SqueezeNet 1.1 in torchvision's layout ({error}); get {URL} anew"
        ) from error
    return network


def read_heads(path: Path) -> list[Tensor]:
    """The official heads of LPIPS for SqueezeNet, (1, C, 1, 1) each, from the lpips package's
    `weights/v0.1/squeeze.pth`.

    Raises WeightsError if the file is missing or holds others.
    """
    tensors = read_weights(path)
    heads = [tensors.get(f"lin{layer}.model.1.weight") for layer in range(len(CHANNELS))]
    shapes = [None if head is None else tuple(head.shape) for head in heads]
    if shapes != [(1, channels, 1, 1) for channels in CHANNELS]:
        raise WeightsError(
            f"{path} does not hold the heads of LPIPS for SqueezeNet (lin0.model.1.weight to lin6.model.1.weight); give "
            "weights/v0.1/squeeze.pth of the lpips package"
        )
    return [head.float() for head in heads if head is not None]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a safetensors file or a state dict; never runs code from the file.
    Raises WeightsError."""
    try:
        tensors = load_tensors(path)
        if not isinstance(tensors, Mapping) or not all(
            isinstance(tensor, Tensor) for tensor in tensors.values()
        ):
            raise ValueError("no tensors by name")
    except FileNotFoundError as error:
        raise WeightsError(f"{path} does not exist") from error
    except Exception as error:
        # PyTorch's own words on a pickle that it refuses are many lines, and advise to run it
        raise WeightsError(
            f"{path} holds no weights that can be read safely ({type(error).__name__}); get it anew"
        ) from error
    return dict(tensors)
