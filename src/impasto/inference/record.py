"""The record of a painting: the settings that it was made with, as JSON in its file.

Records hold names of files, and never their folders. The page of the server writes the same keys
from `styles` to `size`, so either restores what the other wrote.
"""

import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from impasto.choices import NETWORKS
from impasto.files import file_digest
from impasto.images.embedded import read_text
from impasto.images.formats import AVIF, JPEG, WEBP, WRITERS
from impasto.inference.masks import Mask
from impasto.inference.model import LoadedNetwork
from impasto.inference.settings import StylizeSettings
from impasto.models.mix import Mix
from impasto.models.network import Network, load_shipped, network_path
from impasto.models.style import Style
from impasto.paths import GALLERY

PROGRAM = "impasto"
GALLERY_PREFIX = "gallery:"  # of the ids of styles of the gallery
MAX_WEIGHT = 1e6  # of a style in a mix; weights that are written sum to 1
_LOSSY = (JPEG, WEBP, AVIF)


def make_record(
    settings: StylizeSettings,
    model: LoadedNetwork,
    photo: tuple[str, str | None] | None,
    size: tuple[int, int] | None = None,
    output: tuple[str, int] | None = None,
    tile: int | None = None,
) -> str:
    """Make the record of a painting.

    Args:
        settings: how it is painted.
        model: the network that paints.
        photo: name of the photo's file, and SHA-256 of its bytes if known; None for a photo in
            memory.
        size: width and height of the painting, if it is smaller than the photo.
        output: suffix and quality of the painting's file, if it has one.
        tile: pixels a side of its tiles, if they are smaller than tiles of a machine with free
            memory.

    Returns:
        A JSON object without the time, so that a painting that is repeated has the same bytes.
    """
    color = settings.color
    record: dict[str, Any] = {
        "program": PROGRAM,
        "version": package_version(PROGRAM),
        "styles": _describe_mix(settings.style),
        "strength": settings.strength,
        "stroke": settings.stroke,
        "color": color.mode,
        **_describe_network(model),
        "size": max(size) if size else None,
        "short_side": min(size) if size else None,
        "color_amount": color.amount if color.changes and color.amount != 1 else None,
        "color_when": color.when if color.changes and color.when != "after" else None,
        "wrap": settings.wrap if settings.wrap != "none" else None,
        "mask": _describe_mask(settings.mask) if settings.mask else None,
        "regions": [
            {"mask": _describe_mask(region.mask), "styles": _describe_mix(region.style)}
            for region in settings.regions
        ]
        or None,
        "quality": output[1] if output and WRITERS[output[0].lower()] in _LOSSY else None,
        "name": PurePath(photo[0]).name if photo else None,
        "photo_sha256": photo[1] if photo else None,
        "tile": tile,
    }
    kept = {key: value for key, value in record.items() if value is not None or key == "size"}
    return json.dumps(kept)


def read_record(path: str | Path) -> dict[str, Any] | None:
    """Read the settings that a picture was painted with.

    Args:
        path: a picture file.

    Returns:
        What is written in it, by this program or by its page; None if it has no settings. A file
        may hold anything: only the types of `styles` are checked.

    Raises:
        PictureError: the file is missing, unreadable, no picture, or broken.
    """
    text = read_text(Path(path))
    try:
        record = None if text is None else json.loads(text)
    except (ValueError, RecursionError):  # of another program, or changed by one
        return None
    if not isinstance(record, dict) or not is_mix(record.get("styles")):
        return None
    return record


def is_mix(value: object) -> bool:
    """Tell whether a value of a record is a list of styles with weights."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(style, Mapping)
            and isinstance(style.get("id"), str)
            and isinstance(style.get("weight"), int | float)
            and 0 <= style["weight"] <= MAX_WEIGHT
            for style in value
        )
    )


def style_digest(style: Style) -> str | None:
    """Return the SHA-256 of the file that a style was read from; None if there is none."""
    return style.digest or (file_digest(style.file) if style.file else None)


def is_shipped(network: Network) -> bool:
    """Tell whether a network is the one that `--network NAME` finds in the gallery in use."""
    name = network.name
    return name in NETWORKS and network_path(name).is_file() and network == load_shipped(name)


def _describe_mix(mix: Mix) -> list[dict[str, Any]]:
    return [
        {
            **_describe_style(style),
            "weight": weight,
            "title": style.metadata.get("title") or style.name,
        }
        for style, weight in mix.parts
    ]


def _describe_style(style: Style) -> dict[str, Any]:
    digest = style_digest(style)
    facts = {} if digest is None else {"sha256": digest}
    if style.file and style.file.parent == GALLERY / "styles":
        return {"id": f"{GALLERY_PREFIX}{style.name}", **facts}
    kind = "picture" if style.pixels is not None else "file"
    named = {"file": style.file.name} if style.file else {}
    return {"id": f"{kind}:{style.name}", **named, **facts}


def _describe_network(model: LoadedNetwork) -> dict[str, Any]:
    network, engine = model.network, model.engine
    # under another key than that of the page, which has no other networks
    key = "network" if is_shipped(network) else "own_network"
    return {
        key: network.name,
        "network_hash": network.hash,
        "gallery": network.gallery,
        "engine": engine.name,
        "engine_version": package_version(engine.name),
        "device": engine.device,
        "precision": engine.precision,
        "threads": model.threads,
    }


@cache  # as it is read from a file, once for each picture of a batch
def package_version(name: str) -> str | None:
    """Return the version of a package of Python; None if it is not installed as one."""
    # a package that is loaded tells it sooner than `importlib.metadata` loads
    version = getattr(sys.modules.get(name), "__version__", None) or _installed_version(name)
    return None if version is None else str(version).partition("-")[0]


def _installed_version(name: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _describe_mask(mask: Mask) -> dict[str, Any]:
    digest = mask.digest or (file_digest(mask.file) if mask.file else None)
    facts = {"file": mask.file.name, "sha256": digest} if mask.file else {"name": mask.name}
    return {**facts, "inverted": True} if mask.inverted else facts
