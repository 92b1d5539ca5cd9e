"""The command line as a whole: help, wrong values, and Ctrl-C at any time."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from commands import Run, python, surroundings
from pictures import photo
from PIL import Image

import impasto as package
from impasto.cli.app import explain


@pytest.mark.process
def test_version(impasto: Run) -> None:
    assert impasto("--version").out == f"impasto {package.__version__}\n"
    assert python("-m", "impasto", "--version").out == f"impasto {package.__version__}\n"


@pytest.mark.parametrize(
    "verb",
    [
        "stylize",
        "styles",
        "train",
        "evaluate",
        "benchmark",
        "doctor",
        "webcam",
        "compare",
        "import",
        "export",
        "info",
    ],
)
def test_help(impasto: Run, verb: str) -> None:
    done = impasto(verb, "-h")
    assert (done.code, done.err) == (0, "")
    assert f"impasto {verb}" in done.out
    assert verb in impasto("--help").out


def test_an_unknown_verb(impasto: Run) -> None:
    assert "paint" in impasto("paint").usage()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("webcam", "--size", "nan"), "'--size': 'nan' is not a whole number from 64 to 4320"),
        (("webcam", "--size", "1e3"), "'--size': '1e3' is not a whole number from 64 to 4320"),
        (("webcam", "--size", "63"), "'--size': '63' is not a number from 64 to 4320"),
        (("webcam", "--strength", "nan"), "'--strength': 'nan' is not a number from 0 to 1"),
        (("webcam", "--strength", "1.5"), "'--strength': '1.5' is not a number from 0 to 1"),
        (("webcam", "--seconds", "nan"), "'--seconds': 'nan' is not a number"),
        (("webcam", "--seconds", "soon"), "'--seconds': 'soon' is not a number"),
        (
            ("webcam", "--engine", "x"),
            "'--engine': 'x' is not one of 'auto', 'openvino', 'onnxruntime', 'torch'",
        ),
        (("benchmark", "--runs", "0"), "'--runs': '0' is not a number from 1 up"),
        (("evaluate", "a.jpg", "--every", "-1"), "'--every': '-1' is not a number from 1 up"),
        (
            ("stylize", "a.jpg", "-s", "udnie", "--strength", "nan"),
            "'--strength': 'nan' is not a number from 0 to 1",
        ),
    ],
)
def test_values_are_named_with_their_bounds(
    impasto: Run, arguments: tuple[str, ...], message: str
) -> None:
    line = impasto(*arguments).usage()
    assert message in line
    assert line.endswith(f"; see `impasto {arguments[0]} --help`")


def test_words_of_older_typers_stay() -> None:
    error: Any = typer.BadParameter("3 is not in the range 64<=x<=4320.")
    assert explain(error) == "Invalid value: 3 is not in the range 64<=x<=4320"


# Help


def panels(text: str) -> dict[str, str]:
    """The panels of a help text, by title and in order."""
    parts = re.split(r"^╭─ (.+?) ─+╮$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_verbs_are_listed_by_purpose(impasto: Run) -> None:
    text = impasto("--help").out
    assert re.findall(r"^(\w.*):$", text, re.MULTILINE) == [
        *("Options", "Paint", "Styles and training", "Measure and check"),
    ]
    verbs = re.findall(r"^  (\w+(?: \w+)?)  ", text, re.MULTILINE)
    assert verbs == [
        *("stylize", "webcam", "serve", "compare", "info", "optimize", "report merge"),
        *("styles", "styles push", "styles pull", "train", "import"),
        *("export", "evaluate", "benchmark", "doctor"),
    ]


def test_verbs_of_two_words(impasto: Run) -> None:
    assert "impasto styles push [OPTIONS]" in impasto("styles", "push", "-h").out
    assert "impasto styles [OPTIONS]" in impasto("styles", "-h").out
    assert "see `impasto styles pull --help`" in impasto("styles", "pull").usage()


def test_common_options_come_first(impasto: Run) -> None:
    listed = panels(impasto("stylize", "--help").out)
    assert list(listed) == [
        *("Arguments", "Common options", "Color, masks and strokes", "Pictures", "Video"),
        *("Batches", "Engine", "Other options"),
    ]
    common = re.findall(r"^│ [ *]+(--\w+)", listed["Common options"], re.MULTILINE)
    assert common == [*("--style", "--output", "--strength", "--color", "--network", "--overwrite")]


def test_json_is_one_object_a_line(impasto: Run, photo_file: Path) -> None:
    lines = impasto("stylize", photo_file, "-s", "great-wave", "--json").out.splitlines()
    assert [json.loads(line)["input"] for line in lines] == [str(photo_file)]


# the end of the process


AT_EXIT = "import atexit; from impasto.cli import run; atexit.register(print, 'the end'); run()"


@pytest.mark.process
def test_all_that_was_printed_comes_out_and_exit_functions_run() -> None:
    done = python("-c", AT_EXIT, "--version")
    assert (done.code, done.out) == (0, f"impasto {package.__version__}\nthe end\n")
    done = python("-c", AT_EXIT, "stylize", "--no-such-option")
    assert (done.code, done.out) == (2, "the end\n")
    assert done.err.startswith("error: ")


@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_what_cannot_be_printed_is_no_success() -> None:
    with Path("/dev/full").open("w") as full:
        arguments = [sys.executable, "-c", "print('x'); from impasto.cli import run; run()"]
        done = subprocess.run([*arguments, "--version"], stdout=full, check=False)
    assert done.returncode


# Ctrl-C


CTRL_C_AT = """
import builtins, os, signal
real = builtins.__import__
def load(name, *rest):
    if name == {!r}:
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *rest)
builtins.__import__ = load
signal.signal(signal.SIGINT, signal.{})
from impasto.cli import main
main()
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    "module", ["impasto.cli.app", "typer", "impasto.cli.verbs", "numpy", "impasto.models.style"]
)
def test_ctrl_c_while_modules_load(module: str) -> None:
    done = python("-c", CTRL_C_AT.format(module, "default_int_handler"), "doctor")
    assert (done.code, done.out, done.err) == (130, "", "error: interrupted\n")


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_that_the_shell_has_ignored_stays_so() -> None:
    """As with `impasto ... &` in a script."""
    done = python("-c", CTRL_C_AT.format("typer", "SIG_IGN"), "--version")
    assert (done.code, done.err) == (0, "")


def test_who_calls_it_gets_ctrl_c_back(impasto: Run) -> None:
    usual = signal.getsignal(
        signal.SIGINT
    )  # which is to ignore it, where the tests run behind a shell
    for arguments in (("--version",), ("doctor",), ("webcam", "--size", "x")):
        impasto(*arguments)
        assert signal.getsignal(signal.SIGINT) is usual


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(
    "verb",
    [
        ("stylize", "in", "-s", "starry-night", "-o", "out", "--stroke", "0.25"),
        (
            "compare",
            "in",
            "--styles",
            "starry-night",
            "--strengths",
            "0.2,0.4,0.6,0.8",
            "-o",
            "c.png",
        ),
        ("train", "a.jpg", "--minutes", "5", "-o", "a.safetensors"),
        ("optimize", "a.jpg", "a.jpg", "--iterations", "100000", "-o", "o.png"),
    ],
)
def test_every_verb_ends_alike_by_sigterm(tmp_path: Path, verb: tuple[str, ...]) -> None:
    if verb[0] in ("train", "optimize"):
        pytest.importorskip("torch")
    picture = Image.fromarray(photo(300, 400))
    (tmp_path / "in").mkdir()
    picture.save(tmp_path / "a.jpg")
    for number in range(60):
        picture.save(tmp_path / "in" / f"{number}.jpg")
    process = subprocess.Popen(
        [sys.executable, "-m", "impasto", *verb],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=surroundings(),
        text=True,
    )
    time.sleep(4)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143 and "interrupted" in errors, errors
    assert "Traceback" not in errors
    assert not list(tmp_path.rglob(".impasto-*"))
