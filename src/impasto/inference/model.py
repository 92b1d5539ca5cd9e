"""A network loaded once, and brushes: styles at a strength, ready to paint. Arrays in and arrays
out."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from impasto import progress
from impasto.engines import base
from impasto.errors import NetworkError, RemadeStyleWarning, StyleError
from impasto.images.image import UInt8
from impasto.inference import tile_grid, tiled_statistics
from impasto.inference.frozen_norm import NormStatistics, freeze_norms
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.mix import Mix, find_mix
from impasto.models.network import MULTIPLE, NOISE, Network, find_network
from impasto.models.noise import noise_at
from impasto.models.style import PHOTO, Embedding, Style

MIN_SIDE = 64  # pixels a side: smaller pictures are painted with mirrored surroundings
MAX_CACHED_PREDICTIONS = 32  # in memory; the cache on disk has them all
Part = Literal[
    "whole", "plain", "measuring"
]  # of a network: as it is, without its normalizations, up to their statistics
# Pixels of mirrored surroundings that are painted too and cut off: losses see black beyond a
# picture's edges, and networks learned to paint against it, in another color, for some pixels. A
# multiple of `MULTIPLE`, so that noise stays where it is.
MARGIN = 24
# strength below which the photograph itself is blended in, so that 0 is exactly the photograph
PIXEL_BLEND = 0.1


class LoadedNetwork:
    """A network loaded once, which paints by way of brushes.

    Args:
        network: "base" (pictures) or "small" (faster, for video and live use), the path of a
            network file, or a `Network`.
        engine: "auto", "openvino" or "onnxruntime".
        threads: how many to compute with; by default all cores that the process may use.
        precision: "auto" (bfloat16 where the CPU has it), "bf16", "f32" or "int8" (quicker, and a
            little coarser).

    A style that was made for another network is painted as the style predictor sees the picture it
    remembers, and a `RemadeStyleWarning` says so, once; one that remembers none is a StyleError.

    Raises:
        NetworkError: no such network or engine, or one that cannot be loaded.
    """

    def __init__(
        self,
        network: str | Path | Network = "base",
        engine: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> None:
        self.network = network if isinstance(network, Network) else find_network(network)
        self._options = (engine, threads, precision)
        # by graph, and not by hash, as a style may own its network, and say any hash
        self._engines: dict[tuple[bytes, Part], base.Engine] = {}
        self._predictions: dict[
            bytes | int, tuple[UInt8, Embedding]
        ] = {}  # by the picture that a style remembers or is

    @property
    def engine(self) -> base.Engine:
        """The engine that runs this stylizer's network; loaded when first asked for."""
        return self._engine(self.network)

    def _engine(
        self, network: Network, part: Part | tiled_statistics.GraphSegment = "whole"
    ) -> base.Engine:
        if isinstance(
            part, tiled_statistics.GraphSegment
        ):  # not kept: all of them at once would hold as much memory as they are there to save
            engine, threads, precision = (
                self._options
            )  # they measure: as exactly as it can be had at this size
            return base.load_engine(
                part.graph,
                engine,
                threads,
                "auto" if precision == "int8" else precision,
                part.pixels,
            )
        key = network.graph, part
        if key not in self._engines:
            engine, threads, precision = self._options
            if part == "whole":
                graph = network.graph
            elif part == "plain":
                graph = freeze_norms(network.graph).plain
            else:
                graph, precision = (
                    freeze_norms(network.graph).measuring,
                    "f32",
                )  # once a picture, so as exactly as it can be had
            self._engines[key] = base.load_engine(
                graph, engine, threads, precision, pixels=True, cache=True
            )
        return self._engines[key]

    def preload(self, style: str | Style | Mix) -> Mix:
        """Find a style and load what paints in it, so that what does not fit fails before the first
        picture.

        Raises:
            StyleError: an unknown or broken style, or one made for another network.
            NetworkError: an engine or a graph that cannot be loaded.
        """
        mix = find_mix(style)
        for network, _, _ in self._passes(mix, strength=1):
            self._engine(network)
        return mix

    def prepare(self, style: str | Path | Style | Mix, strength: float = 1.0) -> "PreparedStyle":
        """A style at a strength, ready to paint many pictures: everything that is the same for all
        of them is done here.

        Raises: as `stylize`.
        """
        if not 0 <= strength <= 1:
            raise ValueError(
                f"strength must be between 0 (the photograph) and 1 (the full style), not {strength}"
            )
        mix = find_mix(style)
        passes = self._passes(mix, strength) if strength else []
        return PreparedStyle(
            [NetworkPass(network, embedding, weight) for network, embedding, weight in passes],
            self._engine,
            strength,
        )

    def _passes(self, mix: Mix, strength: float) -> list[tuple[Network, Embedding, float]]:
        """What to paint and to add up: styles of one network mix as embeddings, those that own
        theirs by pixels.

        Weights sum to 1 or, at low strength and where styles own their networks, to less: the rest
        is the photograph's pixels.
        """
        shared = [(style, weight) for style, weight in mix.parts if not style.own]
        passes = [
            (style.own, style.embedding(style.own), strength * weight)
            for style, weight in mix.parts
            if style.own
        ]
        if shared:
            total = sum(weight for _, weight in shared)
            embedding = np.asarray(
                sum(weight / total * self._embedding(style) for style, weight in shared)
            )
            weakened, blend = self._weakened(embedding, strength)
            passes.append((self.network, weakened, blend * total))
        return passes

    def _embedding(self, style: Style) -> Embedding:
        """A style's embedding for this network: its own, or predicted from a picture that it is or
        remembers."""
        misfit = style.misfit(self.network)
        if not misfit or style.picture is None:
            return style.embedding(self.network)
        key = style.remembered or id(style.picture)
        known = self._predictions.get(key)
        if known is None:
            # holds the picture, so that its id stays its own
            known = self._predictions[key] = style.picture, self._predicted(style, misfit)
            if len(self._predictions) > MAX_CACHED_PREDICTIONS:
                del self._predictions[next(iter(self._predictions))]
        return known[1]

    def _predicted(self, style: Style, misfit: str) -> Embedding:
        from impasto.inference import predictor  # here, as few need it

        assert style.picture is not None
        if style.pixels is not None:
            return predictor.predict(style.picture, self.network)
        anew = f"`{style.relearn(self.network)}` learns it anew"
        try:
            embedding = predictor.predict(style.picture, self.network)
        except StyleError as error:
            reason = "this network has no style predictor that could remake it"
            raise StyleError(
                f"style {misfit}, and {reason}; {anew}, or {style.elsewhere(self.network)}"
            ) from error
        said = f"{misfit}: painted as predicted from the picture it remembers; {anew}"
        warnings.warn(said, RemadeStyleWarning, stacklevel=2)
        return embedding

    def repictured(self, style: Style, picture: UInt8) -> Style:
        """A style as if its picture, uint8 (H, W, 3), were another: what was learned beyond the
        prediction of its own stays.

        Raises StyleError if the network has no style predictor.
        """
        from impasto.inference import predictor

        network, embedding = self.network, predictor.predict(picture, self.network)
        if style.pixels is None and style.picture is not None and not style.misfit(network):
            embedding = (
                style.embedding(network) + embedding - predictor.predict(style.picture, network)
            )
        return Style(
            style.name,
            {network.name: embedding},
            {network.name: network.hash},
            style.metadata,
            file=style.file,
        )

    def _weakened(self, embedding: Embedding, strength: float) -> tuple[Embedding, float]:
        """Strength mixes towards the embedding of the photograph, and near 0 by pixels; also the
        painting's share of those."""
        photo = self._photo() if strength < 1 else None
        if photo is None:
            return embedding, strength
        mixed = max(strength, PIXEL_BLEND)
        return (mixed * embedding + (1 - mixed) * photo).astype(np.float32), min(
            1.0, strength / PIXEL_BLEND
        )

    def _photo(self) -> Embedding | None:
        """The embedding of the photograph: the network file's, or the gallery's; files of older
        galleries have none."""
        if self.network.photo is not None or PHOTO not in gallery_names():
            return self.network.photo
        photo = gallery_style(PHOTO)
        return None if photo.misfit(self.network) else photo.embedding(self.network)


class NetworkPass(NamedTuple):
    """What a network adds to a painting; `held` if the embedding has statistics folded in."""

    network: Network
    embedding: Embedding
    weight: float
    frozen: bool = False


class PreparedStyle:
    """A style at a strength, ready to paint; made by `Stylizer.brush`.

    A network reads means and deviations from the picture it paints. A brush whose statistics are
    held takes those of another picture instead, so that the parts of a large picture, or the frames
    of a video, are painted alike:

        brush = stylizer.brush("starry-night")
        held = brush.hold(brush.measure(thumbnail))
        tiles = [held.paint(tile) for tile in ...]
    """

    def __init__(
        self,
        passes: Sequence[NetworkPass],
        engine: Callable[[Network, Part | tiled_statistics.GraphSegment], base.Engine],
        strength: float = 1.0,
    ) -> None:
        self.passes, self._engine, self.strength = passes, engine, strength

    def paint(self, picture: UInt8, top: int = 0, left: int = 0) -> UInt8:
        """Paint uint8 RGB (H, W, 3), any size: uint8 RGB, exactly as large.

        `top` and `left`, pixels, multiples of 8, say where in a larger picture this part of it
        begins: noise, where a network takes it, is then that of the whole. Raises ValueError if the
        picture is no such array.
        """
        check_picture(picture)
        if not self.passes:
            return picture.copy()
        height, width = picture.shape[:2]
        padded = _padded(picture)
        painted = [
            self._run(job, "plain" if job.frozen else "whole", padded, top, left)[0]
            for job in self.passes
        ]
        weights = [job.weight for job in self.passes]
        kept = 1 - sum(weights)
        if kept > 1e-6:  # more than rounding
            painted.append(padded)
            weights.append(kept)
        if len(painted) > 1:
            mixed = sum(
                np.float32(weight) * each for weight, each in zip(weights, painted, strict=True)
            )
            painted = [np.asarray(mixed + np.float32(0.5)).clip(0, 255).astype(np.uint8)]
        return np.ascontiguousarray(painted[0][MARGIN : MARGIN + height, MARGIN : MARGIN + width])

    def measure(
        self, picture: UInt8, advance: progress.Advance = lambda _: None
    ) -> list[NormStatistics]:
        """The statistics that painting this picture would read: of each network that paints.

        Args:
            picture: uint8 RGB (H, W, 3). Of more than `staged.limits` says, they are read piece by
                piece, in little memory.
            advance: told of each share of the work that is done; they sum to 1.

        Raises:
            NetworkError: a network's graph is not one whose statistics can be held.
        """
        check_picture(picture)
        padded, found = _padded(picture), []
        for job in self.passes:
            if padded.shape[0] * padded.shape[1] > tile_grid.tile_limits().max_pixels:
                found.append(
                    self._measured_in_stages(
                        job, padded, lambda done: advance(done / len(self.passes))
                    )
                )
            else:
                found.append(NormStatistics.of_output(self._run(job, "measuring", padded)))
                advance(1 / len(self.passes))
        return found

    def _measured_in_stages(
        self, job: NetworkPass, padded: UInt8, advance: progress.Advance
    ) -> NormStatistics:
        def load(stage: tiled_statistics.GraphSegment) -> Callable[..., Any]:
            return self._engine(job.network, stage).run

        return tiled_statistics.measure_tiled(
            job.network.graph, job.embedding, padded, load, advance, corner=-MARGIN
        )

    @property
    def can_freeze(self) -> bool:
        """Whether the networks are built so that their statistics can be held, as all are that
        `impasto train` makes."""
        try:
            return self.margin >= 0
        except NetworkError:
            return False

    @property
    def margin(self) -> int:
        """Pixels to see around a part of a picture, beginning at a multiple of 8, that is to be
        painted as in the whole.

        Raises NetworkError if a network's graph is not one whose statistics can be held.
        """
        return max((freeze_norms(job.network.graph).margin for job in self.passes), default=0)

    def _run(
        self, job: NetworkPass, part: Part, padded: UInt8, top: int = 0, left: int = 0
    ) -> base.Array:
        engine = self._engine(job.network, part)
        inputs: list[base.Array] = [padded[None], job.embedding[None]]
        if NOISE in engine.inputs:
            inputs.append(noise_at(padded.shape[0], padded.shape[1], top - MARGIN, left - MARGIN))
        result: base.Array = engine.run(*inputs)
        return result

    def freeze(self, statistics: Sequence[NormStatistics]) -> "PreparedStyle":
        """A brush that paints every picture with these statistics."""
        passes = [
            job._replace(
                embedding=freeze_norms(job.network.graph).fold(job.embedding, each), frozen=True
            )
            for job, each in zip(self.passes, statistics, strict=True)
        ]
        return PreparedStyle(passes, self._engine, self.strength)


def check_picture(picture: UInt8) -> None:
    if not isinstance(picture, np.ndarray):
        raise ValueError(
            f"a picture is a uint8 array (H, W, 3), not {type(picture).__name__}; `impasto.stylize` takes files"
        )
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ValueError(
            f"a picture is a uint8 array (H, W, 3), not {picture.dtype} {picture.shape}"
        )


def _padded(picture: UInt8) -> UInt8:
    """Mirrored beyond its edges: by `MARGIN` and, on the right and below, on to sides that the
    network takes."""
    beyond = [max(-side % MULTIPLE, MIN_SIDE - side - 2 * MARGIN) for side in picture.shape[:2]]
    beyond = [
        more + -(side + more) % MULTIPLE
        for side, more in zip(picture.shape[:2], beyond, strict=True)
    ]
    around = [(MARGIN, MARGIN + more) for more in beyond]
    return np.ascontiguousarray(np.pad(picture, (*around, (0, 0)), mode="symmetric"))
