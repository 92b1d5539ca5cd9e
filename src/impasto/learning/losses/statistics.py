"""Statistics of features that the losses compare: means, covariances, deviations, quantiles.

Features are tensors (B, C, H, W): B pictures, C channels, H W positions.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_VARIANCE = 1e-12  # added below square roots, so that their derivative is finite at 0
PRINCIPAL_SHARE = 8  # of so many channels, one principal direction is used
EXTRA_EIGENPAIRS = 8  # iterated beside those asked for, so that subspace iteration converges sooner


class Moments(NamedTuple):
    """Mean (B, C) and covariance (B, C, C) of features over positions, float32."""

    mean: Tensor
    cov: Tensor


class _Moments(torch.autograd.Function):
    """Mean and covariance with a derivative written by hand.

    For gradients g of the mean and G of the covariance it is ((f - mean) (G + G^T) + g) / n.
    The automatic derivative passes over the largest activations seven times; this one, once.
    """

    @staticmethod
    def forward(ctx: Any, f: Tensor) -> tuple[Tensor, Tensor]:
        ctx.shape = f.shape
        f = f.permute(0, 2, 3, 1).flatten(1, 2)  # (B, n, C): a view where memory is channels-last
        mean = f.mean(1, keepdim=True, dtype=torch.promote_types(f.dtype, torch.float32))
        centered = f - mean.to(f.dtype)
        ctx.save_for_backward(centered)
        return mean[:, 0], (centered.transpose(1, 2) @ centered).to(mean.dtype) / f.shape[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (centered,) = ctx.saved_tensors
        mean, cov = (gradient / centered.shape[1] for gradient in gradients)
        both = (cov + cov.transpose(1, 2)).to(centered.dtype)
        gradient = torch.baddbmm(mean[:, None].to(centered.dtype), centered, both)
        return gradient.permute(0, 2, 1).reshape(ctx.shape)


def moments(f: Tensor) -> Moments:
    """Compute mean and covariance of features over positions.

    mean = sum(f) / n and cov = sum((f - mean) (f - mean)^T) / n, over n = H W positions. Huang and
    Belongie 2017 compare means, Gatys et al. 2016 Gram matrices. The covariance is the Gram matrix
    without the mean, which dominates it.

    Args:
        f: features (B, C, H, W); products run in their type.

    Returns:
        Moments in float32, or in float64 where the features are.
    """
    return Moments(*_Moments.apply(f))  # type: ignore[no-untyped-call]


def gram_matrix(f: Tensor) -> Tensor:
    """Compute the Gram matrix G = F F^T / n of features (B, C, H, W): (B, C, C), float32.

    F is (C, n) with n = H W. Gatys et al. 2016, eq. 3; Johnson et al. 2016, eq. 3.
    """
    f = f.flatten(2)
    return (f @ f.transpose(1, 2)).float() / f.shape[2]


# Normalized features, which the content term compares


def silence_floor(f: Tensor) -> Tensor:
    """Compute the number that `normalize` adds to deviations, so that silent channels stay silent.

    It is a tenth of the deviation of all centered features, but at least a hundredth of the root
    mean square of the features: a flat photograph (a patch of sky) has hardly any deviation.

    Args:
        f: features (B, C, H, W).

    Returns:
        One number a picture, (B, 1, 1), float32.
    """
    f = f.float().flatten(2)
    deviation = (f - f.mean(2, keepdim=True)).square().mean((1, 2), keepdim=True).sqrt()
    return torch.maximum(0.1 * deviation, 0.01 * f.square().mean((1, 2), keepdim=True).sqrt())


def normalize(f: Tensor, floor: Tensor) -> Tensor:
    """Bring every channel to mean 0 and deviation 1 over positions: (f - mean) / (std + floor).

    Args:
        f: features (B, C, H, W).
        floor: (B, 1, 1), from `silence_floor`.

    Returns:
        Normalized features (B, C, H W), float32.
    """
    f = f.float().flatten(2)
    f = f - f.mean(2, keepdim=True)
    return f / ((f.square().mean(2, keepdim=True) + MIN_VARIANCE).sqrt() + floor)


# Deviations in the parts of a picture, which the local term compares


class _LocalVariances(torch.autograd.Function):
    """Variance of each channel in each square part, with a derivative written by hand.

    For a gradient g of the variance it is 2 (f - mean) g / n.
    """

    @staticmethod
    def forward(ctx: Any, f: Tensor, side: int) -> Tensor:
        rows, columns = (max(1, size // side) for size in f.shape[2:])
        h, w = f.shape[2] // rows, f.shape[3] // columns
        ctx.shape = f.shape
        f = f[:, :, : rows * h, : columns * w]  # the rest at the edges is dropped
        mean = F.avg_pool2d(f, (h, w))
        centered = _split_parts(f, rows, columns) - _split_parts(mean, rows, columns)
        ctx.save_for_backward(centered)
        squares = centered.square().permute(0, 5, 1, 2, 3, 4).flatten(4).flatten(2, 3)
        return F.avg_pool2d(squares, (h, w)).flatten(2).transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (centered,) = ctx.saved_tensors
        _, rows, h, columns, w, _ = centered.shape
        gradient = (2 / (h * w)) * gradients[0].unflatten(1, (rows, 1, columns, 1))
        parts = (centered * gradient.to(centered.dtype)).flatten(3, 4).flatten(1, 2)
        right, bottom = ctx.shape[3] - columns * w, ctx.shape[2] - rows * h
        return F.pad(parts.permute(0, 3, 1, 2), (0, right, 0, bottom)), None


def _split_parts(f: Tensor, rows: int, columns: int) -> Tensor:
    """View (B, C, rows h, columns w) as (B, rows, h, columns, w, C).

    It is a view, not a copy, where memory is channels-last.
    """
    return f.permute(0, 2, 3, 1).unflatten(2, (columns, -1)).unflatten(1, (rows, -1))


def local_deviations(f: Tensor, side: int) -> Tensor:
    """Compute the deviation of each channel around its mean in each square part of a picture.

    Args:
        f: features (B, C, H, W).
        side: of a part, positions. Parts are a little larger where that fills the picture better;
            a few rows and columns at its edges may be left out.

    Returns:
        Deviations (B, parts, C), float32.
    """
    variances = _LocalVariances.apply(f, max(1, side))  # type: ignore[no-untyped-call]
    return (variances.float() + MIN_VARIANCE).sqrt()


# Optimal transport in one dimension


def quantiles(values: Tensor, count: int) -> Tensor:
    """Sort each column of values and sample it at `count` ranks that are spread evenly.

    Args:
        values: (n, K).
        count: ranks; with n ranks, the result is the sorted values.

    Returns:
        Values in ascending order, (count, K), interpolated linearly between ranks.
    """
    n = len(values)
    values = values.sort(0).values
    if n == count:
        return values
    ranks = torch.arange(count, dtype=torch.float64, device=values.device)
    place = ((ranks + 0.5) * (n / count) - 0.5).clamp(0, n - 1)
    below = place.long().clamp_max(max(0, n - 2))
    above = (below + 1).clamp_max(n - 1)
    return values[below].lerp(values[above], (place - below)[:, None].to(values.dtype))


def match_sorted(values: Tensor, ordered: Tensor) -> Tensor:
    """Match the histogram of each column: replace every value by the one of the same rank.

    This is optimal transport in one dimension. The mean squared difference between the values and
    the result is the squared Wasserstein distance of the columns; its derivative is the one with
    the result held fixed.

    Args:
        values: (n, K).
        ordered: (n, K), each column ascending, as `quantiles` returns it.

    Returns:
        The matched values (n, K).
    """
    return torch.empty_like(values).scatter_(0, values.argsort(0), ordered)


def random_directions(channels: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw directions evenly from all: (channels, count), columns of length 1.

    Within each block of `channels` directions they are at right angles.
    """
    blocks = [
        torch.linalg.qr(torch.randn(channels, channels, generator=generator)).Q
        for _ in range(-(-count // channels))
    ]
    return torch.cat(blocks, 1)[:, :count]


# Principal directions


def principal_directions(cov: Tensor) -> Tensor:
    """Find the directions along which features vary most, scaled so that they vary by 1 there.

    Args:
        cov: covariances (B, C, C).

    Returns:
        Directions (B, C, C // 8), one at least.
    """
    count = max(1, cov.shape[1] // PRINCIPAL_SHARE)
    values, vectors = top_eigenpairs(cov, count) if cov.is_cuda else torch.linalg.eigh(cov)
    variances = values[:, None, -count:].clamp_min(0)
    return vectors[:, :, -count:] / (variances + MIN_VARIANCE).sqrt()


def top_eigenpairs(cov: Tensor, count: int, rounds: int = 8) -> tuple[Tensor, Tensor]:
    """Approximate the largest eigenvalues of covariances, and their vectors, on a GPU.

    Subspace iteration consists of products that a GPU does for many matrices at once. PyTorch's own
    solver takes them one by one there, and longer than a training step. Directions of nearly equal
    variance come mixed.

    Args:
        cov: covariances (B, C, C).
        count: eigenvalues wanted.
        rounds: iterations.

    Returns:
        Eigenvalues in ascending order, (B, count), and vectors (B, C, count).
    """
    channels = cov.shape[1]
    size = min(channels, count + EXTRA_EIGENPAIRS)
    identity = torch.eye(channels, dtype=torch.float64, device=cov.device)
    a = cov.double()
    a = a + (1e-9 * a.diagonal(dim1=1, dim2=2).mean(1) + 1e-15)[:, None, None] * identity
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(channels, size, dtype=torch.float64, generator=generator)
    q = q.to(a.device).expand(len(a), -1, -1)
    for _ in range(rounds):
        # twice, as rounding leaves them a little aslant the first time
        q = _orthogonalize(_orthogonalize(a @ q))
    values, rotation = torch.linalg.eigh(q.mT @ a @ q)
    return values[:, -count:].to(cov.dtype), (q @ rotation)[:, :, -count:].to(cov.dtype)


def _orthogonalize(q: Tensor) -> Tensor:
    """Make columns (B, C, K) orthonormal, by a Cholesky factor of their products."""
    products = q.mT @ q
    level = products.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
    identity = torch.eye(q.shape[2], dtype=q.dtype, device=q.device)
    root, _ = torch.linalg.cholesky_ex(products + 1e-13 * level * identity)
    return torch.linalg.solve_triangular(root, q.mT, upper=False).mT


def project(f: Tensor, directions: Tensor) -> Tensor:
    """Project features (B, C, H, W) onto directions (B, C, K): (B, K, H, W), in their type."""
    flat = f.permute(0, 2, 3, 1).flatten(1, 2)
    return (flat @ directions.to(f.dtype)).transpose(1, 2).unflatten(2, f.shape[2:])
