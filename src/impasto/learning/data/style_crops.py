"""Pictures that the style predictor learns from: random parts, in several sizes and colors."""

from pathlib import Path

import numpy as np
from PIL import Image

from impasto.errors import PictureError, TrainingError
from impasto.images.detection import is_picture
from impasto.images.image import UInt8
from impasto.images.reading import read
from impasto.learning.data.photos import random_crop
from impasto.learning.data.synthetic.generator import SyntheticPhotos
from impasto.models.network import PREDICTOR_PATCH_SIZE

# pixels, short sides that pictures are resized to: so a style is met with strokes of several sizes
SCALE = (224, 640)
MAX_ENLARGEMENT = 1.1  # a picture that is enlarged more shows no strokes
# pixels, largest side of a view: its moments cost as much as a third of a training step
SIDE = PREDICTOR_PATCH_SIZE
RECOLORED_SHARE = 0.3  # of all views
GENERATED_SHARE = 0.04  # of all views


class StyleCrops:
    """Views of the pictures under some folders.

    Args:
        folders: searched with all folders below them; broken pictures are left out when met.
        seed: of views; a view depends on the seed and its number alone.

    Raises:
        TrainingError: there are no pictures.
    """

    def __init__(self, folders: list[Path], seed: int = 0) -> None:
        files = (path for folder in folders for path in folder.rglob("*"))
        self.paths = sorted(
            path for path in files if not path.name.startswith(".") and is_picture(path)
        )
        if not self.paths:
            raise TrainingError(
                f"{', '.join(map(str, folders))}: no pictures that impasto reads, to learn "
                "prediction from"
            )
        self.description = f"{len(self.paths)} pictures"
        self._generated = SyntheticPhotos(seed)
        self.seed, self.broken = seed, set[str]()

    def view(self, *number: int) -> UInt8:
        """Make a view; the same numbers always give the same one.

        Returns:
            uint8 (side, side, 3), of a side of at most `SIDE` pixels.

        Raises:
            TrainingError: no picture can be read.
        """
        rng = np.random.default_rng([self.seed, 0xA27, *number])
        if rng.random() < GENERATED_SHARE:
            return recolored(
                self._generated.crop(int(rng.integers(self._generated.pool)), SIDE), rng
            )
        for _ in range(len(self.paths)):
            path = self.paths[rng.integers(len(self.paths))]
            try:
                picture = Image.fromarray(read(path).opaque())
            except PictureError:
                self.broken.add(str(path))
                continue
            short = min(picture.size)
            scale = min(np.exp(rng.uniform(*np.log(SCALE))), MAX_ENLARGEMENT * short)
            size = int(min(SIDE, scale)) // 8 * 8
            part = random_crop(picture, max(size, 64), rng, (scale, scale))
            if rng.random() < RECOLORED_SHARE:
                return recolored(part, rng)
            return np.ascontiguousarray(part)
        raise TrainingError("none of the pictures to learn prediction from can be read")


def recolored(picture: UInt8, rng: np.random.Generator) -> UInt8:
    """Give a picture other colors with the same strokes.

    Channels are swapped and mixed a little; contrast and brightness change.

    Args:
        picture: uint8 (H, W, 3).
        rng: draws the change.

    Returns:
        uint8 (H, W, 3).
    """
    mixed = (
        picture[..., rng.permutation(3)].astype(np.float32)
        / 255
        @ (np.eye(3) + rng.normal(0, 0.12, (3, 3)))
    )
    mean = mixed.mean((0, 1))
    mixed = mean + (mixed - mean) * rng.uniform(0.6, 1.3) + rng.uniform(-0.12, 0.12)
    return (mixed * 255 + 0.5).clip(0, 255).astype(np.uint8)
