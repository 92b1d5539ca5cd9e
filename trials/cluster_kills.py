"""Kill the driver and workers of a batch on a Ray cluster, and compare its speed.

  python trials/cluster_kills.py --pictures 2000 --workers 2

Needs impasto[cluster]. One of twenty pictures is broken. The driver is killed once, and a worker
twice. Every good picture must be there and whole, and every broken one be told of once. Then a run
on the cluster and a local batch paint the same pictures, in turns. Prints a record and writes
docs/explanation/measured/cluster.json.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from batch_kills import ROOT
from shard_kills import STYLE, make_small

from impasto.images.reading import read

FILE = ROOT / "docs" / "explanation" / "measured" / "cluster.json"


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2, help="of the comparison of speeds")
    parser.add_argument("--speed-only", action="store_true", help="keep the record of the kills")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's, of broken files
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        broken = make_small(folder / "in", given.pictures)
        cluster, address = start_cluster(given.workers)
        try:
            record = json.loads(FILE.read_text()) if FILE.exists() else {}
            if not given.speed_only:
                record = trial(folder, address, given.pictures, broken)
            record["speed"] = speeds(folder, cluster.pid, address, given.workers, given.rounds)
        finally:
            os.killpg(cluster.pid, signal.SIGKILL)
    print(json.dumps(record, indent=1))
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def start_cluster(workers: int) -> tuple["subprocess.Popen[bytes]", str]:
    """Start a cluster of this machine, in a group of processes that ends together."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "from ray.scripts.scripts import main; main()"
    command = [sys.executable, "-c", code, "start", "--head", "--block", f"--port={port}"]
    os.environ["RAY_AUTH_MODE"] = "disabled"  # `ray start` would ask for a token where there is one
    command += [f"--num-cpus={workers}", "--include-dashboard=false", "--disable-usage-stats"]
    command += [f"--object-store-memory={200 << 20}"]
    cluster = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    time.sleep(5)  # until the node has joined
    return cluster, f"127.0.0.1:{port}"


def command_of(folder: Path, out: Path, *more: str) -> list[str]:
    """Return the command of a run."""
    inputs = [sys.executable, "-m", "impasto", "stylize", str(folder / "in"), *STYLE]
    return [*inputs, "-o", str(out), *more]


def trial(folder: Path, address: str, count: int, broken: set[str]) -> dict[str, Any]:
    """Kill the driver once and workers twice; return what was seen."""
    out, report = folder / "out", folder / "report.jsonl"
    command = command_of(folder, out, "--cluster", address, "--report", str(report))
    seen: dict[Path, int] = {}  # when each painting was first written
    start, killed = time.perf_counter(), list[int]()

    def watch(run: "subprocess.Popen[bytes]", kill: int, until: int) -> None:
        """Wait until there are so many paintings, then kill a process, or the end."""
        while run.poll() is None:
            time.sleep(0.1)
            for path in out.rglob("*.jpg"):
                if path not in seen:
                    seen[path] = path.stat().st_mtime_ns
            if kill >= 0 and len(seen) >= until:
                os.kill(kill or next(iter(painters())), signal.SIGKILL)
                killed.append(kill)
                return

    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watch(run, run.pid, count // 4)
    run.wait()
    told_before = len(report.read_text().splitlines())
    time.sleep(2)  # the workers of a driver that is gone end
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watch(run, 0, count // 2)
    watch(run, 0, 3 * count // 4)
    watch(run, -1, 0)
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    told = Counter(row["input"] for row in rows if "error" in row)
    painted = [path for path in out.rglob("*") if path.is_file() and ".impasto" not in str(path)]
    for path in painted:
        read(path)
    return {
        "pictures": count,
        "broken": len(broken),
        "drivers and workers killed": len(killed),
        "exit code of the last run": run.returncode,
        "paintings, all of them read again": len(painted),
        "painted twice": sum(path.stat().st_mtime_ns != when for path, when in seen.items()),
        "left over temporary files": len(list(out.rglob(".impasto-*"))),
        "records when the driver was killed": told_before,
        "records at the end": len(rows),
        "inputs with a record": len({row["input"] for row in rows}),
        "broken ones told of once": sum(told[name] == 1 for name in broken),
        "others told of as broken": sum(name not in broken for name in told),
        "seconds in all": round(time.perf_counter() - start),
    }


def painters() -> list[int]:
    """List the processes that paint, by the titles that Ray gives its workers."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().startswith(b"ray::MapWorker"):
                found.append(int(folder.name))
        except OSError:  # it has ended
            continue
    return found


def speeds(folder: Path, cluster: int, address: str, workers: int, rounds: int) -> dict[str, Any]:
    """Time the same batch on the cluster, as a local run, and as shards side by side.

    CPU time is that of all processes that take part, from a tenth to nine tenths of the paintings:
    other work on the machine hardly changes it.
    """
    ways = {
        f"cluster, {workers} actors": [["--cluster", address]],
        f"local batch, {workers} threads": [["--threads", str(workers)]],
        f"{workers} shards at once, 1 thread each": [
            ["--threads", "1", "--shard", f"{number}/{workers}"] for number in range(1, workers + 1)
        ],
    }
    record: dict[str, Any] = {way: [] for way in ways}
    for turn in range(rounds):
        for number, (way, options) in enumerate(ways.items()):
            out = folder / f"speed-{turn}-{number}"
            begun = time.perf_counter()
            runs = [
                subprocess.Popen(
                    command_of(folder, out, *each),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                for each in options
            ]
            samples = []
            while any(run.poll() is None for run in runs):
                time.sleep(0.2)
                count = sum(1 for _ in out.rglob("*.jpg"))
                session = cluster if number == 0 else 0
                samples.append((count, cpu_seconds({run.pid for run in runs}, session)))
            seconds = time.perf_counter() - begun
            times = sorted(path.stat().st_mtime for path in out.rglob("*.jpg"))
            inner = [each for each in samples if 0.1 < each[0] / len(times) < 0.9]
            (first, cpu), (last, cpu_after) = inner[0], inner[-1]
            record[way].append(
                {
                    "CPU milliseconds a picture": round(
                        1e3 * (cpu_after - cpu) / (last - first), 2
                    ),
                    "pictures a second": round((len(times) - 1) / (times[-1] - times[0]), 1),
                    "seconds of the command": round(seconds, 1),
                    "load of the machine": round(os.getloadavg()[0], 1),
                }
            )
    return record


def cpu_seconds(processes: set[int], session: int) -> float:
    """Sum the CPU time of some processes, and of all processes of a session."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(folder.name) in processes or int(fields[3]) == session:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
