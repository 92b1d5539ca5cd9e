"""The show: frames in, painted ones shown, snapshots and recordings kept, whatever ends it."""

import errno
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame
from clips import frames_of
from pictures import UInt8

from impasto.errors import PictureError, VideoError
from impasto.images.reading import read
from impasto.models.mix import Mix, find_mix
from impasto.webcam import outputs
from impasto.webcam.app import WebcamApp
from impasto.webcam.capture import FramePreprocessor, TimedFrame
from impasto.webcam.controls import WebcamControls
from impasto.webcam.latest_frame import CapturedFrame, Clock, LatestFrame, Watchdog
from impasto.webcam.outputs import Outputs, Saved, Snapshot
from impasto.webcam.recorder import Recorder, Recording

from .fakes import FakeClock, FakeFeed, FakeFile, FakeWindow, timed

STYLES = [find_mix(name) for name in ("great-wave", "starry-night")]


def negative(picture: UInt8, style: Mix, strength: float) -> UInt8:
    return 255 - picture


class OneByOne(LatestFrame):
    """Gives every frame of a feed, 1/25 s after the last: as fast as it is asked, and nothing
    depends on speed."""

    def __init__(self, feed: FakeFeed, clock: FakeClock) -> None:
        super().__init__(feed, clock)
        self._timed = feed.frames()
        self.time = clock

    def take(self, max_wait: float) -> CapturedFrame | None:
        self.time.time += 0.04
        frame = next(self._timed, None)
        if frame is None:
            raise EOFError
        return CapturedFrame(self.time.now(), frame.frame)


class Stage:
    """A show with everything fake about it."""

    def __init__(
        self,
        tmp_path: Path,
        *pressed: Sequence[str],
        record: Path | None = None,
        overwrite: bool = False,
    ) -> None:
        self.clock = FakeClock()
        self.window = FakeWindow(*pressed)
        self.session = WebcamControls(STYLES, recording=record is not None)
        self.saved: list[Saved] = []
        self.failed: list[str] = []
        self.outputs = Outputs(
            tmp_path / "out", record, overwrite, self.saved.append, self.failed.append
        )
        self.show: WebcamApp

    def run(
        self,
        feed: FakeFeed,
        paint: Callable[[UInt8, Mix, float], UInt8] = negative,
        seconds: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.show = WebcamApp(
            self.session,
            paint,
            FramePreprocessor(480),
            self.window,
            self.outputs,
            clock or self.clock,
        )
        self.show.run(OneByOne(feed, self.clock), Watchdog(feed, self.clock), seconds)


def clip(count: int, size: tuple[int, int] = (48, 64)) -> list[TimedFrame]:
    return [timed(number, size=size) for number in range(count)]


def numbers(shown: Sequence[UInt8]) -> list[int]:
    return [(255 - int(picture[0, 0, 0])) // 2 for picture in shown]


def test_frames_are_painted_and_shown(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.run(FakeFile(clip(5)))
    assert numbers(stage.window.shown) == [0, 1, 2, 3, 4]
    assert stage.show.painted == 5
    assert stage.show.fps == pytest.approx(25)
    assert stage.window.titles[-1] == "impasto: great-wave, 25 frames a second"
    assert stage.window.lines[-1] == ["great-wave   strength 1   25.0 fps   h: keys"]


def test_keys(tmp_path: Path) -> None:
    asked = []

    def paint(picture: UInt8, style: Mix, strength: float) -> UInt8:
        asked.append((style.name, strength))
        return picture

    stage = Stage(tmp_path, [], ["n"], ["down", "down"], ["h", "f"], ["h"], ["q"])
    stage.run(FakeFeed(clip(20)), paint)
    names = ["great-wave"] + 4 * ["starry-night"]
    assert asked == list(zip(names, [1.0, 1.0, 0.8, 0.8, 0.8], strict=True))
    assert stage.window.full
    assert "q or escape: quit" in stage.window.lines[3]
    assert "q or escape: quit" not in stage.window.lines[4]


def test_a_mirror(tmp_path: Path) -> None:
    half = np.zeros((48, 64, 3), np.uint8)
    half[:, :32] = 250
    stage = Stage(tmp_path, [], ["m"])
    stage.run(FakeFile([TimedFrame(n / 25, VideoFrame.from_ndarray(half)) for n in range(2)]))
    first, second = stage.window.shown
    assert (first[:, :30] < 20).all()
    assert (second == first[:, ::-1]).all()


def test_so_many_seconds(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.run(FakeFeed(clip(100)), seconds=0.99)
    assert stage.show.painted == 25


def test_snapshots_are_what_was_shown_and_do_not_collide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_timestamp", lambda: "20260101-120000")
    stage = Stage(tmp_path, ["s"], ["space"], [], ["n", "s"])
    stage.run(FakeFile(clip(5)))
    names = [
        "great-wave-20260101-120000",
        "great-wave-20260101-120000-2",
        "starry-night-20260101-120000",
    ]
    paths = [tmp_path / "out" / f"impasto-{name}.jpg" for name in names]
    assert stage.saved == [
        Snapshot(path, 64, 48, path.stem.split("-2026")[0][8:]) for path in paths
    ]
    assert sorted((tmp_path / "out").iterdir()) == sorted(paths)
    for path, number in zip(paths, (0, 1, 3), strict=True):
        assert np.abs(read(path).rgb.astype(int) - (255 - 2 * number)).max() <= 2
    assert f"saved {paths[-1].name}" in stage.window.lines[-1]


def test_recordings(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [], ["r"], [], [], ["r"], [], ["r"], record=None)
    stage.run(FakeFile(clip(10)))
    first, second = stage.saved
    assert isinstance(first, Recording)
    assert isinstance(second, Recording)
    assert (first.frames, second.frames) == (3, 4)
    assert first.path.parent == tmp_path / "out"
    assert first.path != second.path
    assert "REC" in stage.window.lines[2][-1]
    assert "REC" not in stage.window.lines[4][-1]
    assert [round((255 - frame.mean()) / 2) for frame in frames_of(first.path)] == [1, 2, 3]
    assert first.seconds == pytest.approx(0.08 + 1 / 30, abs=1e-3)  # the last was seen for no time


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_recording_from_the_start(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "a.mp4").write_text("mine")
    stage = Stage(tmp_path, [], ["r"], ["r"], record=tmp_path / "a.mp4", overwrite=overwrite)
    stage.run(FakeFile(clip(5)))
    names = [saved.path.name for saved in stage.saved]
    assert names == (["a.mp4", "a-2.mp4"] if overwrite else ["a-2.mp4", "a-3.mp4"])
    assert ((tmp_path / "a.mp4").read_bytes() == b"mine") is not overwrite


@pytest.mark.parametrize("end", [VideoError, KeyboardInterrupt, RuntimeError])
def test_a_recording_is_ended_whatever_happens(tmp_path: Path, end: type[BaseException]) -> None:
    def paint(picture: UInt8, style: Mix, strength: float) -> UInt8:
        if picture[0, 0, 0] == 14 and end is not VideoError:
            raise end
        return picture

    stage = Stage(tmp_path, record=tmp_path / "a.mp4")
    with pytest.raises(end):
        stage.run(FakeFeed(clip(7 if end is VideoError else 10)), paint)
    (saved,) = stage.saved
    assert isinstance(saved, Recording)
    assert saved.frames == len(frames_of(saved.path)) == 7


def test_a_full_disk_ends_the_recording_and_not_the_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, record=tmp_path / "a.mp4")
    add = Recorder.add

    def added(self: Recorder, picture: UInt8, at: float) -> None:
        add(self, picture, at)
        if picture[0, 0, 0] == 255 - 2 * 4:  # by the fifth frame, the thread has found out
            failed.wait(60)

    failed = threading.Event()

    def no_room(*_: object) -> None:
        failed.set()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Recorder, "add", added)
    monkeypatch.setattr("impasto.webcam.recorder.VideoWriter.write", no_room)
    stage.run(FakeFile(clip(9)))
    assert stage.show.painted == 9
    assert stage.saved == []
    (told,) = stage.failed
    assert told.startswith(
        f"cannot record {tmp_path / 'a.mp4'} further: No space left on device; free some space"
    )
    assert not stage.session.recording
    assert told in stage.window.lines[-1]


def test_a_snapshot_that_finds_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, *_: Any) -> None:
        raise PictureError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(outputs, "write", write)
    stage = Stage(tmp_path, [], ["s"])
    stage.run(FakeFile(clip(4)))
    assert stage.show.painted == 4
    assert len(stage.failed) == 1
    assert "No space left" in stage.failed[0]


def test_keys_are_heard_while_no_frame_comes(tmp_path: Path) -> None:
    class Silent(OneByOne):
        def take(self, max_wait: float) -> CapturedFrame | None:
            self.time.time += max_wait
            return None

    stage = Stage(tmp_path, [], [], ["q"])
    feed = FakeFeed([])
    WebcamApp(
        stage.session, negative, FramePreprocessor(480), stage.window, stage.outputs, stage.clock
    ).run(Silent(feed, stage.clock), Watchdog(feed, stage.clock))
    stage = Stage(tmp_path)
    with pytest.raises(VideoError, match="gave no picture for 10 s"):
        WebcamApp(
            stage.session,
            negative,
            FramePreprocessor(480),
            stage.window,
            stage.outputs,
            stage.clock,
        ).run(Silent(feed, stage.clock), Watchdog(feed, stage.clock))
