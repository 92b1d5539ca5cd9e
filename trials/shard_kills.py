"""Paint by 64 array jobs, kill some of them, start those again, and merge the reports.

  python trials/shard_kills.py --pictures 2000 --jobs 64 --kills 10

One of twenty pictures is broken. The merged report must name the killed jobs, and in the end have
each good picture as painted and each broken one as failed, once. Prints a record and writes
docs/explanation/measured/shards.json.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from batch_kills import ROOT, make
from PIL import Image

from impasto.images.reading import read

FILE = ROOT / "docs" / "explanation" / "measured" / "shards.json"
SIDE = 96  # pixels
AT_ONCE = 2  # jobs, one per core of a small machine
STYLE = ["-s", "starry-night", "-n", "small"]


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=64)
    parser.add_argument("--kills", type=int, default=10)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's, of broken files
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        broken = make_small(folder / "in", given.pictures)
        record = trial(folder, given.pictures, given.jobs, given.kills, broken)
    print(json.dumps(record, indent=1))
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def make_small(folder: Path, count: int) -> set[str]:
    """Write small pictures as `make` does; return the names of those that cannot be read."""
    return make(folder, count, small_jpeg, (".jpg", ".png"))


def small_jpeg(path: Path, number: int) -> None:
    """Write a JPEG picture of 96x96 pixels, with a suffix of its own."""
    rng = np.random.default_rng(number)
    blocks = rng.integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
    image = Image.fromarray(blocks).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    image.save(path.with_suffix(".jpg"), quality=92)


def trial(folder: Path, count: int, jobs: int, kills: int, broken: set[str]) -> dict[str, Any]:
    """Run all jobs, kill some, and start again those that the merged report names."""
    report, out, start = folder / "log" / "report.jsonl", folder / "out", time.perf_counter()
    victims = set(random.Random(1).sample(range(1, jobs + 1), kills))

    def job(number: int) -> int:
        command = [sys.executable, "-m", "impasto", "stylize", str(folder / "in"), *STYLE]
        command += ["-o", str(out), "--report", str(report), "--shard", f"{number}/{jobs}"]
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        own = report.with_name(f"report.{number:03}-of-{jobs:03}.jsonl")
        while number in victims and run.poll() is None:
            time.sleep(0.02)
            if own.exists() and own.read_bytes().count(b"\n") >= 3:
                run.send_signal(signal.SIGKILL)
        return run.wait()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(job, range(1, jobs + 1)))
    killed = [number for number, code in enumerate(codes, 1) if code == -signal.SIGKILL]
    before = merge(folder, report)
    seen = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    victims.clear()
    again = [int(text.split("/")[0]) for text in before["unfinished_shards"]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(job, again))
    after = merge(folder, report, folder / "merged.jsonl")
    rows = [json.loads(line) for line in (folder / "merged.jsonl").read_text().splitlines()]
    told = Counter(row["input"] for row in rows)
    painted = [path for path in out.rglob("*") if path.is_file()]
    for path in painted:
        read(path)
    return {
        "pictures": count,
        "broken": len(broken),
        "jobs": jobs,
        "jobs killed": len(killed),
        "jobs that the report named as unfinished": len(before["unfinished_shards"]),
        "of these, killed": len(set(again) & set(killed)),
        "inputs named as missing then": len(before["missing_inputs"]),
        "shards and inputs missing at the end": sum(len(after[name]) for name in MISSING),
        "paintings, all of them read again": len(painted),
        "painted twice": sum(path.stat().st_mtime_ns != when for path, when in seen.items()),
        "records of the merged report": len(rows),
        "broken ones told of once": sum(
            told[row["input"]] == 1 and row["input"] in broken for row in rows if "error" in row
        ),
        "good ones told of once": sum(
            told[row["input"]] == 1 and row["input"] not in broken
            for row in rows
            if "error" not in row
        ),
        "left over temporary files": len(list(out.rglob(".impasto-*"))),
        "seconds in all": round(time.perf_counter() - start),
    }


MISSING = ("missing_shards", "unfinished_shards", "missing_inputs")


def merge(folder: Path, report: Path, output: Path | None = None) -> dict[str, Any]:
    """Merge the reports by the command line."""
    command = [sys.executable, "-m", "impasto", "report", "merge", str(report), "--json"]
    command += ["--inputs", str(folder / "in"), *(["-o", str(output)] if output else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return record


if __name__ == "__main__":
    main()
