"""Baselines: pictures that anyone gets without style transfer.

A useful method must beat them. Photographs and style pictures are uint8 (H, W, 3), and each
baseline returns a picture in the size of the photograph.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.images.image import UInt8
from impasto.learning.evaluation.scorer import to_uint8
from impasto.learning.tensors import to_tensor

MIN_VARIANCE = 1e-5  # added to each color's variance, so that a gray picture has an inverse
BLUR_SIZE = 31  # pixels, of the window whose mean is not detail
DETAIL_WEIGHT = 0.7  # of the style picture's detail in a double exposure


def transfer_colors(photo: Tensor, style: Tensor) -> Tensor:
    """Give a photograph the mean and the covariance of a style picture's colors.

    This is the linear Monge-Kantorovich map of Pitie and Kokaram 2007.

    Args:
        photo: (1, 3, H, W) in 0..1.
        style: (1, 3, h, w) in 0..1.

    Returns:
        (1, 3, H, W), which may leave 0..1.
    """
    x, s = photo[0].flatten(1), style[0].flatten(1)
    floor = MIN_VARIANCE * torch.eye(3)
    root = _matrix_root(torch.cov(x, correction=0) + floor)
    inverse = torch.linalg.inv(root)
    transform = inverse @ _matrix_root(root @ (torch.cov(s, correction=0) + floor) @ root) @ inverse
    colors = transform @ (x - x.mean(1, keepdim=True)) + s.mean(1, keepdim=True)
    return colors.reshape(photo.shape)


def _matrix_root(matrix: Tensor) -> Tensor:
    """Compute the symmetric square root of a symmetric positive matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp_min(1e-8).sqrt()) @ vectors.T


def recolored(photo: UInt8, painting: UInt8) -> UInt8:
    """Give the photograph the style picture's colors; see `transfer_colors`."""
    return to_uint8(transfer_colors(to_tensor([photo]), to_tensor([painting])))


def painting_itself(photo: UInt8, painting: UInt8) -> UInt8:
    """Return the style picture in the size of the photograph: all style and no content."""
    return to_uint8(_resize_to(to_tensor([painting]), photo))


def double_exposure(photo: UInt8, painting: UInt8) -> UInt8:
    """Lay the style picture's fine detail over the recolored photograph.

    A measure that prefers this picture can be cheated.
    """
    x, style = to_tensor([photo]), to_tensor([painting])
    overlay = _resize_to(style, photo)
    padding = (BLUR_SIZE // 2,) * 4
    detail = overlay - F.avg_pool2d(F.pad(overlay, padding, mode="reflect"), BLUR_SIZE, 1)
    return to_uint8(transfer_colors(x, style) + DETAIL_WEIGHT * detail)


def _resize_to(painting: Tensor, photo: UInt8) -> Tensor:
    """Resize (1, 3, h, w) to the size of a photograph, whatever their proportions."""
    return F.interpolate(painting, size=photo.shape[:2], mode="bilinear", antialias=True)
