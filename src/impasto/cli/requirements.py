"""Checks for optional packages that a verb needs."""

from impasto.errors import TrainingError


def require_learning(purpose: str = "learn") -> None:
    """Check that PyTorch is installed, before a verb imports `impasto.learning`.

    Args:
        purpose: the job of the verb, as in "cannot learn: PyTorch is not installed".

    Raises:
        TrainingError: PyTorch is missing, or cannot be loaded.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise TrainingError(
            f"cannot {purpose}: PyTorch is not installed ({error}); pip install 'impasto[train]'"
        ) from error
