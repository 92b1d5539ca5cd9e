"""Strokes carried along: each painted frame is blended with the last one, moved as the clip moves.

A network paints strokes where they fall in the frame, so they swim over what moves. Optical flow of
the clip says where each part of a frame was in the last one; there the last painting is taken up
and blended in, as far as the two frames agree. (Ruder et al. 2016 and Huang et al. 2017 have
painting itself keep to the last frame so; here that is done to what is painted.) What stands still
is kept as `impasto.video.temporal.still_blend` does.
"""

import numpy as np
from numpy.typing import NDArray

from impasto.images.image import UInt8
from impasto.inference.model import PreparedStyle
from impasto.video.temporal.frozen_statistics import SteadyStyle
from impasto.video.temporal.optical_flow import Flow, OpticalFlow, opencv, warp
from impasto.video.temporal.still_blend import MOVED, SHARE, STILL

STANDS, MOVES = (
    1 - SHARE,
    0.5,
)  # share of the last painting, where the scene stands still and where it moves: more is softer
LONG = 320  # pixels of a frame's long side, from which its flow is computed
AROUND = 5  # of these a side, over which frames are compared to tell what moves
# levels of 255 by which a frame may differ from what flow makes of the last, to be blended in full;
# twice, not at all
AGREE = 12
CUT = 0.25  # share of a frame to be found in the last one, below which another scene begins


class FlowStyle:
    """A brush for the frames of one video, as `SteadyBrush`, whose strokes go with what moves.

    Raises VideoError where OpenCV is missing.
    """

    def __init__(self, prepared: PreparedStyle) -> None:
        opencv()
        self._steady = SteadyStyle(prepared, blend=False)
        self._paints = bool(
            prepared.passes
        )  # at strength 0 nothing does, and frames stay as they are
        self._last: tuple[UInt8, UInt8] | None = None  # the last frame, reduced, and its painting

    def __call__(self, frame: UInt8) -> UInt8:
        painted = self._steady(frame)
        if not self._paints:
            return painted
        small = reduced(frame)
        if (
            self._last is not None
            and self._last[0].shape == small.shape
            and self._last[1].shape == painted.shape
        ):
            before, painting = self._last
            flow, share = carry(small, before)
            if (share > 0).mean() >= CUT:
                painted = _blended(painted, painting, flow, share)
        self._last = small, painted
        return painted


def carry(frame: UInt8, before: UInt8) -> tuple[Flow, NDArray[np.float32]]:
    """The flow (H, W, 2) from a frame to the one before, and the share of the last painting at each
    pixel, 0..1 (H, W)."""
    cv2 = opencv()
    motion = OpticalFlow.between(frame, before)
    distance = np.abs(frame.astype(np.float32) - before).mean(-1)
    moves = np.clip((cv2.blur(distance, (AROUND, AROUND)) - STILL) / (MOVED - STILL), 0, 1)
    # flow wavers where nothing moves, and each reading between pixels blurs; from half way on it
    # counts in full
    flow = motion.flow * np.minimum(2 * moves, 1)[..., None]
    apart = np.abs(warp(before, flow).astype(np.int16) - frame).max(-1)
    same = np.where(motion.visible | (moves == 0), np.clip(2 - apart / AGREE, 0, 1), 0).astype(
        np.float32
    )
    # less beside what is hidden, and soft, as edges of a mask show in strokes
    same = cv2.blur(cv2.erode(same, np.ones((3, 3), np.uint8)), (3, 3))
    return flow, same * (STANDS + (MOVES - STANDS) * moves)


def reduced(frame: UInt8) -> UInt8:
    """A frame with `LONG` pixels a long side at most, as flow sees it."""
    height, width = frame.shape[:2]
    scale = LONG / max(height, width)
    if scale >= 1:
        return frame
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small: UInt8 = opencv().resize(
        np.ascontiguousarray(frame), size, interpolation=opencv().INTER_AREA
    )
    return small


def _blended(painted: UInt8, painting: UInt8, flow: Flow, share: NDArray[np.float32]) -> UInt8:
    """A painted frame with a share (h, w) of the last painting in it, moved along the flow (h, w,
    2) of reduced frames."""
    cv2 = opencv()
    height, width = painted.shape[:2]
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    full, share = (
        cv2.resize(each, (width, height), interpolation=cv2.INTER_LINEAR)
        for each in (flow * scale, share)
    )
    moved = warp(
        painting, full, cubic=True
    )  # bilinear would blur strokes that are carried over many frames
    blended: UInt8 = cv2.blendLinear(moved, np.ascontiguousarray(painted), share, 1 - share)
    return blended
