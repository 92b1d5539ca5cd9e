"""All settings of one stylization, parsed from text, files or objects."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from impasto.choices import MODES, Wrap
from impasto.errors import ColorError, check_number
from impasto.inference.color import Color, parse_color
from impasto.inference.masks import Mask, MaskSource, parse_mask
from impasto.inference.regions import Region, RegionSource, find_style_mix, parse_regions
from impasto.inference.stroke_size import check_stroke
from impasto.inference.wrapping import check_wrap
from impasto.models.mix import Mix, StyleSource


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
        wrap: the sides of a picture that meet, as in a panorama or a texture.
    """

    style: Mix
    strength: float = 1.0
    stroke: float = 1.0
    color: Color = field(default_factory=Color)
    mask: Mask | None = None
    regions: Sequence[Region] = ()
    wrap: Wrap = "none"

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


def parse_settings(
    style: StyleSource,
    strength: float = 1.0,
    stroke: float = 1.0,
    color: str | Color | None = None,
    mask: MaskSource | None = None,
    regions: Iterable[RegionSource] = (),
    wrap: str = "none",
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
        wrap: the sides that meet: "none", "horizontal" or "both".

    Raises:
        StyleError: a style is unknown or broken.
        ColorError: the color mode is unknown, or its amount is out of range.
        MaskError: a mask is unknown or unreadable, or a region is not of these forms.
        ArgumentError: `wrap` is unknown, or strength or stroke is out of range. For a video,
            strokes have a smaller range, which is checked when it is painted.
    """
    check_number("strength", strength, "0 (the photo) to 1 (the full style)", 0, 1)
    check_stroke(stroke)
    mix = find_style_mix(style)
    return StylizeSettings(
        mix,
        float(strength),
        float(stroke),
        _find_color(color, mix),
        None if mask is None else parse_mask(mask),
        parse_regions(regions),
        check_wrap(wrap),
    )


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
