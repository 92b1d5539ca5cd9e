"""Perceptual losses, each relative to its target, and the canonical objective that compares networks and solvers.

Every term is divided by the norm of its target, so the scale of a perceptual network cancels and figures can be compared
between networks. Features are (B, C, H, W); every loss gives one value a picture, (B,), in float32.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.learning.features import Perceptual

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu4_1"
FLAT = 0.05  # mean square of normalized features (1 at most) below which a photograph has no content to lose
STYLE_WEIGHT = 5.0  # of the canonical objective, J = C + 5 S
FAINT = 1e-5  # of the target's variance, what `wasserstein_loss` adds to both covariances, shared among the channels


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


class _LocalVariances(torch.autograd.Function):
    """Variance of each channel in each square part, with a derivative written by hand: 2 (f - mean) g / n."""

    @staticmethod
    def forward(ctx: Any, f: Tensor, side: int) -> Tensor:
        rows, columns = (max(1, size // side) for size in f.shape[2:])
        h, w = f.shape[2] // rows, f.shape[3] // columns
        ctx.shape = f.shape
        f = f[:, :, : rows * h, : columns * w]  # what is left over at the edges is dropped
        centred = _in_parts(f, rows, columns) - _in_parts(F.avg_pool2d(f, (h, w)), rows, columns)
        ctx.save_for_backward(centred)
        squares = centred.square().permute(0, 5, 1, 2, 3, 4).flatten(4).flatten(2, 3)
        return F.avg_pool2d(squares, (h, w)).flatten(2).transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (centred,) = ctx.saved_tensors
        _, rows, h, columns, w, _ = centred.shape
        gradient = (2 / (h * w)) * gradients[0].unflatten(1, (rows, 1, columns, 1))
        parts = (centred * gradient.to(centred.dtype)).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)
        left_over = ctx.shape[3] - columns * w, ctx.shape[2] - rows * h
        return F.pad(parts, (0, left_over[0], 0, left_over[1])), None


def _in_parts(f: Tensor, rows: int, columns: int) -> Tensor:
    """(B, C, rows h, columns w) as (B, rows, h, columns, w, C): a view where memory is channels-last."""
    return f.permute(0, 2, 3, 1).unflatten(2, (columns, -1)).unflatten(1, (rows, -1))


def local_deviations(f: Tensor, side: int) -> Tensor:
    """Deviation of each channel around its mean in each square part of a picture: (B, C, H, W) to (B, parts, C), float32.

    Parts are `side` positions a side or a little more, so that they fill the picture but for a few rows at its edges.
    """
    variances = _LocalVariances.apply(f, max(1, side))  # type: ignore[no-untyped-call]
    return (variances.float() + 1e-12).sqrt()  # whose derivative must be finite where a part is flat


def gram(f: Tensor) -> Tensor:
    """Gram matrix (B, C, C) of features (B, C, H, W), divided by the number of positions. Gatys et al. 2016, eq. 3."""
    f = f.flatten(2)
    return (f @ f.transpose(1, 2)).float() / f.shape[2]


def relative_error(a: Tensor, target: Tensor, least: float = 1e-12) -> Tensor:
    """Squared distance to the target over the target's squared norm, one value a picture: (B,).

    `least` is the smallest mean square that the target is taken to have.
    """
    a, target = a.float().flatten(1), target.float().flatten(1)
    return (a - target).square().mean(1) / target.square().mean(1).clamp_min(least)


def even_error(a: Tensor, target: Tensor, least: float = 1e-12) -> Tensor:
    """`relative_error` of features (B, C, n) with the root mean square over positions instead of the mean: (B,).

    The same where the error is alike everywhere, and larger where it is gathered in a few places. With the plain mean, a
    network of few weights learns to leave a photograph as it is but for some places that show little, and there paints all
    that the moments ask for.
    """
    a, target = a.float(), target.float()
    here = (a - target).square().mean(1)
    # the tiny constant keeps the derivative of the root finite where nothing is lost
    return (here.square().mean(1) + 1e-8).sqrt() / target.square().mean((1, 2)).clamp_min(least)


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


def wasserstein_loss(m: Moments, target: Moments) -> Tensor:
    """Squared Wasserstein distance of Gaussians with these covariances, over the target's variance, plus the relative squared
    error of the mean: (B,). Like `moment_loss`, but linear in the variance, so that faint features count too.

    Bures' distance, tr(A + B - 2 (B^1/2 A B^1/2)^1/2), as in Mroueh 2020. Both covariances get a little variance in every
    direction, so that its derivative is finite where they have none.
    """
    a, b = m.cov.double(), target.cov.double()
    variance = b.diagonal(dim1=1, dim2=2).sum(1).clamp_min(1e-12)
    little = (FAINT / b.shape[1]) * variance[:, None, None] * torch.eye(b.shape[1], dtype=b.dtype, device=b.device)
    a, b = a + little, b + little
    values, vectors = torch.linalg.eigh(b)
    root = (vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.transpose(1, 2)
    between = torch.linalg.eigvalsh(root @ a @ root).clamp_min(1e-30).sqrt().sum(1)
    bures = (a + b).diagonal(dim1=1, dim2=2).sum(1) - 2 * between
    return (bures / variance).float() + relative_error(m.mean, target.mean)


def quantiles(values: Tensor, count: int) -> Tensor:
    """Values of each column (n, K) in order, at `count` ranks spread evenly: (count, K); of n ranks, all of them sorted."""
    n = len(values)
    values = values.sort(0).values
    if n == count:
        return values
    place = ((torch.arange(count, dtype=torch.float64, device=values.device) + 0.5) * (n / count) - 0.5).clamp(0, n - 1)
    below = place.long().clamp_max(max(0, n - 2))
    return values[below].lerp(values[(below + 1).clamp_max(n - 1)], (place - below)[:, None].to(values.dtype))


def transported(values: Tensor, ordered: Tensor) -> Tensor:
    """Where optimal transport in one dimension takes each column of values (n, K): to the value of the same rank in that
    column of `ordered` (n, K), which `quantiles` gives. So histograms are matched.

    The mean squared way is the squared Wasserstein distance of the columns, and the derivative of that is that of the way
    with its end held fixed.
    """
    return torch.empty_like(values).scatter_(0, values.argsort(0), ordered)


def random_directions(channels: int, count: int, generator: torch.Generator) -> Tensor:
    """Directions (channels, count) drawn evenly from all, at right angles as far as there are so many: columns of length 1."""
    blocks = [torch.linalg.qr(torch.randn(channels, channels, generator=generator)).Q for _ in range(-(-count // channels))]
    return torch.cat(blocks, 1)[:, :count]


def principal_directions(cov: Tensor) -> Tensor:
    """Directions along which features of a covariance (B, C, C) vary most, an eighth as many as channels, each scaled so that
    features vary by 1 along it: (B, C, C // 8).
    """
    most = max(1, cov.shape[1] // 8)
    values, vectors = leading(cov, most) if cov.is_cuda else torch.linalg.eigh(cov)
    return vectors[:, :, -most:] / (values[:, None, -most:].clamp_min(0) + 1e-12).sqrt()


def leading(cov: Tensor, most: int, rounds: int = 8) -> tuple[Tensor, Tensor]:
    """About the largest eigenvalues of covariances (B, C, C) in ascending order, (B, most), and their vectors, (B, C, most).

    By subspace iteration, in products that a GPU does for many at once; its own solver takes them one by one, and longer than
    a training step. Directions of nearly equal variance come mixed.
    """
    a = cov.double()
    size = min(a.shape[1], most + 8)
    one = torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
    a = a + (1e-9 * a.diagonal(dim1=1, dim2=2).mean(1) + 1e-15)[:, None, None] * one
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(a.shape[1], size, dtype=a.dtype, generator=generator).to(a.device).expand(len(a), -1, -1)
    for _ in range(rounds):
        q = a @ q
        for _ in range(2):  # twice, as rounding leaves them a little aslant the first time
            inner = q.mT @ q
            level = inner.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
            root, _ = torch.linalg.cholesky_ex(inner + 1e-13 * level * one[:size, :size])
            q = torch.linalg.solve_triangular(root, q.mT, upper=False).mT
    values, turned = torch.linalg.eigh(q.mT @ a @ q)
    return values[:, -most:].to(cov.dtype), (q @ turned)[:, :, -most:].to(cov.dtype)


def along(f: Tensor, directions: Tensor) -> Tensor:
    """Features (B, C, H, W) along directions (B, C, K), in the type of the features: (B, K, H, W)."""
    flat = f.permute(0, 2, 3, 1).flatten(1, 2)
    return (flat @ directions.to(f.dtype)).transpose(1, 2).unflatten(2, f.shape[2:])


def local_loss(deviations: Tensor, target: Tensor) -> Tensor:
    """How far the deviations in a picture's parts (B, parts, K) are from those of the style (B, K): mean over parts of the
    relative squared error, (B,).

    Moments of a whole picture say nothing of where: a few patches of very bold strokes meet them, with the rest left as the
    photograph is; and as covariances grow with the square of features, their derivative is smallest where least is painted.
    Deviations pull with the same force everywhere. Along the style's own principal directions a photograph's detail does not
    pass for strokes, as it does channel by channel. Means are left out, so that light and dark stay where the photograph has
    them.
    """
    target = target.float()[:, None]
    return ((deviations - target).square().sum(2) / target.square().sum(2).clamp_min(1e-12)).mean(1)


def total_variation(picture: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels (B,), down and across. Mahendran and Vedaldi 2015, with exponent 2."""
    down = (picture[:, :, 1:] - picture[:, :, :-1]).float().square().mean((1, 2, 3))
    across = (picture[:, :, :, 1:] - picture[:, :, :, :-1]).float().square().mean((1, 2, 3))
    return down + across


def total_variation_loss(picture: Tensor, photo: Tensor) -> Tensor:
    """Total variation of the picture over that of the photograph (B,); 1 where they are equally busy."""
    return total_variation(picture) / total_variation(photo).clamp_min(1e-4)


def instability(picture: Tensor, again: Tensor, border: int) -> Tensor:
    """How much of a picture (B, 3, H, W) is not there when it is painted again from a photograph that shows the same, moved
    back to its place: mean squared difference over the picture's variance, (B,), without `border` pixels at each edge.

    The frame difference loss of video style transfer (arXiv 2102.05822) for frames whose motion is known, so that it needs no
    optical flow: what the scene does is taken out, what is left is flicker.
    """
    inside = (..., slice(border, -border), slice(border, -border))
    still = picture[inside]
    return (again[inside] - still).square().mean((1, 2, 3)) / still.flatten(1).var(1).clamp_min(1e-4)


@dataclass(frozen=True)
class Weights:
    """Weights of the terms; the defaults are the canonical objective, J = C + 5 S."""

    content: float = 1.0
    style: float = STYLE_WEIGHT
    local: float = 0.0
    tv: float = 0.0
    stability: float = 0.0


class ContentTarget(NamedTuple):
    """What the content term compares with: normalized features (B, C, H W) and their silence floor (B, 1, 1)."""

    features: Tensor
    floor: Tensor


class LayerStyle(NamedTuple):
    """What the style terms compare with at a layer.

    Moments of the style picture; its principal directions (B, C, K); and the mean over its parts of the deviations along them
    (B, K).
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
    """The loss of training, optimization and evaluation: weighted content, style and total variation terms.

    With `vgg19` (the Oxford weights), float32 or bfloat16 features and default weights this is the canonical objective:
    C is the content error of normalized relu4_1, S the mean of `moment_loss` over relu1_1 to relu4_1, J = C + 5 S.

    Training has a local term beside them, and with `even_content` takes `even_error` for C.
    """

    def __init__(self, perceptual: Perceptual, weights: Weights = Weights(), even_content: bool = False) -> None:
        self.perceptual, self.weights, self.even_content = perceptual, weights, even_content

    @torch.no_grad()
    def content_target(self, photo: Tensor) -> ContentTarget:
        """Target of the content term for photographs (B, 3, H, W), RGB in 0..1."""
        f = self.perceptual.read(CONTENT_LAYER, self.perceptual(photo, [CONTENT_LAYER])[CONTENT_LAYER])
        floor = silence_floor(f)
        return ContentTarget(normalized(f, floor), floor)

    @torch.no_grad()
    def style_target(self, style: Tensor) -> StyleTarget:
        """Target of the style terms for pictures (B, 3, H, W), RGB in 0..1, by layer."""
        targets = {}
        for layer, f in self.perceptual(style, STYLE_LAYERS).items():
            raw = moments(f)
            directions = principal_directions(raw.cov)
            deviations = self._deviations(f, directions, style).mean(1)
            targets[layer] = LayerStyle(Moments(*self.perceptual.read_moments(layer, *raw)), directions, deviations)
        return targets

    def _moments(self, layer: str, f: Tensor) -> Moments:
        return Moments(*self.perceptual.read_moments(layer, *moments(f)))

    @staticmethod
    def _deviations(f: Tensor, directions: Tensor, picture: Tensor) -> Tensor:
        return local_deviations(along(f, directions), PART * f.shape[2] // picture.shape[2])

    def terms(self, picture: Tensor, content: ContentTarget, style: StyleTarget) -> dict[str, Tensor]:
        """Content error C and style error S of pictures (B, 3, H, W), RGB in 0..1: {"content": (B,), "style": (B,)}.

        And the local term, {"local": (B,)}, if it has a weight; and C by `even_error`, if so asked.
        """
        features = self.perceptual(picture, STYLE_LAYERS)
        top = self.perceptual.read(CONTENT_LAYER, features[CONTENT_LAYER])
        layers = [moment_loss(self._moments(layer, features[layer]), style[layer].moments) for layer in STYLE_LAYERS]
        local = {}
        if self.weights.local:
            errors = [
                local_loss(self._deviations(features[layer], target.directions, picture), target.deviations)
                for layer, target in style.items()
            ]
            local = {"local": torch.stack(errors).mean(0)}
        content_error = even_error if self.even_content else relative_error
        return local | {
            "content": content_error(normalized(top, content.floor), content.features, least=FLAT),
            "style": torch.stack(layers).mean(0),
        }

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of the terms, (B,). J when the weights are the canonical ones."""
        return torch.stack([getattr(self.weights, name) * value for name, value in terms.items()]).sum(0)
