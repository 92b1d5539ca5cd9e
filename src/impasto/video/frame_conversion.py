"""Convert decoded video frames to upright 8-bit RGB frames."""

import contextlib
import struct
from typing import Any, Literal, TypeVar

import numpy as np
from av.error import FFmpegError
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)
from numpy.typing import NDArray

from impasto.images.image import UInt8
from impasto.images.transparency import cover_clear
from impasto.video.clip import BT709, Colors, Frame
from impasto.video.large_strokes import (
    LUMA_PER_LEVEL,
    FineLuma,
    choose_stroke,
    reduce_frame,
    reduced_size,
)

T = TypeVar("T", bound=np.generic)


def _name_unknown(kind: type[SideDataType], value: object) -> SideDataType:
    """Make a member for a kind of side data that PyAV does not know, such as EXIF."""
    member: Any = object.__new__(kind)
    member._name_, member._value_ = f"UNKNOWN_{value}", value
    named: SideDataType = member
    return named


# Without this, one unknown kind on a frame hides all others: PyAV raises ValueError.
SideDataType._missing_ = classmethod(_name_unknown)  # type: ignore[assignment, method-assign]

# Without the last two flags swscale takes a way that is 1 ms faster for each megapixel and cuts
# instead of rounding: 1.2 levels too dark on average.
_TO_RGB = int(Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT)

# Code points of ITU-T H.273; matrices and primaries share these numbers.
_UNSPECIFIED, _BT2020 = 2, 9
_HDR_TRANSFERS = (16, 18)  # PQ (SMPTE ST 2084) and HLG (ARIB STD-B67)
# Matrices that swscale knows, and what it takes for them; 10 is 9 but for its rounding.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 6, 7: 7, 9: 9, 10: 9}

_EIGHT_BIT_LUMA_FORMATS = (  # their first plane is luma of 8 bits
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuvj420p",
    "yuvj422p",
    "yuvj444p",
    "nv12",
)


class FrameConverter:
    """Converts the frames of one video to upright RGB of the size at which they are painted.

    Args:
        first: the first decoded frame. It decides how all are turned, and the stroke size.
        stroke: stroke size, 1..16; None for one that suits the size of the first frame.

    Attributes:
        colors: color coding for a writer of these frames.
        is_on_its_side: whether frames are turned by a quarter, so width and height change places.
    """

    def __init__(self, first: VideoFrame, stroke: float | None) -> None:
        self._matrix = display_matrix(first)
        self._stroke = choose_stroke(first.height, first.width, stroke)
        self.colors = coding_of(first)
        self.is_on_its_side = abs(self._matrix[1]) > abs(self._matrix[0])
        # one for each conversion, as each keeps what it set up for the last sizes and formats
        self._to_rgb, self._reduce, self._enlarge = (VideoReformatter() for _ in range(3))

    def convert(self, decoded: VideoFrame, pts: int, number: int) -> Frame:
        """Convert a decoded frame.

        Args:
            decoded: the frame, of any size and pixel format.
            pts: its time in the clip.
            number: its place in the clip, counted from 1.
        """
        duration = decoded.duration or 0
        if has_alpha(decoded):
            return self._convert_clear(decoded, pts, duration, number)
        height, width = reduced_size(decoded.height, decoded.width, self._stroke)
        luma = luma_of(decoded) if (height, width) != (decoded.height, decoded.width) else None
        if luma is None:
            rgb = turn_upright(to_rgb(decoded, self._to_rgb), self._matrix)
            return reduce_frame(Frame(rgb, pts, duration, number), self._stroke)
        full_range = decoded.color_range == ColorRange.JPEG
        fine = turn_upright(self._fine_luma(luma, height, width, full_range), self._matrix)
        rgb = turn_upright(to_rgb(decoded, self._to_rgb, (width, height)), self._matrix)
        return Frame(rgb, pts, duration, number, fine=fine)

    def _convert_clear(self, decoded: VideoFrame, pts: int, duration: int, number: int) -> Frame:
        """Convert a frame that may have clear pixels; its alpha stays at full size."""
        pixels = to_rgb(decoded, self._to_rgb, form="rgba")
        upright = turn_upright(pixels, self._matrix)
        alpha: UInt8 | None = np.ascontiguousarray(upright[..., 3])
        alpha = None if alpha is None or alpha.min() == 255 else alpha
        rgb = cover_clear(np.ascontiguousarray(upright[..., :3]), alpha)
        return reduce_frame(Frame(rgb, pts, duration, number, alpha), self._stroke)

    def _fine_luma(self, luma: UInt8, height: int, width: int, full_range: bool) -> FineLuma:
        """Compute the part of luma (H, W) that a frame reduced to this size leaves out.

        `full_range` tells that its black is 0 and its white 255.
        """
        gray = VideoFrame.from_numpy_buffer(np.ascontiguousarray(luma), "gray")
        bilinear = Interpolation.BILINEAR
        coarse = self._reduce.reformat(gray, width, height, format="gray", interpolation=bilinear)
        enlarged = self._enlarge.reformat(
            coarse, gray.width, gray.height, format="gray", interpolation=bilinear
        )
        fine = luma.astype(np.int16)
        fine -= first_plane(enlarged)
        if full_range:
            return np.rint(fine * np.float32(LUMA_PER_LEVEL)).astype(np.int16)
        return fine


def to_rgb(
    frame: VideoFrame,
    reformatter: VideoReformatter,
    size: tuple[int, int] | None = None,
    form: Literal["rgb24", "rgba"] = "rgb24",
) -> UInt8:
    """Convert the pixels of a decoded frame to RGB.

    The frame's own matrix and range are used. HDR becomes the picture that a BT.709 screen shows.

    Args:
        frame: the decoded frame.
        reformatter: swscale's state, kept from frame to frame.
        size: width and height of the result; None for the frame's own.
        form: "rgba" gives alpha too.

    Returns:
        uint8 (H, W, 3 or 4); rows may have gaps between them in memory.
    """
    width, height = size or (frame.width, frame.height)
    # By planes of red, green and blue, which swscale then joins, as this takes half the time and
    # gives the same pixels.
    first_form = form if frame.format.is_rgb or form == "rgba" else "gbrp"
    if not frame.format.is_rgb:
        frame.colorspace = _MATRICES.get(frame.colorspace, 1 if _is_high_definition(frame) else 5)
    if _is_hdr(frame):
        if frame.color_primaries == _UNSPECIFIED:
            frame.color_primaries = ColorPrimaries.BT2020
        with contextlib.suppress(FFmpegError, OSError):
            return _rgb_pixels(
                reformatter.reformat(
                    frame,
                    width,
                    height,
                    format=form,
                    interpolation=_TO_RGB,
                    dst_color_trc=ColorTrc.BT709,
                    dst_color_primaries=ColorPrimaries.BT709,
                )
            )
    planes = reformatter.reformat(frame, width, height, format=first_form, interpolation=_TO_RGB)
    return _rgb_pixels(planes.reformat(format=form))


def _is_high_definition(frame: VideoFrame) -> bool:
    """Tell whether players take a frame without color tags for BT.709, and not for BT.601."""
    return frame.width >= 1280 or frame.height >= 720


def _is_hdr(frame: VideoFrame) -> bool:
    return frame.color_trc in _HDR_TRANSFERS or frame.color_primaries == _BT2020


def luma_of(frame: VideoFrame) -> UInt8 | None:
    """Give the luma of a frame as it is coded, uint8 (H, W).

    None where luma is not the light that a BT.709 screen shows, or has not 8 bits.
    """
    if _is_hdr(frame) or frame.format.name not in _EIGHT_BIT_LUMA_FORMATS:
        return None
    return first_plane(frame)


def first_plane(frame: VideoFrame) -> UInt8:
    """View the first plane of a frame of 8 bits as uint8 (H, W), without a copy."""
    plane = frame.planes[0]
    return np.ndarray(
        (frame.height, frame.width), np.uint8, memoryview(plane), strides=(plane.line_size, 1)
    )


def _rgb_pixels(frame: VideoFrame) -> UInt8:
    """View the pixels of an rgb24 or rgba frame without a copy: rows may have gaps between."""
    plane, channels = frame.planes[0], 4 if frame.format.name == "rgba" else 3
    shape, strides = (frame.height, frame.width, channels), (plane.line_size, channels, 1)
    return np.ndarray(shape, np.uint8, memoryview(plane), strides=strides)


def has_alpha(frame: VideoFrame) -> bool:
    """Tell whether the pixels of a frame have alpha."""
    return any(component.is_alpha for component in frame.format.components) or (
        frame.format.name == "pal8"
    )


def coding_of(frame: VideoFrame) -> Colors:
    """Choose the color coding for a writer of a frame that `to_rgb` converted."""
    if frame.format.is_rgb or _is_hdr(frame):
        return BT709
    matrix = _MATRICES.get(frame.colorspace, 1 if _is_high_definition(frame) else 6)
    if matrix not in (1, 5, 6):
        return BT709
    return Colors(matrix, frame.color_primaries, frame.color_trc)


_UPRIGHT = (1 << 16, 0, 0, 0, 1 << 16)


def display_matrix(frame: VideoFrame) -> tuple[int, ...]:
    """Give the first five numbers of the display matrix, 16.16 fixed point: a, b, u, c, d."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    return _UPRIGHT if data is None else struct.unpack("=5i", bytes(data)[:20])


def turn_upright(pixels: NDArray[T], matrix: tuple[int, ...]) -> NDArray[T]:
    """Turn pixels (H, W, ...) as a display matrix shows them, to the nearest quarter of a turn.

    They are mirrored too where the matrix mirrors. The matrix sends the stored point (x, y) to
    (a x + c y, b x + d y) (ISO 14496-12, 8.3.2; x to the right, y down).
    """
    a, b, _, c, d = matrix
    if matrix == _UPRIGHT:
        return pixels
    if abs(b) > abs(a):
        pixels = pixels.swapaxes(0, 1)
        a, d = c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
