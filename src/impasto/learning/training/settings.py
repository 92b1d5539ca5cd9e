"""Settings of a training run."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from impasto.errors import TrainingError, check_number
from impasto.learning.losses.objective import LossWeights
from impasto.models.network import MULTIPLE

# (until this fraction of a run, crops of this part of the full size): many cheap steps teach how
# the style looks as a whole
CURRICULUM = ((0.25, 0.5), (0.65, 0.625), (1.0, 1.0))
MIN_MINUTES = 1e-6  # for each network; a run of less has no steps
MIN_CROP = 64  # pixels
LONG_RUN_STEPS, LONG_RUN_MINUTES = 3000, 4  # from here on compiling for a GPU pays
WARMUP_STEPS, MIN_WARMUP = 20, 0.05  # steps; share of the peak that the learning rate starts at


@dataclass(frozen=True)
class TrainingSettings:
    """Settings that decide what a run learns, and how fast.

    Attributes:
        steps: length of the run; a resumed run then ends in the same weights bit for bit. Give
            either `steps` or `minutes`.
        minutes: length of the run by the clock.
        batch: photographs a step.
        crop: side of the largest crops, in pixels.
        curriculum: pairs (until this fraction of the run, part of `crop` that crops have).
        learning_rate: peak, of the network.
        embedding_rate: peak, of embeddings. It is higher, as each meets only some of the steps.
        predictor_rate: peak, of the style predictor. It is lower, as the many inputs of the
            predictor make every step a large one.
        predicted: share of a batch that is painted in styles predicted from `art`, if there is any.
        alone: share of the gallery's styles that are painted as they are predicted.
        warmup: share of a run by the clock in which learning rates rise.
        ema: decay of the running mean of weights; it is shorter at the start.
        clip: largest norm of a step's gradient.
        weights: weights of the loss terms.
        even_content: whether a content error costs more where it is gathered in a few places.
        seed: seed of everything random.
        whole_network: whether the network learns too; otherwise only embeddings learn.

    Raises:
        TrainingError: the length is missing, or given twice.
        ArgumentError: the length is no positive number.
    """

    steps: int | None = None
    minutes: float | None = None
    batch: int = 4
    crop: int = 256
    curriculum: tuple[tuple[float, float], ...] = CURRICULUM
    learning_rate: float = 4e-3
    embedding_rate: float = 1.5e-2
    predictor_rate: float = 2e-4
    predicted: float = 0.5
    alone: float = 0.25
    warmup: float = 0.02
    ema: float = 0.995
    clip: float = 1.0
    weights: LossWeights = field(default_factory=LossWeights)
    even_content: bool = True
    seed: int = 0
    whole_network: bool = True

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            length = "no length" if self.steps is None else "both --steps and --minutes"
            raise TrainingError(f"cannot train with {length}; give --steps or --minutes")
        if self.steps is not None:
            check_number("steps", self.steps, "1 or more", 1, whole=True)
        if self.minutes is not None:
            check_number("minutes", self.minutes, "a number above 0", MIN_MINUTES)

    @property
    def is_long(self) -> bool:
        """Tell whether the run takes longer than compiling it for a GPU."""
        if self.steps:
            return self.steps >= LONG_RUN_STEPS
        return bool(self.minutes and self.minutes >= LONG_RUN_MINUTES)

    def fraction(self, step: int, seconds: float) -> float:
        """Compute the fraction of the run that is done, 0..1."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        return min(1.0, seconds / (60 * self.minutes)) if self.minutes else 1.0

    def crop_size(self, fraction: float) -> int:
        """Look up the side of crops at this fraction of the run, in pixels."""
        part = next(part for until, part in self.curriculum if fraction <= until)
        return max(MIN_CROP, round(self.crop * part / MULTIPLE) * MULTIPLE)

    def rate(self, step: int, fraction: float) -> float:
        """Compute the learning rate over its peak: a short warm-up, then half a cosine to zero."""
        warm = min(
            1.0,
            (step + 1) / WARMUP_STEPS,
            fraction / self.warmup if self.minutes else 1.0,
        )
        return max(warm, MIN_WARMUP) * 0.5 * (1 + math.cos(math.pi * fraction))


# Peaks for an embedding of a trained network. Crops have the full size from the start, as small
# ones undo what the prediction knows.
TUNED: dict[str, Any] = {
    "embedding_rate": 3e-2,
    "learning_rate": 1e-3,
    "curriculum": ((1.0, 1.0),),
}
# Of a gallery that goes on. Its first crops are larger than those of a fresh one, as its network
# can already paint.
CONTINUED: dict[str, Any] = {
    "embedding_rate": 8e-3,
    "learning_rate": 2e-3,
    "curriculum": ((0.3, 0.6), (0.6, 0.8), (1.0, 1.0)),
}
EMBEDDING_RATE_FACTOR = 4  # of embeddings, over a learning rate that the user gives


def learning_rates(
    learning_rate: float | None, kind: Literal["fresh", "continued", "tuned"]
) -> dict[str, Any]:
    """Choose learning rates and crop sizes for a kind of run.

    Args:
        learning_rate: peak for the network, in place of the usual one; embeddings take four times
            as much.
        kind: "fresh" for a gallery from nothing, "continued" for one that goes on, "tuned" for a
            style of a network that is already trained.

    Returns:
        Keywords of `TrainingSettings`.
    """
    kinds: dict[str, dict[str, Any]] = {"fresh": {}, "continued": CONTINUED, "tuned": TUNED}
    rates = dict(kinds[kind])
    if learning_rate is not None:
        rates["learning_rate"] = learning_rate
        rates["embedding_rate"] = EMBEDDING_RATE_FACTOR * learning_rate
    return rates
