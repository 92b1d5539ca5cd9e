"""The shortest way from Python: one function, a photograph in, a painting out."""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from impasto.images import Picture, from_pil, read
from impasto.styles import Mix, Style
from impasto.stylizer import Stylizer


def stylize(
    photo: str | Path | Image.Image | np.ndarray,
    style: str | Path | Style | Mix,
    strength: float = 1.0,
    network: str | Path = "base",
) -> Image.Image:
    """Paint a photograph.

    Args:
        photo: a path, a PIL image, or a uint8 RGB array (H, W, 3).
        style: a gallery name (`impasto styles` lists them), the path of any picture or of a style file, a mix
            `starry-night:0.7,great-wave:0.3`, or a `Style`.
        strength: 0 gives the photograph back, 1 the full style.
        network: "base", the faster "small", or the path of a network file, which is read once.

    Returns:
        A PIL image as large as the photograph, RGB, or RGBA where the photograph is transparent.

    Raises:
        PictureError: the photograph cannot be read, or the array is no picture.
        StyleError: the style is unknown, broken, or made for another network.
        ValueError: `strength` is not in 0..1.
    """
    if isinstance(photo, np.ndarray):
        picture = Picture(photo)
    else:
        picture = from_pil(photo) if isinstance(photo, Image.Image) else read(photo)
    painted = _stylizer(network).stylize(picture.rgb, style, strength)
    return Picture(painted, picture.alpha).to_pil()


@cache
def _stylizer(network: str | Path) -> Stylizer:
    return Stylizer(network)
