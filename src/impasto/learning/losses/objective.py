"""Perceptual losses, each relative to its target, and the canonical objective that compares
networks and solvers.

Every term is divided by the norm of its target, so the scale of a perceptual network cancels and
figures can be compared between networks. Features are (B, C, H, W); every loss gives one value a
picture, (B,), in float32.
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


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; the defaults are the canonical objective, J = C + 5 S."""

    content: float = 1.0
    style: float = STYLE_WEIGHT
    local: float = 0.0
    tv: float = 0.0
    stability: float = 0.0


class ContentTarget(NamedTuple):
    """What the content term compares with: normalized features (B, C, H W) and their silence floor
    (B, 1, 1)."""

    features: Tensor
    floor: Tensor


class LayerStyle(NamedTuple):
    """What the style terms compare with at a layer.

    Moments of the style picture; its principal directions (B, C, K); and the mean over its parts of
    the deviations along them (B, K).
    """

    moments: Moments
    directions: Tensor
    deviations: Tensor

    def rows(self, numbers: Tensor) -> "LayerStyle":
        """The targets of the styles of these numbers (B,)."""
        mean, cov = (each[numbers] for each in self.moments)
        return LayerStyle(Moments(mean, cov), self.directions[numbers], self.deviations[numbers])


StyleTarget = Mapping[str, LayerStyle]
PART = 32  # pixels, side of the parts that `local_loss` compares


class Objective:
    """The loss of training, optimization and evaluation: weighted content, style and total
    variation terms.

    With `vgg19` (the Oxford weights), float32 or bfloat16 features and default weights this is the
    canonical objective: C is the content error of normalized relu4_1, S the mean of `moment_loss`
    over relu1_1 to relu4_1, J = C + 5 S.

    Training has a local term beside them, and with `even_content` takes `even_error` for C.
    """

    def __init__(
        self,
        perceptual: PerceptualNetwork,
        weights: LossWeights = LossWeights(),
        even_content: bool = False,
    ) -> None:
        self.perceptual, self.weights, self.even_content = perceptual, weights, even_content

    @torch.no_grad()
    def content_target(self, photo: Tensor) -> ContentTarget:
        """Target of the content term for photographs (B, 3, H, W), RGB in 0..1."""
        f = self.perceptual.read(
            CONTENT_LAYER, self.perceptual(photo, [CONTENT_LAYER])[CONTENT_LAYER]
        )
        floor = silence_floor(f)
        return ContentTarget(normalize(f, floor), floor)

    @torch.no_grad()
    def style_target(self, style: Tensor) -> StyleTarget:
        """Target of the style terms for pictures (B, 3, H, W), RGB in 0..1, by layer."""
        targets = {}
        for layer, f in self.perceptual(style, STYLE_LAYERS).items():
            raw = moments(f)
            directions = principal_directions(raw.cov)
            deviations = self._deviations(f, directions, style).mean(1)
            targets[layer] = LayerStyle(
                Moments(*self.perceptual.read_moments(layer, *raw)), directions, deviations
            )
        return targets

    def _moments(self, layer: str, f: Tensor) -> Moments:
        return Moments(*self.perceptual.read_moments(layer, *moments(f)))

    @staticmethod
    def _deviations(f: Tensor, directions: Tensor, picture: Tensor) -> Tensor:
        return local_deviations(project(f, directions), PART * f.shape[2] // picture.shape[2])

    def terms(
        self, picture: Tensor, content: ContentTarget, style: StyleTarget
    ) -> dict[str, Tensor]:
        """Content error C and style error S of pictures (B, 3, H, W), RGB in 0..1: {"content":
        (B,), "style": (B,)}.

        And the local term, {"local": (B,)}, if it has a weight; and C by `even_error`, if so asked.
        """
        features = self.perceptual(picture, STYLE_LAYERS)
        top = self.perceptual.read(CONTENT_LAYER, features[CONTENT_LAYER])
        layers = [
            moment_loss(self._moments(layer, features[layer]), style[layer].moments)
            for layer in STYLE_LAYERS
        ]
        local = {}
        if self.weights.local:
            errors = [
                local_loss(
                    self._deviations(features[layer], target.directions, picture), target.deviations
                )
                for layer, target in style.items()
            ]
            local = {"local": torch.stack(errors).mean(0)}
        content_error = rms_over_positions if self.even_content else relative_error
        return local | {
            "content": content_error(
                normalize(top, content.floor), content.features, least=MIN_CONTENT_SQUARE
            ),
            "style": torch.stack(layers).mean(0),
        }

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of the terms, (B,). J when the weights are the canonical ones."""
        return torch.stack(
            [getattr(self.weights, name) * value for name, value in terms.items()]
        ).sum(0)
