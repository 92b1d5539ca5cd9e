"""EXIF metadata: orientation, and what stays true of an image that is painted."""

import math

from PIL import Image
from PIL.ExifTags import IFD, Base

_EXIF_BYTES = 1 << 20  # what is kept of a camera's takes 1 to 10 KB
_EXIF_TAGS = 1000  # in one directory, of about 200 that there are


# Colour


TURNS = {  # EXIF 3.0, 4.6.5.1.6: where the stored rows and columns lie, so what makes them upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image, exif: Image.Exif) -> Image.Image:
    # not ImageOps.exif_transpose: it rewrites the whole EXIF block, and fails where an unrelated
    # tag is malformed
    turn = TURNS.get(exif.get(Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


# Metadata. XMP, IPTC and text chunks are left out: they repeat size, orientation and thumbnail in
# words, and hold the history of edits to pixels that are no longer these.

# A list of what is kept, since in a TIFF the tags of the picture file itself (strips, bits,
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
        0x9214,  # SubjectArea, in pixels of the picture as it was taken, as are the next four
        0xA214,  # SubjectLocation
        Base.FocalPlaneXResolution,
        Base.FocalPlaneYResolution,
        Base.FocalPlaneResolutionUnit,
        Base.ImageUniqueID,
    }
)
_INCH, _CENTIMETRE = 2, 3  # values of ResolutionUnit


def loaded_exif(image: Image.Image) -> Image.Exif:
    # Broken metadata is no reason to refuse a sound picture.
    try:
        if len(image.info.get("exif") or b"") > _EXIF_BYTES:
            return Image.Exif()
        return Image.Image.getexif(
            image
        )  # that of PNG decodes the pixels, to see what stands behind them
    except Exception:
        return Image.Exif()


def exif_bytes(exif: Image.Exif) -> bytes | None:
    try:
        kept = _kept(exif)
        block = kept.tobytes() if len(kept) else None
        return None if block and len(block) > _EXIF_BYTES else block
    # a tag that does not hold what its type says: Pillow can then neither load nor store the block
    except Exception:
        return None


def _kept(exif: Image.Exif) -> Image.Exif:
    """The tags that are true of the pixels alone, whatever size they are given."""
    kept = Image.Exif()
    for tag in _KEPT_TAGS:
        if tag in exif:
            kept[tag] = exif[tag]
    details = {
        tag: value for tag, value in exif.get_ifd(IFD.Exif).items() if tag not in _UNTRUE_TAGS
    }
    for ifd, entries in ((IFD.Exif, details), (IFD.GPSInfo, exif.get_ifd(IFD.GPSInfo))):
        if 0 < len(entries) <= _EXIF_TAGS:
            kept[ifd] = dict(entries)
    return kept


def dpi_of(image: Image.Image, exif: Image.Exif) -> tuple[float, float] | None:
    try:
        across, down = image.info["dpi"] if "dpi" in image.info else _exif_dpi(exif)
        dpi = float(across), float(down)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    # 65535 is the most that JPEG can hold; below 1 is "unknown" or broken
    return dpi if all(math.isfinite(value) and 1 <= value <= 65_535 for value in dpi) else None


def _exif_dpi(exif: Image.Exif) -> tuple[float, float]:
    inches = {_INCH: 1.0, _CENTIMETRE: 2.54}[exif.get(Base.ResolutionUnit, _INCH)]
    return float(exif[Base.XResolution]) * inches, float(exif[Base.YResolution]) * inches


def exif_block(
    kept: bytes | None, dpi: tuple[float, float] | None, width: int, height: int
) -> bytes | None:
    """The EXIF block for a file, of what was `kept` of another's, with size, colour space and
    resolution as they are now."""
    if kept is None and dpi is None:
        return None
    loaded = Image.Exif()
    loaded.load(kept or b"")
    exif = _kept(loaded)
    if dpi is not None:
        exif[Base.XResolution], exif[Base.YResolution] = dpi
        exif[Base.ResolutionUnit] = _INCH
    size = {Base.ExifImageWidth: width, Base.ExifImageHeight: height}
    exif[IFD.Exif] = {**exif.get(IFD.Exif, {}), Base.ColorSpace: 1, **size}  # 1: sRGB
    return exif.tobytes()
