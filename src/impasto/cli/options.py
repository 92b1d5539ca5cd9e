"""Options that several verbs share, each written once."""

from enum import StrEnum
from typing import Annotated

import typer

from impasto.engines import ENGINES, PRECISIONS
from impasto.images import MAX_PIXELS
from impasto.networks import NETWORKS

EngineName = StrEnum("EngineName", {name: name for name in ("auto", *ENGINES)})  # type: ignore[misc]
PrecisionName = StrEnum("PrecisionName", {name: name for name in PRECISIONS})  # type: ignore[misc]
NetworkName = StrEnum("NetworkName", {name: name for name in NETWORKS})  # type: ignore[misc]

Engine = Annotated[EngineName, typer.Option("--engine", help="What runs the network; auto takes the first that is installed.")]
Precision = Annotated[PrecisionName, typer.Option("--precision", help="auto is bf16 where the CPU computes in it natively.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Default: the cores this process may really use.")]
Network = Annotated[NetworkName, typer.Option("--network", "-n", help="base for pictures; small is faster, for video.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
MaxPixels = Annotated[int, typer.Option("--max-pixels", min=1, help=f"Refuse larger pictures ({MAX_PIXELS:,} by default).")]
