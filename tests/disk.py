"""A disk with little room, which takes a part of what it has no room for, as disks do."""

import errno
import os
from io import FileIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


class Disk:
    """What new files are written on from now on; `room` is how many bytes are left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        real = Path.open

        def opened(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
            return File(self, path) if "x" in mode else real(path, mode, *rest, **more)

        monkeypatch.setattr(Path, "open", opened)
        kept = SimpleNamespace(
            TemporaryFile=lambda dir, buffering: File(self, dir / "kept", passing=True)
        )
        monkeypatch.setattr("impasto.files.tempfile", kept)
        monkeypatch.setattr(
            "impasto.files.shutil.disk_usage", lambda _: SimpleNamespace(free=self.room)
        )


class File(FileIO):
    """A file on such a disk; one that is passing is gone when it is closed, and its room is free
    again."""

    def __init__(self, disk: Disk, path: Path, passing: bool = False) -> None:
        super().__init__(path, "x")
        self._disk, self._size, self._passing = disk, 0, path if passing else None

    def write(self, data: Any) -> int:
        end = self.tell() + len(data)
        more = max(0, end - self._size)
        if more and not self._disk.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = len(data) - max(0, more - self._disk.room)
        count = super().write(memoryview(data)[:taken]) or 0
        grown = max(0, self.tell() - self._size)
        self._size, self._disk.room = self._size + grown, self._disk.room - grown
        return count

    def close(self) -> None:
        if self._passing and not self.closed:
            self._passing.unlink()
            self._disk.room += self._size
        super().close()
