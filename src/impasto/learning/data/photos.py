"""Content pictures for training: numbered crops of the photographs of a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from impasto.errors import PictureError, TrainingError
from impasto.images.detection import is_picture
from impasto.images.reading import read

MIN_DEVIATION = 8.0  # levels of 255: a flatter crop teaches nothing, and is drawn again
MAX_DRAWS = 5  # of one crop

Array = np.ndarray


class ContentImages(Protocol):
    """A numbered supply of square RGB pictures.

    The same number and size always give the same picture.

    Attributes:
        description: of the pictures, for the card of a style.
        pool: count of different pictures; numbers are below it.
        broken: files that could not be read so far.
    """

    description: str
    pool: int
    broken: set[str]

    def crop(self, number: int, size: int) -> Array:
        """Give picture `number`, uint8 (size, size, 3)."""
        ...


class PhotoFolder:
    """Random crops of the photographs below a folder; broken files are skipped and listed.

    Each photograph is resized to a short side of 256 to 448 pixels (`SCALE`). So objects come at
    several sizes, whatever the size of the crop. Half of the crops are mirrored.

    Args:
        folder: searched with all folders below it.
        seed: of the crops.
        crops: different crops of each photograph.

    Raises:
        TrainingError: the folder holds no pictures.
    """

    SCALE = (256, 448)

    def __init__(self, folder: Path, seed: int = 0, crops: int = 1) -> None:
        self.paths = sorted(
            path for path in folder.rglob("*") if not path.name.startswith(".") and is_picture(path)
        )
        if not self.paths:
            raise TrainingError(
                f"{folder} holds no pictures that impasto reads; "
                "leave out --photos to train without"
            )
        self.seed = seed
        self.pool = len(self.paths) * crops
        self.description = f"{len(self.paths)} photographs"
        self.broken: set[str] = set()

    def crop(self, number: int, size: int) -> Array:
        """Give picture `number`, uint8 (size, size, 3), from the next file that can be read.

        Raises:
            TrainingError: no file can be read.
        """
        for path in self._from(number):
            try:
                picture = Image.fromarray(read(path).opaque())
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
    """Cut a random square out of a picture, mirrored half the time.

    Args:
        picture: RGB.
        size: side of the square, pixels.
        rng: draws scale, place and mirroring.
        scale_range: pixels; the short side of the picture is first resized to a number between.

    Returns:
        uint8 (size, size, 3).
    """
    scale = rng.uniform(*scale_range) / min(picture.size)
    w, h = (max(size, round(side * scale)) for side in picture.size)
    for _ in range(MAX_DRAWS):
        x, y = rng.integers(w - size + 1), rng.integers(h - size + 1)
        # resize only the part that is kept
        box = (
            x / w * picture.width,
            y / h * picture.height,
            (x + size) / w * picture.width,
            (y + size) / h * picture.height,
        )
        crop = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC, box=box))
        # of a sixteenth of the pixels, as the deviation of all takes longer than the crop
        if crop[::4, ::4].std() > MIN_DEVIATION:
            break
    return crop[:, ::-1] if rng.random() < 0.5 else crop
