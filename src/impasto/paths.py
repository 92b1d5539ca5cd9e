"""Folders of impasto: the cache, the perceptual weights and the gallery."""

import os
from pathlib import Path

PACKAGE = Path(__file__).parent


def expand_home(path: str | os.PathLike[str]) -> Path:
    """Expand `~` at the beginning of a path; without a home folder, the path stays as it is.

    `Path.expanduser` raises there, and at `~nobody`.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111


# the gallery in use: the one that ships, or one made by `impasto train ... --gallery FOLDER`
GALLERY = expand_home(os.environ.get("IMPASTO_GALLERY") or PACKAGE / "gallery")


def home() -> Path | None:
    """Return the cache folder, which may not exist, or may not be writable.

    It is `IMPASTO_HOME`, or `impasto` in the XDG cache folder. None where the user has no home
    folder: neither `HOME` nor an entry in the system's list of users.
    """
    if folder := os.environ.get("IMPASTO_HOME"):
        return expand_home(folder)
    cache = expand_home(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    # the XDG specification has relative paths ignored; "~/.cache" stays one without a home
    return cache / "impasto" if cache.is_absolute() else None


def weights_folders() -> list[Path]:
    """List the folders of perceptual weights: `IMPASTO_WEIGHTS` if set, then the cache."""
    folder, cache = os.environ.get("IMPASTO_WEIGHTS"), home()
    own = [expand_home(folder)] if folder else []
    return own if cache is None else [*own, cache / "weights"]
