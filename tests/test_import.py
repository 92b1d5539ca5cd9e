"""What importing and painting load, and what they do without."""

from pathlib import Path

import pytest
from commands import python

HEAVY = "{'torch', 'openvino', 'onnxruntime', 'onnx', 'scipy', 'PIL', 'numpy'}"


@pytest.mark.process
def test_importing_loads_no_engine() -> None:
    code = f"import sys, impasto; print(sorted({HEAVY} & set(sys.modules)))"
    assert python("-c", code).out.strip() == "[]"


@pytest.mark.process
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_painting_needs_no_torch(photo_file: Path, engine: str) -> None:
    pytest.importorskip(engine)
    code = f"""
import sys
sys.modules["torch"] = None  # importing it fails from here on
import numpy as np
from impasto import Stylizer, stylize
from impasto.images.reading import read
picture = read({str(photo_file)!r}).rgb
painted = Stylizer("base", {engine!r}).stylize(picture, "starry-night")
print(painted.shape, (painted != picture).mean() > 0.5, stylize({str(photo_file)!r}, "photo").size)
print(any(name.partition(".")[0] == "torch" for name, module in sys.modules.items() if module))
"""
    done = python("-c", code)
    assert done.err == ""
    assert done.out.splitlines() == ["(48, 64, 3) True (64, 48)", "False"]


@pytest.mark.process
def test_the_command_line_needs_no_torch(photo_file: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from impasto.cli import main; main()"
    done = python("-c", code, "stylize", str(photo_file), "--style", "great-wave")
    assert (done.code, done.err) == (0, "")
    assert photo_file.with_name("photo.great-wave.jpg").exists()
    assert "impasto[train]" in python("-c", code, "train", str(photo_file)).only_error()
