"""Train a gallery by two processes and by one: equal weights, near losses, steps a second.

  python trials/training_ranks.py --steps 50

Starts torchrun twice. Each process has one thread. Both train `small` from nothing on six previews
of the gallery, with crops of 64 pixels. Prints a record and writes
docs/explanation/measured/training-ranks.json.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parents[1] / "docs" / "explanation" / "measured" / "training-ranks.json"
PAINTINGS = 6
CURVE_EVERY = 10  # steps
SETUPS = {"two processes": 2, "one process": 1}


def main() -> None:
    """Run the command of this script, or one process of a run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="Be a process of a run, and write here.")
    given = parser.parse_args()
    if given.folder:
        train(given.folder, given.steps)
        return
    record = {"steps": given.steps, "cores": os.cpu_count()} | compare(given.steps)
    print(json.dumps(record, indent=1))
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def compare(steps: int) -> dict[str, Any]:
    """Run each setup, and compare what its processes wrote."""
    setups: dict[str, Any] = {}
    curves: dict[str, list[float]] = {}
    for name, processes in SETUPS.items():
        with tempfile.TemporaryDirectory() as place:
            command = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), __file__]
            options = ["--folder", place, "--steps", str(steps)]
            subprocess.run([sys.executable, *command, *options], check=True)
            ranks = [json.loads(path.read_text()) for path in sorted(Path(place).glob("*.json"))]
        curves[name] = ranks[0]["losses"]
        setups[name] = {
            "equal weights": len({rank["weights"] for rank in ranks}) == 1,
            "steps a second": round(steps / ranks[0]["seconds"], 3),
            # of all processes; less is at stake on a machine that does other work too
            "core seconds a step": round(sum(rank["core seconds"] for rank in ranks) / steps, 3),
            "mean loss": [
                round(float(np.mean(curves[name][start : start + CURVE_EVERY])), 4)
                for start in range(0, steps, CURVE_EVERY)
            ],
        }
    one, two = np.array(curves["one process"]), np.array(curves["two processes"])
    return setups | {"largest difference of a loss": round(float(np.abs(one / two - 1).max()), 4)}


def train(folder: Path, steps: int) -> None:
    """Train as one process of a run, and write losses, time and a hash of the weights."""
    from impasto.learning.training.gallery import start_gallery
    from impasto.learning.training.inputs import load_content, load_losses
    from impasto.learning.training.paintings import read_painting
    from impasto.learning.training.ranks import join_ranks
    from impasto.learning.training.recipe import set_cores
    from impasto.learning.training.settings import TrainingSettings
    from impasto.models.gallery import gallery_names, preview

    files = [preview(name) for name in gallery_names()[:PAINTINGS]]
    paintings = [read_painting(file, 128) for file in files if file]
    with join_ranks() as ranks:
        set_cores(1, ranks)
        settings = TrainingSettings(steps=steps, batch=4, crop=64)
        content, losses = load_content(None, 0), load_losses("lite", "f32")
        trainer = start_gallery("small", paintings, content, losses, settings, ranks=ranks)
        curve, digest = [], hashlib.sha256()
        trainer.train_step()  # the first one also prepares memory
        begun, used = time.perf_counter(), time.process_time()
        while trainer.step < steps + 1:
            before = trainer.running["total"]
            trainer.train_step()
            # the mean that is shown, solved for the loss of this step
            decay = min(0.98, 1 - 1 / trainer.step)
            curve.append((trainer.running["total"] - decay * before) / (1 - decay))
        seconds, used = time.perf_counter() - begun, time.process_time() - used
        for name, tensor in sorted(trainer.weights.tensors().items()):
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())
        record = {
            "losses": curve,
            "seconds": seconds,
            "core seconds": used,
            "weights": digest.hexdigest(),
        }
        (folder / f"{ranks.rank}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main()
