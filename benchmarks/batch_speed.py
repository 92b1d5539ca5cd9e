"""Measure a batch: pictures a second, CPU time of a picture, and how busy the cores are.

  python benchmarks/batch_speed.py --pictures 1000
  python benchmarks/batch_speed.py --network small --against ../older

Paints drawn JPEG pictures of 640x480 by one command, and some of them by one command each.
`--against` runs the code of another checkout in turns with this one. Other work on the machine
changes pictures a second, and CPU time hardly. A core counts as busy while it has a thread to run:
a sample of the system's states of threads every 10 ms, from the first painting to the last. Needs
Linux. Prints a record and writes docs/explanation/measured/batch-speed.json.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from suite.drawn import write_photos

from impasto.hardware import available_cores

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "explanation" / "measured" / "batch-speed.json"
NETWORKS = ["small", "base", "large"]
ALONE = 3  # pictures that are painted by one command each
SAMPLE_SECONDS = 0.01
RUNNABLE = "RD"  # states of threads that run, wait for a core, or wait for a disk


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--network", action="append", choices=NETWORKS)
    parser.add_argument("--against", type=Path, help="root of another checkout of impasto")
    given = parser.parse_args()
    checkouts = {"this": ROOT} | ({"other": given.against} if given.against else {})
    record: dict[str, Any] = {"pictures": given.pictures, "cores": available_cores()}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_photos(folder / "in", given.pictures, 640, 480)
        for network in given.network or NETWORKS:
            record[network] = {
                name: measure(root, folder, network) for name, root in checkouts.items()
            }
    print(json.dumps(record, indent=1))
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def measure(root: Path, folder: Path, network: str) -> dict[str, float]:
    """Measure one run over all pictures, and runs over one picture each."""
    pictures = sorted((folder / "in").iterdir())
    out = folder / f"{network}-{root.resolve().name}"
    begun, cpu = time.perf_counter(), _cpu_of_children()
    run = start(root, network, folder / "in", out)
    samples, first = [], 0.0
    while run.poll() is None:
        first = first or (time.perf_counter() if out.exists() and any(out.iterdir()) else 0.0)
        if first:
            samples.append(runnable_threads(run.pid))
        time.sleep(SAMPLE_SECONDS)
    last, cpu = time.perf_counter(), _cpu_of_children() - cpu
    if run.returncode or len(list(out.iterdir())) != len(pictures):
        raise SystemExit(f"the run ended with {run.returncode}, and not all is painted")
    cores = available_cores()
    alone = []
    for path in pictures[:ALONE]:
        alone_begun = time.perf_counter()
        start(root, network, path, out.with_name(f"{out.name}-{path.name}")).wait()
        alone.append(time.perf_counter() - alone_begun)
    return {
        "pictures a second, with the start": round(len(pictures) / (last - begun), 2),
        "CPU milliseconds a picture, with the start": round(1000 * cpu / len(pictures), 1),
        "share of busy cores": round(statistics.mean(min(n, cores) for n in samples) / cores, 3),
        "pictures a second, one by one": round(1 / statistics.median(alone), 2),
    }


def start(root: Path, network: str, source: Path, out: Path) -> "subprocess.Popen[bytes]":
    """Start the command line of a checkout."""
    command = [sys.executable, "-m", "impasto", "stylize", str(source), "-s", "starry-night"]
    command += ["-n", network, "-o", str(out if source.is_dir() else out.with_suffix(".jpg"))]
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)


def runnable_threads(process: int) -> int:
    """Count the threads of a process that have something to do."""
    count = 0
    for stat in Path(f"/proc/{process}/task").glob("*/stat"):
        try:
            count += stat.read_text().rpartition(")")[2].split()[0] in RUNNABLE
        except OSError:  # it has ended
            continue
    return count


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
