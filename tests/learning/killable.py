"""A run of training that dies: python -m learning.killable CHECKPOINT [STEPS SECONDS].

It goes on from the checkpoint and says at which step. So many steps and seconds later it is killed,
whatever it does then.
"""

import os
import signal
import sys
import threading
from pathlib import Path

import torch

from impasto.learning.training import loop
from impasto.learning.training.checkpoints import has_checkpoint
from impasto.progress import Progress
from learning.tiny import tiny_trainer

STEPS = 12


def main(checkpoint: Path, steps: int = STEPS, seconds: float = 0.0) -> None:
    torch.set_num_threads(1)
    loop.CHECKPOINT_SECONDS = 0.0  # after every step
    trainer = tiny_trainer(steps=STEPS)
    if has_checkpoint(checkpoint):
        trainer.load(checkpoint)
    start = trainer.step
    print(start, flush=True)

    def on_step(progress: Progress) -> None:
        if progress.step == start + steps < STEPS:
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()

    loop.keep_training(trainer, checkpoint, on_step)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        *(int(steps) for steps in sys.argv[2:3]),
        *(float(seconds) for seconds in sys.argv[3:4]),
    )
