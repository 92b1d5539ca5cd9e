"""Features of a large image, tile by tile."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.learning.losses.objective import CONTENT_LAYER, STYLE_LAYERS
from impasto.learning.networks.perceptual import PerceptualNetwork, layer_names

CONTENT = "content"  # what is read at the content layer, beside its features
STEP = 8  # pixels: tiles begin at multiples of it, so that pooling falls as in the whole
MAX_SORTED_POSITIONS = (
    1 << 18
    # positions of a layer whose values are put in order; of more, every second down and across, or
    # fewer
)


class FeatureTile(NamedTuple):
    """A part of a picture, in pixels, and what is read to have its features: it with its
    surroundings. Rows, columns."""

    inside: tuple[slice, slice]
    window: tuple[slice, slice]

    def seen(self, picture: Tensor) -> Tensor:
        """The window of a whole picture (1, 3, H, W)."""
        rows, columns = self.window
        return picture[:, :, rows, columns]

    def part(self, f: Tensor, stride: int) -> Tensor:
        """Of what a whole picture has, (1, C, h, w), `stride` pixels apart, the part inside."""
        rows, columns = (slice(side.start // stride, side.stop // stride) for side in self.inside)
        return f[:, :, rows, columns]

    def within(self, f: Tensor, stride: int) -> Tensor:
        """Of what the window has, (1, C, h, w), `stride` pixels apart, the part inside."""
        starts = (window.start for window in self.window)
        inside = (
            slice(side.start - start, side.stop - start)
            for side, start in zip(self.inside, starts, strict=True)
        )
        return FeatureTile(tuple(inside), self.window).part(f, stride)  # type: ignore[arg-type]


class FeatureTiles:
    """A size of pictures cut into tiles, and how a perceptual network reads them.

    Args:
        perceptual: what reads.
        height, width: of pictures, pixels.
        side: of tiles, about, pixels; None for one tile.
        layers: what is read.
    """

    def __init__(
        self,
        perceptual: PerceptualNetwork,
        height: int,
        width: int,
        side: int | None,
        layers: Sequence[str] = STYLE_LAYERS,
    ) -> None:
        self.perceptual, self.layers, self.height, self.width = (
            perceptual,
            tuple(layers),
            height,
            width,
        )
        self.strides = {layer: stride_of(layer) for layer in (*layers, CONTENT_LAYER)}
        self.strides[CONTENT] = self.strides[CONTENT_LAYER]
        reach = STEP * -(-_reach(perceptual.name, CONTENT_LAYER) // STEP)
        rows, columns = (_cut(length, side or length, reach) for length in (height, width))
        self.tiles = [
            FeatureTile((r, c), (wide_r, wide_c)) for r, wide_r in rows for c, wide_c in columns
        ]

    def features(self, picture: Tensor, tile: FeatureTile) -> dict[str, Tensor]:
        """Features inside a tile of a picture's window (1, 3, h, w) by layer, and `CONTENT`: (1, C,
        h', w')."""
        found = self.perceptual(picture, {*self.layers, CONTENT_LAYER})
        inside = {layer: tile.within(f, self.strides[layer]) for layer, f in found.items()}
        inside[CONTENT] = self.perceptual.read(CONTENT_LAYER, inside[CONTENT_LAYER])
        return {name: inside[name] for name in (*self.layers, CONTENT)}

    @torch.no_grad()
    def read(self, picture: Tensor) -> Iterator[tuple[FeatureTile, dict[str, Tensor]]]:
        """Features of a whole picture (1, 3, H, W), tile by tile."""
        for tile in self.tiles:
            yield tile, self.features(tile.seen(picture), tile)


def stride_of(layer: str) -> int:
    """Pixels from one position of a layer to the next."""
    return 2 ** (int(layer.removeprefix("relu").partition("_")[0]) - 1)


def _reach(name: str, last: str) -> int:
    """How many pixels beyond its own a feature sees, to every side: one position for each
    convolution."""
    names = layer_names(name)
    return sum(stride_of(layer) for layer in names[: names.index(last) + 1] if layer != "pool")


def _cut(length: int, side: int, reach: int) -> list[tuple[slice, slice]]:
    """Parts of a length that begin at multiples of `STEP`, about as long as `side` and each other,
    and their windows."""
    count = max(1, -(-length // max(side, STEP)))
    edges = [STEP * round(length * i / count / STEP) for i in range(count)] + [length]
    pairs = itertools.pairwise(edges)
    return [
        (slice(a, b), slice(max(0, a - reach), min(length, b + reach))) for a, b in pairs if a < b
    ]


def rows_of(f: Tensor) -> Tensor:
    """Features (1, C, h, w) as positions (n, C): a view where memory is channels-last."""
    return f[0].permute(1, 2, 0).flatten(0, 1)


def sampled(
    f: Tensor, tiles: FeatureTiles, layer: str, tile: FeatureTile, offset: int = 0
) -> Tensor:
    """Of what a layer has inside a tile, (1, C, h, w), what is sampled: the same, seen from the
    whole, whatever the tiles."""
    stride, step = tiles.strides[layer], 1
    while (tiles.height // stride // step) * (tiles.width // stride // step) > MAX_SORTED_POSITIONS:
        step += 1
    top, left = ((offset - side.start // stride) % step for side in tile.inside)
    return f[:, :, top::step, left::step]
