"""Kill a tiny training run at random moments, and resume it: the weights must be the same.

  python trials/training_kills.py --kills 50

Each trial is a process that is killed by SIGKILL or SIGTERM, in turns, somewhere on its way, up to
three times, and then ends by itself. Prints a record and writes
docs/explanation/measured/training-kills.json.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from impasto.learning.data.photos import ContentImages
from impasto.learning.data.synthetic.generator import SyntheticPhotos
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.training import inputs, loop
from impasto.learning.training.checkpoints import has_checkpoint
from impasto.learning.training.inputs import Painting
from impasto.learning.training.settings import TrainingSettings
from impasto.learning.training.style import new_style
from impasto.learning.training.trainer import Trainer

FILE = Path(__file__).parents[1] / "docs" / "explanation" / "measured" / "training-kills.json"
STEPS = 24


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        record = trial(Path(place), given.kills)
    print(json.dumps(record, indent=1))
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def trial(folder: Path, kills: int, steps: int = STEPS, seed: int = 0) -> dict[str, Any]:
    """Kill runs so many times in all; count those that end in the weights of an unkilled run."""
    torch.set_num_threads(1)
    judge, content = inputs.load_losses("lite", "f32"), SyntheticPhotos(0)
    loop.CHECKPOINT_SECONDS = 0.0  # a checkpoint after each step, so that kills meet them
    start = time.perf_counter()
    expected = ended(folder / "whole", judge, content, steps, None)
    length, rng = time.perf_counter() - start, random.Random(seed)
    done, same, signals = 0, 0, {signal.SIGKILL: 0, signal.SIGTERM: 0}
    trials = 0
    while done < kills:
        place = folder / str(trials)
        trials += 1
        for _ in range(rng.randrange(1, 4)):
            number = (signal.SIGKILL, signal.SIGTERM)[done % 2]
            if ended(place, judge, content, steps, (rng.uniform(0, length), number)) is None:
                done += 1
                signals[number] += 1
        same += ended(place, judge, content, steps, None) == expected
    return {
        "runs": trials,
        "kills": done,
        "by": {number.name: count for number, count in signals.items()},
        "steps of a run": steps,
        "runs that ended in the same weights": same,
    }


def ended(
    place: Path,
    judge: PerceptualNetwork,
    content: ContentImages,
    steps: int,
    kill: tuple[float, signal.Signals] | None,
) -> str | None:
    """Train in a process that goes on where others were killed; return the hash of its weights.

    Returns None if it is killed itself, by the signal and after the seconds of `kill`.
    """
    place.mkdir(exist_ok=True)
    process = os.fork()  # not a fresh interpreter: what takes longest is to load PyTorch
    if process == 0:
        code = 1
        try:
            code = run(place, judge, content, steps)
        finally:
            os._exit(code)
    if kill:
        time.sleep(kill[0])
        os.kill(process, kill[1])
    _, status = os.waitpid(process, 0)
    if status:
        return None
    return (place / "weights").read_text()


def run(place: Path, judge: PerceptualNetwork, content: ContentImages, steps: int) -> int:
    """Train, or go on; write the hash of the weights. The exit code."""
    pixels = np.random.default_rng(1).integers(0, 256, (96, 96, 3), np.uint8)
    settings = TrainingSettings(steps=steps, batch=1, crop=64, whole_network=False)
    trainer: Trainer = new_style("small", [Painting("noise", pixels, {})], content, judge, settings)
    checkpoint = place / "checkpoint"
    if has_checkpoint(checkpoint):
        trainer.load(checkpoint)
    try:
        loop.keep_training(trainer, checkpoint, lambda _: None)
    except KeyboardInterrupt:
        return 130
    weights = trainer.averaged()["embeddings"].numpy().tobytes()
    (place / "weights").write_text(hashlib.sha256(weights).hexdigest())
    return 0


if __name__ == "__main__":
    main()
