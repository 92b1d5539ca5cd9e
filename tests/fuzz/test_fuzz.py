"""Half a minute of fuzzing; `python tests/fuzz/run.py` goes on for as long as one likes."""

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")
SECONDS = 30


@pytest.mark.fuzz
def test_nothing_but_results_and_errors(tmp_path: Path) -> None:
    pytest.importorskip(
        "atheris", reason="atheris has no wheel for this machine", exc_type=ImportError
    )
    command = [sys.executable, str(RUN), "--seconds", str(SECONDS), "--findings", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert list(tmp_path.iterdir()) == []
    assert "Done " in done.stderr
