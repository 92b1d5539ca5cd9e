"""The report of a run, which outlives a kill."""

import json
import os
from pathlib import Path
from typing import Any

from impasto.batch.log import RunLog


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
