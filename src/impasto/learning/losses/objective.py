"""The canonical objective J = C + 5 S, by which impasto trains, optimizes and measures.

C is the content error, S the style error. Every term is divided by the norm of its target, so the
scale of a perceptual network cancels, and figures can be compared between networks and solvers.
Features are (B, C, H, W); every term gives one value a picture, (B,), in float32.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.learning.losses.statistics import (
    Moments,
    local_deviations,
    moments,
    normalize,
    principal_directions,
    project,
    silence_floor,
)
from impasto.learning.losses.terms import (
    local_loss,
    moment_loss,
    relative_error,
    rms_over_positions,
)
from impasto.learning.networks.perceptual import PerceptualNetwork

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu4_1"
# mean square of normalized features (1 at most) below which a photograph has no content to lose
MIN_CONTENT_SQUARE = 0.05
STYLE_WEIGHT = 5.0  # of the canonical objective, J = C + 5 S
PARTS = dict.fromkeys(STYLE_LAYERS, 32)  # pixels, sides of the parts that `local_loss` compares


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; the defaults are the canonical objective, J = C + 5 S."""

    content: float = 1.0
    style: float = STYLE_WEIGHT
    local: float = 0.0
    tv: float = 0.0
    stability: float = 0.0


class ContentTarget(NamedTuple):
    """Target of the content term: normalized features (B, C, H W), silence floor (B, 1, 1)."""

    features: Tensor
    floor: Tensor


class LayerStyle(NamedTuple):
    """Target of the style terms at one layer.

    Attributes:
        moments: of the style picture, as `PerceptualNetwork.project_moments` gives them.
        directions: its principal directions (B, C, K).
        deviations: along them, the mean over its parts (B, K).
    """

    moments: Moments
    directions: Tensor
    deviations: Tensor

    def rows(self, numbers: Tensor) -> "LayerStyle":
        """Pick the targets of the styles with these numbers (B,)."""
        mean, cov = (part[numbers] for part in self.moments)
        return LayerStyle(Moments(mean, cov), self.directions[numbers], self.deviations[numbers])


StyleTarget = Mapping[str, LayerStyle]
"""Targets of the style terms by layer."""


class Objective:
    """The loss of training, optimization and evaluation: a weighted sum of terms.

    With `vgg19` (the Oxford weights), float32 or bfloat16 features and the default weights this is
    the canonical objective: C is the relative squared error of normalized relu4_1, S the mean of
    `moment_loss` over relu1_1 to relu4_1, and J = C + 5 S.

    Args:
        perceptual: the network whose features are compared.
        weights: of the terms. With a weight for `local`, `terms` has the local term too.
        even_content: take `rms_over_positions` for C, as training does.
        parts: pixels, sides of the parts that the local term compares, by layer.
    """

    def __init__(
        self,
        perceptual: PerceptualNetwork,
        weights: LossWeights = LossWeights(),
        even_content: bool = False,
        parts: Mapping[str, int] = PARTS,
    ) -> None:
        self.perceptual, self.weights, self.even_content = perceptual, weights, even_content
        self.parts = parts

    def __repr__(self) -> str:
        return f"Objective({self.perceptual.name}, {self.weights})"

    @torch.no_grad()
    def content_target(self, photo: Tensor) -> ContentTarget:
        """Compute the target of the content term for photographs (B, 3, H, W), RGB in 0..1."""
        f = self._content_features(self.perceptual(photo, [CONTENT_LAYER]))
        floor = silence_floor(f)
        return ContentTarget(normalize(f, floor), floor)

    @torch.no_grad()
    def style_target(self, style: Tensor) -> StyleTarget:
        """Compute the targets of the style terms for style pictures (B, 3, H, W), RGB in 0..1."""
        targets = {}
        for layer, f in self.perceptual(style, STYLE_LAYERS).items():
            raw = moments(f)
            directions = principal_directions(raw.cov)
            deviations = self._part_deviations(layer, f, directions, style).mean(1)
            projected = Moments(*self.perceptual.project_moments(layer, *raw))
            targets[layer] = LayerStyle(projected, directions, deviations)
        return targets

    def terms(
        self, picture: Tensor, content: ContentTarget, style: StyleTarget
    ) -> dict[str, Tensor]:
        """Compute the terms of pictures.

        Args:
            picture: (B, 3, H, W), RGB in 0..1.
            content: target of the photographs.
            style: targets of the styles.

        Returns:
            The content error C and the style error S, {"content": (B,), "style": (B,)}; and
            "local" (B,), if it has a weight.
        """
        return self.terms_of(self.perceptual(picture, STYLE_LAYERS), picture, content, style)

    def terms_of(
        self,
        features: Mapping[str, Tensor],
        picture: Tensor,
        content: ContentTarget,
        style: StyleTarget,
    ) -> dict[str, Tensor]:
        """Compute the terms of pictures whose features at `STYLE_LAYERS` are known."""
        top = self._content_features(features)
        # in this order, as the order of operations decides how sums of gradients are rounded
        style_error = self._style(features, style)
        local = {"local": self._local(features, style, picture)} if self.weights.local else {}
        return local | {"content": self._content(top, content), "style": style_error}

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Sum the terms by their weights, (B,): J when the weights are the canonical ones."""
        weighted = [getattr(self.weights, name) * value for name, value in terms.items()]
        return torch.stack(weighted).sum(0)

    def _content_features(self, features: Mapping[str, Tensor]) -> Tensor:
        return self.perceptual.project(CONTENT_LAYER, features[CONTENT_LAYER])

    def _content(self, f: Tensor, content: ContentTarget) -> Tensor:
        error = rms_over_positions if self.even_content else relative_error
        return error(normalize(f, content.floor), content.features, least=MIN_CONTENT_SQUARE)

    def _style(self, features: Mapping[str, Tensor], style: StyleTarget) -> Tensor:
        losses = []
        for layer in STYLE_LAYERS:
            projected = self.perceptual.project_moments(layer, *moments(features[layer]))
            losses.append(moment_loss(Moments(*projected), style[layer].moments))
        return torch.stack(losses).mean(0)

    def _local(self, features: Mapping[str, Tensor], style: StyleTarget, picture: Tensor) -> Tensor:
        losses = []
        for layer, target in style.items():
            deviations = self._part_deviations(layer, features[layer], target.directions, picture)
            losses.append(local_loss(deviations, target.deviations))
        return torch.stack(losses).mean(0)

    def _part_deviations(
        self, layer: str, f: Tensor, directions: Tensor, picture: Tensor
    ) -> Tensor:
        """Compute deviations along directions in the parts of a picture: (B, parts, K)."""
        side = self.parts[layer] * f.shape[2] // picture.shape[2]
        return local_deviations(project(f, directions), side)
