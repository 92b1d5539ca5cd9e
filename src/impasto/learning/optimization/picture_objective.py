"""The objective of one picture and its gradient, tile by tile, so that memory hardly grows with the
picture.

What the losses compare are means over positions, of features and of their products (Galerne et al.
2023). So a first pass adds these up over tiles, without gradients; the derivative of the losses
with respect to them is taken once; and a second pass takes it back to the pixels of each tile.
Tiles overlap by what a feature sees, so that the result is that of the whole, to rounding. A
picture that is one tile is passed once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.learning.losses.objective import (
    MIN_CONTENT_SQUARE,
    STYLE_LAYERS,
    STYLE_WEIGHT,
    ContentTarget,
)
from impasto.learning.losses.statistics import (
    Moments,
    match_sorted,
    normalize,
    quantiles,
    random_directions,
    silence_floor,
)
from impasto.learning.losses.terms import moment_loss, total_variation_loss, wasserstein_loss
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.optimization.feature_tiles import (
    CONTENT,
    FeatureTile,
    FeatureTiles,
    rows_of,
    sampled,
)

StyleLoss = Literal["gram", "wasserstein", "sliced"]
DISTANCES = {"gram": moment_loss, "wasserstein": wasserstein_loss}
HISTOGRAM_LAYERS = "relu1_1", "relu4_1"  # Risser et al. 2017, section 4.2
DIRECTIONS = 64  # of a sliced Wasserstein distance at a layer


@dataclass(frozen=True)
class OptimizationTerms:
    """What a picture is optimized for; the defaults are the canonical objective, J = C + 5 S.

    Attributes:
        content, style, tv, histogram: weights.
        style_loss: what S is the mean of over layers: `moment_loss` ("gram"), `wasserstein_loss`,
            or "sliced", the squared Wasserstein distance of features along random directions (Heitz
            et al. 2021), over their mean square.
        layers: weights of layers in that mean.
    """

    content: float = 1.0
    style: float = STYLE_WEIGHT
    tv: float = 0.0
    histogram: float = 0.0
    style_loss: StyleLoss = "gram"
    layers: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(STYLE_LAYERS, 1.0))

    @property
    def transports(self) -> dict[str, dict[str, float]]:
        """Of the terms that compare values in order, the weights of their layers, which sum to
        1."""
        kinds = {"style": self.shares if self.style_loss == "sliced" else {}}
        if self.histogram:
            kinds["histogram"] = dict.fromkeys(HISTOGRAM_LAYERS, 1 / len(HISTOGRAM_LAYERS))
        return kinds

    @property
    def shares(self) -> dict[str, float]:
        """Weights of layers in S, which sum to 1; without those that have none."""
        total = sum(self.layers.values())
        return {layer: weight / total for layer, weight in self.layers.items() if weight}


class MomentSums:
    """Mean and covariance of features over positions that come in parts (Chan et al. 1983)."""

    def __init__(self) -> None:
        self.count = 0.0
        self.mean = self.spread = torch.zeros(())

    def add(self, f: Tensor, weight: Tensor | None) -> None:
        """Positions (n, C), with their weights (n, 1) if they have any."""
        count = float(len(f) if weight is None else weight.sum())
        if not count:
            return
        f = f.float()
        mean = (f.sum(0) if weight is None else (weight * f).sum(0)) / count
        centred = f - mean
        spread = (centred if weight is None else weight * centred).T @ centred
        way = mean.double() - self.mean
        self.spread = (
            self.spread
            + spread.double()
            + way[:, None] * way * (self.count * count / (self.count + count))
        )
        self.mean = self.mean + way * (count / (self.count + count))
        self.count += count

    @property
    def moments(self) -> Moments:
        """Mean (1, C) and covariance (1, C, C), float64."""
        return Moments(self.mean[None], self.spread[None] / (self.count or 1.0))


class StyleReading(NamedTuple):
    """What the style terms compare with at a layer: moments as `Perceptual.read_moments` gives
    them, and features (m, C)."""

    moments: Moments
    sample: Tensor


def read_style(
    perceptual: PerceptualNetwork,
    terms: OptimizationTerms,
    picture: Tensor,
    side: int | None = None,
) -> dict[str, StyleReading]:
    """A style picture (1, 3, h, w), RGB in 0..1, as the style terms of an objective need it, read
    in tiles of `side` pixels."""
    tiles = FeatureTiles(perceptual, picture.shape[2], picture.shape[3], side)
    transported = {layer for weights in terms.transports.values() for layer in weights}
    sums = {layer: MomentSums() for layer in STYLE_LAYERS}
    samples: dict[str, list[Tensor]] = {layer: [torch.zeros(0)] for layer in STYLE_LAYERS}
    for tile, features in tiles.read(picture):
        for layer in STYLE_LAYERS:
            sums[layer].add(rows_of(features[layer]), None)
            if layer in transported:
                samples[layer].append(rows_of(sampled(features[layer], tiles, layer, tile)).float())
    return {
        layer: StyleReading(
            _as_read(perceptual, layer, sums[layer].moments),
            torch.cat(samples[layer][1:] or samples[layer]),
        )
        for layer in STYLE_LAYERS
    }


def read_content(tiles: FeatureTiles, photo: Tensor) -> ContentTarget:
    """The target of the content term for a photograph (1, 3, H, W), as `Objective.content_target`
    has it."""
    stride = tiles.strides[CONTENT]
    whole = torch.zeros(0)
    for tile, features in tiles.read(photo):
        f = features[CONTENT]
        if not whole.numel():
            whole = f.new_zeros(1, f.shape[1], tiles.height // stride, tiles.width // stride)
        tile.part(whole, stride).copy_(f)
    floor = silence_floor(whole)
    return ContentTarget(normalize(whole, floor), floor)


def _as_read(perceptual: PerceptualNetwork, layer: str, moments: Moments) -> Moments:
    return Moments(*perceptual.read_moments(layer, moments.mean, moments.cov))


class WeightedStyle(NamedTuple):
    """One of the styles of a picture: how it was read, its weight, and where it is, (H, W) in 0..1,
    if not everywhere."""

    style: Mapping[str, StyleReading]
    weight: float = 1.0
    mask: Tensor | None = None


class PictureObjective:
    """The weighted terms of a picture and their gradient.

    With the default terms and one style that is everywhere, J as `Objective` has it.

    Args:
        perceptual: what compares.
        terms: what counts.
        photo: (1, 3, H, W), RGB in 0..1, whose content is kept.
        styles: whose manner is taken. Their weights sum to 1.
        side: of tiles, pixels; None: the picture is passed in one go.
        seed: of what is drawn at random.
    """

    def __init__(
        self,
        perceptual: PerceptualNetwork,
        terms: OptimizationTerms,
        photo: Tensor,
        styles: Sequence[WeightedStyle],
        side: int | None = None,
        seed: int = 0,
    ) -> None:
        self.perceptual, self.terms, self.photo, self.styles, self.seed = (
            perceptual,
            terms,
            photo,
            styles,
            seed,
        )
        used = {
            layer for weights in (terms.shares, *terms.transports.values()) for layer in weights
        }
        self.tiles = FeatureTiles(
            perceptual,
            photo.shape[2],
            photo.shape[3],
            side,
            [layer for layer in STYLE_LAYERS if layer in used],
        )
        self.content = read_content(self.tiles, photo)
        masks = list({id(share.mask): share.mask for share in styles}.values())
        self.places = [self._place(mask) for mask in masks]  # where moments are taken
        self.place_of = [
            next(i for i, mask in enumerate(masks) if mask is share.mask) for share in styles
        ]
        self.draw(0)

    def _place(self, mask: Tensor | None) -> dict[str, Tensor] | None:
        """A mask at the positions of each layer."""
        if mask is None:
            return None
        return {
            layer: F.avg_pool2d(mask[None, None], self.tiles.strides[layer])
            for layer in self.tiles.layers
        }

    def draw(self, number: int) -> None:
        """Draw directions, and which positions are sampled, anew."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        self.offset = int(torch.randint(1 << 16, (), generator=generator))
        self._directions: dict[tuple[str, str], Tensor | None] = {}
        self._ordered: dict[tuple[str, str, int], Tensor] = {}  # values of the styles along them
        for kind, weights in self.terms.transports.items():
            for layer in weights:
                directions = None if kind == "histogram" else self._drawn(layer, generator)
                self._directions[kind, layer] = directions

    def _drawn(self, layer: str, generator: torch.Generator) -> Tensor:
        """Directions (C, K) of features as they are, that are random ones of those that
        `Perceptual.read` makes of them."""
        perceptual = self.perceptual
        if layer in perceptual.readouts:
            weight: Tensor = getattr(perceptual, f"readout_{layer}_weight")
            return weight.T @ random_directions(len(weight), DIRECTIONS, generator)
        return random_directions(self.styles[0].style[layer].sample.shape[1], DIRECTIONS, generator)

    def __call__(self, picture: Tensor) -> tuple[dict[str, float], Tensor]:
        """Terms by name with their weighted sum as "total", and its gradient, of a picture (1, 3,
        H, W)."""
        whole = len(self.tiles.tiles) == 1
        gradient, passed = torch.zeros_like(picture), _Passed(self)
        for tile in self.tiles.tiles:
            window = tile.seen(picture).detach().requires_grad_(whole)
            with torch.set_grad_enabled(whole):
                features = self.tiles.features(window, tile)
            passed.add(tile, features)
        terms = passed.derive()
        for number, tile in enumerate(self.tiles.tiles):
            if not whole:
                window = tile.seen(picture).detach().requires_grad_(True)
                features = self.tiles.features(window, tile)
            torch.autograd.backward(list(features.values()), passed.pulls(number, tile, features))
            assert window.grad is not None
            seen = tile.seen(gradient)
            seen += window.grad
        if self.terms.tv:
            free = picture.detach().requires_grad_(True)
            tv = total_variation_loss(free, self.photo).sum()
            (self.terms.tv * tv).backward()
            terms["tv"] = tv.item()
            assert free.grad is not None
            gradient += free.grad
        weights = self.terms
        return terms | {
            "total": sum(getattr(weights, name) * value for name, value in terms.items())
        }, gradient


class _Passed:
    """What passes over the tiles of a picture gather, and the derivative of its terms with respect
    to that."""

    def __init__(self, of: PictureObjective) -> None:
        self.of, self.terms = of, of.terms
        layers = self.terms.shares if self.terms.style_loss in DISTANCES else {}
        self.sums = {
            (layer, place): MomentSums() for layer in layers for place in range(len(of.places))
        }
        self.content = torch.zeros(
            3, 1, dtype=torch.float64
        )  # of each channel f: sums of f, f f and f t, with the target t
        self.samples: dict[str, list[Tensor]] = {
            layer: [] for weights in self.terms.transports.values() for layer in weights
        }
        self.inside: dict[tuple[str, int], list[Tensor]] = {
            (layer, place): [] for layer in self.samples for place in range(len(of.places))
        }  # which of the sampled positions are in a place
        stride = of.tiles.strides[CONTENT]
        self.target = of.content.features.unflatten(
            2, (of.tiles.height // stride, of.tiles.width // stride)
        )
        self.count = self.target[0, 0].numel()

    def add(self, tile: FeatureTile, features: Mapping[str, Tensor]) -> None:
        """First pass: the features inside a tile."""
        for (layer, place), sums in self.sums.items():
            weight = self._weight(tile, layer, place)
            sums.add(rows_of(features[layer].detach()), None if weight is None else rows_of(weight))
        for layer, parts in self.samples.items():
            parts.append(rows_of(self._sampled(features[layer].detach(), layer, tile)).float())
            for place in range(len(self.of.places)):
                weight = self._weight(tile, layer, place)
                inside = (
                    torch.ones(len(parts[-1]), dtype=torch.bool)
                    if weight is None
                    else rows_of(self._sampled(weight, layer, tile))[:, 0] >= 0.5
                )
                self.inside[layer, place].append(inside)
        f, t = rows_of(features[CONTENT].detach()).double(), self._wanted(tile).double()
        self.content = self.content + torch.stack([f.sum(0), f.square().sum(0), (f * t).sum(0)])

    def _weight(self, tile: FeatureTile, layer: str, place: int) -> Tensor | None:
        where = self.of.places[place]
        return None if where is None else tile.part(where[layer], self.of.tiles.strides[layer])

    def _sampled(self, f: Tensor, layer: str, tile: FeatureTile) -> Tensor:
        return sampled(f, self.of.tiles, layer, tile, self.of.offset)

    def _wanted(self, tile: FeatureTile) -> Tensor:
        return rows_of(tile.part(self.target, self.of.tiles.strides[CONTENT]))

    def derive(self) -> dict[str, float]:
        """Terms, once all tiles are added."""
        moments = {
            key: Moments(*(part.requires_grad_(True) for part in sums.moments))
            for key, sums in self.sums.items()
        }
        means = (self.content / self.count).requires_grad_(True)
        content = self._content(means)
        style = torch.zeros(())
        for (layer, place), each in moments.items():
            read = _as_read(self.of.perceptual, layer, each)
            for share, its_place in zip(self.of.styles, self.of.place_of, strict=True):
                if its_place == place:
                    error = DISTANCES[self.terms.style_loss](read, share.style[layer].moments).sum()
                    style = style + share.weight * self.terms.shares[layer] * error
        leaves = [means, *(part for each in moments.values() for part in each)]
        found = iter(
            torch.autograd.grad(
                self.terms.content * content + self.terms.style * style, leaves, allow_unused=True
            )
        )
        self.of_content = next(found)
        self.of_moments = {key: (next(found), next(found)) for key in moments}
        terms = {"content": content.item(), "style": style.item()}
        self.of_samples = {
            layer: torch.zeros_like(torch.cat(parts)) for layer, parts in self.samples.items()
        }
        for kind, weights in self.terms.transports.items():
            if weights:
                terms[kind] = sum(
                    weight * self._transport(kind, layer, weight)
                    for layer, weight in weights.items()
                )
        return terms

    def _content(self, means: Tensor) -> Tensor:
        """`relative_error` of normalized features: a mean over positions of (f - mean)^2 / s^2 - 2
        (f - mean) t / s + t^2."""
        floor, target = self.of.content.floor.double().flatten(), self.target.double()
        mean, square, product = means
        variance = square - mean.square()
        scale = (variance.clamp_min(0) + 1e-12).sqrt() + floor
        both = product - mean * target.mean((0, 2, 3))
        power = target.square().mean()
        return ((variance / scale.square() - 2 * both / scale).mean() + power) / power.clamp_min(
            MIN_CONTENT_SQUARE
        )

    def _transport(self, kind: str, layer: str, share_of_layer: float) -> float:
        """A layer's squared Wasserstein distance along directions; adds its derivative to
        `of_samples`."""
        of, directions = self.of, self.of._directions[kind, layer]
        weight = getattr(self.terms, kind) * share_of_layer
        features, error = torch.cat(self.samples[layer]), 0.0
        for number, (share, place) in enumerate(zip(of.styles, of.place_of, strict=True)):
            inside = torch.cat(self.inside[layer, place])
            values = features[inside] if directions is None else features[inside] @ directions
            if (kind, layer, number) not in of._ordered:
                sample = share.style[layer].sample
                of._ordered[kind, layer, number] = quantiles(
                    sample if directions is None else sample @ directions, len(values)
                )
            ordered = of._ordered[kind, layer, number]
            way = values - match_sorted(values, ordered)
            power = ordered.square().mean().clamp_min(1e-12)
            error += share.weight * (way.square().mean() / power).item()
            pull = (2 * weight * share.weight / (way.numel() * power)) * way
            self.of_samples[layer][inside] += pull if directions is None else pull @ directions.T
        return error

    def pulls(self, number: int, tile: FeatureTile, features: Mapping[str, Tensor]) -> list[Tensor]:
        """Second pass: the derivative of the total with respect to the features inside the tile of
        this number."""
        pulled = []
        for name, f in features.items():
            rows = rows_of(f.detach()).float()
            if name == CONTENT:
                first, square, product = (self.of_content / self.count).float()
                pull = first + 2 * square * rows + product * self._wanted(tile)
            else:
                pull = torch.zeros_like(rows)
                for place in range(len(self.of.places)):
                    if (name, place) in self.sums:
                        pull += self._of_place(rows, name, place, self._weight(tile, name, place))
            back = pull.unflatten(0, f.shape[2:]).permute(2, 0, 1)[None]
            if name in self.samples:
                counts = [len(part) for part in self.samples[name]]
                sampled = self._sampled(back, name, tile)
                sampled += (
                    self.of_samples[name]
                    .split(counts)[number]
                    .unflatten(0, sampled.shape[2:])
                    .permute(2, 0, 1)
                )
            pulled.append(back.to(f.dtype))
        return pulled

    def _of_place(self, rows: Tensor, layer: str, place: int, weight: Tensor | None) -> Tensor:
        """Of moments: (f - mean) (G + G^T) / n + g / n, for derivatives g by the mean and G by the
        covariance."""
        sums, (by_mean, by_cov) = self.sums[layer, place], self.of_moments[layer, place]
        both = (by_cov[0] + by_cov[0].T) / sums.count
        pull = torch.addmm((by_mean[0] / sums.count - sums.mean @ both).float(), rows, both.float())
        return pull if weight is None else rows_of(weight) * pull
