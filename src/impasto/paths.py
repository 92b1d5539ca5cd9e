"""Where things live on disk: the cache, the perceptual weights, what ships inside the package."""

import os
from pathlib import Path

PACKAGE = Path(__file__).parent

# the gallery that is used: the one that ships, or one made by `impasto train ... --gallery FOLDER`
GALLERY = Path(os.environ.get("IMPASTO_GALLERY") or PACKAGE / "gallery").expanduser()


def home() -> Path:
    """The cache directory: `IMPASTO_HOME`, else `impasto` in the XDG cache directory. It may not
    exist yet."""
    if chosen := os.environ.get("IMPASTO_HOME"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "impasto"


def weights_folders() -> list[Path]:
    """Folders looked at for perceptual weights, in order: `IMPASTO_WEIGHTS` if set, then the
    cache."""
    given = os.environ.get("IMPASTO_WEIGHTS")
    return [*([Path(given).expanduser()] if given else []), home() / "weights"]
