"""What the tests of learning have in common: networks, pictures and runs that are small enough to be quick."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from impasto.learning.features import Perceptual
from impasto.learning.networks import Architecture, TransformerNetwork
from impasto.learning.train import Settings, Trainer

UInt8 = NDArray[np.uint8]

ARCHITECTURE = Architecture((4, 8, 8), blocks=1)
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")

# torchvision's VGG-19 up to relu4_1: layer, index in `features`, and here a few channels; None is pooling
VGG19 = (
    ("relu1_1", 0, 4),
    ("relu1_2", 2, 4),
    None,
    ("relu2_1", 5, 6),
    ("relu2_2", 7, 6),
    None,
    ("relu3_1", 10, 8),
    ("relu3_2", 12, 8),
    ("relu3_3", 14, 8),
    ("relu3_4", 16, 8),
    None,
    ("relu4_1", 19, 10),
)


def texture(seed: int, height: int = 64, width: int = 64) -> UInt8:
    """A picture (H, W, 3) of soft coloured blotches under fine noise."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    noisy = np.asarray(coarse, np.float64) + rng.normal(0, 12, (height, width, 3))
    return noisy.clip(0, 255).astype(np.uint8)


def pictures(*seeds: int, height: int = 64, width: int = 64) -> Tensor:
    """Textures as networks take them: (B, 3, H, W) in 0..1."""
    return torch.from_numpy(np.stack([texture(seed, height, width) for seed in seeds])).permute(0, 3, 1, 2).float() / 255


def vgg_tensors(seed: int = 0) -> dict[str, Tensor]:
    """Random convolutions in torchvision's key layout, as far as relu4_1."""
    generator = torch.Generator().manual_seed(seed)
    tensors, inputs = {}, 3
    for layer in VGG19:
        if layer:
            _, index, outputs = layer
            weight = torch.randn(outputs, inputs, 3, 3, generator=generator) * math.sqrt(2 / (9 * inputs))
            tensors[f"features.{index}.weight"] = weight
            tensors[f"features.{index}.bias"] = torch.randn(outputs, generator=generator) * 0.1
            inputs = outputs
    return tensors


def student_tensors(seed: int = 0) -> dict[str, Tensor]:
    """Those with read-outs to 12 teacher's channels at every style layer."""
    generator = torch.Generator().manual_seed(seed + 1)
    tensors = vgg_tensors(seed)
    for layer in STYLE_LAYERS:
        channels = next(found[2] for found in VGG19 if found and found[0] == layer)
        tensors[f"readout.{layer}.weight"] = torch.randn(12, channels, generator=generator)
        tensors[f"readout.{layer}.bias"] = torch.randn(12, generator=generator)
    return tensors


def tiny_perceptual(seed: int = 0, dtype: torch.dtype = torch.float32) -> Perceptual:
    return Perceptual("vgg19", vgg_tensors(seed), dtype)


def tiny_student(seed: int = 0) -> Perceptual:
    return Perceptual("lite", student_tensors(seed))


def tiny_network(seed: int = 0) -> TransformerNetwork:
    torch.manual_seed(seed)
    return TransformerNetwork(ARCHITECTURE)


def random_embedding(network: TransformerNetwork, seed: int = 0) -> Tensor:
    """A bold style, (embedding_size,)."""
    noise = torch.randn(network.embedding_size, generator=torch.Generator().manual_seed(seed))
    return network.neutral_embedding() + 0.3 * noise


class Textures:
    """Content made of textures; see `impasto.learning.content.Content`."""

    description = "textures"
    pool = 6

    def __init__(self) -> None:
        self.broken: set[str] = set()

    def crop(self, number: int, size: int) -> UInt8:
        return texture(100 + number, size, size)


def tiny_trainer(styles: Sequence[UInt8] | None = None, perceptual: Perceptual | None = None, **settings: Any) -> Trainer:
    """A run that always begins the same: two styles, batches of two crops of 64 pixels, six steps."""
    styles = [texture(1), texture(2, 64, 80)] if styles is None else styles
    network = tiny_network()
    embeddings = network.neutral_embedding().repeat(len(styles), 1)
    options = {"steps": 6, "batch": 2, "crop": 64} | settings
    return Trainer(network, embeddings, styles, Textures(), perceptual or tiny_perceptual(), Settings(**options))
