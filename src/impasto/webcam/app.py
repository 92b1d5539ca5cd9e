"""The webcam application: the latest frame is painted, shown and recorded, until the user quits."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from impasto.images.image import UInt8
from impasto.inference.settings import StylizeSettings
from impasto.models.mix import Mix
from impasto.stylizer import Stylizer
from impasto.webcam.capture import FramePreprocessor, OpenCamera, even_size
from impasto.webcam.controls import WebcamControls, help_lines
from impasto.webcam.latest_frame import CapturedFrame, Clock, LatestFrame, Watchdog
from impasto.webcam.outputs import Outputs, Saved
from impasto.webcam.sources import find_sources
from impasto.webcam.stylizer import WebcamStylizer
from impasto.webcam.window import NoWindow, PygameWindow, Window

_KEY_INTERVAL = 0.05  # seconds without a frame until keys are read again
_MESSAGE_SECONDS = 3.0  # for which a message stays on the screen
_RATE_FRAMES = 30  # frames that the frame rate is measured over

PaintPicture = Callable[[UInt8, Mix, float], UInt8]
"""Paints a picture in a style and with a strength: uint8 (H, W, 3) to the same."""


@dataclass(frozen=True)
class WebcamOptions:
    """Settings of the webcam.

    Attributes:
        size: pixels painted on the short side; larger is slower.
        mirror: swap left and right; None: with cameras, and not with files.
        record: file to record from the start.
        snapshots: folder for snapshots, and for recordings without a name.
        overwrite: replace `record` if it exists.
        fullscreen: fill the screen.
        window: show a window.
        seconds: end after this time.
        loop: play a file again and again.
        engine: engine that blends frames, as of the stylizer.
        threads: number of threads that blend frames, as of the stylizer.
    """

    size: int = 480
    mirror: bool | None = None
    record: Path | None = None
    snapshots: Path = field(default_factory=Path)
    overwrite: bool = False
    fullscreen: bool = False
    window: bool = True
    seconds: float | None = None
    loop: bool = False
    engine: str = "auto"
    threads: int | None = None


@dataclass(frozen=True)
class WebcamResult:
    """The outcome of a webcam session.

    Attributes:
        frames: number of frames painted.
        fps: frames painted per second, over the last ones.
        dropped: number of frames that came while others were painted.
        errors: error messages of files that could not be written.
    """

    frames: int
    fps: float
    dropped: int
    errors: list[str]


def run_webcam(
    camera: str | None,
    styles: Sequence[Mix],
    settings: StylizeSettings,
    stylizer: Stylizer,
    options: WebcamOptions | None = None,
    *,
    on_saved: Callable[[Saved], None] = lambda saved: None,
    on_failed: Callable[[str], None] = lambda message: None,
) -> WebcamResult:
    """Paint a camera live until the user quits, a file ends, or the time is over.

    Args:
        camera: a number, a device's path or name, a file, or an address; None for the first camera
            that works.
        styles: styles to walk through, the first one first.
        settings: strength at the beginning, color, mask and regions.
        stylizer: the loaded network.
        options: settings of the webcam.
        on_saved: called with every snapshot and recording.
        on_failed: called with an error message, for every file that could not be written. Without
            a window, such a failure ends the session.

    Returns:
        Number of frames, their rate, and errors.

    Raises:
        VideoError: there is no such camera, or it is gone.
        DisplayError: the window cannot be opened.
        StyleError: a style does not fit the network.
        NetworkError: a network cannot be loaded, or the engine failed.
    """
    options = options or WebcamOptions()
    # the camera first, as the user named it; then the display, which the machine may lack
    feed = OpenCamera(find_sources(camera, options.size), options.loop)
    window: Window = PygameWindow() if options.window else NoWindow()
    errors: list[str] = []
    mirror = feed.live if options.mirror is None else options.mirror
    controls = WebcamControls(
        styles, settings.strength, mirror, options.fullscreen, recording=bool(options.record)
    )

    def fail(message: str) -> None:
        errors.append(message)
        on_failed(message)
        # without a window, the rest would not be visible
        controls.done = controls.done or not options.window

    try:
        outputs = Outputs(options.snapshots, options.record, options.overwrite, on_saved, fail)
        width, height = even_size(*feed.size, options.size)
        paint = WebcamStylizer(
            stylizer, (height, width), styles, options.engine, options.threads, settings
        )
        clock = Clock()
        app = WebcamApp(controls, paint, FramePreprocessor(options.size), window, outputs, clock)
        with LatestFrame(feed, clock) as latest:
            app.run(latest, Watchdog(feed, clock), options.seconds)
        return WebcamResult(app.painted, app.fps, latest.dropped, errors)
    finally:
        window.close()


class WebcamApp:
    """The main loop of the webcam.

    Args:
        controls: state that the user changes by keys.
        paint: paints a picture in a style and with a strength.
        preprocess: makes pictures of frames.
        window: shows pictures and reads keys.
        outputs: saves snapshots and recordings.
        clock: clock for times.

    Attributes:
        painted: number of frames painted.
    """

    def __init__(
        self,
        controls: WebcamControls,
        paint: PaintPicture,
        preprocess: FramePreprocessor,
        window: Window,
        outputs: Outputs,
        clock: Clock,
    ) -> None:
        self._controls, self._paint, self._preprocess = controls, paint, preprocess
        self._window, self._outputs, self._clock = window, outputs, clock
        self._last: UInt8 | None = None  # the last painted picture
        self._times: deque[float] = deque(maxlen=_RATE_FRAMES + 1)
        self._message, self._message_end = "", 0.0
        self.painted = 0

    def __repr__(self) -> str:
        return f"WebcamApp(painted={self.painted})"

    @property
    def fps(self) -> float:
        """Frames painted per second, over the last ones."""
        seconds = self._times[-1] - self._times[0] if self._times else 0
        return (len(self._times) - 1) / seconds if seconds > 0 else 0.0

    def run(self, latest: LatestFrame, watchdog: Watchdog, seconds: float | None = None) -> None:
        """Run until the user quits, a file ends, or the time is over.

        A recording is ended whatever happens.

        Args:
            latest: gives the latest frame.
            watchdog: gives up a silent camera.
            seconds: time after which to end; None for no limit.

        Raises:
            VideoError: the camera is gone.
        """
        began = None
        try:
            while True:
                keys = self._window.keys()
                for key in keys:
                    self._controls.press(key)
                if self._controls.done:
                    return
                self._check_recording()
                try:
                    captured = latest.take(_KEY_INTERVAL)
                except EOFError:
                    return
                watchdog.check(captured is not None)
                now = self._clock.now()
                began = now if began is None else began
                if seconds is not None and now - began >= seconds:
                    return
                self._update(captured, has_keys=bool(keys))
        finally:
            self._end_recording()

    def _update(self, captured: CapturedFrame | None, has_keys: bool) -> None:
        """Paint a frame, if there is one, and show the picture if anything has changed."""
        controls = self._controls
        if captured is not None:
            picture = self._preprocess(captured.frame, controls.mirror)
            self._last = self._paint(picture, controls.style, controls.strength)
            self._save(self._last, captured.at)
        if self._last is not None and (captured is not None or has_keys):
            title = f"impasto: {controls.style.name}, {self.fps:.0f} frames a second"
            self._window.show(self._last, title, self._lines(), controls.fullscreen)

    def _save(self, picture: UInt8, at: float) -> None:
        self.painted += 1
        self._times.append(self._clock.now())
        if self._controls.recording:
            self._outputs.record(picture, at)
        if self._controls.snapshot:
            self._controls.snapshot = False
            self._say(self._outputs.save_snapshot(picture, self._controls.style.name))

    def _check_recording(self) -> None:
        """End a recording that failed, or that the user has ended."""
        if self._outputs.recording_has_failed:
            self._controls.recording = False
        if not self._controls.recording:
            self._end_recording()

    def _end_recording(self) -> None:
        if message := self._outputs.end_recording(self._clock.now()):
            self._say(message)

    def _say(self, message: str) -> None:
        self._message, self._message_end = message, self._clock.now() + _MESSAGE_SECONDS

    def _lines(self) -> list[str]:
        """Make the lines of text in the picture."""
        controls = self._controls
        state = [controls.style.name, f"strength {controls.strength:g}", f"{self.fps:.1f} fps"]
        if controls.recording:
            state.append("REC")
        if not controls.help:
            state.append("h: keys")
        messages = [self._message] if self._clock.now() < self._message_end else []
        return [*(help_lines() if controls.help else []), *messages, "   ".join(state)]
