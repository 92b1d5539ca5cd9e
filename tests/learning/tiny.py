"""What the tests of learning have in common: networks, pictures and runs that are small enough to
be quick."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from impasto.learning.data.style_crops import StyleCrops
from impasto.learning.networks.johnson import Johnson
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.predictor import new_predictor
from impasto.learning.networks.transformer import Architecture, TransformerNetwork
from impasto.learning.training.ranks import SINGLE, Ranks
from impasto.learning.training.settings import TrainingSettings
from impasto.learning.training.trainer import Trainer

UInt8 = NDArray[np.uint8]

ARCHITECTURE = Architecture((4, 8, 8), blocks=1)
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")

# torchvision's VGG-19 up to relu4_1: layer, index in `features`, and here a few channels; None is
# pooling
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
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    noisy = np.asarray(coarse, np.float64) + rng.normal(0, 12, (height, width, 3))
    return noisy.clip(0, 255).astype(np.uint8)


def pictures(*seeds: int, height: int = 64, width: int = 64) -> Tensor:
    """Textures as networks take them: (B, 3, H, W) in 0..1."""
    return (
        torch.from_numpy(np.stack([texture(seed, height, width) for seed in seeds]))
        .permute(0, 3, 1, 2)
        .float()
        / 255
    )


def vgg_tensors(seed: int = 0) -> dict[str, Tensor]:
    """Random convolutions in torchvision's key layout, as far as relu4_1."""
    generator = torch.Generator().manual_seed(seed)
    tensors, inputs = {}, 3
    for layer in VGG19:
        if layer:
            _, index, outputs = layer
            weight = torch.randn(outputs, inputs, 3, 3, generator=generator) * math.sqrt(
                2 / (9 * inputs)
            )
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


def tiny_perceptual(seed: int = 0, dtype: torch.dtype = torch.float32) -> PerceptualNetwork:
    return PerceptualNetwork("vgg19", vgg_tensors(seed), dtype)


def tiny_student(seed: int = 0) -> PerceptualNetwork:
    return PerceptualNetwork("lite", student_tensors(seed))


def tiny_network(seed: int = 0) -> TransformerNetwork:
    torch.manual_seed(seed)
    return TransformerNetwork(ARCHITECTURE)


def random_embedding(network: TransformerNetwork, seed: int = 0) -> Tensor:
    """A bold style, (embedding_size,)."""
    noise = torch.randn(network.embedding_size, generator=torch.Generator().manual_seed(seed))
    return network.neutral_embedding() + 0.3 * noise


class Textures:
    """Content made of textures; see `impasto.learning.data.photos.ContentImages`."""

    description = "textures"
    pool = 6

    def __init__(self) -> None:
        self.broken: set[str] = set()

    def crop(self, number: int, size: int) -> UInt8:
        return texture(100 + number, size, size)


def tiny_trainer(
    styles: Sequence[UInt8] | None = None,
    perceptual: PerceptualNetwork | None = None,
    noise: bool = False,
    ranks: Ranks = SINGLE,
    **settings: Any,
) -> Trainer:
    """A run that always begins the same: two styles, batches of two crops of 64 pixels, six
    steps."""
    styles = [texture(1), texture(2, 64, 80)] if styles is None else styles
    network = tiny_network().with_noise() if noise else tiny_network()
    embeddings = network.neutral_embedding().repeat(len(styles), 1)
    options = {"steps": 6, "batch": 2, "crop": 64} | settings
    return Trainer(
        network,
        embeddings,
        styles,
        Textures(),
        perceptual or tiny_perceptual(),
        TrainingSettings(**options),
        ranks=ranks,
    )


def squeeze_tensors(seed: int = 0) -> dict[str, Tensor]:
    """SqueezeNet 1.1 with random weights, in torchvision's key layout."""
    shapes = {"0": (64, 3, 3)}
    inputs = 64
    for index, squeeze, expand in zip(
        (3, 4, 6, 7, 9, 10, 11, 12),
        (16, 16, 32, 32, 48, 48, 64, 64),
        (64, 64, 128, 128, 192, 192, 256, 256),
        strict=True,
    ):
        shapes[f"{index}.squeeze"] = squeeze, inputs, 1
        shapes[f"{index}.expand1x1"], shapes[f"{index}.expand3x3"] = (
            (expand, squeeze, 1),
            (expand, squeeze, 3),
        )
        inputs = 2 * expand
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, (outputs, channels, side) in shapes.items():
        scale = math.sqrt(2 / (side * side * channels))
        tensors[f"features.{name}.weight"] = scale * torch.randn(
            outputs, channels, side, side, generator=generator
        )
        tensors[f"features.{name}.bias"] = 0.1 * torch.randn(outputs, generator=generator)
    return tensors


# Inception v3: convolution, outputs, inputs (in sixteenths, but for the picture's 3), height and
# width of the kernel
INCEPTION_STEM = (
    ("Conv2d_1a_3x3", 2, None, 3, 3),
    ("Conv2d_2a_3x3", 2, 2, 3, 3),
    ("Conv2d_2b_3x3", 4, 2, 3, 3),
    ("Conv2d_3b_1x1", 5, 4, 1, 1),
    ("Conv2d_4a_3x3", 12, 5, 3, 3),
)


def _inception_shapes() -> dict[str, tuple[int, int, int, int]]:
    """A sixteenth of the channels that the published network has (torchvision's `Inception3`,
    Mixed_5b to Mixed_7c)."""
    shapes = {name: (outputs, inputs or 3, h, w) for name, outputs, inputs, h, w in INCEPTION_STEM}

    def block(name: str, *convolutions: tuple[str, int, int, int, int]) -> None:
        shapes.update({f"Mixed_{name}.{each}": rest for each, *rest in convolutions})  # type: ignore[misc]

    for name, inputs, pooled in (("5b", 12, 2), ("5c", 16, 4), ("5d", 18, 4)):
        double = (
            ("branch3x3dbl_1", 4, inputs, 1, 1),
            ("branch3x3dbl_2", 6, 4, 3, 3),
            ("branch3x3dbl_3", 6, 6, 3, 3),
        )
        five = ("branch5x5_1", 3, inputs, 1, 1), ("branch5x5_2", 4, 3, 5, 5)
        block(
            name,
            ("branch1x1", 4, inputs, 1, 1),
            *five,
            *double,
            ("branch_pool", pooled, inputs, 1, 1),
        )
    double = (
        ("branch3x3dbl_1", 4, 18, 1, 1),
        ("branch3x3dbl_2", 6, 4, 3, 3),
        ("branch3x3dbl_3", 6, 6, 3, 3),
    )
    block("6a", ("branch3x3", 24, 18, 3, 3), *double)
    for name, c in (("6b", 8), ("6c", 10), ("6d", 10), ("6e", 12)):
        seven = (
            ("branch7x7_1", c, 48, 1, 1),
            ("branch7x7_2", c, c, 1, 7),
            ("branch7x7_3", 12, c, 7, 1),
        )
        block(name, ("branch1x1", 12, 48, 1, 1), *seven, ("branch_pool", 12, 48, 1, 1))
        sides = ((c, 48, 1, 1), (c, c, 7, 1), (c, c, 1, 7), (c, c, 7, 1), (12, c, 1, 7))
        block(name, *((f"branch7x7dbl_{i}", *side) for i, side in enumerate(sides, 1)))
    block(
        "7a",
        ("branch3x3_1", 12, 48, 1, 1),
        ("branch3x3_2", 20, 12, 3, 3),
        ("branch7x7x3_1", 12, 48, 1, 1),
    )
    block(
        "7a",
        ("branch7x7x3_2", 12, 12, 1, 7),
        ("branch7x7x3_3", 12, 12, 7, 1),
        ("branch7x7x3_4", 12, 12, 3, 3),
    )
    for name, inputs in (("7b", 80), ("7c", 128)):
        block(name, ("branch1x1", 20, inputs, 1, 1), ("branch_pool", 12, inputs, 1, 1))
        block(
            name,
            ("branch3x3_1", 24, inputs, 1, 1),
            ("branch3x3_2a", 24, 24, 1, 3),
            ("branch3x3_2b", 24, 24, 3, 1),
        )
        block(name, ("branch3x3dbl_1", 28, inputs, 1, 1), ("branch3x3dbl_2", 24, 28, 3, 3))
        block(name, ("branch3x3dbl_3a", 24, 24, 1, 3), ("branch3x3dbl_3b", 24, 24, 3, 1))
    return shapes


def inception_tensors(seed: int = 0, fid: bool = True) -> dict[str, Tensor]:
    """Inception v3 with random weights and a sixteenth of its channels; with FID's 1008 classes, or
    without a classifier."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {"fc.weight": torch.zeros(1008, 128)} if fid else {}
    for name, (outputs, inputs, height, width) in _inception_shapes().items():
        scale = math.sqrt(2 / (height * width * inputs))
        tensors[f"{name}.conv.weight"] = scale * torch.randn(
            outputs, inputs, height, width, generator=generator
        )
        for part in ("weight", "bias", "running_mean"):
            tensors[f"{name}.bn.{part}"] = 0.1 * torch.randn(outputs, generator=generator) + (
                part == "weight"
            )
        tensors[f"{name}.bn.running_var"] = 0.5 + torch.rand(outputs, generator=generator)
        tensors[f"{name}.bn.num_batches_tracked"] = torch.tensor(0)
    return tensors


def tiny_predicting_trainer(folder: Path, ranks: Ranks = SINGLE, **settings: Any) -> Trainer:
    """One that has a style predictor too, and three pictures to learn prediction from, which it
    writes into a folder."""
    for seed in range(3):
        Image.fromarray(texture(60 + seed, 80, 70)).save(folder / f"art{seed}.png")
    network = tiny_network()
    art = StyleCrops([folder])
    start = network.neutral_embedding()
    usual = (pictures(seed) for seed in range(8))
    predictor = new_predictor(start, usual, hidden=8)
    options = {"steps": 6, "batch": 4, "crop": 64} | settings
    styles = [texture(1), texture(2, 64, 80), texture(3)]
    embeddings = torch.stack([random_embedding(network, seed) for seed in range(3)])
    return Trainer(
        network,
        embeddings,
        styles,
        Textures(),
        tiny_perceptual(),
        TrainingSettings(**options),
        predictor,
        art,
        ranks=ranks,
    )


def johnson(widths: tuple[int, int, int], blocks: int, seed: int = 0) -> Johnson:
    """A random network of the PyTorch examples' kind whose pictures are neither flat nor all black
    and white."""
    torch.manual_seed(seed)
    network = Johnson(widths, blocks).requires_grad_(False).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.InstanceNorm2d):
            module.weight.normal_(1, 0.3)
            module.bias.normal_(0, 0.3)
    last = network.deconv3.conv2d
    assert last.bias is not None
    last.weight *= 120
    last.bias += 128
    return network
