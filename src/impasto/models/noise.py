"""The noise that networks take: the same for every image, by position."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

NOISE_SIDE = 509  # positions, two pixels apart: a prime, so that no other pattern repeats with it


@cache
def _noise() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((NOISE_SIDE, NOISE_SIDE), np.float32)


def noise_at(height: int, width: int, top: int = 0, left: int = 0) -> NDArray[np.float32]:
    """The noise of a picture of this size, or of the part of a larger one that begins at `top` and
    `left`, all in pixels and even: (1, 1, height / 2, width / 2), mean 0, deviation 1. The same
    always: pictures repeat, and videos stand still.
    """
    rows, columns = (
        np.arange(start // 2, (start + side) // 2) % NOISE_SIDE
        for start, side in ((top, height), (left, width))
    )
    return _noise()[rows][:, columns][None, None]
