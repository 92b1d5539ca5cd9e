"""Measure the ranges of a network's features, which int8 needs, and write them into its file.

  python gallery_tools/measure_ranges.py large base small --photos FOLDER

For a network that is trained anew. Every style of the gallery paints --each photographs of the
folder, in turn; then all pictures are painted again in int8, and what differs from f32 is printed,
beside the time that both take.
"""

import argparse
import json
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from impasto.engines import base
from impasto.engines.int8 import RANGES, measure_ranges
from impasto.images.formats import EXTENSIONS
from impasto.images.image import UInt8
from impasto.images.reading import read
from impasto.images.resize import resize_short_side
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.network import Network, network_path, read_network
from impasto.models.noise import noise_at
from impasto.models.style import PHOTO

SIDE = 256  # pixels; photographs are not enlarged, as that would take their finest detail
ROOM = 1.1  # of what was seen, for styles that were not


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--each", type=int, default=4, help="photographs painted in each style")
    given = parser.parse_args()
    photos = cycle(
        sorted(path for path in given.photos.iterdir() if path.suffix.lower() in EXTENSIONS)
    )
    names = [name for name in gallery_names() if name != PHOTO]
    for name in given.networks:
        network = read_network(network_path(name))
        pairs = [(crop(path), style) for style in names for path in islice(photos, given.each)]
        measured(network, pairs)
        tried(read_network(network_path(name)), pairs[:: 2 * given.each])


def crop(path: Path) -> UInt8:
    """A square of a photograph, uint8 (SIDE, SIDE, 3)."""
    return np.ascontiguousarray(resize_short_side(read(path).rgb, SIDE)[:SIDE, :SIDE])


def measured(network: Network, pairs: list[tuple[UInt8, str]]) -> None:
    """Write the ranges into the network's file."""
    noise = noise_at(SIDE, SIDE)
    inputs = (
        (photo.transpose(2, 0, 1)[None] / np.float32(255), embedding(network, style), noise)
        for photo, style in pairs
    )
    ranges = {
        name: [
            round(ROOM * found.low, 4),
            round(ROOM * found.high, 4),
            [round(factor, 4) for factor in found.factors],
        ]
        for name, found in measure_ranges(network.graph, inputs).items()
    }
    model = onnx.load_model_from_string(network.graph)
    properties = {each.key: each.value for each in model.metadata_props} | {
        RANGES: json.dumps(ranges)
    }
    del model.metadata_props[:]
    helper.set_model_props(model, properties)
    Network(
        network.name,
        network.hash,
        network.embedding_size,
        model.SerializeToString(),
        network.metadata,
        network.predictor,
        network.photo,
    ).save(network_path(network.name))


def tried(network: Network, pairs: list[tuple[UInt8, str]]) -> None:
    """Print what int8 changes in the pictures, and the time that it takes."""
    noise = noise_at(SIDE, SIDE)
    exact, rounded = (
        base.load_engine(network.graph, "openvino", precision=each, pixels=True)
        for each in ("f32", "int8")
    )
    off, signal, times = [], [], []
    for photo, style in pairs:
        paintings, spent = [], []
        for engine in (exact, rounded):
            engine.run(photo[None], embedding(network, style), noise)
            start = time.perf_counter()
            paintings.append(
                engine.run(photo[None], embedding(network, style), noise)[0].astype(float)
            )
            spent.append(time.perf_counter() - start)
        difference = paintings[0] - paintings[1]
        off.append(np.abs(difference).mean())
        signal.append(10 * np.log10(255**2 / np.square(difference).mean()))
        times.append(spent[0] / spent[1])
    print(
        f"{network.name}, {len(pairs)} pictures: off by {np.mean(off):.2f} levels in the mean "
        f"({max(off):.2f} at most), PSNR "
        f"{np.mean(signal):.1f} dB ({min(signal):.1f} at least); f32 takes "
        f"{np.median(times):.2f} times as long as int8"
    )


def embedding(network: Network, style: str) -> NDArray[np.float32]:
    """Of a style of the gallery, (1, size)."""
    return gallery_style(style).embedding(network)[None].astype(np.float32)


if __name__ == "__main__":
    main()
