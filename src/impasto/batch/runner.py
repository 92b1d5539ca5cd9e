"""Stylize many files: while one is painted, the next is read and the one before is written."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from impasto.errors import ImpastoError
from impasto.inference.file_pipeline import FileOptions, FilePainting, FileResult
from impasto.inference.model import LoadedNetwork
from impasto.inference.settings import StylizeSettings


@dataclass(frozen=True)
class FileTask:
    """A picture file to paint, and the file to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class FileOutcome:
    """What became of a job: what was painted, or why not; and the seconds from reading it to its
    being written."""

    job: FileTask
    painted: FileResult | None
    error: Exception | None
    seconds: float


def stylize_image_files(
    jobs: Iterable[FileTask],
    stylizer: LoadedNetwork,
    settings: StylizeSettings,
    options: FileOptions | None = None,
    advance: Callable[[FileTask, float], None] = lambda *_: None,
) -> Iterator[FileOutcome]:
    """Many picture files, in order; while one is painted, the next is read and the one before is
    written.

    One that fails, fails alone. Memory holds three pictures at most, of those too large for that
    one at a time.

    Args:
        jobs: taken one by one, as they are needed.
        painter, manner, options: as of `stylize_picture`.
        advance: told of each share of a job that is done; they sum to 1.
    """
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        waiting: tuple[FileTask, float, Future[FileResult]] | None = None
        for job, begun, reading in _read_ahead(jobs, reader, options or FileOptions()):
            try:
                write = reading.result().painted(stylizer, settings, partial(advance, job))
            except FAILURES as error:
                writing: Future[FileResult] = Future()
                writing.set_exception(error)
            else:
                writing = writer.submit(write)
            if waiting:
                yield _outcome(*waiting)
            waiting = job, begun, writing
        if waiting:
            yield _outcome(*waiting)


FAILURES = (ImpastoError, OSError, MemoryError, RuntimeError)
"""What a picture may fail with; engines report a lack of memory as RuntimeError."""


def _read_ahead(
    jobs: Iterable[FileTask], reader: ThreadPoolExecutor, options: FileOptions
) -> Iterator[tuple[FileTask, float, "Future[FilePainting]"]]:
    coming = None
    for job in jobs:
        following = (
            job,
            time.perf_counter(),
            reader.submit(FilePainting, job.source, job.target, options, ahead=True),
        )
        if coming:
            yield coming
        coming = following
    if coming:
        yield coming


def _outcome(job: FileTask, begun: float, writing: "Future[FileResult]") -> FileOutcome:
    try:
        painted, error = writing.result(), None
    except FAILURES as failure:
        painted, error = None, failure
    return FileOutcome(job, painted, error, time.perf_counter() - begun)
