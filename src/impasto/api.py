"""The shortest way from Python: one function, a photograph in, a painting out."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from impasto.images.image import Picture
from impasto.images.reading import from_pil, read
from impasto.images.resize import resized
from impasto.images.rows import ArrayRows
from impasto.inference.color import Color
from impasto.inference.masks import Mask
from impasto.inference.pipeline import build_pipeline
from impasto.inference.settings import Region, parse_settings
from impasto.models.mix import Mix
from impasto.models.style import Style
from impasto.stylizer import Stylizer


def stylize(
    photo: str | Path | Image.Image | np.ndarray,
    style: str | Path | Style | Mix,
    strength: float = 1.0,
    network: str | Path = "base",
    stroke: float = 1.0,
    size: int | None = None,
    *,
    color: str | Color | None = None,
    mask: str | Path | np.ndarray | Mask | None = None,
    regions: Sequence[str | Region] = (),
) -> Image.Image:
    """Paint a photograph.

    Args:
        photo: a path, a PIL image, or a uint8 RGB array (H, W, 3).
        style: a gallery name (`impasto styles` lists them), the path of any picture or of a style
            file, a mix `starry-night:0.7,great-wave:0.3`, or a `Style`.
        strength: 0 gives the photograph back, 1 the full style.
        network: "base", the faster "small", or the path of a network file, which is read once.
        stroke: how large strokes are, from 0.25 to 16; 1 as the network paints, 2 twice as large.
        size: pixels of the painting's shorter side; smaller photographs keep their size.
        color: whose colors it has: "style", "luminance", "histogram", "linear-cholesky",
            "linear-pca" or "linear-mkl", with an amount such as "luminance:0.5", or a `Color`;
            None: as the style was learned, "style" of most.
        mask: where it is painted: the path of a grey picture, a uint8 array (h, w), "alpha" (the
            photograph's transparency), or a gradient: "left-right", "right-left", "top-bottom",
            "bottom-top" or "radial". Outside stays the photograph.
        regions: other styles in places, as in "sky.png=great-wave".

    Returns:
        A PIL image as large as the photograph or as `size` says, RGB, or RGBA where the photograph
        is transparent.

    Raises:
        PictureError: the photograph cannot be read, or the array is no picture.
        StyleError: the style is unknown, broken, or made for another network.
        ColorError, MaskError: no such color mode, no such mask.
        ValueError: `strength` or `stroke` is out of range.
    """
    if isinstance(photo, np.ndarray):
        picture = Picture(photo)
    else:
        picture = from_pil(photo) if isinstance(photo, Image.Image) else read(photo)
    rgb, alpha = picture.rgb, picture.alpha
    if size is not None and size < min(rgb.shape[:2]):
        rgb, alpha = resized(rgb, size), None if alpha is None else resized(alpha, size)
    settings = parse_settings(style, strength, stroke, color, mask, regions)
    painted = build_pipeline(_stylizer(network), ArrayRows(rgb), settings, alpha).rows.to_array()
    return Picture(painted, alpha).to_pil()


@cache
def _stylizer(network: str | Path) -> Stylizer:
    return Stylizer(network)
