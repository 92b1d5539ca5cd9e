"""The stylizer: a network loaded once, then any picture in any style, arrays in and arrays out."""

from pathlib import Path

import numpy as np

from impasto import engines
from impasto.images import UInt8
from impasto.networks import MULTIPLE, Network, shipped
from impasto.styles import PHOTO, Embedding, Mix, Style, find_mix, gallery_style

SMALLEST = 64  # pixels a side: smaller pictures are painted with mirrored surroundings
PIXEL_BLEND = 0.1  # strength below which the photograph itself is blended in, so that 0 is exactly the photograph


class Stylizer:
    """Paints pictures with one network.

    Args:
        network: "base" (pictures) or "small" (faster, for video and live use), or a `Network`.
        engine: "auto", "openvino" or "onnxruntime".
        threads: how many to compute with; by default all cores that the process may use.
        precision: "auto" (bfloat16 where the CPU has it), "bf16" or "f32".

    Raises:
        NetworkError: no such network or engine, or one that cannot be loaded.
    """

    def __init__(
        self,
        network: str | Network = "base",
        engine: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> None:
        self.network = network if isinstance(network, Network) else shipped(network)
        self._options = (engine, threads, precision)
        self._engines: dict[str, engines.Engine] = {}  # by network hash: a style may own its network

    @property
    def engine(self) -> engines.Engine:
        """The engine that runs this stylizer's network; loaded when first asked for."""
        return self._engine(self.network)

    def _engine(self, network: Network) -> engines.Engine:
        if network.hash not in self._engines:
            self._engines[network.hash] = engines.load(network.graph, *self._options)
        return self._engines[network.hash]

    def prepare(self, style: str | Style | Mix) -> Mix:
        """Find a style and load what paints in it, so that what does not fit fails before the first picture.

        Raises:
            StyleError: an unknown or broken style, or one made for another network.
            NetworkError: an engine or a graph that cannot be loaded.
        """
        mix = find_mix(style)
        for network, _, _ in self._jobs(mix, strength=1):
            self._engine(network)
        return mix

    def stylize(self, picture: UInt8, style: str | Path | Style | Mix, strength: float = 1.0) -> UInt8:
        """Paint a picture.

        Args:
            picture: uint8 RGB (H, W, 3), any size.
            style: a gallery name, the path of a style file, a mix `starry-night:0.7,great-wave:0.3`, or a `Style`.
            strength: 0 gives the photograph back, 1 the full style.

        Returns:
            uint8 RGB (H, W, 3), exactly as large.

        Raises:
            StyleError: an unknown or broken style, or one made for another network.
            ValueError: the array is not uint8 (H, W, 3), or the strength is not in 0..1.
        """
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise ValueError(f"a picture is a uint8 array (H, W, 3), not {picture.dtype} {picture.shape}")
        if not 0 <= strength <= 1:
            raise ValueError(f"strength must be between 0 (the photograph) and 1 (the full style), not {strength}")
        mix = find_mix(style)
        if strength == 0:
            return picture.copy()
        image = _to_image(picture)
        jobs = self._jobs(mix, strength)
        painted = sum(weight * self._paint(network, image, embedding) for network, embedding, weight in jobs)
        height, width = picture.shape[:2]
        result = np.asarray(painted)[0, :, :height, :width]
        kept = 1 - sum(weight for _, _, weight in jobs)
        if kept > 1e-6:  # more than rounding
            result = result + np.float32(kept) * image[0, :, :height, :width]
        return (result.transpose(1, 2, 0) * 255 + 0.5).clip(0, 255).astype(np.uint8)

    def _paint(self, network: Network, image: engines.Float32, embedding: Embedding) -> engines.Float32:
        return self._engine(network).run(image, embedding[None])

    def _jobs(self, mix: Mix, strength: float) -> list[tuple[Network, Embedding, float]]:
        """What to paint and to add up: styles of one network mix as embeddings, those that own theirs by pixels.

        Weights sum to 1 or, at low strength and where styles own their networks, to less: the rest is the photograph's pixels.
        """
        shared = [(style, weight) for style, weight in mix.parts if not style.own]
        jobs = [(style.own, style.embedding(style.own), strength * weight) for style, weight in mix.parts if style.own]
        if shared:
            total = sum(weight for _, weight in shared)
            embedding = sum(weight / total * style.embedding(self.network) for style, weight in shared)
            blend = min(1.0, strength / PIXEL_BLEND)
            jobs.append((self.network, self._weakened(np.asarray(embedding), strength), blend * total))
        return jobs

    def _weakened(self, embedding: Embedding, strength: float) -> Embedding:
        """Strength mixes towards the embedding of the photograph."""
        if strength == 1:
            return embedding
        strength = max(strength, PIXEL_BLEND)
        photo = gallery_style(PHOTO).embedding(self.network)
        return (strength * embedding + (1 - strength) * photo).astype(np.float32)


def _to_image(picture: UInt8) -> engines.Float32:
    """(H, W, 3) in 0..255 to (1, 3, H', W') in 0..1, mirrored beyond its right and lower edges to sides the network takes."""
    beyond = [-side % MULTIPLE + max(0, SMALLEST - (side + -side % MULTIPLE)) for side in picture.shape[:2]]
    padded = np.pad(picture, ((0, beyond[0]), (0, beyond[1]), (0, 0)), mode="symmetric") if any(beyond) else picture
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
