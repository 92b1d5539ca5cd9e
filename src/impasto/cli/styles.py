"""impasto styles: what there is to paint in."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from impasto.cli import console, options
from impasto.errors import PictureError, StyleError
from impasto.images.formats import WRITABLE
from impasto.images.image import Picture, UInt8
from impasto.images.reading import read
from impasto.images.writing import check_sides, write
from impasto.inference.settings import parse_settings
from impasto.models.gallery import find_style, gallery_names, preview
from impasto.models.style import PHOTO, SUFFIX, Style, read_style
from impasto.paths import GALLERY
from impasto.sheets.comparison import ComparisonSheet, by_network, load
from impasto.sheets.contact_sheet import contact_sheet
from impasto.stylizer import Stylizer
from impasto.video.formats import is_same_file

FIRST = (
    "title",
    "artist",
    "year",
    "licence",
    "source",
    "C",
    "S",
    "J",
    "measured",
)  # facts in this order, then others by name
WIDTH = 320  # pixels, of a cell of a sheet
PIPE_WIDTH = 500  # characters, of a table that is not shown on a terminal


def styles(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STYLE",
            help="Gallery names, style files, pictures, or folders of style files. [default: the gallery]",
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FILE", help="Show all of them on a picture, this one."),
    ] = None,
    photo: Annotated[
        Path | None,
        typer.Option(
            "--photo",
            help="With --sheet: paint this photograph. [default: previews, painted already]",
        ),
    ] = None,
    network: options.Network = "base",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the sheet if it exists.")
    ] = False,
    json: options.Json = False,
) -> None:
    """List the styles of the gallery or others, show one in detail, or all on a sheet.

    Examples:

      impasto styles

      impasto styles starry-night

      impasto styles --json

      impasto styles --sheet gallery.png

      impasto styles --sheet gallery.jpg --photo photo.jpg

      impasto styles my-styles/ tulip.jpg --sheet mine.png --photo photo.jpg
    """
    if photo and not sheet:
        raise typer.BadParameter(
            f"--photo {photo} is for a sheet; say where it goes: --sheet gallery.png"
        )
    shown = [style for name in names or gallery_names() for style in _styles(name)]
    if sheet:
        options.check_target("--sheet", sheet, WRITABLE, overwrite)
        if not names:
            shown = [style for style in shown if style.name != PHOTO]
        _sheet(shown, sheet, photo, network, json)
    elif json:
        for style in shown:
            console.result("", record(style), as_json=True)
    elif len(shown) == 1:
        _detail(shown[0])
    else:
        _list(shown)


def _styles(name: str) -> list[Style]:
    """What a name stands for: a style, or those of a folder, or of the gallery that a folder is."""
    folder = Path(name)
    if not folder.is_dir():
        return [find_style(name)]
    files = sorted({*folder.glob(f"*{SUFFIX}"), *(folder / "styles").glob(f"*{SUFFIX}")})
    if not files:
        raise StyleError(
            f"{name} holds no style files ({SUFFIX}); name files or styles of the gallery"
        )
    return [read_style(file) for file in files]


def record(style: Style) -> dict[str, Any]:
    """All that a style file says: `name`, `title`, `artist`, `year`, `source`, ..., and by network
    its hash, C, S, J, ...; `picture` is the size of the one that it remembers.
    """
    metadata = {
        key: style.metadata[key] for key in sorted(style.metadata, key=_place)
    }  # files keep no order
    flat = {key: value for key, value in metadata.items() if "." not in key}
    networks: dict[str, dict[str, Any]] = {
        network: {"hash": code} for network, code in style.hashes.items()
    }
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
        table.add_row(
            style.name,
            *facts,
            *(style.metadata.get(f"{network}.J", "") for network in ("base", "small")),
        )
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


def _sheet(shown: list[Style], target: Path, photo: Path | None, network: str, json: bool) -> None:
    """Styles as they paint a photograph, or as their previews show them."""
    if photo:
        if is_same_file(photo, target):
            raise PictureError(
                f"{target} is the photograph itself, which is never overwritten; give another --sheet"
            )
        stylizer = Stylizer(network)
        all_settings = [parse_settings(stylizer.preload(style)) for style in shown]
        comparison = ComparisonSheet(
            [(photo.stem, load(photo, width=WIDTH))],
            all_settings,
            [(stylizer.network.name, by_network(stylizer))],
        )
        check_sides(target, *comparison.size(WIDTH))
        with console.bar(unit=True) as bar:
            task = bar.add_task("painting", total=len(shown))
            paintings = []
            for painting in comparison.paintings():
                paintings.append(painting)
                bar.advance(task)
        picture = comparison.sheet(paintings, WIDTH)
    else:
        previews = [(style.name, _preview(style)) for style in shown]
        picture = contact_sheet(
            previews, width=min(WIDTH, max(preview.shape[1] for _, preview in previews))
        )
    write(target, Picture(picture))
    size = {"width": picture.shape[1], "height": picture.shape[0]}
    console.result(
        str(target), {"output": str(target), "styles": [style.name for style in shown]} | size, json
    )


def _preview(style: Style) -> UInt8:
    """What ships with a style of the gallery, or the picture that another was learned from."""
    if style.file and style.file.is_relative_to(GALLERY) and (shown := preview(style.name)):
        return read(shown).rgb
    if style.picture is None:
        raise StyleError(f"{style.name} has no preview; paint a photograph in it: --photo PHOTO")
    return style.picture
