"""Statistics of a picture of many megapixels, exactly as its network would read them, without all
features being in memory.

Once the statistics of the normalizations before it are known, what the next one reads is made by
plain convolutions (see `impasto.inference.frozen_norm`). So they are read one after the other, each
tile by tile. Most features are fine, too many to keep, and made anew of the picture each time;
coarse ones, 8 pixels apart, are kept from one stage to the next: two numbers to a pixel, for
`base`. All of it takes about twice as long as painting.

Nothing less would do, as errors multiply through a dozen layers. Of 12 megapixels, statistics of a
copy half as large were 7 to 9 levels of 255 off on average, and of patches that cover 18 % of it 4
to 5 (`benchmarks/tile_borders.py`); correcting them by tiles that were painted with them diverges.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from impasto.images.image import UInt8
from impasto.inference import frozen_norm
from impasto.inference.frozen_norm import NormStatistics
from impasto.inference.tile_grid import TileSpan, tile_spans
from impasto.models import onnx_graphs
from impasto.models.network import INPUTS, MULTIPLE
from impasto.models.noise import noise_at
from impasto.progress import Advance

Float32 = NDArray[np.float32]
IMAGE, EMBEDDING, NOISE = INPUTS
# pixels from which coarse features are kept in 16 bits, which takes half the memory and 6 times as
# long
FLOAT16_PIXELS = 16_000_000
NOISE_STEP = 2  # from one position of noise to the next


class GraphSegment(NamedTuple):
    """A piece of a network's graph without its normalizations: up to what one of them would read.

    Attributes:
        graph: ONNX; of some tensors, by name, to others.
        inputs: image, embedding, noise, or coarse features of earlier stages.
        outputs: what is measured, and coarse features.
        kept: of the outputs, those that later stages take.
        channels: of all that are normalized, those that are measured.
        step: pixels from one of the measured features to the next.
        margin: pixels to be seen around a tile.
    """

    graph: bytes
    inputs: list[str]
    outputs: list[str]
    kept: set[str]
    channels: slice
    step: int
    margin: int

    @property
    def pixels(self) -> bool:
        """Whether it takes the image."""
        return IMAGE in self.inputs


def measure_tiled(
    graph: bytes,
    embedding: Float32,
    picture: UInt8,
    load: Callable[[GraphSegment], Callable[..., Any]],
    advance: Advance = lambda _: None,
    corner: int = 0,
) -> NormStatistics:
    """What painting a picture would read.

    Args:
        graph: of a network.
        embedding: of a style, (size,).
        picture: uint8 RGB (H, W, 3), sides multiples of 8.
        load: makes a piece of the network ready to run.
        advance: told of each share of the work that is done; they sum to 1.
        corner: where the picture begins, in pixels down and across, for noise (see
            `impasto.models.noise.noise_at`).

    Raises:
        NetworkError: the graph is of another kind.
    """
    stages, network = split_at_norms(graph), frozen_norm.freeze_norms(graph)
    read = NormStatistics(
        np.zeros(len(network.scales), np.float32), np.ones(len(network.scales), np.float32)
    )
    noise = noise_at(picture.shape[0], picture.shape[1], corner, corner)
    known: dict[str, NDArray[Any]] = {IMAGE: picture[None], NOISE: noise}
    for place, stage in enumerate(stages):
        known[EMBEDDING] = network.fold(embedding, read)[None]
        measured, kept = _run(load(stage), stage, known, lambda done: advance(done / len(stages)))
        read.mean[stage.channels], read.variance[stage.channels] = measured
        needed = {IMAGE, *(name for later in stages[place + 1 :] for name in later.inputs)}
        known = {name: each for name, each in (known | kept).items() if name in needed}
    return read


def _run(
    run: Callable[..., Any], stage: GraphSegment, known: dict[str, NDArray[Any]], advance: Advance
) -> tuple[NormStatistics, dict[str, NDArray[Any]]]:
    """A stage's statistics of a picture, and the features to keep of it, (1, C, h, w)."""
    _, height, width, _ = known[IMAGE].shape
    statistics, count, kept = (
        NormStatistics(np.zeros(1, np.float32), np.ones(1, np.float32)),
        0,
        dict[str, NDArray[Any]](),
    )
    down, across = tile_spans(height, width, stage.margin)
    for row in down:
        for column in across:
            outputs = run(*(_around(known[name], name, row, column) for name in stage.inputs))
            for name, features in zip(
                stage.outputs, outputs if len(stage.outputs) > 1 else [outputs], strict=True
            ):
                inside = features[:, :, row.inside(stage.step), column.inside(stage.step)]
                if name in stage.kept:
                    if name not in kept:
                        size = *inside.shape[:2], height // MULTIPLE, width // MULTIPLE
                        kept[name] = np.empty(
                            size, np.float16 if height * width > FLOAT16_PIXELS else np.float32
                        )
                    kept[name][:, :, row.kept(MULTIPLE), column.kept(MULTIPLE)] = inside
                if name == stage.outputs[0]:
                    found = _moments(inside[0])
                    count += inside[0, 0].size
                    statistics = statistics.towards(found, inside[0, 0].size / count)
            advance((row.last - row.first) * (column.last - column.first) / (height * width))
    return statistics, kept


def _around(array: NDArray[Any], name: str, row: "TileSpan", column: "TileSpan") -> NDArray[Any]:
    """What a tile sees of the picture, of noise or of features; a style is the same everywhere."""
    if name == IMAGE:
        array = array[:, row.seen(), column.seen()]
    elif name == NOISE:
        array = array[:, :, row.seen(NOISE_STEP), column.seen(NOISE_STEP)]
    elif name != EMBEDDING:
        return np.ascontiguousarray(
            array[:, :, row.seen(MULTIPLE), column.seen(MULTIPLE)], np.float32
        )
    return np.ascontiguousarray(array)


def _moments(features: Float32) -> NormStatistics:
    """Means and variances of features (C, h, w), (C,) each."""
    flat = features.reshape(len(features), -1)
    mean = flat.mean(1)
    flat = flat - mean[:, None]
    return NormStatistics(mean, np.einsum("ij,ij->i", flat, flat) / flat.shape[1])


@lru_cache(maxsize=4)
def split_at_norms(graph: bytes) -> list[GraphSegment]:
    """Cut a network's graph at its normalizations. Raises NetworkError if it is not built as
    `impasto train` builds them."""
    import onnx  # here, as few need it

    channels = frozen_norm.freeze_norms(
        graph
    ).channels  # which raises where the graph is of another kind
    model = onnx.load_model_from_string(graph)
    plain = onnx_graphs.without_normalizations(model)
    made_by = {output: node for node in plain.graph.node for output in node.output}
    users = [(name, node.op_type) for node in plain.graph.node for name in node.input]
    seen = onnx_graphs.receptive_fields(plain)
    found: list[tuple[list[str], list[str]]] = []  # inputs and outputs
    known: list[str] = []  # coarse features
    for norm in onnx_graphs.normalizations(model):
        name = norm.input[0]
        outputs = [name]
        if seen[name].step == MULTIPLE and known:
            given = onnx_graphs.without_padding(made_by[name].input[0], made_by)
            if (
                len([user for user in users if user[0] == given]) > 1
            ):  # where a residual block begins; added at its end
                outputs.append(given)
        found.append((onnx_graphs.required_inputs(plain, [*INPUTS, *known], outputs), outputs))
        if seen[name].step == MULTIPLE:
            known += outputs
    taken = {name for inputs, _ in found for name in inputs}
    stages = []
    for (inputs, outputs), where in zip(found, channels, strict=True):
        reach = onnx_graphs.receptive_fields(
            plain, dict.fromkeys(set(inputs) - set(INPUTS), MULTIPLE)
        )[outputs[0]]
        piece = onnx_graphs.extract_subgraph(plain, inputs, outputs)
        stages.append(
            GraphSegment(
                piece, inputs, outputs, taken & set(outputs), where, int(reach.step), reach.margin
            )
        )
    return stages
