"""Videos, animations and numbered pictures: read, painted frame by frame, and written with all that
is beside the frames.

from impasto.video import stylize_video

stylizer = Stylizer(network="small")
stylize_video("clip.mp4", "painted.mp4", lambda frame: stylizer.stylize(frame, "great-wave"))
"""

from typing import TYPE_CHECKING, Any

__all__ = ["TimeSpan", "VideoInterrupted", "VideoOptions", "VideoResult", "stylize_video"]

if TYPE_CHECKING:
    from impasto.video.clip import TimeSpan
    from impasto.video.formats import VideoOptions
    from impasto.video.stylize import VideoInterrupted, VideoResult, stylize_video

_HOMES = {
    "TimeSpan": "impasto.video.clip",
    "VideoOptions": "impasto.video.formats",
    "VideoInterrupted": "impasto.video.stylize",
    "VideoResult": "impasto.video.stylize",
    "stylize_video": "impasto.video.stylize",
}


def __getattr__(name: str) -> Any:
    """Names are looked up when first used, so that who paints pictures does not wait for PyAV."""
    if name not in _HOMES:
        raise AttributeError(f"module 'impasto.video' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
