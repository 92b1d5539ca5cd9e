"""The examples run as they are, and write what they print."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from commands import surroundings
from pictures import save

EXAMPLES = Path(__file__).parents[1] / "examples"
SLOW = {"07_video", "08_train_style"}
ARGUMENTS = {"08_train_style": ["--steps", "2"]}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.stem, marks=[pytest.mark.slow] if path.stem in SLOW else [])
        for path in sorted(EXAMPLES.glob("0*.py"))
    ],
)
def test_example_writes_what_it_prints(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "08_train_style":
        pytest.importorskip("torch")
    script = EXAMPLES / f"{name}.py"
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr("sys.argv", [str(script), str(tmp_path), *ARGUMENTS.get(name, [])])
    runpy.run_path(str(script), run_name="__main__")
    paths = re.findall(rf"{re.escape(str(tmp_path))}[^\s,:]+", capsys.readouterr().out)
    assert paths
    assert all(Path(path).is_file() for path in paths)


def test_every_example_is_in_the_readme() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(path.name in text for path in EXAMPLES.glob("*.py"))


@pytest.mark.process
@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("slurm.sbatch", "SLURM_ARRAY_TASK_ID", "7"),
        ("kubernetes.yaml", "JOB_COMPLETION_INDEX", "6"),
    ],
)
def test_array_jobs_paint_their_shard(name: str, variable: str, value: str, tmp_path: Path) -> None:
    """The command of the file is run as Slurm or a pod would run it."""
    save(tmp_path, "photos/a.png")
    text = (EXAMPLES / "clusters" / name).read_text(encoding="utf-8")
    if name.endswith(".yaml"):
        (text,) = re.findall(r"- (exec impasto .*?)\n +env:", text, re.DOTALL)
        text = " ".join(text.split())
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "impasto").write_text(f'#!/bin/sh\nexec {sys.executable} -m impasto "$@"\n')
    (folder / "impasto").chmod(0o755)
    environment = {variable: value, "PATH": f"{folder}:{os.environ['PATH']}"}
    subprocess.run(
        ["bash", "-c", text], cwd=tmp_path, env=surroundings(environment), check=True, timeout=120
    )
    report = tmp_path / "painted" / "report.007-of-064.jsonl"
    assert '{"shard": "7/64"' in report.read_text()
