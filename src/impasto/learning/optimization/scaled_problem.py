"""A photograph, its styles and its mask, brought to each scale of an optimization."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.images.image import UInt8
from impasto.images.resize import resize_short_side
from impasto.inference.masks import Float32
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.optimization.picture_objective import PictureObjective
from impasto.learning.optimization.settings import OptimizationSettings
from impasto.learning.optimization.style_pictures import MIN_STYLE_SIDE, StylePicture
from impasto.learning.optimization.targets import WeightedStyle, read_style
from impasto.learning.tensors import to_tensor

# share of the painting in a painted start, the rest being the photograph: then less of the
# photograph has to be found again
PAINTED_SHARE = 0.5
MAX_UNTILED_PIXELS = 1 << 20  # pixels of a picture that is passed in one go by default
TILE_SIDE = 768  # pixels, side of the tiles of a larger one
# mirrored pixels around the picture while it is optimized. Perceptual networks see black beyond
# the edges, and pixels near an edge are painted against it.
MARGIN = 16


class ScaledProblem:
    """What an optimization starts from and compares with, at each scale.

    Args:
        photo: uint8 RGB (H, W, 3), as large as the painting.
        styles: the pictures that are followed.
        settings: of the run.
        paint: paints the start from a photograph of any size, where the start is painted.
        mask: where to paint, (H, W) in 0..1; outside stays the photograph.
        device: on which tensors are.
    """

    def __init__(
        self,
        photo: UInt8,
        styles: Sequence[StylePicture],
        settings: OptimizationSettings,
        paint: Callable[[UInt8], UInt8] | None,
        mask: Float32 | None,
        device: torch.device,
    ) -> None:
        self.photo, self.styles, self.settings = photo, styles, settings
        self.paint, self.mask, self.device = paint, mask, device

    def objective(self, scale: int, perceptual: PerceptualNetwork) -> PictureObjective:
        """Make the objective of a scale, as a perceptual network sees it."""
        settings, short = self.settings, self.settings.scales[scale]
        photo = add_margin(self.tensor(resize_short_side(self.photo, short)))
        ratio = short / settings.scales[-1]
        styles = [self._style(style, photo, ratio, perceptual) for style in self.styles]
        side = self._tile_side(photo)
        return PictureObjective(perceptual, settings.terms, photo, styles, side, settings.seed)

    def _style(
        self, style: StylePicture, photo: Tensor, ratio: float, perceptual: PerceptualNetwork
    ) -> WeightedStyle:
        """Bring a style to the size that goes with a scale, and measure it."""
        short = min(style.picture.shape[:2])
        side = max(min(short, MIN_STYLE_SIDE), round(ratio * short))
        # with a margin too: a photograph that is its style has no style error
        picture = add_margin(self.tensor(resize_short_side(style.picture, side)))
        targets = read_style(perceptual, self.settings.terms, picture, self._tile_side(picture))
        mask = None if style.mask is None else self.resize_mask(style.mask, photo)
        return WeightedStyle(targets, style.weight, mask)

    def _tile_side(self, picture: Tensor) -> int | None:
        """Choose the side of tiles; None where a picture is passed in one go."""
        if self.settings.tile is None:
            return TILE_SIDE if picture.shape[2] * picture.shape[3] > MAX_UNTILED_PIXELS else None
        return self.settings.tile or None

    def start(self) -> Tensor:
        """Make the picture that the coarsest scale starts from, (1, 3, h, w) with its margin."""
        photo = resize_short_side(self.photo, self.settings.scales[0])
        if self.settings.start == "noise":
            generator = np.random.default_rng(self.settings.seed)
            photo = generator.integers(0, 256, photo.shape, np.uint8)
        start = self.tensor(photo)
        if self.settings.start == "painted" and self.paint:
            start = start.lerp(self.tensor(self.paint(photo)), PAINTED_SHARE)
        return add_margin(start)

    def resize(self, picture: Tensor, scale: int) -> Tensor:
        """Bring a picture (1, 3, h, w) with its margin to the size of a scale, and its margin."""
        return add_margin(self._inside(picture, scale))

    def _inside(self, picture: Tensor, scale: int) -> Tensor:
        """Bring a picture with its margin to the size of a scale, without a margin."""
        height, width = resize_short_side(self.photo, self.settings.scales[scale]).shape[:2]
        picture = picture[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
        if picture.shape[2:] == (height, width):
            return picture
        return F.interpolate(picture, size=(height, width), mode="bicubic").clamp(0, 1)

    def resize_mask(self, mask: Float32, photo: Tensor) -> Tensor:
        """Bring a mask, (H, W), to a photograph (1, 3, h, w) with its margin: (h, w)."""
        height, width = photo.shape[2:]
        return add_margin(self._mask_at(mask, height - 2 * MARGIN, width - 2 * MARGIN))[0, 0]

    def _mask_at(self, mask: Float32, height: int, width: int) -> Tensor:
        tensor = torch.from_numpy(mask)[None, None].to(self.device)
        return F.interpolate(tensor, size=(height, width), mode="bilinear", antialias=True)

    def tensor(self, picture: UInt8) -> Tensor:
        """Make a tensor (1, 3, H, W) in 0..1 of uint8 RGB (H, W, 3)."""
        return to_tensor([picture]).to(self.device)

    def paste(self, picture: Tensor) -> UInt8:
        """Make the painting, uint8 RGB (H, W, 3), of a picture at any scale with its margin."""
        picture = self._inside(picture, len(self.settings.scales) - 1)
        if self.mask is not None:
            photo = self.tensor(self.photo)
            picture = photo.lerp(picture, self._mask_at(self.mask, *photo.shape[2:]))
        return (picture[0] * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def add_margin(picture: Tensor) -> Tensor:
    """Mirror the `MARGIN` pixels inside each edge of a picture (1, C, h, w) beyond that edge."""
    for dim in (2, 3):
        # indices, as PyTorch's padding refuses pictures that are smaller than the margin
        mirrored = np.pad(np.arange(picture.shape[dim]), MARGIN, mode="reflect")
        picture = picture.index_select(dim, torch.from_numpy(mirrored).to(picture.device))
    return picture
