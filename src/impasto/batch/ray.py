"""Batches on a Ray cluster: paths go to actors, which read and write the pictures themselves."""

import io
import logging
import math
import os
import pickle
import re
import secrets
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from json import loads
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from impasto.batch import object_store
from impasto.batch.chunks import Chunk, ChunkPainter, Job, cut, installed_version
from impasto.batch.inputs import read_column
from impasto.batch.log import RunLog
from impasto.batch.outputs import BatchPlan, FileTask, plan_files
from impasto.batch.results import FileResult
from impasto.batch.runner import BatchOptions, for_plan, preload
from impasto.errors import ImpastoError, check_number, check_paths, check_type, one_line
from impasto.files import address, is_url
from impasto.hardware import available_cores
from impasto.images.formats import DEFAULT_QUALITY
from impasto.inference.color import Color
from impasto.inference.file_pipeline import FileOptions
from impasto.inference.masks import MaskSource
from impasto.inference.regions import RegionSource
from impasto.inference.settings import StylizeSettings, parse_settings
from impasto.models.default_network import AUTO, CLIP_ORDER, PICTURE_ORDER, resolve_network
from impasto.models.mix import StyleSource
from impasto.progress import OnProgress, Progress
from impasto.stylizer import Stylizer
from impasto.video.formats import VideoOptions

if TYPE_CHECKING:
    import numpy as np

AUTO_ADDRESS = "auto"  # the cluster that this machine belongs to
LOCAL = "local"  # a cluster of this machine alone, which ends with the run
MAX_CHUNK = 256  # tasks
CHUNKS_PER_ACTOR = 4  # at least, where there are enough tasks, so that actors end together
MAX_BLOCKS = 10_000  # of chunks, as Ray keeps books of each
LOCAL_STORE = 200 << 20  # bytes of Ray's object store on this machine, which holds names only
CONNECT_SECONDS = 10
REMEDY = (
    "start one by `ray start --head`, name another by --cluster HOST:PORT or RAY_ADDRESS, or use"
    " --cluster local"
)
NO_TOKEN = "InvalidAuthToken"  # in Ray's log; its exception says nothing of a token
_RAY_LOG = re.compile(rb"\[[\d-]+ [\d:,]+ \w \d+ \d+\] \w+\.cc:\d+: ")
REPORTS = ".impasto"  # folder of the chunks' reports, below the output


@dataclass(frozen=True)
class ClusterOptions:
    """Where a run computes.

    Attributes:
        address: of a Ray cluster: "auto" (that which this machine belongs to), "local" (one of
            this machine alone, which ends with the run), "HOST:PORT" or "ray://HOST:PORT".
        actors: number of processes that paint; None for as many as the cluster has cores for.
        threads: threads and cores of each of them.

    Raises:
        ArgumentError: a number is out of range, or a value has a wrong type.
    """

    address: str = AUTO_ADDRESS
    actors: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        places = "auto, local, HOST:PORT or ray://HOST:PORT"
        check_type("the address of a cluster", self.address, str, places)
        check_number("threads", self.threads, "1 or more", 1, whole=True)
        if self.actors is not None:
            check_number("actors", self.actors, "1 or more", 1, whole=True)


def stylize_dataset(
    inputs: str | Path | Iterable[str | Path],
    output: str | Path,
    style: StyleSource,
    *,
    column: str | None = None,
    strength: float = 1.0,
    stroke: float | None = None,
    color: str | Color | None = None,
    mask: MaskSource | None = None,
    regions: Sequence[RegionSource] = (),
    size: int | None = None,
    wrap: str = "none",
    quality: int = DEFAULT_QUALITY,
    embed_settings: bool = True,
    overwrite: bool = False,
    report: str | Path | None = None,
    network: str | Path = AUTO,
    cluster: ClusterOptions | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[FileResult]:
    """Paint many files on a Ray cluster, one result for each.

    Every node reads its inputs and writes its paintings by itself, on a disk that all nodes share
    or in an object store. An output that exists is kept, so a run can be resumed.

    Args:
        inputs: files, folders and globs, and addresses of objects and prefixes (s3://, gs://).
        output: folder or address (s3://bucket/painted/) of the paintings.
        style: as of `impasto.stylize`.
        column: column that holds the inputs, where `inputs` are Parquet files.
        strength: 0 (the photo) to 1 (the full style).
        stroke: as of `impasto.stylize_files`.
        color: as of `impasto.stylize`.
        mask: as of `impasto.stylize`.
        regions: as of `impasto.stylize`.
        size: pixels of the painting's shorter side; videos and smaller photos keep their size.
        wrap: as of `impasto.stylize`.
        quality: 1 (small files) to 100 (fine), for JPEG, WebP, AVIF and videos.
        embed_settings: as of `impasto.stylize_files`.
        overwrite: replace outputs that exist.
        report: a file of JSON lines on this machine, one for each input.
        network: as of `impasto.stylize_files`.
        cluster: where to compute; by default the cluster that this machine belongs to.
        on_progress: called with the number of files done.

    Returns:
        An iterator of `FileResult`, in the order in which they are done.

    Raises:
        ImpastoError: a style, an option, the output or the cluster cannot be used.
    """
    texts = [str(text) for text in check_paths("inputs", inputs)]
    check_type("output", output, (str, Path), "a folder or an address")
    check_type("report", report or "", (str, Path), "a path")
    check_type("cluster", cluster or ClusterOptions(), ClusterOptions, "ClusterOptions")
    if column is not None:
        texts = [name for text in texts for name in read_column(text, column)]
    settings = parse_settings(
        style, strength, 1.0 if stroke is None else stroke, color, mask, regions, wrap
    )
    cluster = cluster or ClusterOptions()
    stylizers = [
        Stylizer(resolve_network(network, settings.mixes, order), threads=cluster.threads)
        for order in (PICTURE_ORDER, CLIP_ORDER)
    ]
    video_stroke = None if stroke is None else max(1.0, stroke)
    options = BatchOptions(
        FileOptions(size, quality, embed_settings=embed_settings),
        VideoOptions(quality=quality, stroke=video_stroke, threads=cluster.threads),
        overwrite=overwrite,
        report=None if report is None else Path(report),
    )
    plan = plan_on_cluster(texts, [settings], str(output))
    preload(plan, [settings], *stylizers)
    return run_on_cluster(
        plan, str(output), (stylizers[0], stylizers[1]), options, cluster, on_progress
    )


def plan_on_cluster(
    inputs: Sequence[str], styles: Sequence[StylizeSettings], output: str
) -> BatchPlan:
    """Plan a run as `plan_files` does; inputs and output may be addresses in object stores.

    Raises:
        OutputError: the output fits neither the inputs nor the styles, or cannot be written.
    """
    output = output.rstrip("/") + "/"
    return plan_files(inputs, styles, output, list_address=object_store.address_lister(output))


def run_on_cluster(
    plan: BatchPlan,
    output: str,
    stylizers: tuple[Stylizer, Stylizer],
    options: BatchOptions,
    cluster: ClusterOptions,
    on_progress: OnProgress | None = None,
) -> Iterator[FileResult]:
    """Do what a plan says on a Ray cluster.

    Args:
        plan: the files to paint.
        output: folder or address of the paintings.
        stylizers: the networks of pictures and of videos; actors load them anew.
        options: options of the run.
        cluster: where to compute.
        on_progress: called with the number of files done, when a chunk of them is.

    Yields:
        One result per input and style, in the order in which they are done.

    Raises:
        ImpastoError: the cluster cannot be used, or a node has another version of impasto.
    """
    _check_installed()
    stylizers = for_plan(plan, *stylizers)  # of the whole plan: nodes see a part
    reports = f"{output.rstrip('/')}/{REPORTS}"
    with closing(RunLog(options.report, fresh=options.overwrite)) as log:
        for text, error in plan.failures:
            yield _logged(log, FileResult(Path(text), text=text, error=error))
        todo = list(plan.tasks)
        if options.overwrite:
            object_store.remove(reports)
        else:
            _remember(log, plan, reports)
            existing = object_store.list_outputs(output)
            done = [task for task in todo if address(task.target) in existing and not task.rival]
            todo = [task for task in todo if address(task.target) not in existing or task.rival]
            for task in done:
                yield _logged(log, _kept(task, stylizers))
        if not todo:
            return
        begun, finished, every = time.perf_counter(), 0, len(todo)
        with _connected(cluster) as actors:
            size = min(MAX_CHUNK, math.ceil(every / (CHUNKS_PER_ACTOR * actors)))
            run = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
            folder = Path.cwd()  # nodes have others
            place = reports if is_url(reports) else str(folder / reports)
            chunks, styles = cut(todo, size, place, run)
            alone = replace(options, report=None)
            job = Job(stylizers, styles, alone, tuple(plan.protected), folder)
            for results in _paint(chunks, job, actors, cluster.threads):
                finished += len(results)
                if on_progress:
                    seconds = time.perf_counter() - begun
                    name = plan.tasks[0].settings.style.name
                    on_progress(
                        Progress(finished / every, seconds, name, finished, every, unit="file")
                    )
                yield from (_logged(log, result) for result in results)


def _remember(log: RunLog, plan: BatchPlan, reports: str) -> None:
    """Add to the report what a run that was killed has done and not told of."""
    targets = {address(task.target) for task in plan.tasks}
    sources = {address(task.source) for task in plan.tasks}
    for text in object_store.read_texts(reports):
        for record in map(loads, text.splitlines()):
            is_known = record["input"] in sources and record.get("output", "") in targets | {""}
            if is_known and not log.has(record):
                log.add(record)


def _kept(task: FileTask, stylizers: tuple[Stylizer, Stylizer]) -> FileResult:
    style, network = task.settings.style.name, stylizers[task.is_clip].network.name
    return FileResult(task.source, task.target, style, network, skipped=True)


def _logged(log: RunLog, result: FileResult) -> FileResult:
    """Add a result to the report, unless it is there."""
    if log.has(result.record()):
        return replace(result, repeated=result.error is not None)
    log.add(result.record())
    return result


def _check_installed() -> None:
    """Check that the packages of the extra are there, before any other error speaks of one.

    Raises:
        ImpastoError: one is missing.
    """
    if not all(map(find_spec, ("ray", "fsspec"))):
        raise ImpastoError(f"cannot use a cluster: Ray is missing; {object_store.INSTALL}")


@contextmanager
def _connected(cluster: ClusterOptions) -> Iterator[int]:
    """Connect to a cluster and yield the number of actors; a program that is connected stays so."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # of warnings that users cannot mend
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImpastoError(
            f"cannot use a cluster: Ray Data is missing ({error}); {object_store.INSTALL}"
        ) from error
    is_own = not ray.is_initialized()
    if is_own:
        _connect(cluster.address)
    cores = ray.cluster_resources().get("CPU", 1)
    try:
        yield cluster.actors or max(1, int(cores) // cluster.threads)
    except ray.exceptions.RayError as error:
        reason = [line.strip() for line in str(error).splitlines() if line.strip()][-1]
        raise ImpastoError(
            f"cannot paint on the cluster: {reason}; the same command goes on"
        ) from error
    finally:
        if is_own:
            ray.shutdown()


def _connect(address: str) -> None:
    """Connect this program to a cluster.

    Raises:
        ImpastoError: there is none, nothing answers there, or it asks for a token.
    """
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        quiet |= {"num_cpus": available_cores(), "object_store_memory": LOCAL_STORE}
        quiet["include_dashboard"] = False
    place, origin = _find_cluster() if address == AUTO_ADDRESS else (address, "")
    caught = io.StringIO()
    try:
        _check_reachable(place)
        with _ray_stderr(caught):
            ray.init(address, **quiet)
    except Exception as error:  # ray.init has errors of many kinds
        if NO_TOKEN in caught.getvalue():
            raise ImpastoError(
                f"cannot use the Ray cluster {place}{origin}: it asks for a token that this program"
                " does not send; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to what"
                " `ray get-auth-token` prints on its head"
            ) from error
        raise ImpastoError(
            f"cannot reach the Ray cluster {place}{origin}: {one_line(error)}; {REMEDY}"
        ) from error


def _find_cluster() -> tuple[str, str]:
    """Return the address that "auto" stands for, as Ray finds it, and who names it, in brackets.

    Raises:
        ImpastoError: there is none.
    """
    from ray._private import services

    if place := os.environ.get("RAY_ADDRESS"):
        return place, " (RAY_ADDRESS names it)"
    try:
        place = services.get_ray_address_from_environment(AUTO_ADDRESS, None)
        last = services.find_bootstrap_address(None)
    except (AttributeError, TypeError):  # a Ray that keeps this elsewhere finds it by itself
        return AUTO_ADDRESS, ""
    except ConnectionError as error:
        raise ImpastoError(
            "cannot find a Ray cluster: none was started on this machine, and RAY_ADDRESS names"
            f" none; {REMEDY}"
        ) from error
    return place, f" ({'the last' if place == last else 'one'} that was started on this machine)"


def _check_reachable(place: str) -> None:
    """Raise OSError if nothing answers at HOST:PORT, where Ray waits for many minutes."""
    host, _, port = place.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()


@contextmanager
def _ray_stderr(caught: io.StringIO) -> Iterator[None]:
    """Catch what Ray's compiled code writes to stderr, which no setting of Python silences.

    Lines that are not of its log are written when the block ends.
    """
    with TemporaryFile() as file, os.fdopen(os.dup(2), "wb") as stderr:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr.fileno(), 2)
            file.seek(0)
            for line in file:
                if _RAY_LOG.match(line):
                    caught.write(line.decode(errors="replace"))
                else:
                    stderr.write(line)


def _paint(
    chunks: Sequence[Chunk], job: Job, actors: int, threads: int
) -> Iterator[list[FileResult]]:
    """Have actors paint chunks, and yield the results of each chunk when it is done."""
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    per_block = math.ceil(len(chunks) / MAX_BLOCKS)
    rows = [{"chunk": pickle.dumps(chunk)} for chunk in chunks]
    dataset = ray.data.from_items(rows, override_num_blocks=math.ceil(len(rows) / per_block))
    # without a limit, libraries of numbers would start a thread per core in each actor
    limits = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL")}
    painted = dataset.map_batches(
        _Actor,
        batch_size=1,
        num_cpus=threads,
        compute=ray.data.ActorPoolStrategy(size=min(actors, len(chunks))),
        fn_constructor_kwargs={"job": pickle.dumps(job), "version": installed_version()},
        runtime_env={"env_vars": limits},
    )
    for row in painted.iter_rows():
        results = pickle.loads(row["results"])
        if isinstance(results, ImpastoError):
            raise results
        yield results


class _Actor:
    """A process of the cluster that paints chunks.

    Errors that end the run are answers too: Ray would wrap exceptions in its own, and try again.
    """

    def __init__(self, job: bytes, version: str) -> None:
        self._painter: ChunkPainter | ImpastoError
        try:
            self._painter = ChunkPainter(job, version)
        except ImpastoError as error:
            self._painter = error

    def __call__(self, batch: "dict[str, np.ndarray[Any, Any]]") -> dict[str, list[bytes]]:
        return {"results": [pickle.dumps(self._answer(chunk)) for chunk in batch["chunk"]]}

    def _answer(self, chunk: bytes) -> list[FileResult] | ImpastoError:
        if isinstance(self._painter, ImpastoError):
            return self._painter
        try:
            return self._painter.paint(pickle.loads(chunk))
        except ImpastoError as error:
            return error
