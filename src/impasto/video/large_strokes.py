"""Large strokes in videos: frames are painted reduced, then enlarged with the scene's light.

`impasto.inference.stroke_size` does more for a single picture, and takes as long as painting it at
full size. Here impasto adds only light and no color, since videos store color at half the
resolution anyway. This costs little beside painting: with strokes twice as large, a film is painted
almost three times as fast (see docs/explanation/video.md).
"""

from dataclasses import replace
from numbers import Real

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.choices import MAX_STROKE
from impasto.errors import ArgumentError
from impasto.images.image import UInt8
from impasto.images.transparency import resize_visible
from impasto.video.clip import Frame

FineLuma = NDArray[np.int16]

# Smaller strokes would need enlarged frames, which take longer to paint than any user waits.
MIN_VIDEO_STROKE = 1.0
MIN_PAINTED_SIDE = 360  # pixels on the short side of painted frames, with the default stroke size
BLACK_LUMA, WHITE_LUMA = 16, 235  # as videos code them
LUMA_PER_LEVEL = (WHITE_LUMA - BLACK_LUMA) / 255  # steps of luma in one level of a picture


def default_stroke(height: int, width: int) -> float:
    """Choose a stroke size that suits frames of this size: 1, 2, 4, 8 or 16.

    Frames are then painted with a short side of 360 to 719 pixels, as networks learned strokes on
    pictures of about that size. At full HD such strokes would be too small to see.
    """
    stroke = 1
    while min(height, width) >= 2 * MIN_PAINTED_SIDE * stroke:
        stroke *= 2
    return min(stroke, MAX_STROKE)


def choose_stroke(height: int, width: int, stroke: float | None) -> float:
    """Take the stroke size that the user gives, or `default_stroke` where it is None."""
    return default_stroke(height, width) if stroke is None else stroke


def check_stroke(stroke: float | None) -> None:
    """Check that a stroke size is possible for videos.

    Raises:
        ArgumentError: it lies outside of 1..16.
    """
    is_number = isinstance(stroke, Real)
    if stroke is not None and not (is_number and MIN_VIDEO_STROKE <= stroke <= MAX_STROKE):
        allowed = f"between {MIN_VIDEO_STROKE:g} (as the network paints) and {MAX_STROKE:g}"
        raise ArgumentError(f"stroke of a video must be {allowed}, not {stroke}")


def reduced_size(height: int, width: int, stroke: float | None) -> tuple[int, int]:
    """Compute the height and width at which a frame is painted.

    Args:
        height: pixels of the frame.
        width: pixels of the frame.
        stroke: stroke size; None for `default_stroke`.
    """
    stroke = choose_stroke(height, width, stroke)
    return max(1, round(height / stroke)), max(1, round(width / stroke))


def reduce_frame(frame: Frame, stroke: float | None) -> Frame:
    """Reduce a frame to the size at which it is painted.

    Args:
        frame: a frame of full size.
        stroke: stroke size; None for `default_stroke`.

    Returns:
        The reduced frame, with the light that the reduction leaves out in `fine`; the same frame
        where its size does not change.
    """
    height, width = frame.rgb.shape[:2]
    size = reduced_size(height, width, stroke)
    if size == (height, width):
        return frame
    image = Image.fromarray(np.ascontiguousarray(frame.rgb))
    rgb = np.asarray(image.resize(size[::-1], Image.Resampling.BOX))
    if frame.alpha is not None:
        rgb = resize_visible(np.asarray(image), frame.alpha, size[::-1], Image.Resampling.BOX)
    gray = image.convert("L")
    coarse = gray.resize(size[::-1], Image.Resampling.BOX).resize(
        gray.size, Image.Resampling.BILINEAR
    )
    difference = np.asarray(gray, np.float32) - np.asarray(coarse, np.float32)
    return replace(frame, rgb=rgb, fine=np.rint(LUMA_PER_LEVEL * difference).astype(np.int16))


def enlarge_frame(frame: Frame) -> Frame:
    """Enlarge a reduced frame to full size, and add its fine light; others stay the same."""
    if frame.fine is None:
        return frame
    height, width = frame.fine.shape
    image = Image.fromarray(np.ascontiguousarray(frame.rgb))
    coarse = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32)
    levels = coarse + frame.fine[..., None] / np.float32(LUMA_PER_LEVEL)
    rgb = (levels + 0.5).clip(0, 255).astype(np.uint8)
    return replace(frame, rgb=rgb, fine=None)


def add_fine_luma(luma: UInt8, fine: FineLuma) -> None:
    """Add fine light to luma (H, W) in place, within the range of luma."""
    np.clip(fine + luma, BLACK_LUMA, WHITE_LUMA, out=luma, casting="unsafe")
