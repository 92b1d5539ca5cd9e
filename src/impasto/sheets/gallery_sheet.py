"""Sheets of styles: as they paint one photograph, or as their previews show them."""

from collections.abc import Sequence
from pathlib import Path

from impasto.errors import StyleError
from impasto.images.image import UInt8
from impasto.images.reading import read
from impasto.images.writing import check_sides
from impasto.inference.settings import parse_settings
from impasto.models.gallery import preview
from impasto.models.mix import Mix
from impasto.models.style import Style
from impasto.paths import GALLERY
from impasto.progress import Advance
from impasto.sheets.comparison import ComparisonSheet, load_photo, mix_labels, network_painter
from impasto.sheets.contact_sheet import CELL_WIDTH, contact_sheet
from impasto.stylizer import Stylizer


def paint_style_sheet(
    styles: Sequence[Style],
    photo: Path,
    stylizer: Stylizer,
    target: Path,
    advance: Advance = lambda _: None,
) -> UInt8:
    """Paint a photograph in each style, on one sheet.

    Args:
        styles: the styles.
        photo: a picture file.
        stylizer: the network that paints.
        target: the file that the sheet is meant for; its format limits the size.
        advance: called with the fraction of work done since the last call.

    Returns:
        uint8 RGB (H, W, 3).

    Raises:
        PictureError: the photograph cannot be read, or the sheet does not fit in the format.
        StyleError: a style does not fit the network.
    """
    all_settings = [parse_settings(stylizer.preload(style)) for style in styles]
    photos = [(photo.stem, load_photo(photo, width=CELL_WIDTH))]
    painters = [(stylizer.network.name, network_painter(stylizer))]
    sheet = ComparisonSheet(photos, all_settings, painters)
    check_sides(target, *sheet.size(CELL_WIDTH))
    paintings = []
    for painting in sheet.paint():
        paintings.append(painting)
        advance(1 / len(sheet))
    return sheet.arrange(paintings, CELL_WIDTH)


def preview_sheet(styles: Sequence[Style]) -> UInt8:
    """Show the preview of each style on one sheet, uint8 RGB (H, W, 3).

    Raises:
        StyleError: a style has no preview.
    """
    labels = mix_labels([Mix(((style, 1.0),)) for style in styles])
    previews = [(label, style_preview(style)) for label, style in zip(labels, styles, strict=True)]
    widest = max(pixels.shape[1] for _, pixels in previews)
    return contact_sheet(previews, width=min(CELL_WIDTH, widest))


def preview_file(style: Style) -> Path | None:
    """Return the preview that ships with a style of the gallery; None for any other style."""
    if style.file and style.file.is_relative_to(GALLERY):
        return preview(style.name)
    return None


def style_preview(style: Style) -> UInt8:
    """Return the preview of a gallery style, or the picture that another was learned from.

    Raises:
        StyleError: there is neither.
    """
    if file := preview_file(style):
        return read(file).rgb
    if style.picture is None:
        raise StyleError(
            f"cannot show {style.name}: it has no preview; paint a photograph in it: --photo PHOTO"
        )
    return style.picture
