"""Content pictures for training: crops of a folder of photographs, or generated ones where there is
no dataset."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from impasto.errors import PictureError, TrainingError
from impasto.images.formats import EXTENSIONS
from impasto.images.reading import read

FLAT, TRIES = (
    8.0,
    5,
)  # a crop of smaller deviation (levels of 255) teaches nothing, and is drawn again this often

Array = np.ndarray


class ContentImages(Protocol):
    """A numbered supply of square RGB pictures: the same number and size always give the same
    picture."""

    description: str  # what they are, for a card
    pool: int  # how many different pictures there are; numbers are below it
    broken: set[str]  # files that could not be read so far

    def crop(self, number: int, size: int) -> Array:
        """Picture `number`, uint8 (size, size, 3)."""
        ...


class PhotoFolder:
    """Random crops of the photographs under a folder, any tree; broken files are skipped and
    remembered.

    Each photograph is brought to a short side of 256 to 448 pixels (`SCALE`), so that objects come
    at several sizes whatever the size of the crop, and half of them are mirrored.
    """

    SCALE = (256, 448)

    def __init__(self, folder: Path, seed: int = 0, crops: int = 1) -> None:
        self.paths = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in EXTENSIONS and path.is_file()
        )
        if not self.paths:
            raise TrainingError(
                f"{folder} holds no pictures ({', '.join(sorted(EXTENSIONS))}); leave out --photos to train without"
            )
        self.seed = seed
        self.pool = len(self.paths) * crops
        self.description = f"{len(self.paths)} photographs"
        self.broken: set[str] = set()

    def crop(self, number: int, size: int) -> Array:
        for path in self._from(number):
            try:
                picture = Image.fromarray(read(path).rgb)
            except PictureError:
                self.broken.add(str(path))
                continue
            return random_crop(
                picture, size, np.random.default_rng([self.seed, number]), self.SCALE
            )
        raise TrainingError("none of the pictures to train on can be read")

    def _from(self, number: int) -> Iterator[Path]:
        start = number % len(self.paths)
        return iter(self.paths[start:] + self.paths[:start])


def random_crop(
    picture: Image.Image, size: int, rng: np.random.Generator, scale_range: tuple[float, float]
) -> Array:
    """A square of `size` pixels from a picture whose short side is first brought into
    `scale_range`; mirrored half the time."""
    scale = rng.uniform(*scale_range) / min(picture.size)
    w, h = (max(size, round(side * scale)) for side in picture.size)
    for _ in range(TRIES):
        x, y = rng.integers(w - size + 1), rng.integers(h - size + 1)
        # resize only the part that is kept
        box = (
            x / w * picture.width,
            y / h * picture.height,
            (x + size) / w * picture.width,
            (y + size) / h * picture.height,
        )
        crop = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC, box=box))
        if (
            crop[::4, ::4].std() > FLAT
        ):  # of so many pixels, as that of all takes longer than the crop
            break
    return crop[:, ::-1] if rng.random() < 0.5 else crop
