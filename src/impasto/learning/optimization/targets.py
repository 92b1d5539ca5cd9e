"""Targets of the terms of an optimization, measured tile by tile."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.learning.losses.objective import STYLE_LAYERS, ContentTarget
from impasto.learning.losses.statistics import Moments, normalize, silence_floor
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.optimization.feature_tiles import (
    CONTENT,
    FeatureTiles,
    rows_of,
    sample_positions,
)
from impasto.learning.optimization.settings import OptimizationTerms


class MomentSums:
    """Mean and covariance of features over positions that come in parts (Chan et al. 1983)."""

    def __init__(self) -> None:
        self.count = 0.0
        self.mean = self.spread = torch.zeros(())

    def __repr__(self) -> str:
        return f"MomentSums({self.count:g} positions)"

    def add(self, f: Tensor, weight: Tensor | None) -> None:
        """Add positions (n, C), with their weights (n, 1) if they have any."""
        count = float(len(f) if weight is None else weight.sum())
        if not count:
            return
        f = f.float()
        mean = (f.sum(0) if weight is None else (weight * f).sum(0)) / count
        centered = f - mean
        spread = (centered if weight is None else weight * centered).T @ centered
        shift = mean.double() - self.mean
        between = shift[:, None] * shift * (self.count * count / (self.count + count))
        self.spread = self.spread + spread.double() + between
        self.mean = self.mean + shift * (count / (self.count + count))
        self.count += count

    @property
    def moments(self) -> Moments:
        """Compute mean (1, C) and covariance (1, C, C), float64."""
        return Moments(self.mean[None], self.spread[None] / (self.count or 1.0))


class StyleReading(NamedTuple):
    """Target of the style terms at one layer.

    Attributes:
        moments: of the style, as `PerceptualNetwork.project_moments` gives them.
        sample: features (m, C) that are sorted; empty where no term sorts this layer.
    """

    moments: Moments
    sample: Tensor


class WeightedStyle(NamedTuple):
    """One of the styles of a picture.

    Attributes:
        style: its targets by layer.
        weight: among the others.
        mask: where it is painted, (H, W) in 0..1; None: everywhere.
    """

    style: Mapping[str, StyleReading]
    weight: float = 1.0
    mask: Tensor | None = None


def read_style(
    perceptual: PerceptualNetwork,
    terms: OptimizationTerms,
    picture: Tensor,
    side: int | None = None,
) -> dict[str, StyleReading]:
    """Measure the targets of the style terms.

    Args:
        perceptual: the network whose features are compared.
        terms: decide which layers are sampled.
        picture: the style, (1, 3, h, w), RGB in 0..1.
        side: of tiles, pixels; None for one tile.

    Returns:
        Targets by layer.
    """
    tiles = FeatureTiles(perceptual, picture.shape[2], picture.shape[3], side)
    transported = {layer for weights in terms.transports.values() for layer in weights}
    sums = {layer: MomentSums() for layer in STYLE_LAYERS}
    samples: dict[str, list[Tensor]] = {layer: [torch.zeros(0)] for layer in STYLE_LAYERS}
    for tile, features in tiles.read(picture):
        for layer in STYLE_LAYERS:
            sums[layer].add(rows_of(features[layer]), None)
            if layer in transported:
                positions = sample_positions(features[layer], tiles, layer, tile)
                samples[layer].append(rows_of(positions).float())
    return {
        layer: StyleReading(
            project_moments(perceptual, layer, sums[layer].moments),
            torch.cat(samples[layer][1:] or samples[layer]),
        )
        for layer in STYLE_LAYERS
    }


def read_content(tiles: FeatureTiles, photo: Tensor) -> ContentTarget:
    """Measure the target of the content term of a photograph (1, 3, H, W).

    It is the same as `Objective.content_target`.
    """
    stride = tiles.strides[CONTENT]
    whole = torch.zeros(0)
    for tile, features in tiles.read(photo):
        f = features[CONTENT]
        if not whole.numel():
            whole = f.new_zeros(1, f.shape[1], tiles.height // stride, tiles.width // stride)
        tile.take(whole, stride).copy_(f)
    floor = silence_floor(whole)
    return ContentTarget(normalize(whole, floor), floor)


def project_moments(perceptual: PerceptualNetwork, layer: str, moments: Moments) -> Moments:
    """Apply `PerceptualNetwork.project_moments` to moments."""
    return Moments(*perceptual.project_moments(layer, moments.mean, moments.cov))
