"""Features of a large picture, tile by tile.

Each tile is read with its surroundings, as far as a feature sees. So its features are those of the
whole picture.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.learning.losses.objective import CONTENT_LAYER, STYLE_LAYERS
from impasto.learning.networks.perceptual import PerceptualNetwork, layer_names

CONTENT = (
    "content"  # name of the content layer's projected features, beside the features themselves
)
STEP = 8  # pixels: tiles begin at multiples of it, so that pooling falls as in the whole picture
# positions of a layer whose values are sorted; of more, every second down and across, or fewer
MAX_SORTED_POSITIONS = 1 << 18


class FeatureTile(NamedTuple):
    """A part of a picture.

    Attributes:
        inside: its rows and columns, pixels.
        window: rows and columns of the part with its surroundings, pixels.
    """

    inside: tuple[slice, slice]
    window: tuple[slice, slice]

    def crop(self, picture: Tensor) -> Tensor:
        """View the window of a whole picture (1, 3, H, W)."""
        rows, columns = self.window
        return picture[:, :, rows, columns]

    def take(self, f: Tensor, stride: int) -> Tensor:
        """View the inside of a whole picture's features (1, C, h, w), `stride` pixels apart."""
        rows, columns = (slice(side.start // stride, side.stop // stride) for side in self.inside)
        return f[:, :, rows, columns]

    def trim(self, f: Tensor, stride: int) -> Tensor:
        """View the inside of the window's features (1, C, h, w), `stride` pixels apart."""
        rows, columns = (
            slice(side.start - window.start, side.stop - window.start)
            for side, window in zip(self.inside, self.window, strict=True)
        )
        return FeatureTile((rows, columns), self.window).take(f, stride)


class FeatureTiles:
    """All tiles of pictures of one size, and the features of a perceptual network in them.

    Args:
        perceptual: the network.
        height: of pictures, pixels.
        width: of pictures, pixels.
        side: of tiles, about, pixels; None for one tile.
        layers: whose features are wanted, beside the content layer.

    Attributes:
        tiles: in rows, from the top left.
        strides: pixels from one position to the next, by layer.
    """

    def __init__(
        self,
        perceptual: PerceptualNetwork,
        height: int,
        width: int,
        side: int | None,
        layers: Sequence[str] = STYLE_LAYERS,
    ) -> None:
        self.perceptual, self.layers = perceptual, tuple(layers)
        self.height, self.width = height, width
        self.strides = {layer: stride_of(layer) for layer in (*layers, CONTENT_LAYER)}
        self.strides[CONTENT] = self.strides[CONTENT_LAYER]
        reach = STEP * -(-_reach(perceptual.name, CONTENT_LAYER) // STEP)
        rows, columns = (_cut(length, side or length, reach) for length in (height, width))
        self.tiles = [
            FeatureTile((r, c), (window_r, window_c))
            for r, window_r in rows
            for c, window_c in columns
        ]

    def __repr__(self) -> str:
        return f"FeatureTiles({self.height}x{self.width}, {len(self.tiles)} tiles)"

    def features(self, picture: Tensor, tile: FeatureTile) -> dict[str, Tensor]:
        """Compute the features inside a tile.

        Args:
            picture: the window of the tile, (1, 3, h, w).
            tile: the tile.

        Returns:
            Features (1, C, h', w') by layer, and `CONTENT`, those of the content layer as the
            network projects them.
        """
        features = self.perceptual(picture, {*self.layers, CONTENT_LAYER})
        inside = {layer: tile.trim(f, self.strides[layer]) for layer, f in features.items()}
        inside[CONTENT] = self.perceptual.project(CONTENT_LAYER, inside[CONTENT_LAYER])
        return {name: inside[name] for name in (*self.layers, CONTENT)}

    @torch.no_grad()
    def read(self, picture: Tensor) -> Iterator[tuple[FeatureTile, dict[str, Tensor]]]:
        """Yield the features of a whole picture (1, 3, H, W), tile by tile."""
        for tile in self.tiles:
            yield tile, self.features(tile.crop(picture), tile)


def stride_of(layer: str) -> int:
    """Compute the pixels from one position of a layer to the next."""
    return 2 ** (int(layer.removeprefix("relu").partition("_")[0]) - 1)


def _reach(name: str, last: str) -> int:
    """Compute how many pixels beyond its own a feature sees, to every side.

    It is one position for each convolution.
    """
    names = layer_names(name)
    return sum(stride_of(layer) for layer in names[: names.index(last) + 1] if layer != "pool")


def _cut(length: int, side: int, reach: int) -> list[tuple[slice, slice]]:
    """Cut a length into parts of about `side`, all of nearly one size, that begin at `STEP`s.

    Returns:
        Each part, and its window, which is `reach` longer at both ends.
    """
    count = max(1, -(-length // max(side, STEP)))
    edges = [STEP * round(length * i / count / STEP) for i in range(count)] + [length]
    pairs = itertools.pairwise(edges)
    return [
        (slice(a, b), slice(max(0, a - reach), min(length, b + reach))) for a, b in pairs if a < b
    ]


def rows_of(f: Tensor) -> Tensor:
    """View features (1, C, h, w) as positions (n, C); a view where memory is channels-last."""
    return f[0].permute(1, 2, 0).flatten(0, 1)


def sample_positions(
    f: Tensor, tiles: FeatureTiles, layer: str, tile: FeatureTile, offset: int = 0
) -> Tensor:
    """View the positions inside a tile whose values are sorted.

    They are the same for the whole picture, whatever the tiles.

    Args:
        f: features inside the tile, (1, C, h, w).
        tiles: all tiles.
        layer: of the features.
        tile: the tile.
        offset: position at which sampling starts.
    """
    stride, step = tiles.strides[layer], 1
    while (tiles.height // stride // step) * (tiles.width // stride // step) > MAX_SORTED_POSITIONS:
        step += 1
    top, left = ((offset - side.start // stride) % step for side in tile.inside)
    return f[:, :, top::step, left::step]
