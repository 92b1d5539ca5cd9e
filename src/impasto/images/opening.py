"""Open image files, hostile ones too, with Pillow.

Every failure becomes a `PictureError`, and a hostile header costs little time and memory.
"""

import contextlib
import ctypes
import importlib.util
import io
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from impasto.errors import PictureError, one_line
from impasto.files import describe_missing, os_reason
from impasto.images.color_coding import CICP, read_cicp
from impasto.images.detection import FileKind, kind_of
from impasto.images.raw import RawFile, examine_raw, find_preview, open_preview

_PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF", "BMP")

PREVIEW = "impasto preview"
"""Key in the `info` of a Pillow image that is the preview in a camera raw file."""

_MIN_PREVIEW_SIDE = 256  # pixels of the longer side

# Limits that no sound file comes near.

# reads of a file until its header is complete: Pillow takes JPEG markers byte by byte, and a PNG
# may have any number of chunks
_MAX_HEADER_READS = 500_000
# bytes at the start of a file that hold the coding of its colors; an ICC profile may come before
_CODING_BYTES = 4 << 20
# bytes of a WebP, AVIF or HEIC file, which Pillow reads whole into memory to see its header
_MAX_CONTAINER_BYTES = 1 << 30


@contextlib.contextmanager
def open_path(path: Path) -> Iterator[Image.Image]:
    """Open an image file with its header read and its pixels not yet decoded.

    Within the block every exception becomes a `PictureError` that names the file.

    Args:
        path: the file; its content decides the format, not its suffix.

    Raises:
        PictureError: the file is missing, unreadable, no picture, broken, or cut short.
    """
    with (
        translate_errors(str(path)),
        _lift_pillow_limit(),
        _open_file(path) as file,
        _open_image(file, str(path)) as image,
    ):
        yield image


@contextlib.contextmanager
def open_bytes(data: bytes, name: str) -> Iterator[Image.Image]:
    """Open the bytes of an image file, as `open_path` does a file; errors call them `name`."""
    with (
        translate_errors(name),
        _lift_pillow_limit(),
        _open_image(_HeaderReader(io.BytesIO(data)), name) as image,
    ):
        yield image


@contextlib.contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Turn every exception into a `PictureError`: on broken files Pillow raises nearly any kind.

    Args:
        name: the picture, as errors call it.
    """
    try:
        yield
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            f"cannot read {name}: it is no picture in a format that impasto reads"
            f" ({', '.join(_readable_formats())}), or its header is broken; convert it, or get a"
            " fresh copy"
        ) from error
    except MemoryError as error:
        raise PictureError(
            f"cannot read {name}: not enough memory; shrink the picture first"
        ) from error
    except Exception as error:
        raise PictureError(
            f"cannot read {name}: it is broken or cut short ({one_line(error)});"
            " get a fresh copy or export it again"
        ) from error


_limit_lock = threading.Lock()
_limit_lifters = 0
_pillow_limit: int | None = None


@contextlib.contextmanager
def _lift_pillow_limit() -> Iterator[None]:
    """Lift Pillow's own pixel limit while any thread reads.

    Pillow would warn at 89 megapixels and refuse 179, whatever `max_pixels` is. The limit is a
    global that Pillow asks as late as while decoding. So it is lifted while any thread reads, and
    restored when the last one is done; threads do not wait for each other.
    """
    global _limit_lifters, _pillow_limit
    with _limit_lock:
        if _limit_lifters == 0:
            _pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _limit_lifters += 1
    try:
        yield
    finally:
        with _limit_lock:
            _limit_lifters -= 1
            if _limit_lifters == 0:
                Image.MAX_IMAGE_PIXELS = _pillow_limit


class _HeaderReader(io.BufferedReader):
    """A file that allows `_MAX_HEADER_READS` reads until it is `opened`, and any number after."""

    reads_left = _MAX_HEADER_READS
    opened = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads_left -= not self.opened
        if self.reads_left < 0:
            raise OSError("its header has no end")
        return super().read(size)


@contextlib.contextmanager
def _open_file(path: Path) -> Iterator[_HeaderReader]:
    try:
        if path.is_dir():  # asked first: Windows would call a folder a lack of permission
            raise PictureError(f"cannot read {path}: it is a folder; name a picture file in it")
        if path.exists() and not path.is_file():  # opening it may wait for ever
            raise PictureError(
                f"cannot read {path}: it is a pipe or a device; name a file,"
                " or - for standard input"
            )
        file = _HeaderReader(path.open("rb", buffering=0))
    except FileNotFoundError as error:
        raise PictureError(f"cannot read {describe_missing(path)}") from error
    except OSError as error:
        raise PictureError(f"cannot read {path}: {os_reason(error)}") from error
    with file:
        if not file.peek(1):
            raise PictureError(f"cannot read {path}: it is empty (0 bytes); get a fresh copy")
        yield file


def _open_image(file: _HeaderReader, name: str) -> Image.Image:
    """Read the header of an image, and leave its pixels encoded."""
    header = file.read(64)
    if header[:4] == b"RIFF" or header[4:8] == b"ftyp":
        size = file.seek(0, io.SEEK_END)
        if size > _MAX_CONTAINER_BYTES:
            raise PictureError(
                f"cannot read {name}: it has {size:,} bytes, and a picture of its format has at"
                f" most {_MAX_CONTAINER_BYTES:,}; get a fresh copy or export it again"
            )
    file.seek(0)
    _silence_libtiff()
    image: Image.Image
    if (raw := examine_raw(file, header)) is not None:
        return _open_raw(file, raw, name)
    file.seek(0)
    if not _is_heic(header):
        if kind_of(header) is FileKind.VIDEO:
            raise PictureError(
                f"cannot read {name}: it is a video, and no picture; `impasto stylize` and"
                " `impasto.stylize_video` paint videos"
            )
        image = Image.open(file, formats=_PILLOW_FORMATS)
        file.opened = True
        if codes := _read_cicp(file, header):
            image.info[CICP] = codes
        return image
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise PictureError(
            f"cannot read {name}: HEIC pictures need an extra package;"
            ' run: pip install "impasto[heic]"'
        ) from error
    image = HeifImageFile(file)
    return image


def reads_heic() -> bool:
    """Tell whether the package that reads HEIC is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def _readable_formats() -> list[str]:
    """List the formats that are read; HEIC with the remedy where its package is missing."""
    heic = "HEIC" if reads_heic() else "HEIC after pip install 'impasto[heic]'"
    return [*_PILLOW_FORMATS, heic]


def _open_raw(file: _HeaderReader, raw: RawFile, name: str) -> Image.Image:
    """Open the largest preview in a camera raw file."""
    file.opened = True  # the previews are searched in the whole file
    preview = find_preview(file)
    image = None if preview is None else open_preview(preview, raw.orientation)
    largest = 0 if image is None else max(image.size)
    if image is None or 2 * largest < max(raw.width, raw.height) or largest < _MIN_PREVIEW_SIDE:
        found = "none" if image is None else f"one of {image.width}x{image.height} pixels only"
        raise PictureError(
            f"cannot read {name}: it is a camera raw file, of which impasto reads a large JPEG"
            f" preview, and it holds {found}; develop it into JPEG or TIFF first"
        )
    image.info[PREVIEW] = True
    return image


def _read_cicp(file: _HeaderReader, header: bytes) -> tuple[int, int] | None:
    """Read how a PNG or AVIF file codes its colors, which Pillow leaves out."""
    if header[:4] != b"\x89PNG" and header[4:8] != b"ftyp":
        return None
    position = file.tell()
    file.seek(0)
    codes = read_cicp(file.read(_CODING_BYTES))
    file.seek(position)
    return codes


@cache
def _silence_libtiff() -> None:
    """Keep libtiff from printing on the terminal the errors that Pillow raises anyway."""
    with contextlib.suppress(AttributeError, OSError):  # missing, or linked in another way
        ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler(None)  # type: ignore[attr-defined]


def _is_heic(header: bytes) -> bool:
    """Tell whether a file is HEIC by the brands in its first box (ISO 14496-12, `ftyp`).

    AVIF shares the container, and is told by its own brands.
    """
    if header[4:8] != b"ftyp":
        return False
    box = header[8 : int.from_bytes(header[:4], "big")]
    brands = {box[start : start + 4] for start in range(0, len(box), 4)}
    return not brands & {b"avif", b"avis"} and bool(
        brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"}
    )
