"""Files of the gallery: their names, and the facts in style files, read without numpy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from impasto.errors import StyleError
from impasto.paths import GALLERY
from impasto.tensor_headers import read_metadata

FORMAT = "impasto style 1"
SUFFIX = ".safetensors"
PHOTO = "photo"  # the gallery's style that changes nothing
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # characters that control a terminal


@dataclass(frozen=True)
class StyleFacts:
    """What a style file says of its style.

    Attributes:
        name: short and familiar, such as `starry-night`.
        metadata: as of `impasto.models.style.Style`.
        file: the file.
    """

    name: str
    metadata: Mapping[str, str]
    file: Path | None


@cache
def gallery_names(gallery: Path = GALLERY) -> tuple[str, ...]:
    """List the styles of a gallery in alphabetical order.

    `photo`, the photograph itself, is left out: it is the anchor of strength, and no painting.
    """
    names = {path.stem for path in (gallery / "styles").glob(f"*{SUFFIX}")}
    return tuple(sorted(names - {PHOTO}))


@cache
def has_photo_style(gallery: Path = GALLERY) -> bool:
    """Tell whether a gallery has the style `photo`."""
    return style_path(PHOTO, gallery).is_file()


def style_path(name: str, gallery: Path = GALLERY) -> Path:
    """Return the path of a style in a gallery."""
    return gallery / "styles" / f"{name}{SUFFIX}"


def preview(name: str, gallery: Path = GALLERY) -> Path | None:
    """Return the path of the picture that shows a style of the gallery, a WebP file, or None."""
    path = gallery / "previews" / f"{name}.webp"
    return path if path.is_file() else None


def read_facts(path: Path) -> StyleFacts:
    """Read the facts of a style file from its header.

    Raises:
        StyleError: the file is missing, broken or no style.
    """
    metadata = clean_metadata(read_metadata(path, StyleError, FORMAT))
    return StyleFacts(metadata.get("name", path.stem), metadata, path)


def clean_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Replace characters that control a terminal, and leave out keys that have some."""
    return {
        key: CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
        for key, value in metadata.items()
        if not CONTROL.search(key)
    }
