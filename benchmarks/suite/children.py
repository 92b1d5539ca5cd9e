"""CPU time of programs, for benchmarks of whole commands."""

import resource
import statistics
import subprocess
import sys


def cpu_seconds(*arguments: str, runs: int = 3) -> float:
    """Run Python with these arguments; return the median CPU seconds of a run.

    Args:
        *arguments: of Python, such as "-m", "impasto", "styles".
        runs: runs that count. One before them fills the caches.
    """
    seconds = []
    for _ in range(runs + 1):
        begun = _children()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        seconds.append(_children() - begun)
    return statistics.median(seconds[1:])


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
