"""Measure C, S and J by strength: means over photographs and the gallery's paintings.

  python benchmarks/strengths.py PAINTINGS --photos PHOTOS --every 12

Strengths are 0, 0.25, 0.5, 0.75 and 1; J is the canonical objective, by the Oxford VGG-19 in
IMPASTO_WEIGHTS. Written to docs/explanation/measured/strengths.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from impasto.images.reading import read
from impasto.images.resize import resized
from impasto.learning.evaluation.scorer import SHORT_SIDE, ObjectiveScorer
from impasto.learning.training.inputs import load_losses
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.style import PHOTO
from impasto.stylizer import Stylizer

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
FILE = Path(__file__).parents[1] / "docs" / "explanation" / "measured" / "strengths.json"


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument(
        "--every", type=int, default=1, help="take every so many of the gallery's styles"
    )
    parser.add_argument("--every-photo", type=int, default=1)
    given = parser.parse_args()
    judge, stylizers = (
        ObjectiveScorer(load_losses("vgg19", "f32")),
        {name: Stylizer(name) for name in ("base", "small")},
    )
    scores: dict[str, dict[float, list[tuple[float, float, float]]]] = {
        name: {s: [] for s in STRENGTHS} for name in stylizers
    }
    names = [name for name in gallery_names() if name != PHOTO][:: given.every]
    photos = sorted(path for path in given.photos.iterdir() if path.suffix in (".jpg", ".png"))[
        :: given.every_photo
    ]
    for path in photos:
        photo = resized(read(path).rgb, SHORT_SIDE)
        for name in names:
            painting = next(given.paintings.glob(f"{gallery_style(name).metadata['source']}.*"))
            for network, stylizer in stylizers.items():
                for strength in STRENGTHS:
                    score = judge.score(stylizer.stylize(photo, name, strength), path, painting)
                    scores[network][strength].append((score.C, score.S, score.J))
    record = {
        "photographs": len(photos),
        "styles": names,
        "perceptual": judge.objective.perceptual.identity,
    }
    for network, by_strength in scores.items():
        means = {
            str(strength): np.mean(found, axis=0).round(3).tolist()
            for strength, found in by_strength.items()
        }
        record[network] = {"hash": stylizers[network].network.hash, "C, S, J": means}
        print(
            network,
            *(
                f"{strength}: C {c:.3f} S {s:.3f} J {j:.3f}"
                for strength, (c, s, j) in means.items()
            ),
            sep="\n",
        )
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
