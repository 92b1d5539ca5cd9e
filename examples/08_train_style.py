"""Train a style on one picture, save it, and paint with it.

A few minutes are enough. `--steps` makes a run short, to try the example.

  python examples/08_train_style.py [FOLDER] [--steps 20]
"""

import argparse
from pathlib import Path

from example_pictures import draw_photo, draw_poster

import impasto

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path, nargs="?", default=Path("examples-out"))
parser.add_argument("--minutes", type=float, default=2)
parser.add_argument("--steps", type=int, help="in place of --minutes")
options = parser.parse_args()
options.folder.mkdir(parents=True, exist_ok=True)


def show(progress: impasto.Progress) -> None:
    """Print every tenth step."""
    if progress.step % 10 == 0:
        print(f"step {progress.step}, {progress.seconds_left:.0f} s left")


style = impasto.train_style(
    draw_poster(), minutes=options.minutes, steps=options.steps, on_progress=show
)
file = options.folder / "poster.safetensors"
style.save(file)
painting = options.folder / "photo.learned.jpg"
impasto.stylize(draw_photo(), impasto.load_style(file)).save(painting)
print(f"wrote {file} and {painting}")
