"""Headers of safetensors files, read without numpy: sizes, metadata and limits."""

import json
from pathlib import Path

from impasto.errors import ImpastoError, one_line

# Limits far above every file of impasto, so that a hostile file costs little time and memory.

# bytes of a style or network file; `base` has 5 MB, a network of the PyTorch examples, in float32,
# 7 MB
MAX_FILE_BYTES = 1 << 28
# bytes of names, shapes and metadata; networks that ship have 900, styles 1,800
MAX_HEADER_BYTES = 1 << 20


def read_metadata(path: Path, error_type: type[ImpastoError], format: str) -> dict[str, str]:
    """Read the metadata of a safetensors file of one format of impasto, and none of its tensors.

    Args:
        path: the file.
        error_type: the class of the errors raised.
        format: the required value of `format` in the metadata, such as "impasto style 1".

    Raises:
        ImpastoError: of the class `error_type`: the file is missing, its header is broken or too
            large, or it has another format.
    """
    try:
        check_size(path, MAX_FILE_BYTES)
        size = check_header(path)
        with path.open("rb") as file:
            metadata = json.loads(file.read(8 + size)[8:]).get("__metadata__", {})
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata are not text")
    except FileNotFoundError as error:
        raise missing(path, error_type) from error
    except Exception as error:  # of JSON that is no object, too
        raise broken(path, error_type, error) from error
    check_format(path, metadata, error_type, format)
    return metadata


def check_size(path: Path, max_bytes: int) -> None:
    """Raise ValueError if a path is no file, or its file has more than `max_bytes` bytes."""
    if path.exists() and not path.is_file():  # opening a pipe may wait for ever
        raise ValueError("it is no file but a folder or the like")
    if (size := path.stat().st_size) > max_bytes:
        raise ValueError(f"it has {size:,} bytes, and {max_bytes:,} are the most")


def check_header(path: Path) -> int:
    """Return the bytes of the header that a safetensors file declares.

    Raises:
        ValueError: they are more than `MAX_HEADER_BYTES`.
    """
    with path.open("rb") as file:
        if (header := int.from_bytes(file.read(8), "little")) > MAX_HEADER_BYTES:
            raise ValueError(
                f"its header says it has {header:,} bytes, and {MAX_HEADER_BYTES:,} are the most"
            )
    return header


def check_format(
    path: Path, metadata: dict[str, str], error_type: type[ImpastoError], format: str
) -> None:
    """Raise an error of the class `error_type` if a file has another format."""
    if (actual := metadata.get("format")) != format:
        label = "no format" if actual is None else f"the format {actual!r:.100}"
        raise error_type(
            f"cannot read {path}: it has {label}; give a file of the format {format!r}"
        )


def missing(path: Path, error_type: type[ImpastoError]) -> ImpastoError:
    """Make the error for a file that does not exist."""
    return error_type(f"cannot read {path}: it does not exist; check the name")


def broken(path: Path, error_type: type[ImpastoError], error: Exception) -> ImpastoError:
    """Make the error for a file that is broken, or of another kind."""
    return error_type(
        f"cannot read {path}: it is broken or no safetensors file ({one_line(error)});"
        " get or make it anew"
    )
