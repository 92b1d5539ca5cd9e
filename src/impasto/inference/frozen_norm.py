"""Frozen statistics: instance normalization with the means and deviations of another picture.

A normalization that reads its statistics from the picture it paints makes the tiles of a picture
differ, and a video flicker. Statistics that are measured once, from a reduced picture or from
earlier frames (thumbnail instance normalization, Chen et al. 2021), fold into the scales and shifts
of the style. The network then consists of plain convolutions.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from impasto.errors import NetworkError
from impasto.models.network import OUTPUT
from impasto.models.onnx_graphs import (
    STATISTICS,
    add_statistics,
    extract_subgraph,
    find_normalizations,
    receptive_fields,
    remove_normalizations,
)

Float32 = NDArray[np.float32]


class NormStatistics(NamedTuple):
    """Statistics that the normalizations of a network read from a picture.

    Attributes:
        mean: of all channels of all normalizations, in order, float32 (channels,).
        variance: of the same channels, float32 (channels,).
    """

    mean: Float32
    variance: Float32

    @classmethod
    def of_output(cls, output: Float32) -> "NormStatistics":
        """Make statistics of the output of a measuring graph, float32 (1, 2 channels)."""
        mean, variance = np.split(output[0], 2)
        return cls(mean, variance)

    def towards(self, other: "NormStatistics", share: float) -> "NormStatistics":
        """Mix these statistics with others, as if pixels of both pictures were measured together.

        Args:
            other: statistics of another picture.
            share: of the other picture's pixels, 0..1.
        """
        mean = (1 - share) * self.mean + share * other.mean
        between = share * (1 - share) * (self.mean - other.mean) ** 2
        return NormStatistics(mean, (1 - share) * self.variance + share * other.variance + between)


@dataclass(frozen=True, eq=False)
class FrozenNetwork:
    """Graphs and tables that freeze the statistics of a network.

    Attributes:
        plain: serialized ONNX model, the graph without its normalizations; it paints with
            embeddings from `fold`.
        measuring: serialized ONNX model, from image and embedding to `statistics`, (1, 2 channels):
            means, then variances.
        margin: pixels, a multiple of 16. The plain graph paints a part of a picture as in the whole
            where it sees so many pixels around it. Parts begin at multiples of 16, too.
        scales: places in the embedding of the scales of all normalized channels, (channels,).
        shifts: places in the embedding of their shifts, (channels,).
        channels: for each normalization, the slice of its channels.
        epsilon: added to the variances by the normalizations.
    """

    plain: bytes
    measuring: bytes
    margin: int
    scales: NDArray[np.intp]
    shifts: NDArray[np.intp]
    channels: tuple[slice, ...]
    epsilon: float

    def __repr__(self) -> str:
        return f"FrozenNetwork({len(self.scales)} channels, margin {self.margin})"

    def fold(self, embedding: Float32, statistics: NormStatistics) -> Float32:
        """Fold statistics into an embedding, float32 (size,).

        With the result, the plain graph paints as the network does when it reads these statistics.
        """
        gain = 1 / np.sqrt(statistics.variance + self.epsilon)
        scales = embedding[self.scales] * gain
        folded = embedding.astype(np.float32, copy=True)
        folded[self.scales] = scales
        folded[self.shifts] = embedding[self.shifts] - scales * statistics.mean
        return folded


@lru_cache(maxsize=8)
def freeze_norms(graph: bytes) -> FrozenNetwork:
    """Make the graphs and tables that freeze a network's statistics.

    Args:
        graph: the network's serialized ONNX model.

    Raises:
        NetworkError: the graph is not built as `impasto train` builds them.
    """
    import onnx  # imported here because it is slow, and few pictures need it

    model = onnx.load_model_from_string(graph)
    try:
        norms = find_normalizations(model)
        scales, shifts = _find_scales_and_shifts(model, norms)
        (epsilon,) = {_read_epsilon(norm) for norm in norms}
        margin = receptive_fields(model)[OUTPUT].margin
    except (KeyError, ValueError, IndexError, StopIteration) as error:
        raise NetworkError(
            "cannot freeze this network's statistics: its graph is not built as `impasto train`"
            f" builds them ({error!r}); train the network with impasto, or import its weights with"
            " `impasto import`"
        ) from error
    measuring = extract_subgraph(
        add_statistics(model, [norm.input[0] for norm in norms]), outputs=[STATISTICS]
    )
    plain = extract_subgraph(remove_normalizations(model))
    ends = np.cumsum([len(places) for places in scales]).tolist()
    channels = tuple(slice(start, end) for start, end in pairwise([0, *ends]))
    return FrozenNetwork(
        plain, measuring, margin, np.concatenate(scales), np.concatenate(shifts), channels, epsilon
    )


def _find_scales_and_shifts(
    model: Any, norms: list[Any]
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Find the places in the embedding of the scales and shifts of each normalization.

    A normalization is expected as instance_norm(x) * scale + shift, where (scale, shift) =
    split(unsqueeze(slice(embedding))). KeyError or StopIteration tell of another kind of graph.
    """
    from onnx import numpy_helper

    made_by = {output: node for node in model.graph.node for output in node.output}
    used_by = {name: node for node in model.graph.node for name in node.input}
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    scales, shifts = [], []
    for norm in norms:
        product = used_by[norm.output[0]]
        split = made_by[next(name for name in product.input if name != norm.output[0])]
        part = made_by[made_by[split.input[0]].input[0]]
        if split.op_type != "Split" or part.op_type != "Slice":
            raise KeyError(split.op_type, part.op_type)
        start, end = (
            int(numpy_helper.to_array(constants[name]).item()) for name in part.input[1:3]
        )
        middle = (start + end) // 2
        scales.append(np.arange(start, middle))
        shifts.append(np.arange(middle, end))
    return scales, shifts


def _read_epsilon(norm: Any) -> float:
    epsilon: float = next(field.f for field in norm.attribute if field.name == "epsilon")
    return epsilon
