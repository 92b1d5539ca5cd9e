"""Statistics held over time: frames are painted alike until the scene changes.

A network whose normalization reads every frame anew repaints the whole picture when something moves in a corner. Here
statistics are read now and then and what is painted with them moves slowly from one reading to the next; a cut starts anew.
"""

import numpy as np

from impasto.held import Statistics
from impasto.images import UInt8
from impasto.stylizer import Brush

EVERY = 24  # frames from one reading to the next; one costs about as much as three frames
CUT = 30.0  # levels of 255 by which blocks of a frame differ from the last, on average, where another scene begins
BLOCKS = 16  # a side, that frames are compared by


class SteadyBrush:
    """A brush for the frames of one video, in order of time; called with one, uint8 RGB (H, W, 3), it gives it painted."""

    def __init__(self, brush: Brush) -> None:
        self._brush = brush
        self._count = 0  # frames since the last reading
        self._last: UInt8 | None = None
        self._from: list[Statistics] = []
        self._to: list[Statistics] = []

    def __call__(self, frame: UInt8) -> UInt8:
        if self._is_new_scene(frame):
            self._from = self._to = self._brush.measure(frame)
            self._count = 0
        elif self._count == EVERY:
            self._from, self._to, self._count = self._to, self._brush.measure(frame), 0
        share = self._count / EVERY
        self._count += 1
        now = [one.towards(other, share) for one, other in zip(self._from, self._to, strict=True)]
        return self._brush.hold(now).paint(frame)

    def _is_new_scene(self, frame: UInt8) -> bool:
        rows, columns = (np.linspace(0, side - 1, BLOCKS + 2).astype(int)[1:-1] for side in frame.shape[:2])
        seen = frame[rows][:, columns]
        last, self._last = self._last, seen
        # of pixels, not means of blocks: those would cost a pass over the frame; noise is far below the bound
        return last is None or float(np.abs(seen.astype(np.int16) - last).mean()) > CUT
