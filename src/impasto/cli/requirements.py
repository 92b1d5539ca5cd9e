"""Parts of impasto that are installed apart, and how to install them."""

from impasto.errors import TrainingError


def require_learning(task: str = "learn") -> None:
    """Check that PyTorch is here, before a verb imports `impasto.learning`.

    Args:
        task: what the verb does, as in "cannot learn: PyTorch is missing".

    Raises:
        TrainingError: PyTorch is missing, or cannot be loaded.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise TrainingError(
            f"cannot {task}: it needs PyTorch ({error}); install it: pip install 'impasto[train]'"
        ) from error
