"""Masks: the weight of the painting at each pixel, from 0 (the photograph) to 1 (the painting).

A mask is a grayscale image, a transparency, or a gradient across the picture.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.choices import GRADIENTS
from impasto.errors import MaskError, PictureError
from impasto.files import file_digest
from impasto.images.formats import EXTENSIONS
from impasto.images.image import Picture, UInt8
from impasto.images.reading import read, to_picture
from impasto.paths import expand_home

ALPHA = "alpha"  # name of the mask that is the photograph's own transparency
INVERT_PREFIX = "not:"
THUMBNAIL_SIDE = 64  # pixels a side of the reduced mask that `is_wide` looks at
SOFT_RANGE = 0.05, 0.95  # mask values that are neither outside nor inside
MIN_SOFT_SHARE = 0.1  # of all pixels; a shape with blurred edges has fewer soft pixels

Float32 = NDArray[np.float32]

# Functions of the vertical and the horizontal position of a pixel, 0..1 each.
_FUNCTIONS: dict[str, Callable[[Float32, Float32], Float32]] = {
    "left-right": lambda down, across: across + 0 * down,
    "right-left": lambda down, across: 1 - across + 0 * down,
    "top-bottom": lambda down, across: down + 0 * across,
    "bottom-top": lambda down, across: 1 - down + 0 * across,
    # 1 in the center, 0 in the corners
    "radial": lambda down, across: 1 - np.hypot(down - 0.5, across - 0.5) / np.sqrt(0.5),
}


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask of any size, which is resized to the picture.

    Attributes:
        name: text that the user wrote, or the kind of object, such as "array".
        pixels: uint8 (h, w) of any size; None for a gradient, and for "alpha" as long as the
            photograph is unknown (see `with_alpha`).
        inverted: whether the values are read as 1 - value.
        file: path of the file that the mask was read from, if it was.
        digest: SHA-256 of that file, if it is not on disk.
    """

    name: str
    pixels: UInt8 | None = None
    inverted: bool = False
    file: Path | None = None
    digest: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Keep what another machine, or a process in another folder, cannot know of the file."""
        if self.file is None or self.digest:  # in memory, or not on disk
            return self.__dict__
        return self.__dict__ | {"file": self.file.absolute(), "digest": file_digest(self.file)}

    def __repr__(self) -> str:
        size = "" if self.size is None else f", {self.size[0]}x{self.size[1]} pixels"
        return f"Mask({INVERT_PREFIX if self.inverted else ''}{self.name}{size})"

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels, or None if the mask has no pixels."""
        return None if self.pixels is None else (self.pixels.shape[1], self.pixels.shape[0])

    def with_alpha(self, alpha: UInt8 | None) -> "Mask":
        """Return this mask for one photograph.

        Args:
            alpha: the photograph's transparency, uint8 (h, w), if it has some.

        Raises:
            MaskError: the mask is the photograph's transparency, and the photograph has none.
        """
        if self.name != ALPHA or self.pixels is not None:
            return self
        if alpha is None:
            raise MaskError(
                f"cannot use the mask {ALPHA}: the photograph has no transparency;"
                " give a grayscale image as the mask"
            )
        return replace(self, pixels=alpha)

    def rows(self, top: int, bottom: int, height: int, width: int) -> Float32:
        """Compute rows of the mask, resized to a picture.

        Args:
            top: first row.
            bottom: row after the last one.
            height: rows of the picture.
            width: columns of the picture.

        Returns:
            float32 (bottom - top, width), 0..1.
        """
        if self.pixels is None:
            down = ((np.arange(top, bottom)[:, None] + 0.5) / height).astype(np.float32)
            across = ((np.arange(width)[None] + 0.5) / width).astype(np.float32)
            values = _FUNCTIONS[self.name](down, across).clip(0, 1)
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
        """Compute the whole mask at a size: float32 (height, width), 0..1."""
        return self.rows(0, height, height, width)

    @property
    def is_wide(self) -> bool:
        """Whether the mask changes over a large part of the picture, as a gradient does."""
        values = self.at_size(THUMBNAIL_SIDE, THUMBNAIL_SIDE)
        soft = (values > SOFT_RANGE[0]) & (values < SOFT_RANGE[1])
        return float(soft.mean()) > MIN_SOFT_SHARE


MaskSource = str | Path | bytes | BinaryIO | Image.Image | NDArray[np.generic] | Mask
"""What `parse_mask` takes."""


def parse_mask(source: MaskSource) -> Mask:
    """Make a mask of text, a path, bytes, a file object, a PIL image or an array.

    Args:
        source: "alpha" (the photograph's transparency), the name of a gradient (see `GRADIENTS`),
            or an image: a path, the bytes of a file, a file object open for reading in binary mode,
            a PIL image, or an array: uint8 (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), or bool
            (h, w), where True is stylized. The prefix "not:" before text inverts the mask.

    The transparency of an image is the mask, if it has some; otherwise its brightness is.

    Raises:
        MaskError: there is no such mask, it cannot be read, or the mask of a file is 0 everywhere.
            An array or a PIL image may be 0 everywhere, because programs compute them.
    """
    if isinstance(source, Mask):
        return source
    if isinstance(source, str | Path):
        return _parse_text(str(source))
    computed = isinstance(source, Image.Image | np.ndarray)
    if isinstance(source, np.ndarray):
        source = _to_uint8(source)
    try:
        mask = Mask(_name_kind(source), _to_gray(to_picture(source)))
    except PictureError as error:
        raise MaskError(f"cannot use the mask: {error}") from error
    if not computed:
        _check_not_empty(mask)
    return mask


def is_mask_name(text: str) -> bool:
    """Tell whether text names a mask: a gradient, "alpha", or a file; or the inverse of one."""
    name, _ = _split_inversion(text)
    return name == ALPHA or name in GRADIENTS or os.path.isfile(expand_home(name))  # noqa: PTH113  # `Path` raises at long names


def _split_inversion(text: str) -> tuple[str, bool]:
    """Split the prefixes "not:" from the name of a mask, and tell whether they invert it."""
    name, inverted = text.strip(), False
    while name.startswith(INVERT_PREFIX) and not os.path.isfile(name):  # noqa: PTH113
        name, inverted = name.removeprefix(INVERT_PREFIX), not inverted
    return name, inverted


def _parse_text(text: str) -> Mask:
    name, inverted = _split_inversion(text)
    if name == ALPHA or name in GRADIENTS:
        return Mask(name, inverted=inverted)
    path = expand_home(name)
    if path.suffix.lower() not in EXTENSIONS and not os.path.isfile(path):  # noqa: PTH113  # `Path` raises at long names
        raise MaskError(
            f"cannot use {name!r} as a mask: there is no such file and no such gradient;"
            f" give a grayscale image, {ALPHA}, or a gradient: {', '.join(GRADIENTS)}"
        )
    try:
        picture = read(path)
    except PictureError as error:
        raise MaskError(f"cannot use the mask: {error}") from error
    mask = Mask(name, _to_gray(picture), inverted, path)
    _check_not_empty(mask)
    return mask


def _name_kind(source: object) -> str:
    """Name the kind of an object, for messages."""
    if isinstance(source, np.ndarray):
        return "array"
    if isinstance(source, Image.Image):
        return "image"
    return "bytes" if isinstance(source, bytes) else "file object"


def _to_uint8(array: NDArray[np.generic]) -> UInt8:
    """Check the type and the shape of an array; True becomes 255."""
    channels = array.shape[2] if array.ndim == 3 else 1
    known = array.ndim in (2, 3) and channels in (1, 3, 4) and array.size
    if not known or array.dtype not in (np.uint8, np.bool_):
        raise MaskError(
            f"cannot use an array {array.dtype} {array.shape} as a mask: it must be uint8 (h, w),"
            " (h, w, 1), (h, w, 3) or (h, w, 4), or bool (h, w); convert values of 0 to 1 by"
            " (255 * mask).astype('uint8')"
        )
    scale = np.uint8(255 if array.dtype == np.bool_ else 1)
    return array.astype(np.uint8, copy=False) * scale


def _to_gray(picture: Picture) -> UInt8:
    """Return the transparency of a picture, or its brightness if it is opaque, uint8 (h, w)."""
    if picture.alpha is not None:
        return np.ascontiguousarray(picture.alpha)
    return np.ascontiguousarray(np.asarray(Image.fromarray(picture.rgb).convert("L")))


def _check_not_empty(mask: Mask) -> None:
    assert mask.pixels is not None
    if (mask.pixels == (255 if mask.inverted else 0)).all():
        tone = "white" if mask.inverted else "black"
        written = f"{INVERT_PREFIX if mask.inverted else ''}{mask.name}"
        raise MaskError(
            f"cannot use the mask {written}: it is {tone} all over, so nothing would be stylized;"
            " give a mask that is white where the painting should be"
        )
