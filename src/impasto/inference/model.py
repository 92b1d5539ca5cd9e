"""A network loaded once, and styles prepared for it: arrays in and arrays out.

Both may be used by any number of threads at once. Engines run one image at a time, or several if
the network is one of `in_streams`.
"""

import copy
import threading
import warnings
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np

from impasto.engines import base
from impasto.engines.devices import CPU
from impasto.errors import RemadeStyleWarning, StyleError, check_number
from impasto.hardware import available_cores
from impasto.images.image import UInt8
from impasto.inference import tiled_statistics
from impasto.inference.devices import Choice, choose_device
from impasto.inference.frozen_norm import freeze_norms
from impasto.inference.prepared_style import (
    GraphVariant,
    NetworkPass,
    PreparedStyle,
    find_margin,
)
from impasto.models.gallery import gallery_style, has_photo_style
from impasto.models.mix import Mix, StyleSource, find_mix
from impasto.models.network import NOISE, Network, find_network
from impasto.models.noise import noise_at
from impasto.models.style import PHOTO, Embedding, Style

MAX_CACHED_PREDICTIONS = 32  # in memory; the cache on disk holds all
# engine, threads, precision and device
ModelOptions = tuple[str, int | None, str, str]
# Frames painted at once, by a thread each or with several: that takes a quarter less CPU time than
# all threads on one frame. Each holds a network's features, 100 MB or so in full HD.
MAX_STREAMS = 4
PIXEL_BLEND = 0.1  # strength below which pixels are blended, so that 0 gives the photo exactly


class LoadedNetwork:
    """A network loaded once, which prepares styles.

    A style that was made for another network is predicted from the picture that the style file
    keeps, and a `RemadeStyleWarning` says so once.

    Args:
        network: "base", "large" (slower, and nearer to the manner of a style) or "small" (the
            fastest, for video), the path of a network file, or a `Network`.
        engine: "auto", "openvino", "onnxruntime" or "torch".
        threads: number of threads to compute with on the CPU; by default all usable cores.
        precision: "auto" (bfloat16 where the CPU has it, float16 on a GPU, and see `for_many`),
            "bf16", "f16", "f32" or "int8" (faster, a little coarser).
        device: "auto" (a graphics card that paints as the CPU does, else the CPU), "cpu", "gpu"
            (any), "npu", or by its driver: "cuda", "tensorrt", "rocm", "directml", "coreml",
            "webgpu", "mps" or "xpu".

    Raises:
        NetworkError: the network or the engine does not exist, or cannot be loaded.
    """

    def __init__(
        self,
        network: str | Path | Network = "base",
        engine: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
        device: str = "auto",
    ) -> None:
        self.network = network if isinstance(network, Network) else find_network(network)
        self._options = (engine, threads, precision, device)
        self._start()

    def _start(self) -> None:
        """Begin without engines and predictions."""
        self._loading, self._predicting = threading.Lock(), threading.Lock()
        # by graph and not by hash: a style may bring its own network and claim any hash
        self._engines: dict[tuple[bytes, GraphVariant], base.Engine] = {}
        self._choices: dict[bytes, Choice] = {}  # of a device, by graph
        # by the picture that a style is or keeps
        self._predictions: dict[bytes | int, tuple[UInt8, Embedding]] = {}
        self._streams = 1  # images that engines run at once
        self._is_for_many = False  # whether "auto" is the precision for many images
        self._variants: dict[tuple[int, bool], Self] = {}

    def __repr__(self) -> str:
        engine, threads, precision, device = self._options
        more = "" if threads is None else f", threads={threads}"
        more += "" if device == "auto" else f", device={device!r}"
        name = type(self).__name__
        return f"{name}({self.network.name!r}, engine={engine!r}, precision={precision!r}{more})"

    def __getstate__(self) -> tuple[Network, ModelOptions, bool]:
        """Pickle the network and the options; the other process loads engines of its own."""
        return self.network, self._options, self._is_for_many

    def __setstate__(self, state: tuple[Network, ModelOptions, bool]) -> None:
        self.network, self._options, is_for_many = state
        self._start()
        self._is_for_many = is_for_many

    @property
    def engine(self) -> base.Engine:
        """The engine that runs this network, loaded when first asked for."""
        return self._engine(self.network)

    @property
    def threads(self) -> int:
        """The number of threads that engines compute one image with."""
        return max(1, (self._options[1] or available_cores()) // self._streams)

    def in_streams(self, count: int) -> Self:
        """Return the same network, whose engines run `count` images at once.

        Each image has its share of the threads. With a thread each, a CPU paints more pictures a
        second than with all threads for one, and the last picture takes longer. Each of them takes
        memory. The network is made once for each count, and loads its engines when they are needed.
        """
        return self if count == 1 else self._variant(count, self._is_for_many)

    def for_many(self) -> Self:
        """Return the same network for the frames of a video, or for many pictures.

        Its precision "auto" is int8 where that is faster, see
        `impasto.engines.base.choose_precision`: for few pictures, compiling takes longer than it
        saves. A precision that was asked for stays.
        """
        is_many = self._is_for_many or self._options[2] != "auto"
        return self if is_many else self._variant(self._streams, is_for_many=True)

    def _variant(self, streams: int, is_for_many: bool) -> Self:
        """Return the same network with engines of its own, made once."""
        with self._loading:
            key = streams, is_for_many
            if key not in self._variants:
                other = copy.copy(self)
                other._streams, other._is_for_many = key
                other._predicting, other._predictions = self._predicting, self._predictions
                self._variants[key] = other
            return self._variants[key]

    @property
    def streams(self) -> int:
        """The number of frames of a video that are painted at once."""
        return min(self.threads, MAX_STREAMS)

    def _engine(
        self,
        network: Network,
        part: GraphVariant | tiled_statistics.GraphSegment = "whole",
    ) -> base.Engine:
        if isinstance(part, tiled_statistics.GraphSegment):
            return self._segment_engine(network, part)
        with self._loading:  # two threads that ask for one engine wait for the same
            key = network.graph, part
            if key not in self._engines:
                engine, device, precision = self._choose_device(network)
                if part in ("whole", "frame"):
                    graph = network.graph
                elif part in ("plain", "plain-frame"):
                    graph = freeze_norms(network.graph).plain
                else:
                    graph = freeze_norms(network.graph).measuring
                    # It runs once an image, so in full precision. But rounding to int8 moves means
                    # and deviations: what paints in int8 needs those of int8.
                    precision = precision if precision == "int8" else "f32"
                is_frame = part in ("frame", "plain-frame")
                margin = find_margin(network, is_frame)
                self._engines[key] = base.load_engine(
                    graph,
                    engine,
                    self.threads * self._streams,
                    precision,
                    pixels=True,
                    cache=True,
                    any_size=part == "whole",
                    device=device,
                    streams=self.streams if is_frame else self._streams,
                    margin=margin if part == "plain-frame" else 0,
                    constants={NOISE: partial(noise_at, top=-margin, left=-margin)}
                    if is_frame
                    else None,
                )
            return self._engines[key]

    def _choose_device(self, network: Network) -> Choice:
        """Choose the device for a network, once. The caller holds the lock."""
        if network.graph not in self._choices:
            engine, threads, precision, device = self._options
            choice = choose_device(network, engine, device, precision, threads)
            if self._is_for_many and choice.device == CPU:
                fastest = base.choose_precision(network.graph, choice.engine)
                choice = choice._replace(precision=fastest)
            self._choices[network.graph] = choice
        return self._choices[network.graph]

    def _segment_engine(
        self, network: Network, segment: tiled_statistics.GraphSegment
    ) -> base.Engine:
        """Load an engine for one segment, not kept: together they would take the memory they save.

        In int8, what they measure is what the graph in int8 needs. In float16 they would overflow.
        """
        with self._loading:
            choice = self._choose_device(network)
        return base.load_engine(
            segment.graph,
            choice.engine,
            self.threads,
            choice.measuring_precision,
            segment.pixels,
            device=choice.device,
        )

    def preload(self, style: StyleSource) -> Mix:
        """Find a style and load its engines, so that errors come before the first image.

        Raises:
            StyleError: the style is unknown, broken, or made for another network.
            NetworkError: an engine or a graph cannot be loaded.
        """
        mix = find_mix(style)
        for network, _, _ in self._passes(mix, strength=1):
            self._engine(network)
        return mix

    def prepare(self, style: StyleSource, strength: float = 1.0) -> "PreparedStyle":
        """Prepare a style at a strength: do once what is the same for all images.

        Args:
            style: a gallery name, a style file, any picture, a mix, a `Style` or a `Mix`.
            strength: 0 (the photo) to 1 (the full style).

        Raises:
            StyleError: the style is unknown, broken, or made for another network.
            ArgumentError: `strength` is out of range.
        """
        check_number("strength", strength, "0 (the photo) to 1 (the full style)", 0, 1)
        mix = find_mix(style)
        passes = self._passes(mix, strength) if strength else []
        return PreparedStyle(
            [NetworkPass(network, embedding, weight) for network, embedding, weight in passes],
            self._engine,
            strength,
        )

    def _passes(self, mix: Mix, strength: float) -> list[tuple[Network, Embedding, float]]:
        """List networks, embeddings and weights whose paintings add up to a mix.

        Styles of one network mix as embeddings; styles that own their network mix by pixels.
        Weights sum to 1. At low strength, and where styles own their networks, they sum to less:
        the rest is the photo's pixels.
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
        """Find a style's embedding for this network: its own, or predicted from its picture."""
        misfit = style.mismatch(self.network)
        if not misfit or style.picture is None:
            return style.embedding(self.network)
        with self._predicting:  # threads that need the same prediction wait for one
            key = style.remembered or id(style.picture)
            known = self._predictions.get(key)
            if known is None:
                # keeps the picture too, so that its id is not given to another
                known = self._predictions[key] = style.picture, self._predicted(style, misfit)
                if len(self._predictions) > MAX_CACHED_PREDICTIONS:
                    del self._predictions[next(iter(self._predictions))]
            return known[1]

    def _predicted(self, style: Style, misfit: str) -> Embedding:
        from impasto.inference import predictor  # here, as few need it

        assert style.picture is not None
        if style.pixels is not None:
            return predictor.predict(style.picture, self.network)
        anew = f"`{style.train_command(self.network)}` learns it anew"
        try:
            embedding = predictor.predict(style.picture, self.network)
        except StyleError as error:
            reason = "this network has no style predictor that could remake it"
            raise StyleError(
                f"style {misfit}, and {reason}; {anew}, or {style.suggest_network(self.network)}"
            ) from error
        message = f"{misfit}: painted as predicted from the picture it remembers; {anew}"
        warnings.warn(message, RemadeStyleWarning, stacklevel=2)
        return embedding

    def repictured(self, style: Style, picture: UInt8) -> Style:
        """Give a style another picture, uint8 (H, W, 3).

        What was learned beyond the prediction from its own picture stays.

        Raises:
            StyleError: the network has no style predictor.
        """
        from impasto.inference import predictor

        network, embedding = self.network, predictor.predict(picture, self.network)
        if style.pixels is None and style.picture is not None and not style.mismatch(network):
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
        """Mix an embedding towards the `photo` embedding; also give the painting's share of pixels.

        That share is 1 but near strength 0, where pixels are blended.
        """
        photo = self._photo() if strength < 1 else None
        if photo is None:
            return embedding, strength
        mixed = max(strength, PIXEL_BLEND)
        weakened = (mixed * embedding + (1 - mixed) * photo).astype(np.float32)
        return weakened, min(1.0, strength / PIXEL_BLEND)

    def _photo(self) -> Embedding | None:
        """Find the `photo` embedding in the network file or the gallery; old files have none."""
        if self.network.photo is not None or not has_photo_style():
            return self.network.photo
        photo = gallery_style(PHOTO)
        return None if photo.mismatch(self.network) else photo.embedding(self.network)
