"""The examples run as they are, and write what they print."""

import re
import runpy
from pathlib import Path

import pytest

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
