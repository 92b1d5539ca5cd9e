"""Options that several verbs share, each written once."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto import choices
from impasto.choices import (
    GRADIENTS,
    MAX_PIXELS,
    MAX_PIXELS_PER_BYTE,
    MAX_STREAMED_PIXELS,
    MAX_STROKE,
    MIN_STROKE,
    MODES,
    When,
    Wrap,
)
from impasto.cli import console
from impasto.engines import base
from impasto.engines.devices import DeviceName
from impasto.errors import OutputError
from impasto.files import address, unwritable_reason

if TYPE_CHECKING:
    from impasto.inference.settings import StylizeSettings
    from impasto.models.mix import Mix
    from impasto.models.style import Style

# Panels of options in help texts. Help shows them in the order of their first options.
COMMON = "Common options"
COLORS = "Color, masks and strokes"
PICTURES = "Pictures"
VIDEO = "Video"
BATCHES = "Batches"
ENGINE = "Engine"
OTHER = "Other options"

_WEIGHT = re.compile(r":\s*[\d.]+\s*(,|$)")
MIN_STYLE_DEVIATION = 2.0  # levels of 255; the pixels of a flatter style picture show nothing

# Common options

Strength = Annotated[
    float,
    typer.Option(
        "--strength",
        min=0,
        max=1,
        help="Set how strong the style is, from 0 (the photograph) to 1 (the full style).",
        rich_help_panel=COMMON,
    ),
]
Color = Annotated[
    str | None,
    typer.Option(
        "--color",
        metavar="MODE[:AMOUNT]",
        help=f"Choose the colors of the painting: {', '.join(MODES)}. All but style keep the"
        " photograph's colors; luminance:0.5 keeps half of them."
        " [default: as the style was learned, usually style]",
        rich_help_panel=COMMON,
    ),
]
NETWORK_HELP = (
    "Choose the network: large, which is slow and comes nearest to a style; base, which keeps more"
    " of the photograph; small, the fastest, for video; or a network file, such as one of an older"
    " gallery, or one on the Hub: hf:user/repo/networks/base."
)
Network = Annotated[
    str,
    typer.Option(
        "--network",
        "-n",
        metavar="base|large|small|FILE",
        help=NETWORK_HELP,
        rich_help_panel=COMMON,
    ),
]
DefaultNetwork = Annotated[
    str,
    typer.Option(
        "--network",
        "-n",
        metavar="auto|base|large|small|FILE",
        help=f"{NETWORK_HELP} auto takes large for styles of the gallery, and base for videos and"
        " for pictures as styles.",
        rich_help_panel=COMMON,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace outputs that exist. Without it they are kept.",
        rich_help_panel=COMMON,
    ),
]

# Color, masks and strokes

ColorWhen = Annotated[
    When,
    typer.Option(
        "--color-when",
        help="Recolor the painting after it is painted, or the style's picture before, so that"
        " strokes are painted in those colors.",
        rich_help_panel=COLORS,
    ),
]
MaskOption = Annotated[
    str | None,
    typer.Option(
        "--mask",
        metavar="MASK",
        help="Paint where a mask is white, keep the photograph where it is black: a grayscale"
        f" picture, alpha (the photograph's own transparency), or {', '.join(GRADIENTS)};"
        " not:MASK inverts it.",
        rich_help_panel=COLORS,
    ),
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="MASK=STYLE",
        help="Paint another style where a mask is white. May be repeated; later regions lie over"
        " earlier ones.",
        rich_help_panel=COLORS,
    ),
]
Stroke = Annotated[
    float | None,
    typer.Option(
        "--stroke",
        min=MIN_STROKE,
        max=MAX_STROKE,
        help="Set the size of strokes: 2 is twice as large, 0.5 half as large; for videos 1 or"
        " more. [default: 1; for videos 2 from 720 rows and 4 from 1440 rows, which are painted"
        " at half or a quarter of the size and so are faster]",
        rich_help_panel=COLORS,
    ),
]

# Pictures

Size = Annotated[
    int | None,
    typer.Option(
        "--size",
        min=1,
        help="Pictures: set the shorter side of the painting, in pixels. Smaller pictures keep"
        " their size.",
        rich_help_panel=PICTURES,
    ),
]
WrapOption = Annotated[
    Wrap,
    typer.Option(
        "--wrap",
        help="Pictures: paint without a seam where sides meet: horizontal for 360-degree panoramas,"
        " both for textures.",
        rich_help_panel=PICTURES,
    ),
]
Quality = Annotated[
    int,
    typer.Option(
        "--quality",
        min=1,
        max=100,
        help="Set the quality of JPEG, WebP, AVIF and videos, from 1 (small) to 100 (fine).",
        rich_help_panel=PICTURES,
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        min=1,
        help=f"Refuse larger pictures. [default: {MAX_PIXELS:,}; {MAX_STREAMED_PIXELS:,} for TIFF,"
        " PNG, JPEG and WebP painted into TIFF, PNG or JPEG, if the file has a byte for every"
        f" {MAX_PIXELS_PER_BYTE} pixels, which a decompression bomb has not]",
        rich_help_panel=PICTURES,
    ),
]
Memory = Annotated[
    float | None,
    typer.Option(
        "--memory",
        metavar="GB",
        min=0.1,
        help="Pictures: limit the memory of the process, by smaller tiles, down to 512 pixels."
        " [default: the free memory]",
        rich_help_panel=PICTURES,
    ),
]

EmbedSettings = Annotated[
    bool,
    typer.Option(
        "--settings/--no-settings",
        help="Pictures: write the settings into each painting, with names of files but not of"
        " folders; impasto info reads them.",
        rich_help_panel=PICTURES,
    ),
]

# Video

Start = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="TIME",
        help="Video: paint from this time on, in seconds or as 1:02:03.5.",
        rich_help_panel=VIDEO,
    ),
]
End = Annotated[
    str | None,
    typer.Option(
        "--end",
        metavar="TIME",
        help="Video: paint up to this time, in seconds or as 1:02:03.5.",
        rich_help_panel=VIDEO,
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(
        "--fps",
        min=0.01,
        max=240,
        help="Video: set the frames per second of numbered pictures. [default: 25]",
        rich_help_panel=VIDEO,
    ),
]
Codec = Annotated[
    choices.CodecName,
    typer.Option(
        "--codec",
        help="Video: choose the codec; auto is vp9 in .webm and h264, which every player knows,"
        " in all others.",
        rich_help_panel=VIDEO,
    ),
]
Preset = Annotated[
    choices.Preset,
    typer.Option(
        "--preset",
        help="Video: choose the speed of the encoder; slower presets make smaller files.",
        rich_help_panel=VIDEO,
    ),
]
HwAccel = Annotated[
    choices.HwAccelName,
    typer.Option(
        "--hwaccel",
        help="Video: decode and encode by a graphics chip, where PyAV and the driver can; auto"
        " takes the first that works. It frees the CPU, but gives larger files or coarser pictures"
        " than none, which is x264.",
        rich_help_panel=VIDEO,
    ),
]
Steady = Annotated[
    bool,
    typer.Option(
        "--steady/--no-steady",
        help="Video: keep the paint still where the scene is still, or paint every frame by"
        " itself.",
        rich_help_panel=VIDEO,
    ),
]
Flow = Annotated[
    bool,
    typer.Option(
        "--flow",
        help="Video: let strokes follow the motion: steadier, softer and slower. Needs"
        " impasto[flow].",
        rich_help_panel=VIDEO,
    ),
]

Every = Annotated[
    int,
    typer.Option(
        "--every",
        min=1,
        max=4,
        help="Video: paint every Nth frame only, and move its strokes along the motion to the"
        " frames between: faster, but softer where things move, and smeared where they move fast."
        " Needs impasto[flow].",
        rich_help_panel=VIDEO,
    ),
]

# Engine

Engine = Annotated[
    base.EngineName,
    typer.Option(
        "--engine",
        help="Choose the engine that runs the network; auto is the first that is installed.",
        rich_help_panel=ENGINE,
    ),
]
Device = Annotated[
    DeviceName,
    typer.Option(
        "--device",
        help="Choose the device that runs the network; gpu is any graphics card, auto one that is"
        " worth it, else the CPU. `impasto doctor` lists the devices that it finds.",
        rich_help_panel=ENGINE,
    ),
]
Precision = Annotated[
    base.Precision,
    typer.Option(
        "--precision",
        help="Choose the precision: auto is f16 on a GPU, bf16 where the CPU computes in it"
        " natively, else f32, and for videos and folders int8, which is faster and a little"
        " coarser.",
        rich_help_panel=ENGINE,
    ),
]
Floats = Annotated[
    base.Floats,
    typer.Option(
        "--precision",
        help="Choose the precision; auto is bf16 where the CPU computes in it natively.",
        rich_help_panel=ENGINE,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="Set the number of threads. [default: the cores that this process may use]",
        rich_help_panel=ENGINE,
    ),
]

# Other options

Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object per line on stdout.", rich_help_panel=OTHER),
]


def settings(
    style: "str | Mix",
    strength: float,
    stroke: float,
    color: str | None,
    when: When,
    mask: str | None,
    regions: list[str] | None,
    wrap: Wrap = "none",
) -> "StylizeSettings":
    """Parse the settings that the command line gives, and print notes on them.

    Raises:
        BadParameter: `--color-when before` without colors to keep.
        StyleError, ColorError, MaskError: there is no such style, color mode or mask.
    """
    from impasto.inference.color import parse_color
    from impasto.inference.pipeline import check_recolorable
    from impasto.inference.settings import parse_settings

    parsed = parse_settings(
        style,
        strength,
        stroke,
        parse_color(color, when) if color else None,
        mask,
        regions or [],
        wrap,
    )
    styles = [part for mix in parsed.mixes for part, _ in mix.parts]
    for mix in parsed.mixes:
        _note_weights(mix)
    for part in styles:
        _note_style_picture(part)
    if when == "before" and not parsed.color.changes:
        raise typer.BadParameter(
            f"--color-when before needs colors to keep; give --color {'|'.join(MODES[1:])}"
        )
    if parsed.color.when == "before":
        check_recolorable(styles)
    return parsed


def _note_weights(mix: "Mix") -> None:
    if mix.weight_sum is not None and abs(mix.weight_sum - 1) > 1e-6:
        parts = ", ".join(f"{part.name} {weight:.2g}" for part, weight in mix.parts)
        console.note(f"weights sum to {mix.weight_sum:g}, not to 1, and count as {parts}")


def _note_style_picture(style: "Style") -> None:
    from impasto.inference.prepared_style import MIN_SIDE

    if style.pixels is None:
        return
    height, width = style.pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        console.note(
            f"{style.file} has {width}x{height} pixels, which show few strokes and may blur; use a"
            " style of 512 pixels or more"
        )
    elif style.pixels.std() < MIN_STYLE_DEVIATION:
        console.note(
            f"{style.file} has one tone all over and so shows no style; little of the photograph"
            " will be left"
        )


def listed_inputs(list_file: Path | None, column: str | None = None) -> list[str]:
    """Read the inputs that `--list` names, from a column of a Parquet file with `--column`.

    Raises:
        BadParameter: `--column` without `--list`.
        PictureError: the list cannot be read.
    """
    if list_file is None:
        if column is not None:
            raise typer.BadParameter("--column names a column of a --list; give --list too")
        return []
    from impasto.batch.inputs import read_column, read_list

    name = address(list_file)
    return read_list(name) if column is None else read_column(name, column)


def check_resumed(target: Path, checkpoints: Iterable[Path]) -> None:
    """End the program, with success, if the target exists and no unfinished run can be resumed."""
    from impasto.learning.training.checkpoints import has_checkpoint

    if target.exists() and not any(map(has_checkpoint, checkpoints)):
        console.note(
            f"{target} exists, and there is no unfinished run of it to resume; --overwrite starts"
            " anew"
        )
        raise typer.Exit


def check_unfinished(checkpoints: Iterable[Path]) -> None:
    """Refuse to start anew where an unfinished run would be lost.

    This comes before the check of the output: an interrupted run leaves both, and the remedy for
    an output that exists, --overwrite, would lose the run.

    Raises:
        BadParameter: there is a checkpoint.
    """
    from impasto.learning.training.checkpoints import has_checkpoint

    for checkpoint in filter(has_checkpoint, checkpoints):
        raise typer.BadParameter(
            f"cannot start a new run: {checkpoint} is an unfinished run; --resume goes on with it, "
            "or --overwrite discards it and starts anew"
        )


def check_writable(targets: Iterable[Path]) -> None:
    """Check, before long work, that files can be written.

    Raises:
        OutputError: a file cannot be written, as far as that shows beforehand.
    """
    for target in targets:
        if reason := unwritable_reason(target):
            raise OutputError(f"cannot write {target}: {reason}")


def listed(values: Iterable[str]) -> list[str]:
    """Split values at commas.

    A mix of styles with weights, and the name of a file that exists, are one value.
    """
    from impasto.models.mix import split_parts

    parts: list[str] = []
    for text in values:
        is_one = bool(_WEIGHT.search(text)) or os.path.exists(text)  # noqa: PTH110  # as `Path.exists` raises at long names
        parts += [text] if is_one else [part for part in split_parts(text) if part]
    return parts


def check_target(option: str, target: Path, suffixes: Iterable[str], overwrite: bool) -> None:
    """Check the output that an option names.

    Raises:
        BadParameter: its extension is unsupported, it exists and is kept, or it cannot be written.
    """
    if target.suffix.lower() not in suffixes:
        seen = f"unsupported extension {target.suffix}" if target.suffix else "it has no extension"
        raise typer.BadParameter(
            f"cannot write {option} {target}: {seen}; use {' '.join(sorted(suffixes))}"
        )
    if target.exists() and not overwrite:
        raise typer.BadParameter(f"{option} {target} exists; --overwrite replaces it")
    if reason := unwritable_reason(target):
        raise typer.BadParameter(f"cannot write {option} {target}: {reason}")


def given(context: typer.Context, names: Iterable[str]) -> list[str]:
    """Return those of these options that the command line has, as it writes them."""
    present = [
        name
        for name in names
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]
    return [
        f"--{'no-' if context.params[name] is False else ''}{name.replace('_', '-')}"
        for name in present
    ]
