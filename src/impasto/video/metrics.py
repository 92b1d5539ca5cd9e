"""How much a painted clip flickers: the measures of temporal stability that the field has, beside
those of the clip itself.

Frames are uint8 RGB (H, W, 3) of one size and come one by one, of any iterator: two of each clip
are held at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np

from impasto.errors import VideoError
from impasto.images.image import UInt8
from impasto.video.temporal.optical_flow import OpticalFlow, warp

T = TypeVar("T")


@dataclass
class StabilityScores:
    """Sums over pairs of neighbouring frames, and the measures that are means of them.

    Attributes:
        pairs: how many pairs there were.
    """

    pairs: int = 0
    _flicker: float = 0
    _own: float = 0  # flicker of the clip that was painted
    _error: float = 0
    _seen: int = 0  # pairs of which something is visible in both frames

    def add(
        self, first: UInt8, second: UInt8, own: float, motion: OpticalFlow | None = None
    ) -> None:
        """Add a pair of frames, given how much the clip itself differs there and, for the warping
        error, how it moves."""
        self.pairs += 1
        self._flicker += difference(first, second)
        self._own += own
        if motion is not None and motion.visible.any():
            self._seen += 1
            self._error += _warping_error(first, second, motion)

    @property
    def flicker(self) -> float:
        """See `flicker`; NaN for a clip of one frame, which has no neighbours."""
        return _mean(self._flicker, self.pairs)

    @property
    def flicker_ratio(self) -> float:
        """See `flicker_ratio`."""
        return _mean(self._flicker, self._own)

    @property
    def warping_error(self) -> float:
        """See `warping_error`."""
        return _mean(self._error, self._seen)


def flicker(frames: Iterable[UInt8]) -> float:
    """Mean absolute difference of neighbouring frames, levels of 0..1: of what moves as of what
    flickers."""
    (found,) = measure(frames, warping=False)
    return found.flicker


def flicker_ratio(original: Iterable[UInt8], painted: Iterable[UInt8]) -> float:
    """Flicker of a painted clip over that of the clip itself; 1 for the clip itself, NaN where that
    stands quite still."""
    _, found = measure(original, painted, warping=False)
    return found.flicker_ratio


def warping_error(original: Iterable[UInt8], painted: Iterable[UInt8]) -> float:
    """Warping error of Lai et al. 2018 (Learning Blind Video Temporal Consistency), eq. 9 and 10.

        E(V) = mean over t of E(V_t, V_t+1)
        E(V_t, V_t+1) = sum over x of M_t(x) |V_t(x) - V_t+1(x + w(x))|^2 / sum over x of M_t(x)

    V is the painted clip, levels of 0..1; w the flow from frame t of the *original* clip to frame
    t+1, M_t is 0 where that frame does not show what frame t does, by
    `impasto.video.temporal.optical_flow.unseen`, and 1 elsewhere. The square is the mean over
    channels, as in the published code and in published figures. Departures: flow by DIS and not by
    FlowNet2, so that figures compare only with others of this kind; what leaves the frame counts as
    unseen; pairs of which nothing is seen (cuts) are left out of the mean, where the code counts
    them as 0. Flow and noise leave an error in the original itself, so figures stand beside
    `warping_error(original, original)`.

    Raises VideoError where OpenCV is missing, or frames differ in size.
    """
    _, found = measure(original, painted)
    return found.warping_error


def measure(
    original: Iterable[UInt8],
    *painted: Iterable[UInt8],
    warping: bool = True,
    told: Callable[[int], None] = lambda pairs: None,
) -> list[StabilityScores]:
    """The stability of a clip and of its paintings, in this order, in one pass; each as far as both
    it and the clip go.

    Args:
        original: frames of the clip.
        painted: frames of its paintings.
        warping: take the warping error too, which costs the flow of the clip.
        told: called after each pair with how many there were.

    Raises VideoError where frames differ in size, or OpenCV is missing and is needed.
    """
    clip, others = StabilityScores(), [StabilityScores() for _ in painted]
    for pairs, (ours, *theirs) in enumerate(_together(original, painted), 1):
        assert ours is not None
        motion = OpticalFlow.between(*ours) if warping else None
        own = difference(*ours)
        clip.add(*ours, own, motion)
        for other, pair in zip(others, theirs, strict=True):
            if pair is not None:
                for frame in pair:
                    _check_size(frame, ours[0])
                other.add(*pair, own, motion)
        told(pairs)
    return [clip, *others]


def difference(first: UInt8, second: UInt8) -> float:
    """Mean absolute difference of two frames, levels of 0..1. Raises VideoError where they differ
    in size."""
    _check_size(second, first)
    larger, smaller = np.maximum(first, second), np.minimum(first, second)
    return float(np.mean(larger - smaller, dtype=np.float64)) / 255


def _warping_error(first: UInt8, second: UInt8, motion: OpticalFlow) -> float:
    found = warp(second.astype(np.float32), motion.flow)
    apart = (found - first)[motion.visible] / 255
    return float(np.mean(apart * apart, dtype=np.float64))


def _together(
    original: Iterable[UInt8], painted: Sequence[Iterable[UInt8]]
) -> Iterator[list[tuple[UInt8, UInt8] | None]]:
    """Pairs of neighbouring frames of all clips at a time, until the first or all others end; None
    for those that ended."""
    going = [pairwise(frames) for frames in painted]
    for ours in pairwise(original):
        theirs = [next(pairs, None) for pairs in going]
        if theirs and not any(theirs):
            return
        yield [ours, *theirs]


def _check_size(frame: UInt8, like: UInt8) -> None:
    if frame.shape != like.shape:
        sizes = [f"{each.shape[1]}x{each.shape[0]}" for each in (frame, like)]
        raise VideoError(
            f"frames of {sizes[0]} and {sizes[1]} pixels do not compare; give clips of one size"
        )


def _mean(total: float, count: float) -> float:
    return total / count if count else float("nan")
