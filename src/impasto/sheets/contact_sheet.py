"""Contact sheets: many pictures on one, each with its name, or in rows and columns that have
names."""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from impasto.images.image import UInt8

GAP = 8  # pixels between cells
ONE_ROW = 5  # cells that need no second row
LETTERS, LINE = (
    15,
    22 / 15,
)  # pixels of the letters in cells up to 360 wide, and of a line in those of its letters
# Pillow's own font has ASCII only; for other letters the first of these that the system has, if it
# has one
FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "Arial Unicode.ttf",
    "arialuni.ttf",
    "Arial.ttf",
    "arial.ttf",
)


@dataclass(frozen=True)
class SheetRow:
    """A row of a sheet.

    Attributes:
        cells: (label, picture); labels stand below.
        name: stands left of it.
        heads: stand above its cells.
    """

    cells: Sequence[tuple[str, UInt8]]
    name: str = ""
    heads: Sequence[str] = ()


def contact_sheet(
    cells: Sequence[tuple[str, UInt8]],
    columns: int | None = None,
    width: int = 320,
    title: str = "",
) -> UInt8:
    """Pictures side by side, each brought to a width in pixels and labelled: uint8 (H, W, 3).

    Args:
        cells: (label, picture) in reading order.
        columns: how many in a row; by default about as many as makes the sheet wide rather than
            high.
        width: pixels, of a picture.
        title: a line above all.
    """
    return sheet_of(in_rows(cells, columns), width, title)


def in_rows(cells: Sequence[tuple[str, UInt8]], columns: int | None = None) -> list[SheetRow]:
    """Cells in reading order as rows, by default as many in each as `contact_sheet` says."""
    if not columns:
        wide = len(cells) if len(cells) <= ONE_ROW else math.ceil(math.sqrt(1.5 * len(cells)))
        columns = math.ceil(
            len(cells) / math.ceil(len(cells) / wide)
        )  # the last row nearly as long as others
    return [SheetRow(cells[start : start + columns]) for start in range(0, len(cells), columns)]


def sheet_of(rows: Sequence[SheetRow], width: int = 320, title: str = "") -> UInt8:
    """Rows of pictures, each brought to a width in pixels: uint8 (H, W, 3).

    Labels are broken into lines after commas, and what is too long for a line is shortened in its
    middle.
    """
    labels = [
        text for row in rows for text in (row.name, *row.heads, *(label for label, _ in row.cells))
    ]
    font = _font("".join([title, *labels]), max(LETTERS, width // 24))
    names = [_lines(row.name, width // 2, font) for row in rows]
    left = (
        max((math.ceil(font.getlength(line)) + GAP for lines in names for line in lines), default=0)
        + GAP
    )
    across = left + max(len(row.cells) for row in rows) * (width + GAP)
    heading = Image.new("RGB", (across, GAP), "white")
    if title:
        lines = _lines(title, across - 2 * GAP, font)
        heading = Image.new("RGB", (across, GAP + len(lines) * _line(font)), "white")
        _write(heading, (GAP, GAP // 2), lines, font)
    strips = [
        _strip(row, name, (left, across, width), font)
        for row, name in zip(rows, names, strict=True)
    ]
    return np.concatenate([heading, *strips])


def _strip(
    row: SheetRow, name: list[str], sizes: tuple[int, int, int], font: ImageFont.FreeTypeFont
) -> Image.Image:
    """A row as a picture: `sizes` are where its cells begin, its width and that of a cell."""
    left, across, width = sizes
    line = _line(font)
    heads = [_lines(head, width, font) for head in row.heads]
    labels = [_lines(label, width, font) for label, _ in row.cells]
    pictures = [_fitted(picture, width) for _, picture in row.cells]
    top = line * max(map(len, heads), default=0)
    bottom = max(
        picture.height + line * len(lines) for picture, lines in zip(pictures, labels, strict=True)
    )
    strip = Image.new("RGB", (across, top + bottom + GAP), "white")
    _write(strip, (GAP, top + max(0, (pictures[0].height - line * len(name)) // 2)), name, font)
    for column, (picture, lines) in enumerate(zip(pictures, labels, strict=True)):
        x = left + column * (width + GAP)
        strip.paste(picture, (x, top))
        _write(strip, (x, top + picture.height), lines, font)
        if column < len(heads):
            _write(strip, (x, top - line * len(heads[column])), heads[column], font)
    return strip


def _line(font: ImageFont.FreeTypeFont) -> int:
    return round(LINE * font.size)


def _write(
    image: Image.Image, place: tuple[int, int], lines: Sequence[str], font: ImageFont.FreeTypeFont
) -> None:
    pen, (x, y) = ImageDraw.Draw(image), place
    for number, text in enumerate(lines):
        pen.text((x, y + number * _line(font) + font.size // 5), text, "black", font)


def _lines(text: str, width: int, font: ImageFont.FreeTypeFont) -> list[str]:
    """A label in lines no longer than `width` pixels, none if it is empty."""
    lines: list[str] = []
    for part in (
        " ".join(text.split()).split(", ") if text else []
    ):  # names of files may hold anything
        if lines and font.getlength(longer := f"{lines[-1]}, {part}") <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return [_shortened(line, width, font) for line in lines]


def _shortened(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """Without its middle, where it is too long: names of files often differ in their ends."""
    kept, short = len(text), text
    while font.getlength(short) > width and kept:
        kept -= 1
        short = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
    return short


def _font(text: str, size: int) -> ImageFont.FreeTypeFont:
    if not text.isascii():
        for name in FONTS:
            with contextlib.suppress(OSError):
                return ImageFont.truetype(name, size)
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # which Pillow's wheels have
    return font


def _fitted(picture: UInt8, width: int) -> Image.Image:
    image = Image.fromarray(picture)
    return image.resize(
        (width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS
    )
