"""Checkpoints of runs: tensors, and a state with the settings that must be the same in both.

Each stands beside the one before it. So a checkpoint that a failing disk or a crash cuts short
costs only the time since the one before.
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

LENGTHS = {"steps", "iterations", "minutes"}
"""Settings that may change when a run goes on: it may become longer or shorter."""


_DEFAULTS = {"ranks": 1}  # settings of checkpoints that lack them


def checkpoint_path(target: Path, network: str) -> Path:
    """Tell where the checkpoint of a run is, beside the file or folder that the run writes."""
    return target.with_name(f"{target.name}.{network}.checkpoint")


def write(
    path: Path,
    tensors: Mapping[str, "Tensor"],
    state: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    """Write a checkpoint; the file that was there becomes the one before.

    It is written under a temporary name first.

    Args:
        path: of the checkpoint.
        tensors: weights, their means, and the state of optimizers.
        state: numbers and texts to go on from, which JSON can hold.
        settings: of the run; `read` compares them.

    Raises:
        TrainingError: the disk does not take it; the files are as they were.
    """
    from safetensors.torch import save  # here, so that other functions work without torch

    header = json.dumps({**state, "settings": settings})
    data = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        {"state": header},
    )
    # one fixed temporary name: the next checkpoint replaces the part that a killed run leaves
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
    """Turn every error into a TrainingError that names the checkpoint and the remedy."""
    try:
        yield
    except Exception as error:
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise TrainingError(
            f"{path} is not a checkpoint of this run: {reason}; or start anew with --overwrite"
        ) from error


def read(path: Path, settings: Mapping[str, Any]) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Read a checkpoint or, if that is broken, the one before; to be called within `resuming`.

    Args:
        path: of the last checkpoint.
        settings: of the run that goes on.

    Returns:
        Tensors by name, and the state.

    Raises:
        ValueError: the checkpoint is of a run with other settings.

    Warns:
        LostCheckpointWarning: the last checkpoint is broken or gone.
    """
    try:
        tensors, state = _read(path)
    except Exception as error:
        if not previous_checkpoint(path).exists():
            raise
        tensors, state = _read(previous_checkpoint(path))
        reason = f"{'broken' if path.exists() else 'gone'} ({type(error).__name__})"
        warnings.warn(
            f"{path} is {reason}; going on from the one before it",
            LostCheckpointWarning,
            stacklevel=2,
        )
    if other := _differences(state["settings"], json.loads(json.dumps(settings))):
        raise ValueError(f"it was started with {other}; give the same")
    return tensors, state


def _read(path: Path) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    with safe_open(path, "pt") as file:
        state = json.loads((file.metadata() or {})["state"])
        return {key: file.get_tensor(key) for key in file.keys()}, state  # noqa: SIM118


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """List the settings that differ, with their values in `old`."""
    old, new = _DEFAULTS | dict(old), _DEFAULTS | dict(new)
    names = (new.keys() | old.keys()) - LENGTHS
    return ", ".join(
        f"{name} {old.get(name)}" for name in sorted(names) if old.get(name) != new.get(name)
    )


def previous_checkpoint(checkpoint: Path) -> Path:
    """Tell where the checkpoint before the last one is."""
    return checkpoint.with_name(f"{checkpoint.name}.before")


def has_checkpoint(checkpoint: Path) -> bool:
    """Tell whether there is a checkpoint to go on from: the last, or the one before."""
    return checkpoint.exists() or previous_checkpoint(checkpoint).exists()


def remove_checkpoints(checkpoint: Path) -> None:
    """Remove the checkpoints of a run that has come to its end."""
    for path in (checkpoint, previous_checkpoint(checkpoint)):
        path.unlink(missing_ok=True)
