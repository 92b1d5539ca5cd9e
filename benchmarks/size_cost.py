"""Measure what painting costs by the size of the picture.

Writes docs/explanation/measured/size-cost.json and docs/explanation/size-cost.png.

  python benchmarks/size_cost.py [--megapixels 0.25,0.5,1,2,4,8,16,32,64,100] [--networks
  base,small]

Each size is one fresh `impasto stylize`, of a photograph that scikit-image carries, enlarged, from
TIFF to TIFF: whole seconds and peak resident memory, as the system counts them. Sizes measured
before are kept, so that large ones can be added later.
"""

import argparse
import json
import multiprocessing
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from impasto.hardware import available_cores
from impasto.images.image import Header, UInt8
from impasto.images.reading import read
from impasto.images.rows import ArrayRows, ResizedRows
from impasto.images.vips import write
from impasto.learning.data.synthetic.generator import carried_photos

DOCS = Path(__file__).parents[1] / "docs" / "explanation"
RECORDS = DOCS / "measured" / "size-cost.json"
PLOT = DOCS / "size-cost.png"
STYLE = "starry-night"


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--megapixels", default="0.25,0.5,1,2,4,8,16,32,64,100", help="sizes, in millions of pixels"
    )
    parser.add_argument("--networks", default="base,small")
    arguments = parser.parse_args()
    records = json.loads(RECORDS.read_text()) if RECORDS.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in map(float, arguments.megapixels.split(",")):
            photo = enlarged(read(carried_photos()[0]).rgb, megapixels, Path(folder) / "photo.tif")
            for network in arguments.networks.split(","):
                record = {"network": network, "megapixels": megapixels, **measured(photo, network)}
                print(json.dumps(record), flush=True)
                same = (network, megapixels)
                records = [
                    each for each in records if (each["network"], each["megapixels"]) != same
                ] + [record]
                records.sort(key=lambda each: (each["network"], each["megapixels"]))
                RECORDS.write_text(json.dumps(records, indent=1) + "\n")
    plot(records)


def enlarged(picture: UInt8, megapixels: float, path: Path) -> Path:
    """A file of a picture with that many pixels, made without ever being in memory."""
    scale = (megapixels * 1e6 / (picture.shape[0] * picture.shape[1])) ** 0.5
    height, width = (round(side * scale) for side in picture.shape[:2])
    write(
        path,
        ResizedRows(ArrayRows(picture), height, width),
        None,
        Header("TIFF", width, height),
        quality=92,
    )
    return path


def measured(photo: Path, network: str) -> dict[str, Any]:
    """Seconds and megabytes of a fresh process that paints a file."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:  # whose only child it is
        return pool.apply(_paint, (photo, network))


def _paint(photo: Path, network: str) -> dict[str, Any]:
    import resource

    target = photo.with_name("painted.tif")
    command = [
        sys.executable,
        "-m",
        "impasto",
        "stylize",
        photo,
        "-s",
        STYLE,
        "-n",
        network,
        "-o",
        target,
        "--overwrite",
    ]
    start = time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    machine = f"{available_cores()} cores, {platform.machine()}"
    cpu = round(usage.ru_utime + usage.ru_stime, 2)
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": cpu,
        "peak_mb": round(peak),
        "machine": machine,
    }


def plot(records: list[dict[str, Any]]) -> None:
    """Plot CPU seconds, which a busy machine changes least, and memory, on logarithmic axes.

    A slope of 1 grows with the number of pixels.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for network in sorted({record["network"] for record in records}):
        mine = [record for record in records if record["network"] == network]
        sizes = [record["megapixels"] for record in mine]
        for axis, name in zip(axes, ("cpu_seconds", "peak_mb"), strict=True):
            axis.plot(sizes, [record[name] for record in mine], "o-", label=network)
    ends = np.array([pick(record["megapixels"] for record in records) for pick in (min, max)])
    last = max(
        records,
        key=lambda record: (
            record["megapixels"] <= 64,
            record["megapixels"],
            record["cpu_seconds"],
        ),
    )
    axes[0].plot(ends, ends * last["cpu_seconds"] / last["megapixels"], "k:", label="by the pixel")
    for axis, title in zip(
        axes, ("CPU seconds, the whole process", "peak resident memory, MB"), strict=True
    ):
        axis.set(title=title, xlabel="megapixels", xscale="log", yscale="log")
        axis.grid(which="both", alpha=0.3)
        axis.legend()
    figure.savefig(PLOT, dpi=100)


if __name__ == "__main__":
    main()
