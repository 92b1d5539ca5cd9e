"""Formats that images are read from and written in."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A format that pictures are written in, and what it can hold."""

    name: str  # as Pillow calls it
    max_side: int = 2**31 - 1  # pixels
    alpha: bool = True
    exif: bool = True


JPEG = Format(
    "JPEG", max_side=65_500, alpha=False
)  # the format has 16 bits, libjpeg stops a little short of them
PNG = Format("PNG")
WEBP = Format("WEBP", max_side=16_383)
TIFF = Format("TIFF")
AVIF = Format("AVIF", max_side=32_768)  # the format has 65536, libavif reads no more than this
BMP = Format("BMP", alpha=False, exif=False)

# No GIF: 256 colours would undo a painting.
WRITERS = {
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".png": PNG,
    ".webp": WEBP,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".avif": AVIF,
    ".bmp": BMP,
}
_HEIC_SUFFIXES = frozenset({".heic", ".heif"})

WRITABLE = frozenset(WRITERS)
"""Suffixes, in lower case, of the files that `write` makes."""

EXTENSIONS = WRITABLE | _HEIC_SUFFIXES | {".gif"}
"""Suffixes, in lower case, of the files that `read` understands."""

DEFAULT_QUALITY = 92
"""Quality of JPEG, WebP and AVIF files, 1 (small) to 100 (fine)."""

FULL_CHROMA_QUALITY = 90
"""From this quality on, JPEG and AVIF keep colour at full resolution (4:4:4), below it at half
(4:2:0)."""
