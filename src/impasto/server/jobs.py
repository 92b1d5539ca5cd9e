"""Jobs: pieces of work with a state, progress, a result, and a way to cancel them."""

import asyncio
import io
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Literal

from impasto.progress import Progress
from impasto.server.problems import Problem

State = Literal["queued", "running", "done", "failed", "cancelled"]
Kind = Literal["stylize", "video", "train", "optimize", "predict"]
FINAL: tuple[State, ...] = ("done", "failed", "cancelled")

REPORT_SECONDS = 0.1  # between reports of progress to those who listen


class JobCancelled(Exception):
    """Raised inside the work of a job that is to stop."""


@dataclass(frozen=True, eq=False)
class Result:
    """The file that a job makes.

    Attributes:
        media_type: such as "image/png".
        filename: a name to save it under.
        file: the bytes, in memory, or in a file without a name if there are many.
        size: of the file, in bytes.
        headers: of the answer that holds it.
    """

    media_type: str
    filename: str
    file: IO[bytes] = field(repr=False)
    size: int
    headers: Mapping[str, str] = field(default_factory=dict)

    def __del__(self) -> None:
        """Close the file when neither a job nor an answer needs it any more."""
        self.file.close()

    @classmethod
    def of_bytes(
        cls, data: bytes, media_type: str, filename: str, headers: Mapping[str, str]
    ) -> "Result":
        """Make a result of bytes in memory."""
        return cls(media_type, filename, io.BytesIO(data), len(data), headers)


class Job:
    """A piece of work, in a queue or in a thread.

    Every thread may read it. The loop that made it is told of each change.

    Args:
        kind: the kind of work.
        work: does it, in another thread, and gives the result. It calls `check` or `report` often.
        seconds: that it will take, as estimated.
        listed: whether clients may ask for it by its id.
    """

    def __init__(
        self, kind: Kind, work: Callable[["Job"], Result], seconds: float, listed: bool
    ) -> None:
        self.id = secrets.token_urlsafe(12)
        self.kind, self.seconds, self.listed = kind, seconds, listed
        self.state: State = "queued"
        self.place = 0
        self.created = time.time()
        self.ended: float | None = None
        self.done, self.total = 0.0, 1.0
        self.seconds_left: float | None = None
        self.preview: bytes | None = None  # of a JPEG file
        self.previews = 0
        self.problem: Problem | None = None
        self.result: Result | None = None
        self.waiting = 0  # requests that wait for the result
        self._work = work
        self._cancelled = threading.Event()
        self._reported = self._started = 0.0
        self._loop = asyncio.get_running_loop()
        self._changes: set[asyncio.Event] = set()

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINAL

    @property
    def is_cancelled(self) -> bool:
        """Whether the job was told to stop."""
        return self._cancelled.is_set()

    def run(self) -> Result:
        """Do the work, in the calling thread; once."""
        work, self._work = self._work, _forgotten
        return work(self)

    def move(self, state: State) -> None:
        """Change the state, and tell all who listen."""
        self.state = state
        if state == "running":
            self._started = time.monotonic()
        if self.is_final:
            self.ended, self._work = time.time(), _forgotten
        self._tell()

    def move_to(self, place: int) -> None:
        """Change the place in the queue; 0 is in work."""
        if place != self.place:
            self.place = place
            self._tell()

    def stop(self) -> None:
        """Tell the work to stop; it does so when it next calls `check`."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise JobCancelled if the job was told to stop."""
        if self._cancelled.is_set():
            raise JobCancelled

    def advance(self, fraction: float) -> None:
        """Count work that is done; the fractions sum to 1."""
        self.done = min(1.0, self.done + fraction)
        seconds = time.monotonic() - self._started
        self.seconds_left = seconds / self.done * (1 - self.done) if self.done else None
        self._report()

    def report(self, progress: Progress) -> None:
        """Take over the progress of a recipe."""
        if progress.steps:
            self.done, self.total = float(progress.step), float(progress.steps)
        else:
            self.done, self.total = progress.fraction, 1.0
        self.seconds_left = progress.seconds_left if progress.fraction > 0 else None
        self._report()

    def show(self, preview: bytes) -> None:
        """Show a picture of the work so far: the bytes of a small JPEG file."""
        self.preview, self.previews = preview, self.previews + 1
        self._tell()

    def _report(self) -> None:
        self.check()
        now = time.monotonic()
        if now - self._reported > REPORT_SECONDS:
            self._reported = now
            self._tell()

    def _tell(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for change in self._changes:
            change.set()

    def listen(self) -> asyncio.Event:
        """Return an event that is set at each change, until `ignore` is called."""
        change = asyncio.Event()
        self._changes.add(change)
        return change

    def ignore(self, change: asyncio.Event) -> None:
        """Stop setting an event."""
        self._changes.discard(change)

    async def finish(self, timeout: float) -> bool:
        """Wait until nothing will change any more, or so many seconds; return whether that is."""
        change, end = self.listen(), time.monotonic() + timeout
        try:
            while not self.is_final and (left := end - time.monotonic()) > 0:
                change.clear()
                waiting = asyncio.create_task(change.wait())
                await asyncio.wait({waiting}, timeout=left)
                waiting.cancel()
        finally:
            self.ignore(change)
        return self.is_final

    def record(self) -> dict[str, Any]:
        """Return the job as JSON."""
        progress = {"done": round(self.done, 4), "total": self.total}
        record: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "place": self.place,
            "progress": {**progress, "seconds_left": self.seconds_left},
            "created": self.created,
        }
        if self.problem:
            record["error"] = self.problem.record()
        if self.state == "done":
            record["result"] = f"v1/jobs/{self.id}/result"
        return record


def _forgotten(_: Job) -> Result:
    """Stand for work that is done, so that the pictures it holds are free."""
    raise AssertionError("a job runs once")
