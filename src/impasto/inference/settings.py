"""All settings of one stylization, parsed from words, files or objects."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from impasto.errors import MaskError
from impasto.images.image import UInt8
from impasto.inference.color import Color, parse_color
from impasto.inference.masks import ALPHA, Mask, parse_mask
from impasto.models.mix import Mix, find_mix
from impasto.models.style import Style


@dataclass(frozen=True)
class Region:
    """A style where a mask says."""

    mask: Mask
    style: Mix


@dataclass(frozen=True)
class StylizeSettings:
    """How a picture is painted.

    Attributes:
        style: in what.
        strength: 0 is the photograph, 1 the full style.
        stroke: how large strokes are; 1 as the network paints (see
            `impasto.inference.stroke_size`).
        color: whose colors the painting has.
        mask: where it is painted, or as strongly; outside is the photograph.
        regions: other styles in places; a later one lies over an earlier.
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
    def files(self) -> list[Path]:
        """Of all that it is made of, those that are files: styles, pictures as styles, masks."""
        masks = [
            Path(mask.name) for mask in self.masks if mask.pixels is not None and mask.name != ALPHA
        ]
        return [*(part.file for mix in self.mixes for part, _ in mix.parts if part.file), *masks]

    @property
    def masks(self) -> list[Mask]:
        """All masks that say where."""
        return [*([self.mask] if self.mask else []), *(region.mask for region in self.regions)]


def parse_region(text: str) -> Region:
    """`MASK=STYLE`, as in `face.png=great-wave` or `left-right=tulip.jpg`. Raises MaskError or
    StyleError for any other."""
    mask, _, style = text.partition("=")
    if not mask or not style:
        raise MaskError(
            f"{text!r} is no region; write MASK=STYLE, as in sky.png=starry-night or left-right=great-wave"
        )
    return Region(parse_mask(mask), find_mix(style))


def parse_settings(
    style: str | Path | Style | Mix,
    strength: float = 1.0,
    stroke: float = 1.0,
    color: str | Color | None = None,
    mask: str | Path | UInt8 | Mask | None = None,
    regions: Sequence[str | Region] = (),
) -> StylizeSettings:
    """A manner as a caller says it, in words, files or objects; without a color, that with which
    the style was learned.

    Raises StyleError, ColorError or MaskError.
    """
    mix = find_mix(style)
    if not isinstance(color, Color):
        own = {part.metadata.get("color", "style") for part, _ in mix.parts}
        color = parse_color(color or (own.pop() if len(own) == 1 else "style"))
    if isinstance(mask, np.ndarray):
        if mask.dtype != np.uint8 or mask.ndim != 2 or not mask.size:
            raise MaskError(f"a mask is a uint8 array (h, w), not {mask.dtype} {mask.shape}")
        mask = Mask("array", mask)
    elif isinstance(mask, str | Path):
        mask = parse_mask(str(mask))
    found = [parse_region(region) if isinstance(region, str) else region for region in regions]
    return StylizeSettings(mix, strength, stroke, color, mask, found)
