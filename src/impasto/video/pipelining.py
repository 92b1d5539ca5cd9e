"""Pipelining: threads with bounded queues, so that reading, painting and writing overlap."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

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
