"""A picture file painted into another: whole in memory, or, if it is huge, row by row from file to file."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from impasto import images, streams, strokes
from impasto.errors import PictureError
from impasto.images import MAX_PIXELS, Header
from impasto.staged import Advance
from impasto.stylizer import Brush
from impasto.tiles import Held, Pixels, resized

STREAMED = 30_000_000  # pixels from which a file is not read into memory, if libvips is here
MOST_PIXELS = 1_000_000_000  # of a file that is read row by row
SPARSE = 200  # pixels to a byte of a file of more than `MAX_PIXELS`, which no photograph and no scan has: a decompression bomb


@dataclass(frozen=True)
class Options:
    """How a picture is painted and written.

    Attributes:
        stroke: how large strokes are; 1 as the network paints (see `impasto.strokes`).
        size: pixels of the painting's shorter side; smaller photographs, and all if None, keep their size.
        quality: of JPEG, WebP and AVIF, 1..100.
        max_pixels: refuse larger photographs; None: those of more than `MOST_PIXELS`, of more than `MAX_PIXELS` that can only
            be read into memory, and decompression bombs.
    """

    stroke: float = 1.0
    size: int | None = None
    quality: int = 92
    max_pixels: int | None = None


def stylize_picture(
    source: Path, target: Path, brush: Brush, options: Options | None = None, advance: Advance = lambda _: None
) -> tuple[int, int]:
    """Read a picture file, paint it and write it.

    Args:
        source: what to paint.
        target: where to; its suffix names the format. It appears whole or not at all.
        brush: what to paint with.
        options: how.
        advance: told of each share of the work that is done; they sum to 1.

    Returns:
        Width and height of the painting.

    Raises:
        PictureError: a file that cannot be read or written, or is too large.
        ValueError: `stroke` is out of range.
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
    painted = strokes.painting(photo, brush, options.stroke, advance)
    if streamed:
        alpha = resized(streams.File(source, header, alpha=True), height, width) if header.alpha else None
        streams.write(target, painted, alpha, header, options.quality)
    else:
        opaque = picture.alpha
        if opaque is not None:
            opaque = resized(Held(np.stack([opaque] * 3, axis=-1)), height, width).whole()[..., 0]
        images.write(target, replace(picture, rgb=painted.whole(), alpha=opaque), options.quality)
    return width, height


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
