"""Demonstrate impasto on one contact sheet.

Photographs are painted in gallery styles, then in the style of one picture: at once, and after a
little training.

python examples/demo/demo.py [--minutes 2] [--out demo]
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import demo_pictures
import numpy as np

import impasto
from impasto.images.image import Picture, UInt8
from impasto.images.reading import read
from impasto.images.writing import write
from impasto.learning.data.synthetic.generator import carried_photos
from impasto.sheets.contact_sheet import contact_sheet

STYLES = ("starry-night", "great-wave", "roman-mosaic", "composition-vii", "the-scream", "reverie")
PHOTOS = ("china", "chelsea", "astronaut")  # of scikit-learn and scikit-image
NEW = "poster"


def photographs(folder: Path) -> list[Path]:
    """Write three photographs that installed packages carry, or drawn scenes, as files."""
    found = {path.stem: path for path in carried_photos()}
    pictures = {name: read(found[name]) for name in PHOTOS if name in found}
    while len(pictures) < 3:
        width = 768 - 128 * len(pictures)
        pictures[f"scene-{len(pictures) + 1}"] = Picture(demo_pictures.draw_scene((width, 512)))
    for name, picture in pictures.items():
        write(folder / f"{name}.jpg", picture)
    return [folder / f"{name}.jpg" for name in pictures]


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=2, help="of training the new style")
    parser.add_argument("--out", type=Path, default=Path("demo"))
    options = parser.parse_args()
    start, folder = time.perf_counter(), options.out
    folder.mkdir(parents=True, exist_ok=True)
    photos = photographs(folder)

    print(
        f"Painting {len(photos)} photographs in {len(STYLES)} styles of the gallery ...", flush=True
    )
    columns: dict[str, list[UInt8]] = {"photograph": [read(photo).rgb for photo in photos]}
    began = time.perf_counter()
    for style in STYLES:
        columns[style] = paint(photos, style, style)
    seconds = time.perf_counter() - began
    print(
        f"  {len(photos) * len(STYLES)} paintings in {seconds:.1f} s, reading and writing "
        "included.",
        flush=True,
    )

    picture, learned = folder / f"{NEW}.png", folder / f"{NEW}.safetensors"
    write(picture, Picture(demo_pictures.draw_style(512)))
    print(
        "Painting in the manner of a picture never seen before, as predicted at once ...",
        flush=True,
    )
    columns[f"{NEW}, at once"] = paint(photos, picture, f"{NEW}-at-once")
    print(f"Learning it, {options.minutes:g} minutes on this CPU ...", flush=True)
    command = [
        "train",
        str(picture),
        "-o",
        str(learned),
        "--minutes",
        str(options.minutes),
        "--overwrite",
    ]
    subprocess.run([sys.executable, "-m", "impasto", *command], check=True)
    columns[f"{NEW}, learned"] = paint(photos, learned, NEW)

    sheet = folder / "contact-sheet.png"
    cells = [
        (name, pictures[row]) for row in range(len(photos)) for name, pictures in columns.items()
    ]
    beside = [("the picture it learned from", read(picture).rgb)]
    write(sheet, Picture(contact_sheet(cells + beside, columns=len(columns), width=256)))
    print(f"Done in {time.perf_counter() - start:.0f} s with impasto {impasto.__version__}.")
    print(f"Look at {sheet}; the paintings are in {folder}/")


def paint(photos: list[Path], style: str | Path, name: str) -> list[UInt8]:
    """Paint photographs in a style, by the default network, and keep them beside the others."""
    paintings = []
    for photo in photos:
        paintings.append(np.asarray(impasto.stylize(photo, style)))
        write(photo.with_name(f"{photo.stem}.{name}.jpg"), Picture(paintings[-1]))
    return paintings


if __name__ == "__main__":
    main()
