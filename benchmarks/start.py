"""Measure what a start costs: help, lists, one picture, and one picture as a new style.

  python benchmarks/start.py [--against CHECKOUT] [--runs 7] [--only stylize]

Each run is a process of its own, in turns with the same run of another checkout if one is given,
as a busy machine changes both alike. CPU seconds are those of the process and its children, as the
system counts them. "cold" begins with an empty cache, "warm" does not. The first run of each is
left out, as it compiles Python's bytecode. Writes docs/explanation/measured/start.json.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from impasto.hardware import available_cores
from impasto.learning.data.synthetic.generator import carried_photos

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "docs" / "explanation" / "measured" / "start.json"
STYLE = "starry-night"
PREDICTIONS = 6  # in one process; the first loads the predictor

PREDICT = f"""
import resource, sys, time
import numpy as np
from impasto.images.reading import read
from impasto.inference import predictor
from impasto.models.network import load_shipped
predictor.keeps_predictions.set(False)
network, picture = load_shipped(sys.argv[2]), read(sys.argv[1]).rgb
def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
for shift in range({PREDICTIONS}):
    picture = np.roll(picture, 1, 0)
    began, spent = time.perf_counter(), cpu()
    predictor.predict(picture, network)
print(cpu() - spent, time.perf_counter() - began)
"""


@dataclass(frozen=True)
class Run:
    """A command of Python that is measured.

    Attributes:
        label: its line in the table.
        arguments: of Python, for a folder with `photo.jpg` and `style.jpg`.
        clear: whether the cache is emptied first: "all", "predicted" or nothing.
        inside: whether the command prints its own CPU and wall seconds.
    """

    label: str
    arguments: Sequence[str]
    clear: str = ""
    inside: bool = False


def runs() -> list[Run]:
    """List all runs, in the order of the table."""
    impasto = ("-m", "impasto")
    painted = ("photo.jpg", "-o", "painted.jpg", "--overwrite")
    listed = [
        Run("python -c pass", ("-c", "pass")),
        Run("import impasto", ("-c", "import impasto")),
        Run("from impasto import Stylizer", ("-c", "from impasto import Stylizer")),
        Run("impasto --version", (*impasto, "--version")),
        Run("impasto --help", (*impasto, "--help")),
        Run("impasto stylize --help", (*impasto, "stylize", "--help")),
        Run("impasto styles", (*impasto, "styles")),
    ]
    for network in ("small", "base", "large"):
        command = (*impasto, "stylize", *painted, "--network", network)
        listed += [
            Run(f"stylize, {network}, cold", (*command, "-s", STYLE), "all"),
            Run(f"stylize, {network}, warm", (*command, "-s", STYLE)),
        ]
    command = (*impasto, "stylize", *painted, "-s", "style.jpg")
    listed += [
        Run("stylize, picture as style, cold", command, "all"),
        Run("stylize, picture as new style, warm", command, "predicted"),
        Run("stylize, picture as known style, warm", command),
    ]
    for network in ("base", "large"):
        predict = ("-c", PREDICT, "style.jpg", network)
        listed.append(Run(f"prediction in a warm process, {network}", predict, inside=True))
    return listed


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, help="another checkout, measured in turns")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", default="", help="measure runs with this text in their lines")
    arguments = parser.parse_args()
    checkouts = [ROOT] if arguments.against is None else [arguments.against.resolve(), ROOT]
    records: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo, style = (Image.open(path).convert("RGB") for path in carried_photos()[:2])
        photo.resize((1024, 768)).save(folder / "photo.jpg", quality=92)
        style.resize((512, 512)).save(folder / "style.jpg", quality=92)
        for run in runs():
            if arguments.only in run.label:
                records[run.label] = record = compared(run, checkouts, folder, arguments.runs)
                print(line(run.label, record), flush=True)
    if not arguments.only:
        machine = f"{available_cores()} cores, {platform.machine()}"
        RECORD.write_text(json.dumps({"machine": machine, "runs": records}, indent=1) + "\n")


def compared(run: Run, checkouts: Sequence[Path], folder: Path, count: int) -> dict[str, float]:
    """Measure a run in each checkout in turns; the last is new, one before it is old."""
    seconds: dict[Path, list[tuple[float, float]]] = {checkout: [] for checkout in checkouts}
    for turn in range(count + 1):
        for checkout in checkouts:
            once = measured(run, checkout, folder)
            if turn:
                seconds[checkout].append(once)
    new = seconds[checkouts[-1]]
    record = {"cpu": median(new, lambda one: one[0]), "wall": median(new, lambda one: one[1])}
    if len(checkouts) > 1:
        old = seconds[checkouts[0]]
        record |= {
            "cpu_before": median(old, lambda one: one[0]),
            "wall_before": median(old, lambda one: one[1]),
        }
        pairs = list(zip(old, new, strict=True))
        record["cpu_ratio"] = median(pairs, lambda pair: pair[1][0] / pair[0][0])
        record["wall_ratio"] = median(pairs, lambda pair: pair[1][1] / pair[0][1])
    return record


def median(values: Sequence[Any], number: Callable[[Any], float]) -> float:
    """Compute the median of a number of each value, to milliseconds."""
    return round(statistics.median(map(number, values)), 3)


def measured(run: Run, checkout: Path, folder: Path) -> tuple[float, float]:
    """Run once; return CPU seconds and wall seconds."""
    import resource

    home = folder / f"home-{checkout == ROOT}"
    if run.clear:
        shutil.rmtree(home if run.clear == "all" else home / run.clear, ignore_errors=True)
    environment = os.environ | {
        "PYTHONPATH": str(checkout / "src"),
        "IMPASTO_HOME": str(home),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *run.arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.inside:
        cpu, wall = map(float, done.stdout.split())
        return cpu, wall
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def line(label: str, record: dict[str, float]) -> str:
    """Write a line of the table: seconds and, against another checkout, ratios."""
    text = f"{label:40} CPU {record['cpu']:.3f} s, wall {record['wall']:.3f} s"
    if "cpu_ratio" in record:
        text += (
            f"; before {record['cpu_before']:.3f} and {record['wall_before']:.3f};"
            f" ratios {record['cpu_ratio']:.2f} and {record['wall_ratio']:.2f}"
        )
    return text


if __name__ == "__main__":
    main()
