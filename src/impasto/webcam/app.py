"""The show: the newest frame, painted, shown, recorded; again and again until somebody ends it."""

import datetime
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from impasto.errors import PictureError
from impasto.images.image import Picture, UInt8
from impasto.images.writing import write
from impasto.models.mix import Mix
from impasto.webcam.capture import FramePreprocessor
from impasto.webcam.controls import WebcamControls, help_lines
from impasto.webcam.latest_frame import Clock, LatestFrame, Watchdog
from impasto.webcam.recorder import Recorder, Recording, fresh
from impasto.webcam.window import Window

_PATIENCE = 0.05  # seconds without a frame until keys are looked at again
_SAID = 3.0  # seconds that a message stays
_OVER = 30  # frames that the frame rate is measured over
_SNAPSHOT_QUALITY = 95

Paint = Callable[[UInt8, Mix, float], UInt8]


@dataclass(frozen=True)
class Snapshot:
    """A picture that was kept: its file, pixels across and down, and the style's name."""

    path: Path
    width: int
    height: int
    style: str


Saved: TypeAlias = "Snapshot | Recording"


@dataclass
class Outputs:
    """Where pictures and recordings go, and who is told.

    Attributes:
        folder: for snapshots, and for recordings that have no name.
        record: the file of the first recording; others get a number behind it.
        overwrite: whether the first recording may replace a file.
        saved: told of every file.
        failed: told in a line of what could not be written; the show goes on.
    """

    folder: Path = field(default_factory=Path)
    record: Path | None = None
    overwrite: bool = False
    saved: Callable[[Saved], None] = lambda _: None
    failed: Callable[[str], None] = lambda _: None

    def recording(self) -> Path:
        """The file of the next recording."""
        path = self.record or self.folder / f"impasto-{_now()}.mp4"
        if not self.overwrite:
            return fresh(path)
        self.overwrite = False
        return path

    def snapshot(self, style: str) -> Path:
        """The file of the next snapshot."""
        return fresh(self.folder / f"impasto-{style}-{_now()}.jpg")


class WebcamApp:
    """The loop of a live view.

    Attributes:
        painted: how many frames were.
        fps: how many a second lately.
    """

    def __init__(
        self,
        session: WebcamControls,
        paint: Paint,
        lens: FramePreprocessor,
        window: Window,
        outputs: Outputs,
        clock: Clock,
    ) -> None:
        self._session, self._paint, self._lens, self._window = session, paint, lens, window
        self._outputs, self._clock = outputs, clock
        self._recorder: Recorder | None = None
        self._last: UInt8 | None = None
        self._times: deque[float] = deque(maxlen=_OVER + 1)
        self._said, self._said_until = "", 0.0
        self.painted = 0

    @property
    def fps(self) -> float:
        """Frames painted a second, over the last ones."""
        passed = self._times[-1] - self._times[0] if self._times else 0
        return (len(self._times) - 1) / passed if passed > 0 else 0.0

    def run(self, newest: LatestFrame, patience: Watchdog, seconds: float | None = None) -> None:
        """Go on until the user, the file or so many seconds end it; a recording is ended whatever
        happens.

        Raises:
            VideoError: the camera is gone.
        """
        session, begun = self._session, None
        try:
            while True:
                keys = self._window.keys()
                for key in keys:
                    session.press(key)
                if session.done:
                    return
                self._look_after_recording()
                try:
                    shot = newest.take(_PATIENCE)
                except EOFError:
                    return
                patience.saw(shot is not None)
                now = self._clock.now()
                begun = now if begun is None else begun
                if seconds is not None and now - begun >= seconds:
                    return
                if shot is not None:
                    self._last = self._paint(
                        self._lens(shot.frame, session.mirror), session.style, session.strength
                    )
                    self._keep(self._last, shot.at)
                if self._last is not None and (shot or keys):
                    title = f"impasto: {session.style.name}, {self.fps:.0f} frames a second"
                    self._window.show(self._last, title, self._lines(), session.fullscreen)
        finally:
            self._end_recording()

    def _keep(self, picture: UInt8, at: float) -> None:
        self.painted += 1
        self._times.append(self._clock.now())
        session = self._session
        if session.recording and self._recorder:
            self._recorder.add(picture, at)
        elif session.recording:
            self._recorder = Recorder(self._outputs.recording(), picture, at)
            self._recorder.start()
        if session.snapshot:
            session.snapshot = False
            self._snap(picture)

    def _snap(self, picture: UInt8) -> None:
        path = self._outputs.snapshot(self._session.style.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, Picture(picture), _SNAPSHOT_QUALITY)
        except (PictureError, OSError) as error:
            self._fail(str(error))
        else:
            self._save(Snapshot(path, picture.shape[1], picture.shape[0], self._session.style.name))

    def _look_after_recording(self) -> None:
        if self._recorder and (self._recorder.failure or not self._session.recording):
            self._session.recording = False
            self._end_recording()

    def _end_recording(self) -> None:
        if self._recorder is None:
            return
        recorder, self._recorder = self._recorder, None
        if recording := recorder.finish(self._clock.now()):
            self._save(recording)
        if problem := recorder.problem:
            self._fail(problem)

    def _save(self, saved: Saved) -> None:
        self._say(f"saved {saved.path.name}")
        self._outputs.saved(saved)

    def _fail(self, problem: str) -> None:
        self._say(problem)
        self._outputs.failed(problem)

    def _say(self, message: str) -> None:
        self._said, self._said_until = message, self._clock.now() + _SAID

    def _lines(self) -> list[str]:
        session = self._session
        state = [session.style.name, f"strength {session.strength:g}", f"{self.fps:.1f} fps"]
        if session.recording:
            state.append("REC")
        if not session.help:
            state.append("h: keys")
        said = [self._said] if self._clock.now() < self._said_until else []
        return [*(help_lines() if session.help else []), *said, "   ".join(state)]


def _now() -> str:
    return f"{datetime.datetime.now():%Y%m%d-%H%M%S}"
