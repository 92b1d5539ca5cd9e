"""Metrics of temporal stability: how much a painted clip flickers, beside the clip itself.

Frames are uint8 RGB (H, W, 3) of one size. They come one by one, from any iterator: two of each
clip are in memory at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from impasto.errors import VideoError
from impasto.images.image import UInt8
from impasto.video.temporal.optical_flow import OpticalFlow, warp


@dataclass
class StabilityScores:
    """Sums over pairs of neighboring frames, and the metrics that are means of them.

    Attributes:
        pairs: number of pairs.
    """

    pairs: int = 0
    _flicker: float = 0
    _clip_flicker: float = 0  # flicker of the clip that was painted
    _error: float = 0
    _visible_pairs: int = 0  # pairs with something that is visible in both frames

    def add(
        self, first: UInt8, second: UInt8, clip_flicker: float, motion: OpticalFlow | None = None
    ) -> None:
        """Add a pair of frames.

        Args:
            first: a painted frame.
            second: the painted frame after it.
            clip_flicker: difference of the two frames in the clip itself, levels of 0..1.
            motion: motion of the clip, for the warping error.
        """
        self.pairs += 1
        self._flicker += difference(first, second)
        self._clip_flicker += clip_flicker
        if motion is not None and motion.visible.any():
            self._visible_pairs += 1
            self._error += _warping_error(first, second, motion)

    @property
    def flicker(self) -> float:
        """See `flicker`; NaN for a clip of one frame, which has no neighbors."""
        return _mean(self._flicker, self.pairs)

    @property
    def flicker_ratio(self) -> float:
        """See `flicker_ratio`."""
        return _mean(self._flicker, self._clip_flicker)

    @property
    def warping_error(self) -> float:
        """See `warping_error`."""
        return _mean(self._error, self._visible_pairs)


def flicker(frames: Iterable[UInt8]) -> float:
    """Compute the mean absolute difference of neighboring frames, levels of 0..1.

    Motion counts as much as flicker.
    """
    (scores,) = measure(frames, warping=False)
    return scores.flicker


def flicker_ratio(original: Iterable[UInt8], painted: Iterable[UInt8]) -> float:
    """Compute the flicker of a painted clip divided by that of the clip itself.

    It is 1 for the clip itself, and NaN where the clip stands quite still.
    """
    _, scores = measure(original, painted, warping=False)
    return scores.flicker_ratio


def warping_error(original: Iterable[UInt8], painted: Iterable[UInt8]) -> float:
    """Compute the warping error of Lai et al. 2018, eq. 9 and 10.

    The paper is "Learning Blind Video Temporal Consistency":

        E(V) = mean over t of E(V_t, V_t+1)
        E(V_t, V_t+1) = sum over x of M_t(x) |V_t(x) - V_t+1(x + w(x))|^2 / sum over x of M_t(x)

    V is the painted clip, levels of 0..1. w is the flow from frame t of the *original* clip to
    frame t+1. M_t is 0 where that frame does not show what frame t shows, by
    `impasto.video.temporal.optical_flow.occluded`, and 1 elsewhere. The square is the mean over
    channels, as in the published code and in published figures.

    Departures from the paper: Flow is computed by DIS and not by FlowNet2, so figures compare only
    with others of this kind. What leaves the frame counts as occluded. Pairs in which nothing is
    visible (cuts) are left out of the mean, where the code counts them as 0.

    Flow and noise leave an error in the original itself, so figures stand beside
    `warping_error(original, original)`.

    Raises:
        VideoError: OpenCV is missing, or frames differ in size.
    """
    _, scores = measure(original, painted)
    return scores.warping_error


def measure(
    original: Iterable[UInt8],
    *painted: Iterable[UInt8],
    warping: bool = True,
    told: Callable[[int], None] = lambda pairs: None,
) -> list[StabilityScores]:
    """Measure the stability of a clip and of its paintings in one pass.

    Each painting is measured as far as both it and the clip go.

    Args:
        original: frames of the clip.
        painted: frames of its paintings.
        warping: measure the warping error too, which needs the flow of the clip.
        told: called after each pair with the number of pairs so far.

    Returns:
        The scores of the clip, and then of the paintings in their order.

    Raises:
        VideoError: frames differ in size, or OpenCV is missing and is needed.
    """
    clip_scores, other_scores = StabilityScores(), [StabilityScores() for _ in painted]
    for pairs, (clip_pair, *other_pairs) in enumerate(_aligned_pairs(original, painted), 1):
        assert clip_pair is not None
        motion = OpticalFlow.between(*clip_pair) if warping else None
        clip_flicker = difference(*clip_pair)
        clip_scores.add(*clip_pair, clip_flicker, motion)
        for scores, pair in zip(other_scores, other_pairs, strict=True):
            if pair is not None:
                for frame in pair:
                    _check_size(frame, clip_pair[0])
                scores.add(*pair, clip_flicker, motion)
        told(pairs)
    return [clip_scores, *other_scores]


def difference(first: UInt8, second: UInt8) -> float:
    """Compute the mean absolute difference of two frames, levels of 0..1.

    Raises:
        VideoError: they differ in size.
    """
    _check_size(second, first)
    larger, smaller = np.maximum(first, second), np.minimum(first, second)
    return float(np.mean(larger - smaller, dtype=np.float64)) / 255


def _warping_error(first: UInt8, second: UInt8, motion: OpticalFlow) -> float:
    warped = warp(second.astype(np.float32), motion.flow)
    error = (warped - first)[motion.visible] / 255
    return float(np.mean(error * error, dtype=np.float64))


def _aligned_pairs(
    original: Iterable[UInt8], painted: Sequence[Iterable[UInt8]]
) -> Iterator[list[tuple[UInt8, UInt8] | None]]:
    """Yield pairs of neighboring frames of all clips at a time.

    The pair of a clip that has ended is None. All end with the first, or with the last of the
    others.
    """
    other_pairs = [pairwise(frames) for frames in painted]
    for clip_pair in pairwise(original):
        others = [next(pairs, None) for pairs in other_pairs]
        if others and not any(others):
            return
        yield [clip_pair, *others]


def _check_size(frame: UInt8, like: UInt8) -> None:
    if frame.shape != like.shape:
        size, expected = (f"{array.shape[1]}x{array.shape[0]}" for array in (frame, like))
        raise VideoError(
            f"cannot compare frames: those of {size} and {expected} pixels do not compare; give "
            "clips of one size"
        )


def _mean(total: float, count: float) -> float:
    return total / count if count else float("nan")
