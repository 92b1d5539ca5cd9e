"""impasto info: the settings in a painting, and the command that repeats it."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from pictures import photo, ramp
from PIL import Image

from impasto.cli import info
from impasto.cli.repeat import Repetition
from impasto.images.image import Picture
from impasto.images.writing import write

STYLES = [{"id": "gallery:great-wave", "weight": 1, "title": "Wave"}]
PAGE = {
    "styles": STYLES,
    "strength": 0.5,
    "stroke": "auto",
    "color": "style",
    "network": "base",
    "size": 2800,
    "photo": "5d1c",
    "name": "photo.jpg",
    "program": "impasto",
}
SIZE = 2800, 2100


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a photo, a style picture and a mask."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo(48, 64)).save("photo.jpg", quality=95)
    Image.fromarray(photo(90, 80)[::-1]).save("my tulip.png")
    Image.fromarray(ramp(30, 40)).save("mask.png")
    return tmp_path


def save(path: str, record: object) -> Path:
    """Save a picture with a record in it."""
    write(Path(path), Picture(photo(48, 64), settings=json.dumps(record)))
    return Path(path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-s", "great-wave"],
        ["-s", "great-wave:0.3,starry-night:0.6", "--strength", "0.7", "--stroke", "1.5"],
        ["-s", "my tulip.png", "--size", "40", "--quality", "71", "--network", "base"],
        ["-s", "my tulip.png", "--color", "luminance:0.4", "--color-when", "before"],
        ["-s", "great-wave", "--mask", "not:mask.png", "--region", "left-right=my tulip.png"],
        ["-s", "great-wave", "--wrap", "both", "--precision", "f32", "--threads", "1"],
    ],
)
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_the_command_repeats_the_file_bit_for_bit(
    impasto: Run, arguments: list[str], suffix: str
) -> None:
    network = [] if "--network" in arguments else ["--network", "small"]
    assert impasto("stylize", "photo.jpg", *arguments, *network, "-o", f"a{suffix}").code == 0
    shown = impasto("info", f"a{suffix}")
    assert (shown.code, shown.err) == (0, "")
    program, *command = shlex.split(shown.out.splitlines()[-1])
    assert program == "impasto"
    assert impasto(*command).code == 0
    assert Path(f"a.again{suffix}").read_bytes() == Path(f"a{suffix}").read_bytes()


def test_people_read_lines(impasto: Run) -> None:
    impasto(
        "stylize", "photo.jpg", "-s", "great-wave:1,my tulip.png:3", "-n", "small", "-o", "a.png"
    )
    lines = impasto("info", "a.png").out.splitlines()
    assert lines[0] == "a.png (64x48)"
    shown = dict(line.split(maxsplit=1) for line in lines[1:-1])
    assert shown["style"].startswith("The Great Wave off Kanagawa (25 %, hash ")
    assert "my tulip (75 %, my tulip.png, hash " in shown["style"]
    assert shown["photo"].startswith("photo.jpg (hash ")
    assert shown["network"].startswith("small (gallery ")
    assert shown["program"] == f"impasto {info_version()}"


def info_version() -> str:
    from importlib.metadata import version

    return version("impasto")


def test_masks_and_regions_are_lines_too(impasto: Run) -> None:
    record = PAGE | {
        "mask": {"file": "mask.png", "inverted": True, "sha256": "cafe" * 16},
        "regions": [{"mask": {"name": "radial"}, "styles": STYLES}, 1],
    }
    lines = info.describe(record)
    assert dict(lines)["mask"] == "not mask.png (hash cafecafecafe)"
    assert dict(lines)["regions"] == "radial: Wave"
    assert dict(lines)["program"] == "impasto (its page)"


def test_json_has_the_settings_and_the_command(impasto: Run) -> None:
    (record,) = impasto("info", "--json", save("a.png", PAGE)).records
    assert record["settings"] == PAGE
    assert record["command"].startswith("impasto stylize photo.jpg --style great-wave --strength ")
    assert "not bit for bit" in record["notes"][0]


def test_paintings_of_the_page_are_painted_alike() -> None:
    command = Repetition(PAGE, Path("a.png"), SIZE).command
    assert command == [
        *("stylize", "photo.jpg", "--style", "great-wave", "--strength", "0.5", "--stroke", "2"),
        *("--color", "style", "--size", "2100", "--network", "base", "--output", "a.again.png"),
    ]


def test_files_without_settings_and_of_other_kinds_are_errors(impasto: Run) -> None:
    impasto("stylize", "photo.jpg", "-s", "great-wave", "-n", "small", "--no-settings")
    done = impasto("info", "photo.great-wave.jpg", "absent.jpg", save("a.png", PAGE))
    assert done.code == 1
    none, absent, *_ = done.errors
    assert "cannot show the settings of photo.great-wave.jpg: it has none" in none
    assert "absent.jpg: there is no such file" in absent
    assert "a.png (64x48)" in done.out


def test_files_are_found_beside_the_painting_and_by_their_hash(impasto: Run, folder: Path) -> None:
    impasto("stylize", "photo.jpg", "-s", "my tulip.png", "-n", "small", "-o", "painted/a.png")
    away = folder / "away"
    away.mkdir()
    painting = folder / "painted" / "a.png"
    with pytest.MonkeyPatch.context() as moved:
        moved.chdir(away)
        Path("photo.jpg").write_bytes(b"another photo")
        command = impasto("info", "--json", painting).records[0]["command"]
    assert str(folder / "photo.jpg") in command
    assert str(folder / "my tulip.png") in command
    Path("my tulip.png").write_bytes(b"another tulip")
    assert "my tulip.png is another file" in impasto("info", painting).err


@pytest.mark.parametrize(
    ("place", "painting", "found"),
    [
        ("sub", "a.png", "../photo.jpg"),
        ("sub/deep", "../a.png", "../../photo.jpg"),
        (".", "sub/a.png", "photo.jpg"),
        ("sub/deep/deeper", "../../a.png", "../../../photo.jpg"),
    ],
)
def test_files_are_found_in_the_folder_above_the_painting(
    impasto: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    painting: str,
    found: str,
) -> None:
    Path("sub/deep/deeper").mkdir(parents=True)
    save("sub/a.png", PAGE | {"photo_sha256": None})
    monkeypatch.chdir(tmp_path / place)
    done = impasto("info", painting)
    assert f"impasto stylize {found} --style great-wave" in done.out
    assert "not found" not in done.err


def test_files_that_are_not_found_are_noted(impasto: Run) -> None:
    styles = [{"id": "picture:tulip", "weight": 1, "file": "gone-tulip.png"}]
    record = PAGE | {"name": "gone.jpg", "styles": styles, "mask": {"file": "gone-mask.png"}}
    done = impasto("info", save("a.png", record))
    assert done.code == 0
    for name in ("gone.jpg", "gone-tulip.png", "gone-mask.png"):
        (line,) = [line for line in done.errors if line.startswith(f"{name} was not found")]
        assert line.endswith("put it there")


def notes_of(record: dict[str, Any]) -> str:
    return "\n".join(Repetition(record, Path("a.png"), SIZE).notes)


def test_what_changed_since_is_noted() -> None:
    made = PAGE | {"engine": "openvino", "version": "0.0.9", "network_hash": "cafe"}
    notes = notes_of(made | {"engine_version": "1999.1", "tile": 512})
    assert "painted by impasto 0.0.9, and this is" in notes
    assert "painted by the network base cafe, and this is" in notes
    assert "painted by openvino 1999.1, and this is" in notes
    assert "in tiles of 512 pixels" in notes
    assert "by the engine abacus, which is missing" in notes_of(made | {"engine": "abacus"})
    styles = [STYLES[0] | {"sha256": "cafe"}]
    assert "the style great-wave of this gallery is another" in notes_of(made | {"styles": styles})


def test_a_network_that_this_gallery_lacks_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.models.network.GALLERY", tmp_path)
    monkeypatch.setattr("impasto.models.network.network_path", lambda name: tmp_path / name)
    from impasto.models.network import load_shipped

    load_shipped.cache_clear()
    made = PAGE | {"engine": "openvino", "network": "small", "network_hash": "cafe"}
    assert "the network small cafe, and this is None" in notes_of(made)
    load_shipped.cache_clear()


def test_words_in_capitals_stand_for_files_without_a_name() -> None:
    record = {
        "styles": [
            {"id": "picture:picture", "weight": 0.5, "title": "Tulip"},
            {"id": "gallery:gone", "weight": 0.5},
        ],
        "mask": {"name": "array", "inverted": True},
        "regions": [{"styles": STYLES}],
        "own_network": "base",
        "network_hash": "cafe",
        "gallery": "6",
    }
    repetition = Repetition(record, Path("a.gif"), SIZE)
    assert repetition.command == [
        *("stylize", "PHOTO", "--style", "STYLE:0.5,STYLE:0.5", "--mask", "not:MASK"),
        *("--region", "MASK=great-wave", "--network", "NETWORK", "--output", "a.again.png"),
    ]
    notes = "\n".join(repetition.notes)
    assert "does not name the file STYLE (Tulip)" in notes
    assert "this gallery has no style gone" in notes
    assert "NETWORK is a network file of gallery 6, with the hash cafe" in notes


EVIL = "$(touch owned)`touch owned`;'\"\x1b[31m\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": f"../../etc/{EVIL}"},
        {"name": "-o"},
        {"name": "C:\\secret\\--help"},
        {"name": ["x"], "photo_sha256": 3, "strength": "9", "stroke": [], "color": {}},
        {"strength": float("inf"), "stroke": -1, "quality": 1e30, "threads": True, "size": "x"},
        {"styles": [{"id": EVIL, "weight": True, "title": EVIL, "file": EVIL, "sha256": EVIL}]},
        {"styles": [{"id": f"gallery:{EVIL}", "weight": 1}], "network": EVIL, "engine": EVIL},
        {"mask": EVIL, "regions": {"a": EVIL}, "wrap": EVIL, "precision": EVIL, "tile": EVIL},
        {"mask": {"name": EVIL, "file": EVIL}, "regions": [EVIL, {"mask": EVIL}]},
        {EVIL: EVIL * 1000},
    ],
)
def test_a_hostile_record_is_text_and_nothing_else(impasto: Run, changes: dict[str, Any]) -> None:
    done = impasto("info", save("a.png", PAGE | changes))
    assert done.code == 0
    assert "\x1b" not in done.out + done.err
    assert all(len(line) < 2100 for line in done.out.splitlines())
    record = json.loads(impasto("info", "--json", "a.png").out)
    program, verb, source, *_ = shlex.split(record["command"])
    assert (program, verb) == ("impasto", "stylize")
    assert not source.startswith("-")
    assert "/etc" not in source and "secret" not in source
    assert not Path("owned").exists()


def test_commands_are_quoted_for_the_shell_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    assert info.join_command(["a b", "c"]) == "'a b' c"
    monkeypatch.setattr("impasto.cli.info.os.name", "nt")
    assert info.join_command(["a b", "c"]) == '"a b" c'
