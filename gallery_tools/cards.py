"""Draw previews of the gallery's styles, docs/gallery.jpg and docs/reference/gallery.md.

  python gallery_tools/cards.py

The photograph is scikit-learn's china.jpg.
"""

from pathlib import Path

from sklearn.datasets import load_sample_image

from impasto.choices import NETWORKS
from impasto.images.image import Picture
from impasto.images.resize import resize_short_side
from impasto.images.writing import write
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.style import PHOTO, Style
from impasto.paths import GALLERY
from impasto.sheets.contact_sheet import contact_sheet
from impasto.stylizer import Stylizer

DOCS = Path(__file__).parents[1] / "docs"
PREVIEW, SHEET_WIDTH = 160, 240  # pixels: short side of previews, width of cells


def main() -> None:
    """Draw previews and write the cards."""
    photo = load_sample_image("china.jpg")
    default, quick = Stylizer("large"), Stylizer("base")
    names = [name for name in gallery_names() if name != PHOTO]
    cells = [("photograph", photo)]
    for name in names:
        # the page that shows previews paints by `base`
        painted = quick.stylize(photo, name)
        write(
            GALLERY / "previews" / f"{name}.webp",
            Picture(resize_short_side(painted, PREVIEW)),
            quality=80,
        )
        cells.append((name, default.stylize(photo, name)))
    write(
        DOCS / "gallery.jpg",
        Picture(contact_sheet(cells, columns=7, width=SHEET_WIDTH)),
        quality=85,
    )
    lines = [
        "# The gallery",
        "",
        "Written by `python gallery_tools/cards.py` from the style files. C, S and J: the "
        "canonical objective, lower is "
        f"better, on {_measured(names)}; the previews are `base` on scikit-learn's china.jpg. "
        "All paintings are in the public "
        "domain.",
        "",
        *(f"For `{n}`, all together: {_together(names[0], n)}.\n" for n in NETWORKS),
        "What was learned by itself as well says so in its file (`impasto styles NAME`).\n",
        "| | style | painting |" + "".join(f" `{n}`: C, S, J |" for n in NETWORKS),
        "|---|---|---|" + "---|" * len(NETWORKS),
        *(_row(gallery_style(name)) for name in names),
    ]
    (DOCS / "reference" / "gallery.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(
        f"{len(names)} styles: {DOCS / 'reference' / 'gallery.md'}, {DOCS / 'gallery.jpg'}, "
        f"{GALLERY / 'previews'}"
    )


def _measured(names: list[str]) -> str:
    found = {gallery_style(name).metadata.get("base.measured", "nothing yet") for name in names}
    return " or ".join(sorted(found))


def _together(name: str, network: str) -> str:
    """How a network was trained with all styles, without what a style then learned alone."""
    return (
        gallery_style(name)
        .metadata[f"{network}.trained"]
        .partition("; then its embedding alone")[0]
    )


def _row(style: Style) -> str:
    facts = style.metadata
    scores = [
        ", ".join(facts.get(f"{network}.{key}", "-") for key in "CSJ") for network in NETWORKS
    ]
    preview = f"![{style.name}](../../src/impasto/gallery/previews/{style.name}.webp)"
    painting = f"{facts['title']}, {facts['artist']}, {facts['year']}"
    return f"| {preview} | `{style.name}` | {painting} | {' | '.join(scores)} |"


if __name__ == "__main__":
    main()
