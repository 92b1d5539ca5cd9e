"""Measure `impasto optimize` against plain L-BFGS from the photograph in equal time.

  python benchmarks/optimize_against_plain.py PHOTOS PAINTINGS -o FOLDER [--json
  docs/explanation/measured/optimize.json]

PHOTOS and PAINTINGS are folders or single pictures; the first painting goes with the first
photograph, and so on, --pairs of them. In turns, for each pair: plain L-BFGS paints so many
iterations, and what it took is what the other has, from reading the pictures' targets to the last
step. Both are scored as the 8-bit pictures that they leave, by the canonical objective. By
--saved-at N also how many iterations the painted start saves: where it is as low as one from the
photograph after N of them.

A run that was killed goes on where it was, in FOLDER, which also gets the pictures and a sheet of
them.
"""

import argparse
import json
import time
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from impasto.files import write_atomically
from impasto.hardware import available_cores
from impasto.images.formats import EXTENSIONS
from impasto.images.image import Picture, UInt8
from impasto.images.reading import read
from impasto.images.writing import write
from impasto.learning.evaluation.scorer import ObjectiveScorer, load_picture, to_uint8
from impasto.learning.losses.objective import Objective
from impasto.learning.optimization.baseline import lbfgs
from impasto.learning.optimization.run import new_optimization
from impasto.learning.optimization.settings import OptimizationSettings, scales_to
from impasto.learning.training import inputs
from impasto.sheets.contact_sheet import contact_sheet
from impasto.stylizer import Stylizer

WIDTH = 320  # pixels, of pictures on the sheet


def plain(
    judge: ObjectiveScorer, photo: UInt8, painting: UInt8, iterations: int
) -> tuple[UInt8, float]:
    """The picture after so many iterations of plain L-BFGS, and the seconds it took."""
    start = time.perf_counter()
    objective = Objective(judge.objective.perceptual)
    content, style = (
        objective.content_target(judge.tensor(photo)),
        objective.style_target(judge.tensor(painting)),
    )
    states = lbfgs(objective, judge.tensor(photo), content, style)
    for _ in islice(
        states, iterations
    ):  # a state is told after the evaluation that leads to the next
        seconds = time.perf_counter() - start
    return to_uint8(next(states).picture), seconds


def ours(
    judge: ObjectiveScorer,
    photo: UInt8,
    painting: Path,
    settings: OptimizationSettings,
    stylizer: Stylizer,
) -> tuple[UInt8, float, list[float]]:
    """Paint by `impasto optimize`; return the picture, its seconds, and J by iteration."""
    start, curve = time.perf_counter(), []
    run = new_optimization(photo, painting, judge.objective.perceptual, settings, stylizer)
    while run.fraction < 1:
        run.train_step()
        curve.append(run.progress.loss or 0.0)
    return run.painted(), time.perf_counter() - start, curve


def pictures(place: Path) -> list[Path]:
    """List the pictures of a folder, or the one picture."""
    if place.is_file():
        return [place]
    return sorted(path for path in place.iterdir() if path.suffix.lower() in EXTENSIONS)


def saved(
    judge: ObjectiveScorer,
    photo: UInt8,
    painting: Path,
    curve: list[float],
    iterations: int,
    stylizer: Stylizer,
) -> int:
    """Count how many iterations earlier a curve of J is as low as one from the photograph."""
    settings = OptimizationSettings(
        iterations=iterations, scales=scales_to(judge.short), start="photo"
    )
    reached = ours(judge, photo, painting, settings, stylizer)[2][-1]
    return iterations - next(
        (number for number, total in enumerate(curve, 1) if total <= reached), len(curve)
    )


def measure(
    judge: ObjectiveScorer,
    photo: Path,
    painting: Path,
    iterations: int,
    folder: Path,
    stylizer: Stylizer,
    saved_at: int,
) -> dict[str, Any]:
    """One pair: both pictures painted and scored. What an earlier run left is kept."""
    name = f"{photo.stem}.{painting.stem}"
    kept = folder / f"{name}.json"
    if kept.exists():
        return json.loads(kept.read_text(encoding="utf-8"))
    size = judge.short
    pixels = load_picture(photo, size)
    stylizer.stylize(pixels, painting)  # the first picture waits for the engine to load and settle
    slow, seconds = plain(judge, pixels, load_picture(painting, size), iterations)
    scales = scales_to(size)
    fast, took, curve = ours(
        judge, pixels, painting, OptimizationSettings(minutes=seconds / 60, scales=scales), stylizer
    )
    record: dict[str, Any] = {"pair": name, "steps": len(curve)}
    if saved_at:
        record["saved by the painted start"] = saved(
            judge, pixels, painting, curve, saved_at, stylizer
        )
    for label, picture, spent in (("plain", slow, seconds), ("ours", fast, took)):
        write(folder / f"{name}.{label}.png", Picture(picture))
        record[label] = asdict(judge.score(picture, photo, painting)) | {"seconds": round(spent, 1)}
    write_atomically(kept, json.dumps(record, indent=1).encode())
    return record


def _said(score: dict[str, float]) -> str:
    return f"J {score['J']:.4f}, C {score['C']:.3f}, S {score['S']:.4f}, {score['seconds']} s"


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="folder for pictures and what is measured of each pair",
    )
    parser.add_argument("--json", type=Path, help="where the result goes, beside the folder")
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--size", type=int, default=512, help="short side, pixels")
    parser.add_argument("--iterations", type=int, default=50, help="of plain L-BFGS")
    parser.add_argument(
        "--saved-at", type=int, default=0, metavar="N", help="of ours [default: not measured]"
    )
    parser.add_argument("--perceptual", default="vgg19")
    parser.add_argument("--threads", type=int, default=available_cores())
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    inputs.set_threads(args.threads)
    judge = ObjectiveScorer(inputs.load_losses(args.perceptual, "auto"), args.size)
    stylizer = Stylizer("base", threads=args.threads)
    pairs = list(zip(pictures(args.photos), pictures(args.paintings), strict=False))[: args.pairs]
    records = []
    for photo, painting in pairs:
        record = measure(
            judge, photo, painting, args.iterations, args.output, stylizer, args.saved_at
        )
        records.append(record)
        told = "; ".join(f"{label} {_said(record[label])}" for label in ("plain", "ours"))
        print(
            f"{record['pair']}: {told}; {record['ours']['J'] / record['plain']['J'] - 1:+.1%}",
            flush=True,
        )
    means = {
        label: {
            k: float(np.mean([r[label][k] for r in records])) for k in ("C", "S", "J", "seconds")
        }
        for label in ("plain", "ours")
    }
    perceptual = judge.objective.perceptual
    result = {
        "conditions": {
            "short side": args.size,
            "plain iterations": args.iterations,
            "perceptual": f"{perceptual.identity} {perceptual.dtype}",
            "cores": args.threads,
            "pairs": len(records),
        },
        "means": means,
        "lower by": 1 - means["ours"]["J"] / means["plain"]["J"],
        "pairs": records,
    }
    if args.saved_at:
        result["saved by the painted start"] = float(
            np.mean([r["saved by the painted start"] for r in records])
        )
    text = json.dumps(result, indent=2) + "\n"
    for path in filter(None, (args.output / "results.json", args.json)):
        write_atomically(path, text.encode())
    cells = []
    for (photo, painting), record in zip(pairs, records, strict=True):
        cells += [(path.stem, load_picture(path, args.size)) for path in (photo, painting)]
        for label in ("plain", "ours"):
            cells.append(
                (
                    f"{label}, J {record[label]['J']:.3f}",
                    read(args.output / f"{record['pair']}.{label}.png").rgb,
                )
            )
    write(args.output / "sheet.jpg", Picture(contact_sheet(cells, columns=4, width=WIDTH)))
    print(
        f"J {means['plain']['J']:.4f} plain, {means['ours']['J']:.4f} ours: "
        f"{result['lower by']:.1%} lower; {args.output}"
    )


if __name__ == "__main__":
    main()
