"""Checks for optional packages that a verb needs."""

from importlib.util import find_spec

from impasto.errors import ImpastoError, TrainingError


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


def require_serving() -> None:
    """Check that the packages of the extra `serve` are installed, before a verb imports them.

    Raises:
        ImpastoError: one is missing.
    """
    for module in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        if find_spec(module) is None:
            raise ImpastoError(
                f"cannot serve: the package {module.replace('_', '-')} is not installed;"
                " pip install 'impasto[serve]'"
            )
