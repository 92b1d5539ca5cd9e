"""Masks: where a picture is painted, from not at all, 0, to wholly, 1; a grey picture, or a
gradient across."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import MaskError, PictureError
from impasto.images.formats import EXTENSIONS
from impasto.images.image import UInt8
from impasto.images.reading import read

ALPHA = "alpha"  # the mask that a photograph's own transparency is
NOT = "not:"  # before a mask that is meant the other way around
THUMBNAIL = 64  # pixels a side, at which masks are looked at
SOFT = 0.05, 0.95  # what is neither outside nor inside
WIDE = (
    0.1  # part of a picture that is soft where a mask is a gradient, and no shape with soft edges
)

Float32 = NDArray[np.float32]


# by how far down and across a pixel is, 0..1
GRADIENTS: dict[str, Callable[[Float32, Float32], Float32]] = {
    "left-right": lambda down, across: across + 0 * down,
    "right-left": lambda down, across: 1 - across + 0 * down,
    "top-bottom": lambda down, across: down + 0 * across,
    "bottom-top": lambda down, across: 1 - down + 0 * across,
    "radial": lambda down, across: (
        1 - np.hypot(down - 0.5, across - 0.5) / np.sqrt(0.5)
    ),  # 1 in the middle, 0 in the corners
}


@dataclass(frozen=True, eq=False)
class Mask:
    """Where to paint.

    Attributes:
        name: as a user gave it.
        pixels: uint8 (h, w) of any size, brought to that of what is painted; or None of a gradient,
            and of `ALPHA` before `Mask.of` has told the photograph's.
        inverted: whether 1 is where the mask has 0.
    """

    name: str
    pixels: UInt8 | None = None
    inverted: bool = False

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the picture that it is, if it is one."""
        return None if self.pixels is None else (self.pixels.shape[1], self.pixels.shape[0])

    def of(self, alpha: UInt8 | None) -> "Mask":
        """This mask for a photograph with this transparency, uint8 (h, w), or none.

        Raises MaskError if that is the mask and there is none.
        """
        if self.name != ALPHA or self.pixels is not None:
            return self
        if alpha is None:
            raise MaskError(
                "the mask alpha is the photograph's own transparency, and it has none; give a grey picture as mask"
            )
        return replace(self, pixels=alpha)

    def rows(self, top: int, bottom: int, height: int, width: int) -> Float32:
        """Rows from `top` to before `bottom` of the mask at this size: (bottom - top, width),
        0..1."""
        if self.pixels is None:
            down = ((np.arange(top, bottom)[:, None] + 0.5) / height).astype(np.float32)
            across = ((np.arange(width)[None] + 0.5) / width).astype(np.float32)
            values = GRADIENTS[self.name](down, across).clip(0, 1)
        elif self.pixels.shape == (height, width):
            values = self.pixels[top:bottom].astype(np.float32) / 255
        else:
            scale = self.pixels.shape[0] / height
            box = (0, top * scale, self.pixels.shape[1], min(bottom * scale, self.pixels.shape[0]))
            band = Image.fromarray(self.pixels).resize(
                (width, bottom - top), Image.Resampling.BILINEAR, box
            )
            values = np.asarray(band, np.float32) / 255
        return 1 - values if self.inverted else values

    def at_size(self, height: int, width: int) -> Float32:
        """All of it at this size, (height, width), 0..1."""
        return self.rows(0, height, height, width)

    @property
    def is_wide(self) -> bool:
        """Whether it changes over a good part of the picture, as a gradient does."""
        seen = self.at_size(THUMBNAIL, THUMBNAIL)
        return float(((seen > SOFT[0]) & (seen < SOFT[1])).mean()) > WIDE


def parse_mask(text: str) -> Mask:
    """A mask as it is written: a picture's path, `alpha`, or a gradient's name; `not:` before it
    turns it around.

    Of a picture the brightness counts, or its transparency where it has some.

    Raises:
        MaskError: there is no such mask, its file cannot be read, or it is nowhere above 0.
    """
    name = text.strip().removeprefix(NOT)
    inverted = text.strip().startswith(NOT)
    if name == ALPHA or name in GRADIENTS:
        return Mask(name, inverted=inverted)
    path = Path(os.path.expanduser(name))  # noqa: PTH111  # as `Path.expanduser` raises at `~nobody`
    if path.suffix.lower() not in EXTENSIONS and not os.path.isfile(path):  # noqa: PTH113  # and `is_file` at long names
        raise MaskError(
            f"{name!r} is no mask; give a grey picture, {ALPHA}, or a gradient: {', '.join(GRADIENTS)}"
        )
    try:
        picture = read(path)
    except PictureError as error:
        raise MaskError(f"the mask: {error}") from error
    pixels = (
        np.asarray(Image.fromarray(picture.rgb).convert("L"))
        if picture.alpha is None
        else picture.alpha
    )
    mask = Mask(name, np.ascontiguousarray(pixels), inverted)
    if (pixels == (255 if inverted else 0)).all():
        raise MaskError(
            f"the mask {text} is {'white' if inverted else 'black'} all over, so nothing would be painted by it"
        )
    return mask
