"""Sweeps: strengths from 0 to 1 and back, as an animation that is played for ever."""

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from impasto.errors import VideoError
from impasto.files import atomic_write, os_reason
from impasto.images.formats import DEFAULT_QUALITY
from impasto.images.image import UInt8

SWEEP_STEPS = 24  # from strength 0 to 1
# a cosine, which lingers at 0 and 1
SWEEP_STRENGTHS = tuple(
    (1 - math.cos(math.pi * step / SWEEP_STEPS)) / 2 for step in range(SWEEP_STEPS + 1)
)
FRAME_MILLISECONDS = 80  # GIF stores hundredths of a second


def there_and_back(pictures: Sequence[UInt8]) -> list[UInt8]:
    """Arrange pictures from the first to the last and back, to be shown in a loop."""
    return [*pictures, *pictures[-2:0:-1]]


def write_animation(
    path: Path,
    pictures: Sequence[UInt8],
    milliseconds: int = FRAME_MILLISECONDS,
    quality: int = DEFAULT_QUALITY,
) -> None:
    """Write pictures of one size as an animation that is played for ever.

    Args:
        path: a .gif or .webp file.
        pictures: uint8 RGB (H, W, 3).
        milliseconds: time that each picture is shown.
        quality: of WebP, 1 (small) to 100 (fine).

    Raises:
        VideoError: the folder or the disk does not take the file.
    """
    # here, so that sheets need no PyAV
    from impasto.video.animations import GIFWriter, WebPWriter
    from impasto.video.clip import Clip, Frame

    frames = [
        Frame(picture, number * milliseconds, milliseconds, number + 1)
        for number, picture in enumerate(pictures)
    ]
    clip = Clip(path, Fraction(1, 1000), Fraction(1000, milliseconds), loop=0)
    try:
        with atomic_write(path) as file:
            if path.suffix.lower() == ".gif":
                writer: GIFWriter | WebPWriter = GIFWriter(file, clip, frames[0])
            else:
                writer = WebPWriter(file, clip, frames[0], quality)
            for frame in frames:
                writer.write(frame)
            writer.close()
    except OSError as error:
        raise VideoError(f"cannot write {path}: {os_reason(error)}") from error
