"""Recordings have real times, wait for nothing, and can be played as far as they got."""

import errno
import io
import os
import threading
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import frames_of, times_of
from pictures import UInt8

from impasto.errors import VideoError
from impasto.files import CarefulFile
from impasto.webcam import recorder
from impasto.webcam.recorder import Recorder, _RecordingFile, find_playable, free_path

from .fakes import pictures

TIMES = (7.0, 7.04, 7.3, 7.31, 9.0)


def record(path: Path, times: tuple[float, ...] = TIMES, end: float = 9.5) -> Recorder:
    shown = pictures(len(times))
    recording = Recorder(path, shown[0], times[0]).start()
    for picture, at in zip(shown[1:], times[1:], strict=True):
        recording.add(picture, at)
    recording.finish(end)
    return recording


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".ts"])
def test_frames_have_the_times_at_which_they_were_seen(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"new folder/a{suffix}"
    assert record(path).explain_failure() is None
    times, unit = times_of(path)
    begin = times[0] or 0  # transport streams begin later
    assert [((time or 0) - begin) * float(unit or 0) for time in times] == pytest.approx(
        [0, 0.04, 0.3, 0.31, 2.0], abs=6e-4
    )
    for painted, picture in zip(frames_of(path), pictures(5), strict=True):
        assert np.abs(painted.astype(int) - picture).mean() < 6
    if suffix != ".ts":
        assert begin == 0
        with av.open(str(path)) as clip:
            assert float(clip.duration or 0) / av.time_base == pytest.approx(2.5, abs=2e-3)


def test_what_it_comes_to(tmp_path: Path) -> None:
    shown = pictures(3, (50, 70))
    recording = Recorder(tmp_path / "a.mp4", shown[0], 5.0).start()
    recording.add(shown[1], 5.5)
    recording.add(shown[2], 6.0)
    done = recording.finish(6.0)  # at once, which leaves the last one the least that can be seen
    assert done == recorder.Recording(tmp_path / "a.mp4", 70, 50, 3, 1.033, 0)


def test_times_that_are_one(tmp_path: Path) -> None:
    assert record(tmp_path / "a.mp4", (5.0,) * 4, 5.0).explain_failure() is None
    assert len(frames_of(tmp_path / "a.mp4")) == 4


def test_an_encoder_that_is_slow_costs_frames_and_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    real = _RecordingFile._make_frame

    def slow(self: _RecordingFile, *arguments: Any) -> Any:
        go.wait()
        return real(self, *arguments)

    monkeypatch.setattr(_RecordingFile, "_make_frame", slow)
    shown = pictures(1)[0]
    recording = Recorder(tmp_path / "a.mp4", shown, 0.0).start()
    for number in range(1, 40):
        recording.add(shown, number / 25)
    go.set()
    done = recording.finish(40 / 25)
    assert done is not None
    assert done.dropped >= 40 - recorder._MAX_WAITING - 2
    assert (done.frames + done.dropped, done.seconds) == (40, 1.6)
    assert len(frames_of(tmp_path / "a.mp4")) == done.frames


class Full(io.FileIO):
    """A file on a disk with little room, which takes a part of what it has no room for, as disks
    do."""

    room = 0

    def write(self, data: Any) -> int:
        left = self.room - self.tell()
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(memoryview(data)[:left]) or 0


def noise(count: int) -> list[UInt8]:
    """Pictures that take room."""
    return list(np.random.default_rng(0).integers(0, 256, (count, 240, 320, 3), dtype=np.uint8))


@pytest.mark.parametrize("room", [400_000, 2_000_000])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".ts"])
def test_a_disk_that_fills_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, room: int
) -> None:
    """What was recorded until then plays to its end, without a torn frame."""
    monkeypatch.setattr(recorder, "FileIO", Full)
    monkeypatch.setattr(Full, "room", room)
    monkeypatch.setattr(recorder, "_MAX_WAITING", 100)
    path = tmp_path / f"a{suffix}"
    shown = noise(80)
    recording = Recorder(path, shown[0], 0.0).start()
    for number, picture in enumerate(shown[1:], 1):
        recording.add(picture, number / 10)
    done = recording.finish(8.0)
    assert done is not None
    assert done.path == path
    assert 5 < done.frames < 80
    assert 0.4 < done.seconds < 8
    told = (
        f"cannot record {path} further: No space left on device; "
        "free some space, or choose another disk"
    )
    assert recording.explain_failure() == f"{told}; {path} holds what came before"
    seen = frames_of(path)
    assert len(seen) == done.frames
    first, last = (np.abs(seen[at].astype(int) - shown[at]).mean() for at in (0, done.frames - 1))
    assert last < first + 3  # of noise, of which much is lost


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_disk_that_is_full_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(recorder, "FileIO", Full)
    path = tmp_path / f"a{suffix}"
    recording = record(path)
    assert recording.explain_failure() is not None
    assert "No space left on device" in (recording.explain_failure() or "")
    assert "holds" not in (recording.explain_failure() or "")
    assert not path.exists()


def test_a_recording_that_was_not_begun(tmp_path: Path) -> None:
    """As where Ctrl-C comes between."""
    assert Recorder(tmp_path / "a.mp4", pictures(1)[0], 0.0).finish(1.0) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recording = record(tmp_path / "file" / "a.mp4")
    assert recording.explain_failure() is not None
    assert "a part of its path is a file" in (recording.explain_failure() or "")


def test_a_defect_is_not_taken_for_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_RecordingFile, "_make_frame", lambda *_: 1 / 0)
    recording = record(tmp_path / "a.mp4")
    with pytest.raises(ZeroDivisionError):
        _ = recording.explain_failure()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_file_that_nobody_ended_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """As where the power fails: nothing but what was written until then."""
    copies = []
    real = CarefulFile.write

    def written(self: CarefulFile, data: Any) -> int:
        count = real(self, data)
        copies.append((tmp_path / f"a{suffix}").read_bytes())
        return count

    monkeypatch.setattr(CarefulFile, "write", written)
    monkeypatch.setattr(recorder, "_MAX_WAITING", 100)
    shown = noise(60)
    recording = Recorder(tmp_path / f"a{suffix}", shown[0], 0.0).start()
    for number, picture in enumerate(shown[1:], 1):
        recording.add(picture, number / 10)
    recording.finish(6.0)
    half = tmp_path / f"half{suffix}"
    half.write_bytes(copies[len(copies) // 2])
    assert 5 < find_playable(half)[0] < 60


def test_names_do_not_collide(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    names = []
    for _ in range(3):
        found = free_path(path)
        found.write_text("")
        names.append(found.name)
    assert names == ["a.mp4", "a-2.mp4", "a-3.mp4"]
    with pytest.raises(VideoError, match="cannot write"):
        free_path(tmp_path / ("a" * 300))
