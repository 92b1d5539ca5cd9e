"""Repaint photos and videos in the style of any picture, on an ordinary CPU.

Examples:
    >>> import impasto
    >>> impasto.stylize("photo.jpg", "starry-night").save("painting.jpg")
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from impasto.api import (
        list_styles,
        load_style,
        read_settings,
        stylize,
        stylize_files,
        stylize_video,
        train_style,
    )
    from impasto.batch.results import FileResult
    from impasto.errors import DeviceWarning, ImpastoError, RemadeStyleWarning
    from impasto.inference.regions import Region
    from impasto.models.mix import Mix
    from impasto.models.style import Style
    from impasto.progress import Progress
    from impasto.stylizer import Stylizer
    from impasto.video.frame_pipeline import VideoResult

__all__ = [
    "DeviceWarning",
    "FileResult",
    "ImpastoError",
    "Mix",
    "Progress",
    "Region",
    "RemadeStyleWarning",
    "Style",
    "Stylizer",
    "VideoResult",
    "__version__",
    "list_styles",
    "load_style",
    "read_settings",
    "stylize",
    "stylize_files",
    "stylize_video",
    "train_style",
]

_MODULES = {
    "DeviceWarning": "impasto.errors",
    "FileResult": "impasto.batch.results",
    "ImpastoError": "impasto.errors",
    "Mix": "impasto.models.mix",
    "Progress": "impasto.progress",
    "Region": "impasto.inference.settings",
    "RemadeStyleWarning": "impasto.errors",
    "Style": "impasto.models.style",
    "Stylizer": "impasto.stylizer",
    "VideoResult": "impasto.video.frame_pipeline",
    "list_styles": "impasto.api",
    "load_style": "impasto.api",
    "read_settings": "impasto.api",
    "stylize": "impasto.api",
    "stylize_files": "impasto.api",
    "stylize_video": "impasto.api",
    "train_style": "impasto.api",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that `import impasto` loads nothing else."""
    if name not in _MODULES:
        raise AttributeError(f"module 'impasto' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
