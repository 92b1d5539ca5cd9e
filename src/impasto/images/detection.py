"""Detect what a file is by its first bytes, since its suffix may be missing or wrong."""

import os
from enum import Enum
from pathlib import Path

from impasto.images.formats import EXTENSIONS, UNREADABLE

HEADER_BYTES = 4096
_TRANSPORT_PACKETS = (188, 192)  # bytes of a packet in .ts, and in .m2ts, which begins with a time
_PICTURE_BRANDS = frozenset({b"avif", b"heic", b"heix", b"heim", b"heis", b"hevx", b"mif1"})
_SEQUENCE_BRANDS = frozenset({b"avis", b"hevc", b"msf1"})


class FileKind(Enum):
    """The kind of a file: a picture that impasto reads, a camera raw file, and so on."""

    PICTURE = "picture"
    RAW = "camera raw file"
    UNREADABLE_PICTURE = "picture of a format that impasto does not read"
    VIDEO = "video"
    OTHER = "other file"
    MISSING = "no file that can be read"


def detect_kind(path: Path) -> FileKind:
    """Detect the kind of a file from its first bytes; for pictures unknown to it, by suffix.

    A file without content counts by its suffix, so that an empty `a.jpg` is a broken picture.
    """
    header = read_start(path)
    if header is None:
        return FileKind.MISSING
    kind = kind_of(header)
    suffix = path.suffix.lower()
    if kind is FileKind.OTHER and suffix in UNREADABLE:
        return FileKind.UNREADABLE_PICTURE
    if kind is FileKind.OTHER and suffix in EXTENSIONS:
        return FileKind.PICTURE  # broken: reading it says why
    return kind


def is_picture(path: Path) -> bool:
    """Tell whether a file is a picture that impasto reads, or is meant to be one."""
    return detect_kind(path) in (FileKind.PICTURE, FileKind.RAW)


def read_start(path: Path) -> bytes | None:
    """Read the first bytes of a file; None where there is no file, or it cannot be read."""
    try:
        if not os.path.isfile(path):  # noqa: PTH113  # `Path` raises at long names; pipes would wait
            return None
        with path.open("rb") as file:
            return file.read(HEADER_BYTES)
    except (OSError, ValueError):
        return None


def kind_of(header: bytes) -> FileKind:
    """Detect the kind of a file from its first bytes."""
    if is_raw(header):
        return FileKind.RAW
    if _is_picture(header):
        return FileKind.PICTURE
    if _is_video(header):
        return FileKind.VIDEO
    return FileKind.UNREADABLE_PICTURE if _is_other_picture(header) else FileKind.OTHER


def brands_of(header: bytes) -> frozenset[bytes]:
    """Read the brands of a file in the container of ISO 14496-12; none of others."""
    if header[4:8] != b"ftyp":
        return frozenset()
    box = header[8 : int.from_bytes(header[:4], "big")]
    # the second word is a version
    return frozenset(box[at : at + 4] for at in range(0, len(box), 4) if at != 4)


def is_animated(header: bytes) -> bool:
    """Tell whether a PNG or AVIF file holds more than one picture in time."""
    if header[:8] == b"\x89PNG\r\n\x1a\n":
        pixels = header.find(b"IDAT")
        return b"acTL" in (header if pixels < 0 else header[:pixels])
    return b"avis" in brands_of(header)


def is_raw(header: bytes) -> bool:
    """Tell whether a file is a camera raw file by its own signature; TIFF-like ones have none."""
    return (
        header[:15] == b"FUJIFILMCCD-RAW"
        or header[:4] in (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")
        or (header[:4] == b"II*\0" and header[8:10] == b"CR")
        or b"crx " in brands_of(header)
    )


def _is_picture(header: bytes) -> bool:
    if header.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")):
        return True
    if header.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):  # TIFF and BigTIFF
        return True
    if header[:4] == b"RIFF" and header[8:12] == b"WEBP":
        return True
    if header[:2] == b"BM" and header[6:10] == b"\0\0\0\0":
        return True
    brands = brands_of(header)
    # a file of moving HEIC is both; its first picture is that of the still
    return bool(brands & _PICTURE_BRANDS) or b"avis" in brands


def _is_video(header: bytes) -> bool:
    if header[4:8] == b"ftyp" or header[4:8] in (b"moov", b"mdat", b"wide", b"pnot"):
        return True
    if header.startswith((b"\x1aE\xdf\xa3", b"0&\xb2u\x8ef\xcf\x11", b"FLV\1", b"OggS")):
        return True
    if header.startswith((b"\0\0\1\xba", b"\0\0\1\xb3", b"\x06\x0e+4\x02\x05\x01\x01")):
        return True
    if header[:4] == b"RIFF" and header[8:12] == b"AVI ":
        return True
    return any(
        len(header) > 2 * size + 4 and all(header[at + size - 188] == 0x47 for at in (0, size))
        for size in _TRANSPORT_PACKETS
    )


def _is_other_picture(header: bytes) -> bool:
    signatures = (
        *(b"8BPS", b"\xff\x0a", b"\0\0\0\x0cJXL ", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
        *(b"v/1\x01", b"DDS ", b"#?RADIANCE", b"#?RGBE", b"\0\0\1\0", b"gimp xcf", b"qoif"),
    )
    if header.startswith(signatures):
        return True
    if header[:1] == b"P" and header[1:2] in b"1234567f" and header[2:3].isspace():
        return True
    return b"<svg" in header[:1024].lower()
