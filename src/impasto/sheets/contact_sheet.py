"""Contact sheets: many labeled pictures on one, in a flow or in named rows and columns."""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from impasto.images.image import UInt8

CELL_WIDTH = 320  # pixels across of a cell
GAP = 8  # pixels between cells
MAX_SINGLE_ROW = 5  # cells that need no second row
MIN_FONT_SIZE = 15  # pixels of letters, in cells up to 360 wide
LINE_HEIGHT = 22 / 15  # of a line, in font sizes
# Pillow's own font has ASCII only; for other letters the first of these that the system has
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
        cells: (label, picture) of each cell; the label stands below the picture.
        name: text on the left of the row.
        heads: texts above its cells.
    """

    cells: Sequence[tuple[str, UInt8]]
    name: str = ""
    heads: Sequence[str] = ()


def contact_sheet(
    cells: Sequence[tuple[str, UInt8]],
    columns: int | None = None,
    width: int = CELL_WIDTH,
    title: str = "",
) -> UInt8:
    """Arrange labeled pictures side by side.

    Args:
        cells: (label, uint8 RGB (h, w, 3)) in reading order.
        columns: cells in a row; None makes the sheet wide rather than high.
        width: pixels across to which each picture is brought.
        title: a line above all.

    Returns:
        uint8 RGB (H, W, 3).
    """
    return sheet_of(in_rows(cells, columns), width, title)


def in_rows(cells: Sequence[tuple[str, UInt8]], columns: int | None = None) -> list[SheetRow]:
    """Split cells, in reading order, into rows; by default as `contact_sheet` does."""
    count = len(cells)
    if not columns:
        wide = count if count <= MAX_SINGLE_ROW else math.ceil(math.sqrt(1.5 * count))
        # the last row nearly as long as the others
        columns = math.ceil(count / math.ceil(count / wide))
    return [SheetRow(cells[start : start + columns]) for start in range(0, len(cells), columns)]


def sheet_of(rows: Sequence[SheetRow], width: int = CELL_WIDTH, title: str = "") -> UInt8:
    """Draw rows of pictures.

    Labels are broken into lines after commas. A line that is too long is shortened in its middle.

    Args:
        rows: the rows, from the top down.
        width: pixels across to which each picture is brought.
        title: a line above all.

    Returns:
        uint8 RGB (H, W, 3).
    """
    labels = [
        text for row in rows for text in (row.name, *row.heads, *(label for label, _ in row.cells))
    ]
    font = _font("".join([title, *labels]), max(MIN_FONT_SIZE, width // 24))
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
    """Draw a row; `sizes` are the x of its first cell, its width and the width of a cell."""
    left, across, width = sizes
    line = _line(font)
    heads = [_lines(head, width, font) for head in row.heads]
    labels = [_lines(label, width, font) for label, _ in row.cells]
    pictures = [_at_width(picture, width) for _, picture in row.cells]
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
    """Return the height of a line, in pixels."""
    return round(LINE_HEIGHT * font.size)


def _write(
    image: Image.Image, place: tuple[int, int], lines: Sequence[str], font: ImageFont.FreeTypeFont
) -> None:
    pen, (x, y) = ImageDraw.Draw(image), place
    for number, text in enumerate(lines):
        pen.text((x, y + number * _line(font) + font.size // 5), text, "black", font)


def _lines(text: str, width: int, font: ImageFont.FreeTypeFont) -> list[str]:
    """Break a label into lines no longer than `width` pixels; none if it is empty."""
    lines: list[str] = []
    parts = " ".join(text.split()).split(", ") if text else []  # names of files may hold anything
    for part in parts:
        if lines and font.getlength(longer := f"{lines[-1]}, {part}") <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return [_shortened(line, width, font) for line in lines]


def _shortened(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """Shorten a text in its middle, as names of files often differ in their ends."""
    count, short = len(text), text
    while font.getlength(short) > width and count:
        count -= 1
        short = f"{text[: count - count // 2]}…{text[len(text) - count // 2 :]}"
    return short


def _font(text: str, size: int) -> ImageFont.FreeTypeFont:
    if not text.isascii():
        for name in FONTS:
            with contextlib.suppress(OSError):
                return ImageFont.truetype(name, size)
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # which Pillow's wheels have
    return font


def _at_width(picture: UInt8, width: int) -> Image.Image:
    image = Image.fromarray(picture)
    return image.resize(
        (width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS
    )
