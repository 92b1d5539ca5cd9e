"""impasto benchmark: how fast the networks are on this machine."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import typer

from impasto import hardware
from impasto.choices import NETWORKS
from impasto.cli import console, options
from impasto.cli.requirements import require_learning
from impasto.engines import base
from impasto.errors import TrainingError
from impasto.inference.timing import TimedNetwork, Timing, time_networks
from impasto.models.network import MIN_GRAPH_SIDE, MULTIPLE

SIZES = ["512x512", "1280x720", "1920x1080"]
JOHNSON = "johnson"
Baseline = Literal["johnson", "none"]


class JohnsonBaseline(TimedNetwork):
    """A Johnson network with the dimensions of the PyTorch examples, in PyTorch eager.

    Its pictures are float32 in and out.
    """

    def load(self) -> tuple[Callable[[], Any], str]:
        """Load the network; raise TrainingError where PyTorch is missing."""
        require_learning("benchmark --against johnson")
        import torch

        from impasto.learning.networks.johnson import Johnson

        torch.set_num_threads(self.threads or hardware.available_cores())
        network = Johnson().eval()
        picture = torch.from_numpy(self.picture()).permute(0, 3, 1, 2).float() / 255

        def paint() -> torch.Tensor:
            with torch.inference_mode():
                return network(picture)

        return paint, "f32"


def benchmark(
    sizes: Annotated[
        list[str],
        typer.Option(
            "--size", help=f"Set width x height, multiples of {MULTIPLE}; may be repeated."
        ),
    ] = SIZES,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            "-s",
            metavar="FILE",
            help="Time the own network of this style too; may be repeated.",
        ),
    ] = None,
    runs: Annotated[
        int, typer.Option(min=1, help="Set the runs of each network; the median is printed.")
    ] = 15,
    against: Annotated[
        Baseline | None,
        typer.Option(
            help="Compare with a baseline: johnson is the network of the PyTorch examples, in "
            "PyTorch eager. [default: johnson if PyTorch is installed]"
        ),
    ] = None,
    engine: options.Engine = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    memory: Annotated[
        bool, typer.Option(help="Measure peak memory too, in a fresh process for each network.")
    ] = True,
    json: options.Json = False,
) -> None:
    """Time the networks alone, from 8-bit pixels to 8-bit pixels.

    The networks take turns, so their ratios can be trusted where their times cannot. Peak memory
    is that of a whole process that loads the network and paints two pictures.

    Examples:

      impasto benchmark

      impasto benchmark --precision int8 --against none

      impasto benchmark --engine openvino --size 640x480 --against none --no-memory

      impasto benchmark --style candy.safetensors --size 512x512

      impasto benchmark --json > times.jsonl
    """  # noqa: D412  # blank lines part paragraphs of the help text
    kinds = _list_kinds(style or [], engine, precision)
    for width, height in map(_parse_size, sizes):
        networks = [TimedNetwork(*kind, threads, width, height) for kind in kinds]
        if against == JOHNSON or (against is None and _has_torch()):
            networks.append(JohnsonBaseline(JOHNSON, "torch", "f32", threads, width, height))
        _show(time_networks(networks, runs, memory=memory), json)


def _list_kinds(styles: Sequence[str], engine: str, precision: str) -> list[tuple[str, str, str]]:
    """List networks, engines and precisions to time; "auto" means all engines, and int8 too."""
    engines = [engine]
    if engine == "auto":
        # without any engine, loading "auto" raises the error that says so
        engines = list(base.available_engines()) or [engine]
        if precision not in ("auto", "f32"):
            engines = ["openvino"]  # no other engine has these precisions
    kinds = [(name, used, precision) for used in engines for name in (*NETWORKS, *styles)]
    if engine == precision == "auto" and "openvino" in engines:
        kinds += [(name, "openvino", "int8") for name in NETWORKS]
    return kinds


def _show(timings: Sequence[Timing], json: bool) -> None:
    """Print a line or a JSON object for each network."""
    baseline = next((timing.seconds for timing in timings if timing.network == JOHNSON), None)
    for timing in timings:
        engine = f"{timing.engine} {timing.precision}"
        milliseconds, per_second = 1000 * timing.seconds, 1 / timing.seconds
        record: dict[str, Any] = {
            "network": timing.network,
            "engine": engine,
            "width": timing.width,
            "height": timing.height,
            "ms": round(milliseconds, 2),
            "fps": round(per_second, 1),
        }
        size = f"{timing.width}x{timing.height}"
        line = (
            f"{timing.network:8} {engine:16} {size:>10} {milliseconds:8.1f} ms "
            f"{per_second:7.1f} a second"
        )
        if timing.peak_bytes is not None:
            record["peak_mb"] = round(timing.peak_bytes / 1e6)
            line += f" {timing.peak_bytes / 1e6:6.0f} MB"
        if baseline:
            ratio = baseline / timing.seconds
            record["times_faster_than_johnson"] = round(ratio, 1)
            line += f" {ratio:6.1f} times the speed of johnson"
        console.result(line, record, json)


def _has_torch() -> bool:
    try:
        require_learning("compare with johnson")
    except TrainingError as error:
        console.note(str(error))
        return False
    return True


def _parse_size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in text.lower().split("x"))
        if min(width, height) < MIN_GRAPH_SIDE or width % MULTIPLE or height % MULTIPLE:
            raise ValueError
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no size; give width x height, multiples of {MULTIPLE} and at least"
            f" {MIN_GRAPH_SIDE}, such as 512x512"
        ) from None
    return width, height
