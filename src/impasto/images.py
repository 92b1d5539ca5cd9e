"""Pictures in and out: whatever the file holds becomes upright 8-bit sRGB, with the metadata that is still true of it."""

import contextlib
import ctypes
import io
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.ExifTags import IFD, Base

from impasto.errors import PictureError
from impasto.files import os_reason, write_atomically

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True)
class _Format:
    """A format that pictures are written in, and what it can hold."""

    name: str  # as Pillow calls it
    max_side: int = 2**31 - 1  # pixels
    alpha: bool = True
    exif: bool = True


_JPEG = _Format("JPEG", max_side=65_500, alpha=False)  # the format has 16 bits, libjpeg stops a little short of them
_PNG = _Format("PNG")
_WEBP = _Format("WEBP", max_side=16_383)
_TIFF = _Format("TIFF")
_AVIF = _Format("AVIF", max_side=32_768)  # the format has 65536, libavif reads no more than this
_BMP = _Format("BMP", alpha=False, exif=False)

# No GIF: 256 colours would undo a painting.
_WRITERS = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".png": _PNG,
    ".webp": _WEBP,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".avif": _AVIF,
    ".bmp": _BMP,
}
_HEIC_SUFFIXES = frozenset({".heic", ".heif"})
_PILLOW_READS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF", "BMP")

WRITABLE = frozenset(_WRITERS)
"""Suffixes, in lower case, of the files that `write` makes."""

EXTENSIONS = WRITABLE | _HEIC_SUFFIXES | {".gif"}
"""Suffixes, in lower case, of the files that `read` understands."""

MAX_PIXELS = 100_000_000
"""Pixels (width times height) of the largest picture that `read` takes unless it is told otherwise."""

FULL_CHROMA_QUALITY = 90
"""From this quality on, JPEG and AVIF keep colour at full resolution (4:4:4), below it at half (4:2:0)."""

# What no sound file comes near, so that a hostile one costs little. Metadata beyond it are left out, files are refused.
_HEADER_READS = (
    500_000  # until a header is read: Pillow takes JPEG markers byte by byte, and a PNG may have any number of chunks
)
_WHOLE_BYTES = 1 << 30  # of a WebP, AVIF or HEIC file, which Pillow reads into memory as a whole to see its header
_EXIF_BYTES = 1 << 20  # what is kept of a camera's takes 1 to 10 KB
_EXIF_TAGS = 1000  # in one directory, of about 200 that there are
_PROFILE_BYTES = 16 << 20  # those for printing have up to 10 MB


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture in 8-bit sRGB.

    Attributes:
        rgb: uint8 (H, W, 3), values in [0, 255], the top row first.
        alpha: uint8 (H, W), 0 clear to 255 opaque, not multiplied into `rgb`; None where all is opaque.
        exif: an EXIF block ("Exif\\0\\0" and a TIFF header first) of camera, lens, dates, place, author and the like,
            without what stops being true of the decoded pixels: orientation, thumbnail, size, colour space.
        dpi: dots per inch across and down, where the file says.

    Raises:
        PictureError: an array has another shape or type, or no pixels.
    """

    rgb: UInt8
    alpha: UInt8 | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.rgb.dtype != np.uint8 or self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.size == 0:
            raise PictureError(f"a picture is a uint8 array (H, W, 3) with pixels, not {_described(self.rgb)}")
        if self.alpha is not None and (self.alpha.dtype != np.uint8 or self.alpha.shape != self.rgb.shape[:2]):
            raise PictureError(f"the alpha of this picture is a uint8 array {self.rgb.shape[:2]}, not {_described(self.alpha)}")

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.rgb.shape[0])

    def to_pil(self) -> Image.Image:
        """The pixels as a Pillow image: RGBA where the picture has alpha, otherwise RGB."""
        image = Image.fromarray(self.rgb)
        if self.alpha is not None:
            image.putalpha(Image.fromarray(self.alpha))
        return image


def _described(array: NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"


@dataclass(frozen=True)
class Header:
    """What a picture file says of itself before it is decoded.

    Attributes:
        format: as Pillow calls it.
        width, height: pixels, upright.
        orientation: of the stored rows and columns, 1 if they are upright (EXIF 3.0, 4.6.5.1.6).
        alpha: whether some pixels may be clear.
        exif, dpi: as of `Picture`.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    alpha: bool = False
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None


# Reading


def look(path: Path | str) -> Header:
    """Read what a file says of itself, whatever its size. Raises PictureError as `read` does."""
    path = Path(path)
    with _reading(str(path)), _pillow_limit_lifted(), _open_file(path) as file, _open_image(file, path) as image:
        exif = _loaded_exif(image)
        orientation = exif.get(Base.Orientation, 1)
        turned = orientation in _TURNS
        width, height = image.size if not turned or orientation < 5 else image.size[::-1]
        alpha = image.has_transparency_data
        return Header(
            image.format or "", width, height, orientation if turned else 1, alpha, _exif_bytes(exif), _dpi(image, exif)
        )


def read(path: Path | str, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture file. What it is, its content decides, not its suffix; of an animation, the first frame is read.

    Args:
        path: a JPEG, PNG, WebP, TIFF, AVIF, GIF, BMP, or, with pillow-heif installed, HEIC file.
        max_pixels: refuse pictures of more pixels (width times height) than this, before they are decoded.

    Raises:
        PictureError: the file is missing, unreadable, no picture, broken, cut short, or too large.
    """
    path = Path(path)
    with _reading(str(path)), _pillow_limit_lifted(), _open_file(path) as file, _open_image(file, path) as image:
        check_pixels(path, image.size, max_pixels)
        return _decoded(image)


def decode(data: bytes, name: str = "the picture", max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture from the bytes of a file, as `read` does; errors call it `name`.

    Raises:
        PictureError: the bytes are no picture, broken, cut short, or too many pixels.
    """
    with _reading(name), _pillow_limit_lifted(), _open_image(_Reader(io.BytesIO(data)), Path(name)) as image:
        check_pixels(Path(name), image.size, max_pixels)
        return _decoded(image)


def suffix_of(data: bytes) -> str:
    """The suffix that a picture file of these bytes is written with: its own format's, or ".jpg" where that is not written."""
    name = "the picture"
    with _reading(name), _pillow_limit_lifted(), _open_image(_Reader(io.BytesIO(data)), Path(name)) as image:
        return next((suffix for suffix, form in _WRITERS.items() if form.name == image.format), ".jpg")


def from_pil(image: Image.Image) -> Picture:
    """Take a Pillow image of any mode: turned upright, converted to sRGB, as `read` does with a file's.

    Raises:
        PictureError: the image was opened from a file that turns out to be broken, or its mode is unknown.
    """
    with _reading("the picture"):
        return _decoded(image)


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn whatever goes wrong into a `PictureError`: on broken files Pillow raises nearly any exception there is."""
    try:
        yield
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        known = ", ".join(_PILLOW_READS)
        message = (
            f"cannot read {name}: it is no picture in a format that impasto reads ({known}, HEIC), or its header is broken"
        )
        raise PictureError(message) from error
    except MemoryError as error:
        raise PictureError(f"cannot read {name}: not enough memory; shrink the picture first") from error
    except Exception as error:
        message = f"cannot read {name}: it is broken or cut short ({_one_line(error)}); get a fresh copy or export it again"
        raise PictureError(message) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


_limit_lock = threading.Lock()
_limit_lifters = 0
_limit_kept: int | None = None


@contextlib.contextmanager
def _pillow_limit_lifted() -> Iterator[None]:
    """Lift Pillow's own pixel limit, which would warn at 89 megapixels and refuse 179 whatever `max_pixels` says.

    Pillow has that limit as a global only, and asks it as late as while decoding. So it is lifted while any thread reads,
    and put back when the last one is done; threads do not wait for each other.
    """
    global _limit_lifters, _limit_kept
    with _limit_lock:
        if _limit_lifters == 0:
            _limit_kept, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _limit_lifters += 1
    try:
        yield
    finally:
        with _limit_lock:
            _limit_lifters -= 1
            if _limit_lifters == 0:
                Image.MAX_IMAGE_PIXELS = _limit_kept


class _Reader(io.BufferedReader):
    """A file whose header is read in at most `_HEADER_READS` steps, and the rest, once `opened`, in any number."""

    left = _HEADER_READS
    opened = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= not self.opened
        if self.left < 0:
            raise OSError("its header has no end")
        return super().read(size)


@contextlib.contextmanager
def _open_file(path: Path) -> Iterator[_Reader]:
    try:
        if path.is_dir():  # asked first: Windows would call a folder a lack of permission
            raise PictureError(f"cannot read {path}: it is a folder; name a picture file in it")
        if path.exists() and not path.is_file():  # opening it may wait for ever
            raise PictureError(f"cannot read {path}: it is a pipe or a device; name a file, or - for standard input")
        file = _Reader(path.open("rb", buffering=0))
    except FileNotFoundError as error:
        raise PictureError(f"cannot read {path}: there is no such file; check the name") from error
    except OSError as error:
        raise PictureError(f"cannot read {path}: {os_reason(error)}") from error
    with file:
        if not file.peek(1):
            raise PictureError(f"cannot read {path}: it is empty (0 bytes); get a fresh copy")
        yield file


def _open_image(file: _Reader, path: Path) -> Image.Image:
    """The image with its header read and its pixels not yet decoded."""
    header = file.read(64)
    if header[:4] == b"RIFF" or header[4:8] == b"ftyp":
        size = file.seek(0, io.SEEK_END)
        if size > _WHOLE_BYTES:
            raise PictureError(
                f"cannot read {path}: it has {size:,} bytes, and a picture of its format has at most {_WHOLE_BYTES:,}"
            )
    file.seek(0)
    _quieten_libtiff()
    image: Image.Image
    if not _is_heic(header):
        image = Image.open(file, formats=_PILLOW_READS)
        file.opened = True
        return image
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        message = f'cannot read {path}: HEIC pictures need an extra package; run: pip install "impasto[heic]"'
        raise PictureError(message) from error
    image = HeifImageFile(file)
    return image


@cache
def _quieten_libtiff() -> None:
    """Keep libtiff from telling the terminal what Pillow raises."""
    with contextlib.suppress(AttributeError, OSError):  # not there, or built in another way
        ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler(None)  # type: ignore[attr-defined]


def _is_heic(header: bytes) -> bool:
    """Whether a file's first box (ISO 14496-12, `ftyp`) names HEIF brands, and not AVIF's, which shares the container."""
    if header[4:8] != b"ftyp":
        return False
    box = header[8 : int.from_bytes(header[:4], "big")]
    brands = {box[start : start + 4] for start in range(0, len(box), 4)}
    return not brands & {b"avif", b"avis"} and bool(brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"})


def check_pixels(path: Path, size: tuple[int, int], limit: int) -> None:
    """Raise PictureError if a picture of `size` (width, height) has more than `limit` pixels."""
    pixels = size[0] * size[1]
    if pixels > limit:
        raise PictureError(
            f"cannot read {path}: {size[0]} x {size[1]} pixels are {pixels:,} and the limit is {limit:,};"
            f" shrink the picture, or raise the limit with --max-pixels {pixels}"
        )


def _decoded(image: Image.Image) -> Picture:
    image.load()
    exif = _loaded_exif(image)
    colour, alpha = _split_alpha(_upright(image, exif))
    rgb = _to_srgb(colour, image.info.get("icc_profile"))
    return Picture(np.array(rgb), _unless_opaque(alpha), _exif_bytes(exif), _dpi(image, exif))


def _unless_opaque(alpha: Image.Image | None) -> UInt8 | None:
    values = None if alpha is None else np.array(alpha)
    return None if values is None or values.min() == 255 else values


# Colour


_TURNS = {  # EXIF 3.0, 4.6.5.1.6: where the stored rows and columns lie, so what makes them upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(image: Image.Image, exif: Image.Exif) -> Image.Image:
    # not ImageOps.exif_transpose: it rewrites the whole EXIF block, and fails where an unrelated tag is malformed
    turn = _TURNS.get(exif.get(Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour in one of the modes that profiles are made for (L, RGB, CMYK), and alpha (L) where there is any."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _split_deep(image)
    if image.mode in ("La", "RGBa"):  # alpha multiplied in
        image = image.convert(image.mode.upper())
    colour_mode = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    if not image.has_transparency_data:
        return _in_mode(image, colour_mode), None
    rgba = _in_mode(image, "RGBA")
    return _in_mode(rgba.convert("RGB"), colour_mode), rgba.getchannel("A")


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The image itself where it is in this mode: Pillow would copy it."""
    return image if image.mode == mode else image.convert(mode)


def _split_deep(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Grey of more than 8 bits. Pillow's own conversions clip at 255 instead of scaling."""
    values = np.asarray(image)
    clear = image.info.get("transparency")  # PNG: the one value that is see-through
    alpha = None if clear is None else Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
    if image.mode == "I" and values.min() < -(2**15):
        values = values.view(np.uint32)  # unsigned 32-bit TIFF, which Pillow holds as signed; 16-bit signed ends before this
    levels = np.nan_to_num(values.astype(np.float32))
    grey = np.clip(levels * (255 / _white(image.mode, float(levels.max()))), 0, 255)
    return Image.fromarray(np.rint(grey).astype(np.uint8)), alpha


_WHITES = {"F": (1.0, 255.0, 65_535.0), "I": (255.0, 65_535.0)}


def _white(mode: str, top: float) -> float:
    """The value that means white. Floats and 32-bit integers do not say: of those in use, the least that nothing exceeds."""
    return next((white for white in _WHITES.get(mode, (65_535.0,)) if top <= white), top)


_PROFILE_MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}  # colour space of an ICC profile -> mode it applies to


def _to_srgb(colour: Image.Image, icc: bytes | None) -> Image.Image:
    # A broken profile, or one for another kind of pixels, says nothing about this picture: it then counts as sRGB.
    if icc and len(icc) <= _PROFILE_BYTES:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            return _converted(colour, ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    return _in_mode(colour, "RGB")


def _converted(colour: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = _PROFILE_MODES.get(profile.profile.xcolor_space.strip(), "")
    if colour.mode == "L" and mode == "RGB":  # grey stored with the profile of the editor's working space
        colour = colour.convert("RGB")
    if colour.mode != mode:
        raise ValueError(f"a profile for {mode} pixels in a picture of {colour.mode} pixels")
    # for grey, LittleCMS by default tabulates the whole way at few points, and is up to 10 levels off in the dark
    flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
    result = ImageCms.profileToProfile(colour, profile, _srgb(), ImageCms.Intent.PERCEPTUAL, outputMode="RGB", flags=flags)
    assert result is not None  # as it is in place only
    return result


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


# Metadata. XMP, IPTC and text chunks are left out: they repeat size, orientation and thumbnail in words, and hold the
# history of edits to pixels that are no longer these.

# A list of what is kept, since in a TIFF the tags of the picture file itself (strips, bits, compression) lie among these.
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
        Base.MakerNote,  # its offsets count from the start of the camera's file, and it may hold a preview
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


def _loaded_exif(image: Image.Image) -> Image.Exif:
    # Broken metadata is no reason to refuse a sound picture.
    try:
        if len(image.info.get("exif") or b"") > _EXIF_BYTES:
            return Image.Exif()
        return Image.Image.getexif(image)  # that of PNG decodes the pixels, to see what stands behind them
    except Exception:
        return Image.Exif()


def _exif_bytes(exif: Image.Exif) -> bytes | None:
    try:
        kept = _kept(exif)
        block = kept.tobytes() if len(kept) else None
        return None if block and len(block) > _EXIF_BYTES else block
    except Exception:  # a tag that does not hold what its type says: Pillow can then neither load nor store the block
        return None


def _kept(exif: Image.Exif) -> Image.Exif:
    """The tags that are true of the pixels alone, whatever size they are given."""
    kept = Image.Exif()
    for tag in _KEPT_TAGS:
        if tag in exif:
            kept[tag] = exif[tag]
    details = {tag: value for tag, value in exif.get_ifd(IFD.Exif).items() if tag not in _UNTRUE_TAGS}
    for ifd, entries in ((IFD.Exif, details), (IFD.GPSInfo, exif.get_ifd(IFD.GPSInfo))):
        if 0 < len(entries) <= _EXIF_TAGS:
            kept[ifd] = dict(entries)
    return kept


def _dpi(image: Image.Image, exif: Image.Exif) -> tuple[float, float] | None:
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


def exif_block(kept: bytes | None, dpi: tuple[float, float] | None, width: int, height: int) -> bytes | None:
    """The EXIF block for a file, of what was `kept` of another's, with size, colour space and resolution as they are now."""
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


# Writing


def write(path: Path | str, picture: Picture, quality: int = 92) -> None:
    """Write a picture file in the format that its suffix names (see `WRITABLE`).

    The file appears whole or not at all: on any failure a file that was there before is as it was. A missing folder is
    made. Formats without alpha (JPEG, BMP) show clear parts as white.

    Args:
        path: where to; an existing file is replaced.
        picture: what.
        quality: 1 (small) to 100 (fine), for JPEG, WebP and AVIF; PNG, TIFF and BMP lose nothing at any.

    Raises:
        PictureError: unknown suffix, a side longer than the format allows, a quality out of range, or a folder or disk
            that cannot take the file.
    """
    path = Path(path)
    form = check_sides(path, picture.width, picture.height)
    if not 1 <= quality <= 100:
        raise PictureError(f"cannot write {path}: the quality is {quality}; choose 1 (small) to 100 (fine)")
    data = _encoded(path, form, picture, quality)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise PictureError(f"cannot write {path}: {os_reason(error)}") from error


def _writer(path: Path) -> _Format:
    try:
        return _WRITERS[path.suffix.lower()]
    except KeyError:
        seen = f"the suffix {path.suffix} is" if path.suffix else "no suffix is"
        raise PictureError(f"cannot write {path}: {seen} no format to write; use one of {' '.join(_WRITERS)}") from None


def check_sides(path: Path, width: int, height: int) -> _Format:
    """The format that a suffix names. Raises PictureError if there is none, or a picture of this size does not fit in it."""
    form, longest = _writer(path), max(width, height)
    if longest > form.max_side:
        others = [suffix for suffix, other in _WRITERS.items() if longest <= other.max_side and other.exif]
        raise PictureError(
            f"cannot write {path}: {width} x {height} pixels, and a side of {form.name} has at most"
            f" {form.max_side}; use {' or '.join(others)}"
        )
    return form


def _encoded(path: Path, form: _Format, picture: Picture, quality: int) -> bytes:
    # In memory, since Pillow's encoders report a full disk as "encoder error -2".
    image = picture.to_pil() if form.alpha else _on_white(picture)
    buffer = io.BytesIO()
    try:
        image.save(buffer, form.name, **_metadata(form, picture), **_options(form, quality))
    except MemoryError as error:
        size = f"{picture.width} x {picture.height} pixels"
        raise PictureError(f"cannot write {path}: not enough memory for {size}; make the picture smaller") from error
    except Exception as error:  # encoders, as decoders, raise nearly anything
        message = f"cannot write {path}: encoding {form.name} failed ({_one_line(error)}); use another format"
        raise PictureError(message) from error
    return buffer.getvalue()


def _on_white(picture: Picture) -> Image.Image:
    white = Image.new("RGB", (picture.width, picture.height), "white")
    white.paste(Image.fromarray(picture.rgb), mask=None if picture.alpha is None else Image.fromarray(picture.alpha))
    return white


def _options(form: _Format, quality: int) -> dict[str, Any]:
    if form is _WEBP:
        return {"quality": quality}
    if form in (_JPEG, _AVIF):
        return {"quality": quality, "subsampling": "4:4:4" if quality >= FULL_CHROMA_QUALITY else "4:2:0"}
    return {}  # TIFF stays uncompressed: with compression Pillow cannot store dates and place (nested EXIF)


_JPEG_SEGMENT = 65_533  # bytes that one marker segment holds


def _metadata(form: _Format, picture: Picture) -> dict[str, Any]:
    exif = exif_block(picture.exif, picture.dpi, picture.width, picture.height) if form.exif else None
    if exif is not None and form is _JPEG and len(exif) > _JPEG_SEGMENT:
        exif = None
    found = {"exif": exif, "dpi": picture.dpi}
    return {name: value for name, value in found.items() if value is not None}


def encode(picture: Picture, suffix: str, quality: int = 92) -> bytes:
    """The bytes of a picture file in the format of a suffix such as ".webp". Raises PictureError as `write` does."""
    path = Path(f"picture{suffix}")
    form = check_sides(path, picture.width, picture.height)
    return _encoded(path, form, picture, quality)


# Sizes


def resized(pixels: UInt8, short: int) -> UInt8:
    """Pixels, uint8 (H, W, 3) or (H, W), resampled (Lanczos) so that the shorter side has `short` pixels.

    The aspect stays, as nearly as whole pixels allow; both sides have at least 1. At the size asked for already, the array
    itself is returned.

    Raises:
        PictureError: `short` is less than 1.
    """
    if short < 1:
        raise PictureError(f"the shorter side is {short} pixels; choose 1 or more")
    height, width = pixels.shape[:2]
    if min(height, width) == short:
        return pixels
    scale = short / min(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
