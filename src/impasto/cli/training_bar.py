"""A bar for runs of training and optimization."""

import math
import time
from pathlib import Path
from typing import Any, Self

import rich.progress

from impasto.cli import console
from impasto.errors import TrainingError
from impasto.progress import Progress

BAR_WIDTH = 12  # characters
LINE_EVERY = 30.0  # seconds between lines, where there is no terminal


class TrainingProgressBar:
    """Shows the progress of runs: a bar on a terminal, a line now and then elsewhere.

    Args:
        label: text of the bar before the first step.
        tensorboard: folder for a TensorBoard log; None for none.
        is_shown: whether this process shows the run; another one may.

    Raises:
        TrainingError: a log is asked for, and TensorBoard is missing.
    """

    def __init__(self, label: str, tensorboard: Path | None = None, is_shown: bool = True) -> None:
        self._bar = _bar(is_shown)
        self._label = label
        self._task = self._bar.add_task(label, total=1.0)
        self._last_line = time.monotonic()
        self._runs: set[str] = set()
        self._log: Any = None
        if tensorboard and is_shown:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise TrainingError(
                    f"cannot write a log into {tensorboard}: it needs TensorBoard ({error}); "
                    "install it: pip install 'impasto[tensorboard]'"
                ) from error
            self._log = SummaryWriter(str(tensorboard))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.pause()
        if self._log:
            self._log.close()

    def pause(self) -> None:
        """Take the bar away, so that other lines can be printed, until the next step."""
        self._bar.stop()

    def step(self, progress: Progress) -> None:
        """Show where a run stands, after each step."""
        self._bar.start()
        if progress.unit == "byte":
            self._show(progress.fraction, f"fetching weights of {progress.name}")
            return
        self._show(
            progress.fraction, progress_text(progress, console.stderr().width - BAR_WIDTH - 1)
        )
        if self._bar.disable and time.monotonic() - self._last_line > LINE_EVERY:
            self._last_line = time.monotonic()
            console.note(progress_text(progress))
        if self._log:
            for name, value in {**progress.losses, "total": progress.loss}.items():
                self._log.add_scalar(name, value, progress.step)

    def _show(self, fraction: float, description: str) -> None:
        self._bar.update(self._task, completed=fraction, description=description)


def _bar(is_shown: bool) -> rich.progress.Progress:
    """Return a short bar with a text beside it on stderr, which vanishes when done."""
    return rich.progress.Progress(
        rich.progress.BarColumn(BAR_WIDTH),
        rich.progress.TextColumn("{task.description}", markup=False),
        console=console.stderr(),
        transient=True,
        disable=not (is_shown and console.stderr().is_terminal),
    )


def progress_text(progress: Progress, width: float = math.inf) -> str:
    """Write where a run stands: "14 %, 4:18 left, step 120, total 1.517, content 0.512, ...".

    The time left always stays. The later parts are left out where they need more than `width`
    characters.
    """
    loss = [] if progress.loss is None else [f"total {progress.loss:.3f}"]
    terms = [f"{name} {value:.3f}" for name, value in progress.losses.items()]
    text = f"{100 * progress.fraction:.0f} %"
    if progress.fraction:
        text += f", {_clock(progress.seconds_left)} left"
    for part in (f"{progress.unit} {progress.step}", *loss, *terms):
        if len(text) + len(part) + 2 > width:
            break
        text += f", {part}"
    return text


def _clock(seconds: float) -> str:
    """Write a time as m:ss, or as h:mm:ss from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def losses_text(progress: Progress, separator: str = ", ") -> str:
    """Write the loss terms of a run as text: "content 0.512, style 0.201"."""
    return separator.join(f"{name} {value:.3f}" for name, value in progress.losses.items())
