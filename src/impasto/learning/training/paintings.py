"""Pictures to learn, and the facts that style files tell about them."""

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from impasto.choices import MODES
from impasto.errors import ColorError, TrainingError
from impasto.images.image import UInt8
from impasto.images.reading import PictureSource, read, to_picture
from impasto.images.resize import resize_short_side
from impasto.inference.color import Color, color_after, recolor_style
from impasto.models.style import SUFFIX, encode_picture, name_of, read_style

UNNAMED = "untitled"  # name of a style whose picture is no file


@dataclass(frozen=True)
class Painting:
    """A picture to learn.

    Attributes:
        name: of the style.
        pixels: uint8 (H, W, 3), at the size of the strokes wanted.
        metadata: facts for the style file, such as title and artist.
        remembered: the picture as the style file keeps it, as `encode_picture` gives it; None where
            it keeps none.
    """

    name: str
    pixels: UInt8 = field(repr=False)
    metadata: Mapping[str, str]
    remembered: bytes | None = field(default=None, repr=False)


def to_painting(
    picture: PictureSource,
    short_side: int,
    facts: Mapping[str, str] | None = None,
    name: str | None = None,
    keep: bool = True,
) -> Painting:
    """Make a painting of a file, or of a picture in memory; see `read_painting`."""
    if isinstance(picture, str | os.PathLike):
        return read_painting(Path(picture), short_side, facts, name, keep)
    pixels = to_picture(picture).opaque()
    metadata = {key: value for key, value in (facts or {}).items() if key != "name"}
    name = name or (facts or {}).get("name") or UNNAMED
    metadata.setdefault("source", name)
    remembered = encode_picture(pixels) if keep else None
    return Painting(name, resize_short_side(pixels, short_side), metadata, remembered)


def read_painting(
    path: Path,
    short_side: int,
    facts: Mapping[str, str] | None = None,
    name: str | None = None,
    keep: bool = True,
) -> Painting:
    """Read a picture, or the picture that a style file remembers.

    Args:
        path: of the picture or style file.
        short_side: pixels that the shorter side of the picture gets.
        facts: title, artist, ..., and a name for the style.
        name: of the style; by default from `facts`, or else from the file.
        keep: whether the style shall remember the picture.

    Raises:
        PictureError, StyleError: the file cannot be read.
        TrainingError: the style file remembers no picture.
    """
    metadata: dict[str, str] = {"source": path.stem, "name": name_of(path.stem)}
    remembered: bytes | None
    if path.suffix.lower() == SUFFIX:
        style = read_style(path)
        if style.picture is None:
            raise TrainingError(
                f"{path} does not remember the picture that it was learned from; learn it from the "
                f"picture: impasto train PICTURE -o {path} --overwrite"
            )
        pixels, remembered = style.picture, style.remembered
        # keys with a dot are about the old embeddings
        general = {key: value for key, value in style.metadata.items() if "." not in key}
        metadata |= {**general, "name": style.name}
    else:
        pixels = read(path).opaque()
        remembered = encode_picture(pixels) if keep else None
    metadata |= {key: value for key, value in (facts or {}).items() if value or key != "name"}
    known_name = metadata.pop("name")
    return Painting(
        name or known_name,
        resize_short_side(pixels, short_side),
        metadata,
        remembered if keep else None,
    )


def recolor_painting(painting: Painting, color: Color, photo: UInt8 | None) -> Painting:
    """Prepare a picture to learn for a color mode.

    Args:
        painting: the picture.
        color: mode that keeps colors of the photograph.
        photo: uint8 (H, W, 3). With it, the picture takes its colors before it is learned. Without
            it, the style remembers the mode, and paintings are recolored after they are painted.

    Raises:
        ColorError: there is a photograph, but the mode keeps no colors.
    """
    if photo is None:
        return replace(painting, metadata=dict(painting.metadata) | {"color": color.text})
    if not color.changes:
        raise ColorError(
            f"cannot take the colors of a photograph: the mode is {color.text}; "
            f"choose one of {', '.join(MODES[1:])}"
        )
    pixels = recolor_style(painting.pixels, photo, color)
    metadata = {**painting.metadata, "recolored": color.text}
    remaining = color_after(replace(color, when="before"))
    if remaining.changes:
        metadata["color"] = remaining.text
    remembered = None if painting.remembered is None else encode_picture(pixels)
    return replace(painting, pixels=pixels, metadata=metadata, remembered=remembered)


def read_catalog(path: Path) -> dict[str, dict[str, str]]:
    """Read a table of facts about pictures: tab-separated, in UTF-8, with a header.

    Returns:
        By file name: name, title, artist, year, license, ...

    Raises:
        TrainingError: the file cannot be read, or lacks the columns `file` and `name`.
    """
    try:
        with path.open(encoding="utf-8", newline="") as table:
            rows = list(csv.DictReader(table, delimiter="\t", restval=""))
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TrainingError(
            f"cannot read the catalog {path}: {reason}; it must be a tab-separated table in UTF-8"
        ) from error
    if not rows or not {"file", "name"} <= rows[0].keys():
        raise TrainingError(
            f"{path} is no catalog: its first line must name columns, tab-separated: "
            "file, name, title, artist, ..."
        )
    # None is the key under which the reader puts values beyond the last column
    return {
        row["file"]: {key: value for key, value in row.items() if key not in ("file", None)}
        for row in rows
    }
