"""The latest frame of a camera: a thread reads on, and frames that are not taken in time drop."""

import threading
import time
from collections.abc import Iterator
from typing import NamedTuple, Self

from av.video.frame import VideoFrame

from impasto.errors import VideoError
from impasto.webcam.capture import FrameFeed, TimedFrame

_MAX_GAP = 10.0  # seconds between frames; after a larger gap, the times of a feed begin anew
_MAX_JOIN_SECONDS = 2.0  # to wait for a thread that may hang in a driver


class Clock:
    """The clock of the webcam; tests replace it."""

    def now(self) -> float:
        """Give the time in seconds, from an arbitrary start."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Let time pass, or less if `stop` is set."""
        stop.wait(seconds)


class CapturedFrame(NamedTuple):
    """A frame, and the time by the clock at which it came."""

    at: float
    frame: VideoFrame


def pace(frames: Iterator[TimedFrame], clock: Clock, stop: threading.Event) -> Iterator[VideoFrame]:
    """Yield frames when their time has come, and late ones at once, so that the feed keeps pace."""
    begin = None
    for seconds, frame in frames:
        now = clock.now()
        if begin is None or abs(begin + seconds - now) > _MAX_GAP:
            begin = now - seconds
        clock.wait(max(0.0, begin + seconds - now), stop)
        yield frame


class LatestFrame:
    """The latest frame of a feed. A context manager: within it a thread reads.

    Args:
        feed: camera, file or address; leaving the block closes it.
        clock: clock for the times of frames.

    Attributes:
        seen: number of frames that came.
        dropped: number of frames that were not taken before the next one came.
    """

    def __init__(self, feed: FrameFeed, clock: Clock) -> None:
        self._feed, self._clock = feed, clock
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._latest: CapturedFrame | None = None
        self._has_ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self.seen = self.dropped = 0

    def __repr__(self) -> str:
        return f"LatestFrame({self._feed.name!r})"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_MAX_JOIN_SECONDS)
        # A thread that still runs hangs in a driver, and what it reads must stay open.
        if not self._thread.is_alive():
            self._feed.close()

    def take(self, max_wait: float) -> CapturedFrame | None:
        """Take the latest frame, each only once.

        Args:
            max_wait: seconds to wait for a frame.

        Returns:
            The frame; None if none came in this time.

        Raises:
            VideoError: the camera is gone.
            EOFError: a file is at its end.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._latest or self._has_ended, max_wait)
            latest, self._latest = self._latest, None
            if not latest and self._error:
                raise self._error
            if not latest and self._has_ended:
                raise EOFError
            return latest

    def _read(self) -> None:
        error: BaseException | None = None
        try:
            for frame in self._frames():
                if self._stop.is_set():
                    return
                with self._changed:
                    self.dropped += self._latest is not None
                    self._latest = CapturedFrame(self._clock.now(), frame)
                    self.seen += 1
                    self._changed.notify_all()
        except BaseException as raised:
            error = raised
        with self._changed:
            self._has_ended, self._error = True, error
            self._changed.notify_all()

    def _frames(self) -> Iterator[VideoFrame]:
        frames = self._feed.frames()
        if self._feed.live:
            return (timed.frame for timed in frames)
        return pace(frames, self._clock, self._stop)


class Watchdog:
    """Gives up a camera that is silent for too long, as a driver may hang.

    Args:
        feed: camera, file or address.
        clock: clock to measure the silence with.
        seconds: longest silence.
    """

    def __init__(self, feed: FrameFeed, clock: Clock, seconds: float = 10.0) -> None:
        self._feed, self._clock, self._seconds = feed, clock, seconds
        self._last = clock.now()

    def __repr__(self) -> str:
        return f"Watchdog({self._feed.name!r})"

    def check(self, has_frame: bool) -> None:
        """Check the silence after each try to take a frame.

        Args:
            has_frame: whether there was a frame.

        Raises:
            VideoError: a camera gave no frame for too long. Files may stand still.
        """
        now = self._clock.now()
        if has_frame:
            self._last = now
        elif self._feed.live and now - self._last > self._seconds:
            raise VideoError(
                f"cannot read {self._feed.name}: it gave no picture for {self._seconds:.0f} s; "
                "unplug it, plug it in, start again"
            )
