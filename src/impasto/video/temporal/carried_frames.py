"""Carried frames: every Nth frame is painted, and paintings are carried to the frames between.

A frame between shows the painting before it, moved along the optical flow of the clip. Places that
the painted frame does not show are taken from the next painting. A frame that the painted one
hardly shows, as after a cut, is painted too.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ArgumentError
from impasto.images.image import UInt8
from impasto.video.pipelining import PaintsAhead
from impasto.video.temporal.flow_blend import (
    BLUR_SIZE,
    MAX_AGREEING_DIFFERENCE,
    reduce_for_flow,
)
from impasto.video.temporal.optical_flow import Flow, compute_flow, opencv, warp
from impasto.video.temporal.still_blend import MOVING_DIFFERENCE, STILL_DIFFERENCE

# Preset of DIS. Flow is used for one step only, so that its errors do not add up; "medium" takes
# five times as long.
EFFORT = "fast"
# Variational refinements at each size. The preset has 5, which takes 1.6 ms and not 1.0 for
# 320x180; motion is found equally well.
REFINEMENTS = 2
MAX_EVERY = 4  # beyond it, motion is too far for what lies between to be found again
# Share of a frame that must be visible in the painted one, else it is painted itself.
MIN_VISIBLE_SHARE = 0.7
_MIN_SHARE_OF_NEXT = 0.1  # below it anywhere, the next painting is not moved at all
# Rows of a reduced frame that are changed at once. A window in them ends where more columns than
# this do not change.
_WINDOW_ROWS, _WINDOW_GAP = 20, 16

_MEAN_OF_COLORS = np.full((1, 3), 1 / 3, np.float32)


class CarriedStyle:
    """Paints every Nth frame of a video, called in order of time with uint8 RGB (H, W, 3).

    Args:
        style: paints frames, such as `impasto.video.temporal.frozen_statistics.SteadyStyle`.
        every: paint one of so many frames, 2 to `MAX_EVERY`.

    Raises:
        VideoError: OpenCV is missing.
        ArgumentError: `every` is out of range.
    """

    def __init__(self, style: PaintsAhead, every: int) -> None:
        check_every(every)
        opencv()
        self._style, self._every = style, every
        self._last: _PaintedFrame | None = None
        self._carried = 0  # frames since the last painted one

    def __repr__(self) -> str:
        return f"CarriedStyle({self._style!r}, every={self._every})"

    def __call__(self, frame: UInt8) -> UInt8:
        """Paint or carry the next frame, uint8 RGB (H, W, 3), without the next painting."""
        return self.begin(frame)()

    def begin(self, frame: UInt8) -> Callable[[], UInt8]:
        """Begin to paint or to carry the next frame.

        The next painting is used where it is begun before the result is asked for.
        """
        small, last = reduce_for_flow(frame), self._last
        if last is not None and self._carried < self._every - 1 and last.size == frame.shape:
            flow, agreement = find_again(small, last.small)
            if (agreement > 0).mean() >= MIN_VISIBLE_SHARE:
                self._carried += 1
                return lambda: _carry(small, last, flow, agreement)
        painted = _PaintedFrame(frame.shape, small, self._style.begin(frame))
        if last is not None:
            last.next = painted
        self._last, self._carried = painted, 0
        return painted.painting


def check_every(every: int) -> None:
    """Raise ArgumentError unless one of so many frames can be painted."""
    if not (isinstance(every, int) and 1 <= every <= MAX_EVERY):
        raise ArgumentError(f"every must be a whole number from 1 to {MAX_EVERY}, not {every!r}")


class _PaintedFrame:
    """A frame that is painted.

    Attributes:
        size: shape of the frame.
        small: the frame, reduced for flow.
        next: the painted frame after it, when it is begun.
    """

    def __init__(self, size: tuple[int, ...], small: UInt8, paint: Callable[[], UInt8]) -> None:
        self.size, self.small, self._paint = size, small, paint
        self.next: _PaintedFrame | None = None
        self._painting: UInt8 | None = None

    def painting(self) -> UInt8:
        """Give the painting, painted once."""
        if self._painting is None:
            self._painting = self._paint()
        return self._painting


def _carry(
    small: UInt8, before: _PaintedFrame, flow: Flow, agreement: NDArray[np.float32]
) -> UInt8:
    """Carry paintings to a frame, which is given reduced (h, w, 3)."""
    carried = move_painting(before.painting(), flow)
    after = before.next
    if after is None or after.size != before.size:
        return carried
    missing = 1 - agreement
    if missing.max() < _MIN_SHARE_OF_NEXT:
        return carried
    flow, agreement = find_again(small, after.small)
    share = missing * agreement
    if share.max() < _MIN_SHARE_OF_NEXT:
        return carried
    cv2 = opencv()
    painting = np.ascontiguousarray(after.painting())
    full_flow, full_share = enlarge_flow(flow, painting), cv2.resize(share, painting.shape[1::-1])
    for window in _changed_windows(share > 0, painting):
        part = full_share[window]
        moved = warp(painting, full_flow, window=window)
        carried[window] = cv2.blendLinear(moved, carried[window], part, 1 - part)
    return carried


def find_again(frame: UInt8, other: UInt8) -> tuple[Flow, NDArray[np.float32]]:
    """Find the parts of a frame in another one of the same size, both uint8 RGB (h, w, 3).

    Returns:
        The flow from the frame to the other (h, w, 2), 0 where nothing moves, and how far both
        agree at each pixel, from 0 to 1 (h, w).
    """
    cv2 = opencv()
    frame, other = np.ascontiguousarray(frame), np.ascontiguousarray(other)
    difference = cv2.blur(cv2.absdiff(frame, other), (BLUR_SIZE, BLUR_SIZE))
    # not by NumPy, which takes ten times as long over three values in a row
    distance = cv2.transform(difference.astype(np.float32), _MEAN_OF_COLORS)
    moves = (distance - STILL_DIFFERENCE) / (MOVING_DIFFERENCE - STILL_DIFFERENCE)
    # flow wavers where nothing moves
    flow = compute_flow(frame, other, EFFORT, REFINEMENTS)
    flow = cv2.multiply(flow, cv2.merge([np.clip(2 * moves, 0, 1)] * 2))
    error = np.maximum.reduce(cv2.split(cv2.absdiff(warp(other, flow), frame)))
    agreement = np.clip(2 - error / np.float32(MAX_AGREEING_DIFFERENCE), 0, 1)
    # less beside what is hidden, and soft, as edges of a mask show in strokes
    agreement = cv2.blur(cv2.erode(agreement, np.ones((3, 3), np.uint8)), (3, 3))
    return flow, agreement


def move_painting(painting: UInt8, flow: Flow) -> UInt8:
    """Move a painting (H, W, 3) along the flow (h, w, 2) of reduced frames; give a copy."""
    painting = np.ascontiguousarray(painting)
    moved, full_flow = painting.copy(), enlarge_flow(flow, painting)
    for window in _changed_windows((flow[..., 0] != 0) | (flow[..., 1] != 0), painting):
        moved[window] = warp(painting, full_flow, window=window)
    return moved


def enlarge_flow(flow: Flow, painting: UInt8) -> Flow:
    """Enlarge the flow (h, w, 2) of reduced frames to that of paintings (H, W, 2)."""
    height, width = painting.shape[:2]
    across, down = opencv().split(flow)
    scaled = opencv().merge([across * (width / flow.shape[1]), down * (height / flow.shape[0])])
    enlarged: Flow = opencv().resize(scaled, (width, height))
    return enlarged


def _changed_windows(changes: NDArray[np.bool_], painting: UInt8) -> Iterator[tuple[slice, slice]]:
    """Yield windows of a painting (H, W, 3) that hold all that changes in a reduced frame (h, w).

    Enlarging bilinearly carries a change one reduced pixel further.
    """
    height, width = changes.shape
    down, across = painting.shape[0] / height, painting.shape[1] / width
    for top in range(0, height, _WINDOW_ROWS):
        bottom = min(top + _WINDOW_ROWS, height)
        columns = np.flatnonzero(changes[max(0, top - 1) : bottom + 1].any(0))
        gaps = np.flatnonzero(np.diff(columns) > _WINDOW_GAP) + 1
        for window in np.split(columns, gaps) if columns.size else []:
            left, right = max(0, window[0] - 1), min(window[-1] + 2, width)
            yield (
                slice(int(top * down), int(bottom * down)),
                slice(int(left * across), math.ceil(right * across)),
            )
