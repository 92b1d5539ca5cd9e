"""Settings of runs: their length, learning rates and kinds."""

from typing import Any

import numpy as np
import pytest

from impasto.errors import TrainingError
from impasto.learning.training.settings import TrainingSettings, learning_rates
from impasto.learning.training.trainer import Trainer
from learning.tiny import (
    tiny_trainer,
)


def test_pace() -> None:
    for kind in ("fresh", "continued", "tuned"):
        chosen = TrainingSettings(steps=1, **learning_rates(2e-3, kind))
        assert (chosen.learning_rate, chosen.embedding_rate) == (2e-3, 8e-3), "the one given"
    fresh, continued, tuned = (
        TrainingSettings(steps=1, **learning_rates(None, kind))
        for kind in ("fresh", "continued", "tuned")
    )
    assert fresh == TrainingSettings(steps=1)
    assert tuned.learning_rate < continued.learning_rate < fresh.learning_rate
    assert continued.curriculum[0][1] > fresh.curriculum[0][1], (
        "what goes on does not start from the smallest crops again"
    )


def rates_of(trainer: Trainer, steps: int) -> np.ndarray:
    """(steps, 2): of embeddings and network."""
    rates = []
    for _ in range(steps):
        trainer.train_step()
        rates.append(
            [optimizer.param_groups[0]["lr"] for optimizer in trainer.weights.optimizers[:2]]
        )
    return np.array(rates)


def test_learning_rate_begins_small_peaks_and_ends_at_0() -> None:
    rates = rates_of(tiny_trainer(steps=60, learning_rate=1e-3, embedding_rate=5e-3), 60)
    np.testing.assert_allclose(rates[:, 0], 5 * rates[:, 1])
    network = rates[:, 1] / 1e-3
    assert network[0] <= 0.05
    assert 0.7 < network.max() <= 1
    top = int(network.argmax())
    assert (np.diff(network[: top + 1]) > 0).all() and (np.diff(network[top:]) < 0).all()
    assert network[-1] < 0.002


def test_a_run_by_the_clock_ends_by_the_clock() -> None:
    trainer = tiny_trainer(steps=None, minutes=10.0)
    first = rates_of(trainer, 1)[0, 1]
    assert first <= 0.05 * trainer.settings.learning_rate
    trainer.seconds = 300.0
    assert trainer.fraction == 0.5
    assert trainer.progress.seconds_left == pytest.approx(300)
    trainer.seconds = 599.9999
    assert rates_of(trainer, 1)[0, 1] < 1e-5 * trainer.settings.learning_rate
    assert trainer.fraction == 1


@pytest.mark.parametrize("length", [{}, {"steps": 3, "minutes": 1.0}])
def test_length_of_a_run_is_said_once(length: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="--steps or --minutes"):
        TrainingSettings(**length)


@pytest.mark.parametrize(
    "length, is_long",
    [
        ({"steps": 100}, False),
        ({"steps": 5000}, True),
        ({"minutes": 1.0}, False),
        ({"minutes": 30.0}, True),
    ],
)
def test_what_takes_a_while_to_compile_is_for_long_runs(
    length: dict[str, Any], is_long: bool
) -> None:
    assert TrainingSettings(**length).is_long == is_long
