"""Animated GIF, WebP, PNG and AVIF, read and written; durations, loops and transparency stay."""

import contextlib
import io
import itertools
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from impasto.errors import VideoError
from impasto.images.image import UInt8
from impasto.images.reading import check_pixels
from impasto.images.transparency import cover_clear
from impasto.video.clip import Clip, Frame, Item, TimeSpan, cut_to_span

_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")
# Both formats keep durations: GIF in hundredths of a second, WebP in thousandths.
_GIF_UNIT, _MILLISECOND = Fraction(1, 100), Fraction(1, 1000)
_DEFAULT_DURATION = 100  # ms that browsers show a frame whose duration is 0
_CLEAR_INDEX = 255  # the last entry of the palette stands for transparent pixels
_MIN_OPAQUE_ALPHA = 128  # GIF has transparent and opaque pixels, and nothing between


class AnimationReader(Clip):
    """An animated GIF, WebP, PNG or AVIF.

    A file that is cut short ends where it is cut; `notes` tells so.

    Args:
        path: a GIF, WebP, PNG or AVIF file.
        span: part to read.
        max_pixels: largest number of pixels of a frame; larger frames are refused.

    Raises:
        VideoError: the file is missing or broken.
        PictureError: its frames are too large.
    """

    def __init__(self, path: Path, span: TimeSpan, max_pixels: int) -> None:
        try:
            self._frame_count = _count_frames(path)
            self._image = image = Image.open(path, formats=_FORMATS)
            # the picture of an APNG for viewers that do not know animations
            self._first = int(bool(getattr(image, "default_image", False)))
            if self._frame_count is not None:
                self._frame_count -= self._first
        except Exception as error:
            raise VideoError(
                f"cannot read {path}: it is broken or cut short; get a fresh copy"
            ) from error
        check_pixels(path, image.size, max_pixels)
        rate = Fraction(1000, _DEFAULT_DURATION)
        super().__init__(path, _MILLISECOND, rate, None if span else self._frame_count)
        # a GIF without a number of loops is played once; Pillow does not tell that of AVIF
        missing = {"GIF": None, "AVIF": 0}.get(image.format or "", 1)
        loop = image.info.get("loop", missing)
        self.loop = 1 if loop is None else int(loop)
        self._span = span

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    def items(self) -> Iterator[Item]:
        """Yield the frames.

        Raises:
            VideoError: no frame in the span can be decoded.
        """
        is_empty = True
        for frame in cut_to_span(self._frames(), self._span, _MILLISECOND):
            is_empty = False
            yield frame
        if is_empty:
            raise VideoError(
                f"cannot read {self.path}: it has no frame in this part, or none that can be "
                "decoded; check --start and --end, or get a fresh copy"
            )

    def _frames(self) -> Iterator[Frame]:
        time = 0
        for index in itertools.count() if self._frame_count is None else range(self._frame_count):
            try:
                self._image.seek(self._first + index)
                rgba = np.array(self._image.convert("RGBA"))
            except Exception:  # Pillow raises anything
                of_all = "" if self._frame_count is None else f" of {self._frame_count}"
                self.notes.append(f"{self.path} is cut short: {index}{of_all} frames are there")
                return
            duration = round(self._image.info.get("duration") or _DEFAULT_DURATION)
            alpha = None if rgba[..., 3].min() == 255 else rgba[..., 3]
            rgb = cover_clear(np.ascontiguousarray(rgba[..., :3]), alpha)
            yield Frame(rgb, time, duration, index + 1, alpha)
            time += duration


def _count_frames(path: Path) -> int | None:
    """Count the frames of a file; None for a GIF that is cut short, which must be read for that."""
    with Image.open(path, formats=_FORMATS) as image:
        with contextlib.suppress(Exception):
            return int(getattr(image, "n_frames", 1))
        return None


class GIFWriter:
    """An animated GIF being written, with dithering and a palette of its own for each frame.

    Args:
        file: file to write to, from its start.
        clip: the clip that is painted; its times and loops are those of the new file.
        first: the first frame, for its size; all others have the same size.
    """

    def __init__(self, file: IO[bytes], clip: Clip, first: Frame) -> None:
        # In a GIF, the number says how often it begins anew, 0 without end; -1 stands for no
        # number, which is once.
        loop = -1 if clip.loop == 1 else clip.loop or 0
        self._container = av.open(file, "w", format="gif", container_options={"loop": str(loop)})
        self._stream = _add_stream(self._container, "gif", "pal8", _GIF_UNIT, first)
        self._ticks = clip.time_base / _GIF_UNIT  # of the file, in one of the clip
        self._last = -1

    def write(self, item: Item) -> None:
        """Write a painted frame; packets are ignored.

        Raises:
            OSError: the disk is full.
        """
        if not isinstance(item, Frame):
            return
        picture = VideoFrame.from_ndarray(_quantize(item), format="pal8")  # type: ignore[arg-type]  # a pair, for pal8
        self._last = picture.pts = max(round(item.pts * self._ticks), self._last + 1)
        picture.time_base = _GIF_UNIT
        picture.duration = max(1, round(item.duration * self._ticks))
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """End the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


def _quantize(frame: Frame) -> tuple[UInt8, UInt8]:
    """Convert a frame to indices (H, W) into a palette (256, 4), which has alpha first."""
    count = 256 if frame.alpha is None else _CLEAR_INDEX
    image = Image.fromarray(np.ascontiguousarray(frame.rgb)).quantize(count)
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 0] = 255
    colors = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    palette[: len(colors), 1:] = colors
    indices = np.array(image)
    if frame.alpha is not None:
        palette[_CLEAR_INDEX] = 0
        indices[frame.alpha < _MIN_OPAQUE_ALPHA] = _CLEAR_INDEX
    return indices, palette


class _MillisecondWriter:
    """An animation in milliseconds being encoded in memory.

    Encoders do not know the duration of the last frame, so it is corrected in the bytes.

    Args:
        file: file to write to, from its start.
        clip: the clip that is painted; its times are those of the new file.
        container: options of the container, by its format.
        encoder: name of the encoder, and the order of its colors.
        first: the first frame, for its size; all others have the same size.
        options: of the encoder.
    """

    def __init__(
        self,
        file: IO[bytes],
        clip: Clip,
        container: tuple[str, dict[str, str]],
        encoder: tuple[str, str],
        first: Frame,
        options: dict[str, str] | None = None,
    ) -> None:
        self._file, self._encoded = file, io.BytesIO()
        name, self._colors = encoder
        format_name, plays = container
        self._container = av.open(self._encoded, "w", format=format_name, container_options=plays)
        self._stream = _add_stream(
            self._container, name, self._colors, _MILLISECOND, first, options or {}
        )
        self._ticks = clip.time_base / _MILLISECOND  # of the file, in one of the clip
        self._last, self._interval, self._duration = -1, _DEFAULT_DURATION, 0

    def write(self, item: Item) -> None:
        """Encode a painted frame; packets are ignored."""
        if not isinstance(item, Frame):
            return
        pixels = _rgba(item)
        if self._colors == "bgra":
            pixels = pixels.take([2, 1, 0, 3], axis=2)  # PyAV refuses the strides of an index
        picture = VideoFrame.from_numpy_buffer(pixels, self._colors)
        previous = self._last
        self._last = picture.pts = max(round(item.pts * self._ticks), self._last + 1)
        if previous >= 0:
            self._interval = self._last - previous
        self._duration = round(item.duration * self._ticks)
        picture.time_base = _MILLISECOND
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Write the file.

        Raises:
            OSError: the disk is full.
        """
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._file.write(self._correct(self._encoded.getvalue()))

    def _correct(self, encoded: bytes) -> bytes:
        raise NotImplementedError


class WebPWriter(_MillisecondWriter):
    """An animated WebP being written.

    Args:
        file: file to write to, from its start.
        clip: the clip that is painted; its times and loops are those of the new file.
        first: the first frame, for its size; all others have the same size.
        quality: 1 (small file) to 100 (fine picture).
    """

    def __init__(self, file: IO[bytes], clip: Clip, first: Frame, quality: int) -> None:
        container = "webp", {"loop": str(clip.loop or 0)}
        options = {"quality": str(quality)}
        super().__init__(file, clip, container, ("libwebp_anim", "bgra"), first, options)

    def _correct(self, encoded: bytes) -> bytes:
        return set_end(encoded, self._last + (self._duration or self._interval))


class APNGWriter(_MillisecondWriter):
    """An animated PNG being written, without loss.

    Args:
        file: file to write to, from its start.
        clip: the clip that is painted; its times and loops are those of the new file.
        first: the first frame, for its size; all others have the same size.
    """

    def __init__(self, file: IO[bytes], clip: Clip, first: Frame) -> None:
        container = "apng", {"plays": str(clip.loop or 0)}
        super().__init__(file, clip, container, ("apng", "rgba"), first)

    def _correct(self, encoded: bytes) -> bytes:
        return set_last_delay(encoded, self._duration or _DEFAULT_DURATION)


def set_last_delay(png: bytes, milliseconds: int) -> bytes:
    """Correct the duration of the last frame of an animated PNG.

    It stands in the last chunk fcTL, as a fraction of seconds in bytes 20 to 23 (PNG, third
    edition, 11.3.6.2).
    """
    at = png.rfind(b"fcTL")
    if at < 0:
        return png
    delay = struct.pack(">HH", min(milliseconds, 65_535), 1000)
    chunk = png[at : at + 24] + delay + png[at + 28 : at + 30]
    return png[:at] + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[at + 34 :]


class AVIFWriter:
    """An animated AVIF being written. Its frames stay in memory until it is closed.

    Args:
        file: file to write to, from its start.
        clip: the clip that is painted; its times are those of the new file, which plays for ever.
        quality: 1 (small file) to 100 (fine picture).
    """

    def __init__(self, file: IO[bytes], clip: Clip, quality: int) -> None:
        self._file, self._quality = file, quality
        self._ticks = clip.time_base / _MILLISECOND
        self._frames, self._times, self._end = list[Image.Image](), list[int](), 0

    def write(self, item: Item) -> None:
        """Keep a painted frame; packets are ignored."""
        if isinstance(item, Frame):
            has_alpha = item.alpha is not None
            pixels = _rgba(item) if has_alpha else np.ascontiguousarray(item.rgb)
            self._frames.append(Image.fromarray(pixels))
            self._times.append(round(item.pts * self._ticks))
            duration = round(item.duration * self._ticks) or _DEFAULT_DURATION
            self._end = self._times[-1] + duration

    def close(self) -> None:
        """Encode and write the file.

        Raises:
            OSError: the disk is full.
        """
        if any(frame.mode == "RGBA" for frame in self._frames):
            self._frames = [frame.convert("RGBA") for frame in self._frames]
        first, *others = self._frames
        steps = [max(1, after - time) for time, after in itertools.pairwise(self._times)]
        durations = [*steps, max(1, self._end - self._times[-1])]
        encoded = io.BytesIO()
        first.save(
            encoded,
            "AVIF",
            save_all=True,
            append_images=others,
            duration=durations,
            quality=self._quality,
        )
        self._file.write(encoded.getvalue())


def _rgba(frame: Frame) -> UInt8:
    """Join colors and alpha (H, W, 4)."""
    alpha = np.full(frame.rgb.shape[:2], 255, np.uint8) if frame.alpha is None else frame.alpha
    return np.ascontiguousarray(np.dstack([frame.rgb, alpha]))


def set_end(webp: bytes, end: int) -> bytes:
    """Correct the duration of the last frame of an animated WebP.

    The encoder learns when frames begin, but not when the last one ends. In the file (RFC 9649)
    each frame is a chunk ANMF, with its duration in bytes 12 to 14.

    Args:
        webp: the file.
        end: time at which the last frame ends, in milliseconds from the start.
    """
    data, position, last, before = bytearray(webp), 12, None, 0
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        if name == b"ANMF":
            if last is not None:
                before += int.from_bytes(data[last : last + 3], "little")
            last = position + 8 + 12
        position += 8 + size + size % 2
    if last is not None:
        data[last : last + 3] = max(1, min(end - before, (1 << 24) - 1)).to_bytes(3, "little")
    return bytes(data)


def _add_stream(
    container: OutputContainer,
    codec: str,
    pixel_format: str,
    time_base: Fraction,
    first: Frame,
    options: dict[str, str] | None = None,
) -> VideoStream:
    """Add a video stream in the size of the first frame."""
    stream: VideoStream = container.add_stream(codec, rate=1 / time_base, options=options)  # type: ignore[assignment]
    stream.height, stream.width = first.size
    stream.pix_fmt = pixel_format
    stream.codec_context.time_base = time_base
    stream.codec_context.flags |= Flags.frame_duration
    return stream
