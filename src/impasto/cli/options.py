"""Options that several verbs share, each written once."""

from typing import Annotated

import typer

from impasto import engines
from impasto.images import MAX_PIXELS

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
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
MaxPixels = Annotated[int, typer.Option("--max-pixels", min=1, help=f"Refuse larger pictures than this ({MAX_PIXELS:,}).")]
