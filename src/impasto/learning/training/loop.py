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

from impasto.images.image import UInt8
from impasto.learning.tensors import to_tensor
from impasto.learning.training.settings import TrainingProgress
from impasto.learning.training.style import trained_network
from impasto.learning.training.trainer import Trainer
from impasto.progress import Progress

CHECKPOINT_SECONDS = 60.0  # seconds between checkpoints


class ResumableRun(Protocol):
    """What goes on step by step: a `Trainer`, or an `Optimization`."""

    @property
    def fraction(self) -> float:
        """How much of it is done, 0..1."""
        ...

    @property
    def progress(self) -> TrainingProgress | Progress:
        """Where it stands."""
        ...

    def train_step(self) -> None:
        """One step."""
        ...

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        ...


def keep_training(
    trainer: ResumableRun,
    checkpoint: Path,
    on_step: Callable[[Any], None],
    preview: Callable[[], None] | None = None,
    preview_every: float = 30.0,
) -> None:
    """Train to the end of a run with a checkpoint every minute, and one more whatever ends it:
    Ctrl-C, or a loss that is not finite, leaves the last good state there.
    """
    saved = shown = time.monotonic()
    try:
        with _interrupts_between_steps() as check:
            while trainer.fraction < 1:
                trainer.train_step()
                on_step(trainer.progress)
                now = time.monotonic()
                if now - saved > CHECKPOINT_SECONDS:
                    trainer.save(checkpoint)
                    saved = time.monotonic()
                if preview and now - shown > preview_every:
                    preview()
                    shown = time.monotonic()
                check()
    finally:
        trainer.save(checkpoint)


@contextlib.contextmanager
def _interrupts_between_steps() -> Iterator[Callable[[], None]]:
    """Holds Ctrl-C, and SIGTERM, back until the function that is given is called, so that they
    never cut a step in two: half a step's weights would be kept as a whole one's. A second one
    comes through at once.
    """
    held = False

    def hold(number: int, frame: FrameType | None) -> None:
        nonlocal held
        if held:
            raise KeyboardInterrupt
        held = True

    def check() -> None:
        if held:
            raise KeyboardInterrupt

    # another handler, or none (in the background), is somebody's choice; and only the main thread
    # may set one
    usual: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    ours = [number for number, handler in usual.items() if signal.getsignal(number) is handler]
    if current_thread() is not main_thread():
        ours = []
    for number in ours:
        signal.signal(number, hold)
    try:
        yield check
    finally:
        for number in ours:
            signal.signal(number, usual[number])


def preview_sheet(trainer: Trainer, style: int = 0, pictures: int = 4, size: int = 256) -> UInt8:
    """Content pictures above what the running means of the weights make of them: uint8 (2 size,
    pictures size, 3)."""
    photos = [trainer.content.crop(number, size) for number in range(pictures)]
    averaged = trainer.averaged()
    network = (
        trained_network(trainer, averaged) if trainer.settings.whole_network else trainer.network
    )
    with torch.no_grad():
        embeddings = averaged["embeddings"][style].expand(pictures, -1)
        painted = network.eval().cpu()(to_tensor(photos), embeddings, network.noise(size, size))
    trainer.network.to(trainer.device).train()
    rows = [
        np.concatenate(photos, 1),
        (painted.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8),
    ]
    return np.concatenate([rows[0], np.concatenate(list(rows[1]), 1)])
