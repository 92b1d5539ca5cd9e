"""Work in threads has its results in order, and ends in order."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from impasto.batch.ordered_pool import ITEMS_PER_WORKER, map_in_order


def double(number: int, report: Callable[[str], None]) -> int:
    time.sleep(0.002 * (number * 7 % 5))  # later items end earlier
    report(f"{number} half")
    report(f"{number} whole")
    return 2 * number


def test_results_and_events_are_in_order_in_the_thread_of_the_caller() -> None:
    seen: list[tuple[str, object]] = []

    def note(kind: str) -> Callable[[object], object]:
        def take(value: object) -> object:
            assert threading.current_thread() is threading.main_thread()
            seen.append((kind, value))
            return value

        return take

    stop = threading.Event()
    results = map_in_order(double, range(20), 4, note("result"), note("event"), stop)
    assert list(results) == [2 * number for number in range(20)]
    assert seen == [
        row
        for number in range(20)
        for row in (
            ("event", f"{number} half"),
            ("event", f"{number} whole"),
            ("result", 2 * number),
        )
    ]


def test_as_many_threads_work_at_once_and_few_items_ahead() -> None:
    barrier, taken = threading.Barrier(3), list[int]()

    def items() -> Iterator[int]:
        for number in range(30):
            taken.append(number)
            yield number

    def meet(number: int, _: object) -> int:
        barrier.wait(10)
        return number

    results = map_in_order(meet, items(), 3, lambda done: done, print, threading.Event())
    assert next(results) == 0
    assert len(taken) == ITEMS_PER_WORKER * 3 + 1
    assert list(results) == list(range(1, 30))


def test_an_error_stops_the_rest_and_finishes_what_is_done() -> None:
    finished, begun, stop = list[int](), list[int](), threading.Event()

    def work(number: int, _: object) -> int:
        begun.append(number)
        if number == 3:
            time.sleep(0.1)
            raise ValueError("three")
        if number > 4:
            stop.wait(10)
            raise BaseException("given up")
        return number

    with pytest.raises(ValueError, match="three"):
        list(map_in_order(work, range(50), 2, finished.append, print, stop))
    assert finished == [0, 1, 2, 4]
    assert len(begun) < 10


def test_closing_early_ends_the_threads() -> None:
    before = threading.active_count()
    with contextlib.closing(
        map_in_order(double, range(50), 3, lambda done: done, lambda _: None, threading.Event())
    ) as results:
        assert next(results) == 0
    assert threading.active_count() == before


def test_an_interrupt_while_work_is_handed_over_loses_no_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit = ThreadPoolExecutor.submit

    def interrupted(self: ThreadPoolExecutor, run: Callable[[], None]) -> Future[None]:
        submit(self, run).result()  # it is done when Ctrl-C comes
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    finished: list[int] = []
    results = map_in_order(double, [4], 1, finished.append, print, threading.Event())
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert finished == [8]
