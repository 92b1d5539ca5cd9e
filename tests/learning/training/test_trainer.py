"""Training: the changes that a step makes, and runs that stop and go on."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from impasto.errors import TrainingError
from impasto.learning.losses.objective import LossWeights
from impasto.learning.training.trainer import Trainer
from impasto.progress import Progress
from learning.runs import assert_equal, state_of, train
from learning.tiny import (
    pictures,
    random_embedding,
    texture,
    tiny_network,
    tiny_perceptual,
    tiny_trainer,
)


def loss(trainer: Trainer) -> float:
    """Of both styles on two pictures, by the weights as they are."""
    photos = pictures(100, 101)
    with torch.no_grad():
        painted = trainer.paint(photos, trainer.embeddings[:2])
        target = trainer.objective.content_target(photos)
        return (
            trainer.objective.total(
                trainer.objective.terms(painted, target, trainer.styles.targets)
            )
            .mean()
            .item()
        )


@pytest.mark.parametrize("whole_network", [True, False])
def test_training_lowers_the_loss(whole_network: bool) -> None:
    trainer = tiny_trainer(steps=30, whole_network=whole_network)
    before = loss(trainer)
    assert loss(train(trainer, 30)) < 0.8 * before


def test_only_embeddings_learn_unless_the_whole_network_does() -> None:
    trainer = tiny_trainer(whole_network=False)
    network = {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}
    embeddings = trainer.embeddings.detach().clone()
    train(trainer, 3)
    assert_equal(network, dict(trainer.network.state_dict()))
    assert (trainer.embeddings != embeddings).any(1).all()
    assert set(trainer.averaged()) == {"embeddings"}


def test_a_run_is_worth_as_much_of_what_it_learned_as_is_trusted() -> None:
    trainer = tiny_trainer(whole_network=False)
    start = trainer.embeddings.detach().cpu().clone()
    train(trainer, 3)
    learned = trainer.averaged()["embeddings"]
    for trust in (0.0, 0.25):
        trainer.update_scale = trust
        torch.testing.assert_close(
            trainer.averaged()["embeddings"], start + trust * (learned - start)
        )


def test_everything_learns_with_the_whole_network() -> None:
    trainer = tiny_trainer()
    before = state_of(trainer)
    train(trainer, 2)
    # biases before a normalization do nothing, so nothing moves them
    still = {name for name, p in trainer.weights.parameters.items() if torch.equal(p, before[name])}
    assert {name for name in still if not name.endswith("bias")} == set()


def test_every_style_learns_its_own_picture() -> None:
    dark, light = (np.clip(texture(1) * 0.3 + level, 0, 255).astype(np.uint8) for level in (0, 170))
    trainer = train(tiny_trainer([dark, light], steps=40, embedding_rate=0.05), 40)
    with torch.no_grad():
        painted = trainer.paint(pictures(5, 5), trainer.embeddings)
    assert painted[0].mean() + 0.1 < painted[1].mean()


def test_total_variation_is_a_term_when_weighted() -> None:
    plain, smooth = tiny_trainer(), tiny_trainer(weights=LossWeights(tv=10.0))
    assert set(train(plain, 1).progress.losses) == {"content", "style"}
    assert set(train(smooth, 1).progress.losses) == {"content", "style", "tv"}
    terms = smooth.progress.losses
    assert smooth.progress.loss == pytest.approx(
        terms["content"] + 5 * terms["style"] + 10 * terms["tv"], rel=1e-4
    )


def flicker(trainer: Trainer) -> float:
    """How much pictures change from one noisy frame to the next, over how much there is in them."""
    photo = pictures(7)
    noise = 0.03 * torch.randn(2, *photo.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        one, other = (
            trainer.paint((photo + each).clamp(0, 1), trainer.embeddings[:1]) for each in noise
        )
    return float((one - other).square().mean() / one.var())


@pytest.mark.slow
def test_strokes_learn_to_stay_where_only_noise_moves() -> None:
    runs = [
        train(tiny_trainer(steps=30, weights=LossWeights(stability=weight)), 30)
        for weight in (0.0, 20.0)
    ]
    assert "stability" not in runs[0].progress.losses
    assert runs[1].progress.losses["stability"] > 0
    plain, steady = map(flicker, runs)
    assert steady < 0.8 * plain


def test_bfloat16() -> None:
    trainer = train(tiny_trainer(perceptual=tiny_perceptual(dtype=torch.bfloat16)), 3)
    assert all(
        p.dtype == torch.float32 and p.isfinite().all() for p in trainer.weights.parameters.values()
    )
    assert trainer.paint(pictures(1), trainer.embeddings[:1]).dtype == torch.float32


def spoil_loss(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    original = trainer.objective.terms
    monkeypatch.setattr(
        trainer.objective,
        "terms",
        lambda *args: {k: v * math.nan if k == "style" else v for k, v in original(*args).items()},
    )


def spoil_gradient(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = trainer.embeddings.register_hook(lambda gradient: gradient * math.inf)
    monkeypatch.setattr(trainer, "_unhook", hook.remove, raising=False)


@pytest.mark.parametrize("spoil", [spoil_loss, spoil_gradient])
def test_a_step_that_is_not_finite_changes_nothing(
    spoil: Callable[[Trainer, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = train(tiny_trainer(), 3)
    before, progress = state_of(trainer), trainer.progress
    with monkeypatch.context() as patched:
        spoil(trainer, patched)
        with pytest.raises(TrainingError, match=r"step 3 .*not finite .*--learning-rate"):
            trainer.train_step()
        assert_equal(before, state_of(trainer))
        assert trainer.progress == progress
        getattr(trainer, "_unhook", lambda: None)()
    assert_equal(state_of(train(trainer, 3)), state_of(train(tiny_trainer(), 6)))


def test_weights_that_are_not_finite_are_noticed() -> None:
    trainer = tiny_trainer()
    with torch.no_grad():
        trainer.embeddings[0, 3] = math.inf
    before = state_of(trainer)
    with pytest.raises(TrainingError, match="not finite"):
        trainer.train_step()
    assert_equal(before, state_of(trainer))


def test_progress() -> None:
    trainer = tiny_trainer(steps=8)
    assert trainer.progress.fraction == 0
    assert trainer.progress.loss is None
    train(trainer, 2)
    progress = trainer.progress
    assert (progress.step, progress.fraction) == (2, 0.25)
    assert progress.loss == pytest.approx(
        progress.losses["content"] + 5 * progress.losses["style"], rel=1e-4
    )
    assert progress.seconds_left == pytest.approx(3 * progress.seconds)
    assert Progress(0.0, 0.0).seconds_left == 0


@pytest.mark.parametrize("whole_network", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_resumed_run_ends_in_the_same_weights(
    whole_network: bool, dtype: torch.dtype, tmp_path: Path
) -> None:
    def fresh() -> Trainer:
        return tiny_trainer(
            perceptual=tiny_perceptual(dtype=dtype), whole_network=whole_network, crop=128
        )

    straight = train(fresh(), 6)
    first = train(fresh(), 3)
    first.history = "3 steps before"
    first.save(tmp_path / "run")
    resumed = fresh()
    resumed.load(tmp_path / "run")
    assert resumed.history == "3 steps before"
    assert resumed.progress == first.progress
    assert_equal(state_of(resumed), state_of(first))
    train(resumed, 3)
    assert_equal(state_of(resumed), state_of(straight))
    assert resumed.progress.losses == straight.progress.losses


def test_saving_changes_nothing_and_leaves_two_files(tmp_path: Path) -> None:
    trainer = tiny_trainer()
    for _ in range(3):
        trainer.train_step()
        trainer.save(tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.before"]
    assert_equal(state_of(trainer), state_of(train(tiny_trainer(), 3)))


def test_a_checkpoint_before_the_first_step(tmp_path: Path) -> None:
    tiny_trainer().save(tmp_path / "run")
    resumed = tiny_trainer()
    resumed.load(tmp_path / "run")
    assert_equal(state_of(train(resumed, 2)), state_of(train(tiny_trainer(), 2)))


def spoiled(name: str, path: Path) -> None:
    """Put something else in the place of a checkpoint."""
    styles = [texture(seed) for seed in range(3)]
    others: dict[str, Callable[[], object]] = {
        "cut": lambda: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        "empty": lambda: path.write_bytes(b""),
        "text": lambda: path.write_text("no checkpoint"),
        "missing": path.unlink,
        "embeddings only": lambda: train(tiny_trainer(whole_network=False), 1).save(path),
        "one style": lambda: train(tiny_trainer(styles[:1]), 1).save(path),  # which would broadcast
        "three styles": lambda: train(tiny_trainer(styles), 1).save(path),
    }
    others[name]()


@pytest.mark.parametrize(
    "name", ["cut", "empty", "text", "missing", "embeddings only", "one style", "three styles"]
)
def test_a_checkpoint_that_does_not_fit(name: str, tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    train(tiny_trainer(), 1).save(path)
    spoiled(name, path)
    trainer = tiny_trainer()
    before = state_of(trainer)
    with pytest.raises(
        TrainingError, match=rf"{path} is not a checkpoint of this run: .*--overwrite"
    ):
        trainer.load(path)
    assert_equal(before, state_of(trainer))


@pytest.mark.parametrize(
    "change", [{"batch": 1}, {"crop": 64}, {"seed": 9}, {"weights": LossWeights(style=2.0)}]
)
def test_a_run_goes_on_under_its_own_settings(change: dict[str, Any], tmp_path: Path) -> None:
    """Anything else would end in weights that no command gives again."""
    path = tmp_path / "run"
    train(tiny_trainer(crop=128), 1).save(path)
    (name,) = change
    with pytest.raises(TrainingError, match=f"it was started with {name} "):
        tiny_trainer(**{"crop": 128, **change}).load(path)


def test_a_run_goes_on_for_longer(tmp_path: Path) -> None:
    train(tiny_trainer(steps=2), 2).save(tmp_path / "run")
    longer = tiny_trainer(steps=4)
    longer.load(tmp_path / "run")
    assert longer.fraction == 0.5


def test_a_run_goes_on_with_its_own_pictures_and_perceptual_network(tmp_path: Path) -> None:
    train(tiny_trainer(), 1).save(tmp_path / "run")
    other = tiny_trainer(perceptual=tiny_perceptual(dtype=torch.bfloat16))
    other.load(tmp_path / "run")  # the same weights in another precision
    other.content.description = "others"
    with pytest.raises(TrainingError, match="it was started with content textures"):
        other.load(tmp_path / "run")


def test_a_checkpoint_of_a_whole_network_is_none_of_embeddings(tmp_path: Path) -> None:
    train(tiny_trainer(), 1).save(tmp_path / "run")
    with pytest.raises(TrainingError, match="whole_network True"):
        tiny_trainer(whole_network=False).load(tmp_path / "run")


def test_styles_start_where_they_were_whatever_is_predicted(
    predicting: Callable[..., Trainer],
) -> None:
    trainer = predicting()
    network = tiny_network()
    for row, embedding in enumerate(trainer.averaged()["embeddings"]):
        torch.testing.assert_close(embedding, random_embedding(network, row), atol=1e-5, rtol=0)


def test_asking_what_a_run_is_worth_changes_nothing(predicting: Callable[..., Trainer]) -> None:
    trainer = train(predicting(), 2)
    before, first = state_of(trainer), trainer.averaged()
    assert_equal(first, trainer.averaged())
    assert_equal(before, state_of(trainer))


def test_predictor_network_and_styles_all_learn(predicting: Callable[..., Trainer]) -> None:
    trainer = predicting(steps=40)
    before = state_of(trainer)
    train(trainer, 4)
    after = state_of(trainer)
    for name in (
        "embeddings",
        "network.down1.weight",
        "predictor.inner.weight",
        "predictor.outer.weight",
    ):
        assert not torch.equal(before[name], after[name]), name
    assert trainer.predictor
    assert not any(p.requires_grad for p in trainer.predictor.statistics.parameters())


def test_a_run_with_a_predictor_goes_on_bit_for_bit(
    predicting: Callable[..., Trainer], tmp_path: Path
) -> None:
    whole = train(predicting(), 6)
    first = train(predicting(), 3)
    first.save(tmp_path / "run")
    second = predicting()
    second.load(tmp_path / "run")
    assert_equal(state_of(train(second, 3)), state_of(whole))
