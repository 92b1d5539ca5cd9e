"""Files in object stores (s3://, gs://, ...) by fsspec, beside those on disks."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from impasto.batch.inputs import InputFile, ListAddress, NamedFile
from impasto.errors import OutputError, PictureError, one_line
from impasto.files import address, is_url, os_reason
from impasto.images.formats import EXTENSIONS
from impasto.video.formats import EXTENSIONS_READ
from impasto.video.image_sequences import is_pattern

INSTALL = "pip install 'impasto[cluster]'"
_KNOWN = EXTENSIONS | EXTENSIONS_READ


def open_store(path: str) -> tuple[Any, str]:
    """Return the file system of a path or an address, and the path in it.

    Raises:
        PictureError: the package that knows this kind of address is missing.
    """
    try:
        from fsspec.core import url_to_fs

        return url_to_fs(path)
    except ImportError as error:
        raise PictureError(
            f"cannot open {path}: a package is missing ({one_line(error)}); {INSTALL}, and s3fs,"
            " gcsfs or adlfs as the address needs it"
        ) from error
    except ValueError as error:
        raise PictureError(f"cannot open {path}: {one_line(error)}; check the address") from error


def address_lister(output: str) -> ListAddress:
    """Return the function that finds the files of an address: an object, a prefix or a glob.

    Args:
        output: folder or address of the paintings, which are no inputs.
    """

    def list_address(text: str) -> list[InputFile]:
        if is_pattern(text):
            raise PictureError(
                f"cannot paint {text}: numbered pictures are read from folders only; copy them"
            )
        # one of a list of millions is not asked for: painting it shows whether it exists
        if PurePosixPath(text).suffix.lower() in _KNOWN and not _has_magic(text):
            return [_named(text)]
        store, path = open_store(text)
        try:
            keys = store.glob(path) if _has_magic(text) else _find(store, path)
        except Exception as error:  # each store has errors of its own
            raise _failure("list", text, error) from error
        parent = path.rstrip("/") + "/"
        files = []
        for key in keys:
            below = key.removeprefix(parent) if not _has_magic(text) else ""
            full = address(Path(store.unstrip_protocol(key)))
            if store._strip_protocol(full) != key:
                raise _odd(f"{text}: the object {key}")
            if _is_input(below or key, full, output):
                files.append(_named(full, Path(below).parent))
        if not files:
            raise PictureError(
                f"cannot paint {text}: it holds no pictures and no videos by their suffixes; check"
                " the address"
            )
        return files

    return list_address


def _has_magic(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _is_input(below: str, full: str, output: str) -> bool:
    """Tell whether an object counts: by its suffix, unless it is hidden or a painting."""
    is_hidden = any(part.startswith(".") for part in below.split("/"))
    is_output = full.startswith(output.rstrip("/") + "/")
    return PurePosixPath(full).suffix.lower() in _KNOWN and not is_hidden and not is_output


def _named(text: str, below: Path = Path()) -> InputFile:
    """Make an input of an address.

    Raises:
        PictureError: `Path` would change the address.
    """
    if address(Path(text)) != text:
        raise _odd(text)
    return NamedFile(Path(text), below)


def _odd(text: str) -> PictureError:
    return PictureError(
        f"cannot paint {text}: a part of the address is empty, . or ..; rename the object"
    )


def fetch(source: str, target: Path) -> None:
    """Copy an object to a file.

    Raises:
        PictureError: it cannot be read.
    """
    store, path = open_store(source)
    try:
        store.get_file(path, str(target))
    except FileNotFoundError as error:
        raise PictureError(
            f"cannot read {source}: there is no such object; check the name"
        ) from error
    except Exception as error:
        raise _failure("read", source, error) from error


def upload(source: Path, target: str) -> None:
    """Copy a file to an object, which appears whole or not at all.

    Raises:
        PictureError: it cannot be written.
    """
    store, path = open_store(target)
    try:
        store.put_file(str(source), path)
    except Exception as error:
        raise _failure("write", target, error) from error


def write_text(target: str, text: str) -> None:
    """Write a small file or object, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    from impasto.files import write_atomically

    try:
        if not is_url(target):
            write_atomically(Path(target), text.encode())
        else:
            store, path = open_store(target)
            store.pipe_file(path, text.encode())
    except Exception as error:
        raise OutputError(str(_failure("write", target, error))) from error


def read_texts(folder: str) -> Iterator[str]:
    """Yield the contents of the reports right below a folder or prefix, by name.

    Raises:
        PictureError: they cannot be read.
    """
    store, path = open_store(folder)
    try:
        keys = [key for key in sorted(_find(store, path, maxdepth=1)) if key.endswith(".jsonl")]
        contents = store.cat(keys) if keys else {}
    except Exception as error:
        raise _failure("read", folder, error) from error
    yield from (contents[key].decode() for key in keys)


def read_text(path: str) -> str | None:
    """Return the content of a small file or object; None where there is none.

    Raises:
        PictureError: it cannot be read.
    """
    store, key = open_store(path)
    try:
        content = store.cat_file(key)
    except FileNotFoundError:
        return None
    except Exception as error:
        raise _failure("read", path, error) from error
    return str(content, "utf-8")


def list_outputs(folder: str) -> set[str]:
    """List all files below a folder or prefix, as `impasto.files.address` writes them.

    Raises:
        PictureError: it cannot be listed.
    """
    if not is_url(folder):
        return {
            os.path.join(place, name)  # noqa: PTH118  # `Path` would take seconds a million
            for place, _, names in os.walk(Path(folder))  # of ./out too, paths begin with out
            for name in names
        }
    store, path = open_store(folder)
    try:
        keys = _find(store, path)
    except Exception as error:
        raise _failure("list", folder, error) from error
    return {address(Path(store.unstrip_protocol(key))) for key in keys}


def _find(store: Any, path: str, **options: Any) -> list[str]:
    """List all keys below a prefix as they are now, and not as an earlier listing saw them."""
    store.invalidate_cache()
    return list(store.find(path, **options))


def remove(place: str) -> None:
    """Remove a file, a folder or a prefix, with all below it, if it exists.

    Raises:
        OutputError: it cannot be removed.
    """
    store, path = open_store(place)
    try:
        store.rm(path, recursive=True)
    except FileNotFoundError:
        return
    except Exception as error:
        raise OutputError(str(_failure("remove", place, error))) from error


def _failure(verb: str, path: str, error: Exception) -> PictureError:
    if isinstance(error, PictureError):
        return error
    reason = os_reason(error) if isinstance(error, OSError) else one_line(error)
    return PictureError(
        f"cannot {verb} {path}: {reason or type(error).__name__}; check the address and the"
        " credentials"
    )
