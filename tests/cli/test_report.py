"""impasto report merge, and impasto stylize --shard, whose reports it merges."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from pictures import names, save

from impasto.cli.report import _ranges


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_jobs_paint_their_shares_and_the_merged_report_says_what_is_missing(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # names below `tmp_path` would be in other shards in each run
    paths = save(Path(), *[f"in/{number}.png" for number in range(6)])
    paths[2].write_text("no picture")
    report, merged = Path("log/report.jsonl"), Path("merged.jsonl")

    def job(number: int) -> int:
        return impasto(
            *("stylize", "in", "-s", "udnie", "-n", "small", "-o", "out"),
            *("--report", report, "--shard", f"{number}/3"),
        ).code

    codes = [job(2), job(3)]
    done = impasto("report", "merge", report, "--inputs", "in", "--json")
    assert done.code == 1
    assert done.records[-1]["missing_shards"] == ["1/3"]
    assert "shard 1 of 3 has no report" in done.err
    assert "start again: --array=1" in done.errors
    missing = done.records[-1]["missing_inputs"]
    assert missing and all(f"{name} has no record" in done.err for name in missing)

    codes.append(job(1))
    assert sorted(codes) == [0, 0, 1]
    done = impasto("report", "merge", report, "--inputs", "in", "-o", merged)
    assert done.code == 1, "an input failed"
    assert done.out == "3 reports: 5 paintings, 1 failed\n"
    assert done.only_error() == rows(merged)[-1]["error"]
    assert {row["input"] for row in rows(merged)} == set(map(str, paths))
    assert names(Path("out")) == [f"{number}.udnie.png" for number in (0, 1, 3, 4, 5)]

    assert impasto("report", "merge", report, "-o", merged).code == 1, "it is merged anew"
    merged.write_text(merged.read_text() + '{"input": "else.png", "error": "mine"}\n')
    again = impasto("report", "merge", report, "-o", merged)
    assert again.code == 2 and again.out == "3 reports: 5 paintings, 1 failed\n"
    assert "holds more than these reports; --overwrite replaces it" in again.errors[-1]
    assert "else.png" in merged.read_text()
    assert impasto("report", "merge", report, "-o", merged, "--overwrite").code == 1
    assert "else.png" not in merged.read_text()


def test_all_shards_to_start_again_are_one_list(impasto: Run, tmp_path: Path) -> None:
    mark = '{"shard": "1/6", "inputs": 0}\n'
    for number, text in ((1, mark), (2, ""), (4, ""), (6, "")):
        (tmp_path / f"r.00{number}-of-006.jsonl").write_text(text)
    done = impasto("report", "merge", tmp_path / "r.jsonl")
    assert done.errors == [
        "shards 3,5 of 6 have no report",
        "shards 2,4,6 of 6 are not finished",
        "start again: --array=2-6",
    ]


def test_a_report_of_a_run_is_never_replaced_by_a_merge_of_itself(
    impasto: Run, tmp_path: Path
) -> None:
    report = tmp_path / "r.jsonl"
    report.write_text('{"input": "a.png", "error": "cannot read a.png"}\n')
    assert impasto("report", "merge", report, "-o", report).code == 2
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    assert impasto("report", "merge", report, "-o", notes).code == 2
    assert notes.read_text() == "mine"


def test_a_folder_is_named_as_one(impasto: Run, tmp_path: Path) -> None:
    error = impasto("report", "merge", tmp_path).only_error()
    assert f"{tmp_path} is a folder; name its reports" in error


def test_a_complete_report_ends_with_success(impasto: Run, tmp_path: Path) -> None:
    (path,) = save(tmp_path, "a.png")
    report, listing = tmp_path / "report.jsonl", tmp_path / "list.txt"
    listing.write_text(f"{path}\n")
    arguments = ("stylize", "--list", listing, "-s", "udnie", "-n", "small", "--report", report)
    assert impasto(*arguments, "--shard", "1/1").code == 0
    again = impasto(*arguments, "--shard", "1/1")
    assert again.code == 0 and "kept" in again.out
    done = impasto("report", "merge", report, "--list", listing, "--json")
    assert done.code == 0 and done.err == ""
    assert done.records == [
        {
            "reports": 1,
            "paintings": 1,
            "failed": 0,
            "missing_shards": [],
            "unfinished_shards": [],
            "missing_inputs": [],
        }
    ]
    absent = impasto("report", "merge", report, "--inputs", tmp_path / "*.none")
    assert absent.code == 1 and "it holds no pictures" in absent.err


def test_long_lists_of_failures_are_cut(impasto: Run, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    failures = [{"input": f"{n}.png", "error": f"cannot read {n}.png"} for n in range(25)]
    report.write_text("".join(json.dumps(record) + "\n" for record in failures))
    inputs = [argument for n in range(50, 75) for argument in ("--inputs", f"{n}.png")]
    done = impasto("report", "merge", report, *inputs)
    assert done.err.count("error: cannot read") == 20
    assert "5 more inputs failed; -o FILE writes all" in done.err
    assert "5 more inputs have none" in done.err
    out = tmp_path / "merged.jsonl"
    assert f"they are in {out}" in impasto("report", "merge", report, "-o", out).err


@pytest.mark.parametrize(
    ("numbers", "text"), [([3], "3"), ([1, 2, 3, 7, 9, 10], "1-3,7,9-10"), ([], "")]
)
def test_numbers_of_shards_are_written_as_slurm_reads_them(numbers: list[int], text: str) -> None:
    assert _ranges(numbers) == text


def test_a_note_of_an_earlier_failure_names_the_report_of_the_shard(
    impasto: Run, tmp_path: Path
) -> None:
    (path,) = save(tmp_path, "a.png")
    path.write_text("no picture")
    report = tmp_path / "r.jsonl"
    arguments = ("stylize", path, "-s", "udnie", "--report", report, "--shard", "1/1")
    impasto(*arguments)
    assert f"see {tmp_path / 'r.001-of-001.jsonl'}" in impasto(*arguments).err


def test_wrong_shards_are_wrong_usage(impasto: Run, photo_file: Path) -> None:
    arguments = ("stylize", "-s", "udnie", "--shard")
    assert "shards of 64 count from 1 to 64" in impasto(*arguments, "0/64", photo_file).usage()
    assert "--shard takes files" in impasto(*arguments, "1/2", "-").usage()
    assert "no such file" in impasto("report", "merge", "absent.jsonl").only_error()
