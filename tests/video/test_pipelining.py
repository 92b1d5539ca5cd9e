"""Threads work ahead and behind, in order and within bounds."""

import contextlib
import threading
from collections.abc import Iterator

import pytest

from impasto.video.pipelining import prefetch, working_threads, write_behind


def test_ahead_is_bounded_and_in_order() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with prefetch(items(), depth=3) as coming:
        for taken in range(20):
            assert next(coming) == taken
            assert len(made) <= taken + 1 + 3 + 1  # taken, waiting, and one that finds no room
    assert len(made) < 30


def test_ahead_passes_errors_on_after_what_came_before() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with prefetch(items(), depth=3) as coming:
        assert next(coming) == 1
        with pytest.raises(ZeroDivisionError):
            next(coming)


def test_behind_takes_all_whatever_happens() -> None:
    taken: list[int] = []
    with pytest.raises(KeyboardInterrupt), write_behind(taken.append, depth=2) as hand:
        for number in range(10):
            hand(number)
        raise KeyboardInterrupt
    assert taken == list(range(10))


def test_behind_passes_errors_back() -> None:
    def take(item: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), write_behind(take, depth=2) as hand:
        for number in range(10):
            hand(number)
    with pytest.raises(ZeroDivisionError), write_behind(take, depth=2) as hand:
        hand(0)


@pytest.mark.parametrize("count", [1, 3])
def test_threads_do_work_at_once_and_give_its_results(count: int) -> None:
    together = threading.Barrier(count)

    def work(number: int) -> int:
        together.wait(10)  # fails unless so many are at it
        return number**2

    with working_threads(count) as begin:
        results = [begin(work, number) for number in range(6)]
        assert [result() for result in results] == [0, 1, 4, 9, 16, 25]


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_of_work_is_raised_where_its_result_is_asked_for(count: int) -> None:
    def fail() -> None:
        raise TimeoutError("slow disk")

    with working_threads(count) as begin:
        result = begin(fail)
        with pytest.raises(TimeoutError, match="slow disk"):
            result()


def test_work_that_has_not_begun_is_dropped() -> None:
    begun, go = list[int](), threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        go.wait(10)

    with contextlib.suppress(KeyboardInterrupt), working_threads(2) as begin:
        for number in range(50):
            begin(work, number)
        threading.Timer(0.2, go.set).start()
        raise KeyboardInterrupt
    assert len(begun) <= 2
