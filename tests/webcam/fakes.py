"""A clock, cameras and a window that do what tests say."""

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from av.video.frame import VideoFrame
from clips import scene
from pictures import UInt8

from impasto.errors import VideoError
from impasto.webcam.capture import TimedFrame
from impasto.webcam.latest_frame import Clock


class FakeClock(Clock):
    """Time passes by waiting only."""

    def __init__(self) -> None:
        self.time = 100.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self.waits.append(seconds)
        self.time += seconds


def timed(
    number: int, seconds: float | None = None, size: tuple[int, int] = (48, 64)
) -> TimedFrame:
    """Frame so-and-so of a camera with 25 a second, all of one gray that tells its number."""
    gray = np.full((*size, 3), 2 * number, np.uint8)
    return TimedFrame(number / 25 if seconds is None else seconds, VideoFrame.from_ndarray(gray))


def number_of(frame: VideoFrame) -> int:
    """Which frame of `timed` it is."""
    return int(frame.to_ndarray(format="rgb24")[0, 0, 0]) // 2


class FakeFeed:
    """A camera of these frames, that is gone after them."""

    name, live = "the camera /dev/fake", True

    def __init__(self, frames: Iterable[TimedFrame]) -> None:
        self._frames = frames
        self.closed = False

    def frames(self) -> Iterator[TimedFrame]:
        yield from self._frames
        raise VideoError(f"{self.name} is gone (No such device); plug it in and start again")

    def close(self) -> None:
        self.closed = True


class FakeFile(FakeFeed):
    """The same as a file, that ends after its frames."""

    name, live = "clip.mp4", False

    def frames(self) -> Iterator[TimedFrame]:
        yield from self._frames


class HandFeed(FakeFeed):
    """A camera whose frames come when the test gives them; None unplugs it."""

    def __init__(self) -> None:
        super().__init__(())
        self.given: queue.Queue[TimedFrame | None] = queue.Queue()

    def frames(self) -> Iterator[TimedFrame]:
        while (frame := self.given.get()) is not None:
            yield frame
        yield from super().frames()


class FakeWindow:
    """A window in which keys are pressed at the frame that the test says, and what was shown is
    kept."""

    def __init__(self, *pressed: Sequence[str]) -> None:
        self._pressed = list(pressed)
        self.shown: list[UInt8] = []
        self.titles: list[str] = []
        self.lines: list[list[str]] = []
        self.full = self.closed = False

    def keys(self) -> list[str]:
        """Those of the first call before there is a picture, then those of the next after each
        picture."""
        return list(self._pressed.pop(0)) if self._pressed else []

    def show(self, picture: UInt8, title: str, lines: Sequence[str], full: bool) -> None:
        self.full = full
        self.shown.append(picture)
        self.titles.append(title)
        self.lines.append(list(lines))

    def close(self) -> None:
        self.closed = True


def pictures(count: int, size: tuple[int, int] = (48, 64)) -> list[UInt8]:
    """As painted ones."""
    return [scene(*size, number) for number in range(count)]
