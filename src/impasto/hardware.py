"""Cores, memory and graphics cards of this machine, as far as this process may use them."""

import contextlib
import math
import mmap
import os
import platform
import sys
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


PCI_VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}


def graphics_vendors(devices: Path = Path("/sys/class"), root: Path = Path("/")) -> set[str]:
    """List the makers of GPUs and NPUs that may be here, without loading any driver.

    Args:
        devices: where Linux lists devices by class.
        root: folder with `dev` and `proc`.

    Returns:
        "nvidia", "amd", "intel", "apple". Outside Linux all that the system may have.
    """
    if sys.platform == "darwin":
        return {"apple"}
    # Windows; and Linux in Windows, which passes any card on through one device
    if not sys.platform.startswith("linux") or (root / "dev/dxg").exists():
        return set(PCI_VENDORS.values())
    vendors = set()
    for file in (*devices.glob("drm/*/device/vendor"), *devices.glob("accel/*/device/vendor")):
        with contextlib.suppress(OSError):
            vendors.add(PCI_VENDORS.get(file.read_text().strip(), ""))
    if (root / "proc/driver/nvidia/version").exists() or (root / "dev/nvidiactl").exists():
        vendors.add("nvidia")  # cards without a display are no `drm` devices
    if (root / "dev/kfd").exists():
        vendors.add("amd")
    return vendors - {""}


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name of the CPU by its maker, or of its architecture where that is not known."""
    with contextlib.suppress(OSError, StopIteration):
        lines = cpuinfo.read_text().splitlines()
        line = next(line for line in lines if line.startswith("model name"))
        return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


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
