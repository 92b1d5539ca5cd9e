"""impasto report merge: put reports of batches together."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from impasto.batch.inputs import find_files
from impasto.batch.report_merge import MergedReport, find_reports, merge_reports, write_report
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

    The exit code is 1 if a shard, an input or a painting is missing, or an input failed.

    For example:

      impasto report merge report.jsonl -o merged.jsonl

      impasto report merge "logs/report.*.jsonl" --inputs holiday/
    """
    if output and output.exists() and not overwrite:
        raise typer.BadParameter(f"-o {output} exists; --overwrite replaces it")
    files = find_reports(reports)
    texts = [*(inputs or []), *options.listed_inputs(list_file)]
    wanted = None
    if texts:
        found, failures = find_files(texts)
        wanted = [file.path for file in found]
        for text, error in failures:
            console.failed(console.failure(text, error), json)
    merged = merge_reports(files, wanted)
    if output:
        write_report(output, merged.records)
    _print(merged, len(files), output, json)
    if not merged.is_complete or (texts and failures):
        raise typer.Exit(EXIT_SOME_FAILED)


def _print(merged: MergedReport, reports: int, output: Path | None, json: bool) -> None:
    """Print what is missing on stderr, and the counts on stdout."""
    for record in merged.failures[:MAX_LINES]:
        console.fail(record["error"])
    if len(merged.failures) > MAX_LINES:
        where = f"; they are in {output}" if output else "; -o FILE writes all"
        console.note(f"{len(merged.failures) - MAX_LINES} more inputs failed{where}")
    for shards, problem in (
        (merged.missing_shards, "have no report"),
        (merged.unfinished_shards, "are not finished"),
    ):
        for count, group in groupby(shards, key=lambda shard: shard.count):
            numbers = _ranges([shard.number for shard in group])
            console.note(f"shards {numbers} of {count} {problem}; start them again")
    for name in merged.missing_inputs[:MAX_LINES]:
        console.note(f"{name} has no record, or lacks a painting")
    if len(merged.missing_inputs) > MAX_LINES:
        console.note(f"{len(merged.missing_inputs) - MAX_LINES} more inputs have none")
    paintings = len(merged.records) - len(merged.failures)
    line = f"{reports} reports: {paintings} paintings, {len(merged.failures)} failed"
    record = {
        "reports": reports,
        "paintings": paintings,
        "failed": len(merged.failures),
        "missing_shards": list(map(str, merged.missing_shards)),
        "unfinished_shards": list(map(str, merged.unfinished_shards)),
        "missing_inputs": list(merged.missing_inputs),
    }
    console.result(line, record, json)


def _ranges(numbers: Sequence[int]) -> str:
    """Write numbers in ascending order as ranges, in the form of Slurm's `--array`: "1-3,7"."""
    parts = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    return ",".join(parts)
