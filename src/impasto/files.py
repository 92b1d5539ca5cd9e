"""Safetensors files with metadata, written whole or not at all."""

import contextlib
import errno
import hashlib
import os
import platform
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def atomic_write(
    path: Path, named: Callable[[Path], Path] = lambda path: path, buffering: int = -1
) -> Iterator[IO[bytes]]:
    """A new file to write that takes the place of `path` when all went well, so that nobody ever
    sees half a file.

    It stands beside the target until then. Whatever is raised leaves nothing, and what was there as
    it was; OSError where the folder or the disk does not take it. `named` may give it another name
    in the end; `buffering` is that of `open`.
    """
    target = Path(os.path.realpath(path))  # a link stays a link, and what it points to is replaced
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    temporary = target.with_name(f"{_MINE}{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open(
            "xb", buffering
        ) as file:  # not tempfile: its files are 0600, this one has the mode of any new file
            yield file
        temporary.replace(named(target))
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


# what this process calls files that are not whole yet, by machine and process
_HOST = f".impasto-{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"
_MINE = f"{_HOST}{os.getpid()}-"


@lru_cache(maxsize=64)
def _sweep(folder: Path) -> None:
    """Remove what processes of this machine left in a folder when they were killed; once a
    folder."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_HOST}*.tmp"):
            process = path.name.removeprefix(_HOST).partition("-")[0]
            if process.isdigit() and not _runs(int(process)):
                path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    """Whether there is a process of this number; where nobody can tell, there is."""
    if os.name != "posix":  # elsewhere a signal of 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the target and rename. Raises OSError and leaves nothing then."""
    with atomic_write(path) as file:
        file.write(data)


class CarefulFile:
    """A file without a buffer that writes all it is given: a nearly full disk takes a part, and
    complains the next time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: Any) -> int:
        """Write all of it. Raises OSError where the disk does not take it."""
        left = memoryview(data)
        while left:
            left = left[self._taken(left) :]
        return len(data)

    def _taken(self, data: memoryview) -> int:
        return self._file.write(data) or 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """As files do."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As files do."""
        return self._file.tell()

    def close(self) -> None:
        """Close it."""
        self._file.close()


class RoomyFile(CarefulFile):
    """The same with room kept beside it, so that there is some to end it in order when the disk is
    full.

    Args:
        file: to write to; whoever opened it closes it.
        room: bytes to keep, at most a quarter of what is free.

    Attributes:
        full: what the disk said when it was; since then, what is written goes where the room was.
    """

    def __init__(self, file: IO[bytes], room: int) -> None:
        super().__init__(file)
        self.full: OSError | None = None
        self._room = contextlib.ExitStack()
        folder = Path(file.name).parent
        with contextlib.suppress(OSError):
            kept = self._room.enter_context(tempfile.TemporaryFile(dir=folder, buffering=0))  # noqa: SIM115
            room, block = (
                min(room, shutil.disk_usage(folder).free // 4),
                os.urandom(1 << 20),
            )  # zeros might be compressed
            for begin in range(0, room, len(block)):
                kept.write(block[: room - begin])

    def _taken(self, data: memoryview) -> int:
        try:
            return super()._taken(data)
        except OSError as error:
            if self.full or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self.full = error
            self._room.close()
            return 0

    def close(self) -> None:
        """Give the room back."""
        self._room.close()


def unwritable_reason(path: Path) -> str | None:
    """Why no file can be written at `path`, and what to do, as far as can be seen before it is
    tried; None where nothing is."""
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # which takes no name that is too long
        folder = next(each for each in path.absolute().parents if each.exists())
    except OSError as error:
        return os_reason(error)
    if path.is_dir():
        number = errno.EISDIR
    elif not folder.is_dir():
        number = errno.ENOTDIR
    elif not os.access(folder, os.W_OK | os.X_OK):
        number = errno.EACCES
    else:
        return None
    return os_reason(OSError(number, os.strerror(number)))


_REMEDIES = {
    errno.ENOSPC: "free some space, or choose another disk",
    errno.EDQUOT: "free some space, or choose another disk",
    errno.EACCES: "change its permissions, or choose another folder",
    errno.EPERM: "change its permissions, or choose another folder",
    errno.EROFS: "choose another folder",
    errno.ENOENT: "make its folder, or choose another",
    errno.ENOTDIR: "a part of its path is a file; choose another folder",
    errno.EEXIST: "a part of its path is a file; choose another folder",
    errno.EISDIR: "there is a folder of this name; choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def os_reason(error: OSError) -> str:
    """What the system says of a file or folder that it does not take, and what to do."""
    reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0)
    return f"{reason}; {remedy}" if remedy else reason
