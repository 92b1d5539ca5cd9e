"""Convert decoded video frames to upright 8-bit RGB."""

import contextlib
import struct
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc, Interpolation, VideoReformatter
from numpy.typing import NDArray

from impasto.images.image import UInt8
from impasto.video.clip import BT709, Colors

if TYPE_CHECKING:
    AnyPacket = Packet[Stream]
else:
    AnyPacket = Packet  # generic in its stubs only


# Without these two flags swscale takes a way that is 1 ms faster for each megapixel and cuts
# instead of rounding: 1.2 levels too dark on average.
_TO_RGB = int(Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT)

T = TypeVar("T", bound=np.generic)

UNSAID, _BT2020 = 2, 9  # of H.273; matrices and primaries share these numbers
_MATRICES = {
    1: 1,
    4: 4,
    5: 5,
    6: 6,
    7: 7,
    9: 9,
    10: 9,
}  # those that swscale knows, and 10 is 9 but for its rounding
HDR = (16, 18)  # transfers: PQ (SMPTE ST 2084) and HLG (ARIB STD-B67)
INDEXED = (
    "mov",
    "matroska",
)  # demuxers that find a key frame before any time; others are read from their beginning


# Pixels


def rgb_of(
    frame: VideoFrame, reformatter: VideoReformatter, size: tuple[int, int] | None = None
) -> UInt8:
    """uint8 (H, W, 3) with the frame's own matrix and range, and HDR brought to what a BT.709
    screen shows.

    `size`, across and down, scales it on the way.
    """
    width, height = size or (frame.width, frame.height)
    kind = frame.format
    if not kind.is_rgb:
        high = (
            frame.width >= 1280 or frame.height >= 720
        )  # what players take for BT.709 where nobody says
        frame.colorspace = _MATRICES.get(frame.colorspace, 1 if high else 5)
    if frame.color_trc in HDR or frame.color_primaries == _BT2020:
        if frame.color_primaries == UNSAID:
            frame.color_primaries = ColorPrimaries.BT2020
        with contextlib.suppress(FFmpegError, OSError):
            return _pixels(
                reformatter.reformat(
                    frame,
                    width,
                    height,
                    format="rgb24",
                    interpolation=_TO_RGB,
                    dst_color_trc=ColorTrc.BT709,
                    dst_color_primaries=ColorPrimaries.BT709,
                )
            )
    return _pixels(
        reformatter.reformat(frame, width, height, format="rgb24", interpolation=_TO_RGB)
    )


_PLAIN = (
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuvj420p",
    "yuvj422p",
    "yuvj444p",
    "nv12",
)  # their first plane is luma, 8 bits


def light_of(frame: VideoFrame) -> UInt8 | None:
    """The luma of a frame as it is coded, uint8 (H, W), or None where it is not what a BT.709
    screen shows, or not 8 bits."""
    hdr = frame.color_trc in HDR or frame.color_primaries == _BT2020
    return None if hdr or frame.format.name not in _PLAIN else plane_of(frame)


def plane_of(frame: VideoFrame) -> UInt8:
    plane = frame.planes[0]
    return np.ndarray(
        (frame.height, frame.width), np.uint8, memoryview(plane), strides=(plane.line_size, 1)
    )


def _pixels(frame: VideoFrame) -> UInt8:
    """The pixels where they lie: rows may have room between them."""
    plane = frame.planes[0]
    return np.ndarray(
        (frame.height, frame.width, 3), np.uint8, memoryview(plane), strides=(plane.line_size, 3, 1)
    )


def colors_of(frame: VideoFrame) -> Colors:
    """How a writer should code what `rgb_of` made of a frame."""
    if frame.format.is_rgb or frame.color_trc in HDR or frame.color_primaries == _BT2020:
        return BT709
    high = frame.width >= 1280 or frame.height >= 720
    matrix = _MATRICES.get(frame.colorspace, 1 if high else 6)
    if matrix not in (1, 5, 6):
        return BT709
    return Colors(matrix, frame.color_primaries, frame.color_trc)


_UPRIGHT = (1 << 16, 0, 0, 0, 1 << 16)


def matrix_of(frame: VideoFrame) -> tuple[int, ...]:
    """The first five numbers of the display matrix, 16.16 fixed point: a, b, u, c, d."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    return _UPRIGHT if data is None else struct.unpack("=5i", bytes(data)[:20])


def turned(pixels: NDArray[T], matrix: tuple[int, ...]) -> NDArray[T]:
    """Pixels (H, W, ...) as a display matrix shows them, to the nearest quarter of a turn; mirrored
    too where it says so.

    The matrix sends the stored point (x, y) to (a x + c y, b x + d y) (ISO 14496-12, 8.3.2; x to
    the right, y down).
    """
    a, b, _, c, d = matrix
    if matrix == _UPRIGHT:
        return pixels
    if abs(b) > abs(a):
        pixels = pixels.swapaxes(0, 1)
        a, d = c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
