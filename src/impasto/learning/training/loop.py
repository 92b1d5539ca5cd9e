"""The loop of a run: steps, checkpoints, previews, interrupts."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType
from typing import Any, Protocol

import numpy as np
import torch

from impasto.images.image import Picture, UInt8
from impasto.images.writing import write
from impasto.learning.tensors import to_tensor
from impasto.learning.training.ranks import SINGLE, Ranks
from impasto.learning.training.trainer import Trainer
from impasto.progress import OnProgress, Progress

CHECKPOINT_SECONDS = 60.0  # between checkpoints


class ResumableRun(Protocol):
    """A run that goes on step by step: a `Trainer`, or an `Optimization`."""

    @property
    def fraction(self) -> float:
        """Fraction of the run that is done, 0..1."""
        ...

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        ...

    def train_step(self) -> None:
        """Do one step."""
        ...

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        ...


def keep_training(
    trainer: ResumableRun,
    checkpoint: Path | None,
    on_progress: OnProgress | None,
    preview: Callable[[], None] | None = None,
    preview_every: float = 30.0,
) -> None:
    """Train to the end of a run, and write a checkpoint every minute and at the end.

    Whatever ends the run early leaves the last good state in the checkpoint: Ctrl-C, or a loss that
    is not finite.

    Args:
        trainer: the run.
        checkpoint: file to write; None for none.
        on_progress: called after every step.
        preview: called every `preview_every` seconds.
        preview_every: seconds between previews.

    Raises:
        KeyboardInterrupt: the user pressed Ctrl-C, or the system sent SIGTERM.
        TrainingError: a loss is not finite, or the checkpoint cannot be written.
    """
    saved = shown = time.monotonic()
    ranks = getattr(trainer, "ranks", SINGLE)
    checkpoint = checkpoint if ranks.is_first else None
    try:
        with _interrupts_between_steps(ranks) as check_interrupt:
            while trainer.fraction < 1:
                trainer.train_step()
                if on_progress:
                    on_progress(trainer.progress)
                now = time.monotonic()
                if checkpoint and now - saved > CHECKPOINT_SECONDS:
                    trainer.save(checkpoint)
                    saved = time.monotonic()
                if preview and now - shown > preview_every:
                    preview()
                    shown = time.monotonic()
                check_interrupt()
    finally:
        if checkpoint:
            trainer.save(checkpoint)


class PreviewFile:
    """A picture beside the output, which shows a run until it is done.

    Args:
        path: file to write.
        draw: paints the preview.
        is_resumed: whether an earlier part of the run may have written the file.
    """

    def __init__(self, path: Path, draw: Callable[[], Picture], is_resumed: bool = False) -> None:
        self._path, self._draw, self._is_ours = path, draw, is_resumed

    def write(self) -> None:
        """Write the preview as it is now."""
        write(self._path, self._draw())
        self._is_ours = True

    def remove(self) -> None:
        """Remove the file, if this run has written it."""
        if self._is_ours:
            self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def _interrupts_between_steps(ranks: Ranks) -> Iterator[Callable[[], None]]:
    """Delay Ctrl-C and SIGTERM until the function that is yielded is called.

    So they never cut a step in two: half a step's weights would be saved as those of a whole step.
    A second interrupt comes through at once. Where several processes train together, all stop
    after the same step: the first after which all know that one of them was interrupted.
    """
    pending: int | None = None
    handlers: dict[int, Any] = {}

    def interrupt(number: int) -> None:
        if callable(handlers[number]):
            handlers[number](number, None)
        raise KeyboardInterrupt

    def delay(number: int, frame: FrameType | None) -> None:
        nonlocal pending
        if pending is not None:
            interrupt(number)
        pending, ranks.stop_asked = number, True

    def check() -> None:
        if ranks.stop_agreed or (ranks.count == 1 and pending is not None):
            interrupt(signal.SIGINT if pending is None else pending)

    # Another handler, or none (in the background), is a choice of the calling program, and stays.
    # Only the main thread may set a handler.
    usual: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    handlers |= {number: signal.getsignal(number) for number in usual}
    ours = [
        number
        for number, handler in usual.items()
        if handlers[number] is handler or getattr(handlers[number], "interrupts", False)
    ]
    if current_thread() is not main_thread():
        ours = []
    for number in ours:
        signal.signal(number, delay)
    try:
        yield check
    finally:
        for number in ours:
            signal.signal(number, handlers[number])


def preview_sheet(trainer: Trainer, style: int = 0, pictures: int = 4, size: int = 256) -> UInt8:
    """Paint content pictures by the running means of the weights.

    Args:
        trainer: the run; it is left as it was.
        style: number of the style.
        pictures: how many to paint.
        size: side of each, in pixels.

    Returns:
        The photographs above their paintings, uint8 (2 size, pictures size, 3).
    """
    photos = [trainer.content.crop(number, size) for number in range(pictures)]
    embedding = trainer.averaged()["embeddings"][style]
    network = (
        trainer.averaged_network() if trainer.settings.whole_network else trainer.network
    ).eval()
    with torch.no_grad():
        embeddings = embedding.expand(pictures, -1)
        painted = network.cpu()(to_tensor(photos), embeddings, network.noise(size, size))
    trainer.network.to(trainer.device).train()
    paintings = (painted.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    return np.concatenate([np.concatenate(photos, 1), np.concatenate(list(paintings), 1)])
