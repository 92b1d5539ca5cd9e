"""Huge picture files, read and written row by row by libvips, so that they need not fit in
memory."""

import os
import shutil
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from impasto.errors import PictureError
from impasto.files import atomic_write, os_reason
from impasto.images.exif import exif_block
from impasto.images.formats import FULL_CHROMA_QUALITY
from impasto.images.image import Header, UInt8
from impasto.images.rows import RowSource
from impasto.images.writing import check_sides

READS = frozenset(
    {"JPEG", "PNG", "TIFF", "WEBP"}
)  # formats, as Pillow calls them, that are decoded from the top down
WRITES = frozenset(
    {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
)  # suffixes; other formats are encoded in memory
BIG_TIFF = 4_000_000_000  # bytes of pixels from which TIFF counts in 64 bits
BAND = 128  # rows that are read at once


def vips() -> Any:
    """The library. Raises PictureError, with what to install, if it is not here."""
    try:
        import pyvips
    except (ImportError, OSError) as error:  # OSError: the package without the library
        raise PictureError(
            f'pictures this large need libvips ({error}); run: pip install "impasto[huge]"'
        ) from error
    pyvips.cache_set_max(0)  # it keeps what was read for the next time, which does not come
    return pyvips


class VipsRows(RowSource):
    """A picture file, upright in 8-bit sRGB.

    Args:
        path: a JPEG, PNG, TIFF (BigTIFF too) or WebP file.
        header: what is known of it.
        alpha: give its alpha instead, three times, 0 clear to 255 opaque.

    Raises:
        PictureError: libvips is missing, or, when rows are read, the file is broken.
    """

    def __init__(self, path: Path, header: Header, alpha: bool = False) -> None:
        super().__init__(header.height, header.width)
        self._path, self._header, self._alpha = path, header, alpha
        vips()

    def reopen(self) -> "VipsRows":
        return VipsRows(self._path, self._header, self._alpha)

    def bands(self) -> Iterator[UInt8]:
        pyvips = vips()
        try:
            region = pyvips.Region.new(self._opened())
            for top in range(0, self.height, BAND):
                count = min(BAND, self.height - top)
                band = np.frombuffer(region.fetch(0, top, self.width, count), np.uint8)
                yield band.reshape(count, self.width, 3)
        except pyvips.Error as error:
            reason = (
                f"it is broken or cut short ({_reason(error)}); get a fresh copy or export it again"
            )
            raise PictureError(f"cannot read {self._path}: {reason}") from error

    def _opened(self) -> Any:
        pyvips, header = vips(), self._header
        # what lies on its side is not read from the top down: libvips then unpacks it into a
        # temporary file
        how: dict[str, Any] = {
            "access": "sequential" if header.orientation in (1, 2) else "random",
            "fail_on": "error",
        }
        if header.format in ("JPEG", "PNG"):
            how["unlimited"] = True
        image = pyvips.Image.new_from_file(str(self._path), **how).autorot()
        if self._alpha:
            # alpha is that of the file, which profiles do not concern
            image = image.colourspace("srgb")
            alpha = image[image.bands - 1] if image.hasalpha() else (image[0] * 0 + 255)
            return alpha.bandjoin([alpha, alpha]).cast("uchar")
        return _srgb(image, pyvips).extract_band(0, n=3).cast("uchar")


def _srgb(image: Any, pyvips: Any) -> Any:
    if image.get_typeof("icc-profile-data"):
        try:
            return image.icc_transform("srgb", embedded=True, intent="perceptual")
        except (
            pyvips.Error
        ):  # a broken profile, or one for other pixels, says nothing: it then counts as sRGB
            pass
    return image.colourspace("srgb")


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next(
        (line for line in lines if not line.startswith("unable to call")),
        "libvips does not say why",
    )


def write(
    path: Path, picture: RowSource, alpha: RowSource | None, header: Header, quality: int
) -> None:
    """Write a picture, as it is made, in a format of `WRITES`, with the metadata of `header` (TIFF:
    its dots per inch alone).

    The file appears whole or not at all, as in `impasto.images.writing.write`.

    Raises:
        PictureError: a side is longer than the format allows, or the folder or disk does not take
            the file.
    """
    check_sides(path, picture.width, picture.height)
    pyvips = vips()
    try:
        with atomic_write(path) as file:
            _Saver(pyvips, Path(file.name), path.suffix.lower(), picture, header, quality).run(
                _rows(picture, alpha, path)
            )
    except OSError as error:
        raise PictureError(f"cannot write {path}: {os_reason(error)}") from error
    except pyvips.Error as error:
        raise PictureError(
            f"cannot write {path}: {_reason(error)}; choose another folder or format"
        ) from error


def _rows(picture: RowSource, alpha: RowSource | None, path: Path) -> Iterator[UInt8]:
    """Bands (n, W, 3), or (n, W, 4) where there is alpha and the format has it; else on white."""
    row = 0
    for band in picture.bands():
        if alpha is None:
            yield band
        else:
            opaque = alpha.rows(row, row + len(band))[..., :1]
            if path.suffix.lower() in (".jpg", ".jpeg"):
                share = opaque.astype(np.float32) / 255
                yield (band * share + 255 * (1 - share) + 0.5).astype(np.uint8)
            else:
                yield np.concatenate([band, opaque], axis=2)
        row += len(band)


class _Saver:
    """libvips in a thread of its own, which takes the picture as an uncompressed PNG through a
    pipe.

    Rows are made in the main thread, where Ctrl-C arrives; libvips would call for them from any of
    its threads.
    """

    def __init__(
        self, pyvips: Any, file: Path, suffix: str, picture: RowSource, header: Header, quality: int
    ) -> None:
        self._pyvips, self._file, self._suffix, self._quality = pyvips, str(file), suffix, quality
        self._picture, self._header = picture, header
        self._error: Exception | None = None

    def run(self, rows: Iterator[UInt8]) -> None:
        """Write rows (n, W, 3 or 4). Raises what libvips or the system raise."""
        self._source, sink = os.pipe()
        thread = threading.Thread(target=self._save)
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
            raise self._full(self._error)

    def _save(self) -> None:
        try:
            self._saved()
        except Exception as error:
            self._error = error
        finally:
            while os.read(self._source, 1 << 16):  # the other side waits until it is read
                pass
            os.close(self._source)

    def _saved(self) -> None:
        pyvips, header = self._pyvips, self._header
        source = pyvips.Source.new_from_descriptor(self._source)
        image = pyvips.Image.new_from_source(
            source, "", access="sequential", unlimited=True, fail_on="error"
        )
        dpi = header.dpi or (72.0, 72.0)
        image = image.copy(xres=dpi[0] / 25.4, yres=dpi[1] / 25.4)  # dots per mm
        if exif := exif_block(header.exif, header.dpi, image.width, image.height):
            image.set_type(pyvips.GValue.blob_type, "exif-data", exif)
        if self._suffix in (".tif", ".tiff"):
            large = image.width * image.height * image.bands > BIG_TIFF
            image.tiffsave(self._file, bigtiff=large, resunit="inch")
        elif self._suffix == ".png":
            image.pngsave(self._file)
        else:
            chroma = "off" if self._quality >= FULL_CHROMA_QUALITY else "on"
            image.jpegsave(self._file, Q=self._quality, subsample_mode=chroma)

    def _full(self, error: Exception) -> Exception:
        """The error, or that the disk is full, which libraries tell in many words or none."""
        free = shutil.disk_usage(Path(self._file).parent).free
        return OSError(28, "No space left on device") if free < 1 << 20 else error


def _send_png(
    send: Callable[[bytes], Any],
    rows: Iterator[UInt8],
    height: int,
    width: int,
    wanted: Callable[[], bool],
) -> None:
    """Send bands of rows as a PNG (ISO 15948) that compresses nothing, while they are `wanted`."""

    def chunk(kind: bytes, data: bytes) -> None:
        send(
            b"".join(
                [
                    struct.pack(">I", len(data)),
                    kind,
                    data,
                    struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))),
                ]
            )
        )

    packer = zlib.compressobj(0)
    for number, band in enumerate(rows):
        if not wanted():
            return
        if not number:
            send(b"\x89PNG\r\n\x1a\n")
            kind = {3: 2, 4: 6}[band.shape[2]]  # color, with alpha
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
        lines = np.zeros(
            (len(band), 1 + band.shape[1] * band.shape[2]), np.uint8
        )  # each begins with its filter: none
        lines[:, 1:] = band.reshape(len(band), -1)
        chunk(b"IDAT", packer.compress(lines.tobytes()))
    chunk(b"IDAT", packer.flush())
    chunk(b"IEND", b"")
