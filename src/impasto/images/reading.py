"""Read image files: whatever they hold becomes upright 8-bit sRGB."""

import contextlib
import ctypes
import io
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base

from impasto.errors import PictureError, one_line
from impasto.files import os_reason
from impasto.images.color_profiles import split_alpha, to_srgb
from impasto.images.exif import TURNS, dpi_of, exif_bytes, loaded_exif, upright
from impasto.images.formats import WRITERS
from impasto.images.image import Header, Picture, UInt8

_PILLOW_READS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF", "BMP")

MAX_PIXELS = 100_000_000
"""Pixels (width times height) of the largest picture that `read` takes unless it is told
otherwise."""

# What no sound file comes near, so that a hostile one costs little. Metadata beyond it are left
# out, files are refused. until a header is read: Pillow takes JPEG markers byte by byte, and a PNG
# may have any number of chunks
_HEADER_READS = 500_000
_WHOLE_BYTES = (
    1 << 30
)  # of a WebP, AVIF or HEIC file, which Pillow reads into memory as a whole to see its header


# Reading


def look(path: Path | str) -> Header:
    """Read what a file says of itself, whatever its size. Raises PictureError as `read` does."""
    path = Path(path)
    with (
        _reading(str(path)),
        _pillow_limit_lifted(),
        _open_file(path) as file,
        _open_image(file, path) as image,
    ):
        exif = loaded_exif(image)
        orientation = exif.get(Base.Orientation, 1)
        turned = orientation in TURNS
        width, height = image.size if not turned or orientation < 5 else image.size[::-1]
        alpha = image.has_transparency_data
        return Header(
            image.format or "",
            width,
            height,
            orientation if turned else 1,
            alpha,
            exif_bytes(exif),
            dpi_of(image, exif),
        )


def read(path: Path | str, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture file. What it is, its content decides, not its suffix; of an animation, the
    first frame is read.

    Args:
        path: a JPEG, PNG, WebP, TIFF, AVIF, GIF, BMP, or, with pillow-heif installed, HEIC file.
        max_pixels: refuse pictures of more pixels (width times height) than this, before they are
            decoded.

    Raises:
        PictureError: the file is missing, unreadable, no picture, broken, cut short, or too large.
    """
    path = Path(path)
    with (
        _reading(str(path)),
        _pillow_limit_lifted(),
        _open_file(path) as file,
        _open_image(file, path) as image,
    ):
        check_pixels(path, image.size, max_pixels)
        return _decoded(image)


def decode(data: bytes, name: str = "the picture", max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture from the bytes of a file, as `read` does; errors call it `name`.

    Raises:
        PictureError: the bytes are no picture, broken, cut short, or too many pixels.
    """
    with (
        _reading(name),
        _pillow_limit_lifted(),
        _open_image(_Reader(io.BytesIO(data)), Path(name)) as image,
    ):
        check_pixels(Path(name), image.size, max_pixels)
        return _decoded(image)


def suffix_of(data: bytes) -> str:
    """The suffix that a picture file of these bytes is written with: its own format's, or ".jpg"
    where that is not written."""
    name = "the picture"
    with (
        _reading(name),
        _pillow_limit_lifted(),
        _open_image(_Reader(io.BytesIO(data)), Path(name)) as image,
    ):
        return next(
            (suffix for suffix, form in WRITERS.items() if form.name == image.format), ".jpg"
        )


def from_pil(image: Image.Image) -> Picture:
    """Take a Pillow image of any mode: turned upright, converted to sRGB, as `read` does with a
    file's.

    Raises:
        PictureError: the image was opened from a file that turns out to be broken, or its mode is
            unknown.
    """
    with _reading("the picture"):
        return _decoded(image)


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn whatever goes wrong into a `PictureError`: on broken files Pillow raises nearly any
    exception there is."""
    try:
        yield
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        known = ", ".join(_PILLOW_READS)
        message = f"cannot read {name}: it is no picture in a format that impasto reads ({known}, HEIC), or its header is broken"
        raise PictureError(message) from error
    except MemoryError as error:
        raise PictureError(
            f"cannot read {name}: not enough memory; shrink the picture first"
        ) from error
    except Exception as error:
        message = f"cannot read {name}: it is broken or cut short ({one_line(error)}); get a fresh copy or export it again"
        raise PictureError(message) from error


_limit_lock = threading.Lock()
_limit_lifters = 0
_limit_kept: int | None = None


@contextlib.contextmanager
def _pillow_limit_lifted() -> Iterator[None]:
    """Lift Pillow's own pixel limit, which would warn at 89 megapixels and refuse 179 whatever
    `max_pixels` says.

    Pillow has that limit as a global only, and asks it as late as while decoding. So it is lifted
    while any thread reads, and put back when the last one is done; threads do not wait for each
    other.
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
    """A file whose header is read in at most `_HEADER_READS` steps, and the rest, once `opened`, in
    any number."""

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
            raise PictureError(
                f"cannot read {path}: it is a pipe or a device; name a file, or - for standard input"
            )
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
    """Whether a file's first box (ISO 14496-12, `ftyp`) names HEIF brands, and not AVIF's, which
    shares the container."""
    if header[4:8] != b"ftyp":
        return False
    box = header[8 : int.from_bytes(header[:4], "big")]
    brands = {box[start : start + 4] for start in range(0, len(box), 4)}
    return not brands & {b"avif", b"avis"} and bool(
        brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"}
    )


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
    exif = loaded_exif(image)
    colour, alpha = split_alpha(upright(image, exif))
    rgb = to_srgb(colour, image.info.get("icc_profile"))
    return Picture(np.array(rgb), _unless_opaque(alpha), exif_bytes(exif), dpi_of(image, exif))


def _unless_opaque(alpha: Image.Image | None) -> UInt8 | None:
    values = None if alpha is None else np.array(alpha)
    return None if values is None or values.min() == 255 else values


from typing import Any  # noqa: E402

ImageSource = Any


def to_picture(source: ImageSource) -> Picture:  # stub
    if isinstance(source, Picture):
        return source
    if isinstance(source, Image.Image):
        return from_pil(source)
    if isinstance(source, np.ndarray):
        return Picture(source)
    if isinstance(source, bytes):
        return decode(source)
    return read(source)
