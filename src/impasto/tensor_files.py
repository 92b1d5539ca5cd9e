"""Safetensors files with metadata and limits."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from impasto.errors import ImpastoError
from impasto.files import os_reason, write_atomically
from impasto.tensor_headers import (
    MAX_FILE_BYTES,
    broken,
    check_format,
    check_header,
    check_size,
    missing,
)

Array = NDArray[np.generic]

MAX_TENSORS = 100  # of a style or network file; they have up to 5


def write_safetensors(
    path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file atomically.

    Args:
        path: the target; an existing file is replaced.
        tensors: arrays by name.
        metadata: strings by name.

    Raises:
        ImpastoError: the folder or the disk does not accept the file.
    """
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    # names of files may be in no encoding
    valid = {name: value.encode(errors="replace").decode() for name, value in metadata.items()}
    data = sort_metadata(save(contiguous, valid))
    try:
        write_atomically(path, data)
    except OSError as error:
        raise ImpastoError(f"cannot write {path}: {os_reason(error)}") from error


def sort_metadata(data: bytes) -> bytes:
    """Return the bytes of a safetensors file with its metadata in alphabetical order.

    Safetensors writes them in another order each time; sorted, equal contents make equal files.
    """
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # this aligns the tensors
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def read_safetensors(
    path: Path, error_type: type[ImpastoError], format: str
) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a safetensors file of one format of impasto.

    Args:
        path: the file.
        error_type: the class of the errors raised.
        format: the required value of `format` in the metadata, such as "impasto style 1".

    Returns:
        Tensors by name, and the metadata.

    Raises:
        ImpastoError: of the class `error_type`: the file is missing, broken, too large, or has
            another format.
    """
    try:
        check_size(path, MAX_FILE_BYTES)
        check_header(path)
        with safe_open(path, "numpy") as file:
            if len(file.keys()) > MAX_TENSORS:
                raise ValueError(
                    f"it has {len(file.keys())} tensors, and {MAX_TENSORS} are the most"
                )
            metadata = file.metadata() or {}
            check_format(path, metadata, error_type, format)
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError as error:
        raise missing(path, error_type) from error
    except ImpastoError:
        raise
    except Exception as error:  # data types unknown to numpy, and more
        raise broken(path, error_type, error) from error
