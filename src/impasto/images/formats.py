"""Image file formats: their suffixes, limits and capabilities."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A format in which impasto writes pictures.

    Attributes:
        name: the name of the format in Pillow.
        max_side: pixels of the longest side.
        alpha: whether it stores transparency.
        exif: whether it stores EXIF metadata.
    """

    name: str
    max_side: int = 2**31 - 1
    alpha: bool = True
    exif: bool = True


# the format has 16 bits for a side; libjpeg stops a little short of them
JPEG = Format("JPEG", max_side=65_500, alpha=False)
PNG = Format("PNG")
WEBP = Format("WEBP", max_side=16_383)
TIFF = Format("TIFF")
AVIF = Format("AVIF", max_side=32_768)  # the format has 65,536; libavif reads no more than this
BMP = Format("BMP", alpha=False, exif=False)

# No GIF: 256 colors would undo a painting.
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
# further suffixes of the formats that are read; HIF is HEIC by Sony, Canon, Nikon and Fujifilm
_OTHER_SUFFIXES = frozenset(
    {
        *(".heic", ".heif", ".hif", ".heics", ".heifs", ".avifs"),
        *(".jfif", ".jpe", ".jif", ".pjpeg", ".pjp", ".mpo", ".jps"),
        *(".gif", ".apng", ".dib", ".btf", ".tf8"),
    }
)
_RAW_SUFFIXES = frozenset(
    {
        *(".nef", ".nrw", ".dng", ".arw", ".srf", ".sr2", ".cr2", ".cr3", ".crw", ".rw2"),
        *(".orf", ".raf", ".pef", ".srw", ".x3f", ".mrw", ".3fr", ".fff", ".iiq", ".rwl", ".erf"),
        *(".kdc", ".dcr", ".mef", ".mos"),
    }
)

WRITABLE = frozenset(WRITERS)
"""Suffixes, in lower case, of the files that `write` makes."""

EXTENSIONS = WRITABLE | _OTHER_SUFFIXES | _RAW_SUFFIXES
"""Suffixes, in lower case, of the files that `read` accepts; it goes by the content."""

UNREADABLE = frozenset(
    {
        *(".psd", ".psb", ".jxl", ".jp2", ".j2k", ".jpx", ".svg", ".svgz", ".exr", ".hdr", ".tga"),
        *(".ico", ".cur", ".icns", ".dds", ".pcx", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".xcf"),
        *(".kra", ".ora", ".ai", ".eps", ".wmf", ".emf", ".qoi", ".flif", ".xpm", ".sgi"),
    }
)
"""Suffixes, in lower case, of pictures of formats that impasto does not read."""

DEFAULT_QUALITY = 92
"""Quality of JPEG, WebP and AVIF files, 1 (small) to 100 (fine)."""

FULL_CHROMA_QUALITY = 90
"""From this quality on, JPEG and AVIF keep color at full resolution (4:4:4), below it at half
(4:2:0)."""
