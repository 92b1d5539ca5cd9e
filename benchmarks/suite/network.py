"""The networks alone: 8-bit pixels in and out at 512x512, with one thread."""

import time
from typing import ClassVar

from impasto.inference.timing import TimedNetwork

NETWORKS, PRECISIONS = ["small", "base", "large"], ["f32", "int8"]
SIDE = 512  # pixels


class Network:
    """One run of a network."""

    params: ClassVar = [NETWORKS, PRECISIONS]
    param_names: ClassVar = ["network", "precision"]
    timer = time.process_time
    number, repeat, warmup_time, rounds = 4, 3, 0.0, 1

    def setup(self, network: str, precision: str) -> None:
        """Load the network, and compile it: asv does so before each of its repetitions."""
        self.paint, _ = TimedNetwork(network, "auto", precision, 1, SIDE, SIDE).load()
        self.paint()

    def time_paint(self, network: str, precision: str) -> None:
        """Measure CPU time."""
        self.paint()

    def peakmem_paint(self, network: str, precision: str) -> None:
        """Measure the peak memory of a process that paints."""
        self.paint()
