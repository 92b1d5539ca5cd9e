"""The noise input of networks: the same for every image, by position."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

NOISE_SIDE = 509  # positions, two pixels apart: a prime, so that no other pattern repeats with it
WORDS = 3  # of 32 bits, whose bytes a number is made of


@cache
def _noise() -> NDArray[np.float32]:
    """Make the table of noise from a hash of integers, which any language can repeat.

    The sum of 12 random bytes is nearly normal, with mean 1530 and deviation 256.
    """
    rows, columns = np.mgrid[:NOISE_SIDE, :NOISE_SIDE].astype(np.uint32)
    word = _hash(rows * np.uint32(NOISE_SIDE) + columns)
    total = np.zeros(word.shape, np.uint32)
    for _ in range(WORDS):
        for shift in (0, 8, 16, 24):
            total += word >> np.uint32(shift) & np.uint32(0xFF)
        word = _hash(word)
    return (total.astype(np.float32) - np.float32(1530)) / np.float32(256)


def _hash(word: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Hash 32-bit integers: `lowbias32` of Wellons 2018, "Prospecting for hash functions"."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        word = (word ^ word >> np.uint32(shift)) * np.uint32(factor)
    return word ^ word >> np.uint32(16)


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
