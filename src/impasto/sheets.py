"""Contact sheets: many pictures on one, each with its name."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from impasto.images import UInt8

GAP, LABEL = 8, 22  # pixels between cells, and of a line of text


def contact_sheet(cells: Sequence[tuple[str, UInt8]], columns: int | None = None, width: int = 320) -> UInt8:
    """Pictures side by side, each brought to a width in pixels and labelled: uint8 (H, W, 3).

    Args:
        cells: (label, picture) in reading order.
        columns: how many in a row; by default about as many as makes the sheet wide rather than high.
    """
    columns = columns or math.ceil(math.sqrt(1.5 * len(cells)))
    small = [(label, _fitted(picture, width)) for label, picture in cells]
    rows = [small[start : start + columns] for start in range(0, len(small), columns)]
    heights = [max(picture.height for _, picture in row) + LABEL + GAP for row in rows]
    sheet = Image.new("RGB", (columns * (width + GAP) + GAP, sum(heights) + GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    y = GAP
    for row, height in zip(rows, heights, strict=True):
        for column, (label, picture) in enumerate(row):
            x = GAP + column * (width + GAP)
            sheet.paste(picture, (x, y))
            pen.text((x, y + picture.height + 3), label, "black", font)
        y += height
    return np.asarray(sheet)


def _fitted(picture: UInt8, width: int) -> Image.Image:
    image = Image.fromarray(picture)
    return image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS)
