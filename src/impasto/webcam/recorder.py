"""The recorder: painted pictures into a video at the times at which they were seen, in a thread of
its own."""

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

from impasto.errors import ImpastoError, VideoError
from impasto.files import CarefulFile, os_reason
from impasto.hardware import available_cores
from impasto.images.image import UInt8
from impasto.video.clip import Clip, Frame
from impasto.video.writer import VideoWriter

_UNIT = Fraction(1, 90_000)
_RATE = Fraction(30)  # what to expect, where nobody knows
_WAITING = 8  # pictures; more are dropped, as the view must not wait for the encoder
_PRESET, _QUALITY = "superfast", 92  # what paints needs the cores


@dataclass(frozen=True)
class Recording:
    """What was recorded: the file, pixels across and down, frames, seconds, and frames that the
    encoder had no time for."""

    path: Path
    width: int
    height: int
    frames: int
    seconds: float
    dropped: int


class Recorder:
    """A video being recorded. The file is written where it is to stay, and can be played as far as
    it got at any time.

    Args:
        path: the file, with a suffix of a video; it is begun anew.
        first: the first picture, uint8 (H, W, 3) with even sides; all others have its size.
        at: when it was seen, seconds.

    Attributes:
        failure: what ended the recording, when something did; what was written until then stays.
    """

    def __init__(self, path: Path, first: UInt8, at: float) -> None:
        self.path, self.failure = path, cast("Exception | None", None)
        self._begin, self._height, self._width = at, *first.shape[:2]
        self._frames = self._dropped = 0
        self._seconds = 0.0  # of a file that was cut short
        self._past = 0  # where what is written ends, in `_UNIT`
        self._queue: queue.Queue[tuple[UInt8 | None, float]] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._first = first

    def start(self) -> "Recorder":
        """Begin with the first picture. By itself, so that whoever ends the recording knows of it
        before there is a file."""
        self._thread.start()
        self.add(self._first, self._begin)
        return self

    def add(self, picture: UInt8, at: float) -> None:
        """Record a picture, or drop it if too many wait already."""
        try:
            self._queue.put_nowait((picture, at))
        except queue.Full:
            self._dropped += 1

    def finish(self, at: float) -> Recording | None:
        """End the file with what was added; None if nothing of it could be written, in which case
        there is no file."""
        if self._thread.ident is None:
            return None
        self._queue.put((None, at))  # soon has room: the thread takes everything, whatever happens
        self._thread.join()
        if not self._frames:
            return None
        seconds = round(self._seconds if self.failure else float(self._past * _UNIT), 3)
        return Recording(self.path, self._width, self._height, self._frames, seconds, self._dropped)

    @property
    def problem(self) -> str | None:
        """What ended the recording, in a line. Raises what is no fault of the disk."""
        if self.failure is None:
            return None
        if isinstance(self.failure, ImpastoError):
            return str(self.failure)
        if not isinstance(self.failure, OSError):
            raise self.failure
        kept = f"; {self.path} holds what came before" if self._frames else ""
        return f"cannot record {self.path} further: {os_reason(self.failure)}{kept}"

    def _work(self) -> None:
        file = None
        writer: VideoWriter | None = None
        held: tuple[UInt8, float] | None = None  # how long it was seen, the next one tells
        while True:
            picture, at = self._queue.get()
            try:
                if self.failure is None:
                    if file is None:
                        self.path.parent.mkdir(parents=True, exist_ok=True)
                        file = CarefulFile(cast(IO[bytes], FileIO(self.path, "w")))
                    if held is not None:
                        frame = self._timed(held, at, picture is None)
                        writer = writer or self._writer(file, frame)
                        writer.write(frame)
                        self._frames += 1
                    held = None if picture is None else (picture, at)
                    if picture is None and writer:
                        writer.close()
            except Exception as error:
                self.failure = error
            if picture is None:
                break
        if file is not None:
            file.close()
            if self.failure is not None:
                self._frames, self._seconds, torn = playable(self.path)
                with contextlib.suppress(OSError):
                    os.truncate(self.path, torn)
            if not self._frames:
                self.path.unlink(missing_ok=True)

    def _timed(self, held: tuple[UInt8, float], end: float, is_last: bool) -> Frame:
        begin, until = (round((seconds - self._begin) / float(_UNIT)) for seconds in (held[1], end))
        begin = max(begin, self._past)
        # the last one is ended by whoever stops, maybe before anybody has seen it
        length = max(until - begin, round(1 / _RATE / _UNIT) if is_last else 1)
        self._past = begin + length
        return Frame(held[0], begin, length)

    def _writer(self, file: CarefulFile, first: Frame) -> VideoWriter:
        clip = Clip(self.path, _UNIT, _RATE)
        threads = max(1, available_cores() // 4)
        to = cast(IO[bytes], file)
        return VideoWriter(
            to, self.path, clip, first, "auto", _QUALITY, _PRESET, threads, recording=True
        )


def playable(path: Path) -> tuple[int, float, int]:
    """Of a video that was cut short: whole frames, the seconds at which the last one ends, the byte
    from which it is torn."""
    whole: list[tuple[float, int]] = []  # end of each frame, and where it begins in the file
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
                whole.append(
                    (
                        float((packet.pts + (packet.duration or 0)) * packet.time_base),
                        packet.pos or torn,
                    )
                )
        if whole and clip.format.name == "mpegts":  # which does not say how long a frame is
            torn = whole.pop()[1]
    return len(whole), whole[-1][0] if whole else 0.0, torn


def fresh(path: Path) -> Path:
    """A path where nothing stands: this one, or with -2, -3 and so on before the suffix.

    Raises VideoError if a folder cannot be looked into.
    """
    try:
        number, found = 1, path
        while found.exists():
            number += 1
            found = path.with_stem(f"{path.stem}-{number}")
        return found
    except OSError as error:
        raise VideoError(f"cannot write {path}: {os_reason(error)}") from error
