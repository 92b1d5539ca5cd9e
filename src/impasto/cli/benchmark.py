"""impasto benchmark: how fast the networks are on this machine."""

import multiprocessing
import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from impasto import hardware
from impasto.cli import console, options
from impasto.engines import base
from impasto.errors import StyleError, TrainingError
from impasto.models.gallery import find_style
from impasto.models.network import NETWORKS, NOISE, Network, load_shipped
from impasto.models.noise import noise_at

WARM_UP = 3  # runs that do not count
SIZES = ["512x512", "1280x720", "1920x1080"]
Against = Literal["johnson", "none"]


@dataclass(frozen=True)
class _Timing:
    """What is timed: a network on an engine, or the network to compare with (`engine` "torch")."""

    network: str  # its name, or the style that owns it
    engine: str
    precision: str
    threads: int | None
    width: int
    height: int

    def load(self) -> tuple[Callable[[], Any], str]:
        """What paints a picture once when it is called, and in which precision it does."""
        picture = np.random.default_rng(0).integers(
            256, size=(1, self.height, self.width, 3), dtype=np.uint8
        )
        if self.engine == "torch":
            return _johnson(picture, self.threads), "f32"
        network = load_shipped(self.network) if self.network in NETWORKS else _owned(self.network)
        runner = base.load_engine(
            network.graph, self.engine, self.threads, self.precision, pixels=True
        )
        embedding = np.random.default_rng(1).random((1, network.embedding_size), np.float32)
        noise = [noise_at(self.height, self.width)] if NOISE in runner.inputs else []
        return partial(runner.run, picture, embedding, *noise), runner.precision


def benchmark(
    sizes: Annotated[
        list[str],
        typer.Option("--size", help="Width x height, multiples of 8; may be given again."),
    ] = SIZES,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            "-s",
            metavar="FILE",
            help="Also the network that this style owns; may be given again.",
        ),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="How many to take the median of.")] = 15,
    against: Annotated[
        Against | None,
        typer.Option(
            help="johnson: also the network of the PyTorch examples, in PyTorch eager; by default if there is PyTorch."
        ),
    ] = None,
    engine: options.Engine = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    memory: Annotated[
        bool, typer.Option(help="Also peak memory, of a fresh process for each.")
    ] = True,
    json: options.Json = False,
) -> None:
    """Time the networks alone, 8-bit pixels in and out, in one run, so that ratios can be trusted
    where times cannot.

    Peak memory is that of a whole process that loads the network and paints twice.

    Examples:

      impasto benchmark

      impasto benchmark --precision int8 --against none

      impasto benchmark --engine openvino --size 640x480 --against none --no-memory

      impasto benchmark --style candy.safetensors --size 512x512

      impasto benchmark --json > times.jsonl
    """
    chosen = (
        [engine] if engine != "auto" else base.available_engines() or [engine]
    )  # "auto" then says that there is none
    if engine == "auto" and precision not in ("auto", "f32"):
        chosen = ["openvino"]  # the only one that has them
    kinds = [(name, each, precision) for each in chosen for name in (*NETWORKS, *(style or []))]
    if engine == precision == "auto" and "openvino" in chosen:
        kinds += [(name, "openvino", "int8") for name in NETWORKS]
    for width, height in map(_size, sizes):
        jobs = [_Timing(*kind, threads, width, height) for kind in kinds]
        if against == "johnson" or (against is None and _has_torch()):
            jobs.append(_Timing("johnson", "torch", "f32", threads, width, height))
        _report(jobs, runs, memory, json)


def _report(jobs: list[_Timing], runs: int, memory: bool, json: bool) -> None:
    """Time these jobs in turns and say what came of it, a line each."""
    loaded = {job: job.load() for job in jobs}
    times = _alternate({job: paint for job, (paint, _) in loaded.items()}, runs)
    yardstick = next((seconds for job, seconds in times.items() if job.network == "johnson"), None)
    for job, seconds in times.items():
        how = f"{job.engine} {loaded[job][1]}"
        record: dict[str, Any] = {
            "network": job.network,
            "engine": how,
            "width": job.width,
            "height": job.height,
        }
        record |= {"ms": round(1000 * seconds, 2), "fps": round(1 / seconds, 1)}
        line = f"{job.network:8} {how:16} {f'{job.width}x{job.height}':>10} {1000 * seconds:8.1f} ms {1 / seconds:7.1f} a second"
        if memory and (peak := _peak_memory(job)) is not None:
            record["peak_mb"] = round(peak)
            line += f" {peak:6.0f} MB"
        if yardstick:
            record["times_faster_than_johnson"] = round(yardstick / seconds, 1)
            line += f" {yardstick / seconds:6.1f} times the speed of johnson"
        console.result(line, record, json)


def _alternate(jobs: dict[_Timing, Callable[[], Any]], runs: int) -> dict[_Timing, float]:
    """Median seconds of each job, in turns of a few runs: what else the machine does slows all of
    them alike."""
    for paint in jobs.values():
        for _ in range(WARM_UP):
            paint()
    times: dict[_Timing, list[float]] = {job: [] for job in jobs}
    while min(map(len, times.values())) < runs:
        for job, paint in jobs.items():
            for i in range(4):
                start = time.perf_counter()
                paint()
                if i:  # the first of a turn finds the caches full of another network's data
                    times[job].append(time.perf_counter() - start)
    return {job: statistics.median(values) for job, values in times.items()}


def _peak_memory(job: _Timing) -> float | None:
    """Largest resident memory of a process that does this job, in MB, as the system counts it; None
    where it does not."""
    if sys.platform == "win32":
        return None
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_paint_and_count, (job,))


def _paint_and_count(job: _Timing) -> float:
    paint, _ = job.load()
    for _ in range(2):
        paint()
    status = Path("/proc/self/status")
    # on Linux; what `resource` tells there is not below the memory of the process that started this
    # one
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1]) * 1024 / 1e6  # type: ignore[index]
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _owned(spec: str) -> Network:
    own = find_style(spec).own
    if not own:
        raise StyleError(
            f"{spec} owns no network; {' and '.join(NETWORKS)}, which paint it, are timed in any case"
        )
    return own


def _has_torch() -> bool:
    try:
        import torch  # noqa: F401
    except ImportError:
        console.note(
            "PyTorch is not installed, so there is nothing to compare with; pip install 'impasto[train]'"
        )
        return False
    return True


def _johnson(picture: base.Array, threads: int | None) -> Callable[[], Any]:
    """A Johnson network of the PyTorch examples' dimensions in PyTorch eager, float32 in and
    out."""
    try:
        import torch

        from impasto.learning.networks.johnson import Johnson
    except ImportError as error:
        raise TrainingError(
            f"--against johnson needs PyTorch ({error}): pip install 'impasto[train]'"
        ) from error
    torch.set_num_threads(threads or hardware.available_cores())
    network, tensor = Johnson().eval(), torch.from_numpy(picture).permute(0, 3, 1, 2).float() / 255

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
