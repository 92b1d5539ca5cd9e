"""Options of runs on a cluster, and the way to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from impasto.batch.outputs import BatchPlan
from impasto.batch.ray import ClusterOptions, plan_on_cluster, run_on_cluster
from impasto.batch.results import FileResult
from impasto.batch.runner import BatchOptions
from impasto.cli import options
from impasto.inference.settings import StylizeSettings
from impasto.progress import OnProgress
from impasto.stylizer import Stylizer

Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Paint on a Ray cluster: auto (that of this machine), local (this machine alone),"
        " HOST:PORT or ray://HOST:PORT. Inputs and -o may be addresses such as s3://bucket/photos/."
        " Needs impasto[cluster].",
        rich_help_panel=options.BATCHES,
    ),
]
Actors = Annotated[
    int | None,
    typer.Option(
        "--actors",
        min=1,
        help="Cluster: set the number of processes, each with --threads cores, by default 1."
        " [default: as many as the cluster has cores for]",
        rich_help_panel=options.BATCHES,
    ),
]


@dataclass(frozen=True)
class ClusterRun:
    """A run on a cluster.

    Attributes:
        cluster: where to compute.
        output: folder or address of the paintings.
    """

    cluster: ClusterOptions
    output: str

    @property
    def threads(self) -> int:
        """Return the number of threads of each process."""
        return self.cluster.threads

    def plan(self, texts: Sequence[str], styles: Sequence[StylizeSettings]) -> BatchPlan:
        """Plan the run; inputs may be addresses."""
        return plan_on_cluster(texts, styles, self.output)

    def run(
        self,
        plan: BatchPlan,
        stylizers: tuple[Stylizer, Stylizer],
        batch: BatchOptions,
        on_progress: OnProgress,
    ) -> Iterator[FileResult]:
        """Paint on the cluster."""
        return run_on_cluster(plan, self.output, stylizers, batch, self.cluster, on_progress)


def parse(
    address: str | None,
    actors: int | None,
    threads: int | None,
    output: str | None,
    minutes: float | None,
    shard: str | None,
) -> ClusterRun | None:
    """Parse the options of a cluster; None where no cluster is asked for.

    Raises:
        BadParameter: an option does not go with a cluster, or needs one.
    """
    if address is None:
        if actors is not None:
            raise typer.BadParameter("--actors sets processes of a cluster; give --cluster too")
        return None
    if output is None:
        raise typer.BadParameter("--cluster needs -o, a folder or an address for the paintings")
    if minutes is not None or shard is not None:
        option = "--minutes" if shard is None else "--shard"
        raise typer.BadParameter(f"{option} and --cluster: choose one")
    return ClusterRun(ClusterOptions(address, actors, threads or 1), output)
