"""impasto styles: list styles, show one in detail, or show all on a sheet."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from impasto.choices import NETWORKS
from impasto.cli import console, options
from impasto.models.gallery_files import StyleFacts, gallery_names, read_facts, style_path

FACTS = ("title", "artist", "year")  # in the list, beside names and measures
GAP = "  "  # between columns
MIN_WIDTH = 12  # characters of a title or an artist


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
    if not (names or pulled or sheet or json):
        _print_table([read_facts(style_path(name)) for name in gallery_names()])
        return
    from impasto.cli import style_records  # reads pictures, which takes longer to load than to list

    selected = style_records.pulled_styles() if pulled else style_records.find_styles(names)
    if pulled and not selected:
        console.note("nothing was downloaded; `impasto styles pull user/repo` downloads styles")
        return
    if sheet:
        style_records.write_sheet(selected, sheet, photo, network, overwrite, json)
    elif json:
        for style in selected:
            console.result("", style_records.record(style), as_json=True)
    elif len(selected) == 1:
        style_records.print_details(selected[0])
    else:
        _print_table(
            [
                StyleFacts(style_records.listed_name(style), style.metadata, style.file)
                for style in selected
            ]
        )


def _print_table(selected: Sequence[StyleFacts]) -> None:
    """Print a line for each style, without rich, which takes longer to load than to list.

    In a terminal that is narrower, titles and names of artists are cut.
    """
    rows = [("name", *FACTS, *(f"J {network}" for network in NETWORKS))]
    keys = (*FACTS, *(f"{network}.J" for network in NETWORKS))
    rows += [(style.name, *(style.metadata.get(key, "") for key in keys)) for style in selected]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if sys.stdout.isatty():
        excess = sum(widths) + len(GAP) * (len(widths) - 1) - shutil.get_terminal_size().columns
        for column in (1, 2):
            cut = max(0, min(excess, widths[column] - MIN_WIDTH))
            widths[column] -= cut
            excess -= cut
    for row in rows:
        print(GAP.join(map(_cell, row, widths, range(len(row)))).rstrip())


def _cell(text: str, width: int, column: int) -> str:
    """Pad or cut a text; numbers are put on the right."""
    cut = text if len(text) <= width else f"{text[: width - 1]}…"
    return cut.rjust(width) if column > len(FACTS) else cut.ljust(width)
