"""Pictures that benchmarks draw, with about as much detail as photographs."""

from pathlib import Path

import numpy as np
from PIL import Image

BLOCK = 16  # pixels a side of the coarse pattern
NOISE = 6  # standard deviation of the grain, in levels


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """Draw a picture: soft patches of color with grain."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // BLOCK, width // BLOCK, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    grain = rng.normal(0, NOISE, (height, width, 3))
    return Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8))


def write_photos(folder: Path, count: int, width: int, height: int) -> list[Path]:
    """Write JPEG pictures into a folder, which is made; return their paths."""
    folder.mkdir(parents=True)
    paths = [folder / f"{number:04}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        photo(width, height, number).save(path, quality=90)
    return paths
