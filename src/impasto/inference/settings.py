"""All settings of one stylization, parsed from text, files or objects."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

from impasto.errors import ColorError, MaskError, StyleError
from impasto.inference.color import MODES, Color, parse_color
from impasto.inference.masks import Mask, MaskSource, parse_mask
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
        object.__setattr__(self, "style", _find_style(style))

    def __repr__(self) -> str:
        return f"Region({self.mask!r}, {self.style.name})"


RegionSource = str | Region | tuple[MaskSource, StyleSource]
"""What `parse_settings` takes as a region."""


@dataclass(frozen=True)
class StylizeSettings:
    """All settings of one stylization.

    Attributes:
        style: the style, or a mix of styles.
        strength: 0 is the photograph, 1 the full style.
        stroke: size of the strokes; 1 as the network paints (see `impasto.inference.stroke_size`).
        color: the color mode.
        mask: weight of the painting at each pixel; 0 is the photograph. None: 1 everywhere.
        regions: other styles in parts of the picture; a later region covers an earlier one.
    """

    style: Mix
    strength: float = 1.0
    stroke: float = 1.0
    color: Color = field(default_factory=Color)
    mask: Mask | None = None
    regions: Sequence[Region] = ()

    @property
    def mixes(self) -> list[Mix]:
        """All styles that are painted."""
        return [self.style, *(region.style for region in self.regions)]

    @property
    def masks(self) -> list[Mask]:
        """The mask, and the masks of the regions."""
        return [*([self.mask] if self.mask else []), *(region.mask for region in self.regions)]

    @property
    def files(self) -> list[Path]:
        """Paths of all files that these settings were read from: styles, style pictures, masks."""
        styles = [part.file for mix in self.mixes for part, _ in mix.parts if part.file]
        return [*styles, *(mask.file for mask in self.masks if mask.file)]


def parse_region(text: str) -> Region:
    """Parse `MASK=STYLE`, as in `face.png=great-wave` or `left-right=tulip.jpg`.

    Raises:
        MaskError: the text is not of this form, or the mask is unknown or unreadable.
        StyleError: the style is unknown or broken.
    """
    mask, _, style = text.partition("=")
    if not mask or not style:
        raise MaskError(
            f"cannot use {text!r} as a region: it is not of the form MASK=STYLE;"
            " write sky.png=starry-night or left-right=great-wave"
        )
    return Region(mask, style)


def parse_settings(
    style: StyleSource,
    strength: float = 1.0,
    stroke: float = 1.0,
    color: str | Color | None = None,
    mask: MaskSource | None = None,
    regions: Iterable[RegionSource] = (),
) -> StylizeSettings:
    """Parse the settings of one stylization.

    Args:
        style: a gallery name, a path, a mix as text, a `Style` or a `Mix` (see `find_mix`).
        strength: 0 is the photograph, 1 the full style.
        stroke: size of the strokes; 1 as the network paints.
        color: a color mode as text (see `parse_color`) or a `Color`; None: the mode that the style
            was learned with, or "style" where the styles of a mix disagree.
        mask: weight of the painting at each pixel: a path, bytes, a file object, a PIL image, an
            array, "alpha" or a gradient (see `parse_mask`).
        regions: other styles in parts of the picture: `Region` objects, pairs (mask, style), or
            text MASK=STYLE.

    Raises:
        StyleError: a style is unknown or broken.
        ColorError: the color mode is unknown, or its amount is out of range.
        MaskError: a mask is unknown or unreadable, or a region is not of these forms.
        ValueError: strength or stroke is not a number. Their ranges are checked when the picture is
            painted, because those of a video differ.
    """
    mix = _find_style(style)
    return StylizeSettings(
        mix,
        _check_number("strength", strength, "0 (the photograph) to 1 (the full style)"),
        _check_number("stroke", stroke, "0.25 (small strokes) to 16 (large)"),
        _find_color(color, mix),
        None if mask is None else parse_mask(mask),
        _parse_regions(regions),
    )


def _find_style(style: StyleSource) -> Mix:
    """Find a style; an object of a wrong type is a StyleError."""
    try:
        return find_mix(style)
    except (TypeError, AttributeError) as error:
        raise StyleError(
            f"cannot use an object of type {type(style).__name__} as a style; give a gallery name,"
            " a path, a mix such as starry-night:0.7,great-wave:0.3, or a Style"
        ) from error


def _find_color(color: str | Color | None, mix: Mix) -> Color:
    if isinstance(color, Color):
        return color
    if color is not None and not isinstance(color, str):
        raise ColorError(
            f"cannot use an object of type {type(color).__name__} as a color mode; give a Color,"
            f" or text: {', '.join(MODES)}"
        )
    learned = {part.metadata.get("color", "style") for part, _ in mix.parts}
    return parse_color(color or (learned.pop() if len(learned) == 1 else "style"))


def _parse_regions(regions: Iterable[RegionSource]) -> list[Region]:
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


def _check_number(name: str, value: Any, allowed: str) -> float:
    if not isinstance(value, Real):
        raise ValueError(f"cannot use {value!r} as {name}: it is not a number; give {allowed}")
    return float(value)
