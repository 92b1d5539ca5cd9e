"""Read pictures: files of any format, and pictures in memory, become upright 8-bit sRGB."""

import os
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import Base

from impasto.choices import MAX_PIXELS
from impasto.errors import PictureError, one_line
from impasto.images.color_coding import find_coding
from impasto.images.color_profiles import split_alpha, to_srgb
from impasto.images.exif import TURNS, load_exif, pack_exif, read_dpi, turn_upright
from impasto.images.formats import WRITERS
from impasto.images.image import Header, Picture, UInt8, describe_array
from impasto.images.opening import PREVIEW, open_bytes, open_path, translate_errors
from impasto.images.transparency import cover_clear

_PAGED = ("TIFF", "HEIF")  # formats whose files may hold several pictures that are no animation

PictureSource = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | NDArray[Any] | Picture
"""Everything that `to_picture` turns into a picture."""


def read_header(path: Path | str) -> Header:
    """Read the header of a picture file of any size, without decoding its pixels.

    Raises:
        PictureError: the file is missing, unreadable, no picture, broken, or cut short.
    """
    with open_path(Path(path)) as image:
        exif = load_exif(image)
        orientation = exif.get(Base.Orientation, 1)
        turned = orientation in TURNS
        # Pillow gives the upright size of a TIFF
        on_side = turned and orientation >= 5 and image.format != "TIFF"
        width, height = image.size[::-1] if on_side else image.size
        is_preview = PREVIEW in image.info
        return Header(
            "RAW" if is_preview else image.format or "",
            width,
            height,
            orientation if turned else 1,
            image.has_transparency_data,
            pack_exif(exif),
            read_dpi(image, exif),
            image.mode,
            image.info.get("icc_profile"),
            find_coding(image, exif),
            int(getattr(image, "n_frames", 1)) if image.format in _PAGED else 1,
            is_preview,
        )


def read(path: Path | str, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture file. Its content decides the format, not its suffix.

    Of an animation, the first frame is read.

    Args:
        path: a JPEG, PNG, WebP, TIFF, AVIF, GIF, BMP, or, with pillow-heif installed, HEIC file;
            or a camera raw file with a large JPEG preview, which is read.
        max_pixels: pictures of more pixels (width times height) are refused before they are
            decoded.

    Raises:
        PictureError: the file is missing, unreadable, no picture, broken, cut short, or too large.
    """
    path = Path(path)
    with open_path(path) as image:
        check_pixels(path, image.size, max_pixels)
        return _decode_image(image)


def decode(data: bytes, name: str = "the picture", max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode the bytes of a picture file, as `read` does a file.

    Args:
        data: the bytes of the whole file.
        name: the picture, as errors call it.
        max_pixels: as for `read`.

    Raises:
        PictureError: the bytes are no picture, broken, cut short, or too many pixels.
    """
    with open_bytes(data, name) as image:
        check_pixels(name, image.size, max_pixels)
        return _decode_image(image)


def detect_suffix(data: bytes) -> str:
    """Detect the suffix for rewriting a picture file of these bytes in its own format.

    Returns:
        A suffix such as ".png"; ".jpg" where impasto does not write the format.

    Raises:
        PictureError: the bytes are no picture, or broken.
    """
    with open_bytes(data, "the picture") as image:
        return next(
            (suffix for suffix, format in WRITERS.items() if format.name == image.format), ".jpg"
        )


def from_pil(image: Image.Image) -> Picture:
    """Convert a Pillow image of any mode, turned upright and converted to sRGB as by `read`.

    Raises:
        PictureError: the image was opened from a file that is broken, or its mode is unknown.
    """
    with translate_errors("the picture"):
        return _decode_image(image)


def to_picture(
    source: PictureSource, name: str = "the picture", max_pixels: int = MAX_PIXELS
) -> Picture:
    """Turn whatever a caller may give for a picture into a `Picture`.

    Args:
        source: the path of a picture file; the bytes of one; a binary file, read from where it
            stands to its end, and left open; a PIL image; a uint8 array (H, W), (H, W, 1),
            (H, W, 3) or (H, W, 4) of gray, RGB or RGBA, which the picture shares where it can; or
            a `Picture`, which is returned as it is if no pixel is clear.
        name: the picture, as errors call it where it has no path.
        max_pixels: pictures of more pixels (width times height) are refused before they are
            decoded. The limit does not apply to pixels in memory.

    Raises:
        PictureError: the source is of another kind, or the picture cannot be read.
    """
    if isinstance(source, Picture):
        covered = cover_clear(source.rgb, source.alpha)
        return source if covered is source.rgb else replace(source, rgb=covered)
    if isinstance(source, str | os.PathLike):
        return read(Path(source), max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return decode(bytes(source), name, max_pixels)
    if isinstance(source, Image.Image):
        return from_pil(source)
    if isinstance(source, np.ndarray):
        return _from_array(source, name)
    if callable(getattr(source, "read", None)):
        return decode(_read_file(source, name), name, max_pixels)
    raise PictureError(
        f"cannot read {name} from {type(source).__name__}; give a path, bytes, a binary file,"
        " a PIL image or a uint8 array"
    )


def _from_array(array: NDArray[Any], name: str) -> Picture:
    """Take gray, RGB or RGBA pixels, uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)."""
    if array.dtype != np.uint8:
        remedy = "convert it to uint8, with values from 0 to 255"
        if array.dtype.kind == "f":
            remedy += ", as by (array * 255).round().astype(np.uint8) where its values are 0 to 1"
        raise PictureError(
            f"cannot read {name} from an array {describe_array(array)}: pictures have 8 bits;"
            f" {remedy}"
        )
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or pixels.size == 0:
        raise PictureError(
            f"cannot read {name} from an array {describe_array(array)}: its shape is no picture's;"
            " give (H, W), (H, W, 3) or (H, W, 4), with at least one pixel"
        )
    if pixels.shape[2] == 1:
        return Picture(np.repeat(pixels, 3, axis=2))
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return Picture(cover_clear(np.ascontiguousarray(pixels[..., :3]), alpha), _drop_opaque(alpha))


def _read_file(file: IO[bytes], name: str) -> bytes:
    try:
        data = file.read()
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise PictureError(
            f"cannot read {name} from a file: {one_line(error)}; open it anew for reading"
        ) from error
    if not isinstance(data, bytes):
        raise PictureError(
            f"cannot read {name} from a file opened as text; open it in binary mode, as by"
            " open(path, 'rb')"
        )
    if not data:
        raise PictureError(
            f"cannot read {name} from a file: no bytes are left in it;"
            " move it to the picture's first byte, as by file.seek(0)"
        )
    return data


def check_pixels(path: Path | str, size: tuple[int, int], max_pixels: int) -> None:
    """Raise PictureError if a picture of `size` (width, height) exceeds `max_pixels` pixels."""
    pixels = size[0] * size[1]
    if pixels > max_pixels:
        raise PictureError(
            f"cannot read {path}: {size[0]} x {size[1]} pixels are {pixels:,} and the limit is"
            f" {max_pixels:,}; shrink the picture, or raise the limit with --max-pixels {pixels}"
        )


def _decode_image(image: Image.Image) -> Picture:
    image.load()
    exif = load_exif(image)
    color, alpha = split_alpha(turn_upright(image, exif))
    coding = find_coding(image, exif)
    rgb = np.array(to_srgb(color, image.info.get("icc_profile"), coding))
    opacity = _drop_opaque(None if alpha is None else np.array(alpha))
    return Picture(cover_clear(rgb, opacity), opacity, pack_exif(exif), read_dpi(image, exif))


def _drop_opaque(alpha: UInt8 | None) -> UInt8 | None:
    """Return None for alpha without a clear pixel."""
    return None if alpha is None or alpha.min() == 255 else alpha
