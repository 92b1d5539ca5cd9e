"""Work ahead and behind: threads with bounded queues, so that reading, painting and writing
overlap."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# seconds of waiting at a time: Windows delivers no Ctrl-C to a thread that waits for a lock
_PATIENCE = 0.1


@dataclass(frozen=True)
class _End:
    """What comes after the last item: nothing, or the error that made it the last."""

    error: BaseException | None = None


@dataclass(frozen=True)
class _Item(Generic[T]):
    value: T


@contextlib.contextmanager
def prefetch(items: Iterator[T], depth: int) -> Iterator[Iterator[T]]:
    """The same items, made by a thread of their own at most `depth` ahead of who takes them.

    What making them raises is raised where the next is taken. Leaving the block ends the thread,
    wherever it is.
    """
    ready: queue.Queue[_Item[T] | _End] = queue.Queue(depth)
    left = threading.Event()

    def make() -> None:
        try:
            for item in items:
                if not _put(ready, _Item(item), left):
                    return
        except BaseException as error:
            _put(ready, _End(error), left)
        else:
            _put(ready, _End(), left)

    def taken() -> Iterator[T]:
        while isinstance(item := _get(ready), _Item):
            yield item.value
        if item.error:
            raise item.error

    thread = threading.Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        left.set()
        thread.join()


@contextlib.contextmanager
def write_behind(take: Callable[[T], None], depth: int) -> Iterator[Callable[[T], None]]:
    """A function that hands items over to `take`, which runs in a thread of its own, at most
    `depth` behind.

    What `take` raises is raised where the next item is handed over, or at the end of the block.
    Whatever happens in the block, what was handed over before is taken before it is left.
    """
    waiting: queue.Queue[_Item[T] | _End] = queue.Queue(depth)
    failures: list[BaseException] = []

    def work() -> None:
        while isinstance(item := waiting.get(), _Item):
            if failures:
                continue  # only so that nobody waits for room
            try:
                take(item.value)
            except BaseException as error:
                failures.append(error)

    def hand(item: T) -> None:
        if failures:
            raise failures[0]
        _put(waiting, _Item(item))

    thread = threading.Thread(target=work, name="behind", daemon=True)
    thread.start()
    try:
        yield hand
    finally:
        _put(waiting, _End())
        thread.join()
    if failures:
        raise failures[0]


def _put(
    to: "queue.Queue[_Item[T] | _End]", item: "_Item[T] | _End", left: threading.Event | None = None
) -> bool:
    """Whether the item found room before everybody left."""
    while not (left and left.is_set()):
        with contextlib.suppress(queue.Full):
            to.put(item, timeout=_PATIENCE)
            return True
    return False


def _get(queued: "queue.Queue[_Item[T] | _End]") -> "_Item[T] | _End":
    while True:
        with contextlib.suppress(queue.Empty):
            return queued.get(timeout=_PATIENCE)
