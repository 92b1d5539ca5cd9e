"""The jobs that clients may ask for, and their results: in memory, with a cap and an age."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from impasto.server.jobs import Job
from impasto.server.problems import Problem, shorten

MAX_JOBS = 256
MAX_BYTES = 512_000_000  # of results; large ones are in files without names
MAX_AGE = 3600.0  # seconds after the end of a job


@dataclass
class _Entry:
    job: Job
    key: str | None
    digest: str


class JobStore:
    """Jobs by id, and by idempotency key. The loop's thread alone uses it.

    A job that nobody can ask for any more, as it has no key and is not listed, is not kept.
    """

    def __init__(
        self, max_jobs: int = MAX_JOBS, max_bytes: int = MAX_BYTES, max_age: float = MAX_AGE
    ) -> None:
        self._limits = max_jobs, max_bytes, max_age
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._keys: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes of all results."""
        jobs = [entry.job for entry in self._entries.values()]
        return sum(job.result.size for job in jobs if job.result)

    def add(self, job: Job, key: str | None, digest: str) -> None:
        """Keep a job that clients may ask for again."""
        if not job.listed and key is None:
            return
        entry = _Entry(job, key, digest)
        self._entries[job.id] = entry
        if key is not None:
            self._keys[key] = entry
        self.tidy()

    def get(self, id: str) -> Job:
        """Return a job that a client asks for.

        Raises:
            Problem: 404, as there is no such job, or no longer.
        """
        self.tidy()
        entry = self._entries.get(id)
        if entry is None or not entry.job.listed:
            raise Problem(
                404,
                f"cannot find the job {shorten(id)!r}: it never was, or its result was dropped"
                " after an hour; send the request again",
            )
        return entry.job

    def find(self, key: str, digest: str) -> Job | None:
        """Return the job of an earlier request of the same key, unless it did not come to its end.

        Raises:
            Problem: 422, as the earlier request was another.
        """
        entry = self._keys.get(key)
        if entry is None or entry.job.is_cancelled or entry.job.state == "failed":
            return None
        if entry.digest != digest:
            raise Problem(
                422,
                f"cannot use the Idempotency-Key {shorten(key)!r}: another request had it; make up"
                " a new key for each request",
            )
        return entry.job

    def remove(self, job: Job) -> None:
        """Forget a job, and free its result."""
        entry = self._entries.pop(job.id, None)
        if entry is None:
            return
        if entry.key is not None and self._keys.get(entry.key) is entry:
            del self._keys[entry.key]
        job.result = None  # an answer that is being sent keeps it

    def tidy(self) -> None:
        """Drop results that are too old, and the oldest ones while there are too many."""
        max_jobs, max_bytes, max_age = self._limits
        ended = [entry.job for entry in self._entries.values() if entry.job.is_final]
        now, size = time.time(), self.size
        for job in ended:
            is_old = job.ended is not None and now - job.ended > max_age
            if is_old or len(self) > max_jobs or size > max_bytes:
                size -= job.result.size if job.result else 0
                self.remove(job)

    def clear(self) -> None:
        """Drop all."""
        for entry in list(self._entries.values()):
            self.remove(entry.job)
