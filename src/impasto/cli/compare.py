"""impasto compare: paint photographs in every combination of settings, on one labeled sheet."""

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from impasto.batch.inputs import find_paths
from impasto.choices import MAX_STROKE, MIN_STROKE, NETWORKS
from impasto.cli import EXIT_SOME_FAILED, console, options
from impasto.engines.base import Floats
from impasto.errors import TrainingError
from impasto.hardware import available_cores
from impasto.hub import is_reference
from impasto.images.formats import DEFAULT_QUALITY, WRITABLE
from impasto.inference.color import Color, parse_color
from impasto.inference.pipeline import check_recolorable
from impasto.inference.settings import StylizeSettings
from impasto.models.network import SUFFIX as NETWORK_SUFFIX
from impasto.progress import Progress
from impasto.sheets import comparison
from impasto.sheets.comparison import (
    DEFAULT_SHORT_SIDE,
    ComparisonKind,
    ComparisonResult,
    ComparisonSheet,
    PaintFunction,
    load_photos,
    network_painter,
)
from impasto.sheets.contact_sheet import CELL_WIDTH
from impasto.stylizer import Stylizer
from impasto.video.formats import ANIMATIONS, is_same_file

OPTIMIZER_NAME = re.compile(r"(lbfgs|optimize)-(\d+)")
PAINTER_NAMES = (
    f"{', '.join(NETWORKS)}, network files ({NETWORK_SUFFIX}), or lbfgs-N and optimize-N, of N"
    " iterations"
)
SWEEP_SHORT_SIDE = 320  # pixels, unless --size gives another


def compare(
    context: typer.Context,
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTO", help="Pictures, folders of them, or globs.")
    ],
    styles: Annotated[
        list[str],
        typer.Option(
            "--styles",
            "--style",
            "-s",
            metavar="STYLE[,STYLE...]",
            help="Compare these styles, separated by commas or repeated. A mix a:0.7,b:0.3 is one"
            " style, so others need a --styles of their own.",
            rich_help_panel=options.COMMON,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write to this file. [default: compare.png, of --sweep compare.gif]",
            rich_help_panel=options.COMMON,
        ),
    ] = None,
    strengths: Annotated[
        str,
        typer.Option(
            "--strengths",
            "--strength",
            metavar="N[,N...]",
            help="Compare these strengths, from 0 to 1.",
            rich_help_panel=options.COMMON,
        ),
    ] = "1",
    colors: Annotated[
        str,
        typer.Option(
            "--colors",
            "--color",
            metavar="MODE[:AMOUNT][,...]",
            help="Compare these color modes, as of stylize: style,luminance:0.5",
            rich_help_panel=options.COMMON,
        ),
    ] = "style",
    networks: Annotated[
        list[str] | None,
        typer.Option(
            "--networks",
            "--network",
            "--methods",
            "-n",
            metavar="NAME[,NAME...]",
            help="Compare these networks: large, base, small, network files. With impasto[train],"
            " and slowly: optimize-N (as impasto optimize, N iterations at each scale) and lbfgs-N"
            " (plain L-BFGS from the photograph). [default: base]",
            rich_help_panel=options.COMMON,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    color_when: options.ColorWhen = "after",
    mask: options.MaskOption = None,
    region: options.Regions = None,
    strokes: Annotated[
        str,
        typer.Option(
            "--strokes",
            "--stroke",
            metavar="N[,N...]",
            help=f"Compare these sizes of strokes, from {MIN_STROKE:g} to {MAX_STROKE:g}.",
            rich_help_panel=options.COLORS,
        ),
    ] = "1",
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            min=1,
            help="Set the shorter side of what is painted, in pixels. Smaller photographs keep"
            f" their size. [default: {DEFAULT_SHORT_SIDE}, or what --width needs; of"
            f" --before-after the size of the photograph; of --sweep {SWEEP_SHORT_SIDE}]",
            rich_help_panel=options.PICTURES,
        ),
    ] = None,
    width: Annotated[
        int,
        typer.Option(
            "--width",
            min=64,
            max=4096,
            help="Set the width of a cell, in pixels.",
            rich_help_panel=options.PICTURES,
        ),
    ] = CELL_WIDTH,
    quality: options.Quality = DEFAULT_QUALITY,
    before_after: Annotated[
        bool,
        typer.Option(
            "--before-after",
            help="Make one picture: on the left the photograph, on the right the painting.",
            rich_help_panel=options.PICTURES,
        ),
    ] = False,
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            help="Make an animation (.gif or .webp) of the strength from 0 to 1 and back.",
            rich_help_panel=options.PICTURES,
        ),
    ] = False,
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    json: options.Json = False,
) -> None:
    """Paint photographs in every combination of settings, on one labeled sheet.

    Where two things vary, photographs among them, they are the rows and columns of a table. With
    --before-after or --sweep, one painting is shown: beside its photograph, or in motion.

    For example:

      impasto compare photo.jpg --styles starry-night,great-wave,tulip.jpg

      impasto compare photo.jpg --styles starry-night,udnie --strengths 0.25,0.5,0.75,1 -o
      strengths.jpg

      impasto compare holiday/ --styles tulip.jpg --styles starry-night:0.7,great-wave:0.3

      impasto compare photo.jpg --styles tulip.jpg --colors style,luminance,linear-mkl --networks
      base,small

      impasto compare photo.jpg --styles tulip.jpg --methods base,small,optimize-50 --size 256

      impasto compare photo.jpg --styles starry-night --before-after -o before-after.jpg

      impasto compare photo.jpg --styles starry-night --sweep -o sweep.webp
    """
    start = time.perf_counter()
    kind = _kind(before_after, sweep)
    paths, failures = find_paths(photos)
    values = _values(
        styles=options.listed(styles),
        strengths=_numbers("strengths", strengths, 0, 1),
        strokes=_numbers("strokes", strokes, MIN_STROKE, MAX_STROKE),
        colors=[color.strip() for color in colors.split(",")],
        networks=options.listed(networks or ["base"]),
    )
    if kind != "sheet":
        _check_single(context, f"--{kind}", {"photographs": paths} | values)
    target = output or Path("compare.gif" if kind == "sweep" else "compare.png")
    options.check_target("-o", target, ANIMATIONS if kind == "sweep" else WRITABLE, overwrite)
    all_settings = [
        options.settings(style, 1, 1, "style", "after", mask, region) for style in values["styles"]
    ]
    modes = [parse_color(color, color_when) for color in values["colors"]]
    _check_styles(all_settings, modes, target)
    stroked = [
        replace(settings, stroke=stroke)
        for settings in all_settings
        for stroke in values["strokes"]
    ]
    names = comparison.distinct_labels([_painter_label(name) for name in values["networks"]])
    load = partial(Stylizer, engine=engine, threads=threads, precision=precision, device=device)
    painters = [_painter(name, stroked, load, threads, precision) for name in values["networks"]]
    stylizers = list(zip(names, painters, strict=True))
    side = size or (SWEEP_SHORT_SIDE if kind == "sweep" else None)
    cell = 0 if kind == "before-after" else width
    loaded, unread = load_photos(paths, target, set(map(Path, photos)), side, cell)
    failures += unread
    for text, failure in failures:
        console.failed(console.failure(text, failure), json)
    if not loaded:
        raise typer.Exit(EXIT_SOME_FAILED)
    sheet = ComparisonSheet(
        loaded, all_settings, stylizers, values["strengths"], values["strokes"], modes
    )
    with console.bar() as bar:
        task = bar.add_task("painting", total=1)

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.fraction)

        result = comparison.compare(
            sheet, target, kind, width=width, quality=quality, on_progress=show
        )
    record = {"output": str(target), "photos": [name for name, _ in loaded], **values}
    _report(result, record, time.perf_counter() - start, json)
    if failures:
        raise typer.Exit(EXIT_SOME_FAILED)


def _kind(before_after: bool, sweep: bool) -> ComparisonKind:
    if before_after and sweep:
        raise typer.BadParameter("--before-after and --sweep: choose one")
    if sweep:
        return "sweep"
    return "before-after" if before_after else "sheet"


def _values(**lists: Sequence[Any]) -> dict[str, list[Any]]:
    """Return the values of each option, each once."""
    for name, values in lists.items():
        if not values:
            raise typer.BadParameter(f"--{name} has no value")
    return {name: list(dict.fromkeys(values)) for name, values in lists.items()}


def _numbers(name: str, text: str, low: float, high: float) -> list[float]:
    """Parse numbers that are separated by commas."""
    numbers = []
    for part in text.split(","):
        try:
            number = float(part)
        except ValueError:
            number = math.nan
        if not low <= number <= high:
            raise typer.BadParameter(
                f"--{name}: {part.strip()!r} is not a number from {low:g} to {high:g}"
            )
        numbers.append(number)
    return numbers


def _check_single(context: typer.Context, option: str, values: Mapping[str, Sequence[Any]]) -> None:
    """Raise BadParameter where an option that shows one painting has several values."""
    for name, several in values.items():
        if len(several) > 1:
            what = name if name == "photographs" else f"--{name}"
            raise typer.BadParameter(
                f"{option} shows one painting; give one of {what}, not"
                f" {', '.join(map(str, several))}"
            )
    unused = ["width"] + (["strengths"] if option == "--sweep" else [])
    if names := options.given(context, unused):
        raise typer.BadParameter(f"{names[0]} does not apply to {option}; leave one of them out")


def _check_styles(
    all_settings: Sequence[StylizeSettings], modes: Sequence[Color], target: Path
) -> None:
    """Check that styles can be recolored where that is asked for, and that none is the target."""
    parts = [part for settings in all_settings for mix in settings.mixes for part, _ in mix.parts]
    if any(mode.changes and mode.when == "before" for mode in modes):
        check_recolorable(parts)
    if any(part.file and is_same_file(part.file, target) for part in parts):
        raise typer.BadParameter(
            f"cannot write -o {target}: it is a style itself, which is never overwritten; give"
            " another -o"
        )


def _painter_label(name: str) -> tuple[str, Path | None]:
    """Return the label of what paints, and its file if it is one."""
    if not name.lower().endswith(NETWORK_SUFFIX):
        return name, None
    return Path(name).name.removesuffix(NETWORK_SUFFIX), Path(name)


def _painter(
    name: str,
    all_settings: Sequence[StylizeSettings],
    load: Callable[[str], Stylizer],
    threads: int | None,
    precision: str,
) -> PaintFunction:
    """Load what paints under a name, and check that it can paint with all settings."""
    if match := OPTIMIZER_NAME.fullmatch(name):
        try:
            from impasto.learning.optimization.stylizer import Kind, OptimizationStylizer
            from impasto.learning.training import inputs
        except ImportError as error:
            raise TrainingError(
                f"cannot paint with {name}: PyTorch is missing ({error}); run: pip install"
                " 'impasto[train]'"
            ) from error
        inputs.set_threads(threads or available_cores())
        kind: Kind = "lbfgs" if match[1] == "lbfgs" else "optimize"
        floats = precision if precision in get_args(Floats) else "auto"
        optimizer = OptimizationStylizer(kind, int(match[2]), load("base"), floats)
        for settings in all_settings:
            optimizer.check(settings)
        console.note(f"{name} optimizes the features of {optimizer.perceptual.identity}")
        return optimizer
    is_file = name.lower().endswith(NETWORK_SUFFIX) or is_reference(name)
    if name not in NETWORKS and not is_file:
        raise typer.BadParameter(
            f"--networks: cannot paint with {name!r}: no such network; use {PAINTER_NAMES}"
        )
    stylizer = load(name)
    for settings in all_settings:
        for mix in settings.mixes:
            stylizer.preload(mix)
    return network_painter(stylizer)


def _report(
    result: ComparisonResult, record: Mapping[str, Any], seconds: float, json: bool
) -> None:
    is_sweep = result.kind == "sweep"
    unit = "frame" if is_sweep else "painting"
    strengths = {"strengths": [0, 1]} if is_sweep else {}
    size = {"width": result.width, "height": result.height, "seconds": round(seconds, 3)}
    count = f"{result.count} {unit}{'s' if result.count != 1 else ''}"
    line = f"{result.target} ({result.width}x{result.height}, {count}, {size['seconds']} s)"
    console.result(line, {**record, **strengths, f"{unit}s": result.count, **size}, json)
