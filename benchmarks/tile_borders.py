"""Measure what tiles change in a painting: docs/explanation/measured/tile-borders.json.

  python benchmarks/tile_borders.py PICTURE [--networks base,small] [--styles
  starry-night,great-wave]

A picture is painted in tiles and in one go, which takes memory for all of it, in the precision of
this machine. The record
has, in levels of 255: the mean difference of the two; the largest one beside the borders of tiles,
and elsewhere; and the largest step from one pixel of the tiled painting to the next, across borders
and elsewhere. Last, the mean differences where two samples stand for the picture, as they do for
one of more than 64 megapixels (of it they are as much as of 400 megapixels), and where a copy half
as large does.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.images import rows
from impasto.images.image import UInt8
from impasto.images.reading import read
from impasto.inference import tile_grid, tiling
from impasto.inference.model import PreparedStyle
from impasto.models.network import MULTIPLE
from impasto.stylizer import Stylizer

RECORDS = Path(__file__).parents[1] / "docs" / "explanation" / "measured" / "tile-borders.json"
BESIDE = 2  # pixels on either side of a border that count as beside it
SAMPLED = 2 * 36 / 400  # of a picture of 400 megapixels


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("--networks", default="base,small")
    parser.add_argument("--styles", default="starry-night,great-wave")
    arguments = parser.parse_args()
    picture, records = read(arguments.picture).rgb, []
    for network in arguments.networks.split(","):
        stylizer = Stylizer(network)
        for style in arguments.styles.split(","):
            named = {
                "picture": arguments.picture.name,
                "network": stylizer.network.hash[:16],
                "style": style,
            }
            records.append(named | compared(picture, stylizer.prepare(style)))
            print(json.dumps(records[-1]), flush=True)
    RECORDS.write_text(json.dumps(records, indent=1) + "\n")


def compared(picture: UInt8, prepared: PreparedStyle) -> dict[str, Any]:
    """Figures of one painting, in levels of 255."""
    tiled = tiling.TiledPainting(rows.ArrayRows(picture), prepared).to_array()
    apart = np.abs(tiled.astype(np.int16) - prepared.paint(picture))
    near = beside(picture, prepared.margin)
    found: dict[str, Any] = {"megapixels": round(picture.shape[0] * picture.shape[1] / 1e6, 2)}
    found |= {
        "mean": round(float(apart.mean()), 3),
        "most_beside": int(apart[near].max()),
        "most_elsewhere": int(apart[~near].max()),
    }
    across, within = zip(*(steps(tiled, axis, prepared.margin) for axis in (0, 1)), strict=True)
    found |= {"step_across": max(across), "step_within": max(within)}
    sampled = painted_by_samples(picture, prepared)
    found["sampled_mean"] = round(float(np.abs(sampled.astype(np.int16) - tiled).mean()), 3)
    height, width = (side // 2 for side in picture.shape[:2])
    thumbnail = prepared.freeze(
        prepared.measure(rows.ResizedRows(rows.ArrayRows(picture), height, width).to_array())
    ).paint(picture)
    return found | {
        "thumbnail_mean": round(float(np.abs(thumbnail.astype(np.int16) - tiled).mean()), 3)
    }


def painted_by_samples(picture: UInt8, prepared: PreparedStyle) -> UInt8:
    """Paint with statistics of two samples, as for a picture of 400 megapixels."""
    kept = tiling.MAX_MEASURED_PIXELS, tiling.SAMPLE_PIXELS
    tiling.MAX_MEASURED_PIXELS, tiling.SAMPLE_PIXELS = (
        0,
        int(picture.shape[0] * picture.shape[1] * SAMPLED / tiling.SAMPLE_COUNT),
    )
    try:
        return tiling.TiledPainting(rows.ArrayRows(picture), prepared).to_array()
    finally:
        tiling.MAX_MEASURED_PIXELS, tiling.SAMPLE_PIXELS = kept


def borders(shape: tuple[int, ...], margin: int) -> list[list[int]]:
    """Where tiles begin, rows and columns."""
    height, width = (side + -side % MULTIPLE for side in shape[:2])
    return [
        [span.first for span in side[1:]] for side in tile_grid.tile_spans(height, width, margin)
    ]


def beside(picture: UInt8, margin: int) -> NDArray[np.bool_]:
    """Which pixels are beside borders, (H, W)."""
    near = np.zeros(picture.shape[:2], bool)
    rows, columns = borders(picture.shape, margin)
    for row in rows:
        near[row - BESIDE : row + BESIDE] = True
    for column in columns:
        near[:, column - BESIDE : column + BESIDE] = True
    return near


def steps(painted: UInt8, axis: int, margin: int) -> tuple[int, int]:
    """The largest step along an axis, across the borders of tiles and elsewhere."""
    found = np.abs(np.diff(painted.astype(np.int16), axis=axis))
    across = [first - 1 for first in borders(painted.shape, margin)[axis]]
    return int(np.take(found, across, axis).max()), int(np.delete(found, across, axis).max())


if __name__ == "__main__":
    main()
