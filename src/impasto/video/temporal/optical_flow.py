"""Motion from one frame to another: optical flow, what it carries where, and where it cannot be
trusted.

Flow is by dense inverse search (DIS, Kroeger et al. 2016) as OpenCV has it, which an extra brings.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from impasto.errors import VideoError
from impasto.images.image import UInt8

Flow: TypeAlias = NDArray[np.float32]
"""Where each pixel goes: (H, W, 2), pixels to the right and down."""

EFFORT = "medium"  # preset of DIS; "fast" wavers more, and what is painted with it comes out softer

_SMALLEST = 16  # pixels a side that DIS takes; 12 of one side is its own bound


def opencv() -> Any:
    """OpenCV. Raises VideoError where it is not installed."""
    try:
        import cv2
    except ImportError as error:
        raise VideoError(
            f"optical flow needs OpenCV ({error}): pip install 'impasto[flow]'"
        ) from error
    return cv2


@dataclass(frozen=True, eq=False)
class OpticalFlow:
    """How one frame becomes another.

    Attributes:
        flow: what is at x in the first frame is at x + flow(x) in the second.
        visible: bool (H, W), which pixels of the first frame are to be found there, by `unseen`.
    """

    flow: Flow
    visible: NDArray[np.bool_]

    @classmethod
    def between(cls, first: UInt8, second: UInt8) -> Self:
        """Of two frames of one size, uint8 RGB (H, W, 3). Raises VideoError where OpenCV is
        missing."""
        cv2 = opencv()
        one, other = (
            cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
            for frame in (first, second)
        )
        flow, back = (_flow(*pair) for pair in ((one, other), (other, one)))
        return cls(flow, ~occluded(flow, back))


def _flow(first: UInt8, second: UInt8) -> Flow:
    """From one grey frame (H, W) to another."""
    cv2 = opencv()
    height, width = first.shape
    more = [(0, max(0, _SMALLEST - side)) for side in first.shape]
    first, second = (np.pad(frame, more, mode="edge") for frame in (first, second))
    dis = cv2.DISOpticalFlow_create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{EFFORT.upper()}"))
    flow: Flow = dis.calc(first, second, None)
    return flow[:height, :width]


def occluded(flow: Flow, back: Flow) -> NDArray[np.bool_]:
    """Pixels of a frame that another does not show, or where the flow to it is not to be trusted:
    bool (H, W).

    With w the flow and w' the flow back, read where w leads, these are (Ruder et al. 2016, section
    3.3)

        |w + w'|^2 > 0.01 (|w|^2 + |w'|^2) + 0.5      occluded: there and back leads elsewhere
        |grad u|^2 + |grad v|^2 > 0.01 |w|^2 + 0.002  motion boundaries, w = (u, v)

    and, beyond the paper, what leaves the frame.
    """
    height, width = flow.shape[:2]
    there = _places(flow)
    inside = (there >= 0) & (there <= np.array([width - 1, height - 1], np.float32))
    returned = warp(back, flow)
    occluded = _square(flow + returned) > 0.01 * (_square(flow) + _square(returned)) + 0.5
    # forward differences, none across the last row and column
    down, across = (np.diff(flow, axis=axis, append=flow.take([-1], axis)) for axis in (0, 1))
    boundary = _square(down) + _square(across) > 0.01 * _square(flow) + 0.002
    return np.asarray(occluded | boundary | ~inside.all(-1))


def warp(picture: NDArray[Any], flow: Flow, cubic: bool = False) -> NDArray[Any]:
    """picture(x + flow(x)) for every x of the flow; beyond its edges, the edge. Bilinear, or
    bicubic, which blurs less."""
    cv2 = opencv()
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    moved: NDArray[Any] = cv2.remap(
        np.ascontiguousarray(picture), _places(flow), None, how, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


def _places(flow: Flow) -> Flow:
    """x + flow(x)."""
    return flow + _grid(*flow.shape[:2])


@lru_cache(maxsize=2)
def _grid(height: int, width: int) -> Flow:
    return np.stack(
        np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)),
        axis=-1,
    )


def _square(vectors: Flow) -> NDArray[np.float32]:
    return np.asarray((vectors * vectors).sum(-1))
