"""Statistics of features that losses compare."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Moments(NamedTuple):
    """Mean (B, C) and covariance (B, C, C) of features over positions, float32."""

    mean: Tensor
    cov: Tensor


class _Moments(torch.autograd.Function):
    """Mean and covariance with a derivative written by hand: d/df = (f - mean)(G + G^T) / n + g /
    n, for gradients g of the mean and G of the covariance. The automatic derivative passes over the
    largest activations seven times; this, once.
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
        return (
            torch.baddbmm(mean[:, None].to(centred.dtype), centred, both)
            .permute(0, 2, 1)
            .reshape(ctx.shape)
        )


def moments(f: Tensor) -> Moments:
    """Mean and covariance (the Gram matrix of the centred features, over H W) of features (B, C, H,
    W).

    Products run in the type of `f`, results are float32 (float64 of float64). Statistics for style:
    Huang and Belongie 2017 (mean), Gatys et al. 2016 (Gram); the covariance is what is left of the
    Gram matrix without the mean, which rules it.
    """
    return Moments(*_Moments.apply(f))  # type: ignore[no-untyped-call]


class _LocalVariances(torch.autograd.Function):
    """Variance of each channel in each square part, with a derivative written by hand: 2 (f - mean)
    g / n."""

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
        parts = (
            (centred * gradient.to(centred.dtype)).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)
        )
        left_over = ctx.shape[3] - columns * w, ctx.shape[2] - rows * h
        return F.pad(parts, (0, left_over[0], 0, left_over[1])), None


def _in_parts(f: Tensor, rows: int, columns: int) -> Tensor:
    """(B, C, rows h, columns w) as (B, rows, h, columns, w, C): a view where memory is
    channels-last."""
    return f.permute(0, 2, 3, 1).unflatten(2, (columns, -1)).unflatten(1, (rows, -1))


def local_deviations(f: Tensor, side: int) -> Tensor:
    """Deviation of each channel around its mean in each square part of a picture: (B, C, H, W) to
    (B, parts, C), float32.

    Parts are `side` positions a side or a little more, so that they fill the picture but for a few
    rows at its edges.
    """
    variances = _LocalVariances.apply(f, max(1, side))  # type: ignore[no-untyped-call]
    return (
        variances.float() + 1e-12
    ).sqrt()  # whose derivative must be finite where a part is flat


def gram(f: Tensor) -> Tensor:
    """Gram matrix (B, C, C) of features (B, C, H, W), divided by the number of positions. Gatys et
    al. 2016, eq. 3."""
    f = f.flatten(2)
    return (f @ f.transpose(1, 2)).float() / f.shape[2]


def silence_floor(f: Tensor) -> Tensor:
    """A tenth of the deviation of all centred features (B, 1, 1): what `normalized` adds, so that
    silent channels stay silent.

    Never below a hundredth of the features themselves: a flat photograph (a patch of sky) has no
    deviation to speak of.
    """
    f = f.float().flatten(2)
    deviation = (f - f.mean(2, keepdim=True)).square().mean((1, 2), keepdim=True).sqrt()
    return torch.maximum(0.1 * deviation, 0.01 * f.square().mean((1, 2), keepdim=True).sqrt())


def normalize(f: Tensor, floor: Tensor) -> Tensor:
    """Every channel to mean 0 and deviation 1 over positions: (B, C, H, W) to (B, C, H W); `floor`
    from `silence_floor`."""
    f = f.float().flatten(2)
    f = f - f.mean(2, keepdim=True)
    # the tiny constant keeps the derivative of the root finite where a channel is constant
    return f / ((f.square().mean(2, keepdim=True) + 1e-12).sqrt() + floor)


def quantiles(values: Tensor, count: int) -> Tensor:
    """Values of each column (n, K) in order, at `count` ranks spread evenly: (count, K); of n
    ranks, all of them sorted."""
    n = len(values)
    values = values.sort(0).values
    if n == count:
        return values
    place = (
        (torch.arange(count, dtype=torch.float64, device=values.device) + 0.5) * (n / count) - 0.5
    ).clamp(0, n - 1)
    below = place.long().clamp_max(max(0, n - 2))
    return values[below].lerp(
        values[(below + 1).clamp_max(n - 1)], (place - below)[:, None].to(values.dtype)
    )


def match_sorted(values: Tensor, ordered: Tensor) -> Tensor:
    """Where optimal transport in one dimension takes each column of values (n, K): to the value of
    the same rank in that column of `ordered` (n, K), which `quantiles` gives. So histograms are
    matched.

    The mean squared way is the squared Wasserstein distance of the columns, and the derivative of
    that is that of the way with its end held fixed.
    """
    return torch.empty_like(values).scatter_(0, values.argsort(0), ordered)


def random_directions(channels: int, count: int, generator: torch.Generator) -> Tensor:
    """Directions (channels, count) drawn evenly from all, at right angles as far as there are so
    many: columns of length 1."""
    blocks = [
        torch.linalg.qr(torch.randn(channels, channels, generator=generator)).Q
        for _ in range(-(-count // channels))
    ]
    return torch.cat(blocks, 1)[:, :count]


def principal_directions(cov: Tensor) -> Tensor:
    """Directions along which features of a covariance (B, C, C) vary most, an eighth as many as
    channels, each scaled so that
    features vary by 1 along it: (B, C, C // 8).
    """
    most = max(1, cov.shape[1] // 8)
    values, vectors = top_eigenpairs(cov, most) if cov.is_cuda else torch.linalg.eigh(cov)
    return vectors[:, :, -most:] / (values[:, None, -most:].clamp_min(0) + 1e-12).sqrt()


def top_eigenpairs(cov: Tensor, most: int, rounds: int = 8) -> tuple[Tensor, Tensor]:
    """About the largest eigenvalues of covariances (B, C, C) in ascending order, (B, most), and
    their vectors, (B, C, most).

    By subspace iteration, in products that a GPU does for many at once; its own solver takes them
    one by one, and longer than a training step. Directions of nearly equal variance come mixed.
    """
    a = cov.double()
    size = min(a.shape[1], most + 8)
    one = torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
    a = a + (1e-9 * a.diagonal(dim1=1, dim2=2).mean(1) + 1e-15)[:, None, None] * one
    generator = torch.Generator().manual_seed(0)
    q = (
        torch.randn(a.shape[1], size, dtype=a.dtype, generator=generator)
        .to(a.device)
        .expand(len(a), -1, -1)
    )
    for _ in range(rounds):
        q = a @ q
        for _ in range(2):  # twice, as rounding leaves them a little aslant the first time
            inner = q.mT @ q
            level = inner.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
            root, _ = torch.linalg.cholesky_ex(inner + 1e-13 * level * one[:size, :size])
            q = torch.linalg.solve_triangular(root, q.mT, upper=False).mT
    values, turned = torch.linalg.eigh(q.mT @ a @ q)
    return values[:, -most:].to(cov.dtype), (q @ turned)[:, :, -most:].to(cov.dtype)


def project(f: Tensor, directions: Tensor) -> Tensor:
    """Features (B, C, H, W) along directions (B, C, K), in the type of the features: (B, K, H,
    W)."""
    flat = f.permute(0, 2, 3, 1).flatten(1, 2)
    return (flat @ directions.to(f.dtype)).transpose(1, 2).unflatten(2, f.shape[2:])
