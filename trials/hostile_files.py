"""Read all hostile files of tests/corpus.py, and record the results.

The record is docs/explanation/measured/corpus.json.

  python trials/hostile_files.py [--flips 16] [--seed 0]

Each file is looked at and read in a process of its own, whose time and memory are counted, as a
picture; every fourth of those of less than 100 megapixels also as a mask and as a style. Then
`impasto stylize` paints the folder of them, with --report.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import PIL
from PIL import Image

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "docs" / "explanation" / "measured" / "corpus.json"
sys.path.insert(0, str(ROOT / "tests"))

from corpus import corpus, stored  # noqa: E402

from trials import HANG, Kind, Trial, summary, trials  # noqa: E402

LARGE = ("bomb", "says-9999")  # what names of files of 100 megapixels begin with
KINDS: tuple[Kind, ...] = ("picture", "mask", "style")


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--flips", type=int, default=16, help="files with flipped bits, of each kind of file"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bits that are flipped")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "hostile"
        folder.mkdir()
        paths = stored(folder, corpus(options.flips, options.seed))
        small = [path for path in paths if not path.name.startswith(LARGE)]
        record: dict[str, Any] = {
            "flips": options.flips,
            "seed": options.seed,
            "pillow": PIL.__version__,
            "numpy": numpy.__version__,
            "seconds": f"of CPU; {HANG} are a hang",
            "megabytes": "beyond a process that has read nothing yet",
        }
        for kind in KINDS:
            record[kind] = told(kind, trials(paths if kind == "picture" else small[::4], kind))
        for path in set(paths) - set(small):
            path.unlink()
        record["stylize"] = painted(folder, Path(name))
        print(f"stylize: {json.dumps(record['stylize'])}", flush=True)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


def told(kind: Kind, found: Sequence[Trial]) -> dict[str, Any]:
    """Print and return the record of files read as one kind.

    Files of 100 megapixels are apart, as they take most.
    """
    for each in found:
        if each.ending not in ("read", "error"):
            print(each, flush=True)
    parts = {"": found}
    if large := [each for each in found if each.name.startswith(LARGE)]:
        parts = {"": [each for each in found if each not in large], "of 100 megapixels": large}
    records = {name: summary(each) for name, each in parts.items()}
    for name, counts in records.items():
        print(f"{kind} {name}: {json.dumps(counts)}", flush=True)
    return records.pop("") | records


def painted(folder: Path, place: Path) -> dict[str, Any]:
    """What `impasto stylize` makes of a folder, at 48 pixels, with `small`."""
    log, begun = place / "report.jsonl", time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "impasto",
        "stylize",
        str(folder),
        "-s",
        "udnie",
        "-n",
        "small",
        "--size",
        "48",
    ]
    done = subprocess.run(
        [*command, "-o", str(place / "out"), "--report", str(log)],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return {
        "files": sum(1 for _ in folder.iterdir()),
        "reported": len({row["input"] for row in rows}),
        "painted": sum("error" not in row for row in rows),
        "errors": sum("error" in row for row in rows),
        "error lines": sum(line.startswith("error: ") for line in done.stderr.splitlines()),
        "tracebacks": done.stderr.count("Traceback"),
        "exit code": done.returncode,
        "whole paintings": sum(_is_whole(path) for path in (place / "out").iterdir()),
        "seconds": round(time.perf_counter() - begun),
    }


def _is_whole(path: Path) -> bool:
    with Image.open(path) as image:
        image.load()
        return True


if __name__ == "__main__":
    main()
