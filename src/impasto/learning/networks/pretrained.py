"""Weights of perceptual networks: found, fetched, checked."""

import hashlib
import os
import pickle
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from impasto.errors import WeightsError
from impasto.learning.networks.perceptual import BLOCKS, NAMES, PerceptualNetwork, layer_names
from impasto.paths import PACKAGE, home, weights_folders
from impasto.tensor_files import check_header, check_size

PUBLISHED = {  # torchvision's file names end in the first 8 hex digits of their SHA-256
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
}
LITE_FILE = PACKAGE / "learning" / "networks" / "lite.safetensors"
MAX_WEIGHT_BYTES = (
    1 << 30
)  # of weights; torchvision's VGG-19, with layers that are not read, has 575 MB


def load_perceptual(
    name: str,
    dtype: torch.dtype = torch.float32,
    progress: Callable[[int, int], None] | None = None,
) -> PerceptualNetwork:
    """A perceptual network by name.

    `lite` ships inside the package. `vgg19` and `vgg16` are looked for as `<name>.safetensors` or
    under torchvision's file name in `IMPASTO_WEIGHTS` and then in the cache; if neither has them
    they are fetched from torchvision's address into the cache, checked against the SHA-256 in their
    name.

    Args:
        name: "vgg19", "vgg16" or "lite".
        dtype: type in which convolutions run.
        progress: called with (bytes so far, bytes in all or 0) while fetching.

    Raises:
        WeightsError: the name is unknown, or the weights are broken or cannot be fetched; says how
            to get them by hand.
    """
    if name not in BLOCKS:
        raise WeightsError(
            f"no perceptual network is called {name!r}; there are {', '.join(NAMES)}"
        )
    path = find_weights(name) or fetch_weights(name, progress)
    tensors = read_tensors(path)
    if said := _misfit(name, tensors):
        raise WeightsError(
            f"{path} does not hold {name}: {said}; delete it to have it fetched anew"
        )
    return PerceptualNetwork(name, tensors, dtype)


def _misfit(name: str, tensors: Mapping[str, Tensor]) -> str | None:
    """What a network cannot be made of; None if there is nothing. Weights may stop early, and be of
    any width."""
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
    broken = next(
        (
            key
            for key, each in tensors.items()
            if not each.is_floating_point() or not each.isfinite().all()
        ),
        None,
    )
    return broken and f"{broken} is not of finite numbers"


def find_weights(name: str) -> Path | None:
    """The file that holds a perceptual network on this machine, or None."""
    if name == "lite":
        return LITE_FILE
    published = PUBLISHED[name].rsplit("/", 1)[1]
    places = [
        folder / file for folder in weights_folders() for file in (f"{name}.safetensors", published)
    ]
    return next((place for place in places if place.is_file()), None)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """What a file of weights holds, tensors by name if it is sound; never runs code from the file.
    Raises whatever is wrong."""
    check_size(path, MAX_WEIGHT_BYTES)
    if path.suffix == ".safetensors":
        check_header(path)
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Convolutions (and read-outs) from a safetensors file or from a torchvision state dict; never
    runs code from the file."""
    try:
        tensors = load_tensors(path)
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


def fetch_weights(name: str, progress: Callable[[int, int], None] | None = None) -> Path:
    """Fetch torchvision's weights into the cache: to a temporary name, checked, then renamed, so no
    half file stands there."""
    url = PUBLISHED[name]
    target = home() / "weights" / url.rsplit("/", 1)[1]
    expected = target.stem.rsplit("-", 1)[1]
    by_hand = f"by hand: get {url} elsewhere, and put it into {target.parent} or a folder that IMPASTO_WEIGHTS names"
    part = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=target.parent, suffix=".part")
        digest = hashlib.sha256()
        with (
            os.fdopen(descriptor, "wb") as out,
            urllib.request.urlopen(url, timeout=60) as response,
        ):
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
            raise WeightsError(
                f"what {url} gave has SHA-256 {digest.hexdigest()[:8]}..., not {expected}...; {by_hand}"
            )
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
