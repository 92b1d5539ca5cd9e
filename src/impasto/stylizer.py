"""The stylizer: a network loaded once, then any picture in any style, arrays in and arrays out."""

from collections.abc import Sequence
from pathlib import Path

from impasto.images.image import UInt8
from impasto.images.rows import ArrayRows
from impasto.inference.color import Color
from impasto.inference.masks import Mask
from impasto.inference.model import LoadedNetwork, check_picture
from impasto.inference.pipeline import build_pipeline
from impasto.inference.settings import Region, parse_settings
from impasto.models.mix import Mix
from impasto.models.style import Style


class Stylizer(LoadedNetwork):
    """Paints pictures with one network; made as a `LoadedNetwork`, with tiles, strokes, colors and
    masks on top of it."""

    def stylize(
        self,
        picture: UInt8,
        style: str | Path | Style | Mix,
        strength: float = 1.0,
        stroke: float = 1.0,
        *,
        color: str | Color | None = None,
        mask: str | Path | UInt8 | Mask | None = None,
        regions: Sequence[str | Region] = (),
    ) -> UInt8:
        """Paint a picture; a large one tile by tile, in little memory beyond the two pictures (see
        `impasto.inference.tiling`).

        Args:
            picture: uint8 RGB (H, W, 3), any size.
            style: a gallery name, the path of a style file or of any picture, a mix
                `starry-night:0.7,great-wave:0.3`, or a `Style`.
            strength: 0 gives the photograph back, 1 the full style.
            stroke: how large strokes are, from 0.25 to 16; 1 as the network paints, 2 twice as
                large.
            color: whose colors the painting has: "style", "luminance", "histogram",
                "linear-cholesky", "linear-pca", "linear-mkl", with an amount such as
                "luminance:0.5", or a `Color` (see `impasto.inference.color`); None: as the style
                was learned, "style" of most.
            mask: where to paint: the path of a grey picture, a uint8 array (h, w), or a gradient,
                such as "left-right".
            regions: other styles in places, as in "sky.png=great-wave" (see
                `impasto.inference.pipeline`).

        Returns:
            uint8 RGB (H, W, 3), exactly as large.

        Raises:
            StyleError: an unknown or broken style, or one made for another network.
            ColorError, MaskError: no such color mode, no such mask.
            ValueError: the array is not uint8 (H, W, 3), or strength or stroke are out of range.
        """
        check_picture(picture)
        how = parse_settings(style, strength, stroke, color, mask, regions)
        painted = build_pipeline(self, ArrayRows(picture), how).rows.to_array()
        return painted.copy() if painted is picture else painted
