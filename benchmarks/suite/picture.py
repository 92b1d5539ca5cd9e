"""Pictures from file to file, once all is loaded."""

import tempfile
import time
from pathlib import Path
from typing import ClassVar

from impasto.inference.file_pipeline import stylize_file
from impasto.inference.settings import parse_settings
from impasto.stylizer import Stylizer

from .drawn import photo

STYLE = parse_settings("starry-night")


class Picture:
    """A JPEG file, with all threads."""

    params: ClassVar = [["small", "base", "large"], [(1024, 768), (4000, 3000)]]
    param_names: ClassVar = ["network", "size"]
    timer = time.process_time
    number, repeat, warmup_time, rounds, timeout = 1, 2, 0.0, 1, 300

    def setup(self, network: str, size: tuple[int, int]) -> None:
        """Draw the picture, load the network, and paint once, as graphs are compiled then."""
        if network == "large" and size[0] > 1024:
            raise NotImplementedError  # takes a minute, so asv skips it
        self.folder = tempfile.TemporaryDirectory()
        self.source = Path(self.folder.name) / "photo.jpg"
        photo(*size).save(self.source, quality=90)
        self.stylizer = Stylizer(network)
        if size[0] <= 1024:
            self.time_file(network, size)

    def teardown(self, network: str, size: tuple[int, int]) -> None:
        """Remove the files."""
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def time_file(self, network: str, size: tuple[int, int]) -> None:
        """Measure CPU time."""
        stylize_file(self.source, self.source.with_name("painted.jpg"), self.stylizer, STYLE)

    def peakmem_file(self, network: str, size: tuple[int, int]) -> None:
        """Measure the peak memory of a process that paints."""
        self.time_file(network, size)
