"""EXIF metadata: orientation, resolution, and the tags that stay true of a stylized picture.

XMP, IPTC and text chunks are left out. They repeat size, orientation and thumbnail in words, and
hold the history of edits to pixels that are no longer these.
"""

import math

from PIL import Image
from PIL.ExifTags import IFD, Base

_MAX_EXIF_BYTES = 1 << 20  # the kept tags of a camera take 1 to 10 KB
_MAX_TAGS = 1000  # in one directory; about 200 are defined

# Transposition that turns the stored rows and columns upright (EXIF 3.0, 4.6.5.1.6)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# A list of tags to keep, since in a TIFF the tags of the picture file itself (strips, bits,
# compression) lie among these.
_KEPT_TAGS = (
    Base.ImageDescription,
    Base.Make,
    Base.Model,
    Base.Software,
    Base.DateTime,
    Base.Artist,
    Base.HostComputer,
    Base.Copyright,
    Base.Rating,
    Base.XPTitle,
    Base.XPComment,
    Base.XPAuthor,
    Base.XPKeywords,
    Base.XPSubject,
)
_UNTRUE_TAGS = frozenset(
    {
        # its offsets count from the start of the camera's file, and it may hold a preview
        Base.MakerNote,
        Base.ExifInteroperabilityOffset,
        Base.ExifImageWidth,
        Base.ExifImageHeight,
        Base.ColorSpace,
        Base.Gamma,
        Base.ComponentsConfiguration,
        Base.CompressedBitsPerPixel,
        0x9214,  # SubjectArea, in pixels of the picture as taken, as are the next four
        0xA214,  # SubjectLocation
        Base.FocalPlaneXResolution,
        Base.FocalPlaneYResolution,
        Base.FocalPlaneResolutionUnit,
        Base.ImageUniqueID,
    }
)
_INCH, _CENTIMETER = 2, 3  # values of ResolutionUnit
_SRGB = 1  # value of ColorSpace
_MAX_DPI = 65_535  # the most that JPEG can hold


def turn_upright(image: Image.Image, exif: Image.Exif) -> Image.Image:
    """Turn an image as its orientation tag demands.

    `ImageOps.exif_transpose` is not used: it rewrites the whole EXIF block, and fails where an
    unrelated tag is malformed.
    """
    turn = TURNS.get(exif.get(Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def load_exif(image: Image.Image) -> Image.Exif:
    """Load the EXIF tags of an image; broken or oversized metadata count as none."""
    try:
        if len(image.info.get("exif") or b"") > _MAX_EXIF_BYTES:
            return Image.Exif()
        # not `image.getexif`: that of PNG decodes the pixels, to search for metadata behind them
        return Image.Image.getexif(image)
    except Exception:  # broken metadata are no reason to refuse a sound picture
        return Image.Exif()


def pack_exif(exif: Image.Exif) -> bytes | None:
    """Pack the tags that are true of the pixels alone; None if there are none."""
    try:
        kept = _filter_tags(exif)
        block = kept.tobytes() if len(kept) else None
        return None if block and len(block) > _MAX_EXIF_BYTES else block
    # a tag whose value is not of its declared type: Pillow can then neither load nor store it
    except Exception:
        return None


def _filter_tags(exif: Image.Exif) -> Image.Exif:
    """Keep the tags that are true of the pixels alone, at any size."""
    kept = Image.Exif()
    for tag in _KEPT_TAGS:
        if tag in exif:
            kept[tag] = exif[tag]
    details = {
        tag: value for tag, value in exif.get_ifd(IFD.Exif).items() if tag not in _UNTRUE_TAGS
    }
    for ifd, entries in ((IFD.Exif, details), (IFD.GPSInfo, exif.get_ifd(IFD.GPSInfo))):
        if 0 < len(entries) <= _MAX_TAGS:
            kept[ifd] = dict(entries)
    return kept


def read_dpi(image: Image.Image, exif: Image.Exif) -> tuple[float, float] | None:
    """Read dots per inch across and down; None where they are missing, broken or out of range."""
    try:
        across, down = image.info["dpi"] if "dpi" in image.info else _exif_dpi(exif)
        dpi = float(across), float(down)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    # below 1 the value is "unknown" or broken
    return dpi if all(math.isfinite(value) and 1 <= value <= _MAX_DPI for value in dpi) else None


def _exif_dpi(exif: Image.Exif) -> tuple[float, float]:
    inches = {_INCH: 1.0, _CENTIMETER: 2.54}[exif.get(Base.ResolutionUnit, _INCH)]
    return float(exif[Base.XResolution]) * inches, float(exif[Base.YResolution]) * inches


def build_exif(
    block: bytes | None, dpi: tuple[float, float] | None, width: int, height: int
) -> bytes | None:
    """Build the EXIF block of a written file.

    Args:
        block: EXIF of the source picture, as in `Picture.exif`.
        dpi: dots per inch across and down.
        width: pixels across of the written picture.
        height: pixels down of the written picture.

    Returns:
        The tags of `block` with size, color space (sRGB) and resolution of the written picture;
        None where there are neither tags nor a resolution.
    """
    if block is None and dpi is None:
        return None
    loaded = Image.Exif()
    loaded.load(block or b"")
    exif = _filter_tags(loaded)
    if dpi is not None:
        exif[Base.XResolution], exif[Base.YResolution] = dpi
        exif[Base.ResolutionUnit] = _INCH
    size = {Base.ExifImageWidth: width, Base.ExifImageHeight: height}
    exif[IFD.Exif] = {**exif.get(IFD.Exif, {}), Base.ColorSpace: _SRGB, **size}
    return exif.tobytes()
