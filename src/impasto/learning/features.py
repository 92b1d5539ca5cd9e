"""Perceptual networks by name, and their features by layer name (`relu3_1`).

`vgg19` and `vgg16` are torchvision's published networks (Simonyan and Zisserman 2015), read in torchvision's key layout
(`features.0.weight`, ...); `lite` is this project's own student of VGG-19, shipped inside the package.
"""

import hashlib
import os
import pickle
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPException
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from impasto.errors import WeightsError
from impasto.files import check_header, check_size
from impasto.paths import PACKAGE, home, weights_folders

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB in 0..1
STD = (0.229, 0.224, 0.225)

BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4), "lite": (2, 2, 4, 1)}  # convolutions before each pooling
PUBLISHED = {  # torchvision's file names end in the first 8 hex digits of their SHA-256
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
}
NAMES = tuple(BLOCKS)
LITE_FILE = PACKAGE / "learning" / "lite.safetensors"
MOST_BYTES = 1 << 30  # of weights; torchvision's VGG-19, with layers that are not read, has 575 MB


def layer_names(network: str) -> list[str]:
    """Layers in order, "pool" where a block ends: `relu1_1, relu1_2, pool, relu2_1, ...`."""
    return [
        name
        for block, convolutions in enumerate(BLOCKS[network], 1)
        for name in [*(f"relu{block}_{i}" for i in range(1, convolutions + 1)), "pool"]
    ]


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """First 16 hex digits of the SHA-256 over names, shapes, types and bytes, in the order of names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


class Perceptual(torch.nn.Module):
    """A frozen VGG-like network. Takes RGB in 0..1, (B, 3, H, W); gives ReLU features (B, C, h, w) by layer name.

    Args:
        name: "vgg19", "vgg16" or "lite": which layers there are.
        tensors: convolutions in torchvision's key layout; for a student also `readout.<layer>.weight` (C', C) and `.bias`
            (C',), the linear map that predicts the teacher's features at that layer.
        dtype: type in which convolutions run.
    """

    def __init__(self, name: str, tensors: Mapping[str, Tensor], dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.name, self.dtype, self.identity = name, dtype, f"{name}-{tensors_hash(tensors)}"
        self.layers: dict[str, int] = {}  # layer name to the index in torchvision's `features`; absent where weights stop
        index = 0
        for layer in layer_names(name):
            if layer != "pool" and f"features.{index}.weight" not in tensors:
                break
            if layer == "pool":
                index += 1
                continue
            weight, bias = tensors[f"features.{index}.weight"], tensors[f"features.{index}.bias"]
            self.register_buffer(f"w{index}", weight.to(dtype).contiguous(memory_format=torch.channels_last))
            self.register_buffer(f"b{index}", bias.to(dtype))
            self.layers[layer] = index
            index += 2
        self.readouts = {key.split(".")[1] for key in tensors if key.startswith("readout.")}
        for layer in self.readouts:
            for part in ("weight", "bias"):
                self.register_buffer(f"readout_{layer}_{part}", tensors[f"readout.{layer}.{part}"].float())
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features at `layers`, computed no further than the last of them. Raises ValueError for an unknown layer."""
        wanted = set(layers)
        if unknown := wanted - set(self.layers):
            raise ValueError(f"{self.name} has no layer {', '.join(sorted(unknown))}; it has {', '.join(self.layers)}")
        x = ((picture - self.mean) / self.std).to(self.dtype).contiguous(memory_format=torch.channels_last)
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
        """What the losses compare at a layer: the features themselves or, for a student, the teacher's as it predicts them."""
        if layer not in self.readouts:
            return f
        weight, bias = getattr(self, f"readout_{layer}_weight"), getattr(self, f"readout_{layer}_bias")
        return F.conv2d(f, weight.to(f.dtype)[:, :, None, None], bias.to(f.dtype))

    def read_moments(self, layer: str, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
        """`read`, of moments (B, C) and (B, C, C): mean(R f + b) = R mean + b, cov(R f + b) = R cov R^T, small products all."""
        if layer not in self.readouts:
            return mean, cov
        weight, bias = (getattr(self, f"readout_{layer}_{part}").to(mean.dtype) for part in ("weight", "bias"))
        return mean @ weight.T + bias, weight @ cov @ weight.T


def load(name: str, dtype: torch.dtype = torch.float32, progress: Callable[[int, int], None] | None = None) -> Perceptual:
    """A perceptual network by name.

    `lite` ships inside the package. `vgg19` and `vgg16` are looked for as `<name>.safetensors` or under torchvision's file
    name in `IMPASTO_WEIGHTS` and then in the cache; if neither has them they are fetched from torchvision's address into the
    cache, checked against the SHA-256 in their name.

    Args:
        name: "vgg19", "vgg16" or "lite".
        dtype: type in which convolutions run.
        progress: called with (bytes so far, bytes in all or 0) while fetching.

    Raises:
        WeightsError: the name is unknown, or the weights are broken or cannot be fetched; says how to get them by hand.
    """
    if name not in BLOCKS:
        raise WeightsError(f"no perceptual network is called {name!r}; there are {', '.join(NAMES)}")
    path = find(name) or fetch(name, progress)
    tensors = read_tensors(path)
    if said := _misfit(name, tensors):
        raise WeightsError(f"{path} does not hold {name}: {said}; delete it to have it fetched anew")
    return Perceptual(name, tensors, dtype)


def _misfit(name: str, tensors: Mapping[str, Tensor]) -> str | None:
    """What a network cannot be made of; None if there is nothing. Weights may stop early, and be of any width."""
    index, channels = 0, 3
    for layer in layer_names(name):
        if layer != "pool":
            weight, bias = (tensors.get(f"features.{index}.{part}") for part in ("weight", "bias"))
            if weight is None and index:
                break
            if weight is None or bias is None:
                return f"features.{index} is missing"
            if weight.shape != (len(bias), channels, 3, 3):
                return f"features.{index} has the shape {list(weight.shape)} and a bias of {list(bias.shape)}"
            channels, index = len(bias), index + 1
        index += 1
    broken = next((key for key, each in tensors.items() if not each.is_floating_point() or not each.isfinite().all()), None)
    return broken and f"{broken} is not of finite numbers"


def find(name: str) -> Path | None:
    """The file that holds a perceptual network on this machine, or None."""
    if name == "lite":
        return LITE_FILE
    published = PUBLISHED[name].rsplit("/", 1)[1]
    places = [folder / file for folder in weights_folders() for file in (f"{name}.safetensors", published)]
    return next((place for place in places if place.is_file()), None)


def stored(path: Path) -> dict[str, Tensor]:
    """What a file of weights holds, tensors by name if it is sound; never runs code from the file. Raises whatever is wrong."""
    check_size(path, MOST_BYTES)
    if path.suffix == ".safetensors":
        check_header(path)
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Convolutions (and read-outs) from a safetensors file or from a torchvision state dict; never runs code from the file."""
    try:
        tensors = stored(path)
        wanted = {k: v for k, v in tensors.items() if k.startswith(("features.", "readout."))}
        if "features.0.weight" not in wanted:
            raise KeyError("features.0.weight")
    except Exception as error:
        # PyTorch's own words on a pickle that it refuses are many lines, and advise to run it
        words = "" if isinstance(error, pickle.UnpicklingError) else f": {error}"
        raise WeightsError(
            f"{path} does not hold a perceptual network ({type(error).__name__}{words}); delete it to have it fetched anew"
        ) from error
    return wanted


def fetch(name: str, progress: Callable[[int, int], None] | None = None) -> Path:
    """Fetch torchvision's weights into the cache: to a temporary name, checked, then renamed, so no half file stands there."""
    url = PUBLISHED[name]
    target = home() / "weights" / url.rsplit("/", 1)[1]
    expected = target.stem.rsplit("-", 1)[1]
    by_hand = f"by hand: get {url} elsewhere, and put it into {target.parent} or a folder that IMPASTO_WEIGHTS names"
    part = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=target.parent, suffix=".part")
        digest = hashlib.sha256()
        with os.fdopen(descriptor, "wb") as out, urllib.request.urlopen(url, timeout=60) as response:
            total, done = int(response.headers.get("Content-Length") or 0), 0
            while block := response.read(1 << 20):
                out.write(block)
                digest.update(block)
                done += len(block)
                if progress:
                    progress(done, total)
        if done < total:  # urllib says nothing
            raise ConnectionError(f"the connection broke after {done} of {total} bytes")
        if not digest.hexdigest().startswith(expected):
            raise WeightsError(f"what {url} gave has SHA-256 {digest.hexdigest()[:8]}..., not {expected}...; {by_hand}")
        shutil.move(part, target)
        return target
    except (OSError, HTTPException) as error:
        raise WeightsError(
            f"the weights of {name} are not on this machine and could not be fetched ({error}); {by_hand}; or use the "
            "perceptual network that ships with impasto: --perceptual lite"
        ) from error
    finally:
        if part:
            Path(part).unlink(missing_ok=True)
