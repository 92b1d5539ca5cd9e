"""Chunks of a plan: what a node of a cluster paints at a time, from and to any place."""

import json
import pickle
import platform
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import overload

from impasto.batch import object_store
from impasto.batch.log import failure_record
from impasto.batch.outputs import BatchPlan, FileTask
from impasto.batch.results import FileResult, parse_record
from impasto.batch.runner import BatchOptions, run_plan
from impasto.errors import ImpastoError, PictureError
from impasto.files import address, is_url
from impasto.inference.settings import StylizeSettings
from impasto.stylizer import Stylizer

TRANSFERS = 8  # objects that an actor reads ahead, and as many that it writes behind


@dataclass(frozen=True)
class PackedTask:
    """A `FileTask` with the number of its style in place of the settings.

    Attributes:
        source: path or address to read.
        target: path or address to write.
        style: number of the style in the job.
        is_clip: as of `FileTask`.
        is_numbered: as of `FileTask`.
        rival: as of `FileTask`.
    """

    source: str
    target: str
    style: int
    is_clip: bool
    is_numbered: bool
    rival: Path | None


@dataclass(frozen=True)
class Chunk:
    """Some tasks of a plan, which are painted and reported together.

    Attributes:
        tasks: the tasks.
        report: path or address of the chunk's report, which marks it as done.
    """

    tasks: Sequence[PackedTask]
    report: str

    @property
    def mark(self) -> str:
        """Return the place of the file that is there while the chunk is painted."""
        return f"{self.report}.begun"


@dataclass(frozen=True)
class Job:
    """What all chunks of a run have in common.

    Attributes:
        stylizers: the networks of pictures and of videos.
        styles: the settings of each style.
        options: options of the run, without a report.
        protected: files of styles and masks, which no painting may replace.
        folder: of the driver. Relative paths count from it, and not from that of a node.
    """

    stylizers: tuple[Stylizer, Stylizer]
    styles: Sequence[StylizeSettings]
    options: BatchOptions
    protected: Sequence[Path]
    folder: Path


def cut(
    plan: Sequence[FileTask], size: int, reports: str, run: str
) -> tuple[list[Chunk], list[StylizeSettings]]:
    """Cut tasks into chunks.

    Args:
        plan: the tasks.
        size: tasks of a chunk, at most.
        reports: folder or address of the chunks' reports.
        run: name of the run, which no other run has.

    Returns:
        The chunks, and the settings of each style, by number.
    """
    styles: dict[int, StylizeSettings] = {id(task.settings): task.settings for task in plan}
    numbers = {key: number for number, key in enumerate(styles)}
    packed = [
        PackedTask(
            address(task.source),
            address(task.target),
            numbers[id(task.settings)],
            task.is_clip,
            task.is_numbered,
            task.rival,
        )
        for task in plan
    ]
    chunks = [
        Chunk(packed[begin : begin + size], f"{reports}/{run}-{begin // size:06}.jsonl")
        for begin in range(0, len(packed), size)
    ]
    return chunks, list(styles.values())


def installed_version() -> str:
    """Return the version of impasto here, without an import of the package above this layer."""
    return str(sys.modules["impasto"].__version__)


class ChunkPainter:
    """Paints chunks on one node, with networks that are loaded once.

    Args:
        job: the pickled `Job`.
        version: version of impasto that pickled it.

    Raises:
        ImpastoError: this node has another version of impasto.
    """

    def __init__(self, job: bytes, version: str) -> None:
        if version != installed_version():
            raise ImpastoError(
                f"cannot paint on the node {platform.node()}: it has impasto {installed_version()},"
                f" and the run was started by {version}; install impasto=={version} on every node"
            )
        self._job: Job = pickle.loads(job)  # of the driver, by Ray's own channel

    def paint(self, chunk: Chunk) -> list[FileResult]:
        """Paint a chunk and write its report, unless it has one.

        A chunk has a report if its node or the answer was lost after it was painted. If its node
        was lost before, its tasks are painted one by one. A picture whose node is lost again then
        fails, as it would kill one worker after another.

        Returns:
            One result a task, in order.

        Raises:
            OutputError: the report cannot be written.
        """
        if (report := object_store.read_text(chunk.report)) is not None:
            return [parse_record(json.loads(line)) for line in report.splitlines()]
        if (begun := object_store.read_text(chunk.mark)) is None:
            object_store.write_text(chunk.mark, "")
            results = self._paint(chunk.tasks)
        else:
            results = list(self._paint_one_by_one(chunk, [int(text) for text in begun.split()]))
        lines = "".join(f"{json.dumps(result.record())}\n" for result in results)
        object_store.write_text(chunk.report, lines)
        object_store.remove(chunk.mark)
        return results

    def _paint_one_by_one(self, chunk: Chunk, lost: Sequence[int]) -> Iterator[FileResult]:
        """Paint the tasks but those numbered `lost`; the mark tells which one is in work."""
        for number, task in enumerate(chunk.tasks):
            if number in lost:
                error = PictureError(
                    f"cannot paint {task.source}: its worker died twice, perhaps for lack of"
                    " memory; paint it by itself, with a smaller --size"
                )
                yield FileResult(Path(task.source), Path(task.target), error=error)
            else:
                object_store.write_text(chunk.mark, " ".join(map(str, [*lost, number])))
                yield from self._paint([task])

    def _paint(self, tasks: Sequence[PackedTask]) -> list[FileResult]:
        with (
            TemporaryDirectory(prefix="impasto-") as folder,
            ThreadPoolExecutor(2 * TRANSFERS) as transfers,
        ):
            return list(self._results(tasks, Path(folder), transfers))

    def _results(
        self, tasks: Sequence[PackedTask], folder: Path, transfers: ThreadPoolExecutor
    ) -> Iterator[FileResult]:
        job, local = self._job, _LocalTasks(tasks, self._job, folder, transfers)
        plan = BatchPlan(local, protected=[job.folder / path for path in job.protected])
        pending: deque[Future[FileResult]] = deque()
        with closing(run_plan(plan, job.stylizers[0], job.options, None, job.stylizers[1])) as run:  # type: ignore[type-var]  # a generator
            for number, result in enumerate(run):
                pending.append(transfers.submit(local.deliver, number, result))
                if len(pending) > TRANSFERS:
                    yield pending.popleft().result()
        yield from (future.result() for future in pending)


class _LocalTasks(Sequence[FileTask]):
    """Tasks with files on the disk of this node in place of objects; some are fetched ahead."""

    def __init__(
        self,
        tasks: Sequence[PackedTask],
        job: Job,
        folder: Path,
        transfers: ThreadPoolExecutor,
    ) -> None:
        self._tasks, self._job = tasks, job
        self._folder, self._transfers = folder, transfers
        self._fetched: dict[int, Future[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    @overload
    def __getitem__(self, number: int) -> FileTask: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[FileTask]: ...

    def __getitem__(self, number: int | slice) -> FileTask | Sequence[FileTask]:
        """Return a task when its source is there, and begin to fetch those after it."""
        if isinstance(number, slice):
            return [self[index] for index in range(*number.indices(len(self)))]
        for ahead in range(number, min(number + TRANSFERS, len(self))):
            if ahead not in self._fetched and is_url(self._tasks[ahead].source):
                future = self._transfers.submit(self._fetch, ahead)
                self._fetched[ahead] = future
        task = self._tasks[number]  # raises IndexError at the end, which ends an iteration
        if number in self._fetched:
            self._fetched[number].exception()  # waits; `deliver` tells the error
        return FileTask(
            self._source(number),
            self._target(number),
            self._job.styles[task.style],
            task.is_clip,
            task.is_numbered,
            task.rival,
        )

    def _fetch(self, number: int) -> None:
        path = self._source(number)
        path.parent.mkdir(exist_ok=True)
        object_store.fetch(self._tasks[number].source, path)

    def _source(self, number: int) -> Path:
        source = self._tasks[number].source
        if not is_url(source):
            return self._job.folder / source
        return self._folder / str(number) / Path(source).name

    def _target(self, number: int) -> Path:
        target = self._tasks[number].target
        if not is_url(target):
            return self._job.folder / target
        return self._folder / str(number) / "painted" / Path(target).name

    def deliver(self, number: int, result: FileResult) -> FileResult:
        """Upload a painting, remove what was made here, and name places as the plan does."""
        task = self._tasks[number]
        source, target = self._source(number), self._target(number)
        error = result.error
        try:
            if number in self._fetched:
                self._fetched[number].result()
            if error is None and is_url(task.target):
                object_store.upload(target, task.target)
        except PictureError as failure:
            error = failure
        if is_url(task.source):
            source.unlink(missing_ok=True)
        if is_url(task.target):
            target.unlink(missing_ok=True)

        def renamed(text: str) -> str:
            return text.replace(str(target), task.target).replace(str(source), task.source)

        if error and error is result.error:
            record = failure_record(str(source), error)
            error = PictureError(renamed(record["error"]))
        return replace(
            result,
            source=Path(task.source),
            target=Path(task.target),
            notes=tuple(map(renamed, result.notes)),
            error=error,
            repeated=False,
        )
