"""Progress of long work."""

from collections.abc import Callable

Advance = Callable[[float], None]  # told of each share of the work that is done; they sum to 1
