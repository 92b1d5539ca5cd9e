"""Large strokes in what moves: a frame is painted reduced, and brought up with the light of the
scene that was too fine for it.

`impasto.inference.stroke_size` does more for a single picture, and takes as long as painting it at
full size. Here only light is added, not color, as videos have color at half the resolution anyway;
so it costs little beside painting, and with strokes twice as large a film is painted almost three
times as quickly (the table in README.md).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.images.image import UInt8
from impasto.inference.stroke_size import MAX_STROKE
from impasto.video.clip import Frame

FineLuma = NDArray[np.int16]
MIN_VIDEO_STROKE = (
    1.0  # of frames; smaller ones would be painted enlarged, which takes longer than anybody waits
)
# rows, or columns where they are fewer, that frames are painted at, if nobody says how large
# strokes are
MIN_ROWS = 360
BLACK, WHITE = 16, 235  # luma, as videos code it
LUMA = (WHITE - BLACK) / 255  # steps of it to one of a picture


def usual_stroke(height: int, width: int) -> float:
    """How large strokes of a video are, if nobody says: 1, 2, 4 and so on.

    So that it is painted at 360 to 719 rows, as networks learned strokes on pictures of about that
    size: at full HD they would be lost.
    """
    stroke = 1
    while min(height, width) >= 2 * MIN_ROWS * stroke:
        stroke *= 2
    return min(stroke, MAX_STROKE)


def stroke_of(height: int, width: int, stroke: float | None) -> float:
    """How large strokes of frames of a size are: as somebody says, or as is usual."""
    return usual_stroke(height, width) if stroke is None else stroke


def check_stroke(stroke: float | None) -> None:
    """Raises ValueError for a stroke that frames cannot have."""
    if stroke is not None and not MIN_VIDEO_STROKE <= stroke <= MAX_STROKE:
        allowed = f"between {MIN_VIDEO_STROKE:g} (as the network paints) and {MAX_STROKE:g}"
        raise ValueError(f"stroke of a video must be {allowed}, not {stroke}")


def reduced_size(height: int, width: int, stroke: float | None) -> tuple[int, int]:
    """Pixels down and across that a frame is painted at, so that strokes are so large; None:
    `usual_stroke`."""
    stroke = stroke_of(height, width, stroke)
    return max(1, round(height / stroke)), max(1, round(width / stroke))


def reduce(frame: Frame, stroke: float | None) -> Frame:
    """A frame to paint: smaller, with what that leaves out of its light; as it is where strokes are
    not enlarged."""
    height, width = frame.rgb.shape[:2]
    size = reduced_size(height, width, stroke)
    if size == (height, width):
        return frame
    image = Image.fromarray(np.ascontiguousarray(frame.rgb))
    rgb = np.asarray(image.resize(size[::-1], Image.Resampling.BOX))
    light = image.convert("L")
    low = light.resize(size[::-1], Image.Resampling.BOX).resize(
        light.size, Image.Resampling.BILINEAR
    )
    beyond = np.asarray(light, np.float32) - np.asarray(low, np.float32)
    return replace(frame, rgb=rgb, fine=np.rint(LUMA * beyond).astype(np.int16))


def enlarge(frame: Frame) -> Frame:
    """A painted frame at full size."""
    if frame.fine is None:
        return frame
    height, width = frame.fine.shape
    image = Image.fromarray(np.ascontiguousarray(frame.rgb))
    low = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32)
    rgb = (low + frame.fine[..., None] / np.float32(LUMA) + 0.5).clip(0, 255).astype(np.uint8)
    return replace(frame, rgb=rgb, fine=None)


def add_fine_luma(luma: UInt8, fine: FineLuma) -> None:
    """Add fine light to luma (H, W) in place."""
    np.clip(fine + luma, BLACK, WHITE, out=luma, casting="unsafe")
