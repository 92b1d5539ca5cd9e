"""Pipelining: threads with bounded queues, so that reading, painting and writing overlap."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Generic, ParamSpec, Protocol, TypeVar, runtime_checkable

from impasto.images.image import UInt8

P = ParamSpec("P")
T = TypeVar("T")

# Windows delivers no Ctrl-C to a thread that waits for a lock, so each wait ends after this time.
_MAX_WAIT = 0.1  # seconds


@dataclass(frozen=True)
class _End:
    """The end of the items, with the error that ended them, if there was one."""

    error: BaseException | None = None


@dataclass(frozen=True)
class _Item(Generic[T]):
    value: T


@contextlib.contextmanager
def prefetch(items: Iterator[T], depth: int) -> Iterator[Iterator[T]]:
    """Make items in a thread of its own, ahead of their use.

    An error of the iterator is raised where the next item is taken. Leaving the block ends the
    thread, wherever it is.

    Args:
        items: iterator to run in the thread.
        depth: largest number of items that wait to be taken.

    Returns:
        A context manager that gives an iterator over the same items.
    """
    ready: queue.Queue[_Item[T] | _End] = queue.Queue(depth)
    stop = threading.Event()

    def make() -> None:
        try:
            for item in items:
                if not _put(ready, _Item(item), stop):
                    return
        except BaseException as error:
            _put(ready, _End(error), stop)
        else:
            _put(ready, _End(), stop)

    def take() -> Iterator[T]:
        while isinstance(item := _get(ready), _Item):
            yield item.value
        if item.error:
            raise item.error

    thread = threading.Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def write_behind(take: Callable[[T], None], depth: int) -> Iterator[Callable[[T], None]]:
    """Call a function with items in a thread of its own, behind their making.

    An error of `take` is raised where the next item is handed over, or at the end of the block.
    Whatever happens in the block, `take` gets all items that were handed over before.

    Args:
        take: function to call with each item, in order.
        depth: largest number of items that wait for it.

    Returns:
        A context manager that gives a function to hand items over with.
    """
    waiting: queue.Queue[_Item[T] | _End] = queue.Queue(depth)
    failures: list[BaseException] = []

    def work() -> None:
        while isinstance(item := waiting.get(), _Item):
            if failures:
                continue  # empty the queue, so that handing over never waits for room
            try:
                take(item.value)
            except BaseException as error:
                failures.append(error)

    def hand_over(item: T) -> None:
        if failures:
            raise failures[0]
        _put(waiting, _Item(item))

    thread = threading.Thread(target=work, name="behind", daemon=True)
    thread.start()
    try:
        yield hand_over
    finally:
        _put(waiting, _End())
        thread.join()
    if failures:
        raise failures[0]


class Begin(Protocol):
    """Begins work, and gives a function that waits for its end and returns the result."""

    def __call__(
        self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Callable[[], T]:
        """Begin work with these arguments."""
        ...


def begin_later(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
    """Do work when its result is asked for, in the thread that asks; see `Begin`."""
    return partial(work, *args, **kwargs)


@contextlib.contextmanager
def working_threads(count: int) -> Iterator[Begin]:
    """Do work in threads of its own, so many pieces at once.

    Leaving the block drops work that has not begun, and waits for the rest.

    Args:
        count: number of threads; with 1, work is done when its result is asked for.

    Returns:
        A context manager that gives a function to begin work with.
    """
    if count == 1:
        yield begin_later
        return
    pool = ThreadPoolExecutor(count, "paint")

    def begin(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
        return partial(_result, pool.submit(work, *args, **kwargs))

    try:
        yield begin
    finally:
        pool.shutdown(cancel_futures=True)


@runtime_checkable
class PaintsAhead(Protocol):
    """Paints frames in order, and can begin one before the last is finished."""

    def begin(self, frame: UInt8) -> Callable[[], UInt8]:
        """Begin to paint a frame; the function returned gives the painting, called in order."""
        ...


def begin_frame(paint: Callable[[UInt8], UInt8] | PaintsAhead, frame: UInt8) -> Callable[[], UInt8]:
    """Begin to paint a frame with any function, which then paints when the result is asked for."""
    return paint.begin(frame) if isinstance(paint, PaintsAhead) else partial(paint, frame)


def _result(future: "Future[T]") -> T:
    """Wait for the end of work, and return its result or raise its error."""
    while not future.done():
        with contextlib.suppress(TimeoutError):
            future.exception(_MAX_WAIT)
    return future.result()


def _put(
    target: "queue.Queue[_Item[T] | _End]",
    item: "_Item[T] | _End",
    stop: threading.Event | None = None,
) -> bool:
    """Put an item into a queue; False if `stop` was set before there was room."""
    while not (stop and stop.is_set()):
        with contextlib.suppress(queue.Full):
            target.put(item, timeout=_MAX_WAIT)
            return True
    return False


def _get(source: "queue.Queue[_Item[T] | _End]") -> "_Item[T] | _End":
    """Take the next item of a queue."""
    while True:
        with contextlib.suppress(queue.Empty):
            return source.get(timeout=_MAX_WAIT)
