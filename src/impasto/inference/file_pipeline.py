"""Paint picture files: in memory, or, if they are huge, row by row from file to file."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from impasto.choices import MAX_PIXELS, MAX_PIXELS_PER_BYTE, MAX_STREAMED_PIXELS
from impasto.errors import PictureError, check_number
from impasto.files import file_digest
from impasto.images import formats, image, reading, vips, writing
from impasto.images.formats import DEFAULT_QUALITY
from impasto.images.image import Header, UInt8
from impasto.images.resize import check_size
from impasto.images.rows import ArrayRows, CoveredRows, RowSource, at_size
from impasto.inference import tile_grid
from impasto.inference.masks import ALPHA
from impasto.inference.model import LoadedNetwork
from impasto.inference.pipeline import StylizedRows, build_pipeline, reduced_copy
from impasto.inference.record import make_record
from impasto.inference.settings import StylizeSettings
from impasto.progress import Advance

# pixels from which a file is not read into memory, if libvips is installed
MIN_STREAMED_PIXELS = 30_000_000
MEMORY_RETRIES = 3  # in smaller tiles, where memory does not suffice
ALPHA_MASK_SIDE = 2048  # pixels of the short side of a huge picture's transparency, as a mask
STANDARD_INPUT = "standard input"  # name of a photo that has none


@dataclass(frozen=True)
class PaintedFile:
    """The result of one picture file.

    Attributes:
        width: pixels across.
        height: pixels down.
        beyond_fraction: share of pixels, 0..1, whose new colors were outside of the color range
            and were made paler.
        notes: what else a user may want to know, one sentence each.
    """

    width: int
    height: int
    beyond_fraction: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileOptions:
    """How picture files are read and written.

    Attributes:
        size: pixels of the painting's shorter side. Smaller photographs, and all if None, keep
            their size.
        quality: of JPEG, WebP and AVIF, 1 (small) to 100 (fine).
        max_pixels: refuse larger photographs. None refuses those of more than
            `MAX_STREAMED_PIXELS`, those of more than `MAX_PIXELS` that can only be read into
            memory, and decompression bombs.
        memory: bytes that the process may use in all, as far as smaller tiles help; None: as many
            as are free.
        embed_settings: write into each painting the settings that it was made with.

    Raises:
        ArgumentError: `size` or `quality` is out of range.
    """

    size: int | None = None
    quality: int = DEFAULT_QUALITY
    max_pixels: int | None = None
    memory: int | None = None
    embed_settings: bool = True

    def __post_init__(self) -> None:
        if self.size is not None:
            check_size(self.size)
        check_number("quality", self.quality, "1 (small files) to 100 (fine)", 1, 100, whole=True)


def stylize_file(
    source: Path,
    target: Path,
    model: LoadedNetwork,
    settings: StylizeSettings,
    options: FileOptions | None = None,
    advance: Advance = lambda _: None,
) -> PaintedFile:
    """Read a picture file, paint it and write it.

    Args:
        source: file to read.
        target: file to write, atomically; its suffix names the format.
        model: the network that paints.
        settings: how the picture is painted.
        options: how the files are read and written.
        advance: called with the fraction of work done since the last call; they sum to 1.

    Returns:
        The size of the painting, and facts about it.

    Raises:
        PictureError: a file cannot be read or written, or is too large.
        StyleError: a style does not fit the network.
        MaskError: the mask is the photograph's transparency, and it has none.
        ArgumentError: strength or stroke is out of range.
    """
    painting = FilePainting(source, target, options or FileOptions())
    painting.read()
    return painting.paint(model, settings, advance)()


def stylize_bytes(
    data: bytes,
    name: str,
    suffix: str,
    model: LoadedNetwork,
    settings: StylizeSettings,
    options: FileOptions | None = None,
    advance: Advance = lambda _: None,
) -> tuple[bytes, str]:
    """Paint a picture from the bytes of its file to the bytes of another file.

    Args:
        data: the file.
        name: name of the file in errors.
        suffix: format to write. If impasto does not write it, the format of `data`, or JPEG where
            impasto does not write that either.
        model: the network that paints.
        settings: how the picture is painted.
        options: how the picture is read and written.
        advance: called with the fraction of work done since the last call; they sum to 1.

    Returns:
        The file, and its suffix.

    Raises:
        PictureError: the picture cannot be read or written, or is too large.
        StyleError: a style does not fit the network.
        MaskError: the mask is the photograph's transparency, and it has none.
        ArgumentError: strength or stroke is out of range.
    """
    options = options or FileOptions()
    picture = reading.decode(data, name, options.max_pixels or MAX_PIXELS)
    if suffix.lower() not in formats.WRITABLE:
        suffix = reading.detect_suffix(data)
    photo: RowSource = ArrayRows(picture.rgb)
    width, height = _painting_size(photo, options.size)
    photo = at_size(photo, height, width, _alpha_rows(picture.alpha))
    styled = build_pipeline(model, photo, settings, picture.alpha, advance)
    alpha = _resized_alpha(picture.alpha, height, width)
    record = None
    if options.embed_settings:
        source = None if name == STANDARD_INPUT else (name, hashlib.sha256(data).hexdigest())
        resized = None if picture.rgb.shape[:2] == (height, width) else (width, height)
        record = make_record(settings, model, source, resized, (suffix, options.quality))
    painting = replace(picture, rgb=styled.rows.to_array(), alpha=alpha, settings=record)
    return writing.encode(painting, suffix, options.quality), suffix


class FilePainting:
    """A picture file that is read, painted, and written to another file.

    Making it reads the header only. `read`, `paint` and the function that `paint` returns then
    follow, each once.

    Args:
        source: file to read.
        target: file to write.
        options: how the files are read and written.

    Attributes:
        pixels: number of pixels of the photograph.

    Raises:
        PictureError: the file cannot be read, or is too large.
    """

    def __init__(self, source: Path, target: Path, options: FileOptions) -> None:
        self._source, self._target, self._options = source, target, options
        self._header = reading.read_header(source)
        self._streamed = _is_streamed(source, target, self._header, options)
        self._picture: image.Picture | None = None
        self.pixels = self._header.width * self._header.height

    def __repr__(self) -> str:
        return f"FilePainting({str(self._source)!r}, {str(self._target)!r})"

    def read(self) -> None:
        """Read the photograph into memory, unless it is huge.

        Raises:
            PictureError: the file is broken or cut short.
        """
        if not self._streamed:
            limit = max(MAX_PIXELS, self._options.max_pixels or 0)
            self._picture = reading.read(self._source, limit)

    def paint(
        self, model: LoadedNetwork, settings: StylizeSettings, advance: Advance
    ) -> Callable[[], PaintedFile]:
        """Paint the picture; where memory does not suffice, try again in smaller tiles.

        Args:
            model: the network that paints.
            settings: how the picture is painted.
            advance: called with the fraction of work done since the last call.

        Returns:
            A function that writes the painting. A huge file is written already, while it is
            painted.
        """
        limits, retries = tile_grid.tile_limits(self._options.memory), 0
        while True:
            try:
                with tile_grid.limit_tiles(limits):
                    self._limits = limits
                    write = self._paint(model, settings, advance)
            except (MemoryError, RuntimeError) as error:
                if retries == MEMORY_RETRIES or not _lacks_memory(error):
                    raise
                limits, retries = limits.reduce(), retries + 1
            else:
                notes = self._notes()
                if retries:
                    note = f"memory was short, so it was painted in tiles of {limits.tile} pixels"
                    notes.append(f"{self._source}: {note}")
                return partial(_annotate, write, tuple(notes)) if notes else write

    def _notes(self) -> list[str]:
        """Tell what of the file is not in the painting."""
        header, source, notes = self._header, self._source, list[str]()
        if header.is_preview:
            notes.append(
                f"{source} is a camera raw file: its preview of {header.width}x{header.height}"
                " pixels is painted"
            )
        if header.pages > 1:
            notes.append(f"{source} holds {header.pages} pictures; the first is painted")
        is_clear = header.alpha if self._picture is None else self._picture.alpha is not None
        if is_clear and not writing.check_sides(self._target, 1, 1).alpha:
            suffix = self._target.suffix
            notes.append(f"{source}: clear parts become white, as {suffix} has no transparency")
        return notes

    def _paint(
        self, model: LoadedNetwork, settings: StylizeSettings, advance: Advance
    ) -> Callable[[], PaintedFile]:
        picture = self._picture
        if picture is None:
            painted = self._stream(model, settings, advance)
            return lambda: painted
        photo: RowSource = ArrayRows(picture.rgb)
        width, height = _painting_size(photo, self._options.size)
        photo = at_size(photo, height, width, _alpha_rows(picture.alpha))
        styled = build_pipeline(model, photo, settings, picture.alpha, advance)
        rgb = styled.rows.to_array()

        def write() -> PaintedFile:
            alpha = _resized_alpha(picture.alpha, height, width)
            record = self._record(model, settings, width, height)
            painting = replace(picture, rgb=rgb, alpha=alpha, settings=record)
            writing.write(self._target, painting, self._options.quality)
            return _painted(styled)

        return write

    def _stream(
        self, model: LoadedNetwork, settings: StylizeSettings, advance: Advance
    ) -> PaintedFile:
        """Paint and write row by row."""
        source, header = self._source, self._header
        photo: RowSource = vips.VipsRows(source, header)
        width, height = _painting_size(photo, self._options.size)
        alpha, alpha_rows = None, None
        if header.alpha:
            stored = vips.VipsRows(source, header, alpha=True)
            photo = at_size(CoveredRows(photo, stored), height, width, stored)
            alpha_rows = at_size(stored.reopen(), height, width)
            if any(mask.name == ALPHA for mask in settings.masks):
                alpha = reduced_copy(alpha_rows.reopen(), ALPHA_MASK_SIDE)[..., 0]
        else:
            photo = at_size(photo, height, width)
        styled = build_pipeline(model, photo, settings, alpha, advance)
        record = self._record(model, settings, width, height)
        vips.write(self._target, styled.rows, alpha_rows, header, self._options.quality, record)
        return _painted(styled)

    def _record(
        self, model: LoadedNetwork, settings: StylizeSettings, width: int, height: int
    ) -> str | None:
        """Make the record that is written into the painting, if it is."""
        options, header, limits = self._options, self._header, self._limits
        if not options.embed_settings:
            return None
        resized = None if (width, height) == (header.width, header.height) else (width, height)
        is_reduced = limits != tile_grid.MAX_LIMITS and width * height > limits.max_pixels
        return make_record(
            settings,
            model,
            (self._source.name, file_digest(self._source)),
            resized,
            (self._target.suffix, options.quality),
            limits.tile if is_reduced else None,
        )


def _painted(styled: StylizedRows) -> PaintedFile:
    return PaintedFile(styled.rows.width, styled.rows.height, styled.beyond_fraction)


def _annotate(write: Callable[[], PaintedFile], notes: tuple[str, ...]) -> PaintedFile:
    return replace(write(), notes=notes)


def _lacks_memory(error: Exception) -> bool:
    """Tell whether an error means a lack of memory; engines say so in words."""
    words = ("alloc", "memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def _resized_alpha(alpha: UInt8 | None, height: int, width: int) -> UInt8 | None:
    """Bring a transparency, uint8 (h, w), to the size of a painting."""
    rows = _alpha_rows(alpha)
    return None if rows is None else at_size(rows, height, width).to_array()[..., 0]


def _alpha_rows(alpha: UInt8 | None) -> RowSource | None:
    """Return a transparency, uint8 (h, w), as three equal channels."""
    return None if alpha is None else ArrayRows(np.stack([alpha] * 3, axis=-1))


def _painting_size(photo: RowSource, short_side: int | None) -> tuple[int, int]:
    """Return width and height of a painting with this short side; it is never enlarged."""
    scale = 1.0
    if short_side is not None:
        scale = min(1.0, short_side / min(photo.width, photo.height))
    return max(1, round(photo.width * scale)), max(1, round(photo.height * scale))


def _is_streamed(source: Path, target: Path, header: Header, options: FileOptions) -> bool:
    """Tell whether a file is painted row by row.

    Raises:
        PictureError: the file is too large, either way.
    """
    pixels = header.width * header.height
    can_read = header.format in vips.READS and header.mode in (*vips.MODES, "")
    can_stream = can_read and target.suffix.lower() in vips.WRITES
    if options.max_pixels is not None:
        reading.check_pixels(source, (header.width, header.height), options.max_pixels)
    elif pixels > MAX_PIXELS:
        _check_large(source, target, header, can_stream)
    if not can_stream or pixels <= MIN_STREAMED_PIXELS:
        return False
    try:
        vips.vips()
    except PictureError:  # without libvips, it is read into memory
        return False
    return True


def _check_large(source: Path, target: Path, header: Header, can_stream: bool) -> None:
    """Raise PictureError for a file of more than `MAX_PIXELS` that is not painted row by row."""
    pixels = header.width * header.height
    if not can_stream:
        kinds = f"{', '.join(sorted(vips.READS))} into {' '.join(sorted(vips.WRITES))}"
        raise PictureError(
            f"cannot paint {source} into {target.name}: it has {pixels:,} pixels, and above"
            f" {MAX_PIXELS:,} impasto paints {kinds}; convert it, or read it into memory with"
            f" --max-pixels {pixels}"
        )
    reading.check_pixels(source, (header.width, header.height), MAX_STREAMED_PIXELS)
    size = source.stat().st_size
    if pixels > MAX_PIXELS_PER_BYTE * size:
        raise PictureError(
            f"cannot read {source}: {size:,} bytes claim {header.width} x {header.height} pixels,"
            f" as a decompression bomb does; if you trust the file, read it with --max-pixels"
            f" {pixels}"
        )
    vips.vips()  # PictureError where libvips is missing
