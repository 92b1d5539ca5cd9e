"""Held statistics: instance normalization with the means and deviations of another picture.

Normalization that reads its statistics from what it paints makes the tiles of a picture differ and
a video flicker. Taken once, from a reduced picture or from earlier frames (thumbnail instance
normalization, Chen et al. 2021), they fold into the style's scales and shifts, and the network
becomes plain convolutions.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from impasto.errors import NetworkError
from impasto.models.network import OUTPUT
from impasto.models.onnx_graphs import (
    STATISTICS,
    extract_subgraph,
    normalizations,
    receptive_fields,
    with_statistics,
    without_normalizations,
)


class NormStatistics(NamedTuple):
    """What the normalizations of a network read from a picture, of all their channels in order:
    (channels,) each."""

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]

    @classmethod
    def of_output(cls, output: NDArray[np.float32]) -> "NormStatistics":
        """From what a measuring graph gives, (1, 2 channels)."""
        mean, variance = np.split(output[0], 2)
        return cls(mean, variance)

    def towards(self, other: "NormStatistics", share: float) -> "NormStatistics":
        """A mixture with `share` of another's, 0..1: of means and of variances about them, so that
        it too is of pixels."""
        mean = (1 - share) * self.mean + share * other.mean
        between = share * (1 - share) * (self.mean - other.mean) ** 2
        return NormStatistics(mean, (1 - share) * self.variance + share * other.variance + between)


@dataclass(frozen=True, eq=False)
class FrozenNetwork:
    """What is made of a network's graph to hold its statistics.

    Attributes:
        plain: ONNX, the graph without its normalizations; paints with embeddings that `fold` gives.
        measuring: ONNX, of image and embedding to `statistics` (1, 2 channels): means, then
            variances.
        margin: pixels, a multiple of 8, that are to be seen around a part of a picture for it to be
            painted by the plain graph as in the whole. Parts begin at multiples of 8, too.
        scales, shifts: where in an embedding each normalized channel's scale and shift stand,
            (channels,).
        channels: of each normalization, where its channels stand among all.
        epsilon: of the normalizations' variances.
    """

    plain: bytes
    measuring: bytes
    margin: int
    scales: NDArray[np.intp]
    shifts: NDArray[np.intp]
    channels: tuple[slice, ...]
    epsilon: float

    def fold(
        self, embedding: NDArray[np.float32], statistics: NormStatistics
    ) -> NDArray[np.float32]:
        """The embedding (size,) with which the plain graph paints as the network does where it
        reads these statistics."""
        gain = 1 / np.sqrt(statistics.variance + self.epsilon)
        folded = embedding.astype(np.float32, copy=True)
        folded[self.scales] = embedding[self.scales] * gain
        folded[self.shifts] = (
            embedding[self.shifts] - embedding[self.scales] * gain * statistics.mean
        )
        return folded


@lru_cache(maxsize=8)
def freeze_norms(graph: bytes) -> FrozenNetwork:
    """Take a network's graph apart. Raises NetworkError if it is not built as `impasto train`
    builds them."""
    import onnx  # here, as few need it
    from onnx import numpy_helper

    model = onnx.load_model_from_string(graph)
    try:
        made_by = {output: node for node in model.graph.node for output in node.output}
        used_by = {name: node for node in model.graph.node for name in node.input}
        constants = {tensor.name: tensor for tensor in model.graph.initializer}
        norms = normalizations(model)
        scales, shifts, epsilons = [], [], set()
        for norm in norms:
            # instance_norm(x) * scale + shift, where (scale, shift) =
            # split(unsqueeze(slice(embedding)))
            split = made_by[
                next(name for name in used_by[norm.output[0]].input if name != norm.output[0])
            ]
            part = made_by[made_by[split.input[0]].input[0]]
            if split.op_type != "Split" or part.op_type != "Slice":
                raise KeyError(split.op_type, part.op_type)
            start, end = (
                int(numpy_helper.to_array(constants[name]).item()) for name in part.input[1:3]
            )
            middle = (start + end) // 2
            scales.append(np.arange(start, middle))
            shifts.append(np.arange(middle, end))
            epsilons.add(next(a.f for a in norm.attribute if a.name == "epsilon"))
        (epsilon,) = epsilons
        margin = receptive_fields(model)[OUTPUT].margin
    except (KeyError, ValueError, IndexError, StopIteration) as error:
        raise NetworkError(
            f"this network's statistics cannot be held: its graph is of another kind ({error!r})"
        ) from error
    measuring = extract_subgraph(
        with_statistics(model, [norm.input[0] for norm in norms]), outputs=[STATISTICS]
    )
    plain = extract_subgraph(without_normalizations(model))
    ends = np.cumsum([len(each) for each in scales]).tolist()
    channels = tuple(slice(start, end) for start, end in pairwise([0, *ends]))
    return FrozenNetwork(
        plain, measuring, margin, np.concatenate(scales), np.concatenate(shifts), channels, epsilon
    )
