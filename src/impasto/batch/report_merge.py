"""Put the reports of shards, or of several runs, together, and say what they lack."""

import glob
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from impasto.batch.log import is_mark
from impasto.batch.outputs import find_earlier_paintings
from impasto.batch.shards import Shard, parse_report_name
from impasto.errors import OutputError, PictureError
from impasto.files import describe_missing, os_reason, write_atomically

Record = dict[str, Any]


@dataclass(frozen=True)
class MergedReport:
    """The reports of several runs as one.

    Attributes:
        records: one for each painting, then one for each failure.
        failures: the failures among them: inputs with an error and without all their paintings.
        missing_shards: shards without a report.
        unfinished_shards: shards whose report does not end with their mark.
        missing_inputs: inputs of a list that have no record, or lack a painting.
    """

    records: Sequence[Record]
    failures: Sequence[Record]
    missing_shards: Sequence[Shard] = ()
    unfinished_shards: Sequence[Shard] = ()
    missing_inputs: Sequence[str] = ()

    @property
    def is_complete(self) -> bool:
        """Tell whether nothing is missing and nothing failed."""
        shards = self.missing_shards or self.unfinished_shards
        return not (shards or self.missing_inputs or self.failures)


def find_reports(names: Iterable[str]) -> list[Path]:
    """Find the reports that names stand for.

    Args:
        names: reports, globs, or the name that a run of shards was given (`report.jsonl`), which
            stands for the reports of its shards.

    Raises:
        PictureError: a name stands for no file.
    """
    reports: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        if path.is_dir():
            raise PictureError(
                f"cannot merge reports: {name} is a folder; name its reports, such as"
                f" {path / 'report.jsonl'} or {str(path / '*.jsonl')!r}"
            )
        if path.is_file():
            matches = [path]
        elif glob.has_magic(name):
            matches = sorted(map(Path, glob.glob(name, recursive=True)))  # noqa: PTH207
        else:
            matches = [
                part
                for part in sorted(path.parent.glob(f"{glob.escape(path.stem)}.*-of-*"))
                if (parsed := parse_report_name(part)) and parsed[0] == path
            ]
        if not matches:
            raise PictureError(f"cannot merge reports: {describe_missing(name)}")
        reports.update(dict.fromkeys(matches))
    return list(reports)


def merge_reports(reports: Iterable[Path], inputs: Iterable[Path] | None = None) -> MergedReport:
    """Put reports together.

    Of several records of one painting, the first that tells how it was painted counts. An input
    failed if it has an error and lacks a painting in a style of its report.

    Args:
        reports: the reports, in the order of their runs.
        inputs: what there was to paint; None does not ask what is missing.

    Raises:
        PictureError: a report cannot be read, or is none.
    """
    merged = _Merger()
    for report in reports:
        merged.add(report)
    return MergedReport(
        [*merged.paintings.values(), *merged.failures.values()],
        list(merged.failures.values()),
        merged.missing_shards(),
        sorted(merged.unfinished, key=lambda shard: (shard.count, shard.number)),
        [] if inputs is None else merged.missing_inputs(inputs),
    )


class _Merger:
    """The reports read so far.

    Attributes:
        paintings: the record of each painting, by its file.
        failures: the last error of each input that failed.
        unfinished: shards whose report does not end with their mark.
    """

    def __init__(self) -> None:
        self.paintings: dict[str, Record] = {}
        self.failures: dict[str, Record] = {}
        self.unfinished: list[Shard] = []
        self._lacking: set[str] = set()  # inputs that lack a painting in a style of their report
        self._shards: dict[tuple[Path, int], set[int]] = {}  # numbers, by whole report and count

    def add(self, report: Path) -> None:
        """Read a report."""
        records = read_report(report)
        if parsed := parse_report_name(report):
            whole, shard = parsed
            self._shards.setdefault((whole, shard.count), set()).add(shard.number)
            if not (records and is_mark(records[-1])):
                self.unfinished.append(shard)
        styles: dict[str, set[str]] = {}
        errors: dict[str, Record] = {}
        for record in records:
            if is_mark(record):
                continue
            name = record["input"]
            done = styles.setdefault(name, set())
            if "error" in record:
                errors[name] = record
                continue
            done.add(record.get("style", ""))
            target = str(record.get("output", name))
            if "skipped" in self.paintings.setdefault(target, record):
                self.paintings[target] = record
        everything = set(chain.from_iterable(styles.values()))
        for name, done in styles.items():
            if done and done == everything:
                self.failures.pop(name, None)  # of an earlier run
                self._lacking.discard(name)
            elif name in errors:
                self.failures[name] = errors[name]
            else:
                self._lacking.add(name)

    def missing_shards(self) -> list[Shard]:
        """List the shards of which other shards, but not they themselves, have a report."""
        return [
            Shard(number, count)
            for (_, count), numbers in sorted(self._shards.items())
            for number in range(1, count + 1)
            if number not in numbers
        ]

    def missing_inputs(self, inputs: Iterable[Path]) -> list[str]:
        """List the inputs without a record, and those that lack a painting."""
        paths = list(inputs)
        written = {Path(name) for name in self.paintings} | find_earlier_paintings(paths)
        done = {Path(record["input"]) for record in self.paintings.values()}
        done -= set(map(Path, self._lacking))
        done |= set(map(Path, self.failures))
        return [str(path) for path in paths if path not in done | written]


def read_report(report: Path) -> list[Record]:
    """Read the records of a report; a last line that a kill cut short is left out.

    Raises:
        PictureError: the report cannot be read, or is none.
    """
    try:
        content = report.read_bytes()
        lines = content[: content.rfind(b"\n") + 1].splitlines()
        records = [json.loads(line) for line in lines]
    except OSError as error:
        raise PictureError(f"cannot read the report {report}: {os_reason(error)}") from error
    except ValueError:
        records = [None]
    if not all(
        isinstance(record, Mapping) and record.keys() & {"input", "shard"} for record in records
    ):
        raise PictureError(
            f"cannot read the report {report}: it is no report of a run; name files that --report"
            " wrote"
        )
    return records


def is_covered(path: Path, reports: Iterable[Path]) -> bool:
    """Tell whether these reports hold all records of a file, as those of an earlier merge do.

    Nothing is lost if such a file is replaced. A file that is itself one of the reports is none.
    """
    reports = list(reports)
    if any(path.samefile(report) for report in reports):
        return False
    try:
        records = read_report(path)
        if not records and path.stat().st_size:  # one line without an end is no record
            return False
    except PictureError:
        return False
    known = {json.dumps(record) for report in reports for record in read_report(report)}
    return all(json.dumps(record) in known for record in records)


def write_report(path: Path, records: Iterable[Record]) -> None:
    """Write a report, atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    lines = "".join(f"{json.dumps(record)}\n" for record in records)
    try:
        write_atomically(path, lines.encode())
    except OSError as error:
        raise OutputError(f"cannot write the report {path}: {os_reason(error)}") from error
