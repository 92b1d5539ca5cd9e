"""Stylize frames that are in memory, one after the other, for programs that decode themselves."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from impasto.images.image import Picture, UInt8
from impasto.inference.settings import StylizeSettings
from impasto.stylizer import Stylizer
from impasto.video.clip import Frame
from impasto.video.frame_stylizer import FrameStylizer
from impasto.video.large_strokes import MIN_VIDEO_STROKE, enlarge_frame, reduce_frame
from impasto.video.temporal.frozen_statistics import SteadyStyle


def stylize_frames(
    frames: Iterable[UInt8], settings: StylizeSettings, stylizer: Stylizer, *, steady: bool = True
) -> Iterator[UInt8]:
    """Stylize pictures in memory, one after the other.

    Args:
        frames: uint8 RGB (H, W, 3) each; as frames of a video in order of time.
        settings: style, strength, stroke, color, mask and regions.
        stylizer: the loaded network.
        steady: the pictures are frames of a video. They are painted with frozen statistics, and
            paint stays where the scene stands still, as `stylize_video` does. Strokes are then at
            least as large as the network's own. Else each is painted by itself.

    Yields:
        uint8 RGB (H, W, 3), each as large as its picture.

    Raises:
        StyleError: a style does not fit the network.
        MaskError: a mask is the photo's transparency, which frames do not have.
    """
    if not steady:
        for frame in frames:
            yield stylizer.paint_picture(Picture(frame), settings).rgb
        return
    stylizer = stylizer.for_many()
    engine = stylizer.engine.name
    paint = FrameStylizer(stylizer, settings, lambda style: SteadyStyle(style, engine=engine))
    stroke = max(settings.stroke, MIN_VIDEO_STROKE)
    for frame in frames:
        reduced = reduce_frame(Frame(frame, pts=0), stroke)
        yield enlarge_frame(replace(reduced, rgb=paint(reduced.rgb))).rgb
