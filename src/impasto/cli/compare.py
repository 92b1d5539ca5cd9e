"""impasto compare: photographs painted in every combination of what is given, on one labelled
sheet."""

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli import EXIT_SOME_FAILED, console, options
from impasto.cli.batch import files
from impasto.errors import ImpastoError, PictureError, TrainingError
from impasto.hardware import available_cores
from impasto.images.formats import WRITABLE
from impasto.images.image import Picture, UInt8
from impasto.images.writing import check_sides, write
from impasto.inference.color import parse_color
from impasto.inference.pipeline import check_recolorable
from impasto.inference.settings import StylizeSettings
from impasto.inference.stroke_size import MAX_STROKE, MIN_STROKE
from impasto.models.network import NETWORKS
from impasto.models.network import SUFFIX as NETWORK_SUFFIX
from impasto.sheets import comparison as comparisons
from impasto.sheets.comparison import ComparisonSheet, Paint
from impasto.stylizer import Stylizer
from impasto.video.formats import ANIMATIONS, is_same_file

OPTIMIZED = re.compile(r"(lbfgs|optimize)-(\d+)")
KINDS = f"{', '.join(NETWORKS)}, network files ({NETWORK_SUFFIX}), lbfgs-N and optimize-N, of N iterations"
SWEEP_SIDE = 320  # pixels of the short side, unless another is given


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
            help="As of stylize, by commas or repeated; a mix a:0.7,b:0.3 is one, so others have a --styles of their own.",
        ),
    ],
    strengths: Annotated[
        str, typer.Option("--strengths", "--strength", metavar="N[,N...]", help="From 0 to 1.")
    ] = "1",
    strokes: Annotated[
        str,
        typer.Option(
            "--strokes",
            "--stroke",
            metavar="N[,N...]",
            help=f"How large, from {MIN_STROKE:g} to {MAX_STROKE:g}.",
        ),
    ] = "1",
    colors: Annotated[
        str,
        typer.Option(
            "--colors",
            "--color",
            metavar="MODE[:AMOUNT][,...]",
            help="As of stylize: style,luminance:0.5",
        ),
    ] = "style",
    color_when: options.ColorWhen = "after",
    mask: options.MaskOption = None,
    region: options.Regions = None,
    networks: Annotated[
        list[str] | None,
        typer.Option(
            "--networks",
            "--network",
            "--methods",
            "-n",
            metavar="NAME[,NAME...]",
            help="What paints: base, small, network files; with impasto[train], and slowly, optimize-N (as impasto optimize, N "
            "iterations at each scale) and lbfgs-N (plain L-BFGS from the photograph). [default: base]",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            min=1,
            help="The shorter side of what is painted, in pixels; smaller photographs keep their size. "
            f"[default: {comparisons.SHORT}, or what --width needs; of --before-after as it is; of --sweep {SWEEP_SIDE}]",
        ),
    ] = None,
    width: Annotated[int, typer.Option(min=64, max=4096, help="Of a cell, in pixels.")] = 320,
    before_after: Annotated[
        bool,
        typer.Option(
            "--before-after",
            help="One picture: on the left the photograph, on the right the painting.",
        ),
    ] = False,
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            help="An animation (.gif or .webp): strength from 0 to 1 and back, again and again.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Where to. [default: compare.png, of --sweep compare.gif]"
        ),
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG, WebP and AVIF.")] = 92,
    engine: options.Engine = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output if it exists.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Paint photographs in every combination of what is given, on one labelled sheet.

    Where two things vary, photographs among them, they are the rows and columns of a table. Or, of
    one painting, the photograph beside it in one picture, or its strength in motion.

    Examples:

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
    shows = "--sweep" if sweep else "--before-after" if before_after else ""
    if before_after and sweep:
        raise typer.BadParameter("--before-after and --sweep: choose one")
    found, failures = files(photos)
    chosen: dict[str, list[Any]] = {
        "styles": options.listed(styles),
        "strengths": _numbers("strengths", strengths, 0, 1),
        "strokes": _numbers("strokes", strokes, MIN_STROKE, MAX_STROKE),
        "colors": [color.strip() for color in colors.split(",")],
        "networks": options.listed(networks or ["base"]),
    }
    chosen = {name: list(dict.fromkeys(values)) for name, values in chosen.items()}
    if empty := next((name for name, values in chosen.items() if not values), None):
        raise typer.BadParameter(f"--{empty} has no value")
    if shows:
        _check_single(context, shows, {"photographs": found} | chosen)
    target = output or Path("compare.gif" if sweep else "compare.png")
    options.check_target("-o", target, ANIMATIONS if sweep else WRITABLE, overwrite)
    all_settings = [
        options.settings(style, 1, 1, "style", "after", mask, region) for style in chosen["styles"]
    ]
    parts = [part for settings in all_settings for mix in settings.mixes for part, _ in mix.parts]
    modes = [parse_color(color, color_when) for color in chosen["colors"]]
    if any(mode.changes and mode.when == "before" for mode in modes):
        check_recolorable(parts)
    if any(part.file and is_same_file(part.file, target) for part in parts):
        raise typer.BadParameter(f"-o {target} is a style itself, which is never overwritten")
    stroked = [
        replace(settings, stroke=stroke)
        for settings in all_settings
        for stroke in chosen["strokes"]
    ]
    stylizers = [
        _stylizer(name, stroked, engine, threads, precision) for name in chosen["networks"]
    ]
    loaded: list[tuple[str, Picture]] = []
    for path in found:
        try:
            if not is_same_file(path, target):
                side = size or (SWEEP_SIDE if sweep else None)
                loaded.append(
                    (path.stem, comparisons.load(path, side, 0 if before_after else width))
                )
            elif path in map(Path, photos):  # else it is an earlier sheet in the folder
                raise PictureError(
                    f"{target} is the photograph itself, which is never overwritten; give another -o"
                )
        except ImpastoError as error:
            failures.append((str(path), error))
    for text, failure in failures:
        console.failed(console.failure(text, failure), json)
    if not loaded:
        raise typer.Exit(EXIT_SOME_FAILED)
    record: dict[str, Any] = {
        "output": str(target),
        "photos": [name for name, _ in loaded],
        **chosen,
    }
    if sweep:
        record["strengths"] = [0, 1]
    strengths_shown = comparisons.SWEEP if sweep else chosen["strengths"]
    comparison = ComparisonSheet(
        loaded, all_settings, stylizers, strengths_shown, chosen["strokes"], modes
    )
    if not shows:
        check_sides(target, *comparison.size(width))
    pictures = _painted(comparison)
    if sweep:
        pictures, shown = comparisons.there_and_back(pictures), pictures[0]
        comparisons.write_animation(target, pictures, quality=quality)
    else:
        shown = (
            comparisons.before_after(loaded[0][1].rgb, pictures[0])
            if before_after
            else comparison.sheet(pictures, width)
        )
        write(target, Picture(shown), quality)
    record |= {
        "frames" if sweep else "paintings": len(pictures),
        "width": shown.shape[1],
        "height": shown.shape[0],
    }
    record["seconds"] = round(time.perf_counter() - start, 3)
    console.result(_line(record), record, json)
    if failures:
        raise typer.Exit(EXIT_SOME_FAILED)


def _numbers(name: str, text: str, low: float, high: float) -> list[float]:
    """Numbers by commas."""
    found = []
    for part in text.split(","):
        try:
            number = float(part)
        except ValueError:
            number = math.nan
        if not low <= number <= high:
            raise typer.BadParameter(
                f"--{name}: {part.strip()!r} is not a number from {low:g} to {high:g}"
            )
        found.append(number)
    return found


def _check_single(context: typer.Context, shows: str, chosen: Mapping[str, Sequence[Any]]) -> None:
    """What shows one painting takes one of all things."""
    for name, values in chosen.items():
        if len(values) > 1:
            what = name if name == "photographs" else f"--{name}"
            raise typer.BadParameter(
                f"{shows} shows one painting; give one of {what}, not {', '.join(map(str, values))}"
            )
    idle = ["width"] + (["strengths"] if shows == "--sweep" else [])
    if said := options.given(context, idle):
        raise typer.BadParameter(f"{said[0]} has no say with {shows}; leave one of them out")


def _stylizer(
    name: str,
    all_settings: Sequence[StylizeSettings],
    engine: str,
    threads: int | None,
    precision: str,
) -> tuple[str, Paint]:
    """What paints, by the name that a user gives it, once it is known that it can paint in all of
    the manners."""
    if match := OPTIMIZED.fullmatch(name):
        try:
            from impasto.learning.optimization.stylizer import Kind, OptimizationStylizer
            from impasto.learning.training import inputs
        except ImportError as error:
            raise TrainingError(
                f"{name} needs PyTorch ({error}): pip install 'impasto[train]'"
            ) from error
        inputs.set_threads(threads or available_cores())
        kind: Kind = "lbfgs" if match[1] == "lbfgs" else "optimize"
        follower = OptimizationStylizer(
            kind, int(match[2]), Stylizer("base", engine, threads, precision), precision
        )
        for settings in all_settings:
            follower.check(settings)
        console.note(f"{name} paints by what {follower.perceptual.identity} sees")
        return name, follower
    if name not in NETWORKS and not name.lower().endswith(NETWORK_SUFFIX):
        raise typer.BadParameter(
            f"--networks: nothing paints that is called {name!r}; there are {KINDS}"
        )
    stylizer = Stylizer(name, engine, threads, precision)
    for settings in all_settings:
        for mix in settings.mixes:
            stylizer.preload(mix)
    return Path(name).name.removesuffix(NETWORK_SUFFIX), comparisons.by_network(stylizer)


def _painted(comparison: ComparisonSheet) -> list[UInt8]:
    """All paintings, with a bar."""
    pictures: list[UInt8] = []
    with console.bar() as bar:
        task = bar.add_task("painting", total=len(comparison))
        try:
            for picture in comparison.paintings(lambda done: bar.advance(task, done)):
                pictures.append(picture)
                bar.update(task, completed=len(pictures))  # at strength 0, nothing is painted
        except (
            MemoryError,
            RuntimeError,
        ) as error:  # engines report a lack of memory as RuntimeError
            reason = next(iter(str(error).strip().splitlines()), "out of memory")
            raise PictureError(
                f"painting failed ({reason}); make less of it, with --size"
            ) from error
    return pictures


def _line(record: dict[str, Any]) -> str:
    if "frames" in record:
        count = f"{record['frames']} frames"
    else:
        count = f"{record['paintings']} painting{'s' if record['paintings'] > 1 else ''}"
    return (
        f"{record['output']} ({record['width']}x{record['height']}, {count}, {record['seconds']} s)"
    )
