"""impasto report merge: put reports of batches together."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from impasto.batch.inputs import find_files
from impasto.batch.report_merge import (
    MergedReport,
    find_reports,
    is_covered,
    merge_reports,
    write_report,
)
from impasto.batch.shards import Shard
from impasto.cli import EXIT_SOME_FAILED, console, options

MAX_LINES = 20  # of failures and of missing inputs on stderr


def report_merge(
    reports: Annotated[
        list[str],
        typer.Argument(
            metavar="REPORT",
            help="Reports, globs, or the name that --report gave to all shards.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write all records to FILE."),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--inputs",
            metavar="INPUT",
            help="Name inputs that have no record among these files, folders or globs. May be"
            " repeated.",
        ),
    ] = None,
    list_file: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Name inputs that have no record among those that FILE lists; - is standard"
            " input.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Put reports of shards or of several runs together, and say what is missing.

    -o replaces an earlier merge of the same reports. The exit code is 1 if a shard, an input or a
    painting is missing, or an input failed.

    For example:

      impasto report merge report.jsonl -o merged.jsonl

      impasto report merge "logs/report.*.jsonl" --inputs holiday/
    """
    files = find_reports(reports)
    texts = [*(inputs or []), *options.listed_inputs(list_file)]
    wanted = None
    if texts:
        found, failures = find_files(texts)
        wanted = [file.path for file in found]
        for text, error in failures:
            console.failed(console.failure(text, error), json)
    merged = merge_reports(files, wanted)
    # an earlier merge of the same reports, perhaps of fewer, is made anew
    is_kept = bool(output and output.exists() and not (overwrite or is_covered(output, files)))
    if output and not is_kept:
        write_report(output, merged.records)
    _print(merged, len(files), None if is_kept else output, json)
    if is_kept:
        raise typer.BadParameter(
            f"-o {output} exists, and holds more than these reports; --overwrite replaces it"
        )
    if not merged.is_complete or (texts and failures):
        raise typer.Exit(EXIT_SOME_FAILED)


def _print(merged: MergedReport, reports: int, output: Path | None, json: bool) -> None:
    """Print what is missing on stderr, and the counts on stdout."""
    for record in merged.failures[:MAX_LINES]:
        console.fail(record["error"])
    if len(merged.failures) > MAX_LINES:
        where = f"; they are in {output}" if output else "; -o FILE writes all"
        console.note(f"{len(merged.failures) - MAX_LINES} more inputs failed{where}")
    for shards, problems in (
        (merged.missing_shards, ("has no report", "have no report")),
        (merged.unfinished_shards, ("is not finished", "are not finished")),
    ):
        for count, numbers in _numbers_by_count(shards):
            noun, problem = ("shards", problems[1]) if len(numbers) > 1 else ("shard", problems[0])
            console.note(f"{noun} {_ranges(numbers)} of {count} {problem}")
    for _, numbers in _numbers_by_count([*merged.missing_shards, *merged.unfinished_shards]):
        console.note(f"start again: --array={_ranges(numbers)}")
    for name in merged.missing_inputs[:MAX_LINES]:
        console.note(f"{name} has no record, or lacks a painting")
    if len(merged.missing_inputs) > MAX_LINES:
        console.note(f"{len(merged.missing_inputs) - MAX_LINES} more inputs have none")
    paintings = len(merged.records) - len(merged.failures)
    counted = "1 report" if reports == 1 else f"{reports} reports"
    line = f"{counted}: {paintings} paintings, {len(merged.failures)} failed"
    record = {
        "reports": reports,
        "paintings": paintings,
        "failed": len(merged.failures),
        "missing_shards": list(map(str, merged.missing_shards)),
        "unfinished_shards": list(map(str, merged.unfinished_shards)),
        "missing_inputs": list(merged.missing_inputs),
    }
    console.result(line, record, json)


def _numbers_by_count(shards: Iterable[Shard]) -> list[tuple[int, list[int]]]:
    """Return the numbers of shards, ascending, by the count of their run."""
    ordered = sorted(shards, key=lambda shard: (shard.count, shard.number))
    groups = groupby(ordered, key=lambda shard: shard.count)
    return [(count, [shard.number for shard in group]) for count, group in groups]


def _ranges(numbers: Sequence[int]) -> str:
    """Write numbers in ascending order as ranges, in the form of Slurm's `--array`: "1-3,7"."""
    parts = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    return ",".join(parts)
