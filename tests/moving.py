"""Frames that move as tests know: a window over a larger picture, and things that pass before
it."""

import numpy as np
from pictures import UInt8
from PIL import Image


def texture(height: int, width: int, seed: int = 0, size: int = 6) -> UInt8:
    """A picture (H, W, 3) with something to follow everywhere: soft blobs of random colors, of so
    many pixels."""
    small = np.random.default_rng(seed).integers(
        0, 255, (height // size + 3, width // size + 3, 3), np.uint8
    )
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def pan(count: int, height: int, width: int, right: int, down: int, seed: int = 0) -> list[UInt8]:
    """Frames whose contents move by so many pixels from each to the next."""
    room = texture(height + count * abs(down), width + count * abs(right), seed)
    return [
        room[
            (top := count * abs(down) * (down > 0) - down * number) : top + height,
            (left := count * abs(right) * (right > 0) - right * number) : left + width,
        ]
        for number in range(count)
    ]


COVERED = slice(132, 138)
"""Columns that a thing comes to cover."""


def covering() -> tuple[UInt8, UInt8]:
    """Two frames (180, 240, 3): a thing of 90 pixels a side moves 8 to the right, over what was
    beside it."""
    first, second = texture(180, 240, size=12), texture(180, 240, size=12)
    first[45:135, 40:130] = second[45:135, 48:138] = texture(90, 90, seed=5, size=12)
    return first, second


def noisy(frames: list[UInt8], strength: float, seed: int = 1) -> list[UInt8]:
    """The frames, each with other noise of this deviation, levels of 255."""
    rng = np.random.default_rng(seed)
    return [
        (frame + rng.normal(0, strength, frame.shape)).clip(0, 255).astype(np.uint8)
        for frame in frames
    ]
