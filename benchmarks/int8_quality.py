"""Measure how near paintings in int8 come to those in float32: PSNR over styles and photographs.

  python benchmarks/int8_quality.py PHOTO...

A square of each photograph, of 512 pixels, is painted in every style of the gallery by each
network. Prints the least, the fifth percentile and the median peak signal-to-noise ratio of each
network, in dB.
"""

import argparse
from pathlib import Path

import numpy as np

from impasto.choices import NETWORKS
from impasto.images.reading import read
from impasto.images.resize import resize_short_side
from impasto.models.gallery import gallery_names
from impasto.models.style import PHOTO
from impasto.stylizer import Stylizer

SIDE = 512  # pixels of the short side
WHITE = 255


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--every", type=int, default=1, help="take every so many of the styles")
    given = parser.parse_args()
    resized = [resize_short_side(read(path).rgb, SIDE) for path in given.photos]
    photos = [np.ascontiguousarray(photo[:SIDE, :SIDE]) for photo in resized]
    names = [name for name in gallery_names() if name != PHOTO][:: given.every]
    for network in NETWORKS:
        exact, rounded = (
            Stylizer(network, precision=precision, device="cpu") for precision in ("f32", "int8")
        )
        ratios = []
        for photo in photos:
            for name in names:
                one, other = (s.stylize(photo, name).astype(float) for s in (exact, rounded))
                ratios.append(10 * np.log10(WHITE**2 / np.mean((one - other) ** 2)))
        least, low, median = np.quantile(ratios, (0, 0.05, 0.5))
        print(f"{network}: least {least:.1f} dB, 5 % below {low:.1f} dB, median {median:.1f} dB")


if __name__ == "__main__":
    main()
