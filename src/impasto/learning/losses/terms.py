"""One function a loss, each relative to its target."""

import torch
from torch import Tensor

from impasto.learning.losses.statistics import Moments, gram

# of the target's variance, what `wasserstein_loss` adds to both covariances, shared among the
# channels
ADDED_VARIANCE = 1e-5


def relative_error(a: Tensor, target: Tensor, least: float = 1e-12) -> Tensor:
    """Squared distance to the target over the target's squared norm, one value a picture: (B,).

    `least` is the smallest mean square that the target is taken to have.
    """
    a, target = a.float().flatten(1), target.float().flatten(1)
    return (a - target).square().mean(1) / target.square().mean(1).clamp_min(least)


def rms_over_positions(a: Tensor, target: Tensor, least: float = 1e-12) -> Tensor:
    """`relative_error` of features (B, C, n) with the root mean square over positions instead of
    the mean: (B,).

    The same where the error is alike everywhere, and larger where it is gathered in a few places.
    With the plain mean, a network of few weights learns to leave a photograph as it is but for some
    places that show little, and there paints all that the moments ask for.
    """
    a, target = a.float(), target.float()
    here = (a - target).square().mean(1)
    # the tiny constant keeps the derivative of the root finite where nothing is lost
    return (here.square().mean(1) + 1e-8).sqrt() / target.square().mean((1, 2)).clamp_min(least)


def content_loss(f: Tensor, target: Tensor) -> Tensor:
    """Relative squared error of features, as they are. Johnson et al. 2016, eq. 2, made
    relative."""
    return relative_error(f, target)


def gram_loss(f: Tensor, target: Tensor) -> Tensor:
    """Relative squared error of the Gram matrix against `target` (B, C, C). Johnson et al. 2016,
    eq. 4, made relative."""
    return relative_error(gram(f), target)


def moment_loss(m: Moments, target: Moments) -> Tensor:
    """Relative squared error of the covariance plus that of the mean: one layer of the canonical
    style error S."""
    return relative_error(m.cov, target.cov) + relative_error(m.mean, target.mean)


def wasserstein_loss(m: Moments, target: Moments) -> Tensor:
    """Squared Wasserstein distance of Gaussians with these covariances, over the target's variance,
    plus the relative squared error of the mean: (B,). Like `moment_loss`, but linear in the
    variance, so that faint features count too.

    Bures' distance, tr(A + B - 2 (B^1/2 A B^1/2)^1/2), as in Mroueh 2020. Both covariances get a
    little variance in every direction, so that its derivative is finite where they have none.
    """
    a, b = m.cov.double(), target.cov.double()
    variance = b.diagonal(dim1=1, dim2=2).sum(1).clamp_min(1e-12)
    little = (
        (ADDED_VARIANCE / b.shape[1])
        * variance[:, None, None]
        * torch.eye(b.shape[1], dtype=b.dtype, device=b.device)
    )
    a, b = a + little, b + little
    values, vectors = torch.linalg.eigh(b)
    root = (vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.transpose(1, 2)
    between = torch.linalg.eigvalsh(root @ a @ root).clamp_min(1e-30).sqrt().sum(1)
    bures = (a + b).diagonal(dim1=1, dim2=2).sum(1) - 2 * between
    return (bures / variance).float() + relative_error(m.mean, target.mean)


def local_loss(deviations: Tensor, target: Tensor) -> Tensor:
    """How far the deviations in a picture's parts (B, parts, K) are from those of the style (B, K):
    mean over parts of the relative squared error, (B,).

    Moments of a whole picture say nothing of where: a few patches of very bold strokes meet them,
    with the rest left as the photograph is; and as covariances grow with the square of features,
    their derivative is smallest where least is painted. Deviations pull with the same force
    everywhere. Along the style's own principal directions a photograph's detail does not pass for
    strokes, as it does channel by channel. Means are left out, so that light and dark stay where
    the photograph has them.
    """
    target = target.float()[:, None]
    return ((deviations - target).square().sum(2) / target.square().sum(2).clamp_min(1e-12)).mean(1)


def total_variation(picture: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels (B,), down and across. Mahendran and Vedaldi
    2015, with exponent 2."""
    down = (picture[:, :, 1:] - picture[:, :, :-1]).float().square().mean((1, 2, 3))
    across = (picture[:, :, :, 1:] - picture[:, :, :, :-1]).float().square().mean((1, 2, 3))
    return down + across


def total_variation_loss(picture: Tensor, photo: Tensor) -> Tensor:
    """Total variation of the picture over that of the photograph (B,); 1 where they are equally
    busy."""
    return total_variation(picture) / total_variation(photo).clamp_min(1e-4)


def instability(picture: Tensor, again: Tensor, border: int) -> Tensor:
    """How much of a picture (B, 3, H, W) is not there when it is painted again from a photograph
    that shows the same, moved back to its place: mean squared difference over the picture's
    variance, (B,), without `border` pixels at each edge.

    The frame difference loss of video style transfer (arXiv 2102.05822) for frames whose motion is
    known, so that it needs no
    optical flow: what the scene does is taken out, what is left is flicker.
    """
    inside = (..., slice(border, -border), slice(border, -border))
    still = picture[inside]
    return (again[inside] - still).square().mean((1, 2, 3)) / still.flatten(1).var(1).clamp_min(
        1e-4
    )
