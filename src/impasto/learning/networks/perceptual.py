"""Perceptual networks by name, and their features by layer name (`relu3_1`).

`vgg19` and `vgg16` are torchvision's published networks (Simonyan and Zisserman 2015), read in
torchvision's key layout (`features.0.weight`, ...); `lite` is this project's own student of VGG-19,
shipped inside the package.
"""

import hashlib
from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB in 0..1
STD = (0.229, 0.224, 0.225)

BLOCKS = {
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
    "lite": (2, 2, 4, 1),
}  # convolutions before each pooling
NAMES = tuple(BLOCKS)


def layer_names(network: str) -> list[str]:
    """Layers in order, "pool" where a block ends: `relu1_1, relu1_2, pool, relu2_1, ...`."""
    return [
        name
        for block, convolutions in enumerate(BLOCKS[network], 1)
        for name in [*(f"relu{block}_{i}" for i in range(1, convolutions + 1)), "pool"]
    ]


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """First 16 hex digits of the SHA-256 over names, shapes, types and bytes, in the order of
    names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


class PerceptualNetwork(torch.nn.Module):
    """A frozen VGG-like network. Takes RGB in 0..1, (B, 3, H, W); gives ReLU features (B, C, h, w)
    by layer name.

    Args:
        name: "vgg19", "vgg16" or "lite": which layers there are.
        tensors: convolutions in torchvision's key layout; for a student also
            `readout.<layer>.weight` (C', C) and `.bias` (C',), the linear map that predicts the
            teacher's features at that layer.
        dtype: type in which convolutions run.
    """

    def __init__(
        self, name: str, tensors: Mapping[str, Tensor], dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.name, self.dtype, self.identity = name, dtype, f"{name}-{tensors_hash(tensors)}"
        self.layers: dict[
            str, int
        ] = {}  # layer name to the index in torchvision's `features`; absent where weights stop
        index = 0
        for layer in layer_names(name):
            if layer != "pool" and f"features.{index}.weight" not in tensors:
                break
            if layer == "pool":
                index += 1
                continue
            weight, bias = tensors[f"features.{index}.weight"], tensors[f"features.{index}.bias"]
            self.register_buffer(
                f"w{index}", weight.to(dtype).contiguous(memory_format=torch.channels_last)
            )
            self.register_buffer(f"b{index}", bias.to(dtype))
            self.layers[layer] = index
            index += 2
        self.readouts = {key.split(".")[1] for key in tensors if key.startswith("readout.")}
        for layer in self.readouts:
            for part in ("weight", "bias"):
                self.register_buffer(
                    f"readout_{layer}_{part}", tensors[f"readout.{layer}.{part}"].float()
                )
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features at `layers`, computed no further than the last of them. Raises ValueError for an
        unknown layer."""
        wanted = set(layers)
        if unknown := wanted - set(self.layers):
            raise ValueError(
                f"{self.name} has no layer {', '.join(sorted(unknown))}; it has {', '.join(self.layers)}"
            )
        x = (
            ((picture - self.mean) / self.std)
            .to(self.dtype)
            .contiguous(memory_format=torch.channels_last)
        )
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

    def read(self, layer: str, f: Tensor) -> Tensor:
        """What the losses compare at a layer: the features themselves or, for a student, the
        teacher's as it predicts them."""
        if layer not in self.readouts:
            return f
        weight, bias = (
            getattr(self, f"readout_{layer}_weight"),
            getattr(self, f"readout_{layer}_bias"),
        )
        return F.conv2d(f, weight.to(f.dtype)[:, :, None, None], bias.to(f.dtype))

    def read_moments(self, layer: str, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
        """`read`, of moments (B, C) and (B, C, C): mean(R f + b) = R mean + b, cov(R f + b) = R cov
        R^T, small products all."""
        if layer not in self.readouts:
            return mean, cov
        weight, bias = (
            getattr(self, f"readout_{layer}_{part}").to(mean.dtype) for part in ("weight", "bias")
        )
        return mean @ weight.T + bias, weight @ cov @ weight.T
