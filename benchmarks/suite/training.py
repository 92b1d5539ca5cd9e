"""A step of training a style, with the perceptual network that ships."""

import statistics
import time
from itertools import pairwise
from typing import ClassVar

import numpy as np

from impasto.learning.training.style import train_style

from .drawn import photo

STEPS, WARM_UP = 6, 2


class Training:
    """Steps with the default settings, and one thread."""

    params: ClassVar = [["small", "base"]]
    param_names: ClassVar = ["network"]
    unit, timeout = "CPU seconds a step", 300

    def track_step(self, network: str) -> float:
        """Measure the CPU time of a step."""
        ends = []
        train_style(
            np.asarray(photo(640, 512)),
            name="drawn",
            steps=STEPS,
            network=network,  # type: ignore[arg-type]  # one of its names
            threads=1,
            on_progress=lambda _: ends.append(time.process_time()),
        )
        steps = [after - before for before, after in pairwise(ends)]
        return statistics.median(steps[WARM_UP:])
