"""Style and network files that go to the Hub, or come from there."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from safetensors import safe_open

from impasto.errors import HubError, StyleError
from impasto.hub import NETWORKS_FOLDER, SUFFIX, Reference, fetch, find_reference
from impasto.models.gallery import find_style
from impasto.models.network import FORMAT as NETWORK_FORMAT
from impasto.models.network import Network, find_network, read_network
from impasto.models.style import PHOTO, Style, read_style
from impasto.tensor_headers import check_header

Files = Mapping[str, Style | Network]
"""Styles and networks by their paths in a repository, without suffix: `tulip`, `networks/base`."""


def collect_files(sources: Iterable[str | Path], keep_pictures: bool = True) -> Files:
    """Read the styles and networks to upload.

    Args:
        sources: style files, network files, names of gallery styles, and folders: a gallery made by
            `impasto train --gallery`, or one with such files.
        keep_pictures: keep the pictures that styles were learned from.

    Returns:
        Styles and networks by their paths in a repository.

    Raises:
        StyleError, NetworkError: a file is broken, or is a picture and no style.
        HubError: two files have one name, or a name has no place in a path.
    """
    files: dict[str, Style | Network] = {}
    for source in sources:
        for file in _find_files(source):
            path = _repository_path(file)
            if path in files:
                raise HubError(f"cannot push two files named {path}; push them one by one")
            if isinstance(file, Style) and not keep_pictures:
                file = replace(file, remembered=None)
            files[path] = file
    return files


def _find_files(source: str | Path) -> list[Style | Network]:
    folder = Path(source)
    if not folder.is_dir():
        return [_find_file(source)]
    folders = (folder, folder / "styles", folder / "networks")
    paths = [path for place in folders for path in sorted(place.glob(f"*{SUFFIX}"))]
    # a gallery's anchor of strength, which its networks hold too
    paths = [path for path in paths if path != folder / "styles" / f"{PHOTO}{SUFFIX}"]
    if not paths:
        raise StyleError(f"cannot push {source}: it holds no style files ({SUFFIX})")
    return [_find_file(path) for path in paths]


def _find_file(source: str | Path) -> Style | Network:
    path = Path(source)
    if path.suffix.lower() == SUFFIX and path.is_file():
        return read_network(path) if _is_network(path) else read_style(path)
    style = find_style(source)
    if style.pixels is not None:
        raise StyleError(
            f"cannot push {source}: it is a picture; learn a style from it: impasto train {source}"
        )
    return style


def _is_network(path: Path) -> bool:
    try:
        return read_header(path)[0].get("format") == NETWORK_FORMAT
    except Exception:  # of a broken file; `read_style` says why
        return False


def read_header(path: Path) -> tuple[dict[str, str], list[str]]:
    """Read the metadata of a safetensors file, and the names of its tensors."""
    check_header(path)
    with safe_open(path, "numpy") as file:
        return file.metadata() or {}, list(file.keys())


def _repository_path(file: Style | Network) -> str:
    name = re.sub(r"[^\w.-]+", "-", file.name).strip("-._")
    if not name:
        raise HubError(
            f"cannot push {file.name!r}: its name has no letters or digits; learn it with another"
            " name: impasto train --name NAME"
        )
    return name if isinstance(file, Style) else f"{NETWORKS_FOLDER}/{name}"


def pull_file(reference: Reference) -> tuple[Reference, Style | Network]:
    """Fetch a style or network from the Hub, and check it.

    Returns:
        The name of the file at the commit that was fetched, and its content.

    Raises:
        HubError: it cannot be fetched.
        StyleError, NetworkError: it is broken, or no file of impasto.
    """
    path = fetch(reference)
    pinned = find_reference(path) or reference
    return pinned, find_network(str(pinned)) if _is_network(path) else find_style(str(pinned))
