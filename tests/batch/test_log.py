"""The report of a run, which outlives a kill."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from impasto.batch.log import RunLog, failure_record
from impasto.errors import OutputError


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_report_of_names_in_no_encoding_and_of_two_runs(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    one, other = RunLog(path), RunLog(path)
    odd = os.fsdecode(b"z\xff.jpg")
    for report, name in ((one, odd), (other, "b"), (one, "c"), (other, "d")):
        report.add({"input": name, "width": 3})
    assert [row["input"] for row in rows(path)] == [odd, "b", "c", "d"]
    again = RunLog(path)
    for report in (one, other, again):
        report.close()
    assert (
        again.has({"input": odd})
        and not again.has({"input": odd, "error": "gone"})
        and not again.has({"input": "e"})
    )


def test_a_report_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    path.write_bytes(b'{"input": "a"}\n{"input": "b", "err')
    report = RunLog(path)
    report.add({"input": "c"})
    report.close()
    assert rows(path) == [{"input": "a"}, {"input": "c"}]


def test_records_of_several_styles_are_told_apart(tmp_path: Path) -> None:
    """An input is done in a style when its output is; an error is one of the input."""
    log = RunLog(tmp_path / "report.jsonl")
    log.add({"input": "a", "output": "a.udnie.jpg"})
    assert log.has({"input": "a", "output": "a.udnie.jpg"})
    assert not log.has({"input": "a", "output": "a.great-wave.jpg"})
    log.add({"input": "a", "error": "a: gone"})
    assert log.has({"input": "a", "error": "a: gone"})
    assert not log.has({"input": "a", "error": "a: empty"})
    assert not log.has({"input": "a", "output": "a.udnie.jpg"}), "the last record counts"
    log.close()


def test_failures_name_the_input_once() -> None:
    assert failure_record("a.jpg", ValueError("cannot read a.jpg")) == {
        "input": "a.jpg",
        "error": "cannot read a.jpg",
    }
    assert failure_record("a.jpg", OSError(28, "No space left"))["error"] == "a.jpg: No space left"
    assert failure_record("a.jpg", MemoryError())["error"] == "a.jpg: out of memory"


def test_what_is_no_report_is_left_alone(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine\n")
    for path, reason in (
        (notes, "is no report"),
        (tmp_path, "is no file"),
        (notes / "a", "is a file"),
    ):
        with pytest.raises(OutputError, match=reason):
            RunLog(path)
    assert notes.read_text() == "mine\n"
