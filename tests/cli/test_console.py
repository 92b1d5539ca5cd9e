"""Output of the command line: bars of files in work."""

import io
import json
import os
from pathlib import Path

import pytest
from commands import python
from pictures import photo
from PIL import Image
from rich.console import Console
from rich.progress import Progress as Bar

from impasto.cli.console import file_progress, printable, run_progress
from impasto.progress import Progress


def test_the_bar_shows_the_file_in_work() -> None:
    """A picture in per cent, a video in frames, and each file from its beginning."""
    bar = Bar(console=Console(file=io.StringIO()))
    show = file_progress(bar)
    (task,) = bar.tasks
    assert not task.visible
    show(Progress(0.25, 1, "a.jpg", unit="file"))
    assert (task.visible, task.description, task.completed, task.total) == (True, "a.jpg", 25, 100)
    show(Progress(0.5, 2, "clip.mp4", 10, 20, "frame"))
    assert (task.description, task.completed, task.total) == (
        "clip.mp4, 5.0 frames a second",
        10,
        20,
    )
    show(Progress(0.0, 3, "b.jpg", unit="file"))
    assert (task.description, task.completed, task.total) == ("b.jpg", 0, 100)


def test_the_progress_of_a_run_is_a_rate_in_its_bar(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(console=Console(file=io.StringIO()))
    task = bar.add_task("udnie", total=400)
    run_progress(bar, task)(Progress(0.25, 50, "udnie", 100, 400, "file"))
    assert bar.tasks[0].description == "udnie, 2.0 a second"
    assert not capsys.readouterr().err


def test_without_a_bar_the_progress_of_a_run_is_a_line_now_and_then(
    capfd: pytest.CaptureFixture[str],
) -> None:
    bar = Bar(console=Console(file=io.StringIO()), disable=True)
    show = run_progress(bar, bar.add_task("udnie", total=400))
    for seconds, step in ((50, 100), (55, 200), (100, 300), (200, 400)):
        show(Progress(step / 400, seconds, "udnie", step, 400, "file"))
    assert capfd.readouterr().err.splitlines() == [
        "100 of 400 done, 2.0 a second, 0:02:30 left",
        "300 of 400 done, 3.0 a second, 0:00:33 left",
    ]


def test_a_name_stays_in_its_line() -> None:
    assert printable("a\x1b[2J\r\n\u202eb.jpg") == "a\\x1b[2J\\r\\n\\u202eb.jpg"
    assert printable("日本 é 🎨 [red].jpg") == "日本 é 🎨 [red].jpg"


NAMES = ["日本.jpg", "ж.jpg", "é.jpg", "🎨.jpg", "a\x1b[1m.jpg", "a\nb.jpg", "\udcff.jpg"]


@pytest.mark.process
@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii", "utf-8:strict", "latin-1:strict"])
@pytest.mark.parametrize("as_json", [False, True])
def test_names_that_the_encoding_lacks_are_escaped(
    tmp_path: Path, encoding: str, as_json: bool
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in NAMES:
        with open(os.fsencode(folder / name), "wb") as file:  # noqa: PTH123  # a name in no encoding
            Image.fromarray(photo(16, 24)).save(file, "JPEG")
    (folder / "broken ж.jpg").write_bytes(b"no picture")
    command = ["-m", "impasto", "stylize", str(folder), "-s", "udnie", "-n", "small"]
    command += ["-o", str(tmp_path / "out"), *(["--json"] if as_json else [])]
    # output is read as bytes that any encoding has
    done = python(*command, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.code == 1, done.err
    assert len(os.listdir(tmp_path / "out")) == len(NAMES)  # noqa: PTH208
    assert "Traceback" not in done.err and "error: " in done.err
    lines = done.out.splitlines()
    assert len(lines) == len(NAMES) + as_json
    if as_json:
        found = {Path(json.loads(line)["input"]).name for line in lines}
        assert found == {*NAMES, "broken ж.jpg"}


@pytest.mark.process
@pytest.mark.parametrize("encoding", ["cp437", "ascii"])
@pytest.mark.parametrize("verb", [[], ["stylize"], ["train"], ["webcam"], ["evaluate"]])
def test_help_is_written_in_any_encoding(encoding: str, verb: list[str]) -> None:
    done = python("-m", "impasto", *verb, "--help", PYTHONIOENCODING=encoding)
    assert done.code == 0 and "Usage" in done.out, done.err
