"""What training starts from: paintings, photographs, perceptual networks."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from impasto.errors import TrainingError
from impasto.images.image import UInt8
from impasto.images.reading import read
from impasto.images.resize import resized
from impasto.inference.color import Color, color_after, recolor_style
from impasto.learning.data.photos import ContentImages, PhotoFolder
from impasto.learning.data.synthetic.generator import SyntheticPhotos
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.pretrained import load_perceptual
from impasto.learning.tensors import best_dtype
from impasto.models.style import SUFFIX, encode_picture, name_of, read_style

# peaks, where a trained network is the start; crops of the full size only, as small ones undo what
# a prediction knows
TUNING: dict[str, Any] = {
    "embedding_rate": 3e-2,
    "learning_rate": 1e-3,
    "curriculum": ((1.0, 1.0),),
}
# How much of what `lite` adds to a prediction counts. Predictions were learned by VGG-19, and
# beyond what is good by both networks `lite` leads to what is good by itself alone: half of the way
# is better than all of it (docs/explanation/training-history.md).
LITE_UPDATE_SCALE = 0.5
# As `impasto.learning.training.trainer.HELD`, where content errors are those that `lite` finds: by
# VGG-19 they rise more.
LITE_CONTENT_LIMIT = 0.7
# of a gallery; its first crops are larger than those of a fresh one, as it knows the rough manner
# already
CONTINUED: dict[str, Any] = {
    "embedding_rate": 8e-3,
    "learning_rate": 2e-3,
    "curriculum": ((0.3, 0.6), (0.6, 0.8), (1.0, 1.0)),
}


@dataclass(frozen=True)
class Painting:
    """A picture to learn: pixels at the size of the strokes wanted, and what a style file says of
    it."""

    name: str
    pixels: UInt8
    metadata: Mapping[str, str]
    remembered: bytes | None = None  # the picture as the style file is to keep it, if it is


def read_painting(
    path: Path,
    short_side: int,
    facts: Mapping[str, str] | None = None,
    name: str | None = None,
    keep: bool = True,
) -> Painting:
    """A picture, or the one that a style file remembers, brought to a short side in pixels.

    `facts` (title, artist, ...) may name it, and so may the file; `keep` is whether its style shall
    remember it.

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
                f"{path} does not remember the picture that it was learned from; learn it from the picture: "
                f"impasto train PICTURE -o {path} --overwrite"
            )
        pixels, remembered = style.picture, style.remembered
        flat = {
            key: value for key, value in style.metadata.items() if "." not in key
        }  # the others are of the old embeddings
        metadata |= {**flat, "name": style.name}
    else:
        pixels = read(path).rgb
        remembered = encode_picture(pixels) if keep else None
    metadata |= {key: value for key, value in (facts or {}).items() if value or key != "name"}
    given = metadata.pop("name")
    return Painting(
        name or given, resized(pixels, short_side), metadata, remembered if keep else None
    )


def recolor_painting(painting: Painting, color: Color, photo: UInt8 | None) -> Painting:
    """A picture to learn for paintings whose colors are kept: as it is, to be recolored after
    painting, which the style remembers; or in the colors of a photograph, uint8 (H, W, 3), if there
    is one.
    """
    if photo is None:
        return replace(painting, metadata=dict(painting.metadata) | {"color": color.text})
    pixels = recolor_style(painting.pixels, photo, color)
    left = color_after(replace(color, when="before"))
    more = {"recolored": color.text} | ({"color": left.text} if left.changes else {})
    remembered = None if painting.remembered is None else encode_picture(pixels)
    return replace(
        painting, pixels=pixels, metadata=dict(painting.metadata) | more, remembered=remembered
    )


def load_content(photos: Path | None, seed: int) -> ContentImages:
    """What to paint in training: a folder of photographs, or generated pictures where there is
    none."""
    return PhotoFolder(photos, seed) if photos else SyntheticPhotos(seed)


def load_losses(
    name: str, precision: str, progress: Callable[[int, int], None] | None = None
) -> PerceptualNetwork:
    """A perceptual network in a precision: "auto", "bf16" or "f32"."""
    dtype = {"auto": best_dtype(), "bf16": torch.bfloat16, "f32": torch.float32}[precision]
    return load_perceptual(name, dtype, progress)


def learning_rates(
    learning_rate: float | None, kind: Literal["fresh", "continued", "tuned"]
) -> dict[str, Any]:
    """Settings of learning rates and crops: for a gallery from nothing, for one that goes on, or
    for a style of a network that is there. A learning rate that is given is the network's peak.
    """
    paces: dict[str, dict[str, Any]] = {"fresh": {}, "continued": CONTINUED, "tuned": TUNING}
    chosen = dict(paces[kind])
    if learning_rate is not None:
        chosen |= {"learning_rate": learning_rate, "embedding_rate": 4 * learning_rate}
    return chosen


def set_threads(threads: int) -> None:
    """How many threads PyTorch computes with."""
    torch.set_num_threads(threads)


def read_catalog(path: Path) -> dict[str, dict[str, str]]:
    """What a table (tab-separated, with a header) says of pictures, by file name: name, title,
    artist, year, licence."""
    try:
        with path.open(encoding="utf-8", newline="") as table:
            rows = list(csv.DictReader(table, delimiter="\t", restval=""))
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TrainingError(
            f"cannot read the catalog {path}: {reason}; it is a table in UTF-8, tab-separated"
        ) from error
    if not rows or not {"file", "name"} <= rows[0].keys():
        raise TrainingError(
            f"{path} is no catalog: its first line must name columns, tab-separated: file, name, title, artist, ..."
        )
    # None is where a reader puts what stands beyond the last column
    return {
        row["file"]: {key: value for key, value in row.items() if key not in ("file", None)}
        for row in rows
    }
