"""Notes on paintings: masks of another size, and pictures too small to show a style."""

from impasto.inference.masks import Mask
from impasto.inference.model import MIN_SIDE

MAX_STRETCH = 0.02  # difference of the proportions of a mask and a picture that needs no note


def mask_size_note(mask: Mask, width: int, height: int) -> str:
    """Say that a mask is resized to a picture of this size; empty where it is not."""
    if mask.size is None or mask.size == (width, height):
        return ""
    across, down = mask.size
    stretched = abs(across * height / (down * width) - 1) > MAX_STRETCH
    change = "is stretched, as its proportions differ," if stretched else "is resized"
    return f"the mask {mask.name} has {across}x{down} pixels and {change} to {width}x{height}"


def small_size_note(name: str, width: int, height: int, stroke: float) -> str:
    """Say that a network saw a picture at a size that shows little of a style; empty where not.

    Larger strokes are those of a reduced picture.
    """
    scale = max(stroke, 1)
    width, height = round(width / scale), round(height / scale)
    if max(width, height) >= MIN_SIDE:
        return ""
    return (
        f"{name} is painted at {width}x{height} pixels: less than {MIN_SIDE}x{MIN_SIDE} shows"
        " little of a style"
    )
