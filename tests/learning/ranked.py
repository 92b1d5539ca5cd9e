"""One process of a run of two: python -m learning.ranked FOLDER KIND [EVENT STEP].

It trains a tiny run from the checkpoint in the folder, and saves what it has learned as RANK. After
so many steps it does not see the end of, it is killed (KILL), or gets a signal (TERM).
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from impasto.learning.losses.objective import LossWeights
from impasto.learning.training import loop
from impasto.learning.training.checkpoints import has_checkpoint
from impasto.learning.training.ranks import SINGLE, Ranks, join_ranks
from impasto.learning.training.trainer import Trainer
from impasto.progress import Progress
from learning.runs import state_of
from learning.tiny import tiny_predicting_trainer, tiny_trainer

STEPS = 6
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"steps": STEPS, "weights": LossWeights(stability=1.0)},
    "predicting": {"steps": STEPS},
    "clock": {"steps": None, "minutes": 0.02},
}


def start(folder: Path, kind: str, ranks: Ranks = SINGLE) -> Trainer:
    """Start a run; those with a predictor read their art from a folder of this process."""
    settings = SETTINGS[kind]
    if kind == "predicting":
        art = folder / f"art{ranks.rank}"
        art.mkdir(exist_ok=True)
        return tiny_predicting_trainer(art, ranks=ranks, batch=4, **settings)
    return tiny_trainer(noise=True, ranks=ranks, batch=4, **settings)


def run(folder: Path, kind: str, ranks: Ranks, event: str = "", at: int = 0) -> Trainer:
    """Train to the end, or to an event."""
    trainer, checkpoint = start(folder, kind, ranks), folder / "run"
    if has_checkpoint(checkpoint) and event != "BLIND":
        trainer.load(checkpoint)
    else:
        trainer.ranks.check_step(trainer.step, trainer.device)

    def on_step(progress: Progress) -> None:
        if progress.step == at:
            os.kill(os.getpid(), getattr(signal, f"SIG{event}"))

    try:
        loop.keep_training(trainer, checkpoint, on_step)
    finally:
        print(trainer.step, flush=True)
        tensors = {name: tensor.contiguous() for name, tensor in state_of(trainer).items()}
        save_file(tensors, folder / str(ranks.rank))
    return trainer


def main(folder: str, kind: str, event: str = "", at: str = "0") -> None:
    """Be one process of a run."""
    torch.set_num_threads(1)
    loop.CHECKPOINT_SECONDS = 0.0
    with join_ranks() as ranks:
        run(Path(folder), kind, ranks, event, int(at))


if __name__ == "__main__":
    main(*sys.argv[1:])
