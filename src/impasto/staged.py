"""Statistics of a picture of many megapixels, exactly as its network would read them, without all features being in memory.

Once the statistics of the normalizations before it are known, what the next one reads is made by plain convolutions (see
`impasto.held`). So they are read one after the other, each tile by tile. Most features are fine, too many to keep, and made
anew of the picture each time; coarse ones, 8 pixels apart, are kept from one stage to the next: two numbers to a pixel, for
`base`. All of it takes about twice as long as painting.

Nothing less would do, as errors multiply through a dozen layers. Of 12 megapixels, statistics of a copy half as large were 7 to
9 levels of 255 off on average, and of patches that cover 18 % of it 4 to 5 (`scripts/tile_borders.py`); correcting them by
tiles that were painted with them diverges.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from impasto import held
from impasto.engines import available_memory, resident_memory
from impasto.held import Statistics
from impasto.images import UInt8
from impasto.networks import INPUTS, MULTIPLE, noise_at

Float32 = NDArray[np.float32]
IMAGE, EMBEDDING, NOISE = INPUTS
Advance = Callable[[float], None]  # told of each share of the work that is done; they sum to 1

WHOLE = 4_000_000  # pixels that a network paints and measures in one go
HALVED = 16_000_000  # pixels from which coarse features are kept in 16 bits, which takes half the memory and 6 times as long
TILE = 1024  # pixels a side of a tile; whose features of one layer are then 32 MB at most
PIXELS = 2  # from one position of noise to the next
# Bytes of features that a pixel painted in one go takes in `base`, in float32, and the part of what is free that they may take.
BYTES, SHARE = 220, 0.5
SMALLEST_TILE = 512  # pixels a side: smaller ones are mostly what lies around them


class Limits(NamedTuple):
    """Pixels that are painted in one go, and of the side of a tile of what is larger."""

    whole: int
    tile: int

    def less(self) -> "Limits":
        """What takes a quarter of the memory."""
        tile = max(SMALLEST_TILE, self.tile // 2)
        return Limits(min(self.whole // 4, tile * tile), tile)


_limits: ContextVar[Limits | None] = ContextVar("limits", default=None)


def limits(within: int | None = None) -> Limits:
    """Those in force: of `limited`, or as many as fit into the memory that is free, or into `within` bytes for the process."""
    if set_ := _limits.get():
        return set_
    free = available_memory()
    if within is not None:
        left = max(0, within - resident_memory())
        free = left if free is None else min(free, left)
    fit = WHOLE if free is None else min(WHOLE, max(SMALLEST_TILE**2, int(SHARE * free / BYTES)))
    return Limits(fit, min(TILE, max(SMALLEST_TILE, math.isqrt(fit) // MULTIPLE * MULTIPLE)))


@contextlib.contextmanager
def limited(to: Limits) -> Iterator[None]:
    """Within it, these limits are in force."""
    token = _limits.set(to)
    try:
        yield
    finally:
        _limits.reset(token)


class Stage(NamedTuple):
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


def measure(
    graph: bytes,
    embedding: Float32,
    picture: UInt8,
    load: Callable[[Stage], Callable[..., Any]],
    advance: Advance = lambda _: None,
    corner: int = 0,
) -> Statistics:
    """What painting a picture would read.

    Args:
        graph: of a network.
        embedding: of a style, (size,).
        picture: uint8 RGB (H, W, 3), sides multiples of 8.
        load: makes a piece of the network ready to run.
        advance: told of each share of the work that is done; they sum to 1.
        corner: where the picture begins, in pixels down and across, for noise (see `impasto.networks.noise_at`).

    Raises:
        NetworkError: the graph is of another kind.
    """
    stages, network = cut(graph), held.hold(graph)
    read = Statistics(np.zeros(len(network.scales), np.float32), np.ones(len(network.scales), np.float32))
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
    run: Callable[..., Any], stage: Stage, known: dict[str, NDArray[Any]], advance: Advance
) -> tuple[Statistics, dict[str, NDArray[Any]]]:
    """A stage's statistics of a picture, and the features to keep of it, (1, C, h, w)."""
    _, height, width, _ = known[IMAGE].shape
    statistics, count, kept = Statistics(np.zeros(1, np.float32), np.ones(1, np.float32)), 0, dict[str, NDArray[Any]]()
    down, across = spans(height, width, stage.margin)
    for row in down:
        for column in across:
            outputs = run(*(_around(known[name], name, row, column) for name in stage.inputs))
            for name, features in zip(stage.outputs, outputs if len(stage.outputs) > 1 else [outputs], strict=True):
                inside = features[:, :, row.inside(stage.step), column.inside(stage.step)]
                if name in stage.kept:
                    if name not in kept:
                        size = *inside.shape[:2], height // MULTIPLE, width // MULTIPLE
                        kept[name] = np.empty(size, np.float16 if height * width > HALVED else np.float32)
                    kept[name][:, :, row.kept(MULTIPLE), column.kept(MULTIPLE)] = inside
                if name == stage.outputs[0]:
                    found = _moments(inside[0])
                    count += inside[0, 0].size
                    statistics = statistics.towards(found, inside[0, 0].size / count)
            advance((row.last - row.first) * (column.last - column.first) / (height * width))
    return statistics, kept


def _around(array: NDArray[Any], name: str, row: "Span", column: "Span") -> NDArray[Any]:
    """What a tile sees of the picture, of noise or of features; a style is the same everywhere."""
    if name == IMAGE:
        array = array[:, row.seen(), column.seen()]
    elif name == NOISE:
        array = array[:, :, row.seen(PIXELS), column.seen(PIXELS)]
    elif name != EMBEDDING:
        return np.ascontiguousarray(array[:, :, row.seen(MULTIPLE), column.seen(MULTIPLE)], np.float32)
    return np.ascontiguousarray(array)


def _moments(features: Float32) -> Statistics:
    """Means and variances of features (C, h, w), (C,) each."""
    flat = features.reshape(len(features), -1)
    mean = flat.mean(1)
    flat = flat - mean[:, None]
    return Statistics(mean, np.einsum("ij,ij->i", flat, flat) / flat.shape[1])


class Span(NamedTuple):
    """Where a tile lies along one side of a picture: pixels from `start` to `stop` are read, from `first` to `last` kept."""

    start: int
    stop: int
    first: int
    last: int

    def seen(self, step: int = 1) -> slice:
        """What is read, of features of the picture that are `step` pixels apart."""
        return slice(self.start // step, self.stop // step)

    def kept(self, step: int = 1) -> slice:
        """What is kept, of features of the picture."""
        return slice(self.first // step, self.last // step)

    def inside(self, step: int = 1) -> slice:
        """What is kept, of features of the tile."""
        return slice((self.first - self.start) // step, (self.last - self.start) // step)


def spans(height: int, width: int, margin: int) -> tuple[list[Span], list[Span]]:
    """Tiles of a picture, down and across: all of one size, as engines compile for sizes, and about as large as `limits` says.

    Those of a strip are longer. Sides, margin and all places are multiples of 8.
    """
    tile = limits().tile
    down = _spans(height, _limit(min(width, tile), tile), margin)
    return down, _spans(width, _limit(down[0].stop, tile), margin)


def _limit(side: int, tile: int) -> int:
    """How long a tile may be whose other side is given."""
    return max(tile, tile * tile // side // MULTIPLE * MULTIPLE)


def _spans(length: int, limit: int, margin: int) -> list[Span]:
    if length <= limit:
        return [Span(0, length, 0, length)]
    count = math.ceil((length - 2 * margin) / (limit - 2 * margin))
    size = math.ceil((length + 2 * (count - 1) * margin) / count / MULTIPLE) * MULTIPLE
    starts = [place * (length - size) // (count - 1) // MULTIPLE * MULTIPLE for place in range(count)]
    firsts = [0, *(start + margin for start in starts[1:])]
    lasts = [*firsts[1:], length]
    return [Span(start, start + size, first, last) for start, first, last in zip(starts, firsts, lasts, strict=True)]


@lru_cache(maxsize=4)
def cut(graph: bytes) -> list[Stage]:
    """Cut a network's graph at its normalizations. Raises NetworkError if it is not built as `impasto train` builds them."""
    import onnx  # here, as few need it

    channels = held.hold(graph).channels  # which raises where the graph is of another kind
    model = onnx.load_model_from_string(graph)
    plain = held.without_normalizations(model)
    made_by = {output: node for node in plain.graph.node for output in node.output}
    users = [(name, node.op_type) for node in plain.graph.node for name in node.input]
    seen = held.reaches(plain)
    found: list[tuple[list[str], list[str]]] = []  # inputs and outputs
    known: list[str] = []  # coarse features
    for norm in held.normalizations(model):
        name = norm.input[0]
        outputs = [name]
        if seen[name].step == MULTIPLE and known:
            given = held.unpadded(made_by[name].input[0], made_by)
            if len([user for user in users if user[0] == given]) > 1:  # where a residual block begins; added at its end
                outputs.append(given)
        found.append((held.needed(plain, [*INPUTS, *known], outputs), outputs))
        if seen[name].step == MULTIPLE:
            known += outputs
    taken = {name for inputs, _ in found for name in inputs}
    stages = []
    for (inputs, outputs), where in zip(found, channels, strict=True):
        reach = held.reaches(plain, dict.fromkeys(set(inputs) - set(INPUTS), MULTIPLE))[outputs[0]]
        piece = held.piece(plain, inputs, outputs)
        stages.append(Stage(piece, inputs, outputs, taken & set(outputs), where, int(reach.step), reach.margin))
    return stages
