"""A folder of pictures of 640x480, from files to files."""

import tempfile
import time
from pathlib import Path
from typing import ClassVar

from impasto.batch.runner import BatchOptions, stylize_files
from impasto.inference.settings import parse_settings
from impasto.stylizer import Stylizer

from .drawn import write_photos

PICTURES, WARM_UP = 8, 2
STYLE = parse_settings("starry-night")


class Batch:
    """Many pictures in one run."""

    params: ClassVar = [["small", "base", "large"]]
    param_names: ClassVar = ["network"]
    unit, timeout = "CPU milliseconds a picture", 300

    def track_picture(self, network: str) -> float:
        """Measure the CPU time of a picture, without the start of the process."""
        with tempfile.TemporaryDirectory() as place:
            folder, stylizer = Path(place), Stylizer(network)
            paths = write_photos(folder / "in", PICTURES, 640, 480)

            def paint(count: int) -> float:
                begun, options = time.process_time(), BatchOptions(overwrite=True)
                results = stylize_files(paths[:count], STYLE, stylizer, folder / "out", options)
                assert all(result.error is None for result in results)
                return time.process_time() - begun

            paint(WARM_UP)
            return 1000 * paint(PICTURES) / PICTURES
