"""Scores of stylized pictures: the canonical objective, flaws, and the measures of other papers.

The photograph and the style picture are resized to 512 pixels on the short side. The methods paint
that photograph, and the 8-bit picture that a user gets is scored. C is the content error, S is the
style error, and J = C + 5 S; see `impasto.learning.losses.objective`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.errors import PictureError
from impasto.images.image import UInt8
from impasto.images.reading import read
from impasto.images.resize import resize_short_side
from impasto.learning.evaluation import flaws, metrics
from impasto.learning.evaluation.lpips import SqueezeNet
from impasto.learning.evaluation.measures import Measure
from impasto.learning.evaluation.metrics import ADAIN_CONTENT_LAYER, ADAIN_LAYERS, CFSD_LAYER
from impasto.learning.losses.objective import ContentTarget, Objective, StyleTarget
from impasto.learning.networks.perceptual import PerceptualNetwork, tensors_hash
from impasto.learning.tensors import best_device, to_tensor

SHORT_SIDE = 512  # pixels, of photographs and style pictures alike
MAX_CONTENT_TARGETS = 64  # kept in memory, about 12 MB each

# Identity of the Oxford network. torchvision's network of the same name, which is downloaded where
# there is no other, was trained separately.
CANONICAL = "vgg19-bd795e622a801079"
FLAWS: frozenset[Measure] = frozenset({"repetition", "residue", "halo", "palette"})
PIXEL_MEASURES: frozenset[Measure] = FLAWS | {"ssim"}  # they take no network
Values = dict[str, Any]


@dataclass(frozen=True)
class Score:
    """Content error C, style error S, and J = C + 5 S; lower is better."""

    C: float
    S: float
    J: float


class ObjectiveScorer:
    """Scores pictures by the canonical objective.

    The targets of photographs and style pictures are computed once and kept.

    Args:
        perceptual: The Oxford VGG-19 for canonical figures. Its `identity` belongs beside every
            figure.
        short: Short side of photographs and style pictures in pixels; 512 for canonical figures.
    """

    def __init__(self, perceptual: PerceptualNetwork, short: int = SHORT_SIDE) -> None:
        self.device = best_device()
        self.objective, self.short = Objective(perceptual.to(self.device)), short
        self._contents: dict[Path, ContentTarget] = {}
        self._styles: dict[Path, StyleTarget] = {}

    def __repr__(self) -> str:
        return f"ObjectiveScorer({self.objective.perceptual.identity}, short={self.short})"

    def tensor(self, picture: UInt8) -> Tensor:
        """Convert a picture (H, W, 3) to a tensor (1, 3, H, W) in 0..1 on the scorer's device."""
        return to_tensor([picture]).to(self.device)

    def content(self, photo: Path) -> ContentTarget:
        """Compute the target of the content term for a photograph, or take the kept one."""
        if photo not in self._contents:
            if len(self._contents) == MAX_CONTENT_TARGETS:
                self._contents.pop(next(iter(self._contents)))
            picture = self.tensor(load_picture(photo, self.short))
            self._contents[photo] = self.objective.content_target(picture)
        return self._contents[photo]

    def style(self, painting: Path) -> StyleTarget:
        """Compute the target of the style term for a style picture, or take the kept one."""
        if painting not in self._styles:
            picture = self.tensor(load_picture(painting, self.short))
            self._styles[painting] = self.objective.style_target(picture)
        return self._styles[painting]

    @torch.no_grad()
    def score(self, picture: UInt8, photo: Path, painting: Path) -> Score:
        """Score a picture made from `load_picture(photo)` in the style of `painting`.

        Args:
            picture: The stylized photograph, uint8 (H, W, 3).
            photo: File of the photograph.
            painting: File of the style picture.
        """
        terms = self.objective.terms(
            self.tensor(picture), self.content(photo), self.style(painting)
        )
        total = self.objective.total(terms)
        return Score(terms["content"].item(), terms["style"].item(), total.item())


@dataclass(frozen=True)
class Pair:
    """A photograph to paint and the style picture, both resized to one short side in pixels."""

    photo: Path
    painting: Path
    short: int

    @property
    def name(self) -> str:
        """Join the stems of both files, `photo.painting`, as file names have them."""
        return f"{self.photo.stem}.{self.painting.stem}"

    @cached_property
    def photo_pixels(self) -> UInt8:
        """Read the photograph that is painted, uint8 (H, W, 3)."""
        return load_picture(self.photo, self.short)

    @cached_property
    def painting_pixels(self) -> UInt8:
        """Read the style picture, uint8 (H, W, 3)."""
        return load_picture(self.painting, self.short)


class MeasureScorer:
    """Takes several measures of pictures.

    Values of a photograph and of a style picture are computed once. Measures that use the same
    features of a picture share them.

    Args:
        canonical: Scorer of the canonical objective. AdaIN's measures and CFSD use its perceptual
            network too.
        measures: Measures to take.
        squeezenet: Network of LPIPS, where that is among the measures.
        heads: Heads of LPIPS; see `impasto.learning.evaluation.metrics.lpips`.
    """

    def __init__(
        self,
        canonical: ObjectiveScorer,
        measures: Sequence[Measure],
        squeezenet: SqueezeNet | None = None,
        heads: Sequence[Tensor] | None = None,
    ) -> None:
        self.canonical, self.measures = canonical, measures
        self.squeezenet, self.heads = squeezenet, heads
        self.perceptual = canonical.objective.perceptual
        self._features: tuple[Path | None, dict[str, Tensor]] = (None, {})
        self._squeezed: tuple[Path | None, list[Tensor]] = (None, [])
        self._moments: dict[Path, dict[str, Tensor]] = {}
        self._repetitions: dict[Path, float] = {}

    def __repr__(self) -> str:
        return f"MeasureScorer({', '.join(self.measures)})"

    def network_of(self, measure: Measure) -> str:
        """Name the network behind a measure: figures of another network do not compare."""
        if measure in PIXEL_MEASURES:
            return "pixels"
        if measure == "lpips":
            assert self.squeezenet is not None
            if self.heads is None:
                return f"{self.squeezenet.identity}, no heads"
            named = {f"lin{layer}": head for layer, head in enumerate(self.heads)}
            return f"{self.squeezenet.identity}, heads {tensors_hash(named)}"
        return f"{self.perceptual.identity} {str(self.perceptual.dtype).removeprefix('torch.')}"

    @torch.no_grad()
    def score(
        self, picture: UInt8, pair: Pair, measures: Sequence[Measure]
    ) -> dict[Measure, Values]:
        """Take some measures of one picture.

        Args:
            picture: The stylized photograph, uint8 (H, W, 3).
            pair: Its photograph and style picture.
            measures: Measures to take, among those of this scorer.

        Returns:
            Values by column name, for each measure.

        Raises:
            PictureError: The picture has another size than the photograph.
        """
        self._check_size(picture, pair)
        scores: dict[Measure, Values] = {}
        if "canonical" in measures:
            scores["canonical"] = asdict(self.canonical.score(picture, pair.photo, pair.painting))
        scores |= {
            measure: self._flaws(measure, picture, pair) for measure in measures if measure in FLAWS
        }
        if "adain" in measures or "cfsd" in measures:
            features = self.perceptual(self.canonical.tensor(picture), ADAIN_LAYERS)
            if "adain" in measures:
                scores["adain"] = self._adain(features, pair)
            if "cfsd" in measures:
                photo = self._photo_features(pair)[CFSD_LAYER]
                scores["cfsd"] = {"CFSD": metrics.cfsd(features[CFSD_LAYER], photo)}
        if "ssim" in measures:
            scores["ssim"] = {"SSIM": metrics.ssim(picture, pair.photo_pixels)}
        if "lpips" in measures:
            scores["lpips"] = self._lpips(picture, pair)
        return scores

    def _check_size(self, picture: UInt8, pair: Pair) -> None:
        if picture.shape != pair.photo_pixels.shape:
            shapes = picture.shape, pair.photo_pixels.shape
            sizes = [f"{width}x{height}" for height, width, _ in shapes]
            raise PictureError(
                f"cannot score a picture of {sizes[0]} pixels: the photograph {pair.photo} has "
                f"{sizes[1]}; paint it in that size"
            )

    def _flaws(self, measure: Measure, picture: UInt8, pair: Pair) -> Values:
        """Take one measure of `impasto.learning.evaluation.flaws`."""
        if measure == "palette":
            return {"palette": flaws.palette_distance(picture, pair.painting_pixels)}
        if measure == "halo":
            return {"halo": flaws.halo(picture, pair.photo_pixels)}
        if measure == "residue":
            left = flaws.residue(picture, pair.photo_pixels)
            return {
                "residue detailed": left.detailed,
                "residue flat": left.flat,
                "evenness": left.evenness,
            }
        sky = flaws.find_sky(pair.photo_pixels)
        return {
            "repetition sky": None if sky is None else flaws.repetition(picture, sky),
            "repetition style": self._painting_repetition(pair),
        }

    def _painting_repetition(self, pair: Pair) -> float:
        if pair.painting not in self._repetitions:
            self._repetitions[pair.painting] = flaws.repetition(pair.painting_pixels)
        return self._repetitions[pair.painting]

    def _adain(self, features: dict[str, Tensor], pair: Pair) -> Values:
        photo = self._photo_features(pair)[ADAIN_CONTENT_LAYER]
        return {
            "AdaIN content": metrics.adain_content(features[ADAIN_CONTENT_LAYER], photo),
            "AdaIN style": metrics.adain_style(features, self._painting_moments(pair)),
        }

    def _lpips(self, picture: UInt8, pair: Pair) -> Values:
        """Take LPIPS; without its heads it has another name."""
        assert self.squeezenet is not None
        if self._squeezed[0] != pair.photo:
            self._squeezed = pair.photo, self.squeezenet(to_tensor([pair.photo_pixels]))
        features = self.squeezenet(to_tensor([picture]))
        name = "LPIPS-style (no heads)" if self.heads is None else "LPIPS"
        return {name: metrics.lpips(features, self._squeezed[1], self.heads)}

    def _photo_features(self, pair: Pair) -> dict[str, Tensor]:
        if self._features[0] != pair.photo:
            photo = self.canonical.tensor(pair.photo_pixels)
            self._features = (
                pair.photo,
                self.perceptual(photo, [CFSD_LAYER, ADAIN_CONTENT_LAYER]),
            )
        return self._features[1]

    def _painting_moments(self, pair: Pair) -> dict[str, Tensor]:
        if pair.painting not in self._moments:
            painting = self.canonical.tensor(pair.painting_pixels)
            self._moments[pair.painting] = {
                layer: metrics.mean_and_deviation(features)
                for layer, features in self.perceptual(painting, ADAIN_LAYERS).items()
            }
        return self._moments[pair.painting]


def load_picture(path: Path, short: int = SHORT_SIDE) -> UInt8:
    """Read a picture and resize it to a short side in pixels: uint8 (H, W, 3)."""
    return resize_short_side(read(path).opaque(), short)


def to_uint8(picture: Tensor) -> UInt8:
    """Convert (1, 3, H, W), clamped to 0..1, to a picture, uint8 (H, W, 3)."""
    return (picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
