"""The objective of one picture and its gradient, tile by tile, in little memory.

The losses compare means over positions, of features and of their products (Galerne et al. 2023). So
a first pass adds these up over tiles, without gradients; the derivative of the losses with respect
to them is taken once; and a second pass takes it back to the pixels of each tile. Tiles overlap by
as much as a feature sees, so that the result is that of the whole picture, to rounding. A picture
that is one tile is passed once.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.learning.losses.objective import STYLE_LAYERS
from impasto.learning.losses.statistics import quantiles, random_directions
from impasto.learning.losses.terms import total_variation_loss
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.optimization.feature_tiles import FeatureTiles
from impasto.learning.optimization.settings import OptimizationTerms
from impasto.learning.optimization.targets import WeightedStyle, read_content
from impasto.learning.optimization.tile_passes import TilePasses

SLICES = 64  # random directions of a sliced Wasserstein distance at a layer
SEED_STRIDE = 1_000_003  # seeds of draws with different seeds of the run do not meet


class PictureObjective:
    """The weighted terms of a picture and their gradient.

    With the default terms and one style that is everywhere, it is J as `Objective` has it.

    Args:
        perceptual: the network whose features are compared.
        terms: weights of the loss terms.
        photo: (1, 3, H, W), RGB in 0..1, whose content is kept.
        styles: whose weights sum to 1.
        side: of tiles, pixels; None: the picture is passed in one go.
        seed: of everything drawn at random.
    """

    def __init__(
        self,
        perceptual: PerceptualNetwork,
        terms: OptimizationTerms,
        photo: Tensor,
        styles: Sequence[WeightedStyle],
        side: int | None = None,
        seed: int = 0,
    ) -> None:
        self.perceptual, self.terms, self.seed = perceptual, terms, seed
        self.photo, self.styles = photo, styles
        weights = (terms.shares, *terms.transports.values())
        used = {layer for layers in weights for layer in layers}
        layers = [layer for layer in STYLE_LAYERS if layer in used]
        self.tiles = FeatureTiles(perceptual, photo.shape[2], photo.shape[3], side, layers)
        self.content = read_content(self.tiles, photo)
        masks = list({id(style.mask): style.mask for style in styles}.values())
        # where moments are taken: one place for each mask
        self.places = [self._place(mask) for mask in masks]
        self.place_of = [
            next(i for i, mask in enumerate(masks) if mask is style.mask) for style in styles
        ]
        self.draw(0)

    def __repr__(self) -> str:
        return f"PictureObjective({self.terms}, {self.tiles})"

    def _place(self, mask: Tensor | None) -> dict[str, Tensor] | None:
        """Bring a mask to the positions of each layer."""
        if mask is None:
            return None
        strides = self.tiles.strides
        return {
            layer: F.avg_pool2d(mask[None, None], strides[layer]) for layer in self.tiles.layers
        }

    # Random directions

    def draw(self, number: int) -> None:
        """Draw random directions, and the positions that are sampled, anew.

        Args:
            number: of the draw; the same number gives the same.
        """
        generator = torch.Generator().manual_seed(self.seed * SEED_STRIDE + number)
        self.offset = int(torch.randint(1 << 16, (), generator=generator))
        self._directions: dict[tuple[str, str], Tensor | None] = {}
        # values of the styles along the directions, by kind, layer and number of the style
        self._ordered: dict[tuple[str, str, int], Tensor] = {}
        for kind, weights in self.terms.transports.items():
            for layer in weights:
                directions = None if kind == "histogram" else self._slices(layer, generator)
                self._directions[kind, layer] = directions

    def _slices(self, layer: str, generator: torch.Generator) -> Tensor:
        """Draw directions (C, K) of features that are random among the projected features."""
        perceptual = self.perceptual
        if layer in perceptual.readouts:
            weight: Tensor = getattr(perceptual, f"readout_{layer}_weight")
            return weight.T @ random_directions(len(weight), SLICES, generator)
        channels = self.styles[0].style[layer].sample.shape[1]
        return random_directions(channels, SLICES, generator)

    def directions(self, kind: str, layer: str) -> Tensor | None:
        """Look up the directions (C, K) of a term; None stands for the channels themselves."""
        return self._directions[kind, layer]

    def ordered(self, kind: str, layer: str, number: int, count: int) -> Tensor:
        """Sort a style's values along the directions of a term, once a draw.

        Args:
            kind: of the term.
            layer: whose features are compared.
            number: of the style.
            count: of values.

        Returns:
            Values in ascending order, (count, K).
        """
        key = (kind, layer, number)
        if key not in self._ordered:
            sample, directions = (
                self.styles[number].style[layer].sample,
                self.directions(kind, layer),
            )
            values = sample if directions is None else sample @ directions
            self._ordered[key] = quantiles(values, count)
        return self._ordered[key]

    # Terms and gradient

    def __call__(self, picture: Tensor) -> tuple[dict[str, float], Tensor]:
        """Compute the terms of a picture and the gradient of their weighted sum.

        Args:
            picture: (1, 3, H, W), RGB in 0..1.

        Returns:
            The terms by name, with their weighted sum as "total", and the gradient (1, 3, H, W).
        """
        one_tile = len(self.tiles.tiles) == 1
        gradient, passes = torch.zeros_like(picture), TilePasses(self)
        for tile in self.tiles.tiles:
            window = tile.crop(picture).detach().requires_grad_(one_tile)
            with torch.set_grad_enabled(one_tile):
                features = self.tiles.features(window, tile)
            passes.add(tile, features)
        terms = passes.derive()
        for number, tile in enumerate(self.tiles.tiles):
            if not one_tile:
                window = tile.crop(picture).detach().requires_grad_(True)
                features = self.tiles.features(window, tile)
            gradients = passes.feature_gradients(number, tile, features)
            torch.autograd.backward(list(features.values()), gradients)
            assert window.grad is not None
            part = tile.crop(gradient)
            part += window.grad
        if self.terms.tv:
            terms["tv"] = self._add_total_variation(picture, gradient)
        total = sum(getattr(self.terms, name) * value for name, value in terms.items())
        return terms | {"total": total}, gradient

    def _add_total_variation(self, picture: Tensor, gradient: Tensor) -> float:
        """Compute the total variation loss, and add its weighted gradient to `gradient`."""
        free = picture.detach().requires_grad_(True)
        tv = total_variation_loss(free, self.photo).sum()
        (self.terms.tv * tv).backward()
        assert free.grad is not None
        gradient += free.grad
        return tv.item()
