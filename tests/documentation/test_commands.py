"""Every command in the documentation can be given, and does what can be tried here.

Blocks of code without a language hold commands only (`shell_blocks`). Commands of impasto are
parsed, and most are run on tiny files. Of other programs' commands, what they name exists.
"""

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from clips import make_clip
from commands import Run
from pictures import photo
from PIL import Image

from impasto.cli.app import app
from impasto.paths import GALLERY

from .shell_blocks import ROOT, Command, commands

# programs that are not of this project, and only shown
OTHERS = {
    ".",
    "chmod",
    "echo",
    "find",
    "py",
    "uvx",
    "pipx",
    "docker",
    "podman",
    "sbatch",
    "torchrun",
}
# what a command would need to run here
NOT_RUN = {
    "webcam": "a camera and a window",
    "serve": "to be stopped; tests/server does",
    "evaluate": "the weights of VGG-19",
    "benchmark": "minutes",
    "train ": "minutes; tests/cli/test_train.py does",
    "import": "a checkpoint; tests/cli/test_import_checkpoint.py has one",
    "--resume": "a run that was stopped",
    "--perceptual vgg19": "the weights of VGG-19",
    "--start 1:30": "a clip of two minutes",
    "--mask alpha": "a transparent photo",
    "--list -": "other programs' output",
    "stylize - ": "redirections",
    "some-style": "a gallery of one's own",
    "scan.tif": "pyvips",
    "--flow": "OpenCV",
    "--device gpu": "a graphics card",
    "--network large": "the time of a large network",
    "--size 1024": "the time of a large picture",
    "export": "seconds of conversion; tests/test_export.py does",
    "info": "a painting; tests/cli/test_info.py has some",
    "report merge": "reports; tests/cli/test_report.py has some",
    "--cluster": "Ray; tests/batch/test_ray.py has it",
    "hf:": "the Hub; tests/publishing and tests/test_hub.py have a stub of it",
    "styles pull": "the Hub",
    "styles push": "the Hub",
}
ONE_STEP = ("--iterations", "1", "--size", "64")  # optimization takes minutes
IMPASTO = commands("impasto")
RUN = [one for one in IMPASTO if not any(text in one.line for text in NOT_RUN)]


def ids(command: Command) -> str:
    return command.line


def test_commands_are_found() -> None:
    assert len(IMPASTO) > 60
    assert len(RUN) > 30
    assert {one.page for one in IMPASTO} >= {"README.md", "docs/tutorials/first-painting.md"}


@pytest.mark.parametrize("command", IMPASTO, ids=ids)
def test_verb_and_options_exist(command: Command) -> None:
    group: Any = typer.main.get_command(app)
    _, verb, *arguments = command.words
    with group.make_context("impasto", [], resilient_parsing=True) as root:
        name, found, arguments = group.resolve_command(root, [verb, *arguments])
        found.make_context(name, arguments, parent=root)


def test_blocks_of_commands_hold_nothing_else() -> None:
    known = OTHERS | {"impasto", "pip", "make", "python", "python3", "curl", "git"}
    strange = [
        f"{one.page}: {one.line}"
        for one in commands()
        if one.words[0] not in known and not one.words[0].startswith(".venv")
    ]
    assert strange == []


def test_extras_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [
        (command, extra)
        for command in commands()
        for named in re.findall(r"(?:\.|impasto|whl)\[([\w,]+)\]", command.line)
        for extra in named.split(",")
    ]
    assert extras
    assert [one for one in extras if one[1] not in project["optional-dependencies"]] == []


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {one.words[1] for one in commands("make")}
    assert {"demo", "test"} <= named <= targets


def test_scripts_exist() -> None:
    scripts = {
        word.partition("::")[0]
        for one in commands()
        if re.search(r"python3?$", one.words[0])
        for word in one.words[1:]
        if re.search(r"\.py\b", word)
    }
    assert scripts
    assert [name for name in scripts if not (ROOT / name).is_file()] == []


def test_requests_name_routes_and_fields_of_the_api() -> None:
    pytest.importorskip("fastapi")
    from impasto.server.app import create_app
    from impasto.server.settings import ServerSettings

    schema = create_app(ServerSettings()).openapi()
    requests = commands("curl")
    assert requests
    for one in requests:
        address = next(word for word in one.words if re.search(r":8000/", word))
        path = "/" + address.partition(":8000/")[2]
        route = re.sub(r"/jobs/[^/]+", "/jobs/{id}", path)
        methods = next(
            value
            for key, value in schema["paths"].items()
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", key), route)
        )
        fields = [word.partition("=")[0] for word in one.words if re.match(r"\w+=", word)]
        if fields:
            body = methods["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
            known = schema["components"]["schemas"][body["$ref"].rpartition("/")[2]]["properties"]
            assert set(fields) <= set(known), one.line


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files that commands name."""
    folder = tmp_path_factory.mktemp("files")
    picture = Image.fromarray(photo(48, 64))
    for name in ("holiday", "frames", "paintings", "photos"):
        (folder / name).mkdir()
    names = ("photo", "panorama", "holiday/a", "holiday/b", "paintings/a", "photos/a")
    for name in (*(f"{name}.jpg" for name in names), "tile.png"):
        picture.save(folder / name)
    Image.fromarray(np.rot90(photo(64, 64))).save(folder / "tulip.jpg")
    half = Image.fromarray(np.tile(np.repeat([0, 255], 32).astype(np.uint8), (48, 1)))
    half.save(folder / "face.png")
    half.save(folder / "sky.png")
    for name in ("tulip", "my-style", "candy"):
        shutil.copy(GALLERY / "styles/the-scream.safetensors", folder / f"{name}.safetensors")
    make_clip(folder / "clip.mp4")
    for number in range(3):
        picture.save(folder / "frames" / f"{number:05d}.png")
    picture.save(folder / "dance.gif", save_all=True, append_images=[picture.rotate(180)])
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN, ids=ids)
def test_command_runs(
    command: Command, files: Path, tmp_path: Path, impasto: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb = command.words[1]
    if verb == "optimize":
        pytest.importorskip("torch")
    folder = tmp_path / "folder"
    shutil.copytree(files, folder)
    monkeypatch.chdir(folder)
    outcome = impasto(*command.words[1:], *(ONE_STEP if verb == "optimize" else ()))
    assert outcome.code == 0, outcome.err
