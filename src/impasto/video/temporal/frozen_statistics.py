"""Frozen statistics: the frames of one scene are painted alike, until the scene changes.

A network whose normalization measures every frame anew repaints the whole picture when something
moves in a corner. Here statistics are measured now and then, and those that paint move slowly from
one measurement to the next. A network also paints the noise of a camera, as strokes that come and
go: where the scene stands still, the last shown frame is kept for the most part. A cut starts anew.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from impasto.images.image import UInt8
from impasto.inference.frozen_norm import NormStatistics
from impasto.inference.prepared_style import MIN_SIDE, PreparedStyle
from impasto.video.pipelining import Begin, begin_later
from impasto.video.temporal.still_blend import StillBlend

# Frames from one measurement to the next. A measurement costs about as much as painting a frame;
# with one every 24th frame, videos were no steadier.
MEASURE_EVERY = 48
# Mean difference from the last frame, in levels of 255, at which another scene begins.
CUT_DIFFERENCE = 30.0
GRID_SIZE = 16  # blocks a side, whose middle pixels frames are compared by
# A fade is no cut, but statistics of a dark frame are wrong for a light one. Where a frame differs
# from the measured one by so many levels in the mean, or by such a factor in the deviation,
# statistics are measured at once.
MAX_MEAN_SHIFT, MAX_DEVIATION_RATIO = 12.0, 1.15
# Deviation in levels below which a frame has no useful statistics: it is painted by itself, as tiny
# frames are.
MIN_CONTRAST = 3.0


class SteadyStyle:
    """Paints the frames of one video alike, called in order of time with uint8 RGB (H, W, 3).

    Args:
        prepared: style bound to a loaded network.
        blend: also keep the last painting where the scene stands still (see
            `impasto.video.temporal.still_blend`).
        engine: engine that blends, as of `impasto.stylizer.Stylizer`.
        threads: number of threads that blend, as of `impasto.stylizer.Stylizer`.
        begin_work: begins to paint a frame, perhaps in another thread.
    """

    def __init__(
        self,
        prepared: PreparedStyle,
        blend: bool = True,
        engine: str = "auto",
        threads: int | None = None,
        begin_work: Begin = begin_later,
    ) -> None:
        self._prepared, self._begin_work = prepared, begin_work
        self._blend_options = (engine, threads) if blend and prepared.passes else None
        self._blend: StillBlend | None = None  # for frames of the size of the last one
        self._last: UInt8 | None = None  # frame
        self._shown: UInt8 | None = None  # its painting
        self._count = 0  # frames since the last measurement
        self._from: list[NormStatistics] = []  # statistics move from these ...
        self._to: list[NormStatistics] = []  # ... to these, the ones measured last
        self._measured_sample: NDArray[np.int16]  # pixels of the frame that was measured last

    def __repr__(self) -> str:
        return f"SteadyStyle({self._prepared!r})"

    def __call__(self, frame: UInt8) -> UInt8:
        """Paint the next frame, uint8 RGB (H, W, 3)."""
        return self.begin(frame)()

    def begin(self, frame: UInt8) -> Callable[[], UInt8]:
        """Begin to paint the next frame, uint8 RGB (H, W, 3).

        Returns:
            A function that gives the painting. Those of several frames are called in their order.
        """
        last, self._last = self._last, frame
        starts_scene = last is None or is_cut(last, frame)
        paint = self._begin_work(self._style_of(frame, starts_scene).paint, frame)

        def finish() -> UInt8:
            painted = paint()
            if self._blend_options and (last is None or last.shape != frame.shape):
                self._blend = _still_blend(frame.shape[0], frame.shape[1], *self._blend_options)
            if self._blend and not starts_scene:
                assert last is not None and self._shown is not None
                painted = self._blend(frame, last, painted, self._shown)
            self._shown = painted
            return painted

        return finish

    def _style_of(self, frame: UInt8, starts_scene: bool) -> PreparedStyle:
        """Give the style with the statistics for a frame."""
        sample = _sample(frame)
        if min(frame.shape[:2]) < MIN_SIDE or sample.std() < MIN_CONTRAST:
            self._from = []
            return self._prepared
        if starts_scene or not self._from or self._has_faded(sample):
            self._from = self._to = self._prepared.measure(frame)
            self._count, self._measured_sample = 0, sample
        elif self._count == MEASURE_EVERY:
            self._from, self._to = self._to, self._prepared.measure(frame)
            self._count, self._measured_sample = 0, sample
        share = self._count / MEASURE_EVERY
        self._count += 1
        statistics = [
            old.towards(new, share) for old, new in zip(self._from, self._to, strict=True)
        ]
        return self._prepared.freeze(statistics)

    def _has_faded(self, sample: NDArray[np.int16]) -> bool:
        """Tell whether a frame is much lighter, darker or flatter than the measured one."""
        shift = abs(sample.mean() - self._measured_sample.mean())
        ratio = sample.std() / self._measured_sample.std()
        is_stretched = not 1 / MAX_DEVIATION_RATIO < ratio < MAX_DEVIATION_RATIO
        return bool(shift > MAX_MEAN_SHIFT or is_stretched)


def is_cut(last: UInt8, frame: UInt8) -> bool:
    """Tell whether another scene begins with a frame after the last one, both uint8 (H, W, 3)."""
    return (
        last.shape != frame.shape
        or float(np.abs(_sample(frame) - _sample(last)).mean()) > CUT_DIFFERENCE
    )


@lru_cache(maxsize=2)
def _still_blend(height: int, width: int, engine: str, threads: int | None) -> StillBlend:
    """Load a blend, or give the one that is loaded.

    With a webcam, one style follows another on frames of one size, and loading a blend takes as
    long as painting a frame or two.
    """
    return StillBlend(height, width, engine, threads)


def _sample(frame: UInt8) -> NDArray[np.int16]:
    """Take pixels from all over a frame.

    Means of blocks would cost a pass over the frame; the noise of single pixels is far below all
    limits.
    """
    rows, columns = (
        np.linspace(0, side - 1, GRID_SIZE + 2).astype(int)[1:-1] for side in frame.shape[:2]
    )
    return frame[rows][:, columns].astype(np.int16)
