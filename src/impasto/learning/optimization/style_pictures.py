"""Styles as an optimization needs them: pictures with weights and places."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from impasto.errors import StyleError
from impasto.images.image import UInt8
from impasto.images.resize import resized
from impasto.images.rows import ArrayRows
from impasto.inference.color import Color, recolor_style
from impasto.inference.masks import Float32
from impasto.inference.pipeline import build_pipeline, recolor_styles
from impasto.inference.settings import StylizeSettings
from impasto.learning.optimization.settings import MIN_SHORT_SIDE
from impasto.models.style import Style
from impasto.paths import GALLERY
from impasto.stylizer import Stylizer

MIN_STYLE_SIDE = 64  # pixels, short side up to which smaller styles are enlarged


@dataclass(frozen=True, eq=False)
class StylePicture:
    """The picture of a style.

    Attributes:
        picture: uint8 RGB (H, W, 3), at the size for the finest scale.
        weight: among the others.
        mask: where it is painted, (H, W) of any size in 0..1; None: everywhere.
    """

    picture: UInt8
    weight: float = 1.0
    mask: Float32 | None = None


def style_pictures(
    settings: StylizeSettings, photo: UInt8, short: int | None = None
) -> list[StylePicture]:
    """List the pictures of all styles, with their weights and places.

    Args:
        settings: the styles, their regions, and whether they get the photograph's colors.
        photo: uint8 RGB (H, W, 3), as large as the painting.
        short: short side of the pictures, pixels; by default that of the photograph. Smaller
            pictures are not enlarged, except those below `MIN_STYLE_SIDE`.

    Raises:
        StyleError: a style has no picture, as those of the gallery.
    """
    pictures = []
    painted = _mask_or_ones(settings, photo)
    for mix, place in zip(settings.mixes, _places(settings, photo), strict=True):
        share = float(place.sum() / painted.sum())
        for style, weight in mix.parts if share else ():
            picture = _picture_of(style)
            if settings.color.when == "before":
                picture = recolor_style(picture, photo, settings.color)
            side = max(MIN_STYLE_SIDE, min(short or min(photo.shape[:2]), *picture.shape[:2]))
            mask = place if settings.masks else None
            pictures.append(StylePicture(resized(picture, side), weight * share, mask))
    return pictures


def _mask_or_ones(settings: StylizeSettings, photo: UInt8) -> Float32:
    """Make the mask of the painting, (H, W) in 0..1."""
    if settings.mask is None:
        return np.ones(photo.shape[:2], np.float32)
    return settings.mask.at_size(*photo.shape[:2])


def _places(settings: StylizeSettings, photo: UInt8) -> list[Float32]:
    """Make the masks of the mixes; a later region lies over an earlier one."""
    painted = _mask_or_ones(settings, photo)
    places = [painted]
    for region in settings.regions:
        within = region.mask.at_size(*photo.shape[:2])
        places = [*(place * (1 - within) for place in places), painted * within]
    return places


def _picture_of(style: Style) -> UInt8:
    """Look up a style's picture, uint8 RGB (H, W, 3).

    Raises:
        StyleError: it has none, or one of hardly any pixels.
    """
    picture = style.picture
    if picture is None:
        from_gallery = style.file is None or GALLERY in style.file.parents
        reason = (
            f"{style.name} is of the gallery, without its picture"
            if from_gallery
            else f"{style.file} does not remember its picture"
        )
        raise StyleError(
            f"cannot optimize: {reason}, and a painting is optimized towards a picture; give the "
            f"picture itself, such as {style.name}.jpg"
        )
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SHORT_SIDE:
        raise StyleError(
            f"cannot optimize: {style.file or style.name} has {width}x{height} pixels, which show "
            f"no style; give {MIN_SHORT_SIDE} or more"
        )
    return picture


def start_painter(stylizer: Stylizer, settings: StylizeSettings) -> Callable[[UInt8], UInt8]:
    """Make the function that paints the start of an optimization.

    Its colors and mask are left out, as they are applied to the optimized painting.

    Args:
        stylizer: paints.
        settings: the styles and regions.

    Returns:
        A function of photographs, uint8 RGB (H, W, 3), to paintings of that shape.
    """

    def paint(photo: UInt8) -> UInt8:
        colored = recolor_styles(stylizer, settings, photo)
        plain = replace(colored, color=Color(), mask=None)
        return build_pipeline(stylizer, ArrayRows(photo), plain).rows.to_array()

    return paint
