"""A budget that threads share: memory, for example."""

import contextlib
import threading
from collections.abc import Iterator


class Budget:
    """An amount of which threads take parts, and give them back; who comes first is served first.

    Args:
        total: the whole amount.
    """

    def __init__(self, total: int) -> None:
        self._total = self._left = total
        self._entrance = threading.Lock()  # held by the one that waits, so that none passes it
        self._change = threading.Condition()

    def __repr__(self) -> str:
        return f"Budget({self._left} of {self._total})"

    @contextlib.contextmanager
    def take(self, amount: int) -> Iterator[None]:
        """Take an amount within a `with` block, and wait until as much is left.

        An amount above the total is the total: its block runs alone.
        """
        amount = min(amount, self._total)
        with self._entrance, self._change:
            self._change.wait_for(lambda: self._left >= amount)
            self._left -= amount
        try:
            yield
        finally:
            with self._change:
                self._left += amount
                self._change.notify_all()
