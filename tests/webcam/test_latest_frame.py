"""The newest frame is what is taken; files keep their pace; what is gone says so."""

import threading

import pytest

from impasto.errors import VideoError
from impasto.webcam.latest_frame import LatestFrame, Watchdog, pace

from .fakes import FakeClock, FakeFeed, FakeFile, HandFeed, number_of, timed

LONG = 60.0  # seconds that no test waits for


def gone(newest: LatestFrame) -> VideoError:
    with pytest.raises(VideoError) as raised:
        while newest.take(LONG):
            pass
    return raised.value


def test_who_is_slow_gets_the_newest() -> None:
    feed = HandFeed()
    with LatestFrame(feed, FakeClock()) as newest:
        feed.given.put(timed(0))
        shot = newest.take(LONG)
        assert shot is not None
        assert number_of(shot.frame) == 0
        for number in range(1, 6):  # while one is painted
            feed.given.put(timed(number))
        feed.given.put(None)
        newest._thread.join(LONG)
        shot = newest.take(LONG)
        assert shot is not None
        assert number_of(shot.frame) == 5
        assert (newest.seen, newest.dropped) == (6, 4)
        assert "is gone" in str(gone(newest))
    assert feed.closed


def test_no_frame_is_taken_twice() -> None:
    feed = HandFeed()
    with LatestFrame(feed, FakeClock()) as newest:
        assert newest.take(0) is None
        feed.given.put(timed(0))
        assert newest.take(LONG) is not None
        assert newest.take(0) is None
        feed.given.put(None)


def test_a_file_ends() -> None:
    feed = FakeFile([timed(0)])
    with LatestFrame(feed, FakeClock()) as newest:
        assert newest.take(LONG) is not None
        with pytest.raises(EOFError):
            newest.take(LONG)
    assert feed.closed


def test_a_camera_that_disappears() -> None:
    with LatestFrame(FakeFeed([timed(0), timed(1)]), FakeClock()) as newest:
        assert (
            str(gone(newest))
            == "the camera /dev/fake is gone (No such device); plug it in and start again"
        )


def test_a_camera_that_hangs_does_not_hang_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.webcam.latest_frame._MAX_JOIN_SECONDS", 0.01)
    feed = HandFeed()
    with LatestFrame(feed, FakeClock()) as newest:
        assert newest.take(0) is None
    assert not feed.closed, "closed under the hands of who reads it"
    feed.given.put(None)


def test_a_camera_that_is_silent_is_given_up() -> None:
    clock = FakeClock()
    watchdog = Watchdog(FakeFeed([]), clock)
    clock.time += 9
    watchdog.check(False)
    watchdog.check(True)
    clock.time += 9.5
    watchdog.check(False)
    clock.time += 1
    with pytest.raises(
        VideoError, match="camera /dev/fake: it gave no picture for 10 s; unplug it"
    ):
        watchdog.check(False)


def test_a_file_is_played_at_its_own_pace() -> None:
    clock = FakeClock()
    frames = [timed(number, seconds) for number, seconds in enumerate((0, 0.04, 0.05, 1.0))]
    came = [clock.now() - 100 for _ in pace(iter(frames), clock, threading.Event())]
    assert came == pytest.approx([0, 0.04, 0.05, 1.0])


def test_what_is_late_comes_at_once_and_the_pace_is_kept() -> None:
    clock = FakeClock()
    came = []
    for number, _ in enumerate(pace((timed(n) for n in range(6)), clock, threading.Event())):
        came.append(round(clock.now() - 100, 3))
        if number == 1:
            clock.time += 0.1  # a frame that is slow to decode
    assert came == pytest.approx([0, 0.04, 0.14, 0.14, 0.16, 0.2])


@pytest.mark.parametrize("leap", [5000.0, -5000.0])
def test_times_that_leap_are_not_waited_for(leap: float) -> None:
    clock = FakeClock()
    frames = [timed(0, 0), timed(1, 0.04), timed(2, leap), timed(3, leap + 0.04)]
    came = [clock.now() - 100 for _ in pace(iter(frames), clock, threading.Event())]
    assert came == pytest.approx([0, 0.04, 0.04, 0.08])


def test_a_file_may_stand_still() -> None:
    clock = FakeClock()
    watchdog = Watchdog(FakeFile([]), clock)
    clock.time += 1000
    watchdog.check(False)
