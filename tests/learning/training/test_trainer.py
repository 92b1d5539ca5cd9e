"""Training: what a step changes and what it leaves alone, and runs that stop and go on."""

import math
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from impasto.errors import TrainingError
from impasto.learning.losses.objective import LossWeights
from impasto.learning.tensors import best_dtype, to_tensor
from impasto.learning.training.settings import TrainingProgress, TrainingSettings
from impasto.learning.training.trainer import CONTENT_LIMIT_SHARE, Trainer, log_compress
from learning.killable import STEPS
from learning.tiny import (
    Textures,
    pictures,
    random_embedding,
    texture,
    tiny_network,
    tiny_perceptual,
    tiny_predicting_trainer,
    tiny_trainer,
)


def state(trainer: Trainer) -> dict[str, Tensor]:
    """Everything that a run goes on from."""
    tensors = {name: p.detach().clone() for name, p in trainer.parameters.items()}
    tensors |= {f"average.{name}": tensor.clone() for name, tensor in trainer.averages.items()}
    for optimizer in trainer.optimizers:
        for number, kept in optimizer.state_dict()["state"].items():
            tensors |= {
                f"{type(optimizer).__name__}.{number}.{key}": value.clone()
                for key, value in kept.items()
            }
    return tensors


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    """Bit for bit."""
    assert one.keys() == other.keys()
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert not different


def train(trainer: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        trainer.train_step()
    return trainer


def loss(trainer: Trainer) -> float:
    """Of both styles on two pictures, by the weights as they are."""
    photos = pictures(100, 101)
    with torch.no_grad():
        painted = trainer.paint(photos, trainer.embeddings[:2])
        target = trainer.objective.content_target(photos)
        return (
            trainer.objective.total(trainer.objective.terms(painted, target, trainer.style_targets))
            .mean()
            .item()
        )


# --- a step
# -------------------------------------------------------------------------------------------------------------


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
        trainer.trust = trust
        torch.testing.assert_close(
            trainer.averaged()["embeddings"], start + trust * (learned - start)
        )


def test_everything_learns_with_the_whole_network() -> None:
    trainer = tiny_trainer()
    before = state(trainer)
    train(trainer, 2)
    # biases before a normalization do nothing, so nothing moves them
    still = {name for name, p in trainer.parameters.items() if torch.equal(p, before[name])}
    assert {name for name in still if not name.endswith("bias")} == set()


def test_every_style_learns_its_own_picture() -> None:
    dark, light = (np.clip(texture(1) * 0.3 + level, 0, 255).astype(np.uint8) for level in (0, 170))
    trainer = train(tiny_trainer([dark, light], steps=40, embedding_rate=0.05), 40)
    with torch.no_grad():
        painted = trainer.paint(pictures(5, 5), trainer.embeddings)
    assert painted[0].mean() + 0.1 < painted[1].mean()


def test_total_variation_is_a_term_when_weighted() -> None:
    plain, smooth = tiny_trainer(), tiny_trainer(weights=LossWeights(tv=10.0))
    assert set(train(plain, 1).progress.terms) == {"content", "style"}
    assert set(train(smooth, 1).progress.terms) == {"content", "style", "tv"}
    terms = smooth.progress.terms
    assert smooth.progress.total == pytest.approx(
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


def test_strokes_learn_to_stay_where_only_noise_moves() -> None:
    runs = [
        train(tiny_trainer(steps=30, weights=LossWeights(stability=weight)), 30)
        for weight in (0.0, 20.0)
    ]
    assert "stability" not in runs[0].progress.terms
    assert runs[1].progress.terms["stability"] > 0
    plain, steady = map(flicker, runs)
    assert steady < 0.8 * plain


def test_bfloat16() -> None:
    trainer = train(tiny_trainer(perceptual=tiny_perceptual(dtype=torch.bfloat16)), 3)
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in trainer.parameters.values())
    assert trainer.paint(pictures(1), trainer.embeddings[:1]).dtype == torch.float32


def test_more_styles_than_a_batch_has_pictures() -> None:
    trainer = tiny_trainer([texture(seed) for seed in range(5)], steps=30)
    before = trainer.embeddings.detach().clone()
    train(trainer, 12)
    assert (trainer.embeddings != before).any(1).all()


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
    before, progress = state(trainer), trainer.progress
    with monkeypatch.context() as patched:
        spoil(trainer, patched)
        with pytest.raises(TrainingError, match=r"step 3 .*not finite .*--learning-rate"):
            trainer.train_step()
        assert_equal(before, state(trainer))
        assert trainer.progress == progress
        getattr(trainer, "_unhook", lambda: None)()
    assert_equal(state(train(trainer, 3)), state(train(tiny_trainer(), 6)))


def test_weights_that_are_not_finite_are_noticed() -> None:
    trainer = tiny_trainer()
    with torch.no_grad():
        trainer.embeddings[0, 3] = math.inf
    before = state(trainer)
    with pytest.raises(TrainingError, match="not finite"):
        trainer.train_step()
    assert_equal(before, state(trainer))


# --- schedules and averages
# ---------------------------------------------------------------------------------------------


def test_running_mean_of_weights_by_the_definition() -> None:
    trainer = tiny_trainer(ema=0.3)
    averages = {name: p.detach().clone() for name, p in trainer.parameters.items()}
    for step in range(1, 7):
        trainer.train_step()
        decay = min(0.3, step / (step + 10))
        averages = {
            name: decay * averages[name] + (1 - decay) * p.detach()
            for name, p in trainer.parameters.items()
        }
    for name, tensor in trainer.averaged().items():
        torch.testing.assert_close(tensor, averages[name], rtol=1e-5, atol=1e-6)


def learning_rates(trainer: Trainer, steps: int) -> np.ndarray:
    """(steps, 2): of embeddings and network."""
    rates = []
    for _ in range(steps):
        trainer.train_step()
        rates.append([optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers[:2]])
    return np.array(rates)


def test_learning_rate_begins_small_peaks_and_ends_at_0() -> None:
    rates = learning_rates(tiny_trainer(steps=60, learning_rate=1e-3, embedding_rate=5e-3), 60)
    np.testing.assert_allclose(rates[:, 0], 5 * rates[:, 1])
    network = rates[:, 1] / 1e-3
    assert network[0] <= 0.05
    assert 0.7 < network.max() <= 1
    top = int(network.argmax())
    assert (np.diff(network[: top + 1]) > 0).all() and (np.diff(network[top:]) < 0).all()
    assert network[-1] < 0.002


def test_a_run_by_the_clock_ends_by_the_clock() -> None:
    trainer = tiny_trainer(steps=None, minutes=10.0)
    first = learning_rates(trainer, 1)[0, 1]
    assert first <= 0.05 * trainer.settings.learning_rate
    trainer.seconds = 300.0
    assert trainer.fraction == 0.5
    assert trainer.progress.seconds_left == pytest.approx(300)
    trainer.seconds = 599.9999
    assert learning_rates(trainer, 1)[0, 1] < 1e-5 * trainer.settings.learning_rate
    assert trainer.fraction == 1


def test_crops_grow_to_the_size_asked_for() -> None:
    trainer = tiny_trainer(steps=100, crop=192)
    sizes = []
    for trainer.step in range(100):
        sizes.append(trainer._batch()[1].shape[-1])
    assert sizes[0] == 96
    assert sizes[50] == 120
    assert sizes[-1] == 192
    assert sizes == sorted(sizes)
    assert all(size % 8 == 0 for size in sizes)


def test_progress() -> None:
    trainer = tiny_trainer(steps=8)
    assert trainer.progress.fraction == 0
    assert math.isnan(trainer.progress.total)
    train(trainer, 2)
    progress = trainer.progress
    assert (progress.step, progress.fraction) == (2, 0.25)
    assert progress.total == pytest.approx(
        progress.terms["content"] + 5 * progress.terms["style"], rel=1e-4
    )
    assert progress.seconds_left == pytest.approx(3 * progress.seconds)
    assert TrainingProgress(0, 0.0, 0.0, {}, math.nan).seconds_left == 0


@pytest.mark.parametrize("length", [{}, {"steps": 3, "minutes": 1.0}])
def test_length_of_a_run_is_said_once(length: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="--steps or --minutes"):
        TrainingSettings(**length)


def test_to_tensor() -> None:
    one, other = texture(1, 5, 7), texture(2, 5, 7)
    tensor = to_tensor([one, other])
    assert tensor.shape == (2, 3, 5, 7)
    np.testing.assert_allclose(tensor[1, 2].numpy(), other[:, :, 2] / 255, rtol=1e-6)


def test_best_dtype_is_one_that_perceptual_networks_run_in() -> None:
    features = tiny_perceptual(dtype=best_dtype())(pictures(1), ["relu1_1"])
    assert features["relu1_1"].dtype in (torch.float32, torch.bfloat16)


# --- stopping and going on
# ----------------------------------------------------------------------------------------------


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
    assert_equal(state(resumed), state(first))
    train(resumed, 3)
    assert_equal(state(resumed), state(straight))
    assert resumed.progress.terms == straight.progress.terms


def test_saving_changes_nothing_and_leaves_two_files(tmp_path: Path) -> None:
    trainer = tiny_trainer()
    for _ in range(3):
        trainer.train_step()
        trainer.save(tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.before"]
    assert_equal(state(trainer), state(train(tiny_trainer(), 3)))


def test_a_checkpoint_before_the_first_step(tmp_path: Path) -> None:
    tiny_trainer().save(tmp_path / "run")
    resumed = tiny_trainer()
    resumed.load(tmp_path / "run")
    assert_equal(state(train(resumed, 2)), state(train(tiny_trainer(), 2)))


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
    before = state(trainer)
    with pytest.raises(
        TrainingError, match=rf"{path} is not a checkpoint of this run: .*--overwrite"
    ):
        trainer.load(path)
    assert_equal(before, state(trainer))


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


@pytest.mark.process
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_process_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    """SIGKILL at random moments, in the midst of a step or of saving."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(tiny_trainer(steps=STEPS), STEPS).save(whole)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "learning.killable", str(killed)]
    starts, rng = [], random.Random()
    for end in (*(f"{rng.randint(2, 4)} {rng.uniform(0, 0.03)}" for _ in range(2)), ""):
        run = subprocess.run(
            [*command, *end.split()], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert run.returncode == (-signal.SIGKILL if end else 0), end
        starts.append(int(run.stdout))
    assert 0 == starts[0] < starts[1] < starts[2], "each went on from where the last was killed"
    assert_equal(load_file(whole), load_file(killed))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["killed", "killed.before", "whole"], "no half file is left"


def test_content_targets_do_not_depend_on_what_came_before() -> None:
    trainer, fresh = tiny_trainer(), tiny_trainer()
    photo = to_tensor([Textures().crop(3, 64)])
    trainer._content_target(1, to_tensor([Textures().crop(1, 64)])[0][None])
    for _ in range(2):  # computed, then kept
        got = trainer._content_target(3, photo)
        assert torch.equal(got.features, fresh._content_target(3, photo).features)


# --- with a style predictor
# ---------------------------------------------------------------------------------------------


@pytest.fixture
def predicting(tmp_path: Path) -> Callable[..., Trainer]:
    def make(**settings: Any) -> Trainer:
        (tmp_path / "art").mkdir(exist_ok=True)
        return tiny_predicting_trainer(tmp_path / "art", **settings)

    return make


def test_styles_start_where_they_were_whatever_is_predicted(
    predicting: Callable[..., Trainer],
) -> None:
    trainer = predicting()
    network = tiny_network()
    for row, embedding in enumerate(trainer.averaged()["embeddings"]):
        torch.testing.assert_close(embedding, random_embedding(network, row), atol=1e-5, rtol=0)


def test_asking_what_a_run_is_worth_changes_nothing(predicting: Callable[..., Trainer]) -> None:
    trainer = train(predicting(), 2)
    before, first = state(trainer), trainer.averaged()
    assert_equal(first, trainer.averaged())
    assert_equal(before, state(trainer))


def test_a_batch_has_gallery_styles_and_predicted_ones(predicting: Callable[..., Trainer]) -> None:
    """Half and half; predicted embeddings are the predictor's own, of views that the targets belong
    to."""
    trainer = predicting(alone=0.0)
    _, _, _, embeddings, styles = trainer._batch()
    assert len(embeddings) == 4 and len(styles["relu1_1"].moments.mean) == 4
    assert trainer.predictor and trainer.art
    start = trainer.predictor.outer.bias  # nothing is learned yet: all predictions are the start
    torch.testing.assert_close(embeddings[2:], start.expand(2, -1))
    targets = trainer.style_targets["relu2_1"].moments.mean
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
    _, _, _, embeddings, _ = trainer._batch()
    torch.testing.assert_close(embeddings, trainer.predictor.outer.bias.expand(4, -1))


def test_predictor_network_and_styles_all_learn(predicting: Callable[..., Trainer]) -> None:
    trainer = predicting(steps=40)
    before = state(trainer)
    train(trainer, 4)
    after = state(trainer)
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
    assert_equal(state(train(second, 3)), state(whole))


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


# --- content held where it was
# ------------------------------------------------------------------------------------------


def content_error(trainer: Trainer) -> float:
    photos = pictures(*range(100, 106))
    with torch.no_grad():
        painted = trainer.paint(photos, trainer.embeddings[:1].expand(6, -1))
        target = trainer.objective.content_target(photos)
        styles = {
            layer: style.rows(torch.zeros(6, dtype=torch.long))
            for layer, style in trainer.style_targets.items()
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
            trainer.hold_content(6)
            assert trainer.ceiling == pytest.approx(CONTENT_LIMIT_SHARE * start, rel=0.01)
        ends[held] = content_error(train(trainer, 120)) / start
    assert ends[True] < ends[False] and ends[True] < 1.1


def test_the_price_of_content_rises_above_the_ceiling_and_falls_back_below() -> None:
    trainer = tiny_trainer(steps=20)
    trainer.ceiling = 1e-6
    train(trainer, 2)
    assert trainer.price > 1
    trainer.ceiling, high = 1e6, trainer.price
    train(trainer, 1)
    assert trainer.price < high
    train(trainer, 10)
    assert trainer.price == 1


def test_draws_ahead_and_targets_in_batches_teach_the_same(
    predicting: Callable[..., Trainer],
) -> None:
    """As with a GPU; there targets are rounded otherwise."""
    alone, together = predicting(steps=40), predicting(steps=40)
    together.together = True
    for trainer in (alone, together):
        train(trainer, 3)
    assert together.progress.terms == pytest.approx(alone.progress.terms, rel=1e-3)
    for name, tensor in state(alone).items():
        torch.testing.assert_close(state(together)[name], tensor, rtol=0.05, atol=2e-3)


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
