"""Reports of shards and of several runs, put together."""

import json
from pathlib import Path
from typing import Any

import pytest

from impasto.batch.report_merge import find_reports, merge_reports, read_report, write_report
from impasto.batch.shards import Shard
from impasto.errors import OutputError, PictureError


def painting(name: str, style: str = "udnie", **more: Any) -> dict[str, Any]:
    return {"input": name, "output": f"{name}.{style}", "style": style, "seconds": 1.0} | more


def failure(name: str) -> dict[str, Any]:
    return {"input": name, "error": f"cannot read {name}"}


def report(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_reports_are_found_by_name_by_glob_and_by_the_name_of_the_run(tmp_path: Path) -> None:
    parts = [report(Shard(n, 12).report_path(tmp_path / "r.jsonl")) for n in (1, 2, 10)]
    other = report(tmp_path / "other.jsonl")
    report(tmp_path / "r.001-of-012.txt")
    assert find_reports([str(tmp_path / "r.jsonl")]) == parts
    assert find_reports([str(tmp_path / "r.*.jsonl"), str(parts[0])]) == parts
    assert find_reports([str(other), str(parts[1])]) == [other, parts[1]]
    for absent in ("none.jsonl", "*.none"):
        with pytest.raises(PictureError, match="there is no such file"):
            find_reports([str(tmp_path / absent)])


def test_all_records_of_all_shards_are_there_once(tmp_path: Path) -> None:
    lost = failure("*.none")  # which all shards told of
    paths = [
        report(
            Shard(n, 2).report_path(tmp_path / "r.jsonl"),
            lost,
            painting(f"{n}.png"),
            {"shard": f"{n}/2", "inputs": 1},
        )
        for n in (1, 2)
    ]
    merged = merge_reports(paths)
    assert merged.records == [painting("1.png"), painting("2.png"), lost]
    assert merged.failures == [lost] and not merged.is_complete
    assert not merged.missing_shards and not merged.unfinished_shards


def test_shards_without_a_report_or_without_their_mark_are_named(tmp_path: Path) -> None:
    mark = {"shard": "2/4", "inputs": 1}
    whole = tmp_path / "r.jsonl"
    finished = report(Shard(2, 4).report_path(whole), painting("a"), mark)
    killed = report(Shard(4, 4).report_path(whole), painting("b"))
    resumed = report(Shard(1, 4).report_path(whole), mark, painting("c"))  # killed after more came
    merged = merge_reports([finished, killed, resumed])
    assert merged.missing_shards == [Shard(3, 4)]
    assert merged.unfinished_shards == [Shard(1, 4), Shard(4, 4)]
    assert len(merged.records) == 3 and not merged.is_complete
    assert merge_reports([finished]).missing_shards == [Shard(1, 4), Shard(3, 4), Shard(4, 4)]


def test_an_empty_shard_is_complete(tmp_path: Path) -> None:
    path = report(Shard(1, 1).report_path(tmp_path / "r"), {"shard": "1/1", "inputs": 0})
    assert merge_reports([path]).is_complete
    killed = report(Shard(1, 1).report_path(tmp_path / "s"))
    assert merge_reports([killed]).unfinished_shards == [Shard(1, 1)]


def test_a_failure_that_a_later_run_mended_is_none(tmp_path: Path) -> None:
    path = report(tmp_path / "r", failure("a"), painting("b"), painting("a"), failure("c"))
    assert merge_reports([path]).failures == [failure("c")]
    first, second = report(tmp_path / "1", failure("a")), report(tmp_path / "2", painting("a"))
    assert merge_reports([first, second]).is_complete
    assert merge_reports([first, second]).records == [painting("a")]


def test_an_input_that_failed_in_one_of_two_styles_failed(tmp_path: Path) -> None:
    both = [painting("b"), painting("b", "wave")]
    path = report(tmp_path / "r", *both, failure("a"), painting("a", "wave"))
    assert merge_reports([path]).failures == [failure("a")]


def test_the_record_that_tells_how_it_was_painted_counts(tmp_path: Path) -> None:
    kept = painting("a") | {"skipped": "the output exists"}
    for records in ([kept, painting("a")], [painting("a"), kept]):
        assert merge_reports([report(tmp_path / "r", *records)]).records == [painting("a")]
    assert merge_reports([report(tmp_path / "r", kept, kept)]).records == [kept]


def test_inputs_without_a_record_or_a_painting_are_missing(tmp_path: Path) -> None:
    path = report(
        tmp_path / "r",
        *(painting("a"), painting("a", "wave"), painting("b"), failure("c")),
        *(failure("d"), painting("d"), painting("d", "wave")),
    )
    inputs = ["a", "a.udnie", "b", "c", "d", "e"]  # a painting in the folder is no input
    merged = merge_reports([path], map(Path, inputs))
    assert merged.missing_inputs == ["b", "e"]
    assert merge_reports([path]).missing_inputs == []


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    path = report(tmp_path / "r", painting("a"))
    path.write_bytes(path.read_bytes() + b'{"input": "b", "err')
    assert read_report(path) == [painting("a")]


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    for text in ("mine\n", "[1]\n", '{"else": 1}\n'):
        (tmp_path / "notes").write_text(text)
        with pytest.raises(PictureError, match="it is no report of a run"):
            merge_reports([tmp_path / "notes"])
    with pytest.raises(PictureError, match="cannot read the report"):
        read_report(tmp_path)


def test_a_merged_report_is_written_or_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "new" / "merged.jsonl"
    write_report(path, [painting("a"), failure("b")])
    assert read_report(path) == [painting("a"), failure("b")]
    with pytest.raises(OutputError, match="cannot write the report"):
        write_report(path / "below", [])
