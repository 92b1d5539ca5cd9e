"""The newest frame of a feed: a thread reads on, and what nobody took in time is dropped."""

import threading
import time
from collections.abc import Iterator
from typing import NamedTuple, Self

from av.video.frame import VideoFrame

from impasto.errors import VideoError
from impasto.webcam.capture import FrameFeed, TimedFrame

_LEAP = 10.0  # seconds between frames that are not waited for: times were set anew
_FAREWELL = 2.0  # seconds to wait for a thread that may hang in a driver


class Clock:
    """The time, and waiting; tests have one of their own."""

    def now(self) -> float:
        """Seconds from some time on."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Let time pass, or less if told to stop."""
        stop.wait(seconds)


class CapturedFrame(NamedTuple):
    """A frame, and when it came by the clock."""

    at: float
    frame: VideoFrame


def paced(
    frames: Iterator[TimedFrame], clock: Clock, stop: threading.Event
) -> Iterator[VideoFrame]:
    """Frames when their time has come; those that are late at once, so that the feed keeps its
    pace."""
    begin = None
    for seconds, frame in frames:
        now = clock.now()
        if begin is None or abs(begin + seconds - now) > _LEAP:
            begin = now - seconds
        clock.wait(max(0.0, begin + seconds - now), stop)
        yield frame


class LatestFrame:
    """The newest frame of a feed. A context manager: within it a thread reads.

    Attributes:
        seen: frames that came.
        dropped: frames that nobody took before the next one came.
    """

    def __init__(self, feed: FrameFeed, clock: Clock) -> None:
        self._feed, self._clock = feed, clock
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._shot: CapturedFrame | None = None
        self._end = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self.seen = self.dropped = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_FAREWELL)
        if not self._thread.is_alive():  # else a driver holds it, and what it reads must stay open
            self._feed.close()

    def take(self, patience: float) -> CapturedFrame | None:
        """The newest frame that nobody took before; None if none comes within so many seconds.

        Raises:
            VideoError: the camera is gone.
            EOFError: a file is at its end.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._shot or self._end, patience)
            shot, self._shot = self._shot, None
            if not shot and self._error:
                raise self._error
            if not shot and self._end:
                raise EOFError
            return shot

    def _read(self) -> None:
        error: BaseException | None = None
        try:
            frames = self._feed.frames()
            for frame in (
                (timed.frame for timed in frames)
                if self._feed.live
                else paced(frames, self._clock, self._stop)
            ):
                if self._stop.is_set():
                    return
                with self._changed:
                    self.dropped += self._shot is not None
                    self._shot = CapturedFrame(self._clock.now(), frame)
                    self.seen += 1
                    self._changed.notify_all()
        except BaseException as raised:
            error = raised
        with self._changed:
            self._end, self._error = True, error
            self._changed.notify_all()


class Watchdog:
    """Gives a camera up that is silent for too long, as a driver may hang."""

    def __init__(self, feed: FrameFeed, clock: Clock, seconds: float = 10.0) -> None:
        self._feed, self._clock, self._seconds = feed, clock, seconds
        self._last = clock.now()

    def saw(self, anything: bool) -> None:
        """Told after each try. Raises VideoError when there was nothing for too long."""
        now = self._clock.now()
        if anything:
            self._last = now
        elif self._feed.live and now - self._last > self._seconds:  # files may stand still
            raise VideoError(
                f"{self._feed.name} gave no picture for {self._seconds:.0f} s; unplug it, plug it in, start again"
            )
