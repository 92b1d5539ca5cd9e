"""Safetensors files with metadata and limits."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from impasto.errors import ImpastoError
from impasto.files import write_atomically

Array = NDArray[np.generic]

# What no file of this project comes near, so that a hostile one costs little.
MAX_FILE_BYTES = (
    1 << 28
)  # of styles and networks; base has 5 MB, one of the PyTorch examples, in float32, 7 MB
MAX_HEADER_BYTES = (
    1 << 20
)  # bytes of names, shapes and metadata; networks that ship have 900, styles 1,800
MAX_TENSORS = 100  # of styles and networks; they have up to 5


def write_safetensors(
    path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str]
) -> None:
    """Write tensors and a flat dict of strings. Raises ImpastoError if the folder or the disk does
    not take them."""
    try:
        write_atomically(
            path,
            sort_metadata(
                save({name: np.ascontiguousarray(t) for name, t in tensors.items()}, dict(metadata))
            ),
        )
    except OSError as error:
        raise ImpastoError(f"cannot write {path}: {error.strerror or error}") from error


def sort_metadata(data: bytes) -> bytes:
    """The bytes of a safetensors file with its metadata in alphabetical order, as they come in
    another each time."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # so that tensors are aligned
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def read_safetensors(
    path: Path, error_type: type[ImpastoError], format: str
) -> tuple[dict[str, Array], dict[str, str]]:
    """Tensors and metadata of a file whose metadata has this `format`. Raises `error_type`, naming
    what is wrong."""
    try:
        check_size(path, MAX_FILE_BYTES)
        check_header(path)
        with safe_open(path, "numpy") as file:
            if len(file.keys()) > MAX_TENSORS:
                raise ValueError(
                    f"it has {len(file.keys())} tensors, and {MAX_TENSORS} are the most"
                )
            metadata = file.metadata() or {}
            if (found := metadata.get("format")) != format:
                says = "does not say what it is" if found is None else f"says {found!r:.100}"
                raise error_type(
                    f"{path} is not a file of the format {format!r}; it {says}; give one that is"
                )
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError as error:
        raise error_type(f"{path} does not exist") from error
    except ImpastoError:
        raise
    except Exception as error:  # types that numpy does not have, and more
        words = " ".join(str(error).split()) or type(error).__name__
        raise error_type(
            f"{path} is broken or no safetensors file ({words}); get or make it anew"
        ) from error


def check_size(path: Path, most: int) -> None:
    """Raise ValueError if a file has more than `most` bytes, or is none."""
    if path.exists() and not path.is_file():  # opening a pipe may wait for ever
        raise ValueError("it is no file but a folder or the like")
    if (size := path.stat().st_size) > most:
        raise ValueError(f"it has {size:,} bytes, and {most:,} are the most")


def check_header(path: Path) -> None:
    """Raise ValueError if the header of a safetensors file says that it has more than `MOST_HEADER`
    bytes."""
    with path.open("rb") as file:
        if (header := int.from_bytes(file.read(8), "little")) > MAX_HEADER_BYTES:
            raise ValueError(
                f"its header says it has {header:,} bytes, and {MAX_HEADER_BYTES:,} are the most"
            )
