"""Regions: other styles in parts of a picture, each where a mask says."""

from collections.abc import Iterable
from dataclasses import dataclass

from impasto.errors import MaskError, StyleError
from impasto.inference.masks import Mask, MaskSource, is_mask_name, parse_mask
from impasto.models.mix import Mix, StyleSource, find_mix


@dataclass(frozen=True, init=False)
class Region:
    """A part of the picture, given by a mask, that is painted in another style.

    Args:
        mask: anything `parse_mask` takes.
        style: anything `find_mix` takes.

    Attributes:
        mask: the weight of the style at each pixel.
        style: the style.

    Raises:
        MaskError: the mask is unknown or unreadable.
        StyleError: the style is unknown or broken.
    """

    mask: Mask
    style: Mix

    def __init__(self, mask: MaskSource, style: StyleSource) -> None:
        object.__setattr__(self, "mask", parse_mask(mask))
        object.__setattr__(self, "style", find_style_mix(style))

    def __repr__(self) -> str:
        return f"Region({self.mask!r}, {self.style.name})"


RegionSource = str | Region | tuple[MaskSource, StyleSource]
"""What `parse_settings` takes as a region."""


def parse_region(text: str) -> Region:
    """Parse `MASK=STYLE`, as in `face.png=great-wave` or `left-right=tulip.jpg`.

    Raises:
        MaskError: the text is not of this form, or the mask is unknown or unreadable.
        StyleError: the style is unknown or broken.
    """
    mask, style = _split_region(text)
    if not mask or not style:
        raise MaskError(
            f"cannot use {text!r} as a region: it is not of the form MASK=STYLE;"
            " write sky.png=starry-night or left-right=great-wave"
        )
    return Region(mask, style)


def _split_region(text: str) -> tuple[str, str]:
    """Split at the first "=", or at a later one if the text before it is the name of a mask."""
    places = [place for place, character in enumerate(text) if character == "="]
    place = next((place for place in places if is_mask_name(text[:place])), None)
    if place is None:
        place = places[0] if places else len(text)
    return text[:place], text[place + 1 :]


def find_style_mix(style: StyleSource) -> Mix:
    """Find a style; an object of a wrong type is a StyleError."""
    try:
        return find_mix(style)
    except (TypeError, AttributeError) as error:
        raise StyleError(
            f"cannot use an object of type {type(style).__name__} as a style; give a gallery name,"
            " a path, a mix such as starry-night:0.7,great-wave:0.3, or a Style"
        ) from error


def parse_regions(regions: Iterable[RegionSource]) -> list[Region]:
    """Parse regions given as text, as pairs of a mask and a style, or as `Region` objects.

    Raises:
        MaskError: a region is not of these forms, or its mask cannot be read.
        StyleError: a style is unknown or broken.
    """
    if isinstance(regions, str | Region) or not isinstance(regions, Iterable):
        raise MaskError(
            f"cannot use {regions!r} as regions: they are a list;"
            " write ['sky.png=great-wave'] or [('sky.png', 'great-wave')]"
        )
    return [_parse_one_region(region) for region in regions]


def _parse_one_region(region: RegionSource) -> Region:
    if isinstance(region, Region):
        return region
    if isinstance(region, str):
        return parse_region(region)
    if isinstance(region, tuple | list) and len(region) == 2:
        return Region(*region)
    raise MaskError(
        f"cannot use {region!r} as a region; write the text 'sky.png=great-wave',"
        " the pair ('sky.png', 'great-wave'), or a Region"
    )
