"""Many inputs: what is found, where paintings go, what is told, and how a run that was killed goes
on."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Run, surroundings
from hypothesis import example, given
from hypothesis import strategies as st
from pictures import photo
from PIL import Image

from impasto.cli.batch import (
    LONGEST_NAME,
    InputFile,
    RunLog,
    earlier_paintings,
    expand,
    files,
    painting_name,
    targets,
)
from impasto.images.reading import read


def save(folder: Path, *names: str) -> list[Path]:
    """Pictures of these names below a folder, no two of one size."""
    paths = [folder / name for name in names]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        form = {".jpg": "JPEG", ".gif": "GIF", ".bmp": "BMP"}.get(path.suffix.lower(), "PNG")
        Image.fromarray(photo(20 + number, 30)).save(path, form)
    return paths


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# What is found


def test_each_file_once_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(
        tmp_path,
        "photo.jpg",
        "b.jpg",
        "[x].jpg",
        "deep/er/c.png",
        ".hidden/d.png",
        ".e.png",
        "out/p.png",
    )
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "deep" / "again").symlink_to(tmp_path)  # a circle
    monkeypatch.chdir(tmp_path)
    found, failures = expand(["b.jpg", "*.jpg", ".", "[x].jpg", "absent.jpg"], without=Path("out"))
    assert [str(each.path) for each in found] == [
        "b.jpg",
        "[x].jpg",
        "photo.jpg",
        "deep/er/c.png",
        "absent.jpg",
    ]
    assert [str(each.below) for each in found] == [".", ".", ".", "deep/er", "."]
    assert failures == []
    shallow, _ = files(["."])
    assert sorted(map(str, shallow)) == ["[x].jpg", "b.jpg", "photo.jpg"]
    (empty,) = [tmp_path / "empty"]
    empty.mkdir()
    _, ((text, error),) = expand([str(empty)])
    assert text == str(empty) and "holds no pictures" in str(error)


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


@given(
    st.text(
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=300
    ),
    st.booleans(),
)
@example("x" * 252, False)  # longer than names of files are
def test_names_fit_and_differ(stem: str, full: bool) -> None:
    name = painting_name(Path(f"{stem}.png"), "starry-night", full)
    assert len(os.fsencode(name)) <= LONGEST_NAME and name.endswith(".starry-night.png")
    assert name != painting_name(Path(f"{stem}x.png"), "starry-night", full)


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


def test_a_link_to_a_folder_above_is_not_followed(tmp_path: Path) -> None:
    save(tmp_path, "in/a.png")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    assert [each.path.name for each in expand([str(tmp_path / "in")])[0]] == ["a.png"]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from([".jpg", ".png", ".gif", ".heic"])),
        max_size=12,
        unique=True,
    )
)
def test_no_two_inputs_have_one_target(parts: list[tuple[str, str]]) -> None:
    inputs = [InputFile(Path(f"no/{stem}{suffix}")) for stem, suffix in parts]
    for output in (None, "out/"):
        found = targets(inputs, "udnie", output, several=True)
        assert len(set(found.values())) == len(inputs)


def test_paintings_of_earlier_runs() -> None:
    paths = [
        Path("a.jpg"),
        Path("a.udnie.jpg"),
        Path("b.gif"),
        Path("b.gif.udnie.jpg"),
        Path("c.udnie.jpg"),
    ]
    assert earlier_paintings(paths) == {Path("a.udnie.jpg"), Path("b.gif.udnie.jpg")}


# What is told


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

    # again: nothing is done twice, nothing told twice, and it is still no success
    done = impasto(*arguments)
    assert done.code == 1 and rows(log) == first
    assert "1 inputs failed as in an earlier run" in done.err and "error" not in done.err

    # mended, it is painted
    save(tmp_path, "in/b.png")
    assert impasto(*arguments).code == 0
    assert len(rows(log)) == 4 and rows(log)[-1]["output"].endswith("b.udnie.png")


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


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices")
def test_a_report_into_what_is_no_file(impasto: Run, tmp_path: Path) -> None:
    (one,) = save(tmp_path, "a.png")
    assert (
        "is no file but" in impasto("stylize", one, "-s", "udnie", "--report", "/dev/zero").usage()
    )


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read anything"
)
def test_a_folder_that_cannot_be_read_in_earnest(tmp_path: Path) -> None:
    save(tmp_path, "in/locked/a.png", "in/b.png")
    (tmp_path / "in" / "locked").chmod(0)
    try:
        found, ((text, error),) = expand([str(tmp_path / "in")])
    finally:
        (tmp_path / "in" / "locked").chmod(0o700)
    assert (
        [each.path.name for each in found] == ["b.png"]
        and text.endswith("locked")
        and "cannot read the folder" in str(error)
    )


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, "in/locked/a.png", "in/b.png")
    scandir = os.scandir

    def locked(path: str) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", locked)
    found, ((text, error),) = expand([str(tmp_path / "in")])
    assert (
        [each.path.name for each in found] == ["b.png"]
        and text.endswith("locked")
        and "cannot read the folder" in str(error)
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


def test_what_is_not_begun_in_time_is_left_for_another_run(impasto: Run, tmp_path: Path) -> None:
    inputs = save(tmp_path, "a.png", "b.png")
    (tmp_path / "a.udnie.png").write_bytes(b"")
    done = impasto("stylize", *inputs, "-s", "udnie", "-n", "small", "--minutes", 0)
    assert (
        done.code == 1
        and "1 inputs were not begun in 0 minutes" in done.err
        and "a.udnie.png kept" in done.out
    )
    assert not (tmp_path / "b.udnie.png").exists()
    assert impasto("stylize", *inputs, "-s", "udnie", "-n", "small", "--minutes", 60).code == 0
    assert (tmp_path / "b.udnie.png").exists()


def test_a_report_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    path.write_bytes(b'{"input": "a"}\n{"input": "b", "err')
    report = RunLog(path)
    report.add({"input": "c"})
    report.close()
    assert rows(path) == [{"input": "a"}, {"input": "c"}]


def test_a_report_that_is_none(impasto: Run, tmp_path: Path) -> None:
    (one,) = save(tmp_path, "a.png")
    (tmp_path / "notes.txt").write_text("mine\n")
    said = impasto("stylize", one, "-s", "udnie", "--report", tmp_path / "notes.txt").usage()
    assert (
        "is no report of an earlier run" in said
        and (tmp_path / "notes.txt").read_text() == "mine\n"
    )


@pytest.mark.process
def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """Killed at once, at random moments and at last not: every good picture is there and whole,
    what is broken told once."""
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


# Standard input and output


@pytest.mark.process
def test_from_standard_input_to_standard_output(tmp_path: Path) -> None:
    for form in ("PNG", "JPEG", "GIF"):
        buffer = io.BytesIO()
        Image.fromarray(photo(24, 30)).save(buffer, form)
        command = [sys.executable, "-m", "impasto", "stylize", "-", "-s", "udnie", "-n", "small"]
        done = subprocess.run(
            command, input=buffer.getvalue(), env=surroundings(), capture_output=True, check=True
        )
        with Image.open(io.BytesIO(done.stdout)) as painted:
            assert painted.size == (30, 24) and painted.format == (
                form if form != "GIF" else "JPEG"
            )
    assert (
        subprocess.run(command, input=b"none", env=surroundings(), capture_output=True).returncode
        == 1
    )


def test_to_standard_output_and_from_standard_input(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = save(tmp_path, "a.png")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(one.read_bytes())))
    assert (
        impasto("stylize", "-", "-s", "udnie", "-n", "small", "-o", tmp_path / "out.webp").code == 0
    )
    assert (
        impasto("stylize", one, "-s", "udnie", "-n", "small", "-o", tmp_path / "same.png").code == 0
    )
    off = np.abs(read(tmp_path / "out.webp").rgb.astype(int) - read(tmp_path / "same.png").rgb)
    assert off.mean() < 8
    assert "stands for one picture" in impasto("stylize", "-", one, "-s", "udnie").usage()
