"""Videos, animations and numbered pictures: read, stylize frame by frame, and write.

Sound, subtitles, chapters and metadata go along. `stylize_video` keeps frames steady, as the
command line does; `paint_video` paints each frame with any function:

    from impasto.video import paint_video

    paint_video("clip.mp4", "negative.mp4", lambda frame: 255 - frame)
"""

from typing import TYPE_CHECKING, Any

__all__ = [
    "TimeSpan",
    "VideoInterrupted",
    "VideoOptions",
    "VideoResult",
    "paint_video",
    "stylize_video",
]

if TYPE_CHECKING:
    from impasto.video.clip import TimeSpan
    from impasto.video.formats import VideoOptions
    from impasto.video.frame_pipeline import VideoInterrupted, VideoResult, paint_video
    from impasto.video.stylize import stylize_video

_MODULES = {
    "TimeSpan": "impasto.video.clip",
    "VideoOptions": "impasto.video.formats",
    "VideoInterrupted": "impasto.video.frame_pipeline",
    "VideoResult": "impasto.video.frame_pipeline",
    "paint_video": "impasto.video.frame_pipeline",
    "stylize_video": "impasto.video.stylize",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that pictures do not wait for PyAV to load."""
    if name not in _MODULES:
        raise AttributeError(f"module 'impasto.video' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_MODULES[name]), name)
