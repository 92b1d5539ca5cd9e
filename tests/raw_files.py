"""Camera raw files in small: the layouts of cameras, with or without a preview."""

import io
import struct
from collections.abc import Sequence

import numpy as np
from pictures import photo
from PIL import Image

HEIGHT, WIDTH = 214, 320  # of the photograph

Entry = tuple[int, int, int, int]  # tag, type, number of values, value or place


def _directory(entries: Sequence[Entry]) -> bytes:
    out = struct.pack("<H", len(entries))
    for tag, kind, count, value in sorted(entries):
        short = kind == 3 and count == 1
        stored = struct.pack("<HH", value, 0) if short else struct.pack("<I", value)
        out += struct.pack("<HHI", tag, kind, count) + stored
    return out + struct.pack("<I", 0)


def preview(size: tuple[int, int] = (WIDTH, HEIGHT), exif: bytes = b"") -> bytes:
    """A JPEG of the photograph."""
    data = io.BytesIO()
    image = Image.fromarray(photo(HEIGHT, WIDTH)).resize(size)
    image.save(data, "JPEG", quality=95, **({"exif": exif} if exif else {}))
    return data.getvalue()


def tiff_raw(jpeg: bytes = b"", orientation: int = 1, dng: bool = False) -> bytes:
    """The layout of NEF, ARW, PEF and DNG.

    The first directory is a small thumbnail without compression; a directory inside it is the
    sensor's data, in a filter array; and a JPEG preview lies between them.
    """
    picture = photo(HEIGHT, WIDTH)
    thumbnail = np.asarray(Image.fromarray(picture).resize((160, 107)))
    sensor = picture[..., 1].astype("<u2") * 64
    data = bytearray(b"II*\0\0\0\0\0") + struct.pack("<HHHH", 8, 8, 8, 0)
    at_thumbnail = len(data)
    data += thumbnail.tobytes()
    at_sensor = len(data)
    data += sensor.tobytes() + jpeg + b"\0" * (len(jpeg) % 2)
    at_inner = len(data)
    data += _directory(
        [
            *((254, 4, 1, 0), (256, 3, 1, WIDTH), (257, 3, 1, HEIGHT), (258, 3, 1, 16)),
            *((259, 3, 1, 1), (262, 3, 1, 32_803), (273, 4, 1, at_sensor), (277, 3, 1, 1)),
            *((278, 3, 1, HEIGHT), (279, 4, 1, sensor.nbytes)),
        ]
    )
    struct.pack_into("<I", data, 4, len(data))
    entries: list[Entry] = [
        *((254, 4, 1, 1), (256, 3, 1, 160), (257, 3, 1, 107), (258, 3, 3, 8), (259, 3, 1, 1)),
        *((262, 3, 1, 2), (273, 4, 1, at_thumbnail), (274, 3, 1, orientation), (277, 3, 1, 3)),
        *((278, 3, 1, 107), (279, 4, 1, thumbnail.nbytes), (330, 4, 1, at_inner)),
    ]
    if dng:
        entries.append((50_706, 1, 4, 0x00000401))
    return bytes(data + _directory(entries))


SIGNATURES = {
    ".nef": b"",
    ".raf": b"FUJIFILMCCD-RAW 0201" + bytes(100),
    ".orf": b"IIRO\x08\0\0\0\0\0" + bytes(100),
    ".rw2": b"IIU\0\x08\0\0\0\0\0" + bytes(100),
    ".cr2": b"II*\0\x10\0\0\0CR\x02\0" + bytes(100),
    ".cr3": struct.pack(">I", 24) + b"ftypcrx \0\0\0\1crx isom" + bytes(100),
    ".x3f": b"FOVb" + bytes(100),
    ".mrw": b"\0MRM" + bytes(100),
}


def raw_file(suffix: str, jpeg: bytes) -> bytes:
    """A raw file of a maker, with a small thumbnail before the preview `jpeg`."""
    if suffix in (".nef", ".arw", ".dng", ".pef"):
        return tiff_raw(jpeg, dng=suffix == ".dng")
    return SIGNATURES[suffix] + preview((160, 107)) + jpeg + bytes(1000)
