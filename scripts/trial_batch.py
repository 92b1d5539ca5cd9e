"""A folder of thousands of pictures, some of them broken, painted by a run that is killed on the way and started again.

  python scripts/trial_batch.py --pictures 2000 --kills 3

Every good picture must be there and whole, every broken one be told of once, memory stay flat, and the exit code be 1. Prints a
record and writes docs/measured/batch.json.
"""

import argparse
import io
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from impasto.errors import PictureError
from impasto.images import read

FILE = Path(__file__).parents[1] / "docs" / "measured" / "batch.json"
BROKEN = 0.05
FORMATS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".bmp": "BMP"}


def truncated(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(1, len(data) * 3 // 4)]


def no_picture(data: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(len(data))


def empty(data: bytes, rng: random.Random) -> bytes:
    return b""


def headless(data: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(12) + data[12:]


BREAKS: tuple[Callable[[bytes, random.Random], bytes], ...] = (truncated, no_picture, empty, headless)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        broken = make(folder / "in", given.pictures)
        record = trial(folder, given.pictures, given.kills, broken)
    print(json.dumps(record, indent=1))
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def make(folder: Path, count: int) -> set[str]:
    """Pictures of many sizes and formats in folders of a hundred; names of those that cannot be read."""
    rng, found = random.Random(0), set()
    for number in range(count):
        suffix = rng.choice(list(FORMATS))
        path = folder / f"{number // 100:02}" / f"{number:05}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        y, x = np.mgrid[: rng.randrange(40, 200), : rng.randrange(40, 200)]
        pixels = np.stack([x % 256, y % 256, (x * y // 7 + number) % 256], axis=-1).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, FORMATS[suffix])
        data = buffer.getvalue()
        path.write_bytes(rng.choice(BREAKS)(data, rng) if rng.random() < BROKEN else data)
        try:
            read(path)
        except PictureError:
            found.add(str(path))
    return found


def trial(folder: Path, count: int, kills: int, broken: set[str]) -> dict[str, Any]:
    """Runs until one comes to its end, all but that one killed; what was seen."""
    out, log = folder / "out", folder / "report.jsonl"
    command = [sys.executable, "-m", "impasto", "stylize", str(folder / "in"), "-s", "starry-night", "-n", "small"]
    command += ["-o", str(out), "--report", str(log)]
    peaks, memory, start = [], [], time.perf_counter()
    for kill in range(kills + 1):
        until = count * (kill + 1) // (kills + 1) if kill < kills else count + 1
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen: list[int] = []
        while run.poll() is None:
            time.sleep(0.5)
            seen.append(resident(run.pid))
            if sum(1 for _ in out.rglob("*.*")) >= until:
                run.send_signal(signal.SIGKILL)
        memory = [value for value in seen if value]
        peaks.append(max(memory, default=0))
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    told = Counter(row["input"] for row in rows if "error" in row)
    painted = [path for path in out.rglob("*") if path.is_file()]
    for path in painted:
        read(path)
    middle = memory[len(memory) // 4 :]
    return {
        "pictures": count,
        "broken": len(broken),
        "kills": kills,
        "exit code of the last run": run.returncode,
        "paintings, all of them read again": len(painted),
        "left over temporary files": len(list(out.rglob(".impasto-*"))),
        "broken ones told of once": sum(told[name] == 1 for name in broken),
        "others told of": sum(name not in broken for name in told),
        "peak MB of each run": [round(peak / 1e6) for peak in peaks],
        "MB in the last run, after a quarter and at the end": [round(middle[0] / 1e6), round(middle[-1] / 1e6)],
        "seconds in all": round(time.perf_counter() - start),
    }


def resident(process: int) -> int:
    """Bytes of memory that a process has, by the system; 0 when it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        return next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    except (OSError, StopIteration):
        return 0


if __name__ == "__main__":
    main()
