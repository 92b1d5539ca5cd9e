"""Safetensors files with metadata, written whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from impasto.errors import ImpastoError

Array = NDArray[np.generic]


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the target and rename, so that nobody ever sees half a file. Raises OSError and leaves nothing then."""
    target = Path(os.path.realpath(path))  # a link stays a link, and what it points to is replaced
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".impasto-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:  # not tempfile: its files are 0600, this one has the mode of any new file
            file.write(data)
        temporary.replace(target)
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_safetensors(path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write tensors and a flat dict of strings. Raises ImpastoError if the folder or the disk does not take them."""
    try:
        write_atomically(path, save({name: np.ascontiguousarray(t) for name, t in tensors.items()}, dict(metadata)))
    except OSError as error:
        raise ImpastoError(f"cannot write {path}: {error.strerror or error}") from error


def read_safetensors(path: Path, error_type: type[ImpastoError], format: str) -> tuple[dict[str, Array], dict[str, str]]:
    """Tensors and metadata of a file whose metadata has this `format`. Raises `error_type`, naming what is wrong."""
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            if (found := metadata.get("format")) != format:
                raise error_type(f"{path} is not a file of the format {format!r}; it says {found!r}")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError as error:
        raise error_type(f"{path} does not exist") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise error_type(f"{path} is broken or no safetensors file ({error}); get or make it anew") from error
