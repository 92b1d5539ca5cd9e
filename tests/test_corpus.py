"""The corpus of hostile pictures: each is read, or refused in one line, within bounds of time and
memory; no traceback."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from commands import surroundings
from corpus import PARTS, corpus, stored

pytest.importorskip("resource", reason="time and memory of a process are counted by POSIX")
from trials import Kind, Trial, summary, trials

# of CPU, that a file of the corpus without bombs may take on a slow machine; Pillow reads some tags
# and chunks slowly
SECONDS = 20
MEGABYTES = 100
BEGINS: dict[Kind, str] = {
    "picture": "cannot read ",
    "mask": "cannot use the mask",
    "style": "cannot make a style of a picture: cannot read ",
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """All of the corpus but for files of 100 megapixels, which `trials/hostile_files.py` tries."""
    return stored(tmp_path_factory.mktemp("hostile"), corpus(flips=2, bombs=False))


def check(found: list[Trial], kind: Kind) -> None:
    """Each ended well, and whatever was refused was so in one clear line."""
    for each in found:
        assert each.ending in ("read", "error"), each
        assert each.seconds < SECONDS and each.megabytes < MEGABYTES, each
        if each.ending == "error":
            assert (
                each.said.startswith(BEGINS[kind])
                and each.name in each.said
                and "\n" not in each.said
            ), each
            assert len(each.said) < 600, each


@pytest.mark.process
def test_pictures(hostile: list[Path]) -> None:
    chosen = [
        path
        for number, path in enumerate(hostile)
        if number % 2 or not path.name.startswith(("cut", "flip"))
    ]
    found = trials(chosen)
    check(found, "picture")
    counts = summary(found)
    assert counts["files"] == len(chosen) > 600
    assert counts["read"] > 150 and counts["error"] > 300
    endings = {each.name: each.ending for each in found}
    sound = [
        name
        for name in endings
        if "-" not in name.partition(".")[0] and f"cut-01-{name}" in {path.name for path in hostile}
    ]
    assert len(sound) > 20 and {endings[name] for name in sound} == {"read"}


@pytest.mark.process
@pytest.mark.parametrize("kind", ["mask", "style"])
def test_masks_and_styles(hostile: list[Path], kind: Kind) -> None:
    found = trials(hostile[::12], kind)
    check(found, kind)
    assert len(Counter(each.ending for each in found)) == 2


@pytest.mark.process
def test_a_batch_of_them(hostile: list[Path], tmp_path: Path) -> None:
    """As a user meets them: in a folder."""
    folder = tmp_path / "in"
    folder.mkdir()
    chosen = [
        path
        for path in hostile
        if path.name.startswith(("cut", "flip", "misnamed", "none", "letter"))
    ][:: PARTS - 1]
    odd = [
        path
        for path in hostile
        if path.name.startswith(("exif", "chunks", "says-65535", "says-0x0"))
    ][::3]
    for path in chosen + odd:
        (folder / path.name).write_bytes(path.read_bytes())
    names = sorted(path.name for path in folder.iterdir())
    log = tmp_path / "report.jsonl"
    command = [
        sys.executable,
        "-m",
        "impasto",
        "stylize",
        str(folder),
        "-s",
        "udnie",
        "-n",
        "small",
        "--size",
        "48",
    ]
    command += ["-o", str(tmp_path / "out"), "--report", str(log), "--threads", "1"]
    done = subprocess.run(
        command, env=surroundings(), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert sorted(Path(row["input"]).name for row in rows) == names
    failed = [row for row in rows if "error" in row]
    lines = done.stderr.splitlines()
    assert len([line for line in lines if line.startswith("error: ")]) == len(failed) > 20, (
        done.stderr
    )
    assert len(rows) - len(failed) > 10
    assert all(
        line.startswith(("error: ", str(folder), "--size applies")) for line in lines
    ), done.stderr  # libraries are silent, notes begin with a file
