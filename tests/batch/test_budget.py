"""A shared budget is never overdrawn, and nobody waits for ever."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from impasto.batch.budget import Budget


def test_parts_never_exceed_the_total() -> None:
    budget, lock, taken, most = Budget(10), threading.Lock(), 0, 0

    def use(amount: int) -> None:
        nonlocal taken, most
        with budget.take(amount):
            with lock:
                taken += amount
                most = max(most, taken)
            time.sleep(0.001)
            with lock:
                taken -= amount

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, [3, 1, 10, 4, 2, 7, 5, 1] * 8))
    assert (taken, most) == (0, 10)


def test_more_than_the_total_has_it_all_to_itself() -> None:
    budget, order = Budget(10), list[str]()

    def use(name: str, amount: int) -> None:
        with budget.take(amount):
            order.append(f"{name} begins")
            time.sleep(0.05)
            order.append(f"{name} ends")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(use, ["a", "b"], [25, 1]))
    assert order == ["a begins", "a ends", "b begins", "b ends"]


def test_a_part_is_given_back_after_an_error() -> None:
    budget = Budget(1)
    for _ in range(2):
        try:
            with budget.take(1):
                raise ValueError
        except ValueError:
            pass
