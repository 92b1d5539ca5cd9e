"""A style at a strength, bound to a loaded network and ready to paint."""

import contextlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from impasto import progress
from impasto.engines import base
from impasto.errors import ArgumentError, NetworkError
from impasto.images.image import UInt8
from impasto.inference import tile_grid, tiled_statistics
from impasto.inference.frozen_norm import NormStatistics, freeze_norms
from impasto.models.network import MULTIPLE, NOISE, Network
from impasto.models.noise import noise_at
from impasto.models.style import Embedding

MIN_SIDE = 64  # pixels; shorter sides are padded by mirroring
# Pixels of mirrored padding that are painted and cut off. Losses see black beyond an image's
# edges, so networks learned to paint another color there. A multiple of `MULTIPLE`, so that noise
# has the same phase in a picture and in its tiles.
MARGIN = 32
# The same for frames of a video, which are many: pixels near edges then differ by some levels from
# those of a wider margin, and look alike. Networks that see further than `MAX_FRAME_FIELD` pixels
# paint larger forms, which come out flat in corners, so they keep `MARGIN`.
FRAME_MARGIN, MAX_FRAME_FIELD = 16, 128

GraphVariant = Literal["whole", "frame", "plain", "plain-frame", "measuring"]
"""A network as it is, without its normalizations, or up to their statistics.

Those for frames have images of one size, and paint several at once.
"""


class NetworkPass(NamedTuple):
    """One run of a network that adds to a painting.

    Attributes:
        network: the network that runs.
        embedding: style embedding, (embedding_size,).
        weight: weight of its result among those of all passes.
        frozen: whether the embedding has normalization statistics folded in.
    """

    network: Network
    embedding: Embedding
    weight: float
    frozen: bool = False


class PreparedStyle:
    """A style at a strength, bound to a loaded network; made by `Stylizer.prepare`.

    A network normalizes features with the statistics of the image it paints. With frozen
    statistics it uses those of another image, so that tiles and video frames are painted alike:

        prepared = stylizer.prepare("starry-night")
        frozen = prepared.freeze(prepared.measure(thumbnail))
        tiles = [frozen.paint(tile) for tile in ...]
    """

    def __init__(
        self,
        passes: Sequence[NetworkPass],
        engine: Callable[[Network, GraphVariant | tiled_statistics.GraphSegment], base.Engine],
        strength: float = 1.0,
        frames: bool = False,
    ) -> None:
        self.passes, self._engine, self.strength = passes, engine, strength
        self._frames = frames

    def for_frames(self) -> "PreparedStyle":
        """Give the same style for many images of one size, as frames of a video: it runs faster.

        `impasto.stylizer.Stylizer.streams` threads may paint at once; more take turns.
        """
        return PreparedStyle(self.passes, self._engine, self.strength, frames=True)

    def __repr__(self) -> str:
        names = ", ".join(network_pass.network.name for network_pass in self.passes)
        return f"PreparedStyle(networks=[{names}], strength={self.strength:g})"

    def paint(self, image: UInt8, top: int = 0, left: int = 0) -> UInt8:
        """Paint an image.

        Args:
            image: uint8 RGB (H, W, 3), any size.
            top: row at which this image begins in a larger one, a multiple of 16. Noise, where
                the network takes it, is then the noise of the larger image.
            left: column at which it begins, a multiple of 16.

        Returns:
            uint8 RGB (H, W, 3), the same size.

        Raises:
            ArgumentError: the image is not such an array.
        """
        check_image(image)
        if not self.passes:
            return image.copy()
        # engines for frames have the noise of the corner compiled in
        is_frame = self._frames and top == left == 0
        painted = [self._paint_pass(one, image, is_frame, top, left) for one in self.passes]
        weights = [one.weight for one in self.passes]
        photo_weight = 1 - sum(weights)
        if photo_weight > 1e-6:  # more than rounding
            painted.append(image)
            weights.append(photo_weight)
        if len(painted) > 1:
            mixed = sum(
                np.float32(weight) * part for weight, part in zip(weights, painted, strict=True)
            )
            painted = [np.asarray(mixed + np.float32(0.5)).clip(0, 255).astype(np.uint8)]
        return np.ascontiguousarray(painted[0])

    def _paint_pass(
        self, one: NetworkPass, image: UInt8, is_frame: bool, top: int, left: int
    ) -> UInt8:
        """Paint an image by one network, uint8 (H, W, 3)."""
        variants: tuple[GraphVariant, GraphVariant] = ("whole", "plain")
        if is_frame:
            variants = ("frame", "plain-frame")
        margin = find_margin(one.network, is_frame)
        padded = _pad(image, margin)
        painted = self._run(one, variants[one.frozen], padded, top - margin, left - margin)[0]
        # engines may have cut the margin off
        border = margin - (padded.shape[0] - painted.shape[0]) // 2
        height, width = image.shape[:2]
        return painted[border : border + height, border : border + width]

    def measure(
        self, image: UInt8, advance: progress.Advance = lambda _: None
    ) -> list[NormStatistics]:
        """Measure the statistics that painting an image would use, for each pass.

        Args:
            image: uint8 RGB (H, W, 3). Above `tile_grid.tile_limits` it is measured tile by tile.
            advance: called with the fraction of work done since the last call.

        Raises:
            NetworkError: the graph of a network has no statistics that can be frozen.
        """
        check_image(image)
        statistics = []
        for one in self.passes:
            margin = find_margin(one.network, self._frames)
            padded = _pad(image, margin)
            if padded.shape[0] * padded.shape[1] > tile_grid.tile_limits().max_pixels:
                measured = self._measure_tiled(
                    one, padded, margin, lambda done: advance(done / len(self.passes))
                )
            else:
                measured = NormStatistics.of_output(
                    self._run(one, "measuring", padded, -margin, -margin)
                )
                advance(1 / len(self.passes))
            statistics.append(measured)
        return statistics

    def _measure_tiled(
        self, one: NetworkPass, padded: UInt8, margin: int, advance: progress.Advance
    ) -> NormStatistics:
        def load(segment: tiled_statistics.GraphSegment) -> Callable[..., Any]:
            return self._engine(one.network, segment).run

        return tiled_statistics.measure_tiled(
            one.network.graph, one.embedding, padded, load, advance, corner=-margin
        )

    @property
    def can_freeze(self) -> bool:
        """Whether the networks' statistics can be frozen, as for all that impasto trains."""
        try:
            return self.margin >= 0
        except NetworkError:
            return False

    @property
    def margin(self) -> int:
        """Pixels that a tile must see around itself to be painted as in the whole image.

        Tiles begin at multiples of 16.

        Raises:
            NetworkError: the graph of a network has no statistics that can be frozen.
        """
        return max((freeze_norms(one.network.graph).margin for one in self.passes), default=0)

    def _run(
        self, one: NetworkPass, part: GraphVariant, padded: UInt8, top: int, left: int
    ) -> base.Array:
        """Run a graph on padded pixels, which begin at a row and a column of the noise."""
        engine = self._engine(one.network, part)
        inputs: list[base.Array] = [padded[None], one.embedding[None]]
        if NOISE in engine.inputs:
            inputs.append(noise_at(padded.shape[0], padded.shape[1], top, left))
        result: base.Array = engine.run(*inputs)
        return result

    def freeze(self, statistics: Sequence[NormStatistics]) -> "PreparedStyle":
        """Give the same style with these statistics for every image it paints."""
        passes = [
            one._replace(
                embedding=freeze_norms(one.network.graph).fold(one.embedding, measured),
                frozen=True,
            )
            for one, measured in zip(self.passes, statistics, strict=True)
        ]
        return PreparedStyle(passes, self._engine, self.strength, self._frames)


def check_image(image: UInt8) -> None:
    """Raise ArgumentError if an array is not an image, uint8 RGB (H, W, 3) with pixels."""
    if not isinstance(image, np.ndarray):
        raise ArgumentError(
            f"cannot paint an object of type {type(image).__name__}: PreparedStyle.paint takes "
            "uint8 arrays (H, W, 3); Stylizer.stylize takes files and PIL images too"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ArgumentError(
            f"cannot paint an array of {image.dtype} {image.shape}: "
            "give uint8 RGB (H, W, 3) with pixels"
        )


def find_margin(network: Network, is_frame: bool) -> int:
    """Find how many pixels of mirrored padding a network paints around an image or a frame."""
    return FRAME_MARGIN if is_frame and _sees_little(network.graph) else MARGIN


@lru_cache(maxsize=8)
def _sees_little(graph: bytes) -> bool:
    """Tell whether a network sees little around each pixel; asked at every frame, so it is kept."""
    with contextlib.suppress(NetworkError):
        return freeze_norms(graph).margin <= MAX_FRAME_FIELD
    return False


def _pad(image: UInt8, margin: int) -> UInt8:
    """Mirror an image beyond its edges: by `margin`, and on to sides that the network takes."""
    extra = [
        max(-(side + 2 * margin) % MULTIPLE, MIN_SIDE - side - 2 * margin)
        for side in image.shape[:2]
    ]
    extra = [
        more + -(side + more) % MULTIPLE for side, more in zip(image.shape[:2], extra, strict=True)
    ]
    rows, columns = (
        _mirror(side, margin, margin + more)
        for side, more in zip(image.shape[:2], extra, strict=True)
    )
    # by slices, of which one is large: `np.pad` takes three times as long
    height, width = image.shape[:2]
    down, right = slice(margin, margin + height), margin + width
    padded = np.empty((len(rows), len(columns), 3), np.uint8)
    padded[down, margin:right] = image
    padded[down, :margin] = image[:, columns[:margin]]
    padded[down, right:] = image[:, columns[right:]]
    padded[:margin] = padded[margin + rows[:margin]]
    padded[margin + height :] = padded[margin + rows[margin + height :]]
    return padded


def _mirror(side: int, before: int, after: int) -> NDArray[np.intp]:
    """List the positions in a line of pixels that a mirrored one shows, (before + side + after)."""
    positions = np.arange(-before, side + after) % (2 * side)
    return np.minimum(positions, 2 * side - 1 - positions)
