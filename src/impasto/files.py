"""Write files atomically, and explain disk errors."""

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from impasto.errors import one_line


@contextlib.contextmanager
def atomic_write(
    path: Path, named: Callable[[Path], Path] = lambda path: path, buffering: int = -1
) -> Iterator[IO[bytes]]:
    """Open a new file that replaces `path` when the block ends without an exception.

    Until then the file stands beside the target under a temporary name, so no reader sees a
    partial file. After any exception the temporary file is removed and the target is unchanged.
    Missing folders are made.

    Args:
        path: the target; a link is followed and stays a link.
        named: returns the final path, called with the target at the end of the block.
        buffering: as for `open`.

    Raises:
        OSError: the folder or the disk does not accept the file.
    """
    target = Path(os.path.realpath(path))  # a link stays a link, and its target is replaced
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(target.parent)
    temporary = target.with_name(f"{_PROCESS_PREFIX}{secrets.token_hex(8)}.tmp")
    try:
        # not tempfile: its files have the mode 0600, this one has the mode of any new file
        with temporary.open("xb", buffering) as file:
            yield file
        temporary.replace(named(target))
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


# prefixes of temporary files: of this machine, and of this process
_HOST_PREFIX = f".impasto-{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"
_PROCESS_PREFIX = f"{_HOST_PREFIX}{os.getpid()}-"


@lru_cache(maxsize=64)
def _remove_orphans(folder: Path) -> None:
    """Remove temporary files of killed processes of this machine; once for each folder."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_HOST_PREFIX}*.tmp"):
            process = path.name.removeprefix(_HOST_PREFIX).partition("-")[0]
            if process.isdigit() and not _is_running(int(process)):
                path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Tell whether a process of this number exists; True where that cannot be known."""
    if os.name != "posix":  # on Windows a signal of 0 would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file as `atomic_write` does. Raises OSError, and then writes nothing."""
    with atomic_write(path) as file:
        file.write(data)


def file_digest(path: Path) -> str | None:
    """Return the SHA-256 of a file's bytes in hexadecimal; None where it cannot be read."""
    try:
        state = path.stat()
        return _file_digest(path, state.st_mtime_ns, state.st_size)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=64)
def _file_digest(path: Path, modified: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class CarefulFile:
    """A file without a buffer whose `write` writes all bytes.

    A nearly full disk accepts a part of the bytes, and fails at the next write only.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: Any) -> int:
        """Write all of `data`. Raises OSError where the disk does not accept it."""
        remaining = memoryview(data)
        while remaining:
            remaining = remaining[self._write_some(remaining) :]
        return len(data)

    def _write_some(self, data: memoryview) -> int:
        return self._file.write(data) or 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position, as files do."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position, as files do."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class RoomyFile(CarefulFile):
    """A careful file with disk space in reserve, to end the file in order when the disk is full.

    Args:
        file: the file to write to; its opener closes it.
        room: bytes to reserve, at most a quarter of the free space.

    Attributes:
        full: the error of the full disk. From then on, writes use the reserved space.
    """

    def __init__(self, file: IO[bytes], room: int) -> None:
        super().__init__(file)
        self.full: OSError | None = None
        self._reserve = contextlib.ExitStack()
        folder = Path(file.name).parent
        with contextlib.suppress(OSError):
            reserve = self._reserve.enter_context(
                tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
            )
            room = min(room, shutil.disk_usage(folder).free // 4)
            block = os.urandom(1 << 20)  # zeros might be compressed by the file system
            for begin in range(0, room, len(block)):
                reserve.write(block[: room - begin])

    def _write_some(self, data: memoryview) -> int:
        try:
            return super()._write_some(data)
        except OSError as error:
            if self.full or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self.full = error
            self._reserve.close()
            return 0

    def close(self) -> None:
        """Free the reserved space."""
        self._reserve.close()


def unwritable_reason(path: Path) -> str | None:
    """Explain why no file can be written at `path`, as far as that shows beforehand.

    Returns:
        The reason and a remedy, or None where nothing speaks against it.
    """
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # this fails at names that are too long
        folder = next(parent for parent in path.absolute().parents if parent.exists())
    except OSError as error:
        return os_reason(error)
    if path.is_dir():
        number = errno.EISDIR
    elif not folder.is_dir():
        number = errno.ENOTDIR
    elif _is_read_only(folder):
        number = errno.EROFS
    elif not os.access(folder, os.W_OK | os.X_OK):
        number = errno.EACCES
    else:
        return None
    return os_reason(OSError(number, os.strerror(number)))


def _is_read_only(folder: Path) -> bool:
    """Tell whether a folder is in a read-only file system, as far as the system says."""
    if not hasattr(os, "statvfs"):  # Windows
        return False
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


_URL = re.compile(r"(https?|ftp|s3|gs|gcs|abfss?|az|hdfs|memory):/+", re.IGNORECASE)


def is_url(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is an address on the web or in an object store."""
    return bool(_URL.match(_posix(path)))


def address(path: str | os.PathLike[str]) -> str:
    """Write a path as text: an address with its two slashes, of which `Path` makes one."""
    if not is_url(path):
        return os.fspath(path)
    return _URL.sub(lambda match: f"{match[1]}://", _posix(path), count=1)


def describe_missing(path: str | os.PathLike[str]) -> str:
    """Name a file that does not exist, with the reason and the remedy: "a.jpg: REASON; REMEDY"."""
    if not is_url(path):
        return f"{os.fspath(path)}: there is no such file; check the name"
    return f"{address(path)}: impasto does not download; download it first, then name the file"


def _posix(path: str | os.PathLike[str]) -> str:
    return os.fspath(path).replace("\\", "/")


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
    """Return the system's reason for refusing a file or folder, and a remedy where one is known."""
    reason = error.strerror or one_line(error)
    remedy = _REMEDIES.get(error.errno or 0)
    return f"{reason}; {remedy}" if remedy else reason
