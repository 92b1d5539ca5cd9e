"""Write image files, each in the format that its suffix names."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from impasto.errors import PictureError, one_line
from impasto.files import os_reason, write_atomically
from impasto.images.exif import exif_block
from impasto.images.formats import AVIF, FULL_CHROMA_QUALITY, JPEG, WEBP, WRITERS, Format
from impasto.images.image import Picture

# Writing


def write(path: Path | str, picture: Picture, quality: int = 92) -> None:
    """Write a picture file in the format that its suffix names (see `WRITABLE`).

    The file appears whole or not at all: on any failure a file that was there before is as it was.
    A missing folder is made. Formats without alpha (JPEG, BMP) show clear parts as white.

    Args:
        path: where to; an existing file is replaced.
        picture: what.
        quality: 1 (small) to 100 (fine), for JPEG, WebP and AVIF; PNG, TIFF and BMP lose nothing at
            any.

    Raises:
        PictureError: unknown suffix, a side longer than the format allows, a quality out of range,
            or a folder or disk that cannot take the file.
    """
    path = Path(path)
    form = check_sides(path, picture.width, picture.height)
    if not 1 <= quality <= 100:
        raise PictureError(
            f"cannot write {path}: the quality is {quality}; choose 1 (small) to 100 (fine)"
        )
    data = _encoded(path, form, picture, quality)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise PictureError(f"cannot write {path}: {os_reason(error)}") from error


def _writer(path: Path) -> Format:
    try:
        return WRITERS[path.suffix.lower()]
    except KeyError:
        seen = f"the suffix {path.suffix} is" if path.suffix else "no suffix is"
        raise PictureError(
            f"cannot write {path}: {seen} no format to write; use one of {' '.join(WRITERS)}"
        ) from None


def check_sides(path: Path, width: int, height: int) -> Format:
    """The format that a suffix names. Raises PictureError if there is none, or a picture of this
    size does not fit in it."""
    form, longest = _writer(path), max(width, height)
    if longest > form.max_side:
        others = [
            suffix for suffix, other in WRITERS.items() if longest <= other.max_side and other.exif
        ]
        raise PictureError(
            f"cannot write {path}: {width} x {height} pixels, and a side of {form.name} has at most"
            f" {form.max_side}; use {' or '.join(others)}"
        )
    return form


def _encoded(path: Path, form: Format, picture: Picture, quality: int) -> bytes:
    # In memory, since Pillow's encoders report a full disk as "encoder error -2".
    image = picture.to_pil() if form.alpha else _on_white(picture)
    buffer = io.BytesIO()
    try:
        image.save(buffer, form.name, **_metadata(form, picture), **_options(form, quality))
    except MemoryError as error:
        size = f"{picture.width} x {picture.height} pixels"
        raise PictureError(
            f"cannot write {path}: not enough memory for {size}; make the picture smaller"
        ) from error
    except Exception as error:  # encoders, as decoders, raise nearly anything
        message = f"cannot write {path}: encoding {form.name} failed ({one_line(error)}); use another format"
        raise PictureError(message) from error
    return buffer.getvalue()


def _on_white(picture: Picture) -> Image.Image:
    white = Image.new("RGB", (picture.width, picture.height), "white")
    white.paste(
        Image.fromarray(picture.rgb),
        mask=None if picture.alpha is None else Image.fromarray(picture.alpha),
    )
    return white


def _options(form: Format, quality: int) -> dict[str, Any]:
    if form is WEBP:
        return {"quality": quality}
    if form in (JPEG, AVIF):
        return {
            "quality": quality,
            "subsampling": "4:4:4" if quality >= FULL_CHROMA_QUALITY else "4:2:0",
        }
    # TIFF stays uncompressed: with compression Pillow cannot store dates and place (nested EXIF)
    return {}


_JPEG_SEGMENT = 65_533  # bytes that one marker segment holds


def _metadata(form: Format, picture: Picture) -> dict[str, Any]:
    exif = (
        exif_block(picture.exif, picture.dpi, picture.width, picture.height) if form.exif else None
    )
    if exif is not None and form is JPEG and len(exif) > _JPEG_SEGMENT:
        exif = None
    found = {"exif": exif, "dpi": picture.dpi}
    return {name: value for name, value in found.items() if value is not None}


def encode(picture: Picture, suffix: str, quality: int = 92) -> bytes:
    """The bytes of a picture file in the format of a suffix such as ".webp". Raises PictureError as
    `write` does."""
    path = Path(f"picture{suffix}")
    form = check_sides(path, picture.width, picture.height)
    return _encoded(path, form, picture, quality)
