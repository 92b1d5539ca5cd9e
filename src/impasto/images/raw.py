"""Camera raw files: find the largest picture that the camera stored beside the sensor's data."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from PIL import Image

from impasto.images.detection import is_raw

_MAX_FILE_BYTES = 1 << 30
_MAX_DIRECTORIES, _MAX_ENTRIES = 64, 1000
_WIDTH, _HEIGHT, _PHOTOMETRIC, _ORIENTATION, _SUB_DIRECTORIES = 256, 257, 262, 274, 330
_DNG_VERSION = 50_706
_SENSOR_PHOTOMETRICS = (32_803, 34_892)  # a filter array, and demosaiced linear data
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}  # types of TIFF entries
_BASELINE_FRAMES = (0xC0, 0xC1, 0xC2)  # JPEG; sensor data may be lossless JPEG, which is another


@dataclass(frozen=True)
class RawFile:
    """Facts about a camera raw file.

    Attributes:
        width: pixels across of the sensor's data; 0 where the file has a layout of its own.
        height: pixels down.
        orientation: of the picture, as in EXIF.
    """

    width: int = 0
    height: int = 0
    orientation: int = 1


def examine_raw(file: IO[bytes], header: bytes) -> RawFile | None:
    """Examine a file that may be a camera raw file; None if it is another.

    Args:
        file: the file, which can seek.
        header: its first bytes.
    """
    tags = list(_directories(file, header))
    sensors = [tag for tag in tags if tag.get(_PHOTOMETRIC) in _SENSOR_PHOTOMETRICS]
    is_dng = any(_DNG_VERSION in tag for tag in tags)
    if not (sensors or is_dng or is_raw(header)):
        return None
    sizes = [(tag.get(_WIDTH, 0), tag.get(_HEIGHT, 0)) for tag in sensors]
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    orientation = next((tag[_ORIENTATION] for tag in tags if _ORIENTATION in tag), 1)
    return RawFile(width, height, orientation)


def _directories(file: IO[bytes], header: bytes) -> Iterator[dict[int, int]]:
    """Yield the first numbers of the entries of each TIFF directory, those inside others too."""
    order = {b"II": "<", b"MM": ">"}.get(header[:2])
    if order is None or header[2:4] in (b"+\0", b"\0+"):  # no raw file is a BigTIFF
        return
    pending = [struct.unpack(f"{order}I", header[4:8])[0]] if len(header) > 8 else []
    seen = set[int]()
    while pending and len(seen) < _MAX_DIRECTORIES:
        offset = pending.pop(0)
        if not offset or offset in seen:
            continue
        seen.add(offset)
        tags, more = _read_directory(file, order, offset)
        pending += more
        yield tags


def _read_directory(file: IO[bytes], order: str, offset: int) -> tuple[dict[int, int], list[int]]:
    """Read a directory: its integers by tag, and the offsets of further directories."""
    tags, more = dict[int, int](), list[int]()
    file.seek(offset)
    start = file.read(2)
    count = struct.unpack(f"{order}H", start)[0] if len(start) == 2 else 0
    entries = file.read(12 * min(count, _MAX_ENTRIES))
    next_offset = file.read(4)
    for at in range(0, len(entries) - 11, 12):
        tag, kind, number = struct.unpack(f"{order}HHI", entries[at : at + 8])
        code = _INTEGERS.get(kind)
        if code is None or not number:
            continue
        size = struct.calcsize(code) * number
        data = entries[at + 8 : at + 12]
        if size > 4 and tag == _SUB_DIRECTORIES and number <= _MAX_DIRECTORIES:
            file.seek(struct.unpack(f"{order}I", data)[0])
            data = file.read(size)
        elif size > 4:
            tags[tag] = 0
            continue
        if len(data) < size:
            continue
        values = struct.unpack(f"{order}{number}{code}", data[:size])
        tags[tag] = values[0]
        if tag == _SUB_DIRECTORIES:
            more += values
    if count <= _MAX_ENTRIES and len(next_offset) == 4:
        more.append(struct.unpack(f"{order}I", next_offset)[0])
    return tags, more


def find_preview(file: IO[bytes]) -> bytes | None:
    """Find the JPEG picture of the most pixels in a camera raw file; None if there is none."""
    file.seek(0)
    data = file.read(_MAX_FILE_BYTES)
    best, largest, at = -1, 0, data.find(b"\xff\xd8\xff")
    while at >= 0:
        pixels = _pixels_of_jpeg(data, at)
        if pixels > largest:
            best, largest = at, pixels
        at = data.find(b"\xff\xd8\xff", at + 3)
    return None if best < 0 else data[best:]


def _pixels_of_jpeg(data: bytes, at: int) -> int:
    """Count the pixels of a JPEG file within other data; 0 if it is none that can be decoded."""
    at += 2
    while data[at : at + 1] == b"\xff" and at + 9 <= len(data):
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _BASELINE_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return int(height * width) if data[at + 4] == 8 else 0
        if not 0xC4 <= marker <= 0xFE or marker == 0xDA:
            return 0
        at += 2 + size
    return 0


def open_preview(preview: bytes, orientation: int) -> Image.Image:
    """Open a preview, which is turned as the raw file says if it does not say so itself."""
    image = Image.open(io.BytesIO(preview), formats=("JPEG",))
    if "exif" not in image.info and orientation != 1:
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        image.info["exif"] = exif.tobytes()
    return image
