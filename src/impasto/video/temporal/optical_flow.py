"""Optical flow: the motion from one frame to another, and the places where it cannot be trusted.

Flow is computed by dense inverse search (DIS, Kroeger et al. 2016) in OpenCV, which is an optional
dependency.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from impasto.errors import VideoError
from impasto.images.image import UInt8

Flow: TypeAlias = NDArray[np.float32]
"""Displacement of each pixel: (H, W, 2), pixels to the right and down."""

EFFORT = "medium"  # preset of DIS; "fast" wavers more, and what is painted with it comes out softer

_MIN_SIDE = 16  # pixels a side that DIS takes; 12 of one side is its own limit


def opencv() -> Any:
    """Import OpenCV.

    Raises:
        VideoError: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise VideoError(
            f"cannot compute optical flow: it needs OpenCV ({error}): pip install 'impasto[flow]'"
        ) from error
    return cv2


@contextlib.contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Let OpenCV compute with one thread in the block, where other threads paint.

    Its threads wait for each other busily, which takes a quarter more CPU time.
    """
    cv2 = opencv()
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


@dataclass(frozen=True, eq=False, repr=False)
class OpticalFlow:
    """The motion from one frame to another.

    Attributes:
        flow: the thing at x in the first frame is at x + flow(x) in the second.
        visible: bool (H, W), pixels of the first frame that the second one shows, by `occluded`.
    """

    flow: Flow
    visible: NDArray[np.bool_]

    def __repr__(self) -> str:
        return f"OpticalFlow({self.flow.shape[1]}x{self.flow.shape[0]})"

    @classmethod
    def between(cls, first: UInt8, second: UInt8) -> Self:
        """Compute the motion between two frames of one size, uint8 RGB (H, W, 3).

        Raises:
            VideoError: OpenCV is missing.
        """
        flow, back = compute_flow(first, second), compute_flow(second, first)
        return cls(flow, ~occluded(flow, back))


def compute_flow(
    first: UInt8, second: UInt8, effort: str = EFFORT, refinements: int | None = None
) -> Flow:
    """Compute the flow from one frame to another, both uint8 RGB (H, W, 3).

    Args:
        first: the frame.
        second: another frame of its size.
        effort: preset of DIS: "ultrafast", "fast" or "medium".
        refinements: number of variational refinements at each size; by default the preset's.

    Raises:
        VideoError: OpenCV is missing.
    """
    cv2 = opencv()
    height, width = first.shape[:2]
    padding = [(0, max(0, _MIN_SIDE - side)) for side in (height, width)]
    one, other = (
        np.pad(cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY), padding, mode="edge")
        for frame in (first, second)
    )
    dis = cv2.DISOpticalFlow_create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{effort.upper()}"))
    if refinements is not None:
        dis.setVariationalRefinementIterations(refinements)
    flow: Flow = dis.calc(one, other, None)
    return flow[:height, :width]


def occluded(flow: Flow, back: Flow) -> NDArray[np.bool_]:
    """Find the pixels of a frame that another does not show, or whose flow cannot be trusted.

    With w the flow and w' the flow back, read at the place where w leads, these are (Ruder et al.
    2016, section 3.3)

        |w + w'|^2 > 0.01 (|w|^2 + |w'|^2) + 0.5      occluded: there and back leads elsewhere
        |grad u|^2 + |grad v|^2 > 0.01 |w|^2 + 0.002  motion boundaries, w = (u, v)

    and, beyond the paper, pixels that leave the frame.

    Args:
        flow: flow from the frame to the other (H, W, 2).
        back: flow from the other to the frame (H, W, 2).

    Returns:
        bool (H, W).
    """
    height, width = flow.shape[:2]
    positions = _positions(flow)
    inside = (positions >= 0) & (positions <= np.array([width - 1, height - 1], np.float32))
    returned = warp(back, flow)
    is_occluded = _squared(flow + returned) > 0.01 * (_squared(flow) + _squared(returned)) + 0.5
    # forward differences, none across the last row and column
    down, across = (np.diff(flow, axis=axis, append=flow.take([-1], axis)) for axis in (0, 1))
    is_boundary = _squared(down) + _squared(across) > 0.01 * _squared(flow) + 0.002
    return np.asarray(is_occluded | is_boundary | ~inside.all(-1))


EVERYWHERE = (slice(None), slice(None))


def warp(
    picture: NDArray[Any],
    flow: Flow,
    cubic: bool = False,
    window: tuple[slice, slice] = EVERYWHERE,
) -> NDArray[Any]:
    """Move a picture along a flow: picture(x + flow(x)) for every x.

    Args:
        picture: (H, W) or (H, W, channels); beyond its edges, the pixels of the edge count.
        flow: (H, W, 2).
        cubic: interpolate bicubically, which blurs less than bilinearly.
        window: rows and columns to compute.
    """
    cv2 = opencv()
    interpolation = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    maps = _positions(flow, window), None
    if picture.dtype == np.uint8:  # by 32nds of a pixel, in two thirds of the time
        maps = cv2.convertMaps(*maps, cv2.CV_16SC2)
    moved: NDArray[Any] = cv2.remap(
        np.ascontiguousarray(picture), *maps, interpolation, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


def _positions(flow: Flow, window: tuple[slice, slice] = EVERYWHERE) -> Flow:
    """Compute x + flow(x)."""
    return flow[window] + _grid(*flow.shape[:2])[window]


@lru_cache(maxsize=2)
def _grid(height: int, width: int) -> Flow:
    return np.stack(
        np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)),
        axis=-1,
    )


def _squared(vectors: Flow) -> NDArray[np.float32]:
    return np.asarray((vectors * vectors).sum(-1))
