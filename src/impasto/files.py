"""Safetensors files with metadata, written whole or not at all."""

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from impasto.errors import ImpastoError

Array = NDArray[np.generic]


@contextlib.contextmanager
def whole(path: Path, named: Callable[[Path], Path] = lambda path: path) -> Iterator[IO[bytes]]:
    """A new file to write that takes the place of `path` when all went well, so that nobody ever sees half a file.

    It stands beside the target until then. Whatever is raised leaves nothing, and what was there as it was; OSError where
    the folder or the disk does not take it. `named` may give it another name in the end.
    """
    target = Path(os.path.realpath(path))  # a link stays a link, and what it points to is replaced
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".impasto-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:  # not tempfile: its files are 0600, this one has the mode of any new file
            yield file
        temporary.replace(named(target))
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the target and rename. Raises OSError and leaves nothing then."""
    with whole(path) as file:
        file.write(data)


_REMEDIES = {
    errno.ENOSPC: "free some space, or choose another disk",
    errno.EDQUOT: "free some space, or choose another disk",
    errno.EACCES: "change its permissions, or choose another folder",
    errno.EPERM: "change its permissions, or choose another folder",
    errno.EROFS: "choose another folder",
    errno.ENOENT: "make its folder, or choose another",
    errno.ENOTDIR: "a part of its path is a file; choose another folder",
    errno.EEXIST: "a part of its path is a file; choose another folder",
    errno.EISDIR: "there is a folder of this name; choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def os_reason(error: OSError) -> str:
    """What the system says of a file or folder that it does not take, and what to do."""
    reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0)
    return f"{reason}; {remedy}" if remedy else reason


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
