"""Pictures and ICC profiles for tests, made from numbers."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

UInt8 = NDArray[np.uint8]

# Primaries as color profiles hold them: XYZ relative to D50, one column for each of red, green and
# blue.
SRGB_TO_XYZ = np.array(
    [[0.43607, 0.38506, 0.14308], [0.22250, 0.71688, 0.06062], [0.01393, 0.09710, 0.71417]]
)
ADOBE_RGB_TO_XYZ = np.array(
    [[0.6097, 0.2053, 0.1492], [0.3111, 0.6257, 0.0632], [0.0195, 0.0609, 0.7446]]
)
ADOBE_GAMMA = 563 / 256
D50 = (0.9642, 1.0, 0.8249)


def photo(height: int, width: int) -> UInt8:
    """A smooth picture (H, W, 3) without symmetry, so that any turn or swap of channels shows, and
    lossy formats keep it."""
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    channels = [40 + 190 * across, 230 - 200 * down, 120 + 80 * np.sin(3 * across + 5 * down)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def ramp(height: int, width: int) -> UInt8:
    """An alpha channel (H, W) from clear on the left to opaque on the right."""
    return np.tile(np.linspace(0, 255, width).round().astype(np.uint8), (height, 1))


def rgb_profile(to_xyz: NDArray[np.float64], gamma: float) -> bytes:
    """An ICC profile of a display with these primaries and this gamma."""
    tags = {f"{name}XYZ": _xyz(to_xyz[:, column]) for column, name in enumerate("rgb")}
    return _profile(b"RGB ", tags | {f"{name}TRC": _gamma(gamma) for name in "rgb"})


def gray_profile(gamma: float) -> bytes:
    """An ICC profile of a gray display with this gamma."""
    return _profile(b"GRAY", {"kTRC": _gamma(gamma)})


def to_srgb(rgb: UInt8, to_xyz: NDArray[np.float64], gamma: float) -> UInt8:
    """What a profile of these primaries and this gamma means in sRGB, by the definition (IEC
    61966-2-1)."""
    linear = (rgb / 255) ** gamma @ to_xyz.T @ np.linalg.inv(SRGB_TO_XYZ).T
    return encoded_srgb(linear)


def encoded_srgb(linear: NDArray[np.float64]) -> UInt8:
    """Linear light in [0, 1], clipped to it, as sRGB values."""
    linear = linear.clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (encoded * 255).round().astype(np.uint8)


def _xyz(values: Sequence[float] | NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65_536) for value in values))


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _profile(space: bytes, tags: dict[str, bytes]) -> bytes:
    """An ICC version 2 profile (ICC.1:2001-04): a header of 128 bytes, a table of tags, the
    tags."""
    tags = {"wtpt": _xyz(D50)} | tags
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name.encode() + struct.pack(">II", offset + len(body), len(data))
        body += data
    size = offset + len(body)
    header = struct.pack(
        ">I4sI4s4s4s12s4s", size, b"", 0x02400000, b"mntr", space, b"XYZ ", b"", b"acsp"
    )
    header = header.ljust(68, b"\0") + _xyz(D50)[8:]
    return header.ljust(128, b"\0") + table + body


def save(folder: Path, *names: str) -> list[Path]:
    """Save pictures of these names below a folder, no two of one size; return their paths."""
    paths = [folder / name for name in names]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        form = {".jpg": "JPEG", ".gif": "GIF", ".bmp": "BMP"}.get(path.suffix.lower(), "PNG")
        Image.fromarray(photo(20 + number, 30)).save(path, form)
    return paths


def names(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, in order."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def copies(photo_file: Path, *others: str) -> list[Path]:
    """Copy a photograph to other names in its folder; return the paths."""
    paths = [photo_file.parent / other for other in others]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo_file.read_bytes())
    return paths


def truncations(data: bytes, parts: int) -> list[bytes]:
    """The first 1/parts, 2/parts, ... of a file."""
    return [data[: len(data) * part // parts] for part in range(1, parts)]
