"""Find, fetch and check the weights of perceptual networks."""

import hashlib
import os
import pickle
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import IO

import torch
from safetensors.torch import load_file
from torch import Tensor

from impasto.errors import WeightsError
from impasto.learning.networks.perceptual import BLOCKS, NAMES, PerceptualNetwork, layer_names
from impasto.paths import PACKAGE, home, weights_folders
from impasto.tensor_headers import check_header, check_size

PUBLISHED = {  # torchvision's file names end in the first 8 hex digits of their SHA-256
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
}
LITE_FILE = PACKAGE / "learning" / "networks" / "lite.safetensors"
# bytes of a weights file; torchvision's VGG-19, with layers that are not read, has 575 MB
MAX_WEIGHT_BYTES = 1 << 30
BLOCK_BYTES = 1 << 20  # bytes that are fetched at a time
TIMEOUT = 60  # seconds without an answer

OnFetch = Callable[[int, int], None]
"""Called with the bytes so far and in all (0 where the server does not say) while fetching."""


def load_perceptual(
    name: str,
    dtype: torch.dtype = torch.float32,
    progress: OnFetch | None = None,
) -> PerceptualNetwork:
    """Load a perceptual network by name.

    `lite` ships inside the package. `vgg19` and `vgg16` are looked for as `<name>.safetensors` or
    under torchvision's file name, in `IMPASTO_WEIGHTS` and then in the cache. If neither has them,
    they are fetched from torchvision's address into the cache, and checked against the SHA-256 in
    their name.

    Args:
        name: "vgg19", "vgg16" or "lite".
        dtype: type in which convolutions run.
        progress: called with (bytes so far, bytes in all or 0) while fetching.

    Raises:
        WeightsError: the name is unknown, or the weights are broken or cannot be fetched. The
            message says how to get them by hand.
    """
    if name not in BLOCKS:
        raise WeightsError(
            f"cannot load the perceptual network {name!r}: there is none of that name; use "
            f"{', '.join(NAMES)}"
        )
    path = find_weights(name) or fetch_weights(name, progress)
    tensors = read_tensors(path)
    if reason := _misfit(name, tensors):
        raise _unusable(path, name, reason)
    return PerceptualNetwork(name, tensors, dtype)


def _unusable(path: Path, content: str, reason: str) -> WeightsError:
    return WeightsError(
        f"cannot read {content} from {path}: {reason}; delete the file, and it is fetched anew"
    )


def _misfit(name: str, tensors: Mapping[str, Tensor]) -> str | None:
    """Find the reason why a network cannot be made of tensors; None if it can.

    Weights may stop early, and be of any width.
    """
    index, channels = 0, 3
    for layer in layer_names(name):
        if layer != "pool":
            weight, bias = (tensors.get(f"features.{index}.{part}") for part in ("weight", "bias"))
            if weight is None and index:
                break
            if weight is None or bias is None:
                return f"features.{index} is missing"
            if weight.shape != (len(bias), channels, 3, 3):
                return (
                    f"features.{index} has the shape {list(weight.shape)} and a bias of "
                    f"{list(bias.shape)}"
                )
            channels, index = len(bias), index + 1
        index += 1
    for key, tensor in tensors.items():
        if not tensor.is_floating_point() or not tensor.isfinite().all():
            return f"{key} is not of finite numbers"
    return None


def find_weights(name: str) -> Path | None:
    """Find the file that holds a perceptual network on this machine; None if there is none."""
    if name == "lite":
        return LITE_FILE
    files = (f"{name}.safetensors", _published_file(name))
    paths = [folder / file for folder in weights_folders() for file in files]
    return next((path for path in paths if path.is_file()), None)


def _published_file(name: str) -> str:
    return PUBLISHED[name].rsplit("/", 1)[1]


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a weights file by name; code in the file never runs.

    Raises:
        Exception: of any type, whatever the libraries raise for a broken file.
    """
    check_size(path, MAX_WEIGHT_BYTES)
    if path.suffix == ".safetensors":
        check_header(path)
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read convolutions (and read-outs) from a safetensors file or a torchvision state dict.

    Raises:
        WeightsError: the file is broken or has no convolutions.
    """
    try:
        tensors = load_tensors(path)
        wanted = {k: v for k, v in tensors.items() if k.startswith(("features.", "readout."))}
        if "features.0.weight" not in wanted:
            raise KeyError("features.0.weight")
    except Exception as error:
        # PyTorch's own words on a pickle that it refuses are many lines, and advise to run it
        words = "" if isinstance(error, pickle.UnpicklingError) else f": {error}"
        reason = f"{type(error).__name__}{words}"
        raise _unusable(path, "a perceptual network", reason) from error
    return wanted


def fetch_weights(name: str, progress: OnFetch | None = None) -> Path:
    """Fetch torchvision's weights into the cache.

    They are written to a temporary name, checked, then renamed, so that the cache never holds half
    a file.

    Returns:
        The file in the cache.

    Raises:
        WeightsError: the file cannot be fetched or written, or its SHA-256 is another.
    """
    url = PUBLISHED[name]
    cache = home()
    if cache is None:
        raise WeightsError(
            f"cannot fetch the weights of {name}, which are not on this machine: there is no home "
            "folder to keep them; name one by IMPASTO_HOME, or use --perceptual lite"
        )
    target = cache / "weights" / _published_file(name)
    by_hand = (
        f"get {url} elsewhere, and put it into {target.parent} or into a folder that "
        "IMPASTO_WEIGHTS names"
    )
    part = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=target.parent, suffix=".part")
        with os.fdopen(descriptor, "wb") as out:
            checksum = _download(url, out, progress)
        expected = target.stem.rsplit("-", 1)[1]
        if not checksum.startswith(expected):
            raise WeightsError(
                f"cannot use the weights of {name}: {url} gave a file with the SHA-256 "
                f"{checksum[:8]}..., not {expected}...; {by_hand}"
            )
        shutil.move(part, target)
        return target
    except (OSError, HTTPException) as error:
        raise WeightsError(
            f"cannot fetch the weights of {name}, which are not on this machine: {error}; {by_hand}"
            ", or use the perceptual network that ships with impasto: --perceptual lite"
        ) from error
    finally:
        if part:
            Path(part).unlink(missing_ok=True)


def _download(url: str, out: IO[bytes], progress: OnFetch | None) -> str:
    """Copy a URL into a file; return the SHA-256 as hex digits.

    Raises:
        OSError, HTTPException: there is no connection, or it broke.
    """
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        total, done = int(response.headers.get("Content-Length") or 0), 0
        while block := response.read(BLOCK_BYTES):
            out.write(block)
            digest.update(block)
            done += len(block)
            if progress:
                progress(done, total)
    if done < total:  # of which urllib tells nothing
        raise ConnectionError(f"the connection broke after {done} of {total} bytes")
    return digest.hexdigest()
