"""Options that several verbs share, each written once."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli import console
from impasto.engines import base
from impasto.files import unwritable_reason
from impasto.images.reading import MAX_PIXELS
from impasto.inference.color import MODES, When, parse_color
from impasto.inference.file_pipeline import MAX_PIXELS_PER_BYTE, MAX_STREAMED_PIXELS
from impasto.inference.masks import GRADIENTS, Mask
from impasto.inference.model import MIN_SIDE
from impasto.inference.pipeline import check_recolorable
from impasto.inference.settings import StylizeSettings, parse_settings
from impasto.inference.stroke_size import MAX_STROKE, MIN_STROKE
from impasto.learning.training.checkpoints import has_checkpoint
from impasto.models.mix import Mix
from impasto.video import formats

_WEIGHT = re.compile(r":\s*[\d.]+\s*(,|$)")

STRETCHED = 0.02  # by which proportions of a mask and a picture differ, for it to be told
FLAT = 2.0  # deviation, in levels of 255, of a style picture that shows nothing

Engine = Annotated[
    base.EngineName,
    typer.Option("--engine", help="What runs the network; auto: the first that is installed."),
]
Precision = Annotated[
    base.Precision,
    typer.Option(
        "--precision",
        help="auto: bf16 where the CPU computes in it natively, else f32; int8: quicker, and a little coarser.",
    ),
]
Floats = Annotated[
    base.Floats,
    typer.Option("--precision", help="auto: bf16 where the CPU computes in it natively."),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="Default: the cores this process may really use."),
]
Network = Annotated[
    str,
    typer.Option(
        "--network",
        "-n",
        metavar="base|small|FILE",
        help="base for pictures; small is faster, for video; or a network file, as of an older gallery.",
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--start", metavar="TIME", help="Of videos: paint from here; seconds, or as 1:02:03.5."
    ),
]
End = Annotated[
    str | None,
    typer.Option(
        "--end", metavar="TIME", help="Of videos: paint up to here; seconds, or as 1:02:03.5."
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(
        "--fps", min=0.01, max=240, help="Of numbered pictures: frames a second. [default: 25]"
    ),
]
Codec = Annotated[
    formats.CodecName,
    typer.Option(
        "--codec",
        help="Of videos; auto: vp9 in .webm, h264 in all others, which every player knows.",
    ),
]
Preset = Annotated[
    formats.Preset, typer.Option("--preset", help="Of videos: slower encodes into smaller files.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        min=1,
        help=f"Refuse larger pictures. By default {MAX_PIXELS:,}; of TIFF, PNG, JPEG and WebP that are painted into TIFF, PNG"
        f" or JPEG {MAX_STREAMED_PIXELS:,}, if their files hold a byte for {MAX_PIXELS_PER_BYTE} pixels, as no decompression bomb does.",
    ),
]
Memory = Annotated[
    float | None,
    typer.Option(
        "--memory",
        metavar="GB",
        min=0.1,
        help="Of pictures: what painting may take in all, by smaller tiles, down to 512 pixels. [default: what is free]",
    ),
]
Stroke = Annotated[
    float | None,
    typer.Option(
        "--stroke",
        min=MIN_STROKE,
        max=MAX_STROKE,
        help="How large strokes are: 2 is twice as large, 0.5 half as large; of videos 1 or more. Without it 1, and of videos "
        "2 from 720 rows on, 4 from 1440: painted at half or a quarter of the size, so much quicker.",
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        "--size",
        min=1,
        help="Of pictures: the shorter side of the painting, in pixels; smaller ones keep their size.",
    ),
]

Color = Annotated[
    str | None,
    typer.Option(
        "--color",
        metavar="MODE[:AMOUNT]",
        help=f"Whose colors: {', '.join(MODES)}; all but style keep the photograph's. luminance:0.5 does half of it. "
        "[default: as the style was learned: style]",
    ),
]
ColorWhen = Annotated[
    When,
    typer.Option(
        "--color-when",
        help="Recolor the painting after, or the style's picture before, so that strokes are painted in them.",
    ),
]
MaskOption = Annotated[
    str | None,
    typer.Option(
        "--mask",
        metavar="MASK",
        help=f"Where to paint: a grey picture (white is painted), alpha (the photograph's own), {', '.join(GRADIENTS)}; "
        "not:MASK is the rest.",
    ),
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="MASK=STYLE",
        help="Another style where a mask says; several lie over one another.",
    ),
]


def settings(
    style: str | Mix,
    strength: float,
    stroke: float,
    color: str | None,
    when: When,
    mask: str | None,
    regions: list[str] | None,
) -> StylizeSettings:
    """What the command line says of how to paint, and lines on what it makes of it."""
    made = parse_settings(
        style, strength, stroke, parse_color(color, when) if color else None, mask, regions or []
    )
    for mix in made.mixes:
        if mix.given is not None and abs(mix.given - 1) > 1e-6:
            parts = ", ".join(f"{part.name} {weight:.2g}" for part, weight in mix.parts)
            console.note(f"weights sum to {mix.given:g}, not to 1, and count as {parts}")
    for part in (part for mix in made.mixes for part, _ in mix.parts if part.pixels is not None):
        assert part.pixels is not None
        height, width = part.pixels.shape[:2]
        if min(height, width) < MIN_SIDE:
            console.note(
                f"{part.file} has {width}x{height} pixels, which show few strokes and may blur; a style of 512 or more paints "
                "better"
            )
        elif part.pixels.std() < FLAT:
            console.note(
                f"{part.file} has one tone all over, which is no manner to paint in: little will be left to see"
            )
    if when == "before" and not made.color.changes:
        raise typer.BadParameter(
            f"--color-when before needs colors to be kept: --color {'|'.join(MODES[1:])}"
        )
    if made.color.when == "before":
        check_recolorable(part for mix in made.mixes for part, _ in mix.parts)
    return made


def check_resumed(target: Path, checkpoints: Iterable[Path]) -> None:
    """Ends the program, well, if there is nothing to go on with, and what a run would make is
    there."""
    if target.exists() and not any(map(has_checkpoint, checkpoints)):
        console.note(
            f"{target} is there, and no unfinished run of it to go on with; --overwrite starts anew"
        )
        raise typer.Exit


def told_of_size(mask: Mask, width: int, height: int) -> str:
    """What there is to say of a mask for a picture of another size; empty if it has that size, or
    none."""
    if mask.size in (None, (width, height)):
        return ""
    assert mask.size
    across, down = mask.size
    stretched = abs(across * height / (down * width) - 1) > STRETCHED
    does = "is stretched, as its proportions are others," if stretched else "is resized"
    return f"the mask {mask.name} has {across}x{down} pixels and {does} to {width}x{height}"


def listed(given: Iterable[str]) -> list[str]:
    """Values by commas or repeated. A mix of styles with weights, and a file that has commas in its
    name, are one value."""
    found: list[str] = []
    for text in given:
        is_one = bool(_WEIGHT.search(text)) or os.path.exists(text)  # noqa: PTH110  # as `Path.exists` raises at long names
        found += [text] if is_one else [part.strip() for part in text.split(",") if part.strip()]
    return found


def check_target(option: str, target: Path, suffixes: Iterable[str], overwrite: bool) -> None:
    """Raises BadParameter if an output that an option names cannot be written, or is there and to
    be kept."""
    if target.suffix.lower() not in suffixes:
        raise typer.BadParameter(f"{option} {target} ends in none of {' '.join(sorted(suffixes))}")
    if target.exists() and not overwrite:
        raise typer.BadParameter(f"{option} {target} exists; --overwrite replaces it")
    if reason := unwritable_reason(target):
        raise typer.BadParameter(f"{option} {target} cannot be written: {reason}")


def given(context: typer.Context, names: Iterable[str]) -> list[str]:
    """Of these options, those that the command line has, as it writes them."""
    said = [
        name
        for name in names
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]
    return [
        f"--{'no-' if context.params[name] is False else ''}{name.replace('_', '-')}"
        for name in said
    ]
