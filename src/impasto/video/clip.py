"""Clips: frames in time, and the tracks beside them; each kind of file reads into a `Clip`."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from impasto.errors import VideoError
from impasto.images.image import UInt8

if TYPE_CHECKING:  # PyAV takes its time to load
    from av.packet import Packet
    from av.stream import Stream


@dataclass(frozen=True, eq=False, repr=False)
class Frame:
    """An upright picture at its time.

    Attributes:
        rgb: uint8 (H, W, 3), values in [0, 255]; rows need not lie close together in memory.
        pts: time at which it is shown, in units of its clip's time base.
        duration: time for which it is shown, in the same units; 0 where it is unknown.
        number: its place, counted from 1, or the number of its file.
        alpha: uint8 (H, W) at full size, 0 clear to 255 opaque; None where all is opaque.
        fine: where `rgb` has a reduced size, the luma that the reduction leaves out: int16 at full
            size (H, W), in the 219 steps of luma from black to white.
    """

    rgb: UInt8
    pts: int
    duration: int = 0
    number: int = 0
    alpha: UInt8 | None = None
    fine: NDArray[np.int16] | None = None

    def __repr__(self) -> str:
        height, width = self.size
        return f"Frame({width}x{height}, pts={self.pts}, number={self.number})"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels, as the frame is shown."""
        height, width = (self.rgb if self.fine is None else self.fine).shape[:2]
        return height, width


Item: TypeAlias = "Frame | list[Packet[Stream]]"
"""A frame, or packets of sound and subtitles to copy unchanged."""


@dataclass(frozen=True)
class TimeSpan:
    """A part of a clip, from `start` up to and without `end`.

    Both are seconds from the beginning of the clip; None stands for the beginning and the end.

    Raises:
        VideoError: `start` is negative, or `end` does not lie after it.
    """

    start: Fraction | None = None
    end: Fraction | None = None

    def __post_init__(self) -> None:
        start, end = self.start or Fraction(0), self.end
        if start < 0 or (end is not None and end <= start):
            raise VideoError(
                f"cannot cut a video {self}: this is no part of a video; start at 0 or later, and "
                "end after the start"
            )

    def __str__(self) -> str:
        end = "" if self.end is None else f" to {float(self.end):g} s"
        return f"from {float(self.start or 0):g} s{end}"

    def __bool__(self) -> bool:
        return self.start is not None or self.end is not None

    def fraction_of(self, seconds: Fraction) -> float:
        """Compute the fraction of a clip that lies within the span, 0..1.

        Args:
            seconds: length of the clip; of a clip of length 0, the fraction is 1.
        """
        if not seconds:
            return 1.0
        end = seconds if self.end is None else min(self.end, seconds)
        return float(max(Fraction(0), end - (self.start or 0)) / seconds)


@dataclass(frozen=True)
class Colors:
    """The code points of ITU-T H.273 that say how pixels are coded; 2 means unspecified."""

    matrix: int = 2
    primaries: int = 2
    transfer: int = 2


BT709 = Colors(1, 1, 1)


@dataclass(eq=False, repr=False)
class Clip:
    """Frames in order of time, and all else that the file holds.

    A context manager: leaving it closes the file.

    Attributes:
        path: file that is read.
        time_base: seconds in one unit of `Frame.pts`.
        rate: frames per second, on average or nominally.
        count: number of frames to expect, where that is known.
        notes: remarks for the user, one line each; complete when all frames were read.
        lost: number of frames that could not be decoded.
        loop: number of times an animation is played, 0: without end; None for other clips.
        aspect: width of a pixel divided by its height, where that is not 1.
        colors: color coding of the file; a writer uses the same one where it can.
        tracks: sound, subtitles and attachments, as PyAV streams. Their packets come between the
            frames.
        metadata: title, artist, place and the like.
        video_metadata: the same, of the video track.
        chapters: chapters in the form that PyAV uses.
    """

    path: Path
    time_base: Fraction
    rate: Fraction
    count: int | None = None
    notes: list[str] = field(default_factory=list)
    lost: int = 0
    loop: int | None = None
    aspect: Fraction | None = None
    colors: Colors = BT709
    tracks: "Sequence[Stream]" = ()
    metadata: dict[str, str] = field(default_factory=dict)
    video_metadata: dict[str, str] = field(default_factory=dict)
    chapters: list[Any] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def items(self) -> Iterator[Item]:
        """Yield frames and, between them, packets to copy; the first item is a frame."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def cut_to_span(frames: Iterator[Frame], span: TimeSpan, time_base: Fraction) -> Iterator[Frame]:
    """Yield the frames that begin within a span, with times counted from the span's start."""
    start = math.ceil((span.start or 0) / time_base)
    for frame in frames:
        if span.end is not None and frame.pts * time_base >= span.end:
            return
        if frame.pts >= start:
            yield Frame(frame.rgb, frame.pts - start, frame.duration, frame.number, frame.alpha)
