"""Folders, disks and pipes that do not take a painting: one clear line, nothing half written."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands import Run, surroundings
from pictures import copies

from impasto.images.reading import read

STYLE = ("--style", "starry-night")


@contextmanager
def failing_writes(monkeypatch: pytest.MonkeyPatch, number: int, failures: int) -> Iterator[None]:
    """The first files that are written, but for the cache, take half of their bytes, then fail."""
    real = Path.open
    left = [failures]

    def opened(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        file: Any = real(path, mode, *args, **kwargs)
        if "x" not in mode or not left[0] or path.parent.name == "openvino":
            return file
        left[0] -= 1
        with file:
            file.write(b"half a pic")
        raise OSError(number, os.strerror(number), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        yield


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "No space left on device"),
        (errno.EROFS, "Read-only file system"),
        (errno.EACCES, "Permission denied"),
    ],
)
def test_a_disk_that_does_not_take_it(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    (other,) = copies(photo_file, "other.jpg")
    targets = [path.with_suffix(".starry-night.jpg") for path in (photo_file, other)]
    for target in targets:
        target.write_bytes(b"the old one")
    with failing_writes(monkeypatch, number, failures=1):
        done = impasto("stylize", photo_file, other, *STYLE, "--overwrite")
    assert done.code == 1
    assert reason in done.only_error()
    # either may be written first
    targets.sort(key=lambda target: str(target) in done.only_error())
    good, bad = targets
    assert str(bad) in done.only_error()
    assert bad.read_bytes() == b"the old one"
    assert read(good).width == 64
    assert len(list(photo_file.parent.iterdir())) == 4


@pytest.mark.parametrize(
    "output", ["/proc/here/", "/proc/here.jpg", "/dev/null/here/", "x" * 300 + ".jpg"]
)
@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_outputs_that_cannot_be(
    impasto: Run, photo_file: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.chdir(photo_file.parent)
    done = impasto("stylize", photo_file, *STYLE, "-o", output)
    assert (done.code, done.out) == (1 if "proc" in output else 2, "")
    assert output.strip("/") in done.only_error()
    assert list(photo_file.parent.iterdir()) == [photo_file]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [("styles",), ("styles", "--json"), ("doctor",)])
def test_results_into_a_full_disk(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "impasto", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=surroundings(),
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


def test_results_into_a_closed_pipe() -> None:
    """`impasto styles --json | head -1`"""
    process = subprocess.Popen(
        [sys.executable, "-m", "impasto", "styles", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings(),
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(30)
