"""Batches of training: crops, styles, and the targets of the losses."""

from collections.abc import Callable

import pytest
import torch

from impasto.learning.tensors import to_tensor
from impasto.learning.training.batches import StepBatch
from impasto.learning.training.trainer import Trainer
from learning.runs import state_of, train
from learning.tiny import (
    Textures,
    texture,
    tiny_trainer,
)


def next_batch(trainer: Trainer) -> StepBatch:
    """Make the batch of the next step."""
    return trainer.batches.make(trainer.step, trainer.settings.crop_size(trainer.fraction))


def test_crops_grow_to_the_size_asked_for() -> None:
    trainer = tiny_trainer(steps=100, crop=192)
    sizes = []
    for trainer.step in range(100):
        sizes.append(next_batch(trainer).photos.shape[-1])
    assert sizes[0] == 96
    assert sizes[50] == 128  # 0.625 of it, in multiples of 16
    assert sizes[-1] == 192
    assert sizes == sorted(sizes)
    assert all(size % 16 == 0 for size in sizes)


def test_more_styles_than_a_batch_has_pictures() -> None:
    trainer = tiny_trainer([texture(seed) for seed in range(5)], steps=30)
    before = trainer.embeddings.detach().clone()
    train(trainer, 12)
    assert (trainer.embeddings != before).any(1).all()


def test_content_targets_do_not_depend_on_what_came_before() -> None:
    trainer, fresh = tiny_trainer(), tiny_trainer()
    photo = to_tensor([Textures().crop(3, 64)])
    trainer.batches.content_targets.target(1, to_tensor([Textures().crop(1, 64)])[0][None])
    for _ in range(2):  # computed, then kept
        got = trainer.batches.content_targets.target(3, photo)
        assert torch.equal(got.features, fresh.batches.content_targets.target(3, photo).features)


def test_a_batch_has_gallery_styles_and_predicted_ones(predicting: Callable[..., Trainer]) -> None:
    """Half and half; predicted embeddings are the predictor's own, of views that the targets belong
    to."""
    trainer = predicting(alone=0.0)
    batch = next_batch(trainer)
    embeddings, styles = batch.embeddings, batch.styles
    assert len(embeddings) == 4 and len(styles["relu1_1"].moments.mean) == 4
    assert trainer.predictor and trainer.art
    start = trainer.predictor.outer.bias  # nothing is learned yet: all predictions are the start
    torch.testing.assert_close(embeddings[2:], start.expand(2, -1))
    targets = trainer.styles.targets["relu2_1"].moments.mean
    rows = [
        int((targets - styles["relu2_1"].moments.mean[i]).abs().sum(1).argmin()) for i in range(2)
    ]
    full = trainer.averaged()["embeddings"][rows]
    torch.testing.assert_close(embeddings[:2], full, atol=1e-5, rtol=0)
    for i in (2, 3):
        found = [
            trainer.objective.style_target(to_tensor([trainer.art.view(n)]))[
                "relu2_1"
            ].moments.mean[0]
            for n in range(48)
        ]
        assert any(torch.equal(mean, styles["relu2_1"].moments.mean[i]) for mean in found)


def test_styles_alone_are_painted_as_predicted(predicting: Callable[..., Trainer]) -> None:
    trainer = predicting(alone=1.0, predicted=0.0)
    assert trainer.predictor
    embeddings = next_batch(trainer).embeddings
    torch.testing.assert_close(embeddings, trainer.predictor.outer.bias.expand(4, -1))


def test_draws_ahead_and_targets_in_batches_teach_the_same(
    predicting: Callable[..., Trainer],
) -> None:
    """As with a GPU; there targets are rounded otherwise."""
    alone, together = predicting(steps=40), predicting(steps=40)
    together.batches.batched = True
    for trainer in (alone, together):
        train(trainer, 3)
    assert together.progress.losses == pytest.approx(alone.progress.losses, rel=1e-3)
    for name, tensor in state_of(alone).items():
        torch.testing.assert_close(state_of(together)[name], tensor, rtol=0.05, atol=2e-3)
