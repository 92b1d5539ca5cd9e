"""Measure pictures and video frames a second on a graphics card, and the difference to the CPU.

  python benchmarks/gpu_speed.py [-o docs/explanation/measured/gpu-speed.json] [--minutes 10]
  [--networks base,small,large] [--precisions f16,bf16,f32] [--sizes 1920x1080,3840x2160]
  [--profile]

It needs PyTorch, with a build for the card, and no connection. ONNX Runtime is measured too where
its wheel has a provider for the card. Without a card it runs on the CPU, to try the script.

For each engine, network, precision and size, after a warm-up:

- picture: a whole picture from 8-bit pixels in the memory of the CPU to 8-bit pixels there;
- frame: the same of a video with frozen statistics, as `impasto stylize` paints videos;
- resident (PyTorch): the frame alone, with pixels that are in the memory of the card already;
- levels: the largest and the mean difference to the CPU in f32, on a picture of 512x512.

What is left when the minutes are over is left out; what comes first matters most. The file is
written after each line, so that a run that is stopped is not lost.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import impasto
from impasto.engines import base
from impasto.engines.devices import find_devices
from impasto.errors import NetworkError, one_line
from impasto.files import write_atomically
from impasto.hardware import available_cores, cpu_name
from impasto.inference.frozen_norm import NormStatistics, freeze_norms
from impasto.inference.prepared_style import MARGIN
from impasto.inference.record import package_version
from impasto.learning.torch_engine import TorchEngine
from impasto.models.gallery import gallery_style
from impasto.models.network import MULTIPLE, NOISE, Network, load_shipped
from impasto.models.noise import noise_at

RECORDS = Path(__file__).parents[1] / "docs" / "explanation" / "measured" / "gpu-speed.json"
STYLE = "starry-night"
CHECK_SIDE = 512  # pixels of the picture that is compared with the CPU
WARM_UP_RUNS = 6  # among which PyTorch records its CUDA graph
MAX_SECONDS = 2.0  # of one figure
MIN_RUNS = 5


class Part(NamedTuple):
    """A graph, and what it takes besides a picture.

    Attributes:
        name: "picture" or "frame".
        graph: ONNX, serialized.
        embedding: float32 (1, size).
    """

    name: str
    graph: bytes
    embedding: Any


class Way(NamedTuple):
    """An engine, its device, and a precision."""

    engine: str
    device: str
    precision: str


def main() -> None:
    """Run the command of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=RECORDS)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--networks", default="base,small,large")
    parser.add_argument("--precisions", default="f16,bf16,f32")
    parser.add_argument("--sizes", default="1920x1080,3840x2160")
    parser.add_argument(
        "--profile", action="store_true", help="print the slowest kernels of the first network too"
    )
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    facts, records = describe_machine(), list[dict[str, Any]]()
    print(json.dumps(facts), flush=True)
    sizes = [tuple(map(int, size.split("x"))) for size in arguments.sizes.split(",")]
    for network in map(load_shipped, arguments.networks.split(",")):
        parts, expected = prepare(network)
        for way in list_ways(arguments.precisions.split(",")):
            if time.monotonic() > end:
                print("the minutes are over", flush=True)
                return
            try:
                for record in measure(network, parts, way, sizes, expected):
                    records.append(record)
                    print(json.dumps(record), flush=True)
            except (NetworkError, RuntimeError) as error:  # such as too little memory
                records.append({**way._asdict(), "network": network.name, "error": one_line(error)})
                print(json.dumps(records[-1]), flush=True)
            content = json.dumps({"machine": facts, "records": records}, indent=1)
            write_atomically(arguments.output, f"{content}\n".encode())
    if arguments.profile:
        profile(load_shipped(arguments.networks.split(",")[0]), sizes[-1])


def describe_machine() -> dict[str, Any]:
    """Describe the card, the CPU and the versions."""
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "card": card,
        "devices": [f"{device} ({device.label})" for device in find_devices()],
        "cpu": cpu_name(),
        "threads": available_cores(),
        "system": platform.system(),
        "impasto": impasto.__version__,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "onnxruntime": package_version("onnxruntime") or package_version("onnxruntime-gpu"),
    }


def list_ways(precisions: list[str]) -> Iterator[Way]:
    """List engines and precisions: PyTorch, then ONNX Runtime; on the CPU if there is no card."""
    found = [device for device in find_devices() if device.engine in ("torch", "onnxruntime")]
    drivers = [(device.engine, device.name) for device in reversed(found) if not device.objection]
    for engine, device in drivers or [("torch", "cpu")]:
        for precision in precisions:
            if engine == "torch" or precision != "bf16":
                yield Way(engine, device, precision)


def prepare(network: Network) -> tuple[list[Part], dict[str, Any]]:
    """Make the graphs of pictures and frames, and paint the picture to compare with on the CPU.

    Returns:
        The graphs, and by their names the painting, int (1, H, W, 3).
    """
    frozen = freeze_norms(network.graph)
    embedding = gallery_style(STYLE).embedding(network)
    picture = make_picture(CHECK_SIDE, CHECK_SIDE)
    measuring = base.load_engine(frozen.measuring, precision="f32", pixels=True)
    inputs = list_inputs(measuring, picture, embedding[None])
    folded = frozen.fold(embedding, NormStatistics.of_output(measuring.run(*inputs)))
    parts = [
        Part("picture", network.graph, embedding[None]),
        Part("frame", frozen.plain, folded[None]),
    ]
    expected = {}
    for part in parts:
        engine = base.load_engine(part.graph, precision="f32", pixels=True)
        painted = engine.run(*list_inputs(engine, picture, part.embedding))
        expected[part.name] = painted.astype(int)
    return parts, expected


def measure(
    network: Network,
    parts: list[Part],
    way: Way,
    sizes: list[tuple[int, ...]],
    expected: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """Time all parts of a network and all sizes in one way; yield a record for each."""
    for part in parts:
        began = time.perf_counter()
        engine = base.load_engine(
            part.graph, way.engine, None, way.precision, pixels=True, device=way.device
        )
        inputs = list_inputs(engine, make_picture(CHECK_SIDE, CHECK_SIDE), part.embedding)
        difference = np.abs(engine.run(*inputs).astype(int) - expected[part.name])
        first = time.perf_counter() - began
        for width, height in sizes:
            inputs = list_inputs(engine, make_picture(height, width), part.embedding)
            seconds = time_runs(partial(engine.run, *inputs))
            record = {
                "network": network.name,
                **way._asdict(),
                "part": part.name,
                "width": width,
                "height": height,
                "ms": round(1000 * seconds, 3),
                "per_second": round(1 / seconds, 2),
                "largest_levels": int(difference.max()),
                "mean_levels": round(float(difference.mean()), 4),
                "first_picture_seconds": round(first, 2),
            }
            if isinstance(engine, TorchEngine):
                record |= measure_resident(engine, inputs)
            yield record


def measure_resident(engine: TorchEngine, inputs: list[Any]) -> dict[str, Any]:
    """Time a graph on pixels that are in the memory of the card, and read its peak memory."""
    place = torch.device("cuda" if engine.device in ("cuda", "rocm") else engine.device)
    tensors = [torch.from_numpy(array).to(place) for array in inputs]

    def paint() -> None:
        with torch.inference_mode():
            engine._paint(tensors)
        if place.type == "cuda":
            torch.cuda.synchronize()

    seconds = time_runs(paint)
    record = {
        "resident_ms": round(1000 * seconds, 3),
        "resident_per_second": round(1 / seconds, 2),
    }
    if place.type == "cuda":
        record["recorded"] = bool(engine._captured)
        record["card_mb"] = round(torch.cuda.max_memory_allocated() / 1e6)
        torch.cuda.reset_peak_memory_stats()
    return record


def profile(network: Network, size: tuple[int, ...]) -> None:
    """Print the operations of PyTorch that take longest, on the card if there is one."""
    from torch.profiler import ProfilerActivity

    width, height = size
    is_cuda = torch.cuda.is_available()
    engine = TorchEngine(
        network.graph,
        available_cores(),
        "f16" if is_cuda else "f32",
        True,
        "cuda" if is_cuda else "cpu",
    )
    engine._captures = False  # a CUDA graph hides the names of operations
    embedding = gallery_style(STYLE).embedding(network)[None]
    inputs = list_inputs(engine, make_picture(height, width), embedding)
    engine.run(*inputs)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if is_cuda else [])]
    with torch.profiler.profile(activities=activities) as profiler:
        engine.run(*inputs)
    order = "cuda_time_total" if is_cuda else "cpu_time_total"
    print(profiler.key_averages().table(sort_by=order, row_limit=25), flush=True)


def time_runs(run: Callable[[], Any]) -> float:
    """Return the median seconds of a run, after a warm-up."""
    for _ in range(WARM_UP_RUNS):
        run()
    times, end = list[float](), time.perf_counter() + MAX_SECONDS
    while len(times) < MIN_RUNS or time.perf_counter() < end:
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def make_picture(height: int, width: int) -> Any:
    """Draw a picture with its mirrored border, uint8 (1, H, W, 3), sides multiples of 16."""
    height, width = (-(-(side + 2 * MARGIN) // MULTIPLE) * MULTIPLE for side in (height, width))
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 40 + y / 90), np.cos(y / 30), np.sin((x + y) / 17)]
    return (127.5 + 127 * np.stack(waves, axis=-1)).astype(np.uint8)[None]


def list_inputs(engine: base.Engine, picture: Any, embedding: Any) -> list[Any]:
    """List the inputs that an engine takes, in order."""
    _, height, width, _ = picture.shape
    noise = [noise_at(height, width, -MARGIN, -MARGIN)] if NOISE in engine.inputs else []
    return [picture, embedding.astype(np.float32), *noise]


if __name__ == "__main__":
    main()
