"""Write docs/explanation/results.md from measured files alone.

The files are results of `impasto evaluate`, copied into `measured/` there.

  python benchmarks/results.py [--paintings FOLDER]

Each section stands on one results.json, named in `SECTIONS` with the command that makes it; a
section whose file is not there says so, and no figure is written by hand. With a folder of
paintings that nothing was trained on, photographs that scikit-learn and scikit-image carry are
painted in their manner first, for the sheet of the zero-shot section.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto.choices import NETWORKS
from impasto.images.formats import EXTENSIONS
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.writing import write
from impasto.learning.data.synthetic.generator import carried_photos
from impasto.learning.evaluation.report import format_table, tabulate_boldness
from impasto.learning.evaluation.summary import FLAW_COLUMNS, split_by_boldness
from impasto.sheets.contact_sheet import contact_sheet
from impasto.stylizer import Stylizer

DOCS = Path(__file__).parents[1] / "docs" / "explanation"
MEASURED = DOCS / "measured"


@dataclass(frozen=True)
class Section:
    """A part of the page: a file in `MEASURED`, heading, question, and options of evaluate."""

    file: str
    heading: str
    question: str
    command: str


SECTIONS = (
    Section(
        "zero-shot",
        "Zero-shot: any picture as a style, at once",
        "Eight paintings that nothing was trained on, beside baselines that paint nothing.",
        "VALIDATION --photos PHOTOS --every 2 -m large,base,small,recolored,double-exposure,"
        "painting --measures canonical",
    ),
    Section(
        "gallery",
        "The gallery by all networks, bold against subdued",
        "All styles that ship, as they were trained.",
        "PAINTINGS --photos PHOTOS --every 4 -m large@gallery,base@gallery,small@gallery "
        "--measures canonical",
    ),
    Section(
        "flaws",
        "Flaws that any eye sees",
        "Eight styles (great-wave, the-kiss, starry-night, composition-vii, reverie, the-scream, "
        "udnie, woman-with-a-hat) on four photographs.",
        "EIGHT PAINTINGS --photos FOUR PHOTOS -m large@gallery,base@gallery,small@gallery "
        "--measures canonical,repetition,residue,halo,palette",
    ),
    Section(
        "optimization",
        "The gallery against optimization, bold against subdued",
        "L-BFGS from the photograph (Gatys et al. 2016) under the same objective, the same "
        "photograph for all. "
        "By gallery 6, whose `base` had four times the weights.",
        "TWELVE PAINTINGS --photos PHOTO -m "
        "base,base@gallery,small@gallery,double-exposure,lbfgs-10,lbfgs-25,lbfgs-50 "
        "--measures canonical",
    ),
    Section(
        "optimization-200",
        "Longer optimization",
        "The Great Wave, one photograph; by gallery 6.",
        "GREAT_WAVE --photos PHOTO -m "
        "base@gallery,lbfgs-10,lbfgs-25,lbfgs-50,lbfgs-100,lbfgs-200 --measures canonical",
    ),
    Section(
        "learned",
        "Five minutes of `impasto train`",
        "`train PICTURE --minutes 5` by `base` and `lite`, without data or download, on one "
        "core; beside it the prediction "
        "that it starts from.",
        "VALIDATION --photos PHOTOS --every 2 -m base,base@LITE --measures canonical",
    ),
    Section(
        "trainers",
        "`lite` against VGG-19 as the trainer, and a specialist",
        "The same for one painting, by each of three, five minutes on one core: LITE without "
        "data; VGG19 by `--perceptual "
        "vgg19 --photos PHOTOS`; WHOLE the same with `--whole-network`, a network of its own. By "
        "`base` of gallery 6.",
        "ONE OF VALIDATION --photos PHOTOS --every 2 -m base,base@LITE,base@VGG19,base@WHOLE "
        "--measures canonical",
    ),
)


def table(results: dict[str, Any]) -> str:
    """Write the table of the canonical objective: C, S and J by method."""
    head = [
        "method",
        "C",
        "S",
        "J",
        "J, median",
        "J, deviation",
        "J, 10th to 90th percentile",
        "worth, L-BFGS iterations",
    ]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for method in results["methods"]:
        c, s, j = (method[key] for key in "CSJ")
        worth = "-"
        if "worth" in method:
            worth = (
                f"> {method['iterations']}" if method["worth"] is None else f"{method['worth']:.0f}"
            )
        spread = [
            f"{j['median']:.3f}",
            f"{j['deviation']:.3f}",
            f"{j['p10']:.2f} to {j['p90']:.2f}",
        ]
        lines.append([method["method"], *(f"{x['mean']:.3f}" for x in (c, s, j)), *spread, worth])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def flaws(results: dict[str, Any]) -> str:
    """Write the table of the means of flaws by method; nothing where none was measured."""
    methods = results["methods"]
    columns = [column for column in FLAW_COLUMNS if any(column in method for method in methods)]
    if not columns:
        return ""
    rows = [
        [
            method["method"],
            *(f"{method[name]['mean']:.2f}" if name in method else "-" for name in columns),
        ]
        for method in methods
    ]
    return format_table(["method", *columns], rows).strip()


def by_painting(results: dict[str, Any]) -> str:
    """J of each painting by method, the boldest first."""
    paintings = results["paintings"]
    methods = [m["method"] for m in results["methods"]]
    head = ["painting", "boldness", *(f"{m}: C, S, J" for m in methods)]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    bold, subdued = split_by_boldness(paintings)
    for stem in (*bold, *subdued):
        cells = [
            ", ".join(f"{paintings[stem][m][key]:.2f}" for key in "CSJ")
            if m in paintings[stem]
            else "-"
            for m in methods
        ]
        lines.append([stem.replace("_", " "), f"{paintings[stem]['boldness']:.3f}", *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def section(of: Section) -> str:
    """Write one section in Markdown."""
    path = MEASURED / f"{of.file}.json"
    parts = [f"## {of.heading}\n\n{of.question}\n\n`impasto evaluate {of.command} -o RESULTS`"]
    if not path.exists():
        return f"{parts[0]}\n\nNot measured for this version."
    results = json.loads(path.read_text(encoding="utf-8"))
    conditions = results["conditions"]
    named = ("short side", "pairs", "paintings", "photographs", "perceptual")
    parts.append("; ".join(f"{key}: {conditions[key]}" for key in named) + ".")
    parts += filter(None, (table(results), flaws(results)))
    if groups_table := tabulate_boldness(results["paintings"]):
        parts.append(groups_table.replace("## ", "### ").strip())
    if (DOCS / "results" / f"{of.file}.jpg").exists():
        parts.append(f"![{of.heading}](results/{of.file}.jpg)")
    parts.append(f"<details><summary>By painting</summary>\n\n{by_painting(results)}\n\n</details>")
    return "\n\n".join(parts)


def zero_shot_sheet(folder: Path) -> None:
    """Paint two photographs by both networks in the style of each painting.

    The sheet is results/zero-shot.jpg. The paintings themselves are not shown.
    """
    found = {path.stem: path for path in carried_photos()}
    photos = [read(found[name]).rgb for name in ("china", "chelsea")]
    cells = []
    for painting in sorted(path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS):
        for name in NETWORKS:
            stylizer = Stylizer(name)
            label = f"{painting.stem.replace('_', ' ')[:28]}, {name}"
            cells += [(label, stylizer.stylize(photo, painting)[:426]) for photo in photos]
    write(
        DOCS / "results" / "zero-shot.jpg",
        Picture(contact_sheet(cells, columns=4, width=300)),
        quality=85,
    )


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--paintings", type=Path, help="folder of paintings for the sheet of the zero-shot section"
    )
    if folder := parser.parse_args().paintings:
        zero_shot_sheet(folder)
    intro = (
        "# Results\n\nWritten by `python benchmarks/results.py` from the files in "
        "[`measured/`](measured), which `impasto "
        "evaluate` made. The canonical objective: content error C, style error S, J = C + 5 S, "
        "lower is better, by the Oxford "
        "VGG-19 at 512 pixels; photographs and validation paintings are never trained on. `base` "
        "and `small` take the painting "
        "as a picture (zero-shot), `base@gallery` the style that was trained on it."
    )
    notes = (DOCS / "results-notes.md").read_text(encoding="utf-8").strip()
    (DOCS / "results.md").write_text(
        "\n\n".join([intro, *map(section, SECTIONS), notes]) + "\n", encoding="utf-8"
    )
    print(
        f"{DOCS / 'results.md'}: {sum((MEASURED / f'{s.file}.json').exists() for s in SECTIONS)} "
        f"of {len(SECTIONS)} sections"
    )


if __name__ == "__main__":
    main()
