"""Lanes: one thread each that works, and a bounded queue of jobs before it."""

import collections
import contextlib
import math
import os
import sys
import threading
import time
from collections.abc import Callable

from impasto.inference.predictor import keeps_predictions
from impasto.server.jobs import Job, JobCancelled
from impasto.server.problems import Problem, problem_of

MAX_RETRY_SECONDS = 3600
NICENESS = 5  # of threads that paint, above that of the process


def be_nice() -> None:
    """Let this thread, and those that it starts, give way to the thread that answers requests."""
    if sys.platform == "linux":  # where a thread has a niceness of its own
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            now = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, now + NICENESS)


class Lane:
    """One thread that does jobs in turn, and a bounded queue before it.

    Args:
        name: of the thread.
        capacity: jobs that may wait; more are refused.
    """

    def __init__(self, name: str, capacity: int) -> None:
        self.name, self.capacity = name, capacity
        self._queue: collections.deque[Job] = collections.deque()
        self._changed = threading.Condition()
        self._running: Job | None = None
        self._started = 0.0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"impasto-{name}", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"Lane({self.name}, {len(self._queue)} of {self.capacity})"

    @property
    def depth(self) -> int:
        """Number of jobs that wait."""
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether the next job is refused."""
        return len(self._queue) >= self.capacity

    @property
    def running(self) -> Job | None:
        """The job in work."""
        return self._running

    def refusal(self) -> Problem:
        """Make the answer to a job for which there is no place."""
        seconds = self.retry_seconds()
        return Problem(
            503,
            f"cannot take the request: {self.depth} others wait, and the queue holds"
            f" {self.capacity}; try again in {seconds} s",
            {"Retry-After": str(seconds)},
        )

    def retry_seconds(self) -> int:
        """Estimate the whole seconds until there is a place."""
        with self._changed:
            waiting = sum(job.seconds for job in self._queue)
            running = self._running.seconds if self._running else 0.0
            elapsed = time.monotonic() - self._started
        return min(MAX_RETRY_SECONDS, max(1, math.ceil(waiting + max(0.0, running - elapsed))))

    def submit(self, job: Job) -> None:
        """Put a job at the end of the queue.

        Raises:
            Problem: 503, as the queue is full, or closed.
        """
        with self._changed:
            if self._closed:
                raise Problem(503, "cannot take the request: impasto shuts down; try again later")
            full = self.is_full
            if not full:
                self._queue.append(job)
                job.move_to(len(self._queue))
                self._changed.notify()
        if full:
            raise self.refusal()

    def cancel(self, job: Job) -> None:
        """Take a job out of the queue, or tell the thread that works at it to stop."""
        with self._changed:
            job.stop()
            if job in self._queue:
                self._queue.remove(job)
                self._renumber()
                job.move("cancelled")

    def close(self, keep: Callable[[Job], bool]) -> None:
        """Take no more jobs, and cancel all that wait, and the one in work unless it is kept."""
        with self._changed:
            self._closed = True
            left = [*self._queue]
            if self._running and not keep(self._running):
                left.append(self._running)
        for job in left:
            self.cancel(job)
        with self._changed:
            self._changed.notify()

    def join(self, timeout: float) -> None:
        """Wait for the end of the thread of a closed lane, for so many seconds at most."""
        self._thread.join(timeout)

    def _renumber(self) -> None:
        for place, job in enumerate(self._queue, 1):
            job.move_to(place)

    def _work(self) -> None:
        be_nice()
        keeps_predictions.set(False)  # nothing of a client is left on disk
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if not self._queue:
                    return
                job = self._running = self._queue.popleft()
                self._started = time.monotonic()
                job.move_to(0)
                self._renumber()
            self._do(job)
            with self._changed:
                self._running = None
            del job  # its pictures are not kept while the thread waits

    def _do(self, job: Job) -> None:
        job.move("running")
        try:
            job.check()
            job.result = job.run()
            job.check()
        except JobCancelled:
            job.result = None
            job.move("cancelled")
        except BaseException as error:
            job.problem = problem_of(error)
            job.move("failed")
        else:
            job.done = job.total
            job.seconds_left = 0.0
            job.move("done")
