"""Resize images."""

import numpy as np
from PIL import Image

from impasto.errors import PictureError
from impasto.images.image import UInt8

# Sizes


def resized(pixels: UInt8, short: int) -> UInt8:
    """Pixels, uint8 (H, W, 3) or (H, W), resampled (Lanczos) so that the shorter side has `short`
    pixels.

    The aspect stays, as nearly as whole pixels allow; both sides have at least 1. At the size asked
    for already, the array itself is returned.

    Raises:
        PictureError: `short` is less than 1.
    """
    if short < 1:
        raise PictureError(f"the shorter side is {short} pixels; choose 1 or more")
    height, width = pixels.shape[:2]
    if min(height, width) == short:
        return pixels
    scale = short / min(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
