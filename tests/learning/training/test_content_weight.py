"""The weight of the content term, and compressed errors."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from impasto.learning.losses.objective import LossWeights
from impasto.learning.training.content_weight import CONTENT_LIMIT_SHARE, log_compress
from impasto.learning.training.trainer import Trainer
from learning.runs import train
from learning.tiny import (
    pictures,
    texture,
    tiny_trainer,
)


@given(st.floats(0, 50))
@hypothesis_settings(deadline=None)
def test_tempered_errors(error: float) -> None:
    """As they are up to 1; beyond they grow as a logarithm, without a step or a kink."""
    value = torch.tensor(error, dtype=torch.float64, requires_grad=True)
    found = log_compress(value)
    found.backward()
    assert found.item() == pytest.approx(error if error <= 1 else 1 + math.log(error))
    assert value.grad is not None and value.grad.item() == pytest.approx(
        1 if error <= 1 else 1 / error
    )


def content_error(trainer: Trainer) -> float:
    photos = pictures(*range(100, 106))
    with torch.no_grad():
        painted = trainer.paint(photos, trainer.embeddings[:1].expand(6, -1))
        target = trainer.objective.content_target(photos)
        styles = {
            layer: style.rows(torch.zeros(6, dtype=torch.long))
            for layer, style in trainer.styles.targets.items()
        }
        return (
            log_compress(trainer.objective.terms(painted, target, styles)["content"]).mean().item()
        )


@pytest.mark.slow
def test_content_is_held_where_it_was() -> None:
    """A style weight that would give up the subject does not, once the content is held."""
    ends = {}
    for held in (False, True):
        options: dict[str, Any] = {
            "weights": LossWeights(0.05, 30.0),
            "embedding_rate": 0.05,
            "learning_rate": 0.01,
        }
        trainer = tiny_trainer([texture(1)], steps=120, batch=4, **options)
        start = content_error(trainer)
        if held:
            trainer.limit_content_loss(6)
            assert trainer.content_weight.limit == pytest.approx(
                CONTENT_LIMIT_SHARE * start, rel=0.01
            )
        ends[held] = content_error(train(trainer, 120)) / start
    assert ends[True] < ends[False] and ends[True] < 1.1


def test_the_price_of_content_rises_above_the_ceiling_and_falls_back_below() -> None:
    trainer = tiny_trainer(steps=20)
    trainer.content_weight.limit = 1e-6
    train(trainer, 2)
    assert trainer.content_weight.scale > 1
    trainer.content_weight.limit, high = 1e6, trainer.content_weight.scale
    train(trainer, 1)
    assert trainer.content_weight.scale < high
    train(trainer, 10)
    assert trainer.content_weight.scale == 1
