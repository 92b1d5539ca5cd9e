"""Animated GIF and WebP, in and out: durations, loops and what is clear stay."""

import contextlib
import io
import itertools
import struct
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
from impasto.video.clip import Clip, Frame, Item, TimeSpan, within

_READS = ("GIF", "WEBP")
_TICK = Fraction(
    1, 1000
)  # both formats keep durations, GIF in hundredths and WebP in thousandths of a second
_UNSAID = 100  # ms that browsers show a frame whose duration is 0
_CLEAR = 255  # the palette's last entry, for what is see-through
_OPAQUE_FROM = 128  # GIF knows clear and opaque, nothing between


class AnimationReader(Clip):
    """An animated GIF or WebP.

    A file that is cut short ends where it is cut, and `notes` says so.

    Raises:
        VideoError: the file is missing or broken.
        PictureError: its frames have more than `max_pixels` pixels.
    """

    def __init__(self, path: Path, span: TimeSpan, max_pixels: int) -> None:
        try:
            self._whole = _frames_within(path)
            self._image = image = Image.open(path, formats=_READS)
        except Exception as error:
            raise VideoError(
                f"cannot read {path}: it is broken or cut short; get a fresh copy"
            ) from error
        check_pixels(path, image.size, max_pixels)
        super().__init__(path, _TICK, Fraction(1000, _UNSAID), None if span else self._whole)
        once = (
            None if image.format == "GIF" else 1
        )  # a GIF that does not speak of loops is played once
        loop = image.info.get("loop", once)
        self.loop = 1 if loop is None else int(loop)
        self._span = span

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    def items(self) -> Iterator[Item]:
        """The frames."""
        begun = False
        for frame in within(self._frames(), self._span, _TICK):
            begun = True
            yield frame
        if not begun:
            raise VideoError(
                f"{self.path} has no frame in the part asked for, or none that can be decoded"
            )

    def _frames(self) -> Iterator[Frame]:
        time = 0
        for index in itertools.count() if self._whole is None else range(self._whole):
            try:
                self._image.seek(index)
                rgba = np.array(self._image.convert("RGBA"))
            except Exception:  # as of pictures
                there = (
                    f"{index} frames are"
                    if self._whole is None
                    else f"{index} of {self._whole} frames are"
                )
                self.notes.append(f"{self.path} is cut short: {there} there")
                return
            duration = round(self._image.info.get("duration") or _UNSAID)
            alpha = None if rgba[..., 3].min() == 255 else rgba[..., 3]
            yield Frame(np.ascontiguousarray(rgba[..., :3]), time, duration, index + 1, alpha)
            time += duration


def _frames_within(path: Path) -> int | None:
    """How many frames a file has; None for a GIF that is cut short, whose frames must be counted
    one by one."""
    with Image.open(path, formats=_READS) as image:
        with contextlib.suppress(Exception):
            return int(getattr(image, "n_frames", 1))
        return None


class GIFWriter:
    """An animated GIF being written: a palette of its own for each frame, and dithering."""

    def __init__(self, file: IO[bytes], clip: Clip, first: Frame) -> None:
        # In a GIF, the number says how often it begins anew, 0 for ever; -1 stands for no number,
        # which is once.
        loop = -1 if clip.loop == 1 else clip.loop or 0
        self._container, self._stream = _encoding(
            file, "gif", "gif", "pal8", Fraction(1, 100), first, {"loop": str(loop)}
        )
        self._unit = clip.time_base * 100
        self._last = -1

    def write(self, item: Item) -> None:
        """Write a painted frame. Raises OSError where the disk does not take it."""
        if not isinstance(item, Frame):
            return
        picture = VideoFrame.from_ndarray(_indexed(item), format="pal8")  # type: ignore[arg-type]  # a pair, for pal8
        self._last = picture.pts = max(round(item.pts * self._unit), self._last + 1)
        picture.time_base, picture.duration = (
            Fraction(1, 100),
            max(1, round(item.duration * self._unit)),
        )
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """End the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


def _indexed(frame: Frame) -> tuple[UInt8, UInt8]:
    """A frame as indices (H, W) into a palette (256, 4), which has alpha first."""
    colors = 256 if frame.alpha is None else _CLEAR
    image = Image.fromarray(np.ascontiguousarray(frame.rgb)).quantize(colors)
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 0] = 255
    given = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    palette[: len(given), 1:] = given
    indices = np.array(image)
    if frame.alpha is not None:
        palette[_CLEAR] = 0
        indices[frame.alpha < _OPAQUE_FROM] = _CLEAR
    return indices, palette


class WebPWriter:
    """An animated WebP being written."""

    def __init__(self, file: IO[bytes], clip: Clip, first: Frame, quality: int) -> None:
        loop = {"loop": str(clip.loop or 0)}
        # in memory, coded: the length of the last frame is put right at the end
        self._file, self._coded = file, io.BytesIO()
        self._container, self._stream = _encoding(
            self._coded,
            "webp",
            "libwebp_anim",
            "bgra",
            _TICK,
            first,
            loop,
            {"quality": str(quality)},
        )
        self._unit = clip.time_base / _TICK
        self._last = -1
        self._end = 0

    def write(self, item: Item) -> None:
        """Write a painted frame."""
        if not isinstance(item, Frame):
            return
        alpha = np.full(item.rgb.shape[:2], 255, np.uint8) if item.alpha is None else item.alpha
        picture = VideoFrame.from_numpy_buffer(
            np.ascontiguousarray(np.dstack([item.rgb[..., ::-1], alpha])), "bgra"
        )
        previous = self._last
        self._last = picture.pts = max(round(item.pts * self._unit), self._last + 1)
        duration = round(item.duration * self._unit) or (
            self._last - previous if previous >= 0 else _UNSAID
        )
        self._end = self._last + duration
        picture.time_base = _TICK
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Write the file. Raises OSError where the disk does not take it."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._file.write(ending_at(self._coded.getvalue(), self._end))


def ending_at(webp: bytes, end: int) -> bytes:
    """An animated WebP whose last frame lasts until `end`, milliseconds from the start.

    The encoder is told when frames begin and not when the last one ends. In the file (RFC 9649)
    each frame is a chunk ANMF, with its duration in bytes 12 to 14.
    """
    data, place, last, before = bytearray(webp), 12, None, 0
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        if name == b"ANMF":
            if last is not None:
                before += int.from_bytes(data[last : last + 3], "little")
            last = place + 8 + 12
        place += 8 + size + size % 2
    if last is not None:
        data[last : last + 3] = max(1, min(end - before, (1 << 24) - 1)).to_bytes(3, "little")
    return bytes(data)


def _encoding(
    file: IO[bytes],
    muxer: str,
    codec: str,
    form: str,
    unit: Fraction,
    first: Frame,
    container_options: dict[str, str],
    options: dict[str, str] | None = None,
) -> tuple[OutputContainer, VideoStream]:
    container = av.open(file, "w", format=muxer, container_options=container_options)
    stream: VideoStream = container.add_stream(codec, rate=1 / unit, options=options)  # type: ignore[assignment]
    stream.height, stream.width = first.rgb.shape[:2]
    stream.pix_fmt = form
    stream.codec_context.time_base = unit
    stream.codec_context.flags |= Flags.frame_duration
    return container, stream
