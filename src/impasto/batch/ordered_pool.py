"""Work on items in several threads, and give the results in the order of the items."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")
Event = TypeVar("Event")
Result = TypeVar("Result")
Finished = TypeVar("Finished")

ITEMS_PER_WORKER = 2  # begun or done, so that a thread need not wait for an item that takes longer
# Windows delivers no Ctrl-C to a thread that waits for a lock, so each wait ends after this time.
_MAX_WAIT = 0.1  # seconds


def map_in_order(
    work: Callable[[Item, Callable[[Event], None]], Result],
    items: Iterable[Item],
    workers: int,
    finish: Callable[[Result], Finished],
    on_event: Callable[[Event], object],
    stop: threading.Event,
) -> Generator[Finished, None, None]:
    """Work on items in threads, a few items ahead of the result that is taken.

    Args:
        work: called in a thread with an item, and a function that takes its events.
        items: the items, taken in the caller's thread.
        workers: number of threads.
        finish: called with each result, in the caller's thread and in order.
        on_event: called with each event in the caller's thread: item by item, so events of an item
            come when those before it are done.
        stop: is set when the work ends early: when this iterator is closed, or by an exception.
            `work` may then raise any exception. What it returns all the same is finished.

    Yields:
        What `finish` returns.
    """
    pending = deque[_Work[Event, Result]]()

    def next_result() -> Finished:
        for event in pending[0].events():
            on_event(event)
        finished = finish(pending[0].future.result())
        pending.popleft()  # only now, so that Ctrl-C in `finish` loses no result
        return finished

    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                if len(pending) == ITEMS_PER_WORKER * workers:
                    yield next_result()
                # it is pending before it can begin, as Ctrl-C may come while `submit` runs
                pending.append(_Work(work, item))
                pool.submit(pending[-1].run)
            while pending:
                yield next_result()
        finally:
            stop.set()
            begun = [one.future for one in pending if not one.future.cancel()]
            for future in begun:
                if future.exception() is None:  # waits for the end of the work
                    finish(future.result())


class _Work(Generic[Event, Result]):
    """The work on one item: its events, then its result."""

    def __init__(self, work: Callable[[Item, Callable[[Event], None]], Result], item: Item) -> None:
        self.future: Future[Result] = Future()
        self._events = SimpleQueue[Event | None]()
        self._work = partial(work, item, self._events.put)

    def run(self) -> None:
        """Do the work, unless it was cancelled."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self._work())
        except BaseException as error:  # as of a pool's own futures
            self.future.set_exception(error)
        finally:
            self._events.put(None)

    def events(self) -> Iterator[Event]:
        """Yield the events until the work is done."""
        while True:
            with contextlib.suppress(Empty):
                event = self._events.get(timeout=_MAX_WAIT)
                if event is None:
                    return
                yield event
