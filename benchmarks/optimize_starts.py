"""Compare the starts of `impasto optimize`: what stays of marks that a network stamps.

  python benchmarks/optimize_starts.py PAINTINGS PHOTO

For each painting, a smooth sky and a photograph are optimized from the painting of `base`, from
that of `large`, and from the photograph itself, by `lite` at 384 pixels in 60 iterations. Prints
the repetition of the optimized sky (see `impasto.learning.evaluation.flaws.repetition`) and the
objective of the optimized photograph, and writes docs/explanation/measured/optimize-starts.json.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from impasto.images.image import UInt8
from impasto.images.reading import read
from impasto.images.resize import resize_short_side
from impasto.learning.evaluation.flaws import repetition, smooth_pictures
from impasto.learning.optimization.run import new_optimization
from impasto.learning.optimization.settings import OptimizationSettings, Start
from impasto.learning.training.inputs import load_losses
from impasto.stylizer import Stylizer

FILE = Path(__file__).parents[1] / "docs" / "explanation" / "measured" / "optimize-starts.json"
SIDE, ITERATIONS = 384, 60  # pixels of the short side; iterations
STARTS: dict[str, tuple[Start, str]] = {
    "painted by base": ("painted", "base"),
    "painted by large": ("painted", "large"),
    "photo": ("photo", "base"),
}


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paintings", type=Path, nargs="+")
    parser.add_argument("photo", type=Path)
    given = parser.parse_args()
    record = {name: measure(given.paintings, given.photo, *start) for name, start in STARTS.items()}
    print(json.dumps(record, indent=1))
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def measure(paintings: Sequence[Path], photo: Path, start: Start, network: str) -> dict[str, Any]:
    """Optimize a sky and a photograph in each style, and measure the results."""
    perceptual, stylizer = load_losses("lite", "f32"), Stylizer(network)
    settings = OptimizationSettings(iterations=ITERATIONS, scales=(SIDE,), start=start)
    sky = smooth_pictures(SIDE)["gradient"]
    pixels = resize_short_side(read(photo).rgb, SIDE)

    def optimize(picture: UInt8, painting: Path) -> tuple[UInt8, float]:
        run = new_optimization(picture, painting, perceptual, settings, stylizer)
        while run.fraction < 1:
            run.train_step()
        return run.painted(), run.progress.loss or 0.0

    repetitions, losses = {}, {}
    for painting in paintings:
        repetitions[painting.stem] = round(repetition(optimize(sky, painting)[0]), 3)
        losses[painting.stem] = round(optimize(pixels, painting)[1], 4)
        print(start, network, painting.stem, repetitions[painting.stem], losses[painting.stem])
    return {
        "repetition of the sky, mean": round(float(np.mean([*repetitions.values()])), 3),
        "objective of the photograph by lite, mean": round(float(np.mean([*losses.values()])), 4),
        "repetition of the sky": repetitions,
        "objective of the photograph by lite": losses,
    }


if __name__ == "__main__":
    main()
