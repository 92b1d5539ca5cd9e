"""Styles that `impasto styles` names: find them, show all facts, or paint a sheet."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from impasto.cli import console, options
from impasto.errors import PictureError, StyleError
from impasto.hub import (
    Reference,
    find_reference,
    is_reference,
    list_fetched,
    list_files,
    parse_reference,
)
from impasto.images.formats import WRITABLE
from impasto.images.image import Picture
from impasto.images.writing import write
from impasto.models.gallery import find_style, gallery_names
from impasto.models.style import PHOTO, SUFFIX, Style, read_style
from impasto.sheets.gallery_sheet import paint_style_sheet, preview_file, preview_sheet
from impasto.stylizer import Stylizer
from impasto.video.formats import is_same_file

# facts in this order, then others by name
FACT_ORDER = ("title", "artist", "year", "licence", "source", "C", "S", "J", "measured")
MEASURES = ("C", "S", "J")  # facts that are numbers


def find_styles(names: Sequence[str] | None) -> list[Style]:
    """Find the styles that names stand for; by default those of the gallery.

    Raises:
        StyleError: there is no such style, or a file is broken.
        HubError: a style cannot be fetched from the Hub.
    """
    return [style for name in names or gallery_names() for style in _find_styles(name)]


def _find_styles(name: str) -> list[Style]:
    """Find a style, or those of a folder, of the gallery that a folder is, or of a repository."""
    if is_reference(name) and not (repository := parse_reference(name, whole=True)).path:
        references = [one for one in list_files(repository) if not one.in_networks]
        return [find_style(str(reference)) for reference in references]
    folder = Path(name)
    if not folder.is_dir():
        return [find_style(name)]
    gallery = folder / "styles"
    files = sorted({*folder.glob(f"*{SUFFIX}"), *gallery.glob(f"*{SUFFIX}")})
    # a gallery's anchor of strength is no painting
    files = [file for file in files if file != gallery / f"{PHOTO}{SUFFIX}"]
    if not files:
        raise StyleError(
            f"cannot list {name}: it holds no style files ({SUFFIX}); name files or styles of the"
            " gallery"
        )
    return [read_style(file) for file in files]


def pulled_styles() -> list[Style]:
    """Read the styles in the cache of the Hub."""
    found = []
    for path in list_fetched():
        with contextlib.suppress(StyleError):  # a network, or a file of another program
            found.append(read_style(path))
    return found


def record(style: Style) -> dict[str, Any]:
    """Return all facts of a style file.

    These are `name`, `title`, `artist`, `year`, `source` and so on; by network its hash, C, S, J
    and so on; as `picture` the size of the picture that the file remembers; and as `hub` the name
    of a file that is of the Hugging Face Hub.
    """
    # files keep no order
    metadata = {key: style.metadata[key] for key in sorted(style.metadata, key=_fact_order)}
    facts = {key: value for key, value in metadata.items() if "." not in key}
    networks: dict[str, dict[str, Any]] = {
        network: {"hash": code} for network, code in style.hashes.items()
    }
    for key, value in metadata.items():
        network, dot, fact = key.partition(".")
        if dot and network in networks:
            networks[network][fact] = _number(value) if fact in MEASURES else value
    if style.picture is not None:
        height, width = style.picture.shape[:2]
        facts["picture"] = f"{width}x{height}"
    if file := preview_file(style):
        facts["preview"] = str(file)
    if reference := _reference(style):
        facts["hub"] = str(reference)
    return {"name": style.name, **facts, "networks": networks}


def listed_name(style: Style) -> str:
    """Return the name of a style in a list: of one that is of the Hub, the name there."""
    return str(_reference(style) or style.name)


def _reference(style: Style) -> Reference | None:
    return find_reference(style.file) if style.file else None


def _fact_order(key: str) -> tuple[int, str]:
    fact = key.rpartition(".")[2]
    return (FACT_ORDER.index(fact) if fact in FACT_ORDER else len(FACT_ORDER)), key


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:  # the file of someone else may hold anything
        return text


def print_details(style: Style) -> None:
    """Print all facts of a style, a line each."""
    console = Console(highlight=False)
    facts = record(style)
    networks = facts.pop("networks")
    for key, value in facts.items():
        console.print(f"{key:12} {value}", markup=False, soft_wrap=True)
    for network, measures in networks.items():
        console.print(network, style="bold")
        for key, value in measures.items():
            console.print(f"  {key:10} {value}", markup=False, soft_wrap=True)


def write_sheet(
    selected: Sequence[Style],
    target: Path,
    photo: Path | None,
    network: str,
    overwrite: bool,
    json: bool,
) -> None:
    """Write a sheet of styles as they paint a photograph, or as their previews show them.

    Raises:
        BadParameter: the target exists and is kept, or cannot be written.
        PictureError, StyleError: a picture cannot be read, or a style has no preview.
    """
    options.check_target("--sheet", target, WRITABLE, overwrite)
    if not photo:
        pixels = preview_sheet(selected)
    elif is_same_file(photo, target):
        raise PictureError(
            f"cannot write {target}: it is the photograph itself, which is never overwritten; give"
            " another --sheet"
        )
    else:
        with console.bar(unit=True) as bar:
            task = bar.add_task("painting", total=len(selected))
            pixels = paint_style_sheet(
                selected,
                photo,
                Stylizer(network),
                target,
                lambda share: bar.advance(task, share * len(selected)),
            )
    write(target, Picture(pixels))
    facts = {"output": str(target), "styles": [style.name for style in selected]}
    size = {"width": pixels.shape[1], "height": pixels.shape[0]}
    console.result(str(target), facts | size, json)
