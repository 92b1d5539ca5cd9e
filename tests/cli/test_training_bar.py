"""The bar of training: the time left is seen in narrow terminals too."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from impasto.cli import console
from impasto.cli.training_bar import TrainingProgressBar, progress_text
from impasto.progress import Progress

LOSSES = {"content": 0.5123, "style": 0.2014, "local": 0.1234, "tv": 0.0101, "stability": 0.02}
QUARTER = Progress(0.25, 65.0, "base", 120, losses=LOSSES, loss=1.7654)  # 3 times 65 s are left


@pytest.mark.parametrize(
    ("width", "shown", "left_out"),
    [
        (80, ["25 %, 3:15 left, step 120, total 1.765, content 0.512"], ["local"]),
        (60, ["25 %, 3:15 left, step 120, total 1.765"], ["style"]),
        (30, ["3:15 left"], ["total"]),
        (200, ["content 0.512, style 0.201, local 0.123, tv 0.010, stability 0.020"], []),
    ],
)
def test_the_time_left_comes_first_and_losses_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, width: int, shown: list[str], left_out: list[str]
) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=width, _environ={})
    monkeypatch.setattr(console, "stderr", lambda: terminal)
    with TrainingProgressBar("training") as bar:
        bar.step(QUARTER)
    printed = screen.getvalue()
    assert all(text in printed for text in shown), printed
    assert "…" not in printed
    assert not any(text in printed for text in left_out)


def test_a_process_that_does_not_show_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=80, _environ={})
    monkeypatch.setattr(console, "stderr", lambda: terminal)
    with TrainingProgressBar("training", tmp_path / "log", is_shown=False) as bar:
        bar.step(QUARTER)
    assert screen.getvalue() == ""
    assert not (tmp_path / "log").exists()


def test_hours_and_the_start() -> None:
    assert progress_text(Progress(0.5, 3661.0, step=9)).startswith("50 %, 1:01:01 left, step 9")
    assert progress_text(Progress(0.0, 0.0)) == "0 %, step 0"
