"""Huge picture files, read and written row by row by libvips, so that memory holds a part only."""

import os
import shutil
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import PictureError
from impasto.files import atomic_write, os_reason
from impasto.images.color_profiles import scale_levels, to_srgb, white_level
from impasto.images.embedded import MAX_XMP_BYTES, PNG_KEYWORD, xmp_packet
from impasto.images.exif import build_exif
from impasto.images.formats import FULL_CHROMA_QUALITY
from impasto.images.image import Header, UInt8
from impasto.images.rows import RowSource
from impasto.images.writing import check_sides

# names in Pillow of the formats that are decoded from the top down
READS = frozenset({"JPEG", "PNG", "TIFF", "WEBP"})
# modes in Pillow of the pixels that both readers read alike; others are read into memory
MODES = frozenset(
    {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "I;16", "I;16B", "I;16L", "F"}
)
# suffixes of the formats that are encoded from the top down; others are encoded in memory
WRITES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff"})
BIG_TIFF_BYTES = 4_000_000_000  # bytes of pixels from which TIFF counts in 64 bits
BAND_HEIGHT = 128  # rows that are read at once
_MIN_FREE_BYTES = 1 << 20  # a disk with less counts as full
_MM_PER_INCH = 25.4
_DEFAULT_DPI = (72.0, 72.0)
# bytes of the pixels, by libvips' names of formats
_KINDS = {
    "uchar": "u1",
    "char": "i1",
    "ushort": "u2",
    "short": "i2",
    "uint": "u4",
    "int": "i4",
    "float": "f4",
    "double": "f8",
}


def vips() -> Any:
    """Import pyvips. Raises PictureError, with the command that installs it, if it is missing."""
    try:
        import pyvips
    except (ImportError, OSError) as error:  # OSError: the package without the library
        raise PictureError(
            f'pictures this large need libvips ({error}); run: pip install "impasto[huge]"'
        ) from error
    pyvips.cache_set_max(0)  # its cache serves repeated reads, and there are none
    return pyvips


class VipsRows(RowSource):
    """A picture file, upright in 8-bit sRGB.

    Args:
        path: a JPEG, PNG, TIFF (BigTIFF too) or WebP file.
        header: the header of the file, as by `read_header`.
        alpha: give the alpha of the file instead, as three equal channels from 0 (clear) to 255
            (opaque).

    Raises:
        PictureError: libvips is missing, or, when rows are read, the file is broken.
    """

    def __init__(self, path: Path, header: Header, alpha: bool = False) -> None:
        super().__init__(header.height, header.width)
        self._path, self._header, self._alpha = path, header, alpha
        vips()

    def reopen(self) -> "VipsRows":
        """Return the same file, to be read from its first row."""
        return VipsRows(self._path, self._header, self._alpha)

    def bands(self) -> Iterator[UInt8]:
        """Yield bands of `BAND_HEIGHT` rows."""
        pyvips = vips()
        try:
            image = self._open()
            deep = image.format not in ("uchar", "ushort")
            white = _white_of(self._open()) if deep else 65_535.0  # this reads the whole file
            kind = _KINDS[image.format]
            region = pyvips.Region.new(image)
            for top in range(0, self.height, BAND_HEIGHT):
                count = min(BAND_HEIGHT, self.height - top)
                band = np.frombuffer(region.fetch(0, top, self.width, count), kind)
                yield self._convert(band.reshape(count, self.width, -1), white)
        except pyvips.Error as error:
            raise PictureError(
                f"cannot read {self._path}: it is broken or cut short ({_reason(error)});"
                " get a fresh copy or export it again"
            ) from error

    def _open(self) -> Any:
        pyvips, header = vips(), self._header
        # files stored on their side are not read from the top down: libvips then unpacks them into
        # a temporary file
        options: dict[str, Any] = {
            "access": "sequential" if header.orientation in (1, 2) else "random",
            "fail_on": "error",
        }
        if header.format in ("JPEG", "PNG"):
            options["unlimited"] = True
        return pyvips.Image.new_from_file(str(self._path), **options).autorot()

    def _convert(self, pixels: NDArray[Any], white: float) -> UInt8:
        """Convert a band (n, W, channels), as stored, by the code that reads files into memory."""
        colors = 4 if self._header.mode == "CMYK" else 1 if pixels.shape[2] <= 2 else 3
        if self._alpha:
            stored = pixels[..., colors] if pixels.shape[2] > colors else None
            if stored is None:
                return np.full((*pixels.shape[:2], 3), 255, np.uint8)
            return np.repeat(_to_eight_bits(stored)[..., None], 3, axis=2)
        pixels = pixels[..., :colors]
        if pixels.dtype != np.uint8 and colors == 1 and self._header.mode != "LA":
            levels = scale_levels(pixels.astype(np.float32), white)
        else:
            levels = _to_eight_bits(pixels)
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[colors]
        if self._header.mode == "YCbCr":
            mode = "YCbCr"
        image = Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), levels.tobytes())
        color = image.convert("RGB") if mode == "YCbCr" else image
        return np.asarray(to_srgb(color, self._header.icc, self._header.coding))


def _to_eight_bits(values: NDArray[Any]) -> UInt8:
    """Take the high byte of 16 bits, as Pillow does."""
    if values.dtype == np.uint16:
        return (values >> 8).astype(np.uint8)
    return values.astype(np.uint8)


def _white_of(image: Any) -> float:
    """Return the value that means white in gray of more than 8 bits; see `white_level`."""
    if image.format == "ushort":
        return 65_535.0
    mode = "F" if image.format in ("float", "double") else "I"
    return white_level(mode, float(image.max()))


def _reason(error: BaseException) -> str:
    """Return the first line of libvips' message that explains something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next(
        (line for line in lines if not line.startswith("unable to call")),
        "libvips does not say why",
    )


def write(
    path: Path,
    picture: RowSource,
    alpha: RowSource | None,
    header: Header,
    quality: int,
    settings: str | None = None,
) -> None:
    """Write a picture atomically, row by row as it is produced.

    Args:
        path: the target, with a suffix of `WRITES`.
        picture: the pixels.
        alpha: alpha, as by `VipsRows(..., alpha=True)`; JPEG shows clear parts as white.
        header: its EXIF and dots per inch are written; TIFF takes dots per inch only.
        quality: 1 (small) to 100 (fine), for JPEG.
        settings: of a painting, as in `Picture`.

    Raises:
        PictureError: a side is longer than the format allows, or the folder or disk does not
            accept the file.
    """
    check_sides(path, picture.width, picture.height)
    pyvips = vips()
    try:
        with atomic_write(path) as file:
            saver = _Saver(
                pyvips, Path(file.name), path.suffix.lower(), picture, header, quality, settings
            )
            saver.run(_join_alpha(picture, alpha, path))
    except OSError as error:
        raise PictureError(f"cannot write {path}: {os_reason(error)}") from error
    except pyvips.Error as error:
        raise PictureError(
            f"cannot write {path}: {_reason(error)}; choose another folder or format"
        ) from error


def _join_alpha(picture: RowSource, alpha: RowSource | None, path: Path) -> Iterator[UInt8]:
    """Yield bands (n, W, 4) if there is alpha and the format stores it, else (n, W, 3) on white."""
    row = 0
    for band in picture.bands():
        if alpha is None:
            yield band
        else:
            opacity = alpha.rows(row, row + len(band))[..., :1]
            if path.suffix.lower() in (".jpg", ".jpeg"):
                weight = opacity.astype(np.float32) / 255
                yield (band * weight + 255 * (1 - weight) + 0.5).astype(np.uint8)
            else:
                yield np.concatenate([band, opacity], axis=2)
        row += len(band)


class _Saver:
    """libvips in its own thread, which reads the picture as an uncompressed PNG from a pipe.

    Rows are made in the main thread, where Ctrl-C arrives; libvips would request them from any of
    its threads.
    """

    def __init__(
        self,
        pyvips: Any,
        file: Path,
        suffix: str,
        picture: RowSource,
        header: Header,
        quality: int,
        settings: str | None,
    ) -> None:
        self._pyvips, self._file, self._suffix, self._quality = pyvips, str(file), suffix, quality
        self._picture, self._header, self._settings = picture, header, settings
        self._error: Exception | None = None

    def run(self, rows: Iterator[UInt8]) -> None:
        """Write bands of rows (n, W, 3 or 4). Raises the errors of libvips and of the system."""
        self._source, sink = os.pipe()
        thread = threading.Thread(target=self._save_and_drain)
        thread.start()
        try:
            with open(sink, "wb", buffering=0) as pipe:  # noqa: PTH123  # a descriptor
                _send_png(
                    pipe.write,
                    rows,
                    self._picture.height,
                    self._picture.width,
                    lambda: self._error is None,
                )
        finally:
            thread.join()
        if self._error:
            raise self._explain(self._error)

    def _save_and_drain(self) -> None:
        try:
            self._save()
        except Exception as error:
            self._error = error
        finally:
            while os.read(self._source, 1 << 16):  # the other side waits until all is read
                pass
            os.close(self._source)

    def _save(self) -> None:
        pyvips, header = self._pyvips, self._header
        source = pyvips.Source.new_from_descriptor(self._source)
        image = pyvips.Image.new_from_source(
            source, "", access="sequential", unlimited=True, fail_on="error"
        )
        dpi = header.dpi or _DEFAULT_DPI
        image = image.copy(xres=dpi[0] / _MM_PER_INCH, yres=dpi[1] / _MM_PER_INCH)
        if exif := build_exif(header.exif, header.dpi, image.width, image.height):
            image.set_type(pyvips.GValue.blob_type, "exif-data", exif)
        if self._settings and len(packet := xmp_packet(self._settings)) <= MAX_XMP_BYTES:
            image.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
            image.set_type(pyvips.GValue.gstr_type, f"png-comment-0-{PNG_KEYWORD}", self._settings)
        if self._suffix in (".tif", ".tiff"):
            large = image.width * image.height * image.bands > BIG_TIFF_BYTES
            image.tiffsave(self._file, bigtiff=large, resunit="inch")
        elif self._suffix == ".png":
            image.pngsave(self._file)
        else:
            chroma = "off" if self._quality >= FULL_CHROMA_QUALITY else "on"
            image.jpegsave(self._file, Q=self._quality, subsample_mode=chroma)

    def _explain(self, error: Exception) -> Exception:
        """Return "disk full" for a full disk, which libraries report in many words or none."""
        free = shutil.disk_usage(Path(self._file).parent).free
        return OSError(28, "No space left on device") if free < _MIN_FREE_BYTES else error


def _send_png(
    send: Callable[[bytes], Any],
    rows: Iterator[UInt8],
    height: int,
    width: int,
    is_wanted: Callable[[], bool],
) -> None:
    """Send bands of rows as an uncompressed PNG (ISO 15948), for as long as `is_wanted()`."""

    def send_chunk(kind: bytes, data: bytes) -> None:
        checksum = zlib.crc32(data, zlib.crc32(kind))
        send(b"".join([struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)]))

    packer = zlib.compressobj(0)
    for number, band in enumerate(rows):
        if not is_wanted():
            return
        if not number:
            send(b"\x89PNG\r\n\x1a\n")
            color_type = {3: 2, 4: 6}[band.shape[2]]  # RGB, RGBA
            send_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0))
        # each row begins with its filter: 0, none
        lines = np.zeros((len(band), 1 + band.shape[1] * band.shape[2]), np.uint8)
        lines[:, 1:] = band.reshape(len(band), -1)
        send_chunk(b"IDAT", packer.compress(lines.tobytes()))
    send_chunk(b"IDAT", packer.flush())
    send_chunk(b"IEND", b"")
