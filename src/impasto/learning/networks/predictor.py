"""The style predictor: any picture in, the style embedding of a network out, at once.

Ghiasi et al. 2017 predict the scales and shifts of a network from a picture. Theirs reads the
picture by Inception-v3; this one by what the style losses compare, means and covariances of
features, as `lite` sees them. So there is little left to learn, and the predictor is small. A
predictor belongs to one network and is stored in its file.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.learning.losses.objective import STYLE_LAYERS
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.pretrained import LITE_FILE, read_tensors

KEPT = {
    "relu1_1": 16,
    "relu2_1": 24,
    "relu3_1": 32,
    "relu4_1": 32,
}  # principal directions whose covariances are read
MAX_DEVIATIONS = (
    4.0  # deviations: statistics beyond are taken to be there, as nothing was learned of them
)


@dataclass(frozen=True)
class Dimensions:
    """Of a predictor: statistics read by layer, hidden units, and numbers in an embedding."""

    channels: dict[str, int]
    kept: dict[str, int]
    hidden: int
    embedding_size: int

    @property
    def kinds(self) -> list[int]:
        """How many numbers there are of each kind: by layer means, deviations, covariances."""
        return [
            n
            for layer, k in self.kept.items()
            for n in (self.channels[layer], self.channels[layer], k * (k + 1) // 2)
        ]

    @property
    def statistics(self) -> int:
        """How many numbers a picture is read as."""
        return sum(self.kinds)


class StyleStatistics(nn.Module):
    """What a picture looks like, in numbers: (B, 3, H, W), RGB in 0..1, to (B, statistics), about 0
    with deviation 1.

    Of each layer of `lite` the mean of each channel, the logarithm of its deviation, and the
    covariances along principal directions of all pictures, which are those of an average picture
    where they are the identity.
    """

    def __init__(self, perceptual: PerceptualNetwork, dimensions: Dimensions) -> None:
        super().__init__()
        self.perceptual, self.dimensions = perceptual, dimensions
        for layer, kept in dimensions.kept.items():
            self.register_buffer(
                f"directions_{layer}", torch.zeros(dimensions.channels[layer], kept)
            )
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(dimensions.statistics))
        self.register_buffer("deviation", torch.ones(dimensions.statistics))
        self.gain: Tensor
        self.register_buffer("gain", torch.ones(dimensions.statistics))

    def forward(self, picture: Tensor) -> Tensor:
        parts: list[Tensor] = []
        for layer, f in self.perceptual(picture, self.dimensions.kept).items():
            mean, cov = _moments(f)
            parts += self._numbers(layer, mean, cov)
        # bounded before it is divided, which is the same: of a difference that is divided at once
        # OpenVINO makes a product and a sum, and where a channel hardly varies little is left of
        # that
        farthest = MAX_DEVIATIONS * self.deviation
        return (
            (torch.cat(parts, 1) - self.mean).clamp(-farthest, farthest)
            / self.deviation
            * self.gain
        )

    def _numbers(self, layer: str, mean: Tensor, cov: Tensor) -> list[Tensor]:
        directions = getattr(self, f"directions_{layer}")
        along = (
            cov @ directions
        ).mT @ directions  # symmetric, and so without a second, turned copy of them in the graph
        rows, columns = torch.tril_indices(*along.shape[1:])
        entries = along[:, rows, columns]
        # the signed root: covariances are squares, and vary by orders of magnitude between pictures
        return [
            mean,
            (cov.diagonal(dim1=1, dim2=2) + 1e-6).log(),
            entries.sign() * (entries.abs() + 1e-12).sqrt(),
        ]

    def even_gain(self) -> Tensor:
        """Gains (statistics,) by which every kind of statistic of every layer weighs as much as
        another, however many numbers it has. Without them the few that say what colors there are
        drown in covariances, and are learned last.
        """
        kinds = self.dimensions.kinds
        return torch.cat(
            [torch.full((count,), (sum(kinds) / len(kinds) / count) ** 0.5) for count in kinds]
        )

    @torch.no_grad()
    def fit(self, pictures: Iterable[Tensor]) -> None:
        """Set directions, means and deviations by pictures (1, 3, H, W)."""
        kept_layers = self.dimensions.kept
        seen = [
            {layer: _moments(f) for layer, f in self.perceptual(p, kept_layers).items()}
            for p in pictures
        ]
        for layer in self.dimensions.kept:
            cov = torch.stack([each[layer][1][0] for each in seen]).mean(0).double()
            values, vectors = torch.linalg.eigh(cov)
            kept = self.dimensions.kept[layer]
            scaled = vectors[:, -kept:] / (values[-kept:].clamp_min(1e-9)).sqrt()
            getattr(self, f"directions_{layer}").copy_(scaled)
        numbers = torch.cat(
            [
                torch.cat([n for layer, m in each.items() for n in self._numbers(layer, *m)], 1)
                for each in seen
            ]
        )
        self.mean.copy_(numbers.mean(0))
        self.deviation.copy_(numbers.std(0).clamp_min(1e-4))


def _moments(f: Tensor) -> tuple[Tensor, Tensor]:
    """`losses.moments` in operations that an exporter knows."""
    f = f.flatten(2)
    mean = f.mean(2)
    centred = f - mean[:, :, None]
    return mean, centred @ centred.transpose(1, 2) / f.shape[2]


class StylePredictor(nn.Module):
    """A picture to a style embedding: (B, 3, H, W), RGB in 0..1, to (B, embedding_size).

    Args:
        perceptual: the network that reads pictures; it is not trained.
        dimensions: see `Dimensions`.
        start: (embedding_size,), what is predicted of any picture before training.
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
        return self.from_statistics(self.statistics(picture))

    @torch.no_grad()
    def balance(self) -> None:
        """Give the statistics even gains, and predict as before: for predictors that were made
        without."""
        gain = self.statistics.even_gain().to(self.inner.weight)
        self.inner.weight *= self.statistics.gain / gain
        self.statistics.gain.copy_(gain)

    @torch.no_grad()
    def widened(self, size: int) -> "StylePredictor":
        """This predictor for embeddings of more numbers, whose last ones it predicts as 0."""
        wider = StylePredictor(
            self.statistics.perceptual, replace(self.dimensions, embedding_size=size)
        )
        state = self.state_dict()
        for name in ("outer.weight", "outer.bias"):
            more = state[name].new_zeros(size - len(state[name]), *state[name].shape[1:])
            state[name] = torch.cat([state[name], more])
        wider.load_state_dict(state)
        return wider

    def from_statistics(self, statistics: Tensor) -> Tensor:
        """The half that learns: (B, statistics) to (B, embedding_size)."""
        x = F.relu(self.inner(statistics))
        return self.outer(x + F.relu(self.middle(x)))


HIDDEN = 128  # units


def new_predictor(start: Tensor, pictures: Iterable[Tensor], hidden: int) -> StylePredictor:
    """A predictor that has learned nothing yet, for embeddings like `start` (embedding_size,);
    `pictures` (1, 3, H, W) say what is usual among pictures.
    """
    lite = PerceptualNetwork(
        "lite",
        {k: v.float() for k, v in read_tensors(LITE_FILE).items() if k.startswith("features.")},
    )
    channels = {layer: getattr(lite, f"w{lite.layers[layer]}").shape[0] for layer in STYLE_LAYERS}
    predictor = StylePredictor(lite, Dimensions(channels, KEPT, hidden, start.numel()), start)
    predictor.statistics.fit(pictures)
    predictor.statistics.gain.copy_(predictor.statistics.even_gain())
    return predictor
