"""The field's own measures of painted pictures, as their papers define them; lower is better, but
for SSIM.

Where equation and published code differ, the code's scaling is taken, as published figures have it.
Unlike the canonical objective they are not relative to a target's norm: figures depend on the
network, on the scale of its weights and on the size of pictures, so they compare only within a
table. Features are (1, C, H, W).
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
CFSD_ROWS = 128  # positions at a time: all against all would be gigabytes


def adain_content(f: Tensor, photo: Tensor) -> float:
    """Content loss of AdaIN: mean squared distance of relu4_1 features. Huang and Belongie 2017,
    eq. 12.

    Against the photograph's features and not against the AdaIN target of the paper's training,
    which other methods do not have; the mean over positions and channels, as in its published code,
    not the norm that the equation has.
    """
    return (f.float() - photo.float()).square().mean().item()


def mean_and_deviation(f: Tensor) -> Tensor:
    """Mean and deviation of each channel over positions: (2, C), float32."""
    f = f.float().flatten(2)[0]
    return torch.stack([f.mean(1), f.std(1, correction=0)])


def adain_style(f: Mapping[str, Tensor], painting: Mapping[str, Tensor]) -> float:
    """Style loss of AdaIN: sum over relu1_1 to relu4_1 of the mean squared distances, over
    channels, of `mean_and_deviation`.

    Huang and Belongie 2017, eq. 13; means of squares, as in its published code, not the norms that
    the equation has.

    Args:
        f: features of the picture by layer.
        painting: `mean_and_deviation` of the painting's, by layer.
    """
    errors = [
        (mean_and_deviation(f[layer]) - painting[layer]).square().mean(1).sum()
        for layer in ADAIN_LAYERS
    ]
    return torch.stack(errors).sum().item()


def cfsd(f: Tensor, photo: Tensor) -> float:
    """Content feature structural distance: how differently the places of a picture resemble each
    other.

    Every position's softmax over its products with all positions, of the photograph against those
    of the picture, by the Kullback-Leibler divergence. Chung et al. 2024 ("Style Injection in
    Diffusion"); with the scaling of its published code,
    which its figures have: relu3_1 features over the number of channels, and the sum over
        positions.
    """
    x, y = (each.float().flatten(2)[0].T / each.shape[1] for each in (photo, f))  # (positions, C)
    total = torch.zeros((), dtype=torch.float64)
    for start in range(0, len(x), CFSD_ROWS):
        log_p, log_q = (torch.log_softmax(z[start : start + CFSD_ROWS] @ z.T, 1) for z in (x, y))
        total += (log_p.exp() * (log_p - log_q)).sum(dtype=torch.float64)
    return total.item()


def ssim(picture: UInt8, photo: UInt8) -> float:
    """Structural similarity, 1 for the photograph itself; Wang et al. 2004, in Gaussian windows,
    mean over RGB."""
    return float(
        structural_similarity(
            picture,
            photo,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )


def boldness(painting: UInt8) -> float:
    """How strong the edges of a painting are: mean magnitude of the Sobel gradient of its luminance
    (0..1), about 0.01 to 0.2.

    Bold paintings, of hard contours and contrast, are told from subdued ones by it.
    """
    return float(np.mean(sobel(rgb2gray(painting))))


def lpips(
    f: Sequence[Tensor], photo: Sequence[Tensor], heads: Sequence[Tensor] | None = None
) -> float:
    """Learned perceptual distance: features of unit length at each position, their squared
    differences weighted by the heads, mean over positions, sum over layers. Zhang et al. 2018, eq.
    1.

    Args:
        f: features of the picture, layer by layer.
        photo: those of the photograph.
        heads: weights of the channels, (1, C, 1, 1) each; without them all are 1, the paper's
            uncalibrated variant.
    """
    total = 0.0
    for layer, (a, b) in enumerate(zip(f, photo, strict=True)):
        difference = (_unit(a) - _unit(b)).square()
        weighted = difference if heads is None else difference * heads[layer]
        total += weighted.sum(1).mean().item()
    return total


def _unit(f: Tensor) -> Tensor:
    f = f.float()
    return f / (f.square().sum(1, keepdim=True).sqrt() + 1e-10)


def frechet_distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Frechet distance of two samples, (n, size) and (m, size), taken as Gaussian. Heusel et al.
    2017 (FID), eq. 6.

        |mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2)),  A and B the covariances

    With A = X^T X and B = Y^T Y the last trace is the sum of singular values of X Y^T, (n, m):
    exact where samples are fewer than their numbers, where the root of a singular matrix is not.

    Raises:
        ValueError: a sample has fewer than two rows, and so no covariance.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a covariance takes two pictures at least, not {min(len(a), len(b))}")
    (mean_a, x), (mean_b, y) = (_centred(np.asarray(each, np.float64)) for each in (a, b))
    root_trace = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return float(
        np.square(mean_a - mean_b).sum() + np.square(x).sum() + np.square(y).sum() - 2 * root_trace
    )


def _centred(sample: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean, and X with covariance X^T X."""
    mean = sample.mean(0)
    return mean, (sample - mean) / np.sqrt(len(sample) - 1)


def art_fid(content: float, style: float) -> float:
    """(1 + LPIPS) (1 + FID): mean LPIPS to the photographs, FID to the paintings. Wright and Ommer
    2022, eq. 3."""
    return (1 + content) * (1 + style)
