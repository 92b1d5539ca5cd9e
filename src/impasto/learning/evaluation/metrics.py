"""Measures of stylized pictures from the literature: one function for each measure.

Lower is better, except for SSIM. Where a paper's equation and its published code differ, impasto
follows the code's scaling, as published figures do. These measures are not relative to the norm of
a target, unlike the canonical objective. They depend on the network, on the scale of its weights
and on the size of pictures, so they compare only within one table. Features are (1, C, H, W).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import rgb2gray
from skimage.filters import sobel
from skimage.metrics import structural_similarity
from torch import Tensor

from impasto.images.image import UInt8

ADAIN_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
ADAIN_CONTENT_LAYER = "relu4_1"
CFSD_LAYER = "relu3_1"
CFSD_ROWS = 128  # positions at a time: all against all would take gigabytes


def adain_content(features: Tensor, photo: Tensor) -> float:
    """Measure the content loss of AdaIN: the mean squared distance of relu4_1 features.

    Huang and Belongie 2017, eq. 12, with two departures. The distance is to the photograph's
    features, not to the AdaIN target of the paper's training, which other methods do not have. It
    is the mean over positions and channels, as in the published code, not the equation's norm.

    Args:
        features: Features of the picture, (1, C, H, W).
        photo: Features of the photograph, (1, C, H, W).
    """
    return (features.float() - photo.float()).square().mean().item()


def mean_and_deviation(features: Tensor) -> Tensor:
    """Compute the mean and the deviation of each channel over positions: (2, C), float32."""
    flat = features.float().flatten(2)[0]
    return torch.stack([flat.mean(1), flat.std(1, correction=0)])


def adain_style(features: Mapping[str, Tensor], painting: Mapping[str, Tensor]) -> float:
    """Measure the style loss of AdaIN: distances of channel means and deviations.

    Huang and Belongie 2017, eq. 13: a sum over relu1_1 to relu4_1. Each distance is the mean of
    squares over channels, as in the published code, not the equation's norm.

    Args:
        features: Features of the picture by layer, (1, C, H, W) each.
        painting: `mean_and_deviation` of the style picture's features by layer, (2, C) each.
    """
    errors = [
        (mean_and_deviation(features[layer]) - painting[layer]).square().mean(1).sum()
        for layer in ADAIN_LAYERS
    ]
    return torch.stack(errors).sum().item()


def cfsd(features: Tensor, photo: Tensor) -> float:
    """Measure the content feature structural distance of relu3_1 features.

    Chung et al. 2024, "Style Injection in Diffusion". Each position has a distribution: the softmax
    of its products with all positions. The measure is the Kullback-Leibler divergence of the
    photograph's distributions from the picture's. The scaling is that of the published code, and
    so of published figures: features are divided by the number of channels, and divergences are
    summed over positions.

    Args:
        features: Features of the picture, (1, C, H, W).
        photo: Features of the photograph, (1, C, H, W).
    """
    x, y = (z.float().flatten(2)[0].T / z.shape[1] for z in (photo, features))  # (positions, C)
    total = torch.zeros((), dtype=torch.float64)
    for start in range(0, len(x), CFSD_ROWS):
        log_p, log_q = (torch.log_softmax(z[start : start + CFSD_ROWS] @ z.T, 1) for z in (x, y))
        total += (log_p.exp() * (log_p - log_q)).sum(dtype=torch.float64)
    return total.item()


def ssim(picture: UInt8, photo: UInt8) -> float:
    """Measure structural similarity in Gaussian windows, averaged over RGB; 1 for equal pictures.

    Wang et al. 2004, eq. 13.

    Args:
        picture: uint8 (H, W, 3).
        photo: uint8 (H, W, 3), of the same size.
    """
    similarity = structural_similarity(
        picture,
        photo,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    return float(similarity)


def boldness(painting: UInt8) -> float:
    """Measure how strong the edges of a picture are, about 0.01 to 0.2.

    It is the mean magnitude of the Sobel gradient of luminance in 0..1. It tells bold paintings,
    with hard contours and contrast, from subdued ones.
    """
    return float(np.mean(sobel(rgb2gray(painting))))


def lpips(
    features: Sequence[Tensor], photo: Sequence[Tensor], heads: Sequence[Tensor] | None = None
) -> float:
    """Measure the learned perceptual distance, LPIPS.

    Zhang et al. 2018, eq. 1: features are scaled to unit length at each position, and their squared
    differences are weighted by channel, averaged over positions and summed over layers.

    Args:
        features: Features of the picture by layer, (1, C, H, W) each.
        photo: Features of the photograph by layer.
        heads: Weights of the channels by layer, (1, C, 1, 1) each. Without them all weights are 1,
            the uncalibrated variant of the paper.
    """
    total = 0.0
    for layer, (a, b) in enumerate(zip(features, photo, strict=True)):
        difference = (_to_unit_length(a) - _to_unit_length(b)).square()
        weighted = difference if heads is None else difference * heads[layer]
        total += weighted.sum(1).mean().item()
    return total


def _to_unit_length(features: Tensor) -> Tensor:
    features = features.float()
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


def frechet_distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Measure the Frechet distance of two samples that are taken as Gaussian: FID.

    Heusel et al. 2017, eq. 6, with covariances A and B:

        |mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2))

    With A = X^T X and B = Y^T Y, the last trace is the sum of the singular values of X Y^T, which
    is (n, m). This is exact where a sample has fewer rows than columns. There the covariance is
    singular, and a matrix root is not exact.

    Args:
        a: Features of n pictures, (n, size).
        b: Features of m pictures, (m, size).

    Raises:
        ValueError: A sample has fewer than two rows, and so no covariance.
    """
    smallest = min(len(a), len(b))
    if smallest < 2:
        raise ValueError(
            f"cannot compute a Frechet distance: a covariance takes two pictures at least, not "
            f"{smallest}"
        )
    (mean_a, x), (mean_b, y) = (_center(np.asarray(sample, np.float64)) for sample in (a, b))
    root_trace = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    means = np.square(mean_a - mean_b).sum()
    return float(means + np.square(x).sum() + np.square(y).sum() - 2 * root_trace)


def _center(sample: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the mean, and X with covariance X^T X."""
    mean = sample.mean(0)
    return mean, (sample - mean) / np.sqrt(len(sample) - 1)


def art_fid(content: float, style: float) -> float:
    """Combine LPIPS and FID: (1 + LPIPS) (1 + FID). Wright and Ommer 2022, eq. 3.

    Args:
        content: Mean LPIPS of the pictures to their photographs.
        style: FID of the pictures to the style pictures.
    """
    return (1 + content) * (1 + style)
