"""Neural style transfer that works at once: paint photographs in the manner of a picture, in real
time on a CPU.

import impasto
impasto.stylize("photo.jpg", style="starry-night").save("painted.jpg")
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "ImpastoError",
    "Mix",
    "RemadeStyleWarning",
    "Style",
    "Stylizer",
    "__version__",
    "stylize",
]

if TYPE_CHECKING:
    from impasto.api import stylize
    from impasto.errors import ImpastoError, RemadeStyleWarning
    from impasto.models.mix import Mix
    from impasto.models.style import Style
    from impasto.stylizer import Stylizer

_HOMES = {
    "stylize": "impasto.api",
    "Stylizer": "impasto.stylizer",
    "Style": "impasto.models.style",
    "Mix": "impasto.models.mix",
    "ImpastoError": "impasto.errors",
    "RemadeStyleWarning": "impasto.errors",
}


def __getattr__(name: str) -> Any:
    """Names are looked up when first used, so that `import impasto` stays quick and loads no
    engine."""
    if name not in _HOMES:
        raise AttributeError(f"module 'impasto' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
