"""Perceptual networks by name, and their features by layer name (`relu3_1`).

`vgg19` and `vgg16` are torchvision's published networks (Simonyan and Zisserman 2015), read in
torchvision's key layout (`features.0.weight`, ...). `lite` is this project's own student of VGG-19,
shipped inside the package.
"""

import hashlib
from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB in 0..1
STD = (0.229, 0.224, 0.225)

BLOCKS = {  # convolutions before each pooling
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
    "lite": (2, 2, 4, 1),
}
NAMES = tuple(BLOCKS)


def layer_names(network: str) -> list[str]:
    """List layers in order, "pool" where a block ends: `relu1_1, relu1_2, pool, relu2_1, ...`."""
    return [
        name
        for block, convolutions in enumerate(BLOCKS[network], 1)
        for name in [*(f"relu{block}_{i}" for i in range(1, convolutions + 1)), "pool"]
    ]


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """Hash names, shapes, types and bytes, in the order of names.

    Returns:
        The first 16 hex digits of the SHA-256.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


class PerceptualNetwork(torch.nn.Module):
    """A frozen VGG-like network, whose ReLU features the losses compare.

    Args:
        name: "vgg19", "vgg16" or "lite", which decides the order of layers.
        tensors: convolutions in torchvision's key layout; for a student also
            `readout.<layer>.weight` (C', C) and `.bias` (C',), the linear map that predicts the
            teacher's features at that layer.
        dtype: type in which convolutions run.

    Attributes:
        identity: name and hash of the tensors, the same whatever the type computed in.
        layers: layer name to its index in torchvision's `features`; weights may stop early.
        readouts: layers that have a linear map to the teacher's features.
    """

    def __init__(
        self, name: str, tensors: Mapping[str, Tensor], dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.name, self.dtype, self.identity = name, dtype, f"{name}-{tensors_hash(tensors)}"
        self.layers: dict[str, int] = {}
        self._register_convolutions(tensors)
        self.readouts = {key.split(".")[1] for key in tensors if key.startswith("readout.")}
        for layer in self.readouts:
            for part in ("weight", "bias"):
                tensor = tensors[f"readout.{layer}.{part}"].float()
                self.register_buffer(f"readout_{layer}_{part}", tensor)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def _register_convolutions(self, tensors: Mapping[str, Tensor]) -> None:
        index = 0
        for layer in layer_names(self.name):
            if layer == "pool":
                index += 1
                continue
            if f"features.{index}.weight" not in tensors:
                break
            weight = tensors[f"features.{index}.weight"].to(self.dtype)
            weight = weight.contiguous(memory_format=torch.channels_last)
            self.register_buffer(f"w{index}", weight)
            self.register_buffer(f"b{index}", tensors[f"features.{index}.bias"].to(self.dtype))
            self.layers[layer] = index
            index += 2

    def __repr__(self) -> str:
        return f"PerceptualNetwork({self.identity}, {self.dtype})"

    def forward(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Compute features, no further than the last layer asked for.

        Args:
            picture: (B, 3, H, W), RGB in 0..1.
            layers: names such as `relu4_1`.

        Returns:
            ReLU features (B, C, h, w) by layer name.

        Raises:
            ValueError: the network does not have such a layer.
        """
        wanted = set(layers)
        if unknown := wanted - set(self.layers):
            raise ValueError(
                f"cannot compute {', '.join(sorted(unknown))}: {self.name} has only the layers "
                f"{', '.join(self.layers)}"
            )
        x = ((picture - self.mean) / self.std).to(self.dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        features: dict[str, Tensor] = {}
        for layer in layer_names(self.name):
            if layer == "pool":
                x = F.max_pool2d(x, 2)
                continue
            i = self.layers[layer]
            x = F.relu(F.conv2d(x, getattr(self, f"w{i}"), getattr(self, f"b{i}"), padding=1))
            if layer in wanted:
                features[layer] = x
                if len(features) == len(wanted):
                    break
        return features

    def project(self, layer: str, f: Tensor) -> Tensor:
        """Project features of a student to those that it predicts of its teacher, R f + b.

        Args:
            layer: name of the layer.
            f: features (B, C, h, w).

        Returns:
            Features (B, C', h, w), which the losses compare; `f` itself where the network is no
            student.
        """
        if layer not in self.readouts:
            return f
        weight, bias = self._readout(layer, f.dtype)
        return F.conv2d(f, weight[:, :, None, None], bias)

    def project_moments(self, layer: str, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the moments of `project`ed features from those of the features.

        mean(R f + b) = R mean + b and cov(R f + b) = R cov R^T, which are small products.

        Args:
            layer: name of the layer.
            mean: (B, C).
            cov: (B, C, C).

        Returns:
            Mean (B, C') and covariance (B, C', C').
        """
        if layer not in self.readouts:
            return mean, cov
        weight, bias = self._readout(layer, mean.dtype)
        return mean @ weight.T + bias, weight @ cov @ weight.T

    def _readout(self, layer: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        weight, bias = (getattr(self, f"readout_{layer}_{part}") for part in ("weight", "bias"))
        return weight.to(dtype), bias.to(dtype)
