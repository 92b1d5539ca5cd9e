"""Folders of impasto: the cache, the perceptual weights and the gallery."""

import os
from pathlib import Path

PACKAGE = Path(__file__).parent

# the gallery in use: the one that ships, or one made by `impasto train ... --gallery FOLDER`
GALLERY = Path(os.environ.get("IMPASTO_GALLERY") or PACKAGE / "gallery").expanduser()


def home() -> Path:
    """Return the cache folder, which may not exist yet.

    It is `IMPASTO_HOME`, or `impasto` in the XDG cache folder.
    """
    if folder := os.environ.get("IMPASTO_HOME"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "impasto"


def weights_folders() -> list[Path]:
    """List the folders of perceptual weights: `IMPASTO_WEIGHTS` if set, then the cache."""
    folder = os.environ.get("IMPASTO_WEIGHTS")
    return [*([Path(folder).expanduser()] if folder else []), home() / "weights"]
