"""Checks for optional packages that a verb needs."""

from impasto.errors import TrainingError


def require_learning(purpose: str) -> None:
    """Raise TrainingError with the remedy where PyTorch is missing."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise TrainingError(
            f"cannot {purpose}: PyTorch is not installed ({error}); pip install 'impasto[train]'"
        ) from error
