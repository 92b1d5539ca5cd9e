"""Outputs of the webcam: snapshots and recordings, and the names of their files."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from impasto.errors import PictureError
from impasto.images.image import Picture, UInt8
from impasto.images.writing import write
from impasto.webcam.recorder import Recorder, Recording, free_path

_SNAPSHOT_QUALITY = 95


@dataclass(frozen=True)
class Snapshot:
    """A saved picture.

    Attributes:
        path: its file.
        width: pixels across.
        height: pixels down.
        style: name of the style.
    """

    path: Path
    width: int
    height: int
    style: str


Saved: TypeAlias = "Snapshot | Recording"


class Outputs:
    """Saves snapshots and recordings. A file that cannot be written does not end the webcam.

    Args:
        folder: folder for snapshots, and for recordings that have no name.
        record: file of the first recording; others get a number behind its name.
        overwrite: replace `record` if it exists.
        on_saved: called with every file.
        on_failed: called with an error message, for every file that could not be written.
    """

    def __init__(
        self,
        folder: Path,
        record: Path | None = None,
        overwrite: bool = False,
        on_saved: Callable[[Saved], None] = lambda saved: None,
        on_failed: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._folder, self._record, self._overwrite = folder, record, overwrite
        self._on_saved, self._on_failed = on_saved, on_failed
        self._recorder: Recorder | None = None

    def __repr__(self) -> str:
        return f"Outputs({str(self._folder)!r})"

    @property
    def recording_has_failed(self) -> bool:
        """Whether an error ended the recording."""
        return self._recorder is not None and self._recorder.failure is not None

    def save_snapshot(self, picture: UInt8, style: str) -> str:
        """Save a picture, uint8 (H, W, 3), and give a message for the screen."""
        path = free_path(self._folder / f"impasto-{style}-{_timestamp()}.jpg")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, Picture(picture), _SNAPSHOT_QUALITY)
        except (PictureError, OSError) as error:
            self._on_failed(str(error))
            return str(error)
        self._on_saved(Snapshot(path, picture.shape[1], picture.shape[0], style))
        return f"saved {path.name}"

    def record(self, picture: UInt8, at: float) -> None:
        """Record a picture that was seen at this time; begin a recording with the first one."""
        if self._recorder:
            self._recorder.add(picture, at)
        else:
            self._recorder = Recorder(self._recording_path(), picture, at)
            self._recorder.start()

    def end_recording(self, at: float) -> str | None:
        """End the recording, if there is one, and give a message for the screen."""
        if self._recorder is None:
            return None
        recorder, self._recorder = self._recorder, None
        message = None
        if recording := recorder.finish(at):
            message = f"saved {recording.path.name}"
            self._on_saved(recording)
        if error_message := recorder.explain_failure():
            message = error_message
            self._on_failed(error_message)
        return message

    def _recording_path(self) -> Path:
        path = self._record or self._folder / f"impasto-{_timestamp()}.mp4"
        if not self._overwrite:
            return free_path(path)
        self._overwrite = False  # it holds for the first recording only
        return path


def _timestamp() -> str:
    return f"{datetime.datetime.now():%Y%m%d-%H%M%S}"
