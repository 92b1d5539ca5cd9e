"""Progress of long work: one record that feeds bars, logs and callers alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Advance = Callable[[float], None]
"""Called with the fraction of work done since the last call; the fractions sum to 1."""


@dataclass(frozen=True)
class Progress:
    """Where long work stands.

    Attributes:
        fraction: done so far, 0..1.
        seconds: spent so far; a resumed run counts from its first start.
        name: the file, the scale or the style in work.
        step: steps done: training steps, iterations, frames or files.
        steps: of how many, where that is known.
        unit: noun for one step: "step", "iteration", "frame", "file".
        losses: value of each loss term, by name; empty where nothing is learned.
        loss: weighted sum of the terms, where something is learned.
    """

    fraction: float
    seconds: float
    name: str = ""
    step: int = 0
    steps: int | None = None
    unit: str = "step"
    losses: Mapping[str, float] = field(default_factory=dict)
    loss: float | None = None

    @property
    def seconds_left(self) -> float:
        """Estimate the seconds that are left, at the pace so far."""
        return self.seconds / max(self.fraction, 1e-6) * (1 - self.fraction)


OnProgress = Callable[[Progress], None]
