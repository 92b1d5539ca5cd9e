"""impasto styles: list styles, show one in detail, or show all on a sheet."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

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
from impasto.models.network import NETWORKS
from impasto.models.style import PHOTO, SUFFIX, Style, read_style
from impasto.sheets.gallery_sheet import paint_style_sheet, preview_file, preview_sheet
from impasto.stylizer import Stylizer
from impasto.video.formats import is_same_file

# facts in this order, then others by name
FACT_ORDER = ("title", "artist", "year", "licence", "source", "C", "S", "J", "measured")
MEASURES = ("C", "S", "J")  # facts that are numbers
PIPE_WIDTH = 500  # characters, of a table that is not shown on a terminal


def styles(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STYLE",
            help="Gallery names, style files, pictures, folders of style files, or hf:user/repo on"
            " the Hugging Face Hub. [default: the gallery]",
        ),
    ] = None,
    pulled: Annotated[
        bool,
        typer.Option(
            "--pulled",
            help="List the styles that were fetched from the Hugging Face Hub, with their names.",
            rich_help_panel=options.COMMON,
        ),
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            metavar="FILE",
            help="Show all styles on one picture, written to FILE.",
            rich_help_panel=options.COMMON,
        ),
    ] = None,
    photo: Annotated[
        Path | None,
        typer.Option(
            "--photo",
            help="Paint this photograph on the sheet. [default: the previews that ship]",
            rich_help_panel=options.COMMON,
        ),
    ] = None,
    network: options.Network = "base",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """List the styles of the gallery or others, show one in detail, or all on a sheet.

    For example:

      impasto styles

      impasto styles starry-night

      impasto styles --json

      impasto styles --sheet gallery.png

      impasto styles --sheet gallery.jpg --photo photo.jpg

      impasto styles my-styles/ tulip.jpg --sheet mine.png --photo photo.jpg

      impasto styles hf:user/repo

    `impasto styles push` and `impasto styles pull` share styles on the Hugging Face Hub.
    """
    if photo and not sheet:
        raise typer.BadParameter(
            f"--photo {photo} needs a file for the sheet; give --sheet gallery.png"
        )
    if pulled and names:
        raise typer.BadParameter("--pulled lists all styles that were fetched; give no STYLE")
    if pulled:
        selected = _pulled_styles()
        if not selected:
            console.note("nothing was downloaded; `impasto styles pull user/repo` downloads styles")
            return
    else:
        selected = [style for name in names or gallery_names() for style in _find_styles(name)]
    if sheet:
        options.check_target("--sheet", sheet, WRITABLE, overwrite)
        _write_sheet(selected, sheet, photo, network, json)
    elif json:
        for style in selected:
            console.result("", record(style), as_json=True)
    elif len(selected) == 1:
        _print_details(selected[0])
    else:
        _print_table(selected)


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


def _pulled_styles() -> list[Style]:
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


def _print_table(selected: Sequence[Style]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("name", "title", "artist", "year"):
        table.add_column(column, no_wrap=column == "name")
    for network in NETWORKS:
        table.add_column(f"J {network}", justify="right")
    for style in selected:
        keys = ("title", "artist", "year", *(f"{network}.J" for network in NETWORKS))
        values = (style.metadata.get(key, "") for key in keys)
        table.add_row(
            *map(Text, (str(_reference(style) or style.name), *values))
        )  # brackets in them are no markup
    # in a pipe, a row stays a line
    Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def _print_details(style: Style) -> None:
    console = Console(highlight=False)
    facts = record(style)
    networks = facts.pop("networks")
    for key, value in facts.items():
        console.print(f"{key:12} {value}", markup=False, soft_wrap=True)
    for network, measures in networks.items():
        console.print(network, style="bold")
        for key, value in measures.items():
            console.print(f"  {key:10} {value}", markup=False, soft_wrap=True)


def _write_sheet(
    selected: Sequence[Style], target: Path, photo: Path | None, network: str, json: bool
) -> None:
    """Write a sheet of styles as they paint a photograph, or as their previews show them."""
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
