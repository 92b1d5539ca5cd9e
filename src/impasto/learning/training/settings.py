"""Settings of a training run."""

from dataclasses import dataclass, field

from impasto.errors import TrainingError
from impasto.learning.losses.objective import LossWeights

# until this fraction of a run, crops of this part of the full size: many cheap steps teach the
# rough manner
CURRICULUM = ((0.25, 0.5), (0.65, 0.625), (1.0, 1.0))


@dataclass(frozen=True)
class TrainingSettings:
    """How to train. Give `steps` (then a resumed run ends in the same weights) or `minutes`."""

    steps: int | None = None
    minutes: float | None = None
    batch: int = 4
    crop: int = 256  # pixels, of the largest crops
    curriculum: tuple[tuple[float, float], ...] = CURRICULUM
    learning_rate: float = 4e-3  # peak, of the network
    embedding_rate: float = 1.5e-2  # peak, of embeddings: each meets only some of the steps
    predictor_rate: float = (
        2e-4  # peak, of the style predictor, whose many inputs make every step a large one
    )
    predicted: float = (
        0.5  # of a batch, painted in styles predicted from `art`, where there is some
    )
    alone: float = 0.25  # of the pictures in the gallery's styles, painted as they are predicted
    warmup: float = 0.02  # of the run
    ema: float = 0.995  # decay of the running mean of weights, shorter at the start
    clip: float = 1.0  # largest norm of a step's gradient
    weights: LossWeights = field(default_factory=LossWeights)
    even_content: bool = (
        True  # a content error that costs more where it is gathered in a few places
    )
    seed: int = 0
    whole_network: bool = True  # False: only embeddings learn

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise TrainingError("say how long to train: --steps or --minutes, one of them")

    @property
    def is_long(self) -> bool:
        """Whether the run takes longer than what makes its steps quicker."""
        return self.steps >= 3000 if self.steps else bool(self.minutes and self.minutes >= 4)


@dataclass(frozen=True)
class TrainingProgress:
    """Where a run stands: one record feeds the bar, the log and TensorBoard."""

    step: int
    fraction: float  # of the run, 0..1
    seconds: float  # trained so far, resumed runs included
    terms: dict[str, float]  # each term, running mean over about 50 steps
    total: float
    unit: str = "step"

    @property
    def seconds_left(self) -> float:
        return self.seconds / max(self.fraction, 1e-6) * (1 - self.fraction)
