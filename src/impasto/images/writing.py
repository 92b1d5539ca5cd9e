"""Write image files, each in the format of its suffix."""

import contextlib
import io
import os
from pathlib import Path
from typing import IO, Any

from PIL import Image

from impasto.errors import PictureError, one_line
from impasto.files import os_reason, write_atomically
from impasto.images.embedded import MAX_XMP_BYTES, XMP_TAG, png_chunks, xmp_packet
from impasto.images.exif import build_exif
from impasto.images.formats import (
    AVIF,
    DEFAULT_QUALITY,
    FULL_CHROMA_QUALITY,
    JPEG,
    PNG,
    TIFF,
    WEBP,
    WRITERS,
    Format,
)
from impasto.images.image import Picture

_MAX_SEGMENT_BYTES = 65_533  # of one JPEG marker segment


def write(path: Path | str, picture: Picture, quality: int = DEFAULT_QUALITY) -> None:
    """Write a picture file atomically, in the format of its suffix.

    On any failure an existing file stays unchanged. A missing folder is made. Formats without
    alpha (JPEG, BMP) show clear parts as white.

    Args:
        path: the target, with a suffix of `impasto.images.formats.WRITABLE`; an existing file is
            replaced.
        picture: the pixels and their metadata.
        quality: 1 (small) to 100 (fine), for JPEG, WebP and AVIF; PNG, TIFF and BMP are lossless
            at any quality.

    Raises:
        PictureError: the suffix is unknown, a side is longer than the format allows, the quality
            is out of range, or the folder or disk does not accept the file.
    """
    path = Path(path)
    format = check_sides(path, picture.width, picture.height)
    if not 1 <= quality <= 100:
        raise PictureError(
            f"cannot write {path}: the quality is {quality}; choose 1 (small) to 100 (fine)"
        )
    data = _encode(path, format, picture, quality)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise PictureError(f"cannot write {path}: {os_reason(error)}") from error


def encode(picture: Picture, suffix: str, quality: int = DEFAULT_QUALITY) -> bytes:
    """Encode a picture as the bytes of a file in the format of a suffix such as ".webp".

    Raises:
        PictureError: as `write`.
    """
    path = Path(f"picture{suffix}")
    format = check_sides(path, picture.width, picture.height)
    return _encode(path, format, picture, quality)


def check_sides(path: Path, width: int, height: int) -> Format:
    """Return the format of a suffix, and check that it holds a picture of this size.

    Raises:
        PictureError: the suffix is unknown, or a side is longer than the format allows.
    """
    format, longest = _find_format(path), max(width, height)
    if longest > format.max_side:
        others = [
            suffix for suffix, other in WRITERS.items() if longest <= other.max_side and other.exif
        ]
        raise PictureError(
            f"cannot write {path}: {width} x {height} pixels, and a side of {format.name} has at"
            f" most {format.max_side}; use {' or '.join(others)}"
        )
    return format


def _find_format(path: Path) -> Format:
    try:
        return WRITERS[path.suffix.lower()]
    except KeyError:
        reason = f"unsupported extension {path.suffix}" if path.suffix else "no extension"
        raise PictureError(
            f"cannot write {path}: {reason}; use one of {' '.join(WRITERS)}"
        ) from None


def _encode(path: Path, format: Format, picture: Picture, quality: int) -> bytes:
    """Encode in memory, since Pillow's encoders report a full disk as "encoder error -2"."""
    is_blended = picture.alpha is not None and not format.alpha
    image = _blend_on_white(picture) if is_blended else picture.to_pil()
    try:
        with _open_buffer(format) as buffer:
            options = _metadata(format, picture) | _options(format, quality)
            image.save(buffer, format.name, **options)
            buffer.seek(0)
            return buffer.read()
    except MemoryError as error:
        raise PictureError(
            f"cannot write {path}: not enough memory for {picture.width} x {picture.height} pixels;"
            " make the picture smaller"
        ) from error
    except Exception as error:  # encoders, as decoders, raise nearly any kind
        raise PictureError(
            f"cannot write {path}: encoding {format.name} failed ({one_line(error)});"
            " use another format"
        ) from error


def _open_buffer(format: Format) -> IO[bytes]:
    """Open a file in memory to encode into.

    Pillow holds Python's lock while it encodes JPEG into an object of Python, and not while it
    encodes into a file of the system. Other threads then read and paint the next pictures.
    """
    if format is JPEG and hasattr(os, "memfd_create"):  # Linux
        with contextlib.suppress(OSError):  # a container may forbid it
            return os.fdopen(os.memfd_create("impasto"), "w+b")
    return io.BytesIO()


def _blend_on_white(picture: Picture) -> Image.Image:
    white = Image.new("RGB", (picture.width, picture.height), "white")
    assert picture.alpha is not None
    white.paste(Image.fromarray(picture.rgb), mask=Image.fromarray(picture.alpha))
    return white


def _options(format: Format, quality: int) -> dict[str, Any]:
    """Return the options of an encoder in Pillow."""
    if format is WEBP:
        return {"quality": quality}
    if format in (JPEG, AVIF):
        subsampling = "4:4:4" if quality >= FULL_CHROMA_QUALITY else "4:2:0"
        return {"quality": quality, "subsampling": subsampling}
    # TIFF stays uncompressed: with compression Pillow cannot store dates and place (nested EXIF)
    return {}


def _metadata(format: Format, picture: Picture) -> dict[str, Any]:
    exif = None
    if format.exif:
        exif = build_exif(picture.exif, picture.dpi, picture.width, picture.height)
    if exif is not None and format is JPEG and len(exif) > _MAX_SEGMENT_BYTES:
        exif = None
    fields = {"exif": exif, "dpi": picture.dpi, **_embed(format, picture.settings, exif)}
    return {name: value for name, value in fields.items() if value is not None}


def _embed(format: Format, settings: str | None, exif: bytes | None) -> dict[str, Any]:
    """Return the options of Pillow that write settings; a packet too long for JPEG is left out."""
    if settings is None or not format.exif:
        return {}
    if format is PNG:
        return {"pnginfo": png_chunks(settings)}
    packet = xmp_packet(settings)
    if format is TIFF:
        tags = Image.Exif()
        tags.load(exif or b"")
        tags[XMP_TAG] = packet
        return {"exif": tags}
    return {} if format is JPEG and len(packet) > MAX_XMP_BYTES else {"xmp": packet}
