"""SqueezeNet 1.1 (Iandola et al. 2016) at the seven layers of LPIPS, and the heads of LPIPS."""

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import WeightsError
from impasto.learning.networks.perceptual import MEAN, STD, tensors_hash
from impasto.learning.networks.pretrained import load_tensors
from impasto.paths import weights_folders

TORCHVISION_FILE = "squeezenet1_1-b8a52dc0.pth"
FILES = ("squeezenet1_1.safetensors", TORCHVISION_FILE)
URL = f"https://download.pytorch.org/models/{TORCHVISION_FILE}"
HEADS_FILE = "weights/v0.1/squeeze.pth"  # of the lpips package
FIRES = (3, 4, 6, 7, 9, 10, 11, 12)  # indices of fire modules in torchvision's `features`
POOLS = (2, 5, 8)
SLICES = (1, 4, 7, 9, 10, 11, 12)  # indices after which LPIPS takes features
CHANNELS = (64, 128, 256, 384, 384, 512, 512)  # of these features


class SqueezeNet(torch.nn.Module):
    """A frozen SqueezeNet 1.1 that returns the features of LPIPS.

    Args:
        tensors: Weights in torchvision's key layout. A classifier among them is not used.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.tensors = {
            key: tensor.float() for key, tensor in tensors.items() if key.startswith("features.")
        }
        self.identity = f"squeezenet1_1-{tensors_hash(self.tensors)}"

    def __repr__(self) -> str:
        return f"SqueezeNet({self.identity})"

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Compute features (B, C, h, w) at `SLICES` of RGB in 0..1, (B, 3, H, W)."""
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        x = F.relu(self._conv("0", (picture - mean) / std, stride=2))
        slices = [x]
        for index in range(2, SLICES[-1] + 1):
            if index in POOLS:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            elif index in FIRES:
                x = self._fire(index, x)
            if index in SLICES:
                slices.append(x)
        return slices

    def _fire(self, index: int, x: Tensor) -> Tensor:
        squeezed = F.relu(self._conv(f"{index}.squeeze", x))
        expanded = (
            self._conv(f"{index}.expand1x1", squeezed),
            self._conv(f"{index}.expand3x3", squeezed, padding=1),
        )
        return F.relu(torch.cat(expanded, 1))

    def _conv(self, name: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        weight = self.tensors[f"features.{name}.weight"]
        bias = self.tensors[f"features.{name}.bias"]
        return F.conv2d(x, weight, bias, stride, padding)


def find_squeezenet() -> Path | None:
    """Find SqueezeNet 1.1 in `IMPASTO_WEIGHTS` or in the cache; None where it is missing."""
    paths = (folder / file for folder in weights_folders() for file in FILES)
    return next((path for path in paths if path.is_file()), None)


def load_squeezenet() -> SqueezeNet:
    """Load SqueezeNet 1.1 from this machine.

    Raises:
        WeightsError: The file is missing or broken. The message says where to get it.
    """
    path = find_squeezenet()
    if path is None:
        folder = next(iter(weights_folders()), "a folder that IMPASTO_WEIGHTS names")
        raise WeightsError(
            f"cannot load SqueezeNet: it is not on this machine; download {URL} into {folder} "
            "(the folder of IMPASTO_WEIGHTS, or the cache)"
        )
    try:
        network = SqueezeNet(read_weights(path))
        network(torch.zeros(1, 3, 64, 64))  # fails where a tensor is missing or has another shape
    except (KeyError, RuntimeError) as error:
        raise WeightsError(
            f"cannot load {path}: it does not hold SqueezeNet 1.1 in torchvision's layout "
            f"({error}); download {URL} again"
        ) from error
    return network


def read_heads(path: Path) -> list[Tensor]:
    """Read the official heads of LPIPS for SqueezeNet, (1, C, 1, 1) each.

    Args:
        path: `weights/v0.1/squeeze.pth` of the lpips package.

    Raises:
        WeightsError: The file is missing, or holds something else.
    """
    tensors = read_weights(path)
    heads = [tensors.get(f"lin{layer}.model.1.weight") for layer in range(len(CHANNELS))]
    shapes = [None if head is None else tuple(head.shape) for head in heads]
    if shapes != [(1, channels, 1, 1) for channels in CHANNELS]:
        raise WeightsError(
            f"cannot load {path}: it does not hold the heads of LPIPS for SqueezeNet "
            "(lin0.model.1.weight to lin6.model.1.weight); give "
            f"{HEADS_FILE} of the lpips package"
        )
    return [head.float() for head in heads if head is not None]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a safetensors file or a state dict, and never run code from it.

    Raises:
        WeightsError: The file is missing, or cannot be read safely.
    """
    try:
        tensors = load_tensors(path)
        if not isinstance(tensors, Mapping) or not all(
            isinstance(tensor, Tensor) for tensor in tensors.values()
        ):
            raise ValueError("no tensors by name")
    except FileNotFoundError as error:
        raise WeightsError(f"cannot read {path}: it does not exist; check the path") from error
    except Exception as error:
        # PyTorch's message on a refused pickle has many lines and advises to run its code
        raise WeightsError(
            f"cannot read {path}: it holds no weights that can be read safely "
            f"({type(error).__name__}); download it again"
        ) from error
    return dict(tensors)
