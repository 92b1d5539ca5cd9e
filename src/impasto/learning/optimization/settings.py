"""Settings of an optimization: its length, scales, start, solver and terms."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from impasto.errors import TrainingError
from impasto.learning.losses.objective import STYLE_LAYERS, STYLE_WEIGHT

Start = Literal["painted", "photo", "noise"]
SolverName = Literal["lbfgs", "adam"]
StyleLoss = Literal["gram", "wasserstein", "sliced"]

# pixels, short side of photographs and styles: on smaller ones the deepest layer has no positions
MIN_SHORT_SIDE = 16
MIN_COARSE_SIDE = 384  # pixels, least short side of a coarser scale that is added by default
HISTOGRAM_LAYERS = "relu1_1", "relu4_1"  # Risser et al. 2017, section 4.2


@dataclass(frozen=True)
class OptimizationTerms:
    """Weights of the loss terms; the defaults are the canonical objective, J = C + 5 S.

    Attributes:
        content: weight of C.
        style: weight of S.
        tv: weight of total variation.
        histogram: weight of the squared Wasserstein distance of each feature's histogram.
        style_loss: the loss that S averages over layers: `moment_loss` ("gram"),
            `wasserstein_loss`, or "sliced", the squared Wasserstein distance of features along
            random directions (Heitz et al. 2021), over their mean square.
        layers: weights of layers in S.
    """

    content: float = 1.0
    style: float = STYLE_WEIGHT
    tv: float = 0.0
    histogram: float = 0.0
    style_loss: StyleLoss = "gram"
    layers: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(STYLE_LAYERS, 1.0))

    @property
    def shares(self) -> dict[str, float]:
        """Compute the weights of layers in S, which sum to 1; layers of weight 0 are left out."""
        total = sum(self.layers.values())
        return {layer: weight / total for layer, weight in self.layers.items() if weight}

    @property
    def transports(self) -> dict[str, dict[str, float]]:
        """Compute the weights of layers in the terms that compare sorted values; they sum to 1."""
        kinds = {"style": self.shares if self.style_loss == "sliced" else {}}
        if self.histogram:
            kinds["histogram"] = dict.fromkeys(HISTOGRAM_LAYERS, 1 / len(HISTOGRAM_LAYERS))
        return kinds


@dataclass(frozen=True)
class OptimizationSettings:
    """Settings of one run. Give either `iterations` or `minutes`.

    Attributes:
        iterations: at each scale; a resumed run then ends in the same picture.
        minutes: in all; each scale gets as many iterations as the others, estimated by pixels.
        scales: short sides, pixels, from coarse to fine; the last is that of the painting.
        start: the start of the coarsest scale: "painted" is half the photograph and half what a
            network paints of it, "photo" the photograph alone, "noise" is noise.
        terms: weights of the loss terms.
        solver: "lbfgs" or "adam".
        learning_rate: of Adam.
        ema: of Adam: decay of a running mean of its pictures; 0: none.
        tile: side of tiles, pixels; 0: none; None: 768 above a megapixel.
        seed: of everything random.
    """

    iterations: int | None = None
    minutes: float | None = None
    scales: tuple[int, ...] = (512,)
    start: Start = "painted"
    terms: OptimizationTerms = field(default_factory=OptimizationTerms)
    solver: SolverName = "lbfgs"
    learning_rate: float = 0.03
    ema: float = 0.0
    tile: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.iterations is None) == (self.minutes is None):
            raise TrainingError(
                "cannot optimize: the length is missing or given twice; give either --iterations "
                "or --minutes"
            )


def scales_to(short: int) -> tuple[int, ...]:
    """Choose short sides from coarse to fine that end in `short`, each half the next.

    The coarsest is at least `MIN_COARSE_SIDE` pixels, unless `short` is less itself.
    """
    halvings = int(math.log2(max(1.0, short / MIN_COARSE_SIDE)))
    return tuple(round(short / 2**i) for i in range(halvings, -1, -1))
