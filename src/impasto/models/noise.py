"""The noise input of networks: the same for every image, by position."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

NOISE_SIDE = 509  # positions, two pixels apart: a prime, so that no other pattern repeats with it


@cache
def _noise() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((NOISE_SIDE, NOISE_SIDE), np.float32)


def noise_at(height: int, width: int, top: int = 0, left: int = 0) -> NDArray[np.float32]:
    """Return the noise for a picture, or for a part of a larger one.

    It is the same at every call, so that results can be repeated and videos stand still.

    Args:
        height: pixels down, even.
        width: pixels across, even.
        top: pixels above the part, even.
        left: pixels to the left of the part, even.

    Returns:
        float32 (1, 1, height / 2, width / 2), mean 0, standard deviation 1.
    """
    rows, columns = (
        np.arange(start // 2, (start + side) // 2) % NOISE_SIDE
        for start, side in ((top, height), (left, width))
    )
    return _noise()[rows][:, columns][None, None]
