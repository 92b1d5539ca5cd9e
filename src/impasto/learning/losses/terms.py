"""Loss terms, one function each: content, Gram, moments, Wasserstein, local, total variation.

Every loss is divided by the size of its target: losses of different layers and networks have the
same scale. Each gives one value a picture, (B,), in float32.
"""

import torch
from torch import Tensor

from impasto.learning.losses.statistics import Moments, gram_matrix

MIN_SQUARE = 1e-12  # mean square that a target is taken to have at least
MIN_ROOT = 1e-8  # added below a square root, so that its derivative is finite without any error
# of the target's variance: what `wasserstein_loss` adds to both covariances, over all channels
ADDED_VARIANCE = 1e-5
MIN_EIGENVALUE = 1e-30  # below square roots of eigenvalues
MIN_VARIATION = 1e-4  # total variation of a photograph, and variance of a painting, at least


# Errors relative to a target


def relative_error(a: Tensor, target: Tensor, least: float = MIN_SQUARE) -> Tensor:
    """Compute the squared distance to the target over its squared norm: |a - t|^2 / |t|^2.

    Args:
        a: (B, ...).
        target: (B, ...), of the same shape.
        least: the smallest mean square that the target is taken to have.

    Returns:
        One value a picture, (B,).
    """
    a, target = a.float().flatten(1), target.float().flatten(1)
    return (a - target).square().mean(1) / target.square().mean(1).clamp_min(least)


def rms_over_positions(a: Tensor, target: Tensor, least: float = MIN_SQUARE) -> Tensor:
    """Compute `relative_error` with a root mean square over positions instead of the mean.

    With e the mean square over channels at a position, it is sqrt(mean(e^2)) / mean(t^2). It equals
    `relative_error` where the error is even, and is larger where the error is concentrated. With
    the plain mean, a small network learns to leave a photograph as it is but for some
    inconspicuous places, and to paint all that the moments ask for there.

    Args:
        a: features (B, C, n).
        target: features (B, C, n).
        least: the smallest mean square that the target is taken to have.

    Returns:
        One value a picture, (B,).
    """
    a, target = a.float(), target.float()
    here = (a - target).square().mean(1)
    mean = (here.square().mean(1) + MIN_ROOT).sqrt()
    return mean / target.square().mean((1, 2)).clamp_min(least)


# Content


def content_loss(f: Tensor, target: Tensor) -> Tensor:
    """Compute the relative squared error of features: |f - t|^2 / |t|^2.

    Gatys et al. 2016, eq. 1, and Johnson et al. 2016, eq. 2, here divided by the target's norm.

    Args:
        f: features of the painting, (B, C, H, W).
        target: features of the photograph, (B, C, H, W).
    """
    return relative_error(f, target)


# Style


def gram_loss(f: Tensor, target: Tensor) -> Tensor:
    """Compute the relative squared error of the Gram matrix: |G(f) - T|^2 / |T|^2.

    Gatys et al. 2016, eq. 4, and Johnson et al. 2016, eq. 4, here divided by the target's norm.

    Args:
        f: features of the painting, (B, C, H, W).
        target: Gram matrix of the style, (B, C, C), from `gram_matrix`.
    """
    return relative_error(gram_matrix(f), target)


def moment_loss(m: Moments, target: Moments) -> Tensor:
    """Compute the relative squared errors of covariance and mean, summed: one layer of S.

    |cov - cov_t|^2 / |cov_t|^2 + |mean - mean_t|^2 / |mean_t|^2. The Gram matrix is G = cov + mean
    mean^T; compared by themselves, both parts count.
    """
    return relative_error(m.cov, target.cov) + relative_error(m.mean, target.mean)


def wasserstein_loss(m: Moments, target: Moments) -> Tensor:
    """Compute the squared Wasserstein distance of Gaussians, over the target's variance.

    (tr A + tr B - 2 tr (B^1/2 A B^1/2)^1/2) / tr B for covariances A and B (Bures' distance, as in
    Mroueh 2020), plus the relative squared error of the mean. Like `moment_loss`, but linear in the
    variance, so that faint features count too. Here, both covariances get a little variance in
    every direction: without, the derivative is not finite where they have none.

    Args:
        m: moments of the painting; mean (B, C), covariance (B, C, C).
        target: moments of the style.
    """
    a, b = m.cov.double(), target.cov.double()
    variance = _trace(b).clamp_min(MIN_SQUARE)
    identity = torch.eye(b.shape[1], dtype=b.dtype, device=b.device)
    added = (ADDED_VARIANCE / b.shape[1]) * variance[:, None, None] * identity
    bures = _bures_distance(a + added, b + added)
    return (bures / variance).float() + relative_error(m.mean, target.mean)


def _bures_distance(a: Tensor, b: Tensor) -> Tensor:
    """Compute tr(A + B - 2 (B^1/2 A B^1/2)^1/2) of covariances (B, C, C): (B,)."""
    values, vectors = torch.linalg.eigh(b)
    root = (vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.transpose(1, 2)
    shared = torch.linalg.eigvalsh(root @ a @ root).clamp_min(MIN_EIGENVALUE).sqrt().sum(1)
    return _trace(a + b) - 2 * shared


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=1, dim2=2).sum(1)


def local_loss(deviations: Tensor, target: Tensor) -> Tensor:
    """Compute the relative error of deviations, |d - t|^2 / |t|^2, averaged over parts.

    Moments of a whole picture do not say where: a few patches of very bold strokes meet them, with
    the rest left as the photograph is. And as covariances grow with the square of features, their
    derivative is smallest where least is painted. Deviations pull with the same force everywhere.
    Along the style's own principal directions a photograph's detail does not pass for strokes, as
    it does channel by channel. Means are left out, so that light and dark stay where the photograph
    has them.

    Args:
        deviations: of the painting's parts along the style's principal directions, (B, parts, K).
        target: their mean over the parts of the style, (B, K).
    """
    target = target.float()[:, None]
    errors = (deviations - target).square().sum(2)
    return (errors / target.square().sum(2).clamp_min(MIN_SQUARE)).mean(1)


# Pixels


def total_variation(picture: Tensor) -> Tensor:
    """Compute the mean squared difference of neighboring pixels, down and across: (B,).

    Mahendran and Vedaldi 2015, with exponent 2.
    """
    down = (picture[:, :, 1:] - picture[:, :, :-1]).float().square().mean((1, 2, 3))
    across = (picture[:, :, :, 1:] - picture[:, :, :, :-1]).float().square().mean((1, 2, 3))
    return down + across


def total_variation_loss(picture: Tensor, photo: Tensor) -> Tensor:
    """Compute the total variation of a picture over its photograph's; 1 if equally busy."""
    return total_variation(picture) / total_variation(photo).clamp_min(MIN_VARIATION)


def instability(picture: Tensor, again: Tensor, border: int) -> Tensor:
    """Compute the flicker between two paintings of one scene: |q - p|^2 / var(p).

    The frame difference loss of video style transfer (arXiv 2102.05822) for frames whose motion is
    known, so that it needs no optical flow: the movement of the scene is taken out, and flicker
    is left.

    Args:
        picture: the painting p, (B, 3, H, W).
        again: the painting q of a moved photograph, moved back to the place of p, (B, 3, H, W).
        border: pixels at each edge that are left out.
    """
    inside = (..., slice(border, -border), slice(border, -border))
    still = picture[inside]
    change = (again[inside] - still).square().mean((1, 2, 3))
    return change / still.flatten(1).var(1).clamp_min(MIN_VARIATION)
