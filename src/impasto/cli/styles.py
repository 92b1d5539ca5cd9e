"""impasto styles: what there is to paint in."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from impasto.cli import options, report
from impasto.images import MAX_PIXELS, Picture, read, write
from impasto.paths import GALLERY
from impasto.sheets import contact_sheet
from impasto.styles import PHOTO, Style, find_style, gallery_names, gallery_style, preview
from impasto.stylizer import Stylizer

FIRST = ("title", "artist", "year", "licence", "source", "C", "S", "J", "measured")  # facts in this order, then others by name
PIPE_WIDTH = 500  # characters, of a table that is not shown on a terminal


def styles(
    name: Annotated[str | None, typer.Argument(help="A gallery name or a style file, to show in detail.")] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Paint this photograph in every style, on one sheet.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the sheet goes.")] = Path("styles.png"),
    network: options.Network = "base",
    json: options.Json = False,
) -> None:
    """List the styles of the gallery, show one in detail, or paint a photograph in all of them.

    Examples:

      impasto styles

      impasto styles starry-night

      impasto styles --json

      impasto styles --sheet photo.jpg -o sheet.png
    """
    shown = [find_style(name)] if name else [gallery_style(each) for each in gallery_names()]
    if sheet:
        _sheet(sheet, output, network, [style for style in shown if style.name != PHOTO], json)
    elif json:
        for style in shown:
            report.result("", record(style), as_json=True)
    elif name:
        _detail(shown[0])
    else:
        _list(shown)


def record(style: Style) -> dict[str, Any]:
    """All that a style file says: `name`, `title`, `artist`, `year`, `source`, ..., and by network its hash, C, S, J, ...;
    `picture` is the size of the one that it remembers.
    """
    metadata = {key: style.metadata[key] for key in sorted(style.metadata, key=_place)}  # files keep no order
    flat = {key: value for key, value in metadata.items() if "." not in key}
    networks: dict[str, dict[str, Any]] = {network: {"hash": code} for network, code in style.hashes.items()}
    for key, value in metadata.items():
        network, dot, fact = key.partition(".")
        if dot and network in networks:
            networks[network][fact] = _measure(value) if fact in ("C", "S", "J") else value
    if style.picture is not None:
        height, width = style.picture.shape[:2]
        flat["picture"] = f"{width}x{height}"
    if style.file and style.file.is_relative_to(GALLERY) and (shown := preview(style.name)):
        flat["preview"] = str(shown)
    return {"name": style.name, **flat, "networks": networks}


def _place(key: str) -> tuple[int, str]:
    fact = key.rpartition(".")[2]
    return (FIRST.index(fact) if fact in FIRST else len(FIRST)), key


def _measure(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:  # a file of someone else's may say anything
        return text


def _list(shown: list[Style]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("name", "title", "artist", "year"):
        table.add_column(column, no_wrap=column == "name")
    for network in ("base", "small"):
        table.add_column(f"J {network}", justify="right")
    for style in shown:
        facts = [style.metadata.get(key, "") for key in ("title", "artist", "year")]
        table.add_row(style.name, *facts, *(style.metadata.get(f"{network}.J", "") for network in ("base", "small")))
    # where nobody looks, as in a pipe, a row stays a line
    Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def _detail(style: Style) -> None:
    console = Console(highlight=False)
    shown = record(style)
    networks = shown.pop("networks")
    for key, value in shown.items():
        console.print(f"{key:12} {value}", markup=False, soft_wrap=True)
    for network, facts in networks.items():
        console.print(network, style="bold")
        for key, value in facts.items():
            console.print(f"  {key:10} {value}", markup=False, soft_wrap=True)


def _sheet(photo: Path, output: Path, network: str, shown: list[Style], json: bool) -> None:
    picture = read(photo, MAX_PIXELS).rgb
    painter = Stylizer(network)
    with report.bar(unit=True) as bar:
        task = bar.add_task("painting", total=len(shown))
        cells = [("photograph", picture)]
        for style in shown:
            cells.append((style.name, painter.stylize(picture, style)))
            bar.advance(task)
    write(output, Picture(contact_sheet(cells)))
    report.result(str(output), {"output": str(output), "styles": [style.name for style in shown]}, json)
