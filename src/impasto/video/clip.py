"""What moves: frames in time, and the tracks beside them. Each kind of file reads into a `Clip`."""

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


@dataclass(frozen=True, eq=False)
class Frame:
    """An upright picture at its time.

    Attributes:
        rgb: uint8 (H, W, 3), values in [0, 255]; rows need not lie close together in memory.
        pts: when it is shown, in units of its clip's time base.
        duration: how long, in the same units; 0 where nobody says.
        number: which one it is, counted from 1, or as its file is numbered.
        alpha: uint8 (H, W), where not all is opaque; at full size.
        fine: where `rgb` is of a reduced size, what that leaves out of the light, int16 at full
            size (H, W): luma, in its 219 steps from black to white.
    """

    rgb: UInt8
    pts: int
    duration: int = 0
    number: int = 0
    alpha: UInt8 | None = None
    fine: NDArray[np.int16] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Pixels down and across, where it is shown."""
        height, width = (self.rgb if self.fine is None else self.fine).shape[:2]
        return height, width


Item: TypeAlias = "Frame | list[Packet[Stream]]"
"""A frame, or packets of sound and subtitles to copy as they are."""


@dataclass(frozen=True)
class TimeSpan:
    """A part of a clip, from `start` up to and without `end`, in seconds from its beginning; None:
    all there is."""

    start: Fraction | None = None
    end: Fraction | None = None

    def __post_init__(self) -> None:
        start, end = self.start or Fraction(0), self.end
        if start < 0 or (end is not None and end <= start):
            raise VideoError(
                f"{self} is no part of a video; start at 0 or later, and end after the start"
            )

    def __str__(self) -> str:
        return f"from {float(self.start or 0):g} s" + (
            "" if self.end is None else f" to {float(self.end):g} s"
        )

    def __bool__(self) -> bool:
        return self.start is not None or self.end is not None

    def share(self, seconds: Fraction) -> float:
        """The part of a clip of so many seconds that lies within, 0 to 1."""
        end = seconds if self.end is None else min(self.end, seconds)
        return float(max(Fraction(0), end - (self.start or 0)) / seconds) if seconds else 1.0


@dataclass(frozen=True)
class Colors:
    """How pixels are coded, by the code points of ITU-T H.273; 2: nobody says."""

    matrix: int = 2
    primaries: int = 2
    transfer: int = 2


BT709 = Colors(1, 1, 1)


@dataclass(eq=False)
class Clip:
    """Frames in order of time, and what else the file holds. A context manager: leaving it closes
    the file.

    Attributes:
        path: where it was read from.
        time_base: seconds that one unit of `Frame.pts` is worth.
        rate: frames a second, on average or nominally.
        count: how many frames to expect, where that is known.
        notes: what there was to say of it, a line each; complete when all frames were read.
        lost: frames that could not be decoded.
        loop: how often an animation is played, 0: for ever; None for what is no animation.
        aspect: width of a pixel by its height, where it is not 1.
        colors: how the pixels were coded; a writer codes them so too, where it can.
        tracks: sound, subtitles and attachments, as PyAV streams, whose packets come between the
            frames.
        metadata: title, artist, place and the like.
        chapters: as PyAV has them.
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
    chapters: list[Any] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """Frames and, between them, packets to copy; the first item is a frame."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def within(frames: Iterator[Frame], span: TimeSpan, time_base: Fraction) -> Iterator[Frame]:
    """The frames that begin within a span, timed from its start."""
    start = math.ceil((span.start or 0) / time_base)
    for frame in frames:
        if span.end is not None and frame.pts * time_base >= span.end:
            return
        if frame.pts >= start:
            yield Frame(frame.rgb, frame.pts - start, frame.duration, frame.number, frame.alpha)
