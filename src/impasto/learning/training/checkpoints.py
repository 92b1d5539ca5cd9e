"""Checkpoints of runs: tensors, and a state with the settings that must be the same for a run to go
on.

Each stands beside the one before it, so that one that a failing disk or a crash cut short costs
only the time since then.
"""

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

from safetensors import safe_open

from impasto.errors import LostCheckpointWarning, TrainingError

LENGTHS = {
    "steps",
    "iterations",
    "minutes",
}  # settings that may change: a run may become longer or shorter


def write(
    path: Path,
    tensors: Mapping[str, "Tensor"],
    state: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    """Write a checkpoint, under a temporary name first; what was there becomes the one before.

    Raises TrainingError where the disk does not take it; then all is as it was.
    """
    from safetensors.torch import save  # here, as who asks for files alone needs no torch

    words = json.dumps({**state, "settings": settings})
    data = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        {"state": words},
    )
    # one fixed temporary name, so that a run killed while it writes leaves no more than the next
    # checkpoint replaces
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        if path.exists():
            path.replace(previous_checkpoint(path))
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise TrainingError(
            f"cannot write the checkpoint {path}: {error.strerror or error}"
        ) from error


@contextlib.contextmanager
def resuming(path: Path) -> Iterator[None]:
    """Whatever goes wrong while a run takes up a checkpoint is a TrainingError that names the
    file."""
    try:
        yield
    except Exception as error:
        words = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise TrainingError(
            f"{path} is not a checkpoint of this run: {words}; or start anew with --overwrite"
        ) from error


def read(path: Path, settings: Mapping[str, Any]) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Tensors and state of a checkpoint or, with a `LostCheckpointWarning`, of the one before if
    that one is broken; within `resuming`. Raises ValueError if it is of a run with other settings.
    """
    try:
        tensors, state = _read(path)
    except Exception as error:
        if not previous_checkpoint(path).exists():
            raise
        tensors, state = _read(previous_checkpoint(path))
        words = f"{path} is {'broken' if path.exists() else 'gone'} ({type(error).__name__}); going on from the one before it"
        warnings.warn(words, LostCheckpointWarning, stacklevel=2)
    if other := _differences(state["settings"], json.loads(json.dumps(settings))):
        raise ValueError(f"it was started with {other}; give the same")
    return tensors, state


def _read(path: Path) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    with safe_open(path, "pt") as file:
        state = json.loads((file.metadata() or {})["state"])
        return {key: file.get_tensor(key) for key in file.keys()}, state  # noqa: SIM118


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Settings that are not the same in both, as they are in `old`."""
    names = (new.keys() | old.keys()) - LENGTHS
    return ", ".join(
        f"{name} {old.get(name)}" for name in sorted(names) if old.get(name) != new.get(name)
    )


def previous_checkpoint(checkpoint: Path) -> Path:
    """Where the checkpoint before the last one is."""
    return checkpoint.with_name(f"{checkpoint.name}.before")


def has_checkpoint(checkpoint: Path) -> bool:
    """Whether there is a checkpoint to go on from: the last, or the one before."""
    return checkpoint.exists() or previous_checkpoint(checkpoint).exists()


def remove_checkpoints(checkpoint: Path) -> None:
    """Remove the checkpoints of a run that has come to its end."""
    for each in (checkpoint, previous_checkpoint(checkpoint)):
        each.unlink(missing_ok=True)
