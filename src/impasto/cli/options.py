"""Options that several verbs share, each written once."""

from collections.abc import Iterable
from typing import Annotated

import typer

from impasto import engines
from impasto.images import MAX_PIXELS
from impasto.pictures import MOST_PIXELS, SPARSE
from impasto.strokes import LARGEST_STROKE, SMALLEST_STROKE
from impasto.video import kinds

Engine = Annotated[
    engines.EngineName, typer.Option("--engine", help="What runs the network; auto: the first that is installed.")
]
Precision = Annotated[engines.Precision, typer.Option("--precision", help="auto: bf16 where the CPU computes in it natively.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Default: the cores this process may really use.")]
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
    str | None, typer.Option("--start", metavar="TIME", help="Of videos: paint from here; seconds, or as 1:02:03.5.")
]
End = Annotated[
    str | None, typer.Option("--end", metavar="TIME", help="Of videos: paint up to here; seconds, or as 1:02:03.5.")
]
Fps = Annotated[
    float | None, typer.Option("--fps", min=0.01, max=240, help="Of numbered pictures: frames a second. [default: 25]")
]
Codec = Annotated[
    kinds.CodecName,
    typer.Option("--codec", help="Of videos; auto: vp9 in .webm, h264 in all others, which every player knows."),
]
Preset = Annotated[kinds.Preset, typer.Option("--preset", help="Of videos: slower encodes into smaller files.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        min=1,
        help=f"Refuse larger pictures. By default {MAX_PIXELS:,}; of TIFF, PNG, JPEG and WebP that are painted into TIFF, PNG"
        f" or JPEG {MOST_PIXELS:,}, if their files hold a byte for {SPARSE} pixels, as no decompression bomb does.",
    ),
]
Stroke = Annotated[
    float,
    typer.Option(
        "--stroke",
        min=SMALLEST_STROKE,
        max=LARGEST_STROKE,
        help="Of pictures: how large strokes are. 2 is twice as large, 0.5 half as large.",
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        "--size", min=1, help="Of pictures: the shorter side of the painting, in pixels; smaller ones keep their size."
    ),
]


def given(context: typer.Context, names: Iterable[str]) -> list[str]:
    """Of these options, those that the command line has, as it writes them."""
    said = [name for name in names if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    return [f"--{'no-' if context.params[name] is False else ''}{name.replace('_', '-')}" for name in said]
