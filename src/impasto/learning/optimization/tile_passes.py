"""Sums that the passes over a picture's tiles gather, and the derivative of the terms by them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from impasto.learning.losses.objective import MIN_CONTENT_SQUARE
from impasto.learning.losses.statistics import MIN_VARIANCE, Moments, match_sorted
from impasto.learning.losses.terms import MIN_SQUARE, moment_loss, wasserstein_loss
from impasto.learning.optimization.feature_tiles import (
    CONTENT,
    FeatureTile,
    rows_of,
    sample_positions,
)
from impasto.learning.optimization.targets import MomentSums, project_moments

if TYPE_CHECKING:
    from impasto.learning.optimization.picture_objective import PictureObjective

MOMENT_LOSSES = {"gram": moment_loss, "wasserstein": wasserstein_loss}
MIN_MASK = 0.5  # of a mask at a position, from which its values are sorted with those inside


class TilePasses:
    """One evaluation of a picture's objective: add all tiles, derive, take gradients tile by tile.

    Args:
        objective: the objective.
    """

    def __init__(self, objective: "PictureObjective") -> None:
        self.objective, self.terms, self.tiles = objective, objective.terms, objective.tiles
        places = range(len(objective.places))
        layers = self.terms.shares if self.terms.style_loss in MOMENT_LOSSES else {}
        self.sums = {(layer, place): MomentSums() for layer in layers for place in places}
        # of each channel f: sums of f, f f and f t, with the target t
        self.content = torch.zeros(3, 1, dtype=torch.float64)
        self.samples: dict[str, list[Tensor]] = {
            layer: [] for weights in self.terms.transports.values() for layer in weights
        }
        # which of the sampled positions are in a place
        self.inside: dict[tuple[str, int], list[Tensor]] = {
            (layer, place): [] for layer in self.samples for place in places
        }
        stride = self.tiles.strides[CONTENT]
        size = (self.tiles.height // stride, self.tiles.width // stride)
        self.target = objective.content.features.unflatten(2, size)
        self.count = self.target[0, 0].numel()

    def __repr__(self) -> str:
        return f"TilePasses({self.tiles})"

    # First pass

    def add(self, tile: FeatureTile, features: Mapping[str, Tensor]) -> None:
        """Add the features inside a tile, (1, C, h, w) by layer."""
        for (layer, place), sums in self.sums.items():
            weight = self._weight(tile, layer, place)
            sums.add(rows_of(features[layer].detach()), None if weight is None else rows_of(weight))
        for layer, parts in self.samples.items():
            parts.append(rows_of(self._sampled(features[layer].detach(), layer, tile)).float())
            for place in range(len(self.objective.places)):
                inside = self._sampled_inside(tile, layer, place, len(parts[-1]))
                self.inside[layer, place].append(inside)
        f, t = rows_of(features[CONTENT].detach()).double(), self._content_target(tile).double()
        self.content = self.content + torch.stack([f.sum(0), f.square().sum(0), (f * t).sum(0)])

    def _weight(self, tile: FeatureTile, layer: str, place: int) -> Tensor | None:
        """View a place's mask inside a tile, (1, 1, h, w); None: everywhere."""
        mask = self.objective.places[place]
        return None if mask is None else tile.take(mask[layer], self.tiles.strides[layer])

    def _sampled(self, f: Tensor, layer: str, tile: FeatureTile) -> Tensor:
        return sample_positions(f, self.tiles, layer, tile, self.objective.offset)

    def _sampled_inside(self, tile: FeatureTile, layer: str, place: int, count: int) -> Tensor:
        """Tell which of a tile's sampled positions are in a place: bool (count,)."""
        weight = self._weight(tile, layer, place)
        if weight is None:
            return torch.ones(count, dtype=torch.bool)
        return rows_of(self._sampled(weight, layer, tile))[:, 0] >= MIN_MASK

    def _content_target(self, tile: FeatureTile) -> Tensor:
        return rows_of(tile.take(self.target, self.tiles.strides[CONTENT]))

    # Terms, once all tiles are added, and their derivatives by the sums

    def derive(self) -> dict[str, float]:
        """Compute the terms, by name, and their derivatives by the sums."""
        moments = {
            key: Moments(*(part.requires_grad_(True) for part in sums.moments))
            for key, sums in self.sums.items()
        }
        means = (self.content / self.count).requires_grad_(True)
        content = self._content_error(means)
        style = self._style_error(moments)
        leaves = [means, *(part for pair in moments.values() for part in pair)]
        total = self.terms.content * content + self.terms.style * style
        gradients = iter(torch.autograd.grad(total, leaves, allow_unused=True))
        self.by_content = next(gradients)
        self.by_moments = {key: (next(gradients), next(gradients)) for key in moments}
        terms = {"content": content.item(), "style": style.item()}
        self.by_samples = {
            layer: torch.zeros_like(torch.cat(parts)) for layer, parts in self.samples.items()
        }
        for kind, weights in self.terms.transports.items():
            if weights:
                terms[kind] = sum(
                    weight * self._transport_error(kind, layer, weight)
                    for layer, weight in weights.items()
                )
        return terms

    def _content_error(self, means: Tensor) -> Tensor:
        """Compute `relative_error` of normalized features from means of f, f f and f t.

        It is the mean over positions of (f - mean)^2 / s^2 - 2 (f - mean) t / s + t^2.
        """
        floor, target = self.objective.content.floor.double().flatten(), self.target.double()
        mean, square, product = means
        variance = square - mean.square()
        scale = (variance.clamp_min(0) + MIN_VARIANCE).sqrt() + floor
        both = product - mean * target.mean((0, 2, 3))
        power = target.square().mean()
        error = (variance / scale.square() - 2 * both / scale).mean() + power
        return error / power.clamp_min(MIN_CONTENT_SQUARE)

    def _style_error(self, moments: Mapping[tuple[str, int], Moments]) -> Tensor:
        """Sum the losses of moments over layers and styles, by their weights."""
        objective, error = self.objective, torch.zeros(())
        for (layer, place), own in moments.items():
            projected = project_moments(objective.perceptual, layer, own)
            for style, its_place in zip(objective.styles, objective.place_of, strict=True):
                if its_place == place:
                    loss = MOMENT_LOSSES[self.terms.style_loss]
                    share = loss(projected, style.style[layer].moments).sum()
                    error = error + style.weight * self.terms.shares[layer] * share
        return error

    def _transport_error(self, kind: str, layer: str, layer_weight: float) -> float:
        """Compute a layer's squared Wasserstein distance; add its derivative to `by_samples`."""
        objective, directions = self.objective, self.objective.directions(kind, layer)
        weight = getattr(self.terms, kind) * layer_weight
        features, error = torch.cat(self.samples[layer]), 0.0
        for number, (style, place) in enumerate(
            zip(objective.styles, objective.place_of, strict=True)
        ):
            inside = torch.cat(self.inside[layer, place])
            values = features[inside] if directions is None else features[inside] @ directions
            ordered = objective.ordered(kind, layer, number, len(values))
            difference = values - match_sorted(values, ordered)
            power = ordered.square().mean().clamp_min(MIN_SQUARE)
            error += style.weight * (difference.square().mean() / power).item()
            gradient = (2 * weight * style.weight / (difference.numel() * power)) * difference
            if directions is not None:
                gradient = gradient @ directions.T
            self.by_samples[layer][inside] += gradient
        return error

    # Second pass

    def feature_gradients(
        self, number: int, tile: FeatureTile, features: Mapping[str, Tensor]
    ) -> list[Tensor]:
        """Compute the derivative of the total by the features inside a tile.

        Args:
            number: of the tile.
            tile: the tile.
            features: (1, C, h, w) by layer.

        Returns:
            Gradients in the order, shape and type of the features.
        """
        return [
            self._feature_gradient(number, tile, name, f).to(f.dtype)
            for name, f in features.items()
        ]

    def _feature_gradient(self, number: int, tile: FeatureTile, name: str, f: Tensor) -> Tensor:
        rows = rows_of(f.detach()).float()
        if name == CONTENT:
            first, square, product = (self.by_content / self.count).float()
            gradient = first + 2 * square * rows + product * self._content_target(tile)
        else:
            gradient = torch.zeros_like(rows)
            for place in range(len(self.objective.places)):
                if (name, place) in self.sums:
                    gradient += self._moment_gradient(rows, name, place, tile)
        gradient = gradient.unflatten(0, f.shape[2:]).permute(2, 0, 1)[None]
        if name in self.samples:
            counts = [len(part) for part in self.samples[name]]
            by_samples = self.by_samples[name].split(counts)[number]
            sampled = self._sampled(gradient, name, tile)
            sampled += by_samples.unflatten(0, sampled.shape[2:]).permute(2, 0, 1)
        return gradient

    def _moment_gradient(self, rows: Tensor, layer: str, place: int, tile: FeatureTile) -> Tensor:
        """Compute (f - mean) (G + G^T) / n + g / n, for derivatives g by the mean, G by the cov."""
        sums, (by_mean, by_cov) = self.sums[layer, place], self.by_moments[layer, place]
        both = (by_cov[0] + by_cov[0].T) / sums.count
        offset = (by_mean[0] / sums.count - sums.mean @ both).float()
        gradient = torch.addmm(offset, rows, both.float())
        weight = self._weight(tile, layer, place)
        return gradient if weight is None else rows_of(weight) * gradient
