"""The loop of a run: steps, checkpoints, previews, interrupts and kills."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from impasto.errors import TrainingError
from impasto.learning.losses.objective import LossWeights
from impasto.learning.networks.transformer import TransformerNetwork
from impasto.learning.training import loop
from impasto.progress import Progress
from learning.killable import STEPS
from learning.runs import assert_equal, assert_same_run, painted, train
from learning.tiny import (
    Textures,
    tiny_trainer,
)


def test_keep_training_to_the_end(tmp_path: Path) -> None:
    trainer, seen = tiny_trainer(steps=4), list[Progress]()
    loop.keep_training(trainer, tmp_path / "run", seen.append)
    assert [progress.step for progress in seen] == [1, 2, 3, 4]
    assert seen[-1].fraction == 1
    assert_same_run(trainer, train(tiny_trainer(steps=4), 4))
    again = tiny_trainer(steps=4)
    again.load(tmp_path / "run")
    assert_same_run(again, trainer)
    loop.keep_training(again, tmp_path / "run", seen.append)
    assert len(seen) == 4, "there was nothing left to do"


def assert_kept_whole(checkpoint: Path) -> None:
    """Two steps of four were done, and the rest ends where a run that nothing interrupted does."""
    resumed = tiny_trainer(steps=4)
    resumed.load(checkpoint)
    assert resumed.step == 2
    assert_same_run(train(resumed, 2), train(tiny_trainer(steps=4), 4))


def interrupt(progress: Progress) -> None:
    if progress.step == 2:
        raise KeyboardInterrupt


def test_ctrl_c_leaves_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        loop.keep_training(tiny_trainer(steps=4), tmp_path / "run", interrupt)
    assert_kept_whole(tmp_path / "run")


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where the tests are a shell's background job, which
    would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_never_cuts_a_step_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = tiny_trainer(steps=4)
    update = trainer.weights.optimizers[-1].step

    def interrupted() -> None:
        update()
        if trainer.step == 1:
            signal.raise_signal(signal.SIGINT)  # weights have changed, the step is not counted yet

    monkeypatch.setattr(trainer.weights.optimizers[-1], "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.keep_training(trainer, tmp_path / "run", lambda progress: None)
    assert_kept_whole(tmp_path / "run")


def test_a_request_to_end_is_heard_between_steps_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = tiny_trainer(steps=4)
    step = trainer.train_step

    def asked() -> None:
        if trainer.step == 1:
            signal.raise_signal(signal.SIGTERM)
        step()

    monkeypatch.setattr(trainer, "train_step", asked)
    with pytest.raises(KeyboardInterrupt):
        loop.keep_training(trainer, tmp_path / "run", lambda progress: None)
    assert_kept_whole(tmp_path / "run")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("ctrl_c")
def test_a_second_ctrl_c_is_heard_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = tiny_trainer(steps=4)

    def stuck() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("this step would never end")

    monkeypatch.setattr(trainer, "train_step", stuck)
    with pytest.raises(KeyboardInterrupt):
        loop.keep_training(trainer, tmp_path / "run", lambda progress: None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_loss_that_is_not_finite_leaves_the_last_good_state_of(tmp_path: Path) -> None:
    trainer = tiny_trainer(steps=4)

    def spoil(progress: Progress) -> None:
        if progress.step == 2:
            trainer.objective.weights = LossWeights(style=float("nan"))

    with pytest.raises(TrainingError, match="not finite"):
        loop.keep_training(trainer, tmp_path / "run", spoil)
    resumed = tiny_trainer(steps=4)
    resumed.load(tmp_path / "run")
    assert_same_run(resumed, train(tiny_trainer(steps=4), 2))


def test_checkpoints_and_previews_while_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    trainer, path = tiny_trainer(steps=3), tmp_path / "run"
    steps = list[int]()

    def preview() -> None:
        other = tiny_trainer(steps=3)
        other.load(path)
        steps.append(other.step)

    loop.keep_training(trainer, path, lambda progress: None, preview, preview_every=0.0)
    assert steps == [1, 2, 3]


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("whole_network", [True, False])
def test_preview_sheet(whole_network: bool, noise: bool) -> None:
    trainer = train(tiny_trainer(whole_network=whole_network, noise=noise), 3)
    sheet = loop.preview_sheet(trainer, style=1, pictures=3, size=72)
    assert sheet.shape == (144, 216, 3)
    assert sheet.dtype == np.uint8
    for number in range(3):
        photo = Textures().crop(number, 72)
        across = slice(72 * number, 72 * (number + 1))
        np.testing.assert_array_equal(sheet[:72, across], photo)
        averaged = trainer.averaged()
        network = TransformerNetwork(trainer.network.architecture)
        own = {
            k.removeprefix("network."): v for k, v in averaged.items() if k.startswith("network.")
        }
        network.load_state_dict(own if whole_network else trainer.network.state_dict())
        expected = painted(network, averaged["embeddings"][1], photo, margin=0)
        assert np.abs(sheet[72:, across] - expected).max() < 1
    assert_same_run(
        train(trainer, 3), train(tiny_trainer(whole_network=whole_network, noise=noise), 6)
    )


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
