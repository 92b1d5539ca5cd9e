"""Pictures of the site: photographs beside their paintings, painted when the site is built."""

import html
from pathlib import Path

import impasto
from impasto.models.gallery import gallery_names, gallery_style, preview
from impasto.models.style import PHOTO
from impasto.server.site import STATIC

FOLDER = "paintings"
SIZE = 560  # pixels of the shorter side
QUALITY = 82
FIRST = ("pagoda", "starry-night")
PAIRS = (
    ("chelsea", "the-scream", "A cat"),
    ("coffee", "night-cafe", "A cup of coffee"),
    ("pagoda", "great-wave", "The Tower of Buddhist Incense"),
    ("chelsea", "the-kiss", "A cat"),
    ("coffee", "japanese-bridge", "A cup of coffee"),
    ("pagoda", "composition-vii", "The Tower of Buddhist Incense"),
)


def first_pair(pages: Path) -> str:
    """Paint the picture of the first page, and return its HTML."""
    return _pair(pages, *FIRST, impasto.Stylizer("base"))


def all_pairs(pages: Path) -> str:
    """Paint the pictures of the page of paintings, and return their HTML."""
    stylizer = impasto.Stylizer("base")
    figures = []
    for photo, style, subject in PAIRS:
        facts = gallery_style(style).metadata
        title = html.escape(f"{facts['title']}, {facts['artist']}, {facts['year']}")
        figures.append(
            f"<figure>{_pair(pages, photo, style, stylizer)}"
            f"<figcaption><b>{subject}</b>{title} (<code>{style}</code>)</figcaption></figure>"
        )
    return f'<div class="paintings">{"".join(figures)}</div>'


def swatches(pages: Path) -> str:
    """Copy the previews of the gallery, and return a grid of them in HTML."""
    images = []
    for name in gallery_names():
        picture = preview(name)
        if picture and name != PHOTO:
            title = html.escape(gallery_style(name).metadata.get("title", name), quote=True)
            (pages / FOLDER / picture.name).write_bytes(picture.read_bytes())
            images.append(
                f'<a href="reference/gallery.md" title="{title}">'
                f'<img src="{FOLDER}/{picture.name}" alt="{title}" loading="lazy"></a>'
            )
    return f'<div class="swatches" markdown="1">{"".join(images)}</div>'


def _pair(pages: Path, photo: str, style: str, stylizer: impasto.Stylizer) -> str:
    """Write a photograph and its painting; return both with a slider."""
    folder = pages / FOLDER
    folder.mkdir(exist_ok=True)
    source = STATIC / "samples" / f"{photo}.jpg"
    before, after = f"{photo}.webp", f"{photo}.{style}.webp"
    impasto.stylize(source, PHOTO, strength=0, size=SIZE, stylizer=stylizer).save(
        folder / before, quality=QUALITY
    )
    impasto.stylize(source, style, size=SIZE, stylizer=stylizer).save(
        folder / after, quality=QUALITY
    )
    return (
        f'<div class="pair"><img src="{FOLDER}/{after}" alt="The painting: {photo} in the style'
        f' {style}"><img src="{FOLDER}/{before}" alt="The photograph: {photo}"><i></i>'
        '<input type="range" min="0" max="100" value="35" aria-label="How much of the photograph'
        ' is shown, from the left"></div>'
    )
