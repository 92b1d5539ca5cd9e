"""Stylize many files: while one is painted, the next is read and the one before is written."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from impasto.errors import ImpastoError
from impasto.inference.file_pipeline import FilePainting, Options, Painted
from impasto.inference.model import LoadedNetwork
from impasto.inference.settings import Manner


@dataclass(frozen=True)
class Job:
    """A picture file to paint, and the file to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a job: what was painted, or why not; and the seconds from reading it to its being written."""

    job: Job
    painted: Painted | None
    error: Exception | None
    seconds: float


def stylize_pictures(
    jobs: Iterable[Job],
    painter: LoadedNetwork,
    manner: Manner,
    options: Options | None = None,
    advance: Callable[[Job, float], None] = lambda *_: None,
) -> Iterator[Outcome]:
    """Many picture files, in order; while one is painted, the next is read and the one before is written.

    One that fails, fails alone. Memory holds three pictures at most, of those too large for that one at a time.

    Args:
        jobs: taken one by one, as they are needed.
        painter, manner, options: as of `stylize_picture`.
        advance: told of each share of a job that is done; they sum to 1.
    """
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        waiting: tuple[Job, float, Future[Painted]] | None = None
        for job, begun, reading in _read_ahead(jobs, reader, options or Options()):
            try:
                write = reading.result().painted(painter, manner, partial(advance, job))
            except FAILURES as error:
                writing: Future[Painted] = Future()
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
    jobs: Iterable[Job], reader: ThreadPoolExecutor, options: Options
) -> Iterator[tuple[Job, float, "Future[FilePainting]"]]:
    coming = None
    for job in jobs:
        following = job, time.perf_counter(), reader.submit(FilePainting, job.source, job.target, options, ahead=True)
        if coming:
            yield coming
        coming = following
    if coming:
        yield coming


def _outcome(job: Job, begun: float, writing: "Future[Painted]") -> Outcome:
    try:
        painted, error = writing.result(), None
    except FAILURES as failure:
        painted, error = None, failure
    return Outcome(job, painted, error, time.perf_counter() - begun)
