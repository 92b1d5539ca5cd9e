"""What importing and painting load, and what they do without."""

from importlib import import_module
from pathlib import Path

import pytest
from commands import python

from impasto.cli.verbs import VERBS

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


# Modules of a start

LOADED = """
import atexit, sys
from impasto.cli import main
sys.argv = ["impasto", *sys.argv[1:]]
atexit.register(lambda: print("loaded", *sys.modules, file=sys.stderr))
main()
"""
SLOW = {"numpy", "PIL", "openvino", "onnxruntime", "onnx", "torch", "scipy", "av", "rich"}
SLOW |= {"pydantic", "safetensors", "huggingface_hub", "fastapi", "ray"}


def loaded(*arguments: str | Path, **environment: str) -> set[str]:
    """The modules that a command loads."""
    done = python("-c", LOADED, *map(str, arguments), **environment)
    assert done.code == 0, done.err
    return set(done.err.rpartition("loaded ")[2].split())


@pytest.mark.process
@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("styles",)])
def test_help_and_lists_load_little(arguments: tuple[str, ...]) -> None:
    modules = loaded(*arguments)
    assert not modules & SLOW
    verbs = {f"impasto.cli.{verb.place.partition('.')[0]}" for verb in VERBS}
    assert modules & verbs == {f"impasto.cli.{word}" for word in arguments if word == "styles"}


COMPLETE = """
import sys, typer
from impasto.cli.app import app
group = typer.main.get_command(app)
with group.make_context("impasto", [], resilient_parsing=True) as context:
    names = [item.value for item in group.shell_complete(context, "styl")]
print(*names, "numpy" in sys.modules)
"""


@pytest.mark.process
def test_names_of_verbs_are_completed_without_loading_one() -> None:
    assert python("-c", COMPLETE).out.split() == [
        *("stylize", "styles", "styles", "push", "styles", "pull", "False")
    ]


@pytest.mark.process
def test_a_picture_in_a_style_of_the_gallery_loads_what_it_needs(
    photo_file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    command = ("stylize", photo_file, "-s", "great-wave", "-o", tmp_path / "a.png", "--overwrite")
    modules = loaded(*command, IMPASTO_HOME=str(tmp_path / "home"))
    assert modules & SLOW == {"numpy", "PIL", "openvino", "safetensors"}
    others = {"openvino.tools.ovc.convert", "importlib.metadata", "impasto.video.reader"}
    assert not modules & others
    assert not {name for name in modules if name.startswith("impasto.learning.")}


def test_each_verb_is_where_its_name_says() -> None:
    for verb in VERBS:
        module, _, function = verb.place.partition(".")
        assert callable(getattr(import_module(f"impasto.cli.{module}"), function)), verb.name
