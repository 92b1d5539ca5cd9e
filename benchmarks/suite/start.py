"""Whole commands, from their start to their end, with caches that are filled."""

import tempfile
from pathlib import Path
from typing import ClassVar

from .children import cpu_seconds
from .drawn import photo

COMMANDS = ["bare Python", "help", "styles", "picture", "style picture"]


class Start:
    """CPU seconds of a process."""

    params: ClassVar = [COMMANDS]
    param_names: ClassVar = ["command"]
    unit, timeout = "CPU seconds", 120

    def track_process(self, command: str) -> float:
        """Measure CPU time of the process, which paints 512x512 pixels if it paints."""
        with tempfile.TemporaryDirectory() as folder:
            source, style = (Path(folder) / name for name in ("photo.jpg", "style.jpg"))
            photo(512, 512).save(source)
            photo(600, 512, seed=1).save(style)
            paint = ["stylize", str(source), "-o", f"{folder}/out.jpg", "--overwrite", "-s"]
            arguments = {
                "bare Python": ["-c", "pass"],
                "help": ["-m", "impasto", "--help"],
                "styles": ["-m", "impasto", "styles"],
                "picture": ["-m", "impasto", *paint, "starry-night"],
                "style picture": ["-m", "impasto", *paint, str(style)],
            }
            return cpu_seconds(*arguments[command])
