"""Kill a run over thousands of pictures, some of them broken, and start it again.

  python trials/batch_kills.py --pictures 2000 --kills 3

Every twentieth is broken in one of the ways of tests/corpus.py. Every good picture must be there
and whole, every broken one be told of once, memory stay flat, and the exit code be 1. Prints a
record and writes docs/explanation/measured/batch.json.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from impasto.errors import PictureError
from impasto.images.reading import read

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "explanation" / "measured" / "batch.json"
sys.path.insert(0, str(ROOT / "tests"))

from corpus import corpus  # noqa: E402

BROKEN = 20  # every so many-eth picture is broken
LARGE = 50  # every so many-eth has about two megapixels
FORMATS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".bmp": "BMP"}


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's, of broken files
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        broken = make(folder / "in", given.pictures, any_picture)
        record = trial(folder, given.pictures, given.kills, broken)
    print(json.dumps(record, indent=1))
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def make(
    folder: Path,
    count: int,
    write: Callable[[Path, int], None],
    broken_suffixes: tuple[str, ...] = ("",),
) -> set[str]:
    """Write pictures in folders of a hundred, every `BROKEN`th of them broken.

    Args:
        folder: is made.
        count: number of pictures.
        write: writes the picture of a number; it is called with a path without a suffix.
        broken_suffixes: ends of the names of those cases of tests/corpus.py that are used.

    Returns:
        The names of those that cannot be read, each another case.
    """
    folder.mkdir(parents=True)
    broken, hostile = (
        set[str](),
        [
            case
            for case in corpus(flips=2, bombs=False)
            if case.name.endswith(broken_suffixes) and not readable(case.data, folder / case.name)
        ],
    )
    random.Random(0).shuffle(hostile)
    for number in range(count):
        place = folder / f"{number // 100:02}"
        place.mkdir(exist_ok=True)
        if number % BROKEN == BROKEN // 2:
            case = hostile[number // BROKEN % len(hostile)]
            path = place / f"{number:05}-{case.name}"
            path.write_bytes(case.data)
            broken.add(str(path))
        else:
            write(place / f"{number:05}", number)
    return broken


def any_picture(path: Path, number: int) -> None:
    """Write a picture of many a size and format."""
    rng = random.Random(number)
    suffix, sides = rng.choice(list(FORMATS)), (1000, 1600) if number % LARGE == 0 else (40, 200)
    y, x = np.mgrid[: rng.randrange(*sides), : rng.randrange(*sides)]
    pixels = np.stack([x % 256, y % 256, (x * y // 7 + number) % 256], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(path.with_suffix(suffix), FORMATS[suffix])


def readable(data: bytes, path: Path) -> bool:
    """Whether bytes under a name are read as a picture; nothing stays at the path."""
    path.write_bytes(data)
    try:
        read(path)
    except PictureError:
        return False
    finally:
        path.unlink()
    return True


def trial(folder: Path, count: int, kills: int, broken: set[str]) -> dict[str, Any]:
    """Runs until one comes to its end, all but that one killed; what was seen."""
    out, log = folder / "out", folder / "report.jsonl"
    command = [
        sys.executable,
        "-m",
        "impasto",
        "stylize",
        str(folder / "in"),
        "-s",
        "starry-night",
        "-n",
        "small",
    ]
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
        "MB in the last run, after a quarter and at the end": [
            round(middle[0] / 1e6),
            round(middle[-1] / 1e6),
        ],
        "seconds in all": round(time.perf_counter() - start),
    }


def resident(process: int) -> int:
    """Bytes of memory that a process has, by the system; 0 when it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        return next(
            1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")
        )
    except (OSError, StopIteration):
        return 0


if __name__ == "__main__":
    main()
