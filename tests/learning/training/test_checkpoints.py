"""Checkpoints: whole or not at all, each beside the one before it, which serves where it is
broken."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from impasto.errors import LostCheckpointWarning, TrainingError  # noqa: E402
from impasto.learning.training import checkpoints  # noqa: E402
from impasto.learning.training.checkpoints import (  # noqa: E402
    has_checkpoint,
    previous_checkpoint,
    remove_checkpoints,
)

SETTINGS = {"seed": 1, "steps": 4}


def save(path: Path, step: int) -> None:
    checkpoints.write(path, {"weights": torch.full((3,), float(step))}, {"step": step}, SETTINGS)


def load(path: Path) -> int:
    tensors, state = checkpoints.read(path, SETTINGS)
    assert torch.equal(tensors["weights"], torch.full((3,), float(state["step"])))
    return int(state["step"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint of step 2, and the one before it."""
    path = tmp_path / "run.checkpoint"
    assert not has_checkpoint(path)
    for step in (1, 2):
        save(path, step)
    return path


def test_the_last_one_is_read(path: Path) -> None:
    assert load(path) == 2 and has_checkpoint(path)
    assert sorted(each.name for each in path.parent.iterdir()) == [
        path.name,
        previous_checkpoint(path).name,
    ]
    remove_checkpoints(path)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.99])
def test_of_one_cut_short_the_one_before_is_read_and_it_is_said(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.warns(
        LostCheckpointWarning, match=rf"{path} is broken .*going on from the one before it"
    ):
        assert load(path) == 1
    save(path, 3)
    assert load(path) == 3


def test_a_kill_between_the_two_renames_loses_nothing(path: Path) -> None:
    path.replace(previous_checkpoint(path))
    assert has_checkpoint(path)
    with pytest.warns(LostCheckpointWarning, match="is gone"):
        assert load(path) == 2


def test_where_both_are_broken_it_is_an_error(path: Path) -> None:
    for each in (path, previous_checkpoint(path)):
        each.write_bytes(b"none")
    with (
        pytest.raises(TrainingError, match="is not a checkpoint of this run"),
        checkpoints.resuming(path),
    ):
        load(path)


def test_other_settings_are_no_reason_to_go_back(path: Path) -> None:
    with pytest.raises(ValueError, match="seed 1"):
        checkpoints.read(path, SETTINGS | {"seed": 2})
    assert checkpoints.read(path, SETTINGS | {"steps": 9})[1]["step"] == 2


def test_a_full_disk_leaves_what_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(TrainingError, match="No space left"):
        save(path, 3)
    monkeypatch.undo()
    assert load(path) == 2 and len(list(path.parent.iterdir())) == 2
