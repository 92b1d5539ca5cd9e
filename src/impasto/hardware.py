"""Cores and memory that this process may use."""

import contextlib
import math
import mmap
import os
from pathlib import Path


def available_cores(cgroup: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Cores that this process may really use: its affinity, and the quota of its container where
    there is one."""
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
    """Bytes of memory that this process may still take: what the system has, and its container
    where there is one; None where neither tells.
    """
    found = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        line = next(
            line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable:")
        )
        found.append(1024 * int(line.split()[1]))
    with contextlib.suppress(OSError, ValueError, StopIteration):  # "max" is no number
        most, used = (int((cgroup / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = (cgroup / "memory.stat").read_text().splitlines()
        cached = int(
            next(line for line in stat if line.startswith("inactive_file ")).split()[1]
        )  # given back when asked for
        found.append(max(0, most - used + cached))
    return min(found, default=None)


def resident_memory(statm: Path = Path("/proc/self/statm")) -> int:
    """Bytes of memory that this process has; 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(statm.read_text().split()[1]) * mmap.PAGESIZE
    return 0
