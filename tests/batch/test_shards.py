"""Shards: a share of the inputs for each job, and their reports."""

import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pictures import names, save

from impasto.batch.inputs import NamedFile
from impasto.batch.outputs import plan_files
from impasto.batch.results import FileResult
from impasto.batch.runner import BatchOptions, stylize_files
from impasto.batch.shards import Shard, parse_report_name, parse_shard
from impasto.errors import ArgumentError
from impasto.inference.settings import parse_settings
from impasto.stylizer import Stylizer

UDNIE = parse_settings("udnie")


@pytest.fixture(scope="module")
def small() -> Stylizer:
    return Stylizer("small", precision="f32")


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_shards_are_read_as_written() -> None:
    assert parse_shard("3/64") == parse_shard(" 003 / 64 ") == Shard(3, 64)
    assert str(Shard(3, 64)) == "3/64"


@pytest.mark.parametrize(
    "text", ["0/64", "65/64", "3", "3/", "a/b", "-1/4", "1/0", "1/1000001", ""]
)
def test_what_is_no_shard_is_refused_with_the_numbers_allowed(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"cannot use .* as shard: .*; give one such as 3/64"):
        parse_shard(text)
    if text in ("0/64", "65/64"):
        with pytest.raises(ArgumentError, match="shards of 64 count from 1 to 64"):
            parse_shard(text)


def test_each_input_is_in_one_shard_by_the_hash_of_its_name() -> None:
    """By the definition, so that it is the same on every machine and in every version."""
    paths = [Path(f"in/{number:05}.jpg") for number in range(3000)]
    paths.append(Path(os.fsdecode(b"in/\xff.jpg")))
    shards = [Shard(number, 7) for number in range(1, 8)]
    owners = [[shard for shard in shards if shard.takes(path)] for path in paths]
    assert all(len(owner) == 1 for owner in owners)
    expected = int(hashlib.sha256(b"in/00042.jpg").hexdigest()[:16], 16) % 7 + 1
    assert owners[42] == [Shard(expected, 7)]
    counts = Counter(owner[0].number for owner in owners)
    assert all(abs(counts[shard.number] - 3000 / 7) < 100 for shard in shards)  # 5 deviations


@pytest.mark.parametrize(
    ("shard", "name"),
    [(Shard(3, 64), "r.003-of-064.jsonl"), (Shard(12, 5000), "r.0012-of-5000.jsonl")],
)
def test_reports_of_shards_sort_by_number_and_are_recognized(shard: Shard, name: str) -> None:
    report = Path("logs/r.jsonl")
    assert shard.report_path(report) == Path("logs") / name
    assert parse_report_name(Path("logs") / name) == (report, shard)
    assert Shard(3, 64).report_path(Path("report")) == Path("report.003-of-064")
    assert parse_report_name(report) is None
    assert parse_report_name(Path("r.009-of-003.jsonl")) is None


def test_outputs_of_shards_have_the_names_of_the_whole_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a name depends on an input of another shard."""
    monkeypatch.chdir(tmp_path)  # names below `tmp_path` would be in other shards in each run
    save(Path(), "in/a.gif", "in/a.jpg", "in/x/b.png", "in/c.png", "in/d.gif")
    inputs = ["in"]
    whole = {task.source: task.target for task in plan_files(inputs, [UDNIE]).tasks}
    assert whole[Path("in/a.gif")].name == "a.gif.udnie.jpg"
    plans = [plan_files(inputs, [UDNIE], None, Shard(number, 3)) for number in (1, 2, 3)]
    assert len({plan.shard for plan in plans if plan.tasks}) > 1
    found = [(task.source, task.target) for plan in plans for task in plan.tasks]
    assert len(found) == len(whole) and dict(found) == whole


def test_files_of_other_shards_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = save(Path(), *[f"{number}.png" for number in range(8)])
    opened = []

    def is_clip(path: Path) -> bool:
        opened.append(path)
        return False

    monkeypatch.setattr("impasto.batch.inputs.is_clip", is_clip)
    plan = plan_files(paths, [UDNIE], tmp_path / "out", Shard(1, 2))
    assert 0 < len(opened) < 8 and set(opened) == {task.source for task in plan.tasks}
    assert NamedFile(Path("a.MOV")).is_clip and not NamedFile(Path("a.gif")).is_clip


def test_shards_paint_everything_once_each_with_a_report(small: Stylizer, tmp_path: Path) -> None:
    paths = save(tmp_path, *[f"in/{number}.png" for number in range(5)])
    paths[1].write_text("no picture")
    options = BatchOptions(report=tmp_path / "report.jsonl")
    results: list[FileResult] = []
    for number in (1, 2, 3, 4):
        results += stylize_files(
            [tmp_path / "in"], UDNIE, small, tmp_path / "out", options, shard=Shard(number, 4)
        )
    assert sorted(result.source for result in results) == paths
    assert names(tmp_path / "out") == [f"{number}.udnie.png" for number in (0, 2, 3, 4)]
    reports = sorted(tmp_path.glob("report*"))
    assert [path.name for path in reports] == [f"report.00{n}-of-004.jsonl" for n in (1, 2, 3, 4)]
    for number, report in enumerate(reports, 1):
        *records, mark = rows(report)
        assert mark == {"shard": f"{number}/4", "inputs": len(records)}
        assert all(Shard(number, 4).takes(Path(record["input"])) for record in records)


def test_a_shard_has_a_mark_when_all_its_inputs_were_begun(small: Stylizer, tmp_path: Path) -> None:
    save(tmp_path, "in/0.png", "in/1.png")

    def run(minutes: float | None = None) -> list[dict[str, Any]]:
        options = BatchOptions(report=tmp_path / "report.jsonl", minutes=minutes)
        shard = Shard(1, 1)
        list(stylize_files([tmp_path / "in"], UDNIE, small, tmp_path / "o", options, shard=shard))
        return rows(tmp_path / "report.001-of-001.jsonl")

    mark = {"shard": "1/1", "inputs": 2}
    assert run(minutes=0) == []
    assert run()[-1] == mark and len(run()) == 3, "a run with nothing to do adds nothing"
    save(tmp_path, "in/2.png")
    assert run(minutes=0)[-1] == mark, "nothing was begun"
    assert run()[-1] == {"shard": "1/1", "inputs": 3}


def test_inputs_that_name_no_file_fail_in_every_shard(small: Stylizer, tmp_path: Path) -> None:
    """A node that lacks the disk must not end as if there were nothing to do."""
    missing = str(tmp_path / "*.jpg")
    for number in (1, 2):
        (result,) = stylize_files([missing], UDNIE, small, shard=Shard(number, 2))
        assert result.error and result.text == missing
