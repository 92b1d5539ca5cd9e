"""A run of training to be killed: python -m learning.killable CHECKPOINT. Says each step; goes on from the checkpoint."""

import sys
from pathlib import Path

import torch

from impasto.learning import runs

from .tiny import tiny_trainer

STEPS = 12


def main() -> None:
    torch.set_num_threads(1)
    checkpoint = Path(sys.argv[1])
    runs.SAVE_EVERY = 0.0  # after every step
    trainer = tiny_trainer(steps=STEPS)
    if checkpoint.exists():
        trainer.load(checkpoint)
    print("from", trainer.step, flush=True)
    runs.keep_training(trainer, checkpoint, lambda progress: print("step", progress.step, flush=True))


if __name__ == "__main__":
    main()
