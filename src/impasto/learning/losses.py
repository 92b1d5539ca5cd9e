"""Perceptual losses, each relative to its target, and the canonical objective that compares networks and solvers.

Every term is divided by the norm of its target, so the scale of a perceptual network cancels and figures can be compared
between networks. Features are (B, C, H, W); every loss gives one value a picture, (B,), in float32.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from impasto.learning.features import Perceptual

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu4_1"
FLAT = 0.05  # mean square of normalized features (1 at most) below which a photograph has no content to lose
STYLE_WEIGHT = 5.0  # of the canonical objective, J = C + 5 S


class Moments(NamedTuple):
    """Mean (B, C) and covariance (B, C, C) of features over positions, float32."""

    mean: Tensor
    cov: Tensor


class _Moments(torch.autograd.Function):
    """Mean and covariance with a derivative written by hand: d/df = (f - mean)(G + G^T) / n + g / n, for gradients g of
    the mean and G of the covariance. The automatic derivative passes over the largest activations seven times; this, once.
    """

    @staticmethod
    def forward(ctx: Any, f: Tensor) -> tuple[Tensor, Tensor]:
        ctx.shape = f.shape
        f = f.permute(0, 2, 3, 1).flatten(1, 2)  # (B, n, C): a view where memory is channels-last
        mean = f.mean(1, keepdim=True, dtype=torch.promote_types(f.dtype, torch.float32))
        centred = f - mean.to(f.dtype)
        ctx.save_for_backward(centred)
        return mean[:, 0], (centred.transpose(1, 2) @ centred).to(mean.dtype) / f.shape[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (centred,) = ctx.saved_tensors
        mean, cov = (g / centred.shape[1] for g in gradients)
        both = (cov + cov.transpose(1, 2)).to(centred.dtype)
        return torch.baddbmm(mean[:, None].to(centred.dtype), centred, both).permute(0, 2, 1).reshape(ctx.shape)


def moments(f: Tensor) -> Moments:
    """Mean and covariance (the Gram matrix of the centred features, over H W) of features (B, C, H, W).

    Products run in the type of `f`, results are float32 (float64 of float64). Statistics for style: Huang and Belongie 2017
    (mean), Gatys et al. 2016 (Gram); the covariance is what is left of the Gram matrix without the mean, which rules it.
    """
    return Moments(*_Moments.apply(f))  # type: ignore[no-untyped-call]


def parts_of(f: Tensor, grid: int) -> Tensor:
    """Features (B, C, H, W) in grid x grid parts of equal size: (B grid grid, C, H // grid, W // grid), a picture's parts in
    a row. What is left over at the right and lower edges is dropped.
    """
    b, c, h, w = f.shape[0], f.shape[1], f.shape[2] // grid, f.shape[3] // grid
    f = f[:, :, : h * grid, : w * grid].permute(0, 2, 3, 1)  # rows of channels stay whole where memory is channels-last
    f = f.reshape(b, grid, h, grid, w, c).transpose(2, 3).reshape(b * grid * grid, h, w, c)
    return f.permute(0, 3, 1, 2)


def merged(m: Moments, grid: int) -> Moments:
    """Moments of squares of 2x2 parts, from those of the parts of a grid x grid picture: (B grid grid, ...) to a quarter."""
    mean, cov = (x.reshape(-1, grid // 2, 2, grid // 2, 2, *x.shape[1:]).transpose(2, 3).flatten(3, 4) for x in m)
    apart = mean - mean.mean(3, keepdim=True)
    both = cov.mean(3) + apart.transpose(3, 4) @ apart / 4  # the law of total covariance
    return Moments(mean.mean(3).flatten(0, 2), both.flatten(0, 2))


def gram(f: Tensor) -> Tensor:
    """Gram matrix (B, C, C) of features (B, C, H, W), divided by the number of positions. Gatys et al. 2016, eq. 3."""
    f = f.flatten(2)
    return (f @ f.transpose(1, 2)).float() / f.shape[2]


def relative_error(a: Tensor, target: Tensor, least: float = 1e-12) -> Tensor:
    """Squared distance to the target over the target's squared norm, one value a picture: (B,).

    Of fewer targets than pictures, each is that of as many pictures in a row. `least` is the smallest mean square that a
    target is taken to have.
    """
    target = target.float().flatten(1)[:, None]
    a = a.float().reshape(len(target), -1, target.shape[2])
    return ((a - target).square().mean(2) / target.square().mean(2).clamp_min(least)).flatten()


def content_loss(f: Tensor, target: Tensor) -> Tensor:
    """Relative squared error of features, as they are. Johnson et al. 2016, eq. 2, made relative."""
    return relative_error(f, target)


def silence_floor(f: Tensor) -> Tensor:
    """A tenth of the deviation of all centred features (B, 1, 1): what `normalized` adds, so that silent channels stay silent.

    Never below a hundredth of the features themselves: a flat photograph (a patch of sky) has no deviation to speak of.
    """
    f = f.float().flatten(2)
    deviation = (f - f.mean(2, keepdim=True)).square().mean((1, 2), keepdim=True).sqrt()
    return torch.maximum(0.1 * deviation, 0.01 * f.square().mean((1, 2), keepdim=True).sqrt())


def normalized(f: Tensor, floor: Tensor) -> Tensor:
    """Every channel to mean 0 and deviation 1 over positions: (B, C, H, W) to (B, C, H W); `floor` from `silence_floor`."""
    f = f.float().flatten(2)
    f = f - f.mean(2, keepdim=True)
    # the tiny constant keeps the derivative of the root finite where a channel is constant
    return f / ((f.square().mean(2, keepdim=True) + 1e-12).sqrt() + floor)


def gram_loss(f: Tensor, target: Tensor) -> Tensor:
    """Relative squared error of the Gram matrix against `target` (B, C, C). Johnson et al. 2016, eq. 4, made relative."""
    return relative_error(gram(f), target)


def moment_loss(m: Moments, target: Moments) -> Tensor:
    """Relative squared error of the covariance plus that of the mean: one layer of the canonical style error S."""
    return relative_error(m.cov, target.cov) + relative_error(m.mean, target.mean)


def total_variation(picture: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels (B,), down and across. Mahendran and Vedaldi 2015, with exponent 2."""
    down = (picture[:, :, 1:] - picture[:, :, :-1]).float().square().mean((1, 2, 3))
    across = (picture[:, :, :, 1:] - picture[:, :, :, :-1]).float().square().mean((1, 2, 3))
    return down + across


def total_variation_loss(picture: Tensor, photo: Tensor) -> Tensor:
    """Total variation of the picture over that of the photograph (B,); 1 where they are equally busy."""
    return total_variation(picture) / total_variation(photo).clamp_min(1e-4)


@dataclass(frozen=True)
class Weights:
    """Weights of the terms; the defaults are the canonical objective, J = C + 5 S."""

    content: float = 1.0
    style: float = STYLE_WEIGHT
    tv: float = 0.0


class ContentTarget(NamedTuple):
    """What the content term compares with: normalized features (B, C, H W) and their silence floor (B, 1, 1)."""

    features: Tensor
    floor: Tensor


StyleTarget = Mapping[str, Moments]


class Objective:
    """The loss of training, optimization and evaluation: weighted content, style and total variation terms.

    With `vgg19` (the Oxford weights), float32 or bfloat16 features and default weights this is the canonical objective:
    C is the content error of normalized relu4_1, S the mean of `moment_loss` over relu1_1 to relu4_1, J = C + 5 S.

    With `smallest_part`, in pixels, S is the mean over the whole picture, its quarters, their quarters and so on, as long as
    parts are no smaller (features that the smallest parts leave over at an edge are dropped). Moments of a whole picture say
    nothing of where: a few bold patches meet them as well as strokes all over, and cost the content less, so that is what a
    network learns to paint.
    """

    def __init__(self, perceptual: Perceptual, weights: Weights = Weights(), smallest_part: int | None = None) -> None:
        self.perceptual, self.weights, self.smallest_part = perceptual, weights, smallest_part

    @torch.no_grad()
    def content_target(self, photo: Tensor) -> ContentTarget:
        """Target of the content term for photographs (B, 3, H, W), RGB in 0..1."""
        f = self.perceptual.read(CONTENT_LAYER, self.perceptual(photo, [CONTENT_LAYER])[CONTENT_LAYER])
        floor = silence_floor(f)
        return ContentTarget(normalized(f, floor), floor)

    @torch.no_grad()
    def style_target(self, style: Tensor) -> StyleTarget:
        """Target of the style term for pictures (B, 3, H, W), RGB in 0..1: moments by layer."""
        features = self.perceptual(style, STYLE_LAYERS)
        return {layer: self._moments(layer, f) for layer, f in features.items()}

    def _moments(self, layer: str, f: Tensor) -> Moments:
        return Moments(*self.perceptual.read_moments(layer, *moments(f)))

    def terms(self, picture: Tensor, content: ContentTarget, style: StyleTarget) -> dict[str, Tensor]:
        """Content error C and style error S of pictures (B, 3, H, W), RGB in 0..1: {"content": (B,), "style": (B,)}."""
        features = self.perceptual(picture, STYLE_LAYERS)
        top = self.perceptual.read(CONTENT_LAYER, features[CONTENT_LAYER])
        grid = self._finest_grid(min(picture.shape[2:]))
        layers = [self._style_error(layer, features[layer], style[layer], grid) for layer in STYLE_LAYERS]
        return {
            "content": relative_error(normalized(top, content.floor), content.features, least=FLAT),
            "style": torch.stack(layers).mean(0),
        }

    def _finest_grid(self, side: int) -> int:
        """How many parts along a side the smallest parts make: a power of 2."""
        grid = 1
        while self.smallest_part and side // (2 * grid) >= self.smallest_part:
            grid *= 2
        return grid

    def _style_error(self, layer: str, f: Tensor, target: Moments, grid: int) -> Tensor:
        """`moment_loss` of one layer, the mean over all parts of a grid and over grids: (B,)."""
        m = self._moments(layer, parts_of(f, grid) if grid > 1 else f)
        errors = []
        while True:
            errors.append(moment_loss(m, target).reshape(len(f), -1).mean(1))
            if grid == 1:
                return torch.stack(errors).mean(0)
            m, grid = merged(m, grid), grid // 2

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of the terms, (B,). J when the weights are the canonical ones."""
        weights = {"content": self.weights.content, "style": self.weights.style, "tv": self.weights.tv}
        return torch.stack([weights[name] * value for name, value in terms.items()]).sum(0)
