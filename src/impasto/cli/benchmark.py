"""impasto benchmark: how fast the networks are on this machine."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import typer

from impasto import engines
from impasto.cli import options, report
from impasto.errors import TrainingError
from impasto.networks import NETWORKS, shipped

WARM_UP = 3  # runs that do not count
Against = Literal["johnson"]


def benchmark(
    size: Annotated[str, typer.Option(help="Width x height; multiples of 8.")] = "512x512",
    runs: Annotated[int, typer.Option(min=1, help="How many to take the median of.")] = 15,
    against: Annotated[Against | None, typer.Option(help="Also the network of the PyTorch examples, in PyTorch eager.")] = None,
    engine: options.Engine = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    json: options.Json = False,
) -> None:
    """Time the networks alone, in one run, so that ratios can be trusted where times cannot.

    Examples:

      impasto benchmark

      impasto benchmark --against johnson
    """
    width, height = _size(size)
    image = np.random.default_rng(0).random((1, 3, height, width), np.float32)
    jobs: dict[str, tuple[Callable[[], Any], str]] = {}
    for name in NETWORKS:
        network = shipped(name)
        runner = engines.load(network.graph, engine, threads, precision)
        embedding = np.random.default_rng(1).random((1, network.embedding_size), np.float32)
        jobs[name] = (partial(runner.run, image, embedding), f"{runner.name} {runner.precision}")
    if against:
        jobs["johnson"] = (_johnson(image, threads), "torch eager f32")
    times = _alternate({name: job for name, (job, _) in jobs.items()}, runs)
    for name, (_, how) in jobs.items():
        ms = 1000 * times[name]
        record = {
            "network": name,
            "engine": how,
            "width": width,
            "height": height,
            "ms": round(ms, 2),
            "fps": round(1000 / ms, 1),
        }
        line = f"{name:8} {how:18} {width}x{height}  {ms:8.1f} ms  {1000 / ms:6.1f} a second"
        if against:
            record["times_faster_than_johnson"] = round(times["johnson"] / times[name], 1)
            line += f"  {times['johnson'] / times[name]:5.1f} times the speed of johnson"
        report.result(line, record, json)


def _alternate(jobs: dict[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """Median seconds of each job, in turns of a few runs: what else the machine does slows all of them alike."""
    for job in jobs.values():
        for _ in range(WARM_UP):
            job()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    while min(map(len, times.values())) < runs:
        for name, job in jobs.items():
            for i in range(4):
                start = time.perf_counter()
                job()
                if i:  # the first of a turn finds the caches full of another network's data
                    times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def _johnson(image: engines.Float32, threads: int | None) -> Callable[[], Any]:
    """A Johnson network of the PyTorch examples' dimensions in PyTorch eager."""
    try:
        import torch

        from impasto.learning.johnson import Johnson
    except ImportError as error:
        raise TrainingError(f"--against johnson needs PyTorch ({error}): pip install 'impasto[train]'") from error
    torch.set_num_threads(threads or engines.available_cores())
    network, tensor = Johnson().eval(), torch.from_numpy(image)

    def run() -> torch.Tensor:
        with torch.inference_mode():
            return network(tensor)

    return run


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in text.lower().split("x"))
        if min(width, height) < 16 or width % 8 or height % 8:
            raise ValueError
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no size: write width x height, multiples of 8 and 16 at least, as 512x512"
        ) from None
    return width, height
