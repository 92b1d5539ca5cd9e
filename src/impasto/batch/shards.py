"""Shards: the parts of a batch that jobs paint each by itself, without knowing of one another."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import ArgumentError

MAX_SHARDS = 1_000_000
MIN_DIGITS = 3  # of a shard in the name of its report
_REPORT = re.compile(r"(?P<stem>.+)\.(?P<number>\d{3,})-of-(?P<count>\d{3,})(?P<suffix>\.[^.]*|)")


@dataclass(frozen=True)
class Shard:
    """One of several equal parts of a batch.

    An input belongs to the shard that a hash of its name says. So the shards of one list need no
    coordination, and a new input changes no other input's shard.

    Attributes:
        number: which part, 1 to `count`.
        count: number of parts.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def takes(self, path: Path) -> bool:
        """Tell whether an input belongs to this shard, by the SHA-256 of its path as written."""
        digest = hashlib.sha256(os.fsencode(path.as_posix())).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1

    def report_path(self, report: Path) -> Path:
        """Name the report of this shard: `report.003-of-064.jsonl` of `report.jsonl`."""
        digits = max(MIN_DIGITS, len(str(self.count)))
        part = f"{self.number:0{digits}}-of-{self.count:0{digits}}"
        return report.with_name(f"{report.stem}.{part}{report.suffix}")


def parse_shard(text: str) -> Shard:
    """Parse a shard such as "3/64".

    Raises:
        ArgumentError: the text is no shard.
    """
    match = re.fullmatch(r"\s*(\d{1,7})\s*/\s*(\d{1,7})\s*", text)
    number, count = map(int, match.groups()) if match else (0, 0)
    if 1 <= number <= count <= MAX_SHARDS:
        return Shard(number, count)
    if match and 1 <= count <= MAX_SHARDS:
        reason = f"shards of {count} count from 1 to {count}"
    else:
        reason = f"a shard is a number and a count of 1 to {MAX_SHARDS:,}"
    raise ArgumentError(f"cannot use {text!r} as shard: {reason}; give one such as 3/64")


def parse_report_name(report: Path) -> tuple[Path, Shard] | None:
    """Return the report that a shard's report is a part of, and the shard; None of any other."""
    match = _REPORT.fullmatch(report.name)
    if match is None:
        return None
    shard = Shard(int(match["number"]), int(match["count"]))
    whole = report.with_name(match["stem"] + match["suffix"])
    return (whole, shard) if 1 <= shard.number <= shard.count else None
