"""A video from file to file: decoding, painting, encoding."""

import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
from av.video.frame import VideoFrame

import impasto

from .drawn import photo

FRAMES, STEP = 48, 4  # frames, and pixels that the camera moves between them


class Video:
    """A camera that moves over a picture, painted by `small`."""

    params: ClassVar = [[(640, 360), (1280, 720)]]
    param_names: ClassVar = ["size"]
    unit, timeout = "CPU milliseconds a frame", 300

    def track_frame(self, size: tuple[int, int]) -> float:
        """Measure the CPU time of a frame, without the start of the process."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "clip.mp4"
            write_clip(source, *size)
            stylizer = impasto.Stylizer("small")
            seconds = []
            for run in ("warm-up.mp4", "painted.mp4"):
                begun = time.process_time()
                impasto.stylize_video(source, Path(folder) / run, "starry-night", stylizer=stylizer)
                seconds.append(time.process_time() - begun)
        return 1000 * seconds[-1] / FRAMES


def write_clip(path: Path, width: int, height: int) -> None:
    """Write the video, in H.264."""
    scene = np.asarray(photo(width + STEP * FRAMES, height))
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(FRAMES):
            pixels = scene[:, STEP * number : STEP * number + width]
            file.mux(stream.encode(VideoFrame.from_ndarray(np.ascontiguousarray(pixels))))
        file.mux(stream.encode(None))
