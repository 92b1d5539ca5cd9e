"""Picture files for tests: their bytes, their metadata, and the folders that hold them."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pictures import (
    UInt8,
)
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

LOSSLESS = (".png", ".tif", ".tiff", ".bmp")


WITH_EXIF = (".jpg", ".png", ".webp", ".tif", ".avif")


def differs(one: UInt8, other: UInt8) -> float:
    """The mean difference of two pictures of one size, in levels of 255."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


def file_bytes(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def stored(folder: Path, data: bytes, name: str = "picture") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def reopened(image: Image.Image, form: str, **options: Any) -> Image.Image:
    return Image.open(io.BytesIO(file_bytes(image, form, **options)))


def exif_of(data: bytes | None) -> Image.Exif:
    assert data is not None
    exif = Image.Exif()
    exif.load(data)
    return exif


def camera_exif(orientation: int = 1) -> bytes:
    """What a camera writes of a picture of 64 x 48 pixels, and what an editor in Adobe RGB adds."""
    exif = Image.Exif()
    exif[Base.Make] = "Leitz"
    exif[Base.Copyright] = "Ada Lovelace"
    exif[Base.DateTime] = "2024:05:06 07:08:09"
    exif[Base.Orientation] = orientation
    exif[IFD.Exif] = {
        Base.DateTimeOriginal: "2024:05:06 07:08:09",
        Base.FocalLength: 35.0,
        Base.ExifImageWidth: 64,
        Base.ExifImageHeight: 48,
        Base.ColorSpace: 0xFFFF,
        Base.MakerNote: b"private" * 20,
    }
    exif[IFD.GPSInfo] = {GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (59.0, 20.0, 30.0)}
    return exif.tobytes()


def png_of(width: int, height: int, bits: int, color: int, row: bytes) -> bytes:
    """A PNG of one kind of row, with the header that says so (PNG specification, 11.2)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * (height if row else 0))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def refusing(number: int) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return refuse
