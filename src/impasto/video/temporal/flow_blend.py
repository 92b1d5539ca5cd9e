"""Flow blend: each painted frame is blended with the last one, moved as the clip moves.

A network paints strokes where they fall in the frame, so they swim over moving things. Optical flow
of the clip tells where each part of a frame was in the last one. There the last painting is taken
up and blended in, as far as the two frames agree. (In Ruder et al. 2016 and Huang et al. 2017 the
painting itself keeps to the last frame; here impasto blends finished frames.) Where the scene
stands still, the last painting is kept as in `impasto.video.temporal.still_blend`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from impasto.images.image import UInt8
from impasto.inference.prepared_style import PreparedStyle
from impasto.video.pipelining import Begin, begin_frame, begin_later
from impasto.video.temporal.frozen_statistics import SteadyStyle
from impasto.video.temporal.optical_flow import Flow, OpticalFlow, opencv, warp
from impasto.video.temporal.still_blend import MIN_NEW_SHARE, MOVING_DIFFERENCE, STILL_DIFFERENCE

# Shares of the last painting, where the scene stands still and where it moves; more is softer.
STILL_SHARE, MOVING_SHARE = 1 - MIN_NEW_SHARE, 0.5
MAX_FLOW_SIDE = 320  # pixels on the long side of the frames that flow is computed on
BLUR_SIZE = 5  # pixels a side of these, over which frames are compared to tell what moves
# Levels of 255 by which a frame may differ from the last one moved along, to be blended in full; at
# twice this difference, it is not blended at all.
MAX_AGREEING_DIFFERENCE = 12
# Share of a frame that is visible in the last one, below which another scene begins.
MIN_COMMON_SHARE = 0.25


class FlowStyle:
    """Paints the frames of one video, as `SteadyStyle`, with strokes that go with what moves.

    Args:
        prepared: style bound to a loaded network.
        begin_work: begins to paint a frame, perhaps in another thread.

    Raises:
        VideoError: OpenCV is missing.
    """

    def __init__(self, prepared: PreparedStyle, begin_work: Begin = begin_later) -> None:
        opencv()
        self._steady = SteadyStyle(prepared, blend=False, begin_work=begin_work)
        self._changes_frames = bool(prepared.passes)  # False at strength 0
        self._last: tuple[UInt8, UInt8] | None = None  # the last frame, reduced, and its painting

    def __repr__(self) -> str:
        return f"FlowStyle({self._steady!r})"

    def __call__(self, frame: UInt8) -> UInt8:
        """Paint the next frame, uint8 RGB (H, W, 3)."""
        return self.begin(frame)()

    def begin(self, frame: UInt8) -> Callable[[], UInt8]:
        """Begin to paint the next frame, as `SteadyStyle.begin`."""
        paint = begin_frame(self._steady, frame)
        return lambda: self._follow(frame, paint())

    def _follow(self, frame: UInt8, painted: UInt8) -> UInt8:
        """Blend the last painting, moved along, into that of a frame."""
        if not self._changes_frames:
            return painted
        small = reduce_for_flow(frame)
        if self._last is not None:
            last_small, last_painted = self._last
            if last_small.shape == small.shape and last_painted.shape == painted.shape:
                flow, share = flow_and_share(small, last_small)
                if (share > 0).mean() >= MIN_COMMON_SHARE:
                    painted = _blend(painted, last_painted, flow, share)
        self._last = small, painted
        return painted


def flow_and_share(frame: UInt8, last: UInt8) -> tuple[Flow, NDArray[np.float32]]:
    """Compute the flow to the last frame, and the share of the last painting at each pixel.

    Args:
        frame: uint8 RGB (H, W, 3).
        last: the frame before it, of the same size.

    Returns:
        The flow from the frame to the one before (H, W, 2), and shares in 0..1 (H, W).
    """
    cv2 = opencv()
    motion = OpticalFlow.between(frame, last)
    distance = np.abs(frame.astype(np.float32) - last).mean(-1)
    local_distance = cv2.blur(distance, (BLUR_SIZE, BLUR_SIZE))
    moves = np.clip(
        (local_distance - STILL_DIFFERENCE) / (MOVING_DIFFERENCE - STILL_DIFFERENCE), 0, 1
    )
    # Flow wavers where nothing moves, and each reading between pixels blurs; from half way on it
    # counts in full.
    flow = motion.flow * np.minimum(2 * moves, 1)[..., None]
    error = np.abs(warp(last, flow).astype(np.int16) - frame).max(-1)
    agreement = np.clip(2 - error / MAX_AGREEING_DIFFERENCE, 0, 1)
    agreement = np.where(motion.visible | (moves == 0), agreement, 0).astype(np.float32)
    # less beside what is hidden, and soft, as edges of a mask show in strokes
    agreement = cv2.blur(cv2.erode(agreement, np.ones((3, 3), np.uint8)), (3, 3))
    return flow, agreement * (STILL_SHARE + (MOVING_SHARE - STILL_SHARE) * moves)


def reduce_for_flow(frame: UInt8) -> UInt8:
    """Reduce a frame to a long side of at most `MAX_FLOW_SIDE` pixels."""
    height, width = frame.shape[:2]
    scale = MAX_FLOW_SIDE / max(height, width)
    if scale >= 1:
        return frame
    size = max(1, round(width * scale)), max(1, round(height * scale))
    cv2, small = opencv(), np.ascontiguousarray(frame)
    # by half and half again, as the mean of other areas takes four times as long
    while small.shape[1] >= 2 * size[0] and small.shape[0] >= 2 * size[1]:
        small = cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, size))


def _blend(painted: UInt8, last: UInt8, flow: Flow, share: NDArray[np.float32]) -> UInt8:
    """Blend a share (h, w) of the last painting, moved along the flow (h, w, 2), into a frame.

    Flow and share are those of reduced frames.
    """
    cv2 = opencv()
    height, width = painted.shape[:2]
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    full_flow, full_share = (
        cv2.resize(array, (width, height), interpolation=cv2.INTER_LINEAR)
        for array in (flow * scale, share)
    )
    # bilinear would blur strokes that are carried over many frames
    moved = warp(last, full_flow, cubic=True)
    blended: UInt8 = cv2.blendLinear(
        moved, np.ascontiguousarray(painted), full_share, 1 - full_share
    )
    return blended
