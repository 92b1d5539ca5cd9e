"""Pictures to train on without a dataset.

They are drawn, or are crops of the photographs that installed packages carry.
"""

import functools
import importlib.util
import random
from pathlib import Path

import numpy as np
from PIL import Image

from impasto.images.reading import read
from impasto.learning.data.photos import random_crop
from impasto.learning.data.synthetic.canvas import GRAIN, TILE, Canvas, textures
from impasto.learning.data.synthetic.scenes import SCENES

Array = np.ndarray

# photographs inside the wheels of scikit-image (which would download others) and scikit-learn
CARRIED = (
    *(
        f"skimage/data/{name}.png"
        for name in ("astronaut", "camera", "chelsea", "coffee", "motorcycle_left")
    ),
    *(f"skimage/data/{name}.jpg" for name in ("hubble_deep_field", "rocket")),
    *(f"sklearn/datasets/images/{name}.jpg" for name in ("china", "flower")),
)
CARRIED_SHARE = 0.4  # of the crops, where all of them are installed
# pixels, short side of a carried photograph: they are few, so the range is wider than that of
# `PhotoFolder`
SCALE = (256, 640)
# pixels, least side of a drawn scene, so that its objects have the same sizes in small crops
SCENE = 256
SUPERSAMPLING = 1.5


class SyntheticPhotos:
    """Photograph-like pictures without a dataset, as `impasto.learning.data.photos.ContentImages`.

    Most are drawn: dead leaves (Lee, Mumford and Huang 2001, "Occlusion models for natural images":
    opaque shapes whose sizes follow r^-3 hide each other), and landscapes, streets, portraits and
    still lifes made of such shapes, lit from one side. That drawn pictures can train a network to
    see is shown by Baradad et al. 2021, "Learning to see by looking at noise".

    Where scikit-image or scikit-learn is installed, up to 40 % are crops of the photographs inside
    those packages, so the same (seed, number, size) gives the same picture as long as the same
    packages are installed. Nothing is ever downloaded.
    """

    def __init__(self, seed: int = 0, pool: int = 1024) -> None:
        self.seed, self.pool = seed, pool
        self.description = "generated pictures and what installed packages carry"
        self.broken: set[str] = set()
        self.photos = carried_photos()
        # fewer photographs, smaller share: none of them comes more often than it would if all were
        # there
        self.share = CARRIED_SHARE * (len(self.photos) / len(CARRIED))

    def crop(self, number: int, size: int) -> Array:
        """Give picture `number`, uint8 (size, size, 3)."""
        rng = random.Random(f"{self.seed}/{number}")
        if rng.random() < self.share:
            scale_range = (max(size, SCALE[0]), max(size, SCALE[1]))
            return random_crop(
                _photo(rng.choice(self.photos)),
                size,
                np.random.default_rng([self.seed, number]),
                scale_range,
            )
        return draw(size, rng)


def carried_photos() -> list[Path]:
    """List the photographs of `CARRIED` that are on this disk."""
    specs = {
        package: importlib.util.find_spec(package)
        for package in {name.split("/")[0] for name in CARRIED}
    }
    folders = {
        package: Path(spec.origin).parents[1]
        for package, spec in specs.items()
        if spec and spec.origin
    }
    paths = [
        folders[package] / name for name in CARRIED if (package := name.split("/")[0]) in folders
    ]
    return [path for path in paths if path.is_file()]


@functools.cache
def _photo(path: Path) -> Image.Image:
    return Image.fromarray(read(path).rgb)


def draw(size: int, rng: random.Random) -> Array:
    """Draw one picture, uint8 (size, size, 3)."""
    scene = rng.choices(list(SCENES), list(SCENES.values()))[0]
    canvas = Canvas(round(size * SUPERSAMPLING), rng, least=SCENE * SUPERSAMPLING)
    scene(canvas)
    picture = canvas.render().resize((size, size), Image.Resampling.HAMMING)
    return _develop(np.asarray(picture, np.float32) / 255, rng)


def _develop(picture: Array, rng: random.Random) -> Array:
    """Add the effects of a camera: contrast, exposure, a cast of color, and a little grain."""
    picture = (picture - 0.45) * rng.uniform(0.75, 1.15) + 0.42 + rng.uniform(-0.06, 0.08)
    picture *= np.array([1 + rng.gauss(0, 0.04), 1, 1 + rng.gauss(0, 0.05)], np.float32)
    rows, columns = ((np.arange(len(picture)) + rng.randrange(TILE)) % TILE for _ in range(2))
    picture += textures()[GRAIN][np.ix_(rows, columns)][..., None] * rng.uniform(0, 0.015)
    return (picture.clip(0, 1) * 255).astype(np.uint8)
