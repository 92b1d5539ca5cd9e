"""Measure a learned style by the canonical objective, beside the gallery's embedding that is nearest without learning.

  python scripts/score_style.py tulip.safetensors --painting tulip.jpg --photos FOLDER --sheet tulip.png

The nearest is the one of least J for the painting, over a few of the photographs; then both are scored on all. Needs the
Oxford VGG-19 in IMPASTO_WEIGHTS: torchvision's gives others.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rich.progress import track

from impasto.cli.report import stderr
from impasto.images import EXTENSIONS, Picture, write
from impasto.learning import features
from impasto.learning.evaluate import Judge, Score, load, mean
from impasto.learning.train import best_dtype
from impasto.networks import NETWORKS
from impasto.sheets import contact_sheet
from impasto.styles import PHOTO, Style, gallery_names, gallery_style, read_style
from impasto.stylizer import Stylizer

FEW = 4  # photographs by which the nearest is chosen
SHOWN = 5  # photographs of the sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("style", type=Path, help="style file of the painting")
    parser.add_argument("--painting", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="photographs never trained on")
    parser.add_argument("--network", choices=NETWORKS, default="base")
    parser.add_argument("--sheet", type=Path, help="photographs, painted by the nearest and by the style")
    options = parser.parse_args()
    photos = sorted(p for p in options.photos.iterdir() if p.suffix in EXTENSIONS)
    judge, painter = Judge(features.load("vgg19", best_dtype())), Stylizer(options.network)

    def scores(style: Style, photos: list[Path]) -> Score:
        painted = [judge.score(painter.stylize(load(photo), style), photo, options.painting) for photo in photos]
        return mean(painted)

    gallery = [gallery_style(name) for name in gallery_names() if name != PHOTO]
    few = photos[:: max(1, len(photos) // FEW)]
    totals = {style.name: scores(style, few).J for style in track(gallery, "looking for the nearest", console=stderr)}
    learned, nearest = read_style(options.style), gallery_style(min(totals, key=lambda name: totals[name]))
    shown = {"learned": scores(learned, photos), f"nearest, {nearest.name}": scores(nearest, photos)}
    for name, score in shown.items():
        print(f"{name:24}", *(f"{key} {value:.3f}" for key, value in asdict(score).items()))
    learned_j, nearest_j = (score.J for score in shown.values())
    record = {name: asdict(score) for name, score in shown.items()} | {"below the nearest": 1 - learned_j / nearest_j}
    print(json.dumps({"painting": options.painting.name, "photographs": len(photos), **record}))
    if options.sheet:
        pictures = [load(photo) for photo in photos[:: max(1, len(photos) // SHOWN)][:SHOWN]]
        cells = [("the painting", load(options.painting)), *(("", picture) for picture in pictures)]
        for style in (nearest, learned):
            name = f"{style.name}, {'learned' if style is learned else 'nearest, not learned'}"
            cells += [(name, load(options.painting)), *(("", painter.stylize(picture, style)) for picture in pictures)]
        write(options.sheet, Picture(contact_sheet(cells, columns=SHOWN + 1)))


if __name__ == "__main__":
    main()
