"""Scores of stylized versions of a clip: how steady they are beside the clip itself."""

import contextlib
import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto.errors import ImpastoError, VideoError
from impasto.images.image import UInt8
from impasto.progress import OnProgress, Progress
from impasto.video.clip import Frame
from impasto.video.clip_files import open_clip
from impasto.video.formats import VideoOptions
from impasto.video.frame_size import fit_frame
from impasto.video.metrics import StabilityScores, measure
from impasto.video.temporal.optical_flow import EFFORT, opencv


@dataclass(frozen=True)
class ClipScore:
    """Stability of one clip; see `impasto.video.metrics`. NaN stands for no value.

    Attributes:
        path: The clip that was measured.
        clip: The original clip.
        frames: Number of frames that were compared.
        flicker: Mean absolute difference of neighboring frames, levels of 0..1.
        flicker_ratio: Flicker over that of the original clip.
        warping_error: Warping error of Lai et al. 2018.
        flow: Method of optical flow.
    """

    path: Path
    clip: Path
    frames: int
    flicker: float
    flicker_ratio: float
    warping_error: float
    flow: str

    @property
    def is_original(self) -> bool:
        """Tell whether this is the original clip itself."""
        return self.path == self.clip

    def to_json(self) -> dict[str, Any]:
        """Convert to a JSON object; null stands for no value."""
        values = {name: getattr(self, name) for name in _MEASURES}
        rounded = {
            name: None if math.isnan(value) else float(f"{value:.6g}")
            for name, value in values.items()
        }
        named = {"input": str(self.path), "clip": str(self.clip), "frames": self.frames}
        return {**named, **rounded, "flow": self.flow}


_MEASURES = ("flicker", "flicker_ratio", "warping_error")


@dataclass(frozen=True)
class ClipEvaluation:
    """The result of `evaluate_clip`.

    Attributes:
        scores: The original clip first, then its stylized versions; empty if none could be read.
        failures: Stylized versions that could not be compared, and the reasons.
        notes: Remarks on what was read.
    """

    scores: Sequence[ClipScore]
    failures: Sequence[tuple[Path, Exception]]
    notes: Sequence[str]


def evaluate_clip(
    clip: Path,
    paintings: Sequence[Path],
    options: VideoOptions | None = None,
    *,
    on_progress: OnProgress | None = None,
) -> ClipEvaluation:
    """Measure how steady stylized versions of a clip are.

    Args:
        clip: The original clip: a video, an animation or numbered pictures.
        paintings: Stylized versions of it, in the same size.
        options: How to read the clip; `span` is the part that was stylized.
        on_progress: Called after each frame.

    Returns:
        Scores of the clip and of its stylized versions. Clips of different lengths are compared as
        far as both go.

    Raises:
        VideoError: The clip cannot be read, or OpenCV is missing.
        PictureError: A frame of the clip cannot be read.
    """
    options = options or VideoOptions()
    flow = f"DIS of OpenCV {opencv().__version__}, {EFFORT}"
    with contextlib.ExitStack() as stack:
        original = _FrameCounter(stack, clip, options)
        stylized, failures = _open_stylized(stack, paintings, options, original)
        if not stylized:
            return ClipEvaluation((), failures, ())
        start = time.perf_counter()

        def report(pairs: int) -> None:
            if on_progress:
                seconds, count = time.perf_counter() - start, original.clip.count
                fraction = min(1.0, (pairs + 1) / count) if count else 0.0
                step = pairs + 1
                on_progress(Progress(fraction, seconds, clip.name, step, count, "frame"))

        measured = measure(original, *stylized, told=report)
        results = list(zip([original, *stylized], measured, strict=True))
        notes = [
            note for frames, _ in results for note in dict.fromkeys(frames.clip.notes)
        ] + _compare_lengths(clip, results)
    scores = [_score(clip, frames.clip.path, values, flow) for frames, values in results]
    return ClipEvaluation(scores, failures, notes)


class _FrameCounter:
    """The frames of a clip, fitted to the first one and counted as they are taken.

    Args:
        stack: Closes the clip.
        path: The clip.
        options: How to read it.
        original: Clip whose size this one must have.

    Raises:
        VideoError: The clip cannot be read, has one frame, or has another size than `original`.
        PictureError: A frame cannot be read.
    """

    def __init__(
        self,
        stack: contextlib.ExitStack,
        path: Path,
        options: VideoOptions,
        original: "_FrameCounter | None" = None,
    ) -> None:
        self.clip, self.taken = stack.enter_context(open_clip(path, options)), 0
        frames = (item for item in self.clip.items() if isinstance(item, Frame))
        begin = list(itertools.islice(frames, 2))
        if len(begin) < 2:
            raise VideoError(
                f"cannot compare {path}: it has one frame; give a clip of two frames or more"
            )
        self._first, self._frames = begin[0], itertools.chain(begin, frames)
        self.size = self._first.rgb.shape[1::-1]
        if original and self.size != original.size:
            sizes = " and ".join(
                f"{width}x{height}" for width, height in (self.size, original.size)
            )
            raise VideoError(
                f"cannot compare {path} with {original.clip.path}: they have {sizes} pixels; give "
                "a stylized clip in the size of the original"
            )

    def __iter__(self) -> Iterator[UInt8]:
        for frame in self._frames:
            self.taken += 1
            yield fit_frame(frame, self._first, self.clip).rgb

    def has_more(self) -> bool:
        """Tell whether frames are left that were not taken."""
        return next(self._frames, None) is not None


def _open_stylized(
    stack: contextlib.ExitStack,
    paintings: Sequence[Path],
    options: VideoOptions,
    original: _FrameCounter,
) -> tuple[list[_FrameCounter], list[tuple[Path, Exception]]]:
    """Open the stylized clips; a stylized clip is read whole, whatever part was stylized."""
    stylized: list[_FrameCounter] = []
    failures: list[tuple[Path, Exception]] = []
    reading = VideoOptions(threads=options.threads, max_pixels=options.max_pixels)
    for path in paintings:
        try:
            stylized.append(_FrameCounter(stack, path, reading, original))
        except (ImpastoError, OSError) as error:
            failures.append((path, error))
    return stylized, failures


def _compare_lengths(
    clip: Path, results: Sequence[tuple[_FrameCounter, StabilityScores]]
) -> list[str]:
    """Note the stylized clips that are shorter or longer than the original."""
    notes = []
    original = results[0][0]
    for frames, scores in results[1:]:
        compared = scores.pairs + 1
        shorter = compared < original.taken
        if shorter or frames.has_more():
            hint = "; if only a part was stylized, give --start and --end" if shorter else ""
            notes.append(
                f"{frames.clip.path} and {clip} differ in length: compared over {compared} "
                f"frames{hint}"
            )
    return notes


def _score(clip: Path, path: Path, scores: StabilityScores, flow: str) -> ClipScore:
    return ClipScore(
        path,
        clip,
        scores.pairs + 1,
        scores.flicker,
        scores.flicker_ratio,
        scores.warping_error,
        flow,
    )
