"""The recorder: painted pictures become a video, at the times at which they were seen."""

import contextlib
import os
import queue
import threading
from dataclasses import dataclass
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import IO, cast

import av
from av.error import FFmpegError

from impasto.choices import Preset
from impasto.errors import ImpastoError, VideoError
from impasto.files import CarefulFile, os_reason
from impasto.hardware import available_cores
from impasto.images.image import UInt8
from impasto.video.clip import Clip, Frame
from impasto.video.formats import VideoOptions
from impasto.video.writer import VideoWriter

_TIME_BASE = Fraction(1, 90_000)  # seconds
_RATE = Fraction(30)  # frames per second that the file names; the real rate is unknown
_MAX_WAITING = 8  # pictures; more are dropped, as the view must not wait for the encoder
_PRESET: Preset = "superfast"  # as painting needs the cores
_QUALITY = 92
_CORES_SHARE = 4  # one core of so many encodes


@dataclass(frozen=True)
class Recording:
    """A recorded video.

    Attributes:
        path: its file.
        width: pixels across.
        height: pixels down.
        frames: number of frames.
        seconds: length.
        dropped: number of frames that the encoder had no time for.
    """

    path: Path
    width: int
    height: int
    frames: int
    seconds: float
    dropped: int


class Recorder:
    """A video being recorded, in a thread of its own.

    The file is written in its final place. At any time, it can be played as far as it is written.

    Args:
        path: the file, with a suffix of a video; an existing file is replaced.
        first: the first picture, uint8 (H, W, 3) with even sides; all others have its size.
        at: time at which it was seen, in seconds.

    Attributes:
        path: the file.
        failure: the error that ended the recording, if there was one; the part that was written
            until then stays.
    """

    def __init__(self, path: Path, first: UInt8, at: float) -> None:
        self.path, self.failure = path, cast("Exception | None", None)
        self._first, self._began = first, at
        self._dropped = 0
        self._file = _RecordingFile(path, at)
        self._queue: queue.Queue[tuple[UInt8 | None, float]] = queue.Queue(_MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)

    def __repr__(self) -> str:
        return f"Recorder({str(self.path)!r})"

    def start(self) -> "Recorder":
        """Begin with the first picture.

        This is a method of its own, so that the caller can end the recording as soon as there is a
        file.
        """
        self._thread.start()
        self.add(self._first, self._began)
        return self

    def add(self, picture: UInt8, at: float) -> None:
        """Record a picture seen at this time, or drop it if too many wait already."""
        try:
            self._queue.put_nowait((picture, at))
        except queue.Full:
            self._dropped += 1

    def finish(self, at: float) -> Recording | None:
        """End the file with the pictures that were added.

        Args:
            at: time at which the last picture was replaced, in seconds.

        Returns:
            The recording; None if nothing could be written, in which case there is no file.
        """
        if self._thread.ident is None:
            return None
        # there is room soon: the thread takes everything, whatever happens
        self._queue.put((None, at))
        self._thread.join()
        if not self._file.frames:
            return None
        height, width = self._first.shape[:2]
        seconds = round(self._file.seconds, 3)
        return Recording(self.path, width, height, self._file.frames, seconds, self._dropped)

    def explain_failure(self) -> str | None:
        """Explain the error that ended the recording; None if there was none.

        Raises:
            Exception: the failure itself, if it is a defect and no fault of the disk.
        """
        if self.failure is None:
            return None
        if isinstance(self.failure, ImpastoError):
            return str(self.failure)
        if not isinstance(self.failure, OSError):
            raise self.failure
        kept = f"; {self.path} holds what came before" if self._file.frames else ""
        return f"cannot record {self.path} further: {os_reason(self.failure)}{kept}"

    def _work(self) -> None:
        is_last = False
        while not is_last:
            picture, at = self._queue.get()
            is_last = picture is None
            try:
                if self.failure is None:
                    self._file.write(picture, at)
            except Exception as error:
                self.failure = error
        self._file.close(is_torn=self.failure is not None)


class _RecordingFile:
    """The file of a recording.

    Args:
        path: the file.
        began: time of the first picture, in seconds.

    Attributes:
        frames: number of frames in the file.
        seconds: length of the file.
    """

    def __init__(self, path: Path, began: float) -> None:
        self._path, self._began = path, began
        self.frames, self.seconds = 0, 0.0
        self._end = 0  # time at which the last frame ends, in `_TIME_BASE`
        self._file: CarefulFile | None = None
        self._writer: VideoWriter | None = None
        # the last picture; the next one tells how long it was seen
        self._pending: tuple[UInt8, float] | None = None

    def write(self, picture: UInt8 | None, at: float) -> None:
        """Take a picture, and write the one before it; None ends the video."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = CarefulFile(cast(IO[bytes], FileIO(self._path, "w")))
        if self._pending is not None:
            frame = self._make_frame(*self._pending, at, picture is None)
            self._writer = self._writer or self._open_writer(self._file, frame)
            self._writer.write(frame)
            self.frames += 1
            self.seconds = float(self._end * _TIME_BASE)
        self._pending = None if picture is None else (picture, at)
        if picture is None and self._writer:
            self._writer.close()

    def close(self, is_torn: bool) -> None:
        """Close the file, and cut off a torn end; a file without frames is removed."""
        if self._file is None:
            return
        self._file.close()
        if is_torn:
            self.frames, self.seconds, end = find_playable(self._path)
            with contextlib.suppress(OSError):
                os.truncate(self._path, end)
        if not self.frames:
            self._path.unlink(missing_ok=True)

    def _make_frame(self, picture: UInt8, begin: float, end: float, is_last: bool) -> Frame:
        start, stop = (round((time - self._began) / float(_TIME_BASE)) for time in (begin, end))
        start = max(start, self._end)
        # the user who stops ends the last frame, maybe before it was visible at all
        min_duration = round(1 / _RATE / _TIME_BASE) if is_last else 1
        duration = max(stop - start, min_duration)
        self._end = start + duration
        return Frame(picture, start, duration)

    def _open_writer(self, file: CarefulFile, first: Frame) -> VideoWriter:
        threads = max(1, available_cores() // _CORES_SHARE)
        options = VideoOptions(quality=_QUALITY, preset=_PRESET, threads=threads)
        clip = Clip(self._path, _TIME_BASE, _RATE)
        return VideoWriter(cast(IO[bytes], file), self._path, clip, first, options, recording=True)


def find_playable(path: Path) -> tuple[int, float, int]:
    """Find the part of a video that was cut short that can be played.

    Returns:
        The number of complete frames, the time in seconds at which the last one ends, and the
        position in bytes from which the file is torn.
    """
    frames: list[tuple[float, int]] = []  # end of each frame, and its position in the file
    torn = path.stat().st_size
    with (
        contextlib.suppress(FFmpegError, OSError, IndexError),
        av.open(str(path.absolute())) as clip,
    ):
        for packet in clip.demux(video=0):
            if packet.is_corrupt:
                torn = packet.pos or torn
                break
            if packet.size and packet.pts is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                frames.append((float(end), packet.pos or torn))
        # MPEG-TS does not tell where a frame ends, so the last one may be incomplete
        if frames and clip.format.name == "mpegts":
            torn = frames.pop()[1]
    return len(frames), frames[-1][0] if frames else 0.0, torn


def free_path(path: Path) -> Path:
    """Find a path that no file has: this one, or with -2, -3 and so on before the suffix.

    Raises:
        VideoError: the folder cannot be read.
    """
    try:
        number, candidate = 1, path
        while candidate.exists():
            number += 1
            candidate = path.with_stem(f"{path.stem}-{number}")
        return candidate
    except OSError as error:
        raise VideoError(f"cannot write {path}: {os_reason(error)}") from error
