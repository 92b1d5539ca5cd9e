"""A picture file painted into another: whole in memory, or, if it is huge, row by row from file to
file."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from impasto.errors import PictureError
from impasto.images import formats, image, reading, vips, writing
from impasto.images.image import Header, UInt8
from impasto.images.reading import MAX_PIXELS
from impasto.images.rows import ArrayRows, RowSource, at_size
from impasto.inference import tile_grid
from impasto.inference.masks import ALPHA
from impasto.inference.model import LoadedNetwork
from impasto.inference.pipeline import build_pipeline, reduced_copy
from impasto.inference.settings import StylizeSettings
from impasto.progress import Advance

MIN_STREAMED_PIXELS = (
    30_000_000  # pixels from which a file is not read into memory, if libvips is here
)
MAX_STREAMED_PIXELS = 1_000_000_000  # of a file that is read row by row
MEMORY_RETRIES = 3  # in smaller tiles, where memory does not suffice
MAX_READ_AHEAD_PIXELS = 24_000_000  # pixels up to which a picture is read while another is painted
MASK_SIDE = 2048  # pixels of the short side of a huge picture's transparency, where it is a mask
# pixels to a byte of a file of more than `MAX_PIXELS`, which no photograph and no scan has: a
# decompression bomb
MAX_PIXELS_PER_BYTE = 200


@dataclass(frozen=True)
class FileResult:
    """What came of a picture: pixels across and down, and of what share of them, 0..1, the colors
    that the manner's color mode wants were beyond 0..255, and were brought back; and what else
    there is to know.
    """

    width: int
    height: int
    beyond: float
    note: str = ""


@dataclass(frozen=True)
class FileOptions:
    """How a picture is read and written.

    Attributes:
        size: pixels of the painting's shorter side; smaller photographs, and all if None, keep
            their size.
        quality: of JPEG, WebP and AVIF, 1..100.
        max_pixels: refuse larger photographs; None: those of more than `MOST_PIXELS`, of more than
            `MAX_PIXELS` that can only be read into memory, and decompression bombs.
        memory: bytes that the process may take in all, as far as smaller tiles help; None: as much
            as is free.
    """

    size: int | None = None
    quality: int = 92
    max_pixels: int | None = None
    memory: int | None = None


def stylize_file(
    source: Path,
    target: Path,
    model: LoadedNetwork,
    settings: StylizeSettings,
    options: FileOptions | None = None,
    advance: Advance = lambda _: None,
) -> FileResult:
    """Read a picture file, paint it and write it.

    Args:
        source: what to paint.
        target: where to; its suffix names the format. It appears whole or not at all.
        painter: whose network paints.
        manner: how it is painted.
        options: how it is read and written.
        advance: told of each share of the work that is done; they sum to 1.

    Raises:
        PictureError: a file that cannot be read or written, or is too large.
        StyleError, MaskError, ValueError: as `impasto.inference.pipeline.painting`.
    """
    return FilePainting(source, target, options or FileOptions()).painted(
        model, settings, advance
    )()


def stylize_bytes(
    data: bytes,
    name: str,
    suffix: str,
    model: LoadedNetwork,
    settings: StylizeSettings,
    options: FileOptions | None = None,
) -> tuple[bytes, str]:
    """Paint a picture from the bytes of its file to those of another.

    Args:
        data, name: the file, and what errors call it.
        suffix: the format to write; if it is none, that which came, or JPEG where that is not
            written.
        painter, manner, options: as of `stylize_picture`.

    Returns:
        The file, and its suffix.

    Raises: as `stylize_picture`.
    """
    options = options or FileOptions()
    picture = reading.decode(data, name, options.max_pixels or MAX_PIXELS)
    if suffix.lower() not in formats.WRITABLE:
        suffix = reading.suffix_of(data)
    photo: RowSource = ArrayRows(picture.rgb)
    width, height = _sized(photo, options.size)
    work = build_pipeline(model, at_size(photo, height, width), settings, picture.alpha)
    painted = replace(
        picture, rgb=work.rows.to_array(), alpha=_opacity(picture.alpha, height, width)
    )
    return writing.encode(painted, suffix, options.quality), suffix


class FilePainting:
    """A picture file on its way to another; it is in memory when made, unless it is huge or,
    `ahead` of time, large."""

    def __init__(
        self, source: Path, target: Path, options: FileOptions, ahead: bool = False
    ) -> None:
        self._source, self._target, self._options = source, target, options
        self._header = reading.look(source)
        self._streamed = _is_streamed(source, target, self._header, options)
        self._picture: image.Picture | None = None
        if not self._streamed and (
            not ahead or self._header.width * self._header.height <= MAX_READ_AHEAD_PIXELS
        ):
            self._read()

    def _read(self) -> image.Picture:
        self._picture = self._picture or reading.read(
            self._source, max(MAX_PIXELS, self._options.max_pixels or 0)
        )
        return self._picture

    def painted(
        self, model: LoadedNetwork, settings: StylizeSettings, advance: Advance
    ) -> Callable[[], FileResult]:
        """Paint it; what then writes it. A file that is painted row by row is written meanwhile.

        Where memory does not suffice, it is tried again in smaller tiles.
        """
        limits, smaller = tile_grid.tile_limits(self._options.memory), 0
        while True:
            try:
                with tile_grid.limit_tiles(limits):
                    write = self._painted(model, settings, advance)
            except (MemoryError, RuntimeError) as error:
                if smaller == MEMORY_RETRIES or not _lacks_memory(error):
                    raise
                limits, smaller = limits.reduce(), smaller + 1
            else:
                return (
                    partial(_noted, write, f"{self._source}: {SMALLER_TILES} {limits.tile} pixels")
                    if smaller
                    else write
                )

    def _painted(
        self, model: LoadedNetwork, settings: StylizeSettings, advance: Advance
    ) -> Callable[[], FileResult]:
        source, header, options = self._source, self._header, self._options
        photo: RowSource = (
            vips.VipsRows(source, header) if self._streamed else ArrayRows(self._read().rgb)
        )
        width, height = _sized(photo, options.size)
        photo = at_size(photo, height, width)
        if self._streamed:
            alpha, transparent = None, None
            if header.alpha:
                transparent = at_size(vips.VipsRows(source, header, alpha=True), height, width)
                if any(mask.name == ALPHA for mask in settings.masks):
                    alpha = reduced_copy(transparent.reopen(), MASK_SIDE)[..., 0]
            work = build_pipeline(model, photo, settings, alpha, advance)
            vips.write(self._target, work.rows, transparent, header, options.quality)
            return lambda: FileResult(width, height, work.clipped_fraction)
        picture = self._read()
        work = build_pipeline(model, photo, settings, picture.alpha, advance)
        rgb, alpha = work.rows.to_array(), picture.alpha

        def write() -> FileResult:
            writing.write(
                self._target,
                replace(picture, rgb=rgb, alpha=_opacity(alpha, height, width)),
                options.quality,
            )
            return FileResult(width, height, work.clipped_fraction)

        return write


SMALLER_TILES = "memory was short, so it was painted in tiles of"


def _noted(write: Callable[[], FileResult], note: str) -> FileResult:
    return replace(write(), note=note)


def _lacks_memory(error: Exception) -> bool:
    """Whether it is memory that lacks; engines say so in words."""
    return isinstance(error, MemoryError) or any(
        word in str(error).lower() for word in ("alloc", "memory")
    )


def _opacity(alpha: UInt8 | None, height: int, width: int) -> UInt8 | None:
    """A transparency at the size of a painting."""
    return (
        None
        if alpha is None
        else at_size(ArrayRows(np.stack([alpha] * 3, axis=-1)), height, width).to_array()[..., 0]
    )


def _sized(photo: RowSource, short: int | None) -> tuple[int, int]:
    """Width and height of a painting whose shorter side is to have `short` pixels."""
    scale = 1.0 if short is None else min(1.0, short / min(photo.width, photo.height))
    return max(1, round(photo.width * scale)), max(1, round(photo.height * scale))


def _is_streamed(source: Path, target: Path, header: Header, options: FileOptions) -> bool:
    """Whether a file is painted row by row. Raises PictureError if it is too large, either way."""
    pixels, formats = header.width * header.height, header.format in vips.READS
    possible = formats and target.suffix.lower() in vips.WRITES
    if options.max_pixels is not None:
        reading.check_pixels(source, (header.width, header.height), options.max_pixels)
    elif pixels > MAX_PIXELS:
        if not possible:
            kinds = f"{', '.join(sorted(vips.READS))} into {' '.join(sorted(vips.WRITES))}"
            raise PictureError(
                f"cannot paint {source} into {target.name}: of more than {MAX_PIXELS:,} pixels (it has {pixels:,}), pictures"
                f" are painted from {kinds}; convert it, or read it into memory with --max-pixels {pixels}"
            )
        reading.check_pixels(source, (header.width, header.height), MAX_STREAMED_PIXELS)
        if pixels > MAX_PIXELS_PER_BYTE * (held := source.stat().st_size):
            raise PictureError(
                f"cannot read {source}: {held:,} bytes say they are {header.width} x {header.height} pixels, as a decompression"
                f" bomb does; if you trust the file, --max-pixels {pixels} reads it"
            )
        vips.vips()
    if not possible or pixels <= MIN_STREAMED_PIXELS:
        return False
    try:
        vips.vips()
    except PictureError:
        return False
    return True
