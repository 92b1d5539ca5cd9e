"""impasto stylize from standard input and to standard output."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import Run, surroundings
from pictures import photo, save
from PIL import Image

from impasto.images.reading import read


@pytest.mark.slow
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
