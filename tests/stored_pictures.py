"""One picture stored in every mode, depth, coding and orientation that files have."""

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pictures import ADOBE_GAMMA, ADOBE_RGB_TO_XYZ, photo, ramp, rgb_profile
from PIL import Image, ImageCms

HEIGHT, WIDTH = 140, 90  # more rows than are read at once
GRAY, RGB, ALPHA = 0, 2, 4  # color types of PNG; alpha is added to the others

Save = Callable[[Path], Any]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows: NDArray[Any], width: int, depth: int, color_type: int, extra: bytes = b"") -> bytes:
    """A PNG of packed rows (H, ...), with `extra` chunks before its pixels."""
    header = struct.pack(">IIBBBBB", width, len(rows), depth, color_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def tiled_png(pixels: NDArray[np.uint8], extra: bytes) -> bytes:
    """A PNG of 8-bit RGB (H, W, 3), with `extra` chunks."""
    return png(pixels, pixels.shape[1], 8, RGB, extra)


def _write(data: bytes, path: Path) -> None:
    path.write_bytes(data)


def _save(image: Image.Image, options: dict[str, Any], path: Path) -> None:
    image.save(path, **options)


def _deep(values: NDArray[np.uint8]) -> NDArray[Any]:
    """16 bits whose low byte differs from the high one."""
    low = np.arange(values.size).reshape(values.shape) % 256
    return (values.astype(">u2") * 256 + low).astype(">u2")


def _packed(gray: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    planes = (gray >> (8 - bits))[..., None] >> np.arange(bits - 1, -1, -1)
    return np.packbits((planes & 1).reshape(len(gray), -1).astype(np.uint8), axis=1)


def stored_pictures() -> dict[str, Save]:
    """Functions that save the picture, by the names of the files."""
    return dict(_all())


def _all() -> Iterator[tuple[str, Save]]:
    rgb, alpha = photo(HEIGHT, WIDTH), ramp(HEIGHT, WIDTH)
    gray, image = rgb[..., 1], Image.fromarray(rgb)
    rgba, la = np.dstack([rgb, alpha]), np.dstack([gray, alpha])
    yield from _modes(image, rgba, la)
    for name, rows, depth, color_type, extra in (
        ("gray-16.png", _deep(gray), 16, GRAY, b""),
        ("rgb-16.png", _deep(rgb), 16, RGB, b""),
        ("la-16.png", _deep(la), 16, GRAY + ALPHA, b""),
        ("rgba-16.png", _deep(rgba), 16, RGB + ALPHA, b""),
        ("gray-1.png", _packed(gray, 1), 1, GRAY, b""),
        ("gray-2.png", _packed(gray, 2), 2, GRAY, b""),
        ("gray-4.png", _packed(gray, 4), 4, GRAY, b""),
        ("gray-key.png", gray, 8, GRAY, chunk(b"tRNS", struct.pack(">H", gray[5, 5]))),
        ("rgb-key.png", rgb, 8, RGB, chunk(b"tRNS", struct.pack(">HHH", *rgb[5, 5]))),
        ("p3.png", rgb, 8, RGB, chunk(b"cICP", bytes([12, 13, 0, 1]))),
        ("pq.png", rgb, 8, RGB, chunk(b"cICP", bytes([9, 16, 0, 1]))),
        ("hlg.png", rgb, 8, RGB, chunk(b"cICP", bytes([9, 18, 0, 1]))),
        ("pq-16.png", _deep(rgb), 16, RGB, chunk(b"cICP", bytes([9, 16, 0, 1]))),
        ("linear.png", rgb, 8, RGB, chunk(b"gAMA", struct.pack(">I", 100_000))),
        ("gray-gamma.png", gray, 8, GRAY, chunk(b"gAMA", struct.pack(">I", 55_000))),
    ):
        data = png(rows, WIDTH, depth, color_type, extra)
        yield name, partial(_write, data)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        forms: dict[str, dict[str, Any]] = {
            ".jpg": {"quality": 95},
            ".png": {},
            ".webp": {"lossless": True},
            ".tif": {},
            "-packed.tif": {"compression": "tiff_deflate"},
        }
        for suffix, options in forms.items():
            yield f"turned-{orientation}{suffix}", partial(_save, image, {"exif": exif, **options})
    told: tuple[dict[int, Any], ...] = ({0xA001: 2}, {0xA001: 65535, 0xA005: {1: "R03"}})
    for number, details in enumerate(told):
        adobe = Image.Exif()
        adobe.get_ifd(0x8769).update(details)
        yield f"adobe-{number}.jpg", partial(_save, image, {"exif": adobe, "quality": 95})


def _modes(
    image: Image.Image, rgba: NDArray[np.uint8], la: NDArray[np.uint8]
) -> Iterator[tuple[str, Save]]:
    gray = np.asarray(image)[..., 1]
    profile = rgb_profile(ADOBE_RGB_TO_XYZ, ADOBE_GAMMA)
    modes = {
        "bits": image.convert("1"),
        "gray": Image.fromarray(gray),
        "la": Image.fromarray(la),
        "palette": image.quantize(50),
        "rgb": image,
        "rgba": Image.fromarray(rgba),
    }
    forms: dict[str, dict[str, Any]] = {
        ".png": {},
        ".tif": {},
        "-lzw.tif": {"compression": "tiff_lzw"},
        ".webp": {"lossless": True},
        "-lossy.webp": {"quality": 80},
        ".jpg": {"quality": 90},
        "-progressive.jpg": {"progressive": True},
    }
    for name, one in modes.items():
        for suffix, options in forms.items():
            if suffix.endswith("webp") and not name.startswith("rgb"):
                continue
            if suffix.endswith("jpg") and name not in ("gray", "rgb"):
                continue
            yield name + suffix, partial(_save, one, options)
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    saved: dict[str, tuple[Any, dict[str, Any]]] = {
        "palette-key.png": (image.quantize(50), {"transparency": 3}),
        "palette-alpha.png": (image.quantize(50), {"transparency": bytes(range(0, 250, 5))}),
        "cmyk.tif": (image.convert("CMYK"), {}),
        "cmyk.jpg": (image.convert("CMYK"), {"quality": 95}),
        "ycc.tif": (image.convert("YCbCr"), {}),
        "ycc-jpeg.tif": (image, {"compression": "jpeg", "quality": 90}),
        "lab.tif": (ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB"), {}),
        "float.tif": (Image.fromarray((gray / 255).astype(np.float32)), {}),
        "float-255.tif": (Image.fromarray(gray.astype(np.float32)), {}),
        "float-765.tif": (Image.fromarray(gray.astype(np.float32) * 3), {}),
        "gray-16.tif": (Image.fromarray(gray.astype(np.uint16) * 257), {}),
        "gray-32.tif": (Image.fromarray(gray.astype(np.int32) * 70_000), {}),
        "gray-32-low.tif": (Image.fromarray(gray.astype(np.int32)), {}),
        "profile.jpg": (image, {"icc_profile": profile, "quality": 95}),
        "profile.png": (image, {"icc_profile": profile}),
        "profile.tif": (image, {"icc_profile": profile}),
        "profile.webp": (image, {"icc_profile": profile, "lossless": True}),
        "odd-profile.png": (image, {"icc_profile": b"no profile"}),
        "rgb-profile-on-gray.png": (Image.fromarray(gray), {"icc_profile": profile}),
        "big.tif": (image, {"big_tiff": True}),
        "pages.tif": (image, {"save_all": True, "append_images": [image.rotate(180)]}),
        "moving.webp": (
            image,
            {"save_all": True, "append_images": [image.rotate(180)], "lossless": True},
        ),
    }
    for name, (one, options) in saved.items():
        yield name, partial(_save, one, options)
