"""Comparisons: photographs painted in every combination of styles, strengths, colors and networks.

They become a labeled sheet, one picture of before and after, or an animated sweep of strength.
"""

import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from impasto.errors import ImpastoError, PictureError, first_line
from impasto.images.formats import DEFAULT_QUALITY
from impasto.images.image import Picture, UInt8
from impasto.images.reading import read
from impasto.images.resize import resize_picture
from impasto.images.rows import ArrayRows
from impasto.images.writing import check_sides, write
from impasto.inference.color import Color
from impasto.inference.model import LoadedNetwork
from impasto.inference.pipeline import build_pipeline
from impasto.inference.settings import StylizeSettings
from impasto.models.mix import Mix
from impasto.paths import GALLERY
from impasto.progress import Advance, OnProgress, Progress
from impasto.sheets.contact_sheet import CELL_WIDTH, SheetRow, in_rows, sheet_of
from impasto.sheets.sweep import SWEEP_STRENGTHS, there_and_back, write_animation
from impasto.video.formats import is_same_file

DEFAULT_SHORT_SIDE = 512  # pixels of what is painted for a sheet, if cells need no more
MAX_COLUMNS = 8  # of a table; a wider one is transposed, if that makes it narrower
PHOTOGRAPH = "photograph"
DEFAULT_LABELS = "strength 1", "stroke 1", "as painted", "base"  # which a title leaves out

PaintFunction = Callable[[Picture, StylizeSettings, Advance], UInt8]
"""Paint a photograph: uint8 RGB (H, W, 3) of its size.

The last argument is called with the fraction of work done since its last call; they sum to 1.
"""

ComparisonKind = Literal["sheet", "before-after", "sweep"]
"""A labeled sheet, photograph and painting in one picture, or an animation of strengths."""


def network_painter(model: LoadedNetwork) -> PaintFunction:
    """Return the function that paints by a network."""
    return lambda photo, settings, advance: build_pipeline(
        model, ArrayRows(photo.rgb), settings, photo.alpha, advance
    ).rows.to_array()


def load_photo(path: Path, short_side: int | None = None, width: int = 0) -> Picture:
    """Read a photograph to compare by; transparent pixels become white.

    Args:
        path: a picture file.
        short_side: pixels of its shorter side, which is never enlarged. None keeps its size, or
            with `width` takes `DEFAULT_SHORT_SIDE`.
        width: least pixels across, if the file has as many.

    Raises:
        PictureError: the file cannot be read.
    """
    picture = read(path)
    if short_side is None and width:
        needed = math.ceil(width * min(1.0, picture.height / picture.width))
        short_side = max(DEFAULT_SHORT_SIDE, needed)
    side = min(short_side or picture.height, picture.height, picture.width)
    resized = resize_picture(picture, side)
    rgb, alpha = resized.rgb, resized.alpha
    if alpha is not None:
        opaque = alpha[..., None].astype(np.float32) / 255
        rgb = (opaque * rgb + (1 - opaque) * 255 + 0.5).astype(np.uint8)
    return Picture(rgb, alpha)


def load_photos(
    paths: Sequence[Path], target: Path, named: Container[Path], side: int | None, width: int
) -> tuple[list[tuple[str, Picture]], list[tuple[str, Exception]]]:
    """Read photographs to compare by.

    Args:
        paths: picture files.
        target: the file of the comparison. It is an earlier comparison in a folder of photographs,
            and is left out, unless it is named.
        named: files that the user named.
        side: pixels of the shorter side, as of `load_photo`.
        width: least pixels across, as of `load_photo`.

    Returns:
        Photographs with their names, and files that cannot be used with the reasons.
    """
    photos: list[tuple[Path, Picture]] = []
    failures: list[tuple[str, Exception]] = []
    for path in paths:
        if is_same_file(path, target):
            if path in named:
                reason = "it is the photograph itself, which is never overwritten; give another -o"
                failures.append((str(path), PictureError(f"cannot write {target}: {reason}")))
            continue
        try:
            photos.append((path, load_photo(path, side, width)))
        except ImpastoError as error:
            failures.append((str(path), error))
    labels = distinct_labels([(path.stem, path) for path, _ in photos])
    return [(label, photo) for label, (_, photo) in zip(labels, photos, strict=True)], failures


@dataclass(frozen=True)
class ComparisonSheet:
    """Photographs, and every combination of settings that they are painted with.

    Attributes:
        photos: photographs with their names.
        styles: settings of which the styles, masks and regions count.
        stylizers: functions that paint, with their names.
        strengths: strengths, 0..1.
        strokes: sizes of strokes.
        colors: color modes.
    """

    photos: Sequence[tuple[str, Picture]]
    styles: Sequence[StylizeSettings]
    stylizers: Sequence[tuple[str, PaintFunction]]
    strengths: Sequence[float] = (1.0,)
    strokes: Sequence[float] = (1.0,)
    colors: Sequence[Color] = (Color(),)

    @property
    def labels(self) -> list[list[str]]:
        """Labels of the values of each setting, photographs aside."""
        return [
            mix_labels([settings.style for settings in self.styles]),
            [f"strength {strength:g}" for strength in self.strengths],
            [f"stroke {stroke:g}" for stroke in self.strokes],
            [color_label(color) for color in self.colors],
            [name for name, _ in self.stylizers],
        ]

    def __len__(self) -> int:
        return len(self.photos) * math.prod(map(len, self.labels))

    def paint(self, advance: Advance = lambda _: None) -> Iterator[UInt8]:
        """Yield all paintings, photograph by photograph; the network varies fastest.

        Args:
            advance: called with the fraction of a painting done since its last call; the fractions
                of each painting sum to 1.

        Raises:
            StyleError: a style does not fit the network.
            MaskError: the mask is the photograph's transparency, and it has none.
            ValueError: a strength or a stroke is out of range.
        """
        values = self.styles, self.strengths, self.strokes, self.colors, self.stylizers
        for (_, photo), combination in itertools.product(self.photos, itertools.product(*values)):
            settings, strength, stroke, color, (_, paint) = combination
            settings = replace(settings, strength=strength, stroke=stroke, color=color)
            yield paint(photo, settings, advance)

    def size(self, width: int = CELL_WIDTH) -> tuple[int, int]:
        """Return width and height of the sheet, in pixels, before anything is painted."""
        count = len(self) // len(self.photos)
        blanks = [
            np.zeros((max(1, round(photo.height * width / photo.width)), width, 3), np.uint8)
            for _, photo in self.photos
        ]
        sheet = self.arrange([blank for blank in blanks for _ in range(count)], width)
        return sheet.shape[1], sheet.shape[0]

    def arrange(self, paintings: Sequence[UInt8], width: int = CELL_WIDTH) -> UInt8:
        """Arrange the paintings beside their photographs on one sheet.

        If one setting varies, it makes a flow of labeled cells. If two vary, photographs among
        them, they are the rows and columns of a table. If more vary, each photograph is followed
        by a flow of cells. The labels that all cells share stand above.

        Args:
            paintings: all that `paint` yields.
            width: pixels across of a cell.

        Returns:
            uint8 RGB (H, W, 3).
        """
        varying = [labels for labels in self.labels if len(labels) > 1]
        shared = [labels[0] for labels in self.labels if len(labels) == 1]
        title = ", ".join(label for label in shared if label not in DEFAULT_LABELS)
        if not varying:
            varying, title = [[title]], ""
        count = len(self) // len(self.photos)
        groups = [paintings[start : start + count] for start in range(0, len(self), count)]
        names = [name for name, _ in self.photos] if len(self.photos) > 1 else [PHOTOGRAPH]
        photos = [photo.rgb for _, photo in self.photos]
        rows: list[SheetRow] = []
        if len(varying) == 1 and len(photos) == 1:
            rows = in_rows([(PHOTOGRAPH, photos[0]), *zip(varying[0], groups[0], strict=True)])
        elif len(varying) == 1:
            cells = [[photo, *group] for photo, group in zip(photos, groups, strict=True)]
            rows = _table(names, [PHOTOGRAPH, *varying[0]], cells)
        else:
            for name, photo, group in zip(names, photos, groups, strict=True):
                rows += [SheetRow([(name, photo)]), *_combinations(varying, group)]
        return sheet_of(rows, width, title)


def _combinations(varying: Sequence[Sequence[str]], paintings: Sequence[UInt8]) -> list[SheetRow]:
    last = len(varying[-1])
    if len(varying) == 2:
        rows = [paintings[start : start + last] for start in range(0, len(paintings), last)]
        return _table(varying[0], varying[1], rows)
    cells = [
        (", ".join(labels), picture)
        for labels, picture in zip(itertools.product(*varying), paintings, strict=True)
    ]
    return in_rows(cells, last if last <= MAX_COLUMNS else None)


def _table(
    names: Sequence[str], heads: Sequence[str], pictures: Sequence[Sequence[UInt8]]
) -> list[SheetRow]:
    if len(heads) > max(len(names), MAX_COLUMNS):
        names, heads, pictures = heads, names, list(zip(*pictures, strict=True))
    rows = [
        SheetRow([("", picture) for picture in row], name)
        for name, row in zip(names, pictures, strict=True)
    ]
    return [replace(rows[0], heads=heads), *rows[1:]]


def distinct_labels(named: Sequence[tuple[str, Path | None]]) -> list[str]:
    """Label things by their names; where names are equal, by file names, or by longer paths.

    Args:
        named: names, and the files that tell them apart; without a file, a name stays.
    """
    labels = [name for name, _ in named]
    longest = max((len(file.parts) for _, file in named if file), default=0)
    for length in range(1, longest + 1):
        counts = Counter(labels)
        for index, (_, file) in enumerate(named):
            if file and counts[labels[index]] > 1:
                labels[index] = str(Path(*file.parts[-length:]))
    return labels


def mix_labels(mixes: Sequence[Mix]) -> list[str]:
    """Label mixes: `starry-night`, or `starry-night 0.7 + great-wave 0.3`, each by another text."""
    parts = dict.fromkeys((style.name, style.file) for mix in mixes for style, _ in mix.parts)
    # a name in the gallery is enough
    named = [(name, None if _is_in_gallery(file) else file) for name, file in parts]
    labels = dict(zip(parts, distinct_labels(named), strict=True))
    return [_mix_label(mix, labels) for mix in mixes]


def _is_in_gallery(file: Path | None) -> bool:
    return file is not None and file.is_relative_to(GALLERY)


def _mix_label(mix: Mix, labels: Mapping[tuple[str, Path | None], str]) -> str:
    weighted = [(labels[style.name, style.file], weight) for style, weight in mix.parts]
    if len(weighted) == 1:
        return weighted[0][0]
    return " + ".join(f"{label} {weight:.2g}" for label, weight in weighted)


def color_label(color: Color) -> str:
    """Return `luminance`, `luminance 0.5` for a part, or `as painted` where colors stay."""
    if not color.changes:
        return "as painted"
    amount = f" {color.amount:g}" if color.amount < 1 else ""
    when = " before" if color.when == "before" else ""
    return f"{color.mode}{amount}{when}"


def before_after(photo: UInt8, painting: UInt8) -> UInt8:
    """Join a photograph, on the left of a white line, and its painting, on the right.

    Args:
        photo: uint8 RGB (H, W, 3).
        painting: uint8 RGB of the same size.

    Returns:
        uint8 RGB of the same size.
    """
    middle, line = photo.shape[1] // 2, max(1, photo.shape[1] // 400)
    both = painting.copy()
    both[:, :middle] = photo[:, :middle]
    both[:, max(0, middle - line) : middle + line] = 255
    return both


@dataclass(frozen=True)
class ComparisonResult:
    """The file of a comparison.

    Attributes:
        target: the file.
        kind: what it shows.
        count: paintings, or frames of a sweep.
        width: pixels across.
        height: pixels down.
    """

    target: Path
    kind: ComparisonKind
    count: int
    width: int
    height: int


def compare(
    sheet: ComparisonSheet,
    target: Path,
    kind: ComparisonKind = "sheet",
    *,
    width: int = CELL_WIDTH,
    quality: int = DEFAULT_QUALITY,
    on_progress: OnProgress | None = None,
) -> ComparisonResult:
    """Paint a comparison and write it.

    Args:
        sheet: photographs and settings. Before and after take one of each; a sweep takes one of
            each but the strengths, which are `SWEEP_STRENGTHS`.
        target: file to write, atomically; .gif or .webp for a sweep.
        kind: what it shows.
        width: pixels across of a cell of a sheet.
        quality: of JPEG, WebP and AVIF, 1 (small) to 100 (fine).
        on_progress: called as paintings are made.

    Raises:
        PictureError: memory does not suffice, or the sheet cannot be written.
        VideoError: the sweep cannot be written.
        StyleError, MaskError, ValueError: as of `ComparisonSheet.paint`.
    """
    if kind == "sheet":
        check_sides(target, *sheet.size(width))
    if kind == "sweep":
        sheet = replace(sheet, strengths=SWEEP_STRENGTHS)
    paintings = _paint_all(sheet, on_progress or (lambda _: None))
    if kind == "sweep":
        frames = there_and_back(paintings)
        write_animation(target, frames, quality=quality)
        return ComparisonResult(target, kind, len(frames), frames[0].shape[1], frames[0].shape[0])
    if kind == "before-after":
        picture = before_after(sheet.photos[0][1].rgb, paintings[0])
    else:
        picture = sheet.arrange(paintings, width)
    write(target, Picture(picture), quality)
    return ComparisonResult(target, kind, len(paintings), picture.shape[1], picture.shape[0])


def _paint_all(sheet: ComparisonSheet, on_progress: OnProgress) -> list[UInt8]:
    begun, done, count = time.perf_counter(), 0.0, len(sheet)
    paintings: list[UInt8] = []

    def report() -> None:
        seconds = time.perf_counter() - begun
        on_progress(Progress(done / count, seconds, "painting", len(paintings), count, "painting"))

    def advance(share: float) -> None:
        nonlocal done
        done += share
        report()

    try:
        for painting in sheet.paint(advance):
            paintings.append(painting)
            done = float(len(paintings))  # at strength 0, `advance` is not called
            report()
    except (MemoryError, RuntimeError) as error:  # engines report a lack of memory as RuntimeError
        raise PictureError(
            f"cannot paint the comparison: painting failed ({first_line(error)}); make less of it,"
            " with --size"
        ) from error
    return paintings
