"""Frames painted alike until the scene changes: statistics held over time, and paint that stays
where nothing moves.

A network whose normalization reads every frame anew repaints the whole picture when something moves
in a corner. Here statistics are read now and then and what is painted with them moves slowly from
one reading to the next. And a network paints the noise of a camera as strokes that come and go:
where the scene stands still, what was shown last is kept for the most part. A cut starts anew.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from impasto.images.image import UInt8
from impasto.inference.frozen_norm import NormStatistics
from impasto.inference.model import MIN_SIDE, PreparedStyle
from impasto.video.temporal.still_blend import StillBlend

MEASURE_EVERY = 24  # frames from one reading to the next; one costs about as much as three frames
# levels of 255 by which pixels differ from the last frame's, on average, where another scene begins
CUT_DIFFERENCE = 30.0
BLOCKS = 16  # a side, whose middle pixels frames are compared by
# A fade is no cut, but statistics of what was dark make what is light shout: where a frame's mean
# is off by so many levels, or its deviation by such a factor, from where they were read, they are
# read at once.
FADED, STRETCHED = 12.0, 1.15
# deviation in levels below which a frame has no statistics to speak of: it is painted by itself, as
# tiny frames are
MIN_CONTRAST = 3.0


class SteadyStyle:
    """A brush for the frames of one video, in order of time; called with one, uint8 RGB (H, W, 3),
    it gives it painted.

    Args:
        brush: what paints.
        blend: also keep what was painted where the scene stands still (see
            `impasto.video.temporal.still_blend`).
        engine, threads: what blends, as of `impasto.stylizer.Stylizer`.
    """

    def __init__(
        self,
        prepared: PreparedStyle,
        blend: bool = True,
        engine: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._brush = prepared
        self._options: tuple[str, int | None] | None = (
            (engine, threads) if blend and prepared.passes else None
        )
        self._blend: StillBlend | None = None  # for frames of the size of the last
        self._count = 0  # frames since the last reading
        self._last: UInt8 | None = None  # frame
        self._shown: UInt8 | None = None
        self._from: list[NormStatistics] = []
        self._to: list[NormStatistics] = []
        self._read: NDArray[np.int16]  # pixels of the frame that was read last

    def __call__(self, frame: UInt8) -> UInt8:
        last, self._last = self._last, frame
        same_size = last is not None and last.shape == frame.shape
        seen = _sample(frame)
        cut = last is None or is_cut(last, frame)
        painted = self._painted(frame, seen, cut)
        if self._options and not same_size:
            self._blend = _blend(frame.shape[0], frame.shape[1], *self._options)
        if self._blend and not cut:
            assert last is not None and self._shown is not None
            painted = self._blend(frame, last, painted, self._shown)
        self._shown = painted
        return painted

    def _painted(self, frame: UInt8, seen: NDArray[np.int16], cut: bool) -> UInt8:
        if min(frame.shape[:2]) < MIN_SIDE or seen.std() < MIN_CONTRAST:
            self._from = []
            return self._brush.paint(frame)
        if cut or not self._from or self._has_faded(seen):
            self._from = self._to = self._brush.measure(frame)
            self._count, self._read = 0, seen
        elif self._count == MEASURE_EVERY:
            self._from, self._to, self._count = self._to, self._brush.measure(frame), 0
            self._read = seen
        share = self._count / MEASURE_EVERY
        self._count += 1
        now = [one.towards(other, share) for one, other in zip(self._from, self._to, strict=True)]
        return self._brush.freeze(now).paint(frame)

    def _has_faded(self, seen: NDArray[np.int16]) -> bool:
        stretched = seen.std() / self._read.std()
        return (
            abs(seen.mean() - self._read.mean()) > FADED
            or not 1 / STRETCHED < stretched < STRETCHED
        )


def is_cut(last: UInt8, frame: UInt8) -> bool:
    """Whether another scene begins with a frame after the last one, both uint8 (H, W, 3)."""
    return (
        last.shape != frame.shape
        or float(np.abs(_sample(frame) - _sample(last)).mean()) > CUT_DIFFERENCE
    )


@lru_cache(maxsize=2)
def _blend(height: int, width: int, engine: str, threads: int | None) -> StillBlend:
    """Kept, as live a style follows another on frames of one size, and making one takes as long as
    painting a frame or two."""
    return StillBlend(height, width, engine, threads)


def _sample(frame: UInt8) -> NDArray[np.int16]:
    """Pixels from all over a frame: not means of blocks, which would cost a pass over it; noise is
    far below all bounds."""
    rows, columns = (
        np.linspace(0, side - 1, BLOCKS + 2).astype(int)[1:-1] for side in frame.shape[:2]
    )
    return frame[rows][:, columns].astype(np.int16)
