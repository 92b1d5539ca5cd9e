"""Styles of a request: gallery names, pictures and style files, and their mixes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from fastapi import UploadFile

from impasto.errors import StyleError
from impasto.models.gallery import gallery_names, gallery_style, memory_style, unknown_style
from impasto.models.mix import EXAMPLE, Mix, StyleSource, find_mix
from impasto.models.style import Style, name_of
from impasto.server.uploads import Upload, read_picture, read_style_upload, read_upload

MAX_STYLES = 16  # in a mix


@dataclass(frozen=True, eq=False)
class StyleParts:
    """The styles of a request with their weights, not yet decoded.

    Attributes:
        named: styles of the gallery.
        pictures: any pictures.
        files: style files.
        weights: one for each, in this order; None where the client gave none.
    """

    named: Sequence[Style] = ()
    pictures: Sequence[Upload] = ()
    files: Sequence[Upload] = ()
    weights: Sequence[float | None] = ()

    def load(self) -> Mix:
        """Decode pictures and style files, and mix all.

        Raises:
            StyleError: one is broken, or the weights are not positive.
        """
        styles = [
            *self.named,
            *(_picture_style(upload) for upload in self.pictures),
            *(read_style_upload(upload) for upload in self.files),
        ]
        return mix_of(zip(styles, self.weights, strict=True))

    @property
    def uploads(self) -> list[Upload]:
        """All files, in order."""
        return [*self.pictures, *self.files]


def _picture_style(upload: Upload) -> Style:
    style = memory_style(upload.data)
    name, file = style_name(upload.stem), Path(upload.name)
    return Style(name, {}, {}, file=file, pixels=style.pixels, digest=upload.digest)


def mix_of(pairs: Iterable[tuple[Style, float | None]]) -> Mix:
    """Mix styles by their weights; None counts as 1."""
    return find_mix(cast(StyleSource, list(pairs)))


def style_name(stem: str) -> str:
    """Make the name of a style from the name of an upload."""
    return name_of(stem.replace("/", "-").replace("\\", "-")) or "picture"


def parse_names(text: str) -> list[tuple[Style, float | None]]:
    """Parse gallery names with weights, as in `starry-night:0.7,great-wave:0.3`.

    Text of the command line may also name files; that of a request never does.

    Raises:
        StyleError: a name is unknown, or a weight is no number.
    """
    parts = [_parse_part(part.strip()) for part in text.split(",")]
    if len(parts) > MAX_STYLES:
        raise StyleError(f"cannot mix {len(parts)} styles; give {MAX_STYLES} or fewer")
    return parts


def _parse_part(part: str) -> tuple[Style, float | None]:
    name, colon, weight = part.partition(":")
    if name not in gallery_names():
        raise unknown_style(name[:100])
    if not colon:
        return gallery_style(name), None
    return gallery_style(name), _parse_weight(weight, part)


def _parse_weight(text: str, label: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise StyleError(
            f"cannot mix {label[:100]!r}: {text[:20]!r} is no weight; a mix is written {EXAMPLE}"
        )
    return weight


async def read_parts(
    names: str | None,
    pictures: Sequence[UploadFile],
    files: Sequence[UploadFile],
    weights: str | None,
    max_pixels: int,
) -> StyleParts:
    """Read the styles of a request.

    Args:
        names: gallery names, as `parse_names` takes them.
        pictures: any pictures.
        files: style files.
        weights: of all, separated by commas: one for `names` as a whole if it is there, then one
            for each file. None: those in `names`, and 1 for each file.
        max_pixels: of a picture.

    Raises:
        StyleError: there is no style, a name is unknown, or weights do not fit.
        PictureError: a picture is none, or has too many pixels.
    """
    named = parse_names(names) if names else []
    count = len(pictures) + len(files)
    if not named and not count:
        raise StyleError("cannot paint without a style; give style, style_image or style_file")
    if count > MAX_STYLES:
        raise StyleError(f"cannot mix {count} files; give {MAX_STYLES} or fewer")
    given: list[float | None] = [*(weight for _, weight in named), *([None] * count)]
    if weights:
        given = _share_weights(named, count, weights)
    read = [(await read_picture(file, max_pixels, "the style picture"))[0] for file in pictures]
    style_files = [await read_upload(file, "the style file") for file in files]
    return StyleParts([style for style, _ in named], read, style_files, given)


def _share_weights(
    named: Sequence[tuple[Style, float | None]], count: int, text: str
) -> list[float | None]:
    """Return the weight of each style; that of the names as a whole is shared among them."""
    weights = [_parse_weight(part, text) for part in text.split(",")]
    if len(weights) != count + bool(named):
        raise StyleError(
            f"cannot use style_weights {text[:60]!r}: there are {len(weights)} for"
            f" {count + bool(named)} styles; give one for style, and one for each file"
        )
    if not named:
        return list(weights)
    shares = [1.0 if weight is None else weight for _, weight in named]
    total = sum(shares) or 1.0
    return [*(weights[0] * share / total for share in shares), *weights[1:]]
