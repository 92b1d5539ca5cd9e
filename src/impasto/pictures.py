"""A picture file painted into another: whole in memory, or, if it is huge, row by row from file to file."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from impasto import images, streams
from impasto.errors import PictureError
from impasto.images import MAX_PIXELS, Header, UInt8
from impasto.manner import Manner, painting, small
from impasto.masks import ALPHA
from impasto.staged import Advance
from impasto.stylizer import Stylizer
from impasto.tiles import Held, Pixels, resized

STREAMED = 30_000_000  # pixels from which a file is not read into memory, if libvips is here
MOST_PIXELS = 1_000_000_000  # of a file that is read row by row
MASK_SIDE = 2048  # pixels of the short side of a huge picture's transparency, where it is a mask
SPARSE = 200  # pixels to a byte of a file of more than `MAX_PIXELS`, which no photograph and no scan has: a decompression bomb


@dataclass(frozen=True)
class Painted:
    """What came of a picture: pixels across and down, and of what share of them, 0..1, the colors that the manner's color mode
    wants were beyond 0..255, and were brought back.
    """

    width: int
    height: int
    beyond: float


@dataclass(frozen=True)
class Options:
    """How a picture is read and written.

    Attributes:
        size: pixels of the painting's shorter side; smaller photographs, and all if None, keep their size.
        quality: of JPEG, WebP and AVIF, 1..100.
        max_pixels: refuse larger photographs; None: those of more than `MOST_PIXELS`, of more than `MAX_PIXELS` that can only
            be read into memory, and decompression bombs.
    """

    size: int | None = None
    quality: int = 92
    max_pixels: int | None = None


def stylize_picture(
    source: Path,
    target: Path,
    painter: Stylizer,
    manner: Manner,
    options: Options | None = None,
    advance: Advance = lambda _: None,
) -> Painted:
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
        StyleError, MaskError, ValueError: as `impasto.manner.painting`.
    """
    options = options or Options()
    header = images.look(source)
    streamed = _is_streamed(source, target, header, options)
    if not streamed:
        picture = images.read(source, max(MAX_PIXELS, options.max_pixels or 0))
        photo: Pixels = Held(picture.rgb)
    else:
        photo = streams.File(source, header)
    width, height = _sized(photo, options.size)
    photo = resized(photo, height, width)
    alpha: UInt8 | None = None
    transparent: Pixels | None = None
    if not streamed:
        alpha = picture.alpha
    elif header.alpha:
        transparent = resized(streams.File(source, header, alpha=True), height, width)
        if any(mask.name == ALPHA for mask in manner.masks):
            alpha = small(transparent, MASK_SIDE)[..., 0]
    work = painting(painter, photo, manner, alpha, advance)
    if streamed:
        streams.write(target, work.pixels, transparent, header, options.quality)
    else:
        if alpha is not None:
            alpha = resized(Held(np.stack([alpha] * 3, axis=-1)), height, width).whole()[..., 0]
        images.write(target, replace(picture, rgb=work.pixels.whole(), alpha=alpha), options.quality)
    return Painted(width, height, work.beyond)


def _sized(photo: Pixels, short: int | None) -> tuple[int, int]:
    """Width and height of a painting whose shorter side is to have `short` pixels."""
    scale = 1.0 if short is None else min(1.0, short / min(photo.width, photo.height))
    return max(1, round(photo.width * scale)), max(1, round(photo.height * scale))


def _is_streamed(source: Path, target: Path, header: Header, options: Options) -> bool:
    """Whether a file is painted row by row. Raises PictureError if it is too large, either way."""
    pixels, formats = header.width * header.height, header.format in streams.READS
    possible = formats and target.suffix.lower() in streams.WRITES
    if options.max_pixels is not None:
        images.check_pixels(source, (header.width, header.height), options.max_pixels)
    elif pixels > MAX_PIXELS:
        if not possible:
            kinds = f"{', '.join(sorted(streams.READS))} into {' '.join(sorted(streams.WRITES))}"
            raise PictureError(
                f"cannot paint {source} into {target.name}: of more than {MAX_PIXELS:,} pixels (it has {pixels:,}), pictures"
                f" are painted from {kinds}; convert it, or read it into memory with --max-pixels {pixels}"
            )
        images.check_pixels(source, (header.width, header.height), MOST_PIXELS)
        if pixels > SPARSE * (held := source.stat().st_size):
            raise PictureError(
                f"cannot read {source}: {held:,} bytes say they are {header.width} x {header.height} pixels, as a decompression"
                f" bomb does; if you trust the file, --max-pixels {pixels} reads it"
            )
        streams.vips()
    if not possible or pixels <= STREAMED:
        return False
    try:
        streams.vips()
    except PictureError:
        return False
    return True
