"""The style predictor: any picture in, the style embedding of a network out, at once.

Ghiasi et al. 2017 predict the scales and shifts of a network from a picture. Theirs sees the
picture by Inception-v3; this one by the statistics that the style losses compare: means and
covariances of features of `lite`. So there is little left to learn, and the predictor is small. A
predictor belongs to one network and is stored in its file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.learning.losses.objective import STYLE_LAYERS
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.pretrained import LITE_FILE, read_tensors

# principal directions, by layer, between which covariances are taken
DIRECTIONS = {"relu1_1": 16, "relu2_1": 24, "relu3_1": 32, "relu4_1": 32}
# deviations from the mean: statistics beyond are clamped, as nothing was learned of them
MAX_DEVIATIONS = 4.0
HIDDEN = 128  # units of a hidden layer
MIN_VARIANCE = 1e-6  # of a channel, added before the logarithm
MIN_COVARIANCE = 1e-12  # added before the root, so that its derivative is finite
MIN_EIGENVALUE = 1e-9  # of the mean covariance
MIN_DEVIATION = 1e-4  # of a statistic over pictures


@dataclass(frozen=True)
class Dimensions:
    """Dimensions of a predictor; its file stores them under these names.

    Attributes:
        channels: of `lite`, by layer.
        kept: principal directions between which covariances are taken, by layer.
        hidden: units of a hidden layer.
        embedding_size: numbers in an embedding.
    """

    channels: dict[str, int]
    kept: dict[str, int]
    hidden: int
    embedding_size: int

    @property
    def kinds(self) -> list[int]:
        """Count the numbers of each kind: means, deviations and covariances, layer by layer."""
        return [
            n
            for layer, k in self.kept.items()
            for n in (self.channels[layer], self.channels[layer], k * (k + 1) // 2)
        ]

    @property
    def statistics(self) -> int:
        """Count the numbers that describe a picture."""
        return sum(self.kinds)


class StyleStatistics(nn.Module):
    """The statistics by which a predictor sees a picture, about 0 with deviation 1.

    For each layer of `lite` they are the mean of each channel, the logarithm of its variance, and
    covariances along principal directions of all pictures, in which the covariance of an average
    picture is the identity.

    Args:
        perceptual: `lite`.
        dimensions: see `Dimensions`.
    """

    def __init__(self, perceptual: PerceptualNetwork, dimensions: Dimensions) -> None:
        super().__init__()
        self.perceptual, self.dimensions = perceptual, dimensions
        for layer, count in dimensions.kept.items():
            directions = torch.zeros(dimensions.channels[layer], count)
            self.register_buffer(f"directions_{layer}", directions)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(dimensions.statistics))
        self.register_buffer("deviation", torch.ones(dimensions.statistics))
        self.gain: Tensor
        self.register_buffer("gain", torch.ones(dimensions.statistics))

    def forward(self, picture: Tensor) -> Tensor:
        """Describe pictures (B, 3, H, W), RGB in 0..1, by numbers (B, statistics)."""
        parts: list[Tensor] = []
        for layer, f in self.perceptual(picture, self.dimensions.kept).items():
            mean, cov = _moments(f)
            parts += self._numbers(layer, mean, cov)
        # Clamped before it is divided, which is the same. OpenVINO makes a product and a sum of a
        # difference that is divided at once, which is inexact where a channel hardly varies.
        limit = MAX_DEVIATIONS * self.deviation
        return (torch.cat(parts, 1) - self.mean).clamp(-limit, limit) / self.deviation * self.gain

    def _numbers(self, layer: str, mean: Tensor, cov: Tensor) -> list[Tensor]:
        directions = getattr(self, f"directions_{layer}")
        # written so as it is symmetric: the graph then needs no second, transposed copy of them
        projected = (cov @ directions).mT @ directions
        rows, columns = torch.tril_indices(*projected.shape[1:])
        entries = projected[:, rows, columns]
        # the signed root: covariances are squares, and vary by orders of magnitude between pictures
        return [
            mean,
            (cov.diagonal(dim1=1, dim2=2) + MIN_VARIANCE).log(),
            entries.sign() * (entries.abs() + MIN_COVARIANCE).sqrt(),
        ]

    def even_gain(self) -> Tensor:
        """Compute gains (statistics,) by which every kind of statistic weighs the same.

        Kinds have different numbers of entries. Without gains, the few that describe colors drown
        in covariances, and are learned last.
        """
        kinds = self.dimensions.kinds
        mean = sum(kinds) / len(kinds)
        return torch.cat([torch.full((count,), (mean / count) ** 0.5) for count in kinds])

    @torch.no_grad()
    def fit(self, pictures: Iterable[Tensor]) -> None:
        """Set directions, means and deviations by usual pictures (1, 3, H, W), RGB in 0..1."""
        counts = self.dimensions.kept
        moments = [
            {layer: _moments(f) for layer, f in self.perceptual(picture, counts).items()}
            for picture in pictures
        ]
        for layer, count in counts.items():
            cov = torch.stack([by_layer[layer][1][0] for by_layer in moments]).mean(0).double()
            values, vectors = torch.linalg.eigh(cov)
            scaled = vectors[:, -count:] / values[-count:].clamp_min(MIN_EIGENVALUE).sqrt()
            getattr(self, f"directions_{layer}").copy_(scaled)
        numbers = torch.cat([self._described(by_layer) for by_layer in moments])
        self.mean.copy_(numbers.mean(0))
        self.deviation.copy_(numbers.std(0).clamp_min(MIN_DEVIATION))

    def _described(self, moments: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        parts = [
            part
            for layer, (mean, cov) in moments.items()
            for part in self._numbers(layer, mean, cov)
        ]
        return torch.cat(parts, 1)


def _moments(f: Tensor) -> tuple[Tensor, Tensor]:
    """Compute `statistics.moments` by operations that an exporter knows."""
    f = f.flatten(2)
    mean = f.mean(2)
    centered = f - mean[:, :, None]
    return mean, centered @ centered.transpose(1, 2) / f.shape[2]


class StylePredictor(nn.Module):
    """A network that predicts the style embedding of a picture.

    Args:
        perceptual: the network that sees pictures, `lite`; it is not trained.
        dimensions: see `Dimensions`.
        start: (embedding_size,), the embedding predicted for any picture before training.
    """

    def __init__(
        self, perceptual: PerceptualNetwork, dimensions: Dimensions, start: Tensor | None = None
    ) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.statistics = StyleStatistics(perceptual, dimensions).requires_grad_(False)
        hidden = dimensions.hidden
        self.inner, self.middle = (
            nn.Linear(dimensions.statistics, hidden),
            nn.Linear(hidden, hidden),
        )
        self.outer = nn.Linear(hidden, dimensions.embedding_size)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)
        if start is not None:
            self.outer.bias.data.copy_(start)

    def forward(self, picture: Tensor) -> Tensor:
        """Predict embeddings (B, embedding_size) of pictures (B, 3, H, W), RGB in 0..1."""
        return self.from_statistics(self.statistics(picture))

    @torch.no_grad()
    def balance(self) -> None:
        """Give the statistics even gains, and predict as before.

        Predictors of older files were made without gains.
        """
        gain = self.statistics.even_gain().to(self.inner.weight)
        self.inner.weight *= self.statistics.gain / gain
        self.statistics.gain.copy_(gain)

    @torch.no_grad()
    def widened(self, size: int) -> "StylePredictor":
        """Copy this predictor for longer embeddings, whose last numbers it predicts as 0."""
        wider = StylePredictor(
            self.statistics.perceptual, replace(self.dimensions, embedding_size=size)
        )
        state = self.state_dict()
        for name in ("outer.weight", "outer.bias"):
            zeros = state[name].new_zeros(size - len(state[name]), *state[name].shape[1:])
            state[name] = torch.cat([state[name], zeros])
        wider.load_state_dict(state)
        return wider

    def from_statistics(self, statistics: Tensor) -> Tensor:
        """Predict embeddings (B, embedding_size) from `statistics`: the half that learns."""
        x = F.relu(self.inner(statistics))
        return self.outer(x + F.relu(self.middle(x)))


def new_predictor(start: Tensor, pictures: Iterable[Tensor], hidden: int) -> StylePredictor:
    """Make a predictor that has learned nothing yet.

    Args:
        start: (embedding_size,), the embedding that it predicts for any picture.
        pictures: (1, 3, H, W), RGB in 0..1, from which it takes the usual statistics.
        hidden: units of a hidden layer.
    """
    tensors = read_tensors(LITE_FILE)
    convolutions = {k: v.float() for k, v in tensors.items() if k.startswith("features.")}
    lite = PerceptualNetwork("lite", convolutions)
    channels = {layer: getattr(lite, f"w{lite.layers[layer]}").shape[0] for layer in STYLE_LAYERS}
    dimensions = Dimensions(channels, DIRECTIONS, hidden, start.numel())
    predictor = StylePredictor(lite, dimensions, start)
    predictor.statistics.fit(pictures)
    predictor.statistics.gain.copy_(predictor.statistics.even_gain())
    return predictor
