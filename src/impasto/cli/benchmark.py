"""impasto benchmark: how fast the networks are on this machine."""

import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import typer

from impasto import __version__, hardware
from impasto.choices import NETWORKS
from impasto.cli import console, options
from impasto.cli.requirements import require_learning
from impasto.engines import base
from impasto.engines.devices import AUTO, CPU, find_devices, list_candidates
from impasto.errors import ImpastoError, TrainingError, one_line
from impasto.inference.record import package_version
from impasto.inference.timing import TimedNetwork, Timing, time_networks
from impasto.models.network import MIN_GRAPH_SIDE, MULTIPLE

SIZES = ["512x512", "1280x720", "1920x1080"]
JOHNSON = "johnson"
COLUMNS = (  # of the table in Markdown
    *("network", "engine", "device", "precision", "size", "ms", "a second", "MB"),
    "times the speed of johnson",
)
# precisions of GPUs, by engine
DEVICE_PRECISIONS = {
    "openvino": ("f16", "f32"),
    "onnxruntime": ("f16", "f32"),
    "torch": ("f16", "bf16", "f32"),
}
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
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    memory: Annotated[
        bool, typer.Option(help="Measure peak memory too, in a fresh process for each network.")
    ] = True,
    markdown: Annotated[
        bool,
        typer.Option(
            "--markdown", help="Print a Markdown table with facts about the machine, for an issue."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Time the networks alone, from 8-bit pixels to 8-bit pixels.

    Without --engine, --device and --precision, all engines, devices and precisions that are found
    are timed. The networks take turns, so their ratios can be trusted where their times cannot.
    Peak memory is that of a whole process that loads the network and paints two pictures.

    Examples:

      impasto benchmark

      impasto benchmark --markdown > times.md

      impasto benchmark --device cpu --precision int8 --against none

      impasto benchmark --engine openvino --size 640x480 --against none --no-memory

      impasto benchmark --style candy.safetensors --size 512x512

      impasto benchmark --json > times.jsonl
    """  # noqa: D412  # blank lines part paragraphs of the help text
    ways = _list_ways(engine, device, precision)
    if markdown:
        print(_describe_machine(threads))
    for width, height in map(_parse_size, sizes):
        networks = [
            TimedNetwork(name, *way[:2], threads, width, height, way[2])
            for way in ways
            for name in (*NETWORKS, *(style or []))
            if way[1] != "int8" or name in NETWORKS or precision == "int8"
        ]
        if against == JOHNSON or (against is None and _has_torch()):
            networks.append(JohnsonBaseline(JOHNSON, "torch", "f32", threads, width, height))
        networks = _keep_loadable(networks) if device == "auto" else networks
        _show(time_networks(networks, runs, memory=memory), json, markdown)


def _list_ways(engine: str, device: str, precision: str) -> list[tuple[str, str, str]]:
    """List engines, precisions and devices to time; "auto" means all that are found."""
    ways: list[tuple[str, str, str]] = []
    if device in (AUTO, CPU):
        ways += [(name, precision, CPU) for name in _list_cpu_engines(engine, precision)]
        if engine == precision == AUTO and ways[0][0] == "openvino":
            ways.append(("openvino", "int8", CPU))
    if device == AUTO and precision != "int8":
        found = find_devices(engine)
    elif device != CPU:
        found = list_candidates(engine, device, precision)
    else:
        found = []
    for one in found:
        all_precisions = DEVICE_PRECISIONS[one.engine] if one.kind == "gpu" else ("f16",)
        chosen = all_precisions if precision == AUTO else (precision,)
        ways += [(one.engine, each, one.name) for each in chosen if each in all_precisions]
    return ways


def _list_cpu_engines(engine: str, precision: str) -> list[str]:
    """List the engines to time on the CPU.

    PyTorch is left out, unless it was asked for: impasto paints by it on GPUs, and on a CPU only
    where no other engine is installed.
    """
    if engine != AUTO:
        return [engine]
    if precision not in (AUTO, "f32"):
        return ["openvino"]  # no other engine has these precisions
    installed = base.available_engines()
    # without any engine, loading "auto" raises the error that says so
    return [name for name in installed if name != "torch"] or installed or [engine]


def _keep_loadable(networks: Sequence[TimedNetwork]) -> list[TimedNetwork]:
    """Leave out the devices on which a network does not load, with a note on each."""
    failed, kept = dict[tuple[str, str], str](), []
    for network in networks:
        way = network.engine, network.device
        if network.device != CPU and way not in failed:
            try:
                network.load()[0]()
            except (ImpastoError, RuntimeError) as error:
                failed[way] = one_line(error)
                console.note(f"{network.device} by {network.engine} is left out: {failed[way]}")
        if way not in failed:
            kept.append(network)
    return kept


def _describe_machine(threads: int | None) -> str:
    """Describe versions, system and CPU, and begin a table in Markdown."""
    packages = {name: package_version(name) for name in base.available_engines()}
    versions = [f"impasto {__version__}", f"Python {platform.python_version()}"]
    versions += [f"{name} {version}" for name, version in packages.items() if version]
    facts = [
        ", ".join(versions),
        f"{platform.system()} {platform.release()} ({platform.machine()})",
        f"{hardware.cpu_name()}, {threads or hardware.available_cores()} threads",
        *(f"{device}: {device.label}" for device in find_devices() if device.label),
    ]
    head = " | ".join(COLUMNS)
    lines = [f"- {fact}" for fact in facts]
    return "\n".join([*lines, "", f"| {head} |", f"|{'---|' * 4}{'---:|' * (len(COLUMNS) - 4)}"])


def _show(timings: Sequence[Timing], json: bool, markdown: bool) -> None:
    """Print a line, a row of a table, or a JSON object for each network."""
    baseline = next((timing.seconds for timing in timings if timing.network == JOHNSON), None)
    for timing in timings:
        engine = f"{timing.engine} {timing.precision}"
        milliseconds, per_second = 1000 * timing.seconds, 1 / timing.seconds
        record: dict[str, Any] = {
            "network": timing.network,
            "engine": engine,
            "device": timing.device,
            "width": timing.width,
            "height": timing.height,
            "ms": round(milliseconds, 2),
            "fps": round(per_second, 1),
        }
        size = f"{timing.width}x{timing.height}"
        line = (
            f"{timing.network:8} {engine:16} {timing.device:8} {size:>9} {milliseconds:8.1f} ms "
            f"{per_second:7.1f} a second"
        )
        if timing.peak_bytes is not None:
            record["peak_mb"] = round(timing.peak_bytes / 1e6)
            line += f" {timing.peak_bytes / 1e6:6.0f} MB"
        if baseline:
            ratio = baseline / timing.seconds
            record["times_faster_than_johnson"] = round(ratio, 1)
            line += f" {ratio:6.1f} times the speed of johnson"
        console.result(_to_row(record) if markdown else line, record, json)


def _to_row(record: Mapping[str, Any]) -> str:
    """Write a record as a row of the table that `_describe_machine` begins."""
    engine, _, precision = record["engine"].partition(" ")
    size = f"{record['width']}x{record['height']}"
    cells = [record["network"], engine, record["device"], precision, size]
    cells += [record.get(key, "") for key in ("ms", "fps", "peak_mb", "times_faster_than_johnson")]
    return f"| {' | '.join(map(str, cells))} |"


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
