"""Measure the color modes on four pairs, and show them side by side.

Writes docs/how-to/color/*.jpg, and prints the table of docs/how-to/color.md.

  python benchmarks/color_modes.py PAINTINGS

PAINTINGS is the folder of the pictures that the gallery was trained on, as "before" needs them. The
photographs are those of scikit-image and scikit-learn. C and S: the canonical errors, by the Oxford
VGG-19 in IMPASTO_WEIGHTS.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from skimage import data
from sklearn.datasets import load_sample_image

from impasto.choices import MODES, Mode, When
from impasto.images.image import Picture, UInt8
from impasto.images.reading import read
from impasto.images.resize import resize_short_side
from impasto.images.rows import ArrayRows
from impasto.images.writing import write
from impasto.inference.color import LUMA, Color, measure_palette
from impasto.inference.pipeline import build_pipeline
from impasto.inference.settings import parse_settings
from impasto.learning.evaluation.scorer import SHORT_SIDE
from impasto.learning.losses.objective import Objective
from impasto.learning.tensors import to_tensor
from impasto.learning.training.inputs import load_losses
from impasto.models.gallery import gallery_style
from impasto.models.style import Style, encode_picture
from impasto.sheets.contact_sheet import contact_sheet
from impasto.stylizer import Stylizer

DOCS = Path(__file__).parents[1] / "docs"
RECORD = DOCS / "explanation" / "measured" / "color.json"
# alike, opposite, and two in between
PAIRS: dict[str, tuple[Callable[[], UInt8], str]] = {
    "coffee in the-kiss": (data.coffee, "the-kiss"),
    "chelsea in starry-night": (data.chelsea, "starry-night"),
    "astronaut in great-wave": (data.astronaut, "great-wave"),
    "china in the-scream": (lambda: load_sample_image("china.jpg"), "the-scream"),
}
WAYS: list[tuple[Mode, When]] = [(mode, "after") for mode in MODES] + [
    (mode, "before") for mode in MODES[1:]
]


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paintings", type=Path)
    paintings = parser.parse_args().paintings
    stylizer, objective = Stylizer("base"), Objective(load_losses("vgg19", "f32"))
    rows = []
    for pair, (photograph, name) in PAIRS.items():
        photo = resize_short_side(np.ascontiguousarray(photograph()), SHORT_SIDE)
        style = gallery_style(name)
        picture = resize_short_side(
            read(next(paintings.glob(f"{style.metadata['source']}.*"))).rgb, SHORT_SIDE
        )
        learned = replace(
            style, remembered=encode_picture(picture)
        )  # as `impasto train` leaves one
        content, wanted = (
            objective.content_target(to_tensor([photo])),
            objective.style_target(to_tensor([picture])),
        )
        cells = [("photograph", photo)]
        for mode, when in WAYS:
            painted, beyond = stylized(stylizer, photo, learned, Color(mode, when=when))
            terms = objective.terms(to_tensor([painted]), content, wanted)
            rows.append(
                {
                    "pair": pair,
                    "color": mode if when == "after" else f"{mode}, before",
                    "C": round(terms["content"].item(), 3),
                    "S": round(terms["style"].item(), 3),
                    "lighter than the photograph": round(
                        float((painted @ LUMA).mean() - (photo @ LUMA).mean()), 1
                    ),
                    "off the photograph's colors": round(apart(painted, photo), 3),
                    "beyond": round(beyond, 4),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
            cells.append(
                (str(rows[-1]["color"]) if mode != "style" else "style (as painted)", painted)
            )
        target = DOCS / "how-to" / "color" / f"{name}.jpg"
        target.parent.mkdir(exist_ok=True)
        write(target, Picture(contact_sheet(cells, columns=4, width=320)), quality=82)
    RECORD.write_text(json.dumps({"network": stylizer.network.hash, "rows": rows}, indent=1) + "\n")
    print("\n".join(table(rows)))


def stylized(stylizer: Stylizer, photo: UInt8, style: Style, color: Color) -> tuple[UInt8, float]:
    """A painting, and the share of its pixels whose new colors were beyond 0..255."""
    work = build_pipeline(stylizer, ArrayRows(photo), parse_settings(style, color=color))
    return work.rows.to_array(), work.beyond_fraction


def apart(painted: UInt8, photo: UInt8) -> float:
    """Measure how far means and deviations of R, G and B are apart, 0 where they are equal.

    The unit is the photograph's deviations.
    """
    one, other = measure_palette(painted), measure_palette(photo)
    deviations = np.sqrt(np.diag(other.cov))
    off = np.concatenate([one.mean - other.mean, np.sqrt(np.diag(one.cov)) - deviations])
    return float(np.sqrt(np.square(off / np.tile(deviations, 2)).mean()))


def table(rows: list[dict[str, object]]) -> list[str]:
    """The mean over the pairs, by color mode, in Markdown."""
    keys = [key for key in rows[0] if key not in ("pair", "color")]
    lines = [f"| color | {' | '.join(keys)} |", f"|---|{'---:|' * len(keys)}"]
    for color in dict.fromkeys(row["color"] for row in rows):
        means = [
            np.mean([float(str(row[key])) for row in rows if row["color"] == color]) for key in keys
        ]
        lines.append(f"| {color} | {' | '.join(f'{mean:.3g}' for mean in means)} |")
    return lines


if __name__ == "__main__":
    main()
