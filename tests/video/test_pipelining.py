"""Threads work ahead and behind, in order and within bounds."""

from collections.abc import Iterator

import pytest

from impasto.video.pipelining import prefetch, write_behind


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
