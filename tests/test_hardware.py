"""Cores and memory: of the machine, and of the container that the process runs in."""

import mmap
import os
import sys
from pathlib import Path

import pytest

from impasto import hardware


@pytest.mark.parametrize(
    ("quota", "most"),
    [
        ("150000 100000", 2),
        ("100000 100000", 1),
        ("5000 100000", 1),
        ("max 100000", 99),
        ("", 99),
        ("nonsense", 99),
    ],
)
def test_cores_of_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, most: int
) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(99)), raising=False)
    assert hardware.available_cores(tmp_path / "cpu.max") == most
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert hardware.available_cores(tmp_path / "cpu.max") == 1


def test_cores_without_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert hardware.available_cores(tmp_path / "absent") == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert hardware.available_cores(tmp_path / "absent") == 7


def test_available_memory(tmp_path: Path) -> None:
    """The least of what the system and the container have; files that are cached are given back."""
    meminfo, cgroup = tmp_path / "meminfo", tmp_path / "cgroup"
    assert hardware.available_memory(meminfo, cgroup) is None
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:   5000 kB\n")
    assert hardware.available_memory(meminfo, cgroup) == 5000 * 1024
    cgroup.mkdir()
    for name, text in (
        ("memory.max", "max"),
        ("memory.current", "3000000"),
        ("memory.stat", "inactive_file 1000000\n"),
    ):
        (cgroup / name).write_text(text)
    assert hardware.available_memory(meminfo, cgroup) == 5000 * 1024
    (cgroup / "memory.max").write_text("4000000")
    assert hardware.available_memory(meminfo, cgroup) == 2_000_000
    assert hardware.available_memory() != 0


def test_resident_memory(tmp_path: Path) -> None:
    statm = tmp_path / "statm"
    statm.write_text("900 7 3 1 0 20 0")
    assert hardware.resident_memory(statm) == 7 * mmap.PAGESIZE
    assert hardware.resident_memory(tmp_path / "absent") == 0
    if not hardware.resident_memory():
        pytest.skip("this system does not tell")
    status = Path("/proc/self/status").read_text()
    told = int(status.partition("VmRSS:")[2].split()[0]) << 10  # kB
    assert abs(hardware.resident_memory() - told) < 16 << 20


# Graphics cards


def make_devices(folder: Path, **vendors: str) -> Path:
    """Make files as Linux has them in /sys/class: the vendor of each device, by class and name."""
    for place, vendor in vendors.items():
        kind, _, name = place.partition("_")
        (folder / kind / name / "device").mkdir(parents=True)
        (folder / kind / name / "device" / "vendor").write_text(f"{vendor}\n")
    return folder


@pytest.mark.parametrize(
    ("devices", "files", "vendors"),
    [
        ({}, [], set()),
        ({"drm_card0": "0x8086", "drm_renderD128": "0x8086"}, [], {"intel"}),
        ({"drm_card0": "0x1002", "drm_card1": "0x10de"}, [], {"amd", "nvidia"}),
        ({"accel_accel0": "0x8086"}, [], {"intel"}),
        ({"drm_card0": "0x1a03"}, [], set()),  # the screen of a server
        ({}, ["proc/driver/nvidia/version"], {"nvidia"}),
        ({}, ["dev/nvidiactl"], {"nvidia"}),
        ({}, ["dev/kfd"], {"amd"}),
        ({}, ["dev/dxg"], {"amd", "intel", "nvidia"}),  # Linux in Windows
    ],
)
def test_makers_of_graphics_cards(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    devices: dict[str, str],
    files: list[str],
    vendors: set[str],
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    folder = make_devices(tmp_path / "class", **devices)
    assert hardware.graphics_vendors(folder, tmp_path) == vendors


def test_makers_of_graphics_cards_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert hardware.graphics_vendors() == {"apple"}
    monkeypatch.setattr(sys, "platform", "win32")
    assert hardware.graphics_vendors() == {"nvidia", "amd", "intel"}


def test_the_name_of_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: A  CPU\n\nmodel name\t: another\n")
    assert hardware.cpu_name(cpuinfo) == "A CPU"
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert hardware.cpu_name(tmp_path / "absent") == "aarch64"
