"""How good a painted picture is: the canonical objective, and the baselines that paint nothing.

Photograph and painting are brought to 512 pixels on the short side; the picture is painted from
that photograph and scored as the 8-bit picture a user gets. C is the content error, S the style
error, J = C + 5 S; see `impasto.learning.losses.objective`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.images.image import UInt8
from impasto.images.reading import read
from impasto.images.resize import resized
from impasto.learning.losses.objective import ContentTarget, Objective, StyleTarget
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.tensors import best_device, to_tensor

SHORT_SIDE = 512  # pixels, of photographs and paintings alike
KEPT = 64  # content targets, some 12 MB each

# Identity of the Oxford network. torchvision's of the same name, which is fetched where there is no
# other, was trained anew.
CANONICAL = "vgg19-bd795e622a801079"


@dataclass(frozen=True)
class Score:
    """Content error C, style error S and J = C + 5 S."""

    C: float
    S: float
    J: float


class ObjectiveScorer:
    """Scores pictures by the canonical objective; targets of photographs and paintings are computed
    once and kept.

    Args:
        perceptual: the Oxford VGG-19 for canonical figures; its `identity` belongs beside every
            figure.
        short: short side of photographs and paintings, pixels; 512 for canonical figures.
    """

    def __init__(self, perceptual: PerceptualNetwork, short: int = SHORT_SIDE) -> None:
        self.device = best_device()
        self.objective, self.short = Objective(perceptual.to(self.device)), short
        self._contents: dict[Path, ContentTarget] = {}
        self._styles: dict[Path, StyleTarget] = {}

    def tensor(self, picture: UInt8) -> Tensor:
        """A picture (H, W, 3) as this judge sees it: (1, 3, H, W) in 0..1, where it computes."""
        return to_tensor([picture]).to(self.device)

    def content(self, photo: Path) -> ContentTarget:
        """Target of the content term for a photograph."""
        if photo not in self._contents:
            if len(self._contents) == KEPT:
                self._contents.pop(next(iter(self._contents)))
            self._contents[photo] = self.objective.content_target(
                self.tensor(load(photo, self.short))
            )
        return self._contents[photo]

    def style(self, painting: Path) -> StyleTarget:
        """Target of the style term for a painting."""
        if painting not in self._styles:
            self._styles[painting] = self.objective.style_target(
                self.tensor(load(painting, self.short))
            )
        return self._styles[painting]

    def score(self, picture: UInt8, photo: Path, painting: Path) -> Score:
        """Score a picture painted from `load(photo)` in the manner of `painting`."""
        with torch.no_grad():
            terms = self.objective.terms(
                self.tensor(picture), self.content(photo), self.style(painting)
            )
        return Score(
            terms["content"].item(), terms["style"].item(), self.objective.total(terms).item()
        )


def load(path: Path, short: int = SHORT_SIDE) -> UInt8:
    """A photograph or painting as the canonical objective takes it: its short side 512 pixels,
    uint8 (H, W, 3)."""
    return resized(read(path).rgb, short)


def recolored(photo: Tensor, style: Tensor) -> Tensor:
    """The photograph under the style's mean and covariance of colours, (1, 3, H, W): a baseline
    that paints nothing.

    The linear Monge-Kantorovich map of Pitie and Kokaram 2007.
    """
    x, s = photo[0].flatten(1), style[0].flatten(1)
    tiny = 1e-5 * torch.eye(3)
    root = _root(torch.cov(x, correction=0) + tiny)
    inverse = torch.linalg.inv(root)
    map_ = inverse @ _root(root @ (torch.cov(s, correction=0) + tiny) @ root) @ inverse
    return (map_ @ (x - x.mean(1, keepdim=True)) + s.mean(1, keepdim=True)).reshape(photo.shape)


def _root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a symmetric positive matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp_min(1e-8).sqrt()) @ vectors.T


def recolored_picture(photo: UInt8, painting: UInt8) -> UInt8:
    """`recolored`, of pictures."""
    return to_uint8(recolored(to_tensor([photo]), to_tensor([painting])))


def painting_itself(photo: UInt8, painting: UInt8) -> UInt8:
    """The painting as large as the photograph, of which nothing is left: all style and no
    content."""
    return to_uint8(_as_large(to_tensor([painting]), photo))


def double_exposure(photo: UInt8, painting: UInt8) -> UInt8:
    """The recoloured photograph with the painting's fine detail laid over it: what cheating looks
    like."""
    x, style = to_tensor([photo]), to_tensor([painting])
    laid = _as_large(style, photo)
    detail = laid - F.avg_pool2d(F.pad(laid, (15, 15, 15, 15), mode="reflect"), 31, 1)
    return to_uint8(recolored(x, style) + 0.7 * detail)


def _as_large(painting: Tensor, photo: UInt8) -> Tensor:
    """A painting (1, 3, h, w) at the size of a photograph, whatever their aspects."""
    return F.interpolate(painting, size=photo.shape[:2], mode="bilinear", antialias=True)


def to_uint8(picture: Tensor) -> UInt8:
    """(1, 3, H, W) in 0..1, clamped to it, to a picture, uint8 (H, W, 3)."""
    return (picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


MethodFunction = Callable[[UInt8], UInt8]


def mean(scores: list[Score]) -> Score:
    """Mean of each figure."""
    return Score(*(float(np.mean([getattr(s, key) for s in scores])) for key in ("C", "S", "J")))
