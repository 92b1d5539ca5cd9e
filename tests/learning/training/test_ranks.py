"""Several processes that train together: the test is rank 0, and another process is rank 1."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from impasto.errors import TrainingError
from impasto.learning.data.sampler import BatchSampler
from impasto.learning.data.style_crops import StyleCrops
from impasto.learning.training import loop, ranks
from impasto.learning.training.ranks import SINGLE, Ranks, join_ranks
from learning import ranked
from learning.runs import assert_equal, assert_same_run, state_of, train
from learning.tiny import Textures, texture, tiny_trainer

WAIT = 60  # seconds


@contextlib.contextmanager
def two_processes(
    folder: Path, kind: str, *event: object
) -> Iterator[tuple[Ranks, "subprocess.Popen[str]"]]:
    """Start rank 1, and let this process be rank 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }
    other = subprocess.Popen(
        [sys.executable, "-m", "learning.ranked", str(folder), kind, *map(str, event)],
        env=os.environ
        | common
        | {"RANK": "1", "LOCAL_RANK": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with pytest.MonkeyPatch.context() as patched:
            for name, value in (common | {"RANK": "0", "LOCAL_RANK": "0"}).items():
                patched.setenv(name, value)
            patched.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
            with join_ranks() as joined:
                yield joined, other
    finally:
        other.kill()
        other.communicate()


def end(other: "subprocess.Popen[str]") -> int:
    """Wait for rank 1; return the step that it came to."""
    out, error = other.communicate(timeout=WAIT)
    assert out, error
    return int(out)


def learned(folder: Path, rank: int) -> dict[str, torch.Tensor]:
    return load_file(folder / str(rank))


@pytest.mark.process
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """A step has the gradients of one process, but for rounding, and both end bit for bit alike."""
    with two_processes(tmp_path, "plain") as (joined, other):
        together = ranked.start(tmp_path, "plain", joined)
        joined.check_step(0, together.device)
        train(together, 1)
        alone = train(ranked.start(tmp_path, "plain"), 1)
        assert together.running == pytest.approx(alone.running, rel=1e-4)
        for name, p in alone.weights.parameters.items():
            gradients = p.grad, together.weights.parameters[name].grad
            assert None not in gradients
            torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-5)
        loop.keep_training(together, tmp_path / "run", None)
        assert end(other) == ranked.STEPS
    assert_equal(state_of(together), learned(tmp_path, 1))
    assert sorted(path.name for path in tmp_path.glob("run*")) == ["run", "run.before"]


@pytest.mark.process
def test_a_killed_process_stops_the_other_and_both_go_on_to_the_same_weights(
    tmp_path: Path,
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    with two_processes(whole, "predicting") as (joined, other):
        ranked.run(whole, "predicting", joined)
        end(other)
    assert_equal(learned(whole, 0), learned(whole, 1))
    with two_processes(killed, "predicting", "KILL", 3) as (joined, other):
        with pytest.raises(TrainingError, match=r"another process of the run ended.*--resume"):
            ranked.run(killed, "predicting", joined)
        assert other.wait(WAIT) == -signal.SIGKILL
    with two_processes(killed, "predicting") as (joined, other):
        trainer = ranked.start(killed, "predicting", joined)
        trainer.load(killed / "run")
        assert trainer.step == 3
        loop.keep_training(trainer, killed / "run", None)
        assert end(other) == ranked.STEPS
        assert_equal(state_of(trainer), learned(whole, 0))
    assert_equal(learned(killed, 1), learned(whole, 0))


@pytest.mark.process
def test_a_signal_to_one_process_stops_all_after_the_same_step(tmp_path: Path) -> None:
    with two_processes(tmp_path, "plain", "TERM", 2) as (joined, other):
        with pytest.raises(KeyboardInterrupt):
            ranked.run(tmp_path, "plain", joined)
        assert end(other) == 3
    assert_equal(learned(tmp_path, 0), learned(tmp_path, 1))
    alone = ranked.start(tmp_path, "plain")
    with pytest.raises(TrainingError, match="started with ranks 2"):
        alone.load(tmp_path / "run")
    # a machine that does not see the checkpoint begins anew
    with two_processes(tmp_path, "plain", "BLIND") as (joined, other):
        with pytest.raises(TrainingError, match=r"checkpoints of the steps \[0, 3\]"):
            ranked.run(tmp_path, "plain", joined)
        assert "checkpoints of the steps [0, 3]" in other.communicate(timeout=WAIT)[1]


@pytest.mark.process
def test_a_run_by_the_clock_ends_by_the_clock_of_rank_0(tmp_path: Path) -> None:
    with two_processes(tmp_path, "clock") as (joined, other):
        trainer = ranked.run(tmp_path, "clock", joined)
        assert end(other) == trainer.step > 0
    assert_equal(learned(tmp_path, 0), learned(tmp_path, 1))


def sampler(art: StyleCrops | None, rank: int = 0, count: int = 1) -> BatchSampler:
    return BatchSampler(7, 8, 5, Textures(), True, art, 4 if art else 0, 0.25, rank, count)


@pytest.fixture
def art(tmp_path: Path) -> StyleCrops:
    from PIL import Image

    Image.fromarray(texture(1, 80, 70)).save(tmp_path / "art.png")
    return StyleCrops([tmp_path])


def test_shares_are_a_batch(art: StyleCrops) -> None:
    for pictures in (None, art):
        whole = sampler(pictures).draw(3, 64)
        shares = [sampler(pictures, rank, 2).draw(3, 64) for rank in range(2)]
        for name in ("numbers", "photos", "rows", "alone", "noise"):
            part = torch.zeros_like(getattr(whole, name))
            for rank, share in enumerate(shares):
                part[rank::2] = getattr(share, name)
            assert torch.equal(part, getattr(whole, name)), name


def test_each_process_reads_views_of_its_own(art: StyleCrops) -> None:
    numbers: list[set[int]] = []
    for rank in range(2):
        own = sampler(art, rank, 2)
        fresh = {number for step in range(32) for number in own.fresh(step, first=step == 0)}
        drawn = {number for step in range(64) for number in own.draw(step, 64).views.tolist()}
        assert drawn <= fresh
        numbers.append(fresh)
    assert not numbers[0] & numbers[1]
    assert numbers[0] | numbers[1] == set(sampler(art).fresh(0, first=True)) | {
        number for step in range(32) for number in sampler(art).fresh(step, first=False)
    }


@pytest.mark.parametrize("batch, predicted", [(5, 0), (4, 1)])
def test_batches_that_cannot_be_shared(batch: int, predicted: int) -> None:
    Ranks(0, 2).check_batch(4, 2)
    SINGLE.check_batch(batch, predicted)
    with pytest.raises(TrainingError, match=r"cannot share a batch of .* among 2 .* --batch"):
        Ranks(0, 2).check_batch(batch, predicted)


def test_the_cores_of_a_machine_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "available_cores", lambda: 8)
    assert [Ranks(0, 16, local).cores for local in (1, 3, 16)] == [8, 2, 1]


def test_without_a_launcher_a_process_trains_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with join_ranks() as joined:
        assert joined is SINGLE
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="RANK and LOCAL_RANK is not set"), join_ranks():
        pytest.fail("there is no other process")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(TrainingError, match="cannot reach the other processes"), join_ranks():
        pytest.fail("there is no other process")


def test_each_process_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int | str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.distributed, "init_process_group", chosen.append)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    with join_ranks() as joined:
        assert (joined.rank, joined.count, joined.local_count) == (5, 8, 1)
        assert not joined.is_first
    assert chosen == [1, "nccl"]
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(TrainingError, match="more than 2 processes"), join_ranks():
        pytest.fail("there are two GPUs")


def test_a_checkpoint_from_before_there_were_ranks_is_one_of_one(tmp_path: Path) -> None:
    import json

    from safetensors import safe_open
    from safetensors.torch import save_file

    train(tiny_trainer(), 2).save(tmp_path / "run")
    with safe_open(tmp_path / "run", "pt") as file:
        state = json.loads(file.metadata()["state"])
    del state["settings"]["ranks"]
    save_file(load_file(tmp_path / "run"), tmp_path / "old", {"state": json.dumps(state)})
    resumed = tiny_trainer()
    resumed.load(tmp_path / "old")
    assert_same_run(resumed, train(tiny_trainer(), 2))


def test_moved_photographs_have_the_grain_of_the_whole_batch() -> None:
    from impasto.learning.training.batches import move_photos

    photos = torch.from_numpy(np.full((4, 3, 16, 16), 0.5, np.float32))
    whole, by = move_photos(photos, sampler(None), 3)
    for rank in range(2):
        share, same = move_photos(photos[rank::2], sampler(None, rank, 2), 3)
        assert same == by
        assert torch.equal(share, whole[rank::2])
