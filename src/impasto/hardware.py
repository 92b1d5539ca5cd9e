"""Cores and memory available to this process."""

import contextlib
import math
import mmap
import os
from pathlib import Path


def available_cores(cgroup: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Count the cores that this process may use.

    The count respects the affinity of the process, and the quota of its container if there is one.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        quota, period = cgroup.read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or a quota of "max"
        return cores


def available_memory(
    meminfo: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """Measure the memory that this process may still allocate.

    Returns:
        Bytes: the smaller of the memory free in the system and in the container, if there is one.
        None where neither can be read.
    """
    free = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        line = next(
            line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable:")
        )
        free.append(1024 * int(line.split()[1]))
    with contextlib.suppress(OSError, ValueError, StopIteration):  # "max" is no number
        limit, used = (
            int((cgroup / name).read_text()) for name in ("memory.max", "memory.current")
        )
        lines = (cgroup / "memory.stat").read_text().splitlines()
        # cached files: the kernel gives their memory back on demand
        cached = int(next(line for line in lines if line.startswith("inactive_file ")).split()[1])
        free.append(max(0, limit - used + cached))
    return min(free, default=None)


def resident_memory(statm: Path = Path("/proc/self/statm")) -> int:
    """Measure the memory of this process in bytes; 0 where the system does not report it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(statm.read_text().split()[1]) * mmap.PAGESIZE
    return 0
