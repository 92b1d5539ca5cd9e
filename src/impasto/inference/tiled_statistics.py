"""Measure the statistics of a picture of many megapixels exactly, in little memory.

Once the statistics of all earlier normalizations are known, the input of the next one is computed
by plain convolutions (see `impasto.inference.frozen_norm`). So the normalizations are measured one
after the other, each tile by tile. Most features are fine, too many to keep, and are computed anew
from the picture for each normalization. Coarse features, 4 pixels apart or more, are kept from one
segment to the next: for `large`, up to 16 numbers for each pixel of the picture. Above 24
megapixels, only those 8 pixels apart are kept: for `base`, two numbers for each pixel. All of it
takes about twice as long as painting; with `large` above 24 megapixels, four times.

No shortcut is exact enough, because errors multiply through a dozen layers. For 12 megapixels,
statistics of a copy half as large were off by 7 to 9 levels of 255 on average, and statistics of
patches that cover 18 % of the picture by 4 to 5 (`benchmarks/tile_borders.py`). Correcting
statistics by tiles that were painted with them diverges.
"""

import math
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
from impasto.models.network import INPUTS
from impasto.models.noise import noise_at
from impasto.progress import Advance

Float32 = NDArray[np.float32]
Features = dict[str, NDArray[Any]]  # by tensor name
IMAGE, EMBEDDING, NOISE = INPUTS
# Numbers in the features of one layer above which they are kept in 16 bits: those of `base` in a
# picture of 16 megapixels. That takes half the memory and 6 times as long.
MAX_FLOAT32_NUMBERS = 16_000_000
NOISE_STEP = 2  # pixels from one position of noise to the next
# Pixels from one feature to the next, from which features are kept: in pictures of up to
# `MAX_FINE_PIXELS`, and in larger ones.
FINE_STEP, COARSE_STEP = 4, 8
MAX_FINE_PIXELS = 24_000_000


class GraphSegment(NamedTuple):
    """A segment of a network's graph without normalizations, up to the input of one of them.

    Attributes:
        graph: serialized ONNX model.
        inputs: names of the tensors it takes: image, embedding, noise, or coarse features of
            earlier segments.
        outputs: names of the tensors it gives: the normalization's input, then coarse features.
        kept: the outputs that later segments take.
        steps: pixels of the picture from one coarse feature to the next, by the name of an input.
        channels: place of this normalization's channels among those of all normalizations.
        step: the same of the outputs.
        margin: pixels that a tile reads around its output.
    """

    graph: bytes
    inputs: list[str]
    outputs: list[str]
    kept: set[str]
    steps: dict[str, int]
    channels: slice
    step: int
    margin: int

    @property
    def pixels(self) -> bool:
        """Whether the segment takes the image."""
        return IMAGE in self.inputs


def measure_tiled(
    graph: bytes,
    embedding: Float32,
    picture: UInt8,
    load: Callable[[GraphSegment], Callable[..., Any]],
    advance: Advance = lambda _: None,
    corner: int = 0,
) -> NormStatistics:
    """Measure the statistics that a network reads when it paints a picture.

    Args:
        graph: the network's serialized ONNX model.
        embedding: of the style, float32 (size,).
        picture: uint8 RGB (H, W, 3), with sides that are multiples of 16.
        load: makes a segment ready to run: returns a function of its inputs to its outputs.
        advance: called with the fraction of work done since the last call; the fractions sum to 1.
        corner: where the picture begins, in pixels down and across, for noise (see
            `impasto.models.noise.noise_at`).

    Raises:
        NetworkError: the graph is not built as `impasto train` builds them.
    """
    is_fine = picture.shape[0] * picture.shape[1] <= MAX_FINE_PIXELS
    segments = split_at_norms(graph, FINE_STEP if is_fine else COARSE_STEP)
    network = frozen_norm.freeze_norms(graph)
    channels = len(network.scales)
    statistics = NormStatistics(np.zeros(channels, np.float32), np.ones(channels, np.float32))
    noise = noise_at(picture.shape[0], picture.shape[1], corner, corner)
    tensors: Features = {IMAGE: picture[None], NOISE: noise}
    for place, segment in enumerate(segments):
        tensors[EMBEDDING] = network.fold(embedding, statistics)[None]
        measured, kept = _measure_segment(
            segment, load(segment), tensors, lambda done: advance(done / len(segments))
        )
        statistics.mean[segment.channels], statistics.variance[segment.channels] = measured
        needed = {IMAGE, *(name for later in segments[place + 1 :] for name in later.inputs)}
        tensors = {name: tensor for name, tensor in (tensors | kept).items() if name in needed}
    return statistics


def _measure_segment(
    segment: GraphSegment, run: Callable[..., Any], tensors: Features, advance: Advance
) -> tuple[NormStatistics, Features]:
    """Measure one normalization, tile by tile.

    Returns:
        Its statistics, and the coarse features that later segments take, (1, C, h, w) each.
    """
    _, height, width, _ = tensors[IMAGE].shape
    statistics = NormStatistics(np.zeros(1, np.float32), np.ones(1, np.float32))
    count = 0
    kept: Features = {}
    down, across = tile_spans(height, width, segment.margin)
    for row in down:
        for column in across:
            inputs = (_cut(tensors[name], name, segment, row, column) for name in segment.inputs)
            outputs = run(*inputs)
            outputs = outputs if len(segment.outputs) > 1 else [outputs]
            crop = row.crop_slice(segment.step), column.crop_slice(segment.step)
            cropped = {
                name: features[:, :, *crop]
                for name, features in zip(segment.outputs, outputs, strict=True)
            }
            for name in segment.kept:
                if name not in kept:
                    kept[name] = _allocate(cropped[name], height, width, segment.step)
                place = row.output_slice(segment.step), column.output_slice(segment.step)
                kept[name][:, :, *place] = cropped[name]
            measured = cropped[segment.outputs[0]]
            count += measured[0, 0].size
            statistics = statistics.towards(_moments(measured[0]), measured[0, 0].size / count)
            advance((row.last - row.first) * (column.last - column.first) / (height * width))
    return statistics, kept


def _allocate(features: NDArray[Any], height: int, width: int, step: int) -> NDArray[Any]:
    """Allocate coarse features of a whole picture, with the channels of these."""
    size = *features.shape[:2], height // step, width // step
    return np.empty(size, np.float16 if math.prod(size) > MAX_FLOAT32_NUMBERS else np.float32)


def _cut(
    tensor: NDArray[Any], name: str, segment: GraphSegment, row: TileSpan, column: TileSpan
) -> NDArray[Any]:
    """Cut the input of a tile from the picture, from noise or from features.

    The embedding is the same for all tiles.
    """
    if name == IMAGE:
        tensor = tensor[:, row.input_slice(), column.input_slice()]
    elif name == NOISE:
        tensor = tensor[:, :, row.input_slice(NOISE_STEP), column.input_slice(NOISE_STEP)]
    elif name != EMBEDDING:
        step = segment.steps[name]
        tensor = tensor[:, :, row.input_slice(step), column.input_slice(step)]
        return np.ascontiguousarray(tensor, np.float32)
    return np.ascontiguousarray(tensor)


def _moments(features: Float32) -> NormStatistics:
    """Compute means and variances of features (C, h, w), (C,) each."""
    flat = features.reshape(len(features), -1)
    mean = flat.mean(1)
    flat = flat - mean[:, None]
    return NormStatistics(mean, np.einsum("ij,ij->i", flat, flat) / flat.shape[1])


@lru_cache(maxsize=6)
def split_at_norms(graph: bytes, coarse_step: int = COARSE_STEP) -> list[GraphSegment]:
    """Split a network's graph at its normalizations.

    Args:
        graph: the network's serialized ONNX model.
        coarse_step: pixels from one feature to the next, from which segments give features to
            later ones.

    Raises:
        NetworkError: the graph is not built as `impasto train` builds them.
    """
    import onnx  # imported here because it is slow, and small pictures need no segments

    channels = frozen_norm.freeze_norms(graph).channels  # raises NetworkError
    model = onnx.load_model_from_string(graph)
    plain = onnx_graphs.remove_normalizations(model)
    ends = _find_segment_ends(model, plain, coarse_step)
    taken = {name for inputs, _ in ends for name in inputs}
    fields = onnx_graphs.receptive_fields(plain)
    segments = []
    for (inputs, outputs), place in zip(ends, channels, strict=True):
        steps = {name: int(fields[name].step) for name in inputs if name not in INPUTS}
        field = onnx_graphs.receptive_fields(plain, steps)[outputs[0]]
        segment = onnx_graphs.extract_subgraph(plain, inputs, outputs)
        kept = taken & set(outputs)
        segments.append(
            GraphSegment(
                segment, inputs, outputs, kept, steps, place, int(field.step), field.margin
            )
        )
    return segments


def _find_segment_ends(
    model: Any, plain: Any, coarse_step: int
) -> list[tuple[list[str], list[str]]]:
    """Find the names of the inputs and outputs of each segment.

    Args:
        model: the network as an ONNX model.
        plain: the same without its normalizations.
        coarse_step: as for `split_at_norms`.
    """
    made_by = {output: node for node in plain.graph.node for output in node.output}
    users = [(name, node.op_type) for node in plain.graph.node for name in node.input]
    fields = onnx_graphs.receptive_fields(plain)
    ends: list[tuple[list[str], list[str]]] = []
    coarse: list[str] = []  # coarse features that earlier segments give
    for norm in onnx_graphs.find_normalizations(model):
        name = norm.input[0]
        outputs = [name]
        step = fields[name].step
        if step >= coarse_step and coarse:
            source = onnx_graphs.skip_padding(made_by[name].input[0], made_by)
            # used twice: where a residual block begins, and in the sum at its end
            is_twice = len([user for user in users if user[0] == source]) > 1
            if is_twice and fields[source].step == step:
                outputs.append(source)
        ends.append((onnx_graphs.required_inputs(plain, [*INPUTS, *coarse], outputs), outputs))
        if step >= coarse_step:
            coarse += outputs
    return ends
