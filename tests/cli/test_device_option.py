"""--device: it reaches the engine, and a device that fails is named once."""

from pathlib import Path
from typing import Any

import pytest
from commands import Run
from pictures import photo
from PIL import Image
from stub_devices import StubDevices

from impasto.engines.devices import Device

CUDA = Device("onnxruntime", "cuda", "gpu", "a card")
STYLE = ("-s", "udnie", "-n", "small")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photographs of different sizes."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, side in (("a", 64), ("b", 80)):
        Image.fromarray(photo(side, 64)).save(folder / f"{name}.png")
    return folder


def test_pictures_are_painted_on_the_device_and_say_so(
    impasto: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs = StubDevices(monkeypatch)
    stubs.add(CUDA)
    done = impasto("stylize", photos, *STYLE, "--device", "gpu", "-o", photos / "out/")
    assert (done.code, {one[:2] for one in stubs.loaded}) == (0, {("cuda", "f16")})
    shown = impasto("info", photos / "out" / "a.udnie.png", "--json")
    (record,) = shown.records
    assert "cuda" in shown.out and record
    stubs.loaded.clear()
    impasto("stylize", photos, *STYLE, "--device", "cpu", "-o", photos / "cpu/")
    assert stubs.loaded == []


def test_a_card_that_fails_is_named_once(
    impasto: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs = StubDevices(monkeypatch)
    stubs.add(CUDA, lambda painted: 255 - painted)
    done = impasto("stylize", photos, *STYLE, "-s", "great-wave", "-o", photos / "out/")
    assert done.code == 0 and len(list((photos / "out").iterdir())) == 4
    notes = [line for line in done.errors if "cannot paint" in line]
    assert len(notes) == 1 and "painting on the CPU instead" in notes[0]


@pytest.mark.parametrize(
    "verb",
    [
        ("stylize", "PHOTOS", *STYLE),
        ("compare", "PHOTOS", "--styles", "udnie", "--networks", "small"),
        ("webcam", "PHOTOS/a.png", "--no-window", "--record", "PHOTOS/out.mp4", "-n", "small"),
    ],
)
def test_a_device_that_is_missing(impasto: Run, photos: Path, verb: tuple[str, ...]) -> None:
    arguments = [word.replace("PHOTOS", str(photos)) for word in verb]
    done = impasto(*arguments, "--device", "xpu", "--engine", "openvino")
    assert "cannot compute on xpu: the engine openvino finds none" in done.err
    assert done.code != 0


def test_the_server_paints_on_the_device(monkeypatch: pytest.MonkeyPatch, impasto: Run) -> None:
    pytest.importorskip("fastapi")
    seen: list[Any] = []
    monkeypatch.setattr("impasto.server.run.serve", lambda settings, _: seen.append(settings))
    impasto("serve", "--device", "cuda", "--no-open")
    assert [settings.device for settings in seen] == ["cuda"]
