"""impasto stylize with many inputs or styles: folders, reports, and runs that were killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from commands import Run, surroundings
from pictures import names, save

from impasto.images.reading import read


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# Inputs


@pytest.mark.parametrize("end", ["\n", "\0", "\r\n"])
def test_lists(impasto: Run, tmp_path: Path, end: str) -> None:
    paths = save(tmp_path, "in/a b.png", "in/ü.png")
    listing = tmp_path / "list.txt"
    listing.write_text(end.join([*map(str, paths), ""]))
    done = impasto(
        "stylize", "--list", listing, "-s", "udnie", "-n", "small", "-o", tmp_path / "out"
    )
    assert done.code == 0 and names(tmp_path / "out") == ["a b.udnie.png", "ü.udnie.png"]


def test_nothing_to_paint_is_wrong_usage(impasto: Run) -> None:
    assert "nothing to paint" in impasto("stylize", "-s", "udnie").usage()
    assert (
        "cannot read the list"
        in impasto("stylize", "-s", "udnie", "--list", "absent.txt").only_error()
    )


# Where paintings go


def test_folders_are_mirrored(impasto: Run, tmp_path: Path) -> None:
    save(tmp_path, "in/b.JPG", "in/a.png", "in/deeper/a.png", "in/deeper/still/d.png")
    for _ in range(2):  # the second finds them done, and paints no painting
        done = impasto(
            "stylize", tmp_path / "in", "-s", "udnie", "-n", "small", "-o", tmp_path / "in" / "out"
        )
        assert done.code == 0
        expected = ["a.udnie.png", "b.udnie.JPG", "deeper/a.udnie.png", "deeper/still/d.udnie.png"]
        assert names(tmp_path / "in" / "out") == expected
    assert done.out.count("kept") == 4


@pytest.mark.slow
def test_what_would_share_a_painting_does_not(impasto: Run, tmp_path: Path) -> None:
    """Each becomes its own photograph's, also when one of them is painted in a run of its own."""
    save(tmp_path, "a.gif", "a.jpg", "a.png", "b.gif")
    everything = ["a.gif.udnie.jpg", "a.udnie.jpg", "a.udnie.png", "b.udnie.jpg"]
    assert (
        impasto(
            "stylize", tmp_path, "-s", "udnie", "-n", "small", "-o", f"{tmp_path / 'out'}/"
        ).code
        == 0
    )
    assert names(tmp_path / "out") == everything
    assert [read(tmp_path / "out" / name).height for name in everything] == [20, 21, 22, 23]
    assert impasto("stylize", tmp_path / "a.gif", "-s", "udnie", "-n", "small").code == 0
    assert (tmp_path / "a.gif.udnie.jpg").exists()
    done = impasto("stylize", tmp_path, "-s", "udnie", "-n", "small")
    assert done.code == 0 and read(tmp_path / "a.udnie.jpg").height == 21


def test_files_of_one_name_from_several_folders(impasto: Run, tmp_path: Path) -> None:
    one, other, alone = save(tmp_path, "x/one/a.png", "x/two/a.png", "x/b.png")
    done = impasto(
        "stylize", one, other, alone, "-s", "udnie", "-n", "small", "-o", tmp_path / "out"
    )
    assert done.code == 0 and names(tmp_path / "out") == [
        "b.udnie.png",
        "one/a.udnie.png",
        "two/a.udnie.png",
    ]


@pytest.mark.slow
def test_odd_names(impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = [
        "-dash.png",
        "two  spaces.png",
        "new\nline.png",
        "ü\u202e.png",
        "%5.png",
        f"{'l' * 251}.png",
        f"{'ü' * 125}.png",
    ]
    paths = save(tmp_path / "in", *odd)
    (tmp_path / "in" / "link.png").symlink_to(paths[0])
    raw = os.fsdecode(os.fsencode(str(tmp_path / "in")) + b"/\xff.png")
    paths[0].rename(raw)
    paths[0].symlink_to(raw)
    done = impasto(
        "stylize", tmp_path / "in", "-s", "udnie", "-n", "small", "-o", tmp_path / "out", "--json"
    )
    assert done.code == 0, done.err
    assert len(names(tmp_path / "out")) == len(odd) + 2
    monkeypatch.chdir(tmp_path / "in")
    assert impasto("stylize", "-s", "udnie", "-n", "small", "--", "-dash.png").code == 0


# Reports


def test_a_dry_run_paints_nothing(impasto: Run, tmp_path: Path) -> None:
    one, other = save(tmp_path, "a.png", "b.png")
    (tmp_path / "b.udnie.png").write_bytes(b"")
    before = names(tmp_path)
    done = impasto("stylize", one, other, "-s", "udnie", "--dry-run", "--json")
    assert done.code == 0 and names(tmp_path) == before
    assert [record["would be"] for record in done.records] == ["painted", "kept"]
    assert (
        f"{one} -> {tmp_path / 'a.udnie.png'}"
        in impasto("stylize", one, "-s", "udnie", "--dry-run").out
    )


def test_failures_are_a_line_and_a_row_and_the_rest_goes_on(impasto: Run, tmp_path: Path) -> None:
    save(tmp_path, "in/a.png", "in/b.png", "in/c.png")
    (tmp_path / "in" / "b.png").write_bytes((tmp_path / "in" / "b.png").read_bytes()[:90])
    log = tmp_path / "log" / "report.jsonl"
    arguments = (
        "stylize",
        tmp_path / "in",
        "-s",
        "udnie",
        "-n",
        "small",
        "-o",
        tmp_path / "out",
        "--report",
        log,
    )
    done = impasto(*arguments)
    assert done.code == 1 and [
        line for line in done.errors if line.startswith("error") and "b.png" in line
    ]
    assert names(tmp_path / "out") == ["a.udnie.png", "c.udnie.png"]
    first = rows(log)
    assert [Path(row["input"]).name for row in first] == ["a.png", "b.png", "c.png"]
    assert ["error" in row for row in first] == [False, True, False] and first[0]["width"] == 30

    # again: nothing is done twice, nothing reported twice, and it is still no success
    done = impasto(*arguments)
    assert done.code == 1 and rows(log) == first
    assert "1 input failed as in an earlier run" in done.err and "error" not in done.err

    # mended, it is painted
    save(tmp_path, "in/b.png")
    assert impasto(*arguments).code == 0
    assert len(rows(log)) == 4 and rows(log)[-1]["output"].endswith("b.udnie.png")


@pytest.mark.slow
def test_what_failed_for_want_of_something_is_painted_when_it_is_there(
    impasto: Run, tmp_path: Path
) -> None:
    save(tmp_path, "in/a.png", "in/b.png")
    log = tmp_path / "report.jsonl"
    arguments = (
        "stylize",
        tmp_path / "in",
        "-s",
        "udnie",
        "-n",
        "small",
        "-o",
        tmp_path / "out",
        "--report",
        log,
    )
    assert impasto(*arguments, "--max-pixels", 610).code == 1
    assert ["error" in row for row in rows(log)] == [False, True]  # b has a row of pixels more
    assert impasto(*arguments).code == 0
    assert ["error" in row for row in rows(log)] == [False, True, False]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices")
def test_a_report_into_what_is_no_file(impasto: Run, tmp_path: Path) -> None:
    (one,) = save(tmp_path, "a.png")
    assert (
        "it is no file but"
        in impasto("stylize", one, "-s", "udnie", "--report", "/dev/zero").usage()
    )


def test_a_folder_of_one_picture_is_a_folder(impasto: Run, tmp_path: Path) -> None:
    save(tmp_path, "in/a.png")
    assert (
        impasto(
            "stylize", tmp_path / "in", "-s", "udnie", "-n", "small", "-o", tmp_path / "painted"
        ).code
        == 0
    )
    assert names(tmp_path / "painted") == ["a.udnie.png"]


@pytest.mark.slow
def test_no_style_and_no_mask_is_painted_over(impasto: Run, tmp_path: Path) -> None:
    photograph, style, mask = save(tmp_path, "a.png", "style.png", "mask.png")
    before = [path.read_bytes() for path in (style, mask)]
    for arguments in (
        ("-s", style, "-o", style),
        ("-s", "udnie", "--mask", mask, "-o", mask),
        ("-s", "udnie", "--region", f"left-right={style}", "-o", style),
    ):
        done = impasto("stylize", photograph, "-n", "small", "--overwrite", *arguments)
        assert done.code == 1 and "is a style or a mask of this run" in done.err
    assert [path.read_bytes() for path in (style, mask)] == before


@pytest.mark.slow
def test_what_is_not_begun_in_time_is_left_for_another_run(impasto: Run, tmp_path: Path) -> None:
    inputs = save(tmp_path, "a.png", "b.png")
    (tmp_path / "a.udnie.png").write_bytes(b"")
    done = impasto("stylize", *inputs, "-s", "udnie", "-n", "small", "--minutes", 0)
    assert (
        done.code == 1
        and "1 input was not begun in 0 minutes" in done.err
        and "a.udnie.png kept" in done.out
    )
    assert not (tmp_path / "b.udnie.png").exists()
    assert impasto("stylize", *inputs, "-s", "udnie", "-n", "small", "--minutes", 60).code == 0
    assert (tmp_path / "b.udnie.png").exists()


def test_a_report_that_is_none(impasto: Run, tmp_path: Path) -> None:
    (one,) = save(tmp_path, "a.png")
    (tmp_path / "notes.txt").write_text("mine\n")
    message = impasto("stylize", one, "-s", "udnie", "--report", tmp_path / "notes.txt").usage()
    assert (
        "is no report of an earlier run" in message
        and (tmp_path / "notes.txt").read_text() == "mine\n"
    )


@pytest.mark.process
def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """Killed at once, at random moments and at last not: every good picture is there and whole,
    what is broken reported once."""
    count = 40
    save(tmp_path, *(f"in/{number:02}.png" for number in range(count)))
    broken = tmp_path / "in" / "07.png"
    broken.write_bytes(broken.read_bytes()[:70])
    log = tmp_path / "report.jsonl"
    command = [
        sys.executable,
        "-m",
        "impasto",
        "stylize",
        str(tmp_path / "in"),
        "-s",
        "udnie",
        "-n",
        "small",
    ]
    command += ["-o", str(tmp_path / "out"), "--report", str(log)]
    for painted in (3, 11):
        run = subprocess.Popen(
            command, env=surroundings(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        until = time.monotonic() + 120
        while (
            run.poll() is None
            and time.monotonic() < until
            and len(list((tmp_path / "out").glob("*.png"))) < painted
        ):
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
        run.communicate()
    last = subprocess.run(
        command, env=surroundings(), capture_output=True, timeout=300, check=False
    )
    assert last.returncode == 1
    assert names(tmp_path / "out") == [
        f"{number:02}.udnie.png" for number in range(count) if number != 7
    ]
    for path in (tmp_path / "out").iterdir():
        assert read(path).width == 30
    assert [Path(row["input"]).name for row in rows(log) if "error" in row] == ["07.png"]
    assert {Path(row["input"]).name for row in rows(log)} == {
        f"{number:02}.png" for number in range(count)
    }


# Several styles


@pytest.mark.slow
def test_several_styles(impasto: Run, tmp_path: Path) -> None:
    paths = save(tmp_path / "in", "a.png", "b.png")
    report = tmp_path / "report.jsonl"
    styles = ("-s", "udnie", "-s", "great-wave:0.7,udnie:0.3", "-n", "small")
    arguments = ("stylize", *paths, *styles, "-o", tmp_path / "out", "--report", report, "--json")
    done = impasto(*arguments, "--dry-run")
    assert [record["would be"] for record in done.records] == ["painted"] * 4
    done = impasto(*arguments)
    mixed = "great-wave-70-udnie-30"
    assert done.code == 0
    assert [(Path(record["input"]).name, record["style"]) for record in done.records] == [
        (path.name, style) for path in paths for style in ("udnie", mixed)
    ]
    expected = [f"a.{mixed}.png", "a.udnie.png", f"b.{mixed}.png", "b.udnie.png"]
    assert names(tmp_path / "out") == expected
    assert rows(report) == done.records

    # a painting that is gone is painted again, and nothing else
    (tmp_path / "out" / "b.udnie.png").unlink()
    done = impasto(*arguments)
    assert ["skipped" in record for record in done.records] == [True, True, False, True]
    assert len(rows(report)) == 5 and names(tmp_path / "out") == expected


def test_several_styles_of_one_photograph_stand_beside_it(impasto: Run, tmp_path: Path) -> None:
    (path,) = save(tmp_path, "photo.png")
    done = impasto("stylize", path, "-s", "udnie", "-s", "great-wave", "-s", "udnie", "-n", "small")
    assert done.code == 0 and len(done.out.splitlines()) == 2, "a style given twice is one style"
    assert names(tmp_path) == ["photo.great-wave.png", "photo.png", "photo.udnie.png"]
    done = impasto("stylize", tmp_path, "-s", "udnie", "-s", "great-wave", "-n", "small")
    assert done.out.count("kept") == 2, "paintings of one style are no inputs of another"


def test_a_broken_input_of_several_styles_is_one_error(impasto: Run, tmp_path: Path) -> None:
    (path,) = save(tmp_path, "photo.png")
    path.write_text("no picture")
    report = tmp_path / "report.jsonl"
    styles = ("-s", "udnie", "-s", "great-wave", "-n", "small", "--report", report)
    for _ in range(2):
        done = impasto("stylize", path, *styles)
        assert done.code == 1 and len(done.errors) == 1 and len(rows(report)) == 1
    assert done.errors[0].startswith("1 input failed as in an earlier run")


def test_where_one_style_is_needed(impasto: Run, tmp_path: Path) -> None:
    (path,) = save(tmp_path, "photo.png")
    styles = ("-s", "udnie", "-s", "great-wave")
    message = impasto("stylize", path, *styles, "-o", tmp_path / "one.png").usage()
    assert (
        "one.png: it is one file, and there are 2 styles; write" in message
        and "one.png/" in message
    )
    for arguments in (("-",), (path, "-o", "-")):
        message = impasto("stylize", *arguments, *styles).usage()
        assert "- stands for one painting, and there are 2 styles" in message
    assert names(tmp_path) == ["photo.png"]
