"""The report of a run: one JSON record per input, from which a killed run is resumed."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from impasto.batch.shards import Shard
from impasto.errors import OutputError
from impasto.files import os_reason


def failure_record(name: str, error: BaseException) -> dict[str, Any]:
    """Make the record of an input that failed: its name, and a message that contains it."""
    reason = (isinstance(error, OSError) and error.strerror) or str(error) or "out of memory"
    return {"input": name, "error": reason if name in reason else f"{name}: {reason}"}


def is_mark(record: Mapping[str, Any]) -> bool:
    """Tell whether a record marks the end of a shard; all others are of inputs."""
    return "shard" in record


class RunLog:
    """A file of JSON lines, one record per input, written as soon as the input is done.

    A killed run loses no record. A run that is started again appends to the same file, and several
    runs may append to one file at once.

    Args:
        path: the file; None keeps no report.
        fresh: begin the file anew.

    Raises:
        OutputError: the file cannot be written, or is no report.
    """

    def __init__(self, path: Path | None, fresh: bool = False) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._errors: dict[str, str] = {}  # last error of each input that failed last
        self._outputs: dict[str, set[str]] = {}  # outputs of each input that did not
        self._mark: dict[str, Any] | None = None  # the last record, if it is a shard's mark
        if path is None:
            return
        try:
            self._open(path, fresh)
        except OSError as error:
            raise OutputError(f"cannot write the report {path}: {os_reason(error)}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"cannot write the report {path}: it exists and is no report of an earlier run;"
                " give another name"
            ) from error

    def __repr__(self) -> str:
        return f"RunLog({str(self._path)!r})"

    def _open(self, path: Path, fresh: bool) -> None:
        if path.exists() and not path.is_file():  # a device or a pipe may have no end
            raise OutputError(
                f"cannot write the report {path}: it is no file but a folder, a device or a pipe;"
                " give another name"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes() if path.exists() and not fresh else b""
        records = content[: content.rfind(b"\n") + 1]  # a kill may have cut the last line
        for line in records.splitlines():
            self._remember(json.loads(line))
        if path.exists():
            os.truncate(path, len(records))
        self._file = path.open("ab", buffering=0)

    def _remember(self, record: Mapping[str, Any]) -> None:
        self._mark = dict(record) if is_mark(record) else None
        if self._mark:
            return
        name = record["input"]
        if "error" in record:
            self._outputs.pop(name, None)
            self._errors[name] = record["error"]
        else:
            self._errors.pop(name, None)
            self._outputs.setdefault(name, set()).add(record.get("output", ""))

    def has(self, record: Mapping[str, Any]) -> bool:
        """Tell whether the input has the same output, or failed with the same error, before."""
        name = record["input"]
        if "error" in record:
            return self._errors.get(name) == record["error"]
        return record.get("output", "") in self._outputs.get(name, ())

    def add(self, record: Mapping[str, Any]) -> None:
        """Append one record."""
        self._remember(record)
        if self._file:  # in ASCII, as names of files may be in no encoding
            self._file.write(json.dumps(dict(record)).encode() + b"\n")

    def finish(self, shard: Shard, inputs: int) -> None:
        """Mark that a shard is finished, unless the report says so already.

        The mark holds as long as it is the last line.

        Args:
            shard: the shard.
            inputs: number of its inputs, with those that failed.
        """
        mark = {"shard": str(shard), "inputs": inputs}
        if self._mark != mark:
            self.add(mark)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
