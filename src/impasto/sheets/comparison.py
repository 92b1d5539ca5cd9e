"""Comparisons: photographs painted in every combination of what may vary, on a sheet; before and
after; strengths in motion."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from impasto.errors import VideoError
from impasto.files import atomic_write, os_reason
from impasto.images.image import Picture, UInt8
from impasto.images.reading import read
from impasto.images.resize import resized
from impasto.images.rows import ArrayRows
from impasto.inference.color import Color
from impasto.inference.pipeline import build_pipeline
from impasto.inference.settings import StylizeSettings
from impasto.models.mix import Mix
from impasto.progress import Advance
from impasto.sheets.contact_sheet import SheetRow, in_rows, sheet_of
from impasto.stylizer import Stylizer

SHORT = 512  # pixels of the short side of what is painted for a sheet, if cells need no more
MOST_COLUMNS = 8  # beyond which a table is turned around if that makes it narrower
SWEEP = tuple(
    (1 - math.cos(math.pi * step / 24)) / 2 for step in range(25)
)  # strengths that linger at 0 and 1
FRAME = 80  # milliseconds that each is shown, which GIF keeps in hundredths of a second
PHOTOGRAPH = "photograph"
USUAL = "strength 1", "stroke 1", "as painted", "base"  # what goes without saying

Paint = Callable[[Picture, StylizeSettings, Advance], UInt8]
"""Paints a photograph in a manner: uint8 (H, W, 3), as large. Tells of each share of the work that
is done; they sum to 1."""


def by_network(stylizer: Stylizer) -> Paint:
    """Painting by a network."""
    return lambda photo, settings, advance: build_pipeline(
        stylizer, ArrayRows(photo.rgb), settings, photo.alpha, advance
    ).rows.to_array()


def load(path: Path, short: int | None = None, width: int = 0) -> Picture:
    """A photograph to compare by: what is clear is white.

    Args:
        path: a picture.
        short: pixels of its shorter side, which is never enlarged; None: all it has, or with
            `width` `SHORT`.
        width: pixels across that it has to have at least, if it is large enough.

    Raises PictureError if it cannot be read.
    """
    picture = read(path)
    if short is None and width:
        short = max(SHORT, math.ceil(width * min(1.0, picture.height / picture.width)))
    side = min(short or picture.height, picture.height, picture.width)
    rgb, alpha = (
        resized(picture.rgb, side),
        None if picture.alpha is None else resized(picture.alpha, side),
    )
    if alpha is not None:
        opaque = alpha[..., None].astype(np.float32) / 255
        rgb = (opaque * rgb + (1 - opaque) * 255 + 0.5).astype(np.uint8)
    return Picture(rgb, alpha)


@dataclass(frozen=True)
class ComparisonSheet:
    """Photographs, and what they are painted with: every combination of it.

    Attributes:
        photos: with their names.
        styles: manners, whose styles, masks and regions count.
        strengths, strokes, colors: those of manners.
        painters: what paints, with its name.
    """

    photos: Sequence[tuple[str, Picture]]
    styles: Sequence[StylizeSettings]
    stylizers: Sequence[tuple[str, Paint]]
    strengths: Sequence[float] = (1.0,)
    strokes: Sequence[float] = (1.0,)
    colors: Sequence[Color] = (Color(),)

    @property
    def labels(self) -> list[list[str]]:
        """Of each thing that may vary beside photographs, what its values are called."""
        return [
            [mix_label(settings.style) for settings in self.styles],
            [f"strength {strength:g}" for strength in self.strengths],
            [f"stroke {stroke:g}" for stroke in self.strokes],
            [color_label(color) for color in self.colors],
            [name for name, _ in self.stylizers],
        ]

    def __len__(self) -> int:
        return len(self.photos) * math.prod(map(len, self.labels))

    def paintings(self, advance: Advance = lambda _: None) -> Iterator[UInt8]:
        """All paintings, photograph by photograph; what varies last is the painter. `advance` is
        told of 1 for each of them.

        Raises: as `impasto.inference.pipeline.painting`.
        """
        values = self.styles, self.strengths, self.strokes, self.colors, self.stylizers
        for (_, photo), (settings, strength, stroke, color, (_, paint)) in itertools.product(
            self.photos, itertools.product(*values)
        ):
            yield paint(
                photo, replace(settings, strength=strength, stroke=stroke, color=color), advance
            )

    def size(self, width: int = 320) -> tuple[int, int]:
        """Width and height of the sheet, in pixels, before anything is painted."""
        each = len(self) // len(self.photos)
        blanks = [
            np.zeros((max(1, round(photo.height * width / photo.width)), width, 3), np.uint8)
            for _, photo in self.photos
        ]
        height, across = self.sheet([blank for blank in blanks for _ in range(each)], width).shape[
            :2
        ]
        return across, height

    def sheet(self, paintings: Sequence[UInt8], width: int = 320) -> UInt8:
        """All that `paintings` gives on one sheet, beside the photographs: uint8 (H, W, 3), cells
        `width` pixels wide.

        One thing that varies makes a flow of labelled cells, two make a table, of which photographs
        may be one, and more a flow of cells, below each photograph. What all have in common stands
        above.
        """
        varying = [labels for labels in self.labels if len(labels) > 1]
        common = ", ".join(
            labels[0] for labels in self.labels if len(labels) == 1 and labels[0] not in USUAL
        )
        if not varying:
            varying, common = [[common]], ""
        count = len(self) // len(self.photos)
        painted = [paintings[start : start + count] for start in range(0, len(self), count)]
        names = [name for name, _ in self.photos] if len(self.photos) > 1 else [PHOTOGRAPH]
        rows: list[SheetRow] = []
        if len(varying) == 1 and len(self.photos) == 1:
            rows = in_rows(
                [(PHOTOGRAPH, self.photos[0][1].rgb), *zip(varying[0], painted[0], strict=True)]
            )
        elif len(varying) == 1:
            beside = [
                [photo.rgb, *own] for (_, photo), own in zip(self.photos, painted, strict=True)
            ]
            rows = _table(names, [PHOTOGRAPH, *varying[0]], beside)
        else:
            for name, (_, photo), own in zip(names, self.photos, painted, strict=True):
                rows += [SheetRow([(name, photo.rgb)]), *_combinations(varying, own)]
        return sheet_of(rows, width, common)


def _combinations(varying: Sequence[Sequence[str]], paintings: Sequence[UInt8]) -> list[SheetRow]:
    last = len(varying[-1])
    if len(varying) == 2:
        return _table(
            varying[0],
            varying[1],
            [paintings[start : start + last] for start in range(0, len(paintings), last)],
        )
    cells = [
        (", ".join(labels), picture)
        for labels, picture in zip(itertools.product(*varying), paintings, strict=True)
    ]
    return in_rows(cells, last if last <= MOST_COLUMNS else None)


def _table(
    names: Sequence[str], heads: Sequence[str], pictures: Sequence[Sequence[UInt8]]
) -> list[SheetRow]:
    if len(heads) > max(len(names), MOST_COLUMNS):
        names, heads, pictures = heads, names, list(zip(*pictures, strict=True))
    rows = [
        SheetRow([("", picture) for picture in row], name)
        for name, row in zip(names, pictures, strict=True)
    ]
    return [replace(rows[0], heads=heads), *rows[1:]]


def mix_label(mix: Mix) -> str:
    """`starry-night`, or `starry-night 0.7 + great-wave 0.3`."""
    if len(mix.parts) == 1:
        return mix.name
    return " + ".join(f"{style.name} {weight:.2g}" for style, weight in mix.parts)


def color_label(color: Color) -> str:
    """`luminance`, `luminance 0.5` of a part, and `as painted` of colors that stay."""
    if not color.changes:
        return "as painted"
    return (
        color.mode
        + (f" {color.amount:g}" if color.amount < 1 else "")
        + (" before" if color.when == "before" else "")
    )


def before_after(photo: UInt8, painted: UInt8) -> UInt8:
    """A photograph on the left and its painting on the right of a white line: uint8 (H, W, 3), as
    large as they are."""
    middle, line = photo.shape[1] // 2, max(1, photo.shape[1] // 400)
    both = painted.copy()
    both[:, :middle] = photo[:, :middle]
    both[:, max(0, middle - line) : middle + line] = 255
    return both


def there_and_back(pictures: Sequence[UInt8]) -> list[UInt8]:
    """Pictures from the first to the last and back, to be shown again and again."""
    return [*pictures, *pictures[-2:0:-1]]


def write_animation(
    path: Path, pictures: Sequence[UInt8], milliseconds: int = FRAME, quality: int = 92
) -> None:
    """Write pictures of one size as an animated GIF or WebP, by suffix, that is played for ever.

    Raises VideoError if the folder or the disk does not take it.
    """
    from impasto.video.animations import GIFWriter, WebPWriter
    from impasto.video.clip import Clip, Frame

    frames = [
        Frame(picture, number * milliseconds, milliseconds, number + 1)
        for number, picture in enumerate(pictures)
    ]
    clip = Clip(path, Fraction(1, 1000), Fraction(1000, milliseconds), loop=0)
    try:
        with atomic_write(path) as file:
            is_gif = path.suffix.lower() == ".gif"
            writer = (
                GIFWriter(file, clip, frames[0])
                if is_gif
                else WebPWriter(file, clip, frames[0], quality)
            )
            for frame in frames:
                writer.write(frame)
            writer.close()
    except OSError as error:
        raise VideoError(f"cannot write {path}: {os_reason(error)}") from error
