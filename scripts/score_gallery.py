"""Measure the gallery by the canonical objective, and write what is measured into its style files.

  python scripts/score_gallery.py --paintings FOLDER --photos FOLDER --json docs/measured/gallery.json

Every style on every photograph, both at 512 pixels, painted by the stylizer as a user's pictures are; and the double exposure,
a baseline that paints nothing, on the same pairs. Needs the Oxford VGG-19 in IMPASTO_WEIGHTS: torchvision's gives others.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from impasto.cli.report import stderr
from impasto.images import EXTENSIONS
from impasto.learning import features
from impasto.learning.evaluate import Judge, Score, double_exposure, load, mean
from impasto.learning.train import best_dtype
from impasto.networks import NETWORKS, network_path
from impasto.paths import GALLERY
from impasto.styles import PHOTO, gallery_names, gallery_style
from impasto.stylizer import Stylizer

BASELINE = "double exposure"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paintings", type=Path, required=True, help="folder of the paintings, named as `source` says")
    parser.add_argument("--photos", type=Path, required=True, help="photographs never trained on")
    parser.add_argument("--networks", nargs="+", default=[n for n in NETWORKS if network_path(n).exists()])
    parser.add_argument("--styles", nargs="+", default=[n for n in gallery_names() if n != PHOTO])
    parser.add_argument("--no-baseline", action="store_true")
    parser.add_argument("--write", action="store_true", help="write C, S and J into the style files")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    photos = sorted(p for p in options.photos.iterdir() if p.suffix in EXTENSIONS)
    judge = Judge(features.load("vgg19", best_dtype()))
    painters = {name: Stylizer(name) for name in options.networks}
    table: dict[str, dict[str, list[Score]]] = {m: {} for m in [*painters, *([] if options.no_baseline else [BASELINE])]}
    for name in track(options.styles, "scoring", console=stderr):
        painting = next(options.paintings.glob(gallery_style(name).metadata["source"] + ".*"))
        for method, scores in table.items():
            scores[name] = []
            for photo in photos:
                picture = load(photo)
                if method == BASELINE:
                    painted = double_exposure(picture, load(painting))
                else:
                    painted = painters[method].stylize(picture, name)
                scores[name].append(judge.score(painted, photo, painting))
    if options.write:
        write_scores({m: s for m, s in table.items() if m != BASELINE}, len(photos), judge)
    report(table, options.json, judge)


def write_scores(table: dict[str, dict[str, list[Score]]], photos: int, judge: Judge) -> None:
    """Put the mean C, S and J of each style and network into its file, and what they were measured on."""
    for name in next(iter(table.values())):
        style = gallery_style(name)
        metadata = dict(style.metadata)
        for method, scores in table.items():
            metadata |= {f"{method}.{key}": f"{value:.3f}" for key, value in asdict(mean(scores[name])).items()}
            metadata[f"{method}.measured"] = f"{photos} photographs, {judge.objective.perceptual.identity}, 512 pixels"
        replace(style, metadata=metadata).write(GALLERY / "styles" / f"{name}.safetensors")


def report(table: dict[str, dict[str, list[Score]]], path: Path | None, judge: Judge) -> None:
    """Print mean and median by method, and write all of it as JSON."""
    summary: dict[str, dict[str, Any]] = {}
    for method, scores in table.items():
        everything = [score for each in scores.values() for score in each]
        medians = {key: float(np.median([getattr(s, key) for s in everything])) for key in ("C", "S", "J")}
        summary[method] = {"mean": asdict(mean(everything)), "median": medians, "pairs": len(everything)}
        by_style = {name: {k: round(v, 4) for k, v in asdict(mean(each)).items()} for name, each in scores.items()}
        summary[method]["styles"] = by_style
        for name, figures in by_style.items():
            print(f"{method:16} {name:20}", *(f"{k} {v:.3f}" for k, v in figures.items()))
    for method, figures in summary.items():
        print(f"{method:16} mean  ", *(f"{k} {v:.3f}" for k, v in figures["mean"].items()))
        print(f"{method:16} median", *(f"{k} {v:.3f}" for k, v in figures["median"].items()))
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {"perceptual": judge.objective.perceptual.identity, "short side": 512, "methods": summary}
        path.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
