"""Times and memory of networks on this machine: 8-bit pixels in, 8-bit pixels out."""

import multiprocessing
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from impasto.choices import NETWORKS
from impasto.engines import base
from impasto.errors import StyleError
from impasto.images.image import UInt8
from impasto.models.gallery import find_style
from impasto.models.network import NOISE, Network, load_shipped
from impasto.models.noise import noise_at

WARM_UP_RUNS = 3  # of each network, which do not count
TURN_RUNS = 4  # of a network before the next one takes its turn


@dataclass(frozen=True)
class TimedNetwork:
    """A network on an engine at one picture size.

    Attributes:
        network: A network that ships, or the name or path of a style with a network of its own.
        engine: Name of the engine.
        precision: Precision that is asked for.
        threads: Number of threads; None for all cores.
        width: Width of the picture in pixels, a multiple of 16.
        height: Height of the picture in pixels, a multiple of 16.
        device: Name of the device.
    """

    network: str
    engine: str
    precision: str
    threads: int | None
    width: int
    height: int
    device: str = "cpu"

    def load(self) -> tuple[Callable[[], Any], str]:
        """Load the network.

        Returns:
            A function that paints one picture, and the precision it really has.

        Raises:
            StyleError: The style is unknown, or has no network of its own.
            NetworkError: The engine is missing, or cannot run the network.
        """
        network = load_shipped(self.network) if self.network in NETWORKS else self._own_network()
        runner = base.load_engine(
            network.graph,
            self.engine,
            self.threads,
            self.precision,
            pixels=True,
            device=self.device,
        )
        embedding = np.random.default_rng(1).random((1, network.embedding_size), np.float32)
        noise = [noise_at(self.height, self.width)] if NOISE in runner.inputs else []
        return partial(runner.run, self.picture(), embedding, *noise), runner.precision

    def picture(self) -> UInt8:
        """Draw a picture of random pixels, uint8 (1, H, W, 3)."""
        size = (1, self.height, self.width, 3)
        return np.random.default_rng(0).integers(256, size=size, dtype=np.uint8)

    def _own_network(self) -> Network:
        network = find_style(self.network).own
        if not network:
            raise StyleError(
                f"cannot time {self.network}: it has no network of its own; leave it out, as "
                f"{' and '.join(NETWORKS)}, which paint it, are timed in any case"
            )
        return network


@dataclass(frozen=True)
class Timing:
    """The time of one network on one engine.

    Attributes:
        network: Name of the network.
        engine: Name of the engine.
        precision: Precision that it computes in.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        seconds: Median seconds of one picture.
        peak_bytes: Peak memory of a fresh process that loads the network and paints two pictures;
            None where it was not measured. Memory of a graphics card does not count.
        device: Name of the device.
    """

    network: str
    engine: str
    precision: str
    width: int
    height: int
    seconds: float
    peak_bytes: float | None = None
    device: str = "cpu"


def time_networks(
    networks: Sequence[TimedNetwork], runs: int, *, memory: bool = False
) -> list[Timing]:
    """Time networks in turns, so that their ratios can be trusted where their times cannot.

    Other work of the machine slows all networks alike.

    Args:
        networks: Networks to time.
        runs: Least number of runs of each network that count.
        memory: Measure peak memory too, in a fresh process for each network.

    Raises:
        ImpastoError: A network cannot be loaded.
    """
    loaded = [network.load() for network in networks]
    seconds = _time_in_turns([paint for paint, _ in loaded], runs)
    return [
        Timing(
            network.network,
            network.engine,
            precision,
            network.width,
            network.height,
            median,
            measure_peak_memory(network) if memory else None,
            network.device,
        )
        for network, (_, precision), median in zip(networks, loaded, seconds, strict=True)
    ]


def _time_in_turns(paints: Sequence[Callable[[], Any]], runs: int) -> list[float]:
    """Return the median seconds of each function."""
    for paint in paints:
        for _ in range(WARM_UP_RUNS):
            paint()
    times: list[list[float]] = [[] for _ in paints]
    while min(map(len, times)) < runs:
        for paint, own_times in zip(paints, times, strict=True):
            for run in range(TURN_RUNS):
                start = time.perf_counter()
                paint()
                if run:  # the first of a turn finds the caches full of another network's data
                    own_times.append(time.perf_counter() - start)
    return [statistics.median(values) for values in times]


def measure_peak_memory(network: TimedNetwork) -> float | None:
    """Measure the peak memory, in bytes, of a fresh process that paints two pictures.

    Returns:
        The largest resident memory that the system counted; None on Windows.
    """
    if sys.platform == "win32":
        return None
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_paint_and_count, (network,))


def _paint_and_count(network: TimedNetwork) -> float:
    paint, _ = network.load()
    for _ in range(2):
        paint()
    status = Path("/proc/self/status")
    # on Linux: the figure of `resource` there is not below the memory of the parent process
    if status.exists():
        match = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        assert match is not None
        return int(match[1]) * 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
