"""Frames painted alike until the scene changes: statistics held over time, and paint that stays where nothing moves.

A network whose normalization reads every frame anew repaints the whole picture when something moves in a corner. Here
statistics are read now and then and what is painted with them moves slowly from one reading to the next. And a network paints
the noise of a camera as strokes that come and go: where the scene stands still, what was shown last is kept for the most part.
A cut starts anew.
"""

from functools import lru_cache

import numpy as np

from impasto.held import Statistics
from impasto.images import UInt8
from impasto.stylizer import Brush
from impasto.video.blend import Blend

EVERY = 24  # frames from one reading to the next; one costs about as much as three frames
CUT = 30.0  # levels of 255 by which blocks of a frame differ from the last, on average, where another scene begins
BLOCKS = 16  # a side, that frames are compared by


class SteadyBrush:
    """A brush for the frames of one video, in order of time; called with one, uint8 RGB (H, W, 3), it gives it painted.

    Args:
        brush: what paints.
        blend: also keep what was painted where the scene stands still (see `impasto.video.blend`).
        engine, threads: what blends, as of `impasto.stylizer.Stylizer`.
    """

    def __init__(self, brush: Brush, blend: bool = True, engine: str = "auto", threads: int | None = None) -> None:
        self._brush = brush
        self._options: tuple[str, int | None] | None = (engine, threads) if blend and brush.jobs else None
        self._blend: Blend | None = None  # for frames of the size of the last
        self._count = 0  # frames since the last reading
        self._last: UInt8 | None = None  # frame
        self._shown: UInt8 | None = None
        self._from: list[Statistics] = []
        self._to: list[Statistics] = []

    def __call__(self, frame: UInt8) -> UInt8:
        last, self._last = self._last, frame
        cut = last is None or last.shape != frame.shape or _is_cut(last, frame)
        if cut:
            self._from = self._to = self._brush.measure(frame)
            self._count = 0
        elif self._count == EVERY:
            self._from, self._to, self._count = self._to, self._brush.measure(frame), 0
        share = self._count / EVERY
        self._count += 1
        now = [one.towards(other, share) for one, other in zip(self._from, self._to, strict=True)]
        painted = self._brush.hold(now).paint(frame)
        if self._options and (last is None or last.shape != frame.shape):
            self._blend = _blend(frame.shape[0], frame.shape[1], *self._options)
        if self._blend and not cut:
            assert last is not None and self._shown is not None
            painted = self._blend(frame, last, painted, self._shown)
        self._shown = painted
        return painted


@lru_cache(maxsize=2)
def _blend(height: int, width: int, engine: str, threads: int | None) -> Blend:
    """Kept, as live a style follows another on frames of one size, and making one takes as long as painting a frame or two."""
    return Blend(height, width, engine, threads)


def _is_cut(last: UInt8, frame: UInt8) -> bool:
    rows, columns = (np.linspace(0, side - 1, BLOCKS + 2).astype(int)[1:-1] for side in frame.shape[:2])
    # of pixels, not means of blocks: those would cost a pass over the frame; noise is far below the bound
    seen, known = (each[rows][:, columns].astype(np.int16) for each in (frame, last))
    return float(np.abs(seen - known).mean()) > CUT
