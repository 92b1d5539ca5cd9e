"""Resize pictures and keep their aspect."""

from dataclasses import replace

import numpy as np
from PIL import Image

from impasto.errors import check_number
from impasto.images.image import Picture, UInt8
from impasto.images.transparency import resize_visible

STANDARD_SHORT_SIDE = 512
"""Pixels on the short side at which styles are learned, predicted and scored."""


def check_size(short_side: int) -> None:
    """Check a shorter side in pixels; raise ArgumentError if it is no number of 1 or more."""
    check_number("size", short_side, "the pixels of the shorter side, 1 or more", 1)


def fit_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Compute the size with this short side and the same aspect.

    The aspect stays as nearly as whole pixels allow; both sides have at least 1 pixel.

    Args:
        height: pixels down.
        width: pixels across.
        short_side: pixels of the shorter side of the result.

    Returns:
        Height and width in pixels.

    Raises:
        ArgumentError: `short_side` is less than 1.
    """
    check_size(short_side)
    scale = short_side / min(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize_short_side(pixels: UInt8, short_side: int) -> UInt8:
    """Resample pixels by Lanczos' filter to this short side, and keep the aspect.

    Args:
        pixels: uint8 (H, W, 3) or (H, W).
        short_side: pixels of the shorter side of the result.

    Returns:
        uint8 (h, w, 3) or (h, w); the array itself where it has the size already.

    Raises:
        PictureError: `short_side` is less than 1.
    """
    height, width = pixels.shape[:2]
    if min(height, width) == short_side:
        return pixels
    size = fit_size(height, width, short_side)
    return np.array(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.LANCZOS))


def resize_picture(picture: Picture, short_side: int) -> Picture:
    """Resample a picture by Lanczos' filter to this short side; colors are weighted by alpha.

    Raises:
        PictureError: `short_side` is less than 1.
    """
    if picture.alpha is None:
        return replace(picture, rgb=resize_short_side(picture.rgb, short_side))
    height, width = fit_size(picture.height, picture.width, short_side)
    rgb = resize_visible(picture.rgb, picture.alpha, (width, height))
    return replace(picture, rgb=rgb, alpha=resize_short_side(picture.alpha, short_side))
