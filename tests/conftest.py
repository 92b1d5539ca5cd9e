"""Fixtures that tests share."""

import os

# One of several workers computes with one thread: more would only wait for one another. Libraries
# read this when they are loaded, so it comes before every other import.
if os.environ.get("PYTEST_XDIST_WORKER"):
    for name in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{name}_NUM_THREADS"] = "1"

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from chromium import start_browser
from commands import Outcome, Run, surroundings
from hub_server import HubServer, serve_hub
from pictures import UInt8, photo
from PIL import Image, ImageDraw

from impasto.choices import NETWORKS
from impasto.models.gallery import gallery_style
from impasto.models.network import network_path
from impasto.models.style import encode_picture
from impasto.stylizer import Stylizer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EXPORTED = "impasto.learning.conversion.onnx_export.export_module"
SHIPPED = [name for name in NETWORKS if network_path(name).exists()]


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what paints with the large network as slow."""
    for item in items:
        call = getattr(item, "callspec", None)
        if call and any(
            isinstance(value, str) and value == "large" for value in call.params.values()
        ):
            item.add_marker("slow")


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept between runs is kept for these tests alone, and for each of several workers."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("IMPASTO_HOME", str(tmp_path_factory.mktemp("home")))
        patched.setenv("IMPASTO_DEVICE", "cpu")  # where exact pixels are known
        yield


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Chromium, once for all tests of a process: Playwright takes no second one beside it."""
    yield from start_browser()


@pytest.fixture(scope="session")
def kept_graphs() -> Iterator[None]:
    """From here on, networks are exported by way of the graphs that are kept, which takes no time;
    see `exports`."""
    if importlib.util.find_spec("torch"):
        import exports

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(EXPORTED, exports.kept)
            yield
    else:
        yield


@pytest.fixture(autouse=True)
def exported_in_earnest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a test is marked `export`."""
    if request.node.get_closest_marker("export"):
        import exports

        monkeypatch.setattr(EXPORTED, exports.in_earnest)


@pytest.fixture(scope="session", params=SHIPPED)
def stylizer(request: pytest.FixtureRequest) -> Stylizer:
    """A stylizer of each network that ships, in the precision that this machine takes by
    default."""
    return Stylizer(request.param)


@pytest.fixture(scope="session")
def scene() -> UInt8:
    """A picture (120, 160, 3) with a subject, edges and soft parts: a house on a hill under an
    evening sky."""
    image = Image.fromarray(photo(120, 160))
    pen = ImageDraw.Draw(image)
    pen.ellipse((-40, 70, 130, 200), fill=(60, 110, 50))
    pen.rectangle((40, 40, 90, 85), fill=(190, 90, 70))
    pen.polygon([(35, 42), (65, 15), (95, 42)], fill=(90, 40, 40))
    pen.rectangle((50, 55, 60, 68), fill=(250, 230, 150))
    pen.ellipse((120, 12, 142, 34), fill=(255, 240, 200))
    return np.array(image)


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    """photo.jpg, 64 pixels wide and 48 high, alone in its folder."""
    path = tmp_path / "photo.jpg"
    Image.fromarray(photo(48, 64)).save(path, quality=95)
    return path


@pytest.fixture
def impasto(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line within this process: `impasto("styles", "--json")`."""
    from impasto.cli import main

    for name, value in surroundings().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["impasto", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code or 0
        assert isinstance(code, int)
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A stand-in for the Hugging Face Hub, with which the real client talks, and a fresh cache;
    nobody is logged in."""
    pytest.importorskip("huggingface_hub")
    from huggingface_hub import constants

    with serve_hub() as server:
        for name, value in {
            "ENDPOINT": server.address,
            "HUGGINGFACE_CO_URL_TEMPLATE": server.address
            + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_CACHE": str(tmp_path / "hub"),
            "HF_TOKEN_PATH": str(tmp_path / "token"),
            "HF_HUB_DISABLE_XET": True,  # whose uploads go to another server
        }.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server


@pytest.fixture
def tulip(tmp_path: Path) -> Path:
    """A style file that keeps its picture, 50 pixels wide and 40 high."""
    path = tmp_path / "tulip.safetensors"
    style = replace(gallery_style("udnie"), name="tulip", remembered=encode_picture(photo(40, 50)))
    style.save(path)
    return path
