"""impasto compare: sheets, before and after, sweeps, and what cannot be."""

from pathlib import Path

import numpy as np
import pytest
from commands import Run, python
from pictures import photo
from PIL import Image

from impasto.cli.options import listed
from impasto.images.reading import read
from impasto.stylizer import Stylizer

SMALL = ("-n", "small")


@pytest.fixture
def folder(photo_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of photo.jpg, in which the command runs, with tulip.png, a style, in a folder
    beside it."""
    monkeypatch.chdir(photo_file.parent)
    Path("styles").mkdir()
    Image.fromarray(photo(70, 90)[::-1].copy()).save("styles/tulip.png")
    return photo_file.parent


@pytest.mark.slow
def test_a_sheet(impasto: Run, folder: Path) -> None:
    arguments = (
        "compare",
        "photo.jpg",
        "-s",
        "udnie,styles/tulip.png",
        "--strengths",
        "0,0.5",
        *SMALL,
        "--json",
    )
    (record,) = impasto(*arguments).records
    height, width = read("compare.png").rgb.shape[:2]
    assert {key: value for key, value in record.items() if key != "seconds"} == {
        "output": "compare.png",
        "photos": ["photo"],
        "styles": ["udnie", "styles/tulip.png"],
        "strengths": [0, 0.5],
        "strokes": [1],
        "colors": ["style"],
        "networks": ["small"],
        "paintings": 4,
        "width": width,
        "height": height,
    }
    assert width > 2 * 320 and height > 3 * 240
    assert "-o compare.png exists; --overwrite replaces it" in impasto(*arguments).usage()
    done = impasto(
        *arguments[:-1],
        "--overwrite",
        "--width",
        "100",
        "--colors",
        "style,luminance:0.5",
        "-o",
        "compare.jpg",
    )
    assert done.code == 0 and done.out.startswith("compare.jpg (") and ", 8 paintings, " in done.out


@pytest.mark.slow
def test_mixes_and_several_photographs(impasto: Run, folder: Path) -> None:
    Image.fromarray(photo(64, 48)).save("second.png")
    styles = ("-s", "udnie:0.7,the-scream:0.3", "-s", "reverie, udnie")
    arguments = ("compare", folder, *styles, *SMALL, "--json", "-o", folder / "sheet.png")
    (record,) = impasto(*arguments).records
    assert record["photos"] == ["photo", "second"]
    assert record["styles"] == ["udnie:0.7,the-scream:0.3", "reverie", "udnie"]
    assert record["paintings"] == 6
    (record,) = impasto(
        *arguments, "--overwrite"
    ).records  # the earlier sheet in the folder is no photograph
    assert record["photos"] == ["photo", "second"]


def test_networks_are_one_more_thing(impasto: Run, folder: Path) -> None:
    (record,) = impasto(
        "compare", "photo.jpg", "-s", "udnie", "--networks", "base,small", "--json"
    ).records
    assert (record["networks"], record["paintings"]) == (["base", "small"], 2)


def test_before_and_after(impasto: Run, folder: Path) -> None:
    arguments = ("compare", "photo.jpg", "-s", "udnie", "--before-after", *SMALL)
    done = impasto(*arguments, "-o", "ba.png")
    both, original = read("ba.png").rgb, read("photo.jpg").rgb
    assert done.code == 0 and "ba.png (64x48, 1 painting, " in done.out
    painted = Stylizer("small").stylize(original, "udnie")
    assert (both[:, :31] == original[:, :31]).all() and (both[:, 33:] == painted[:, 33:]).all()
    (record,) = impasto(*arguments, "--json", "--size", "24", "-o", "small.png").records
    assert (record["width"], record["height"]) == (32, 24)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_a_sweep(impasto: Run, folder: Path, suffix: str) -> None:
    (record,) = impasto(
        "compare", "photo.jpg", "-s", "udnie", "--sweep", *SMALL, "-o", f"sweep.{suffix}", "--json"
    ).records
    assert (record["frames"], record["width"], record["height"], record["strengths"]) == (
        48,
        64,
        48,
        [0, 1],
    )
    with Image.open(f"sweep.{suffix}") as image:
        assert 40 <= image.n_frames <= 48  # type: ignore[attr-defined]  # WebP shows equal ones longer
        first = np.asarray(image.convert("RGB")).astype(float)
    assert np.abs(first - read("photo.jpg").rgb).mean() < 6


@pytest.mark.parametrize(
    "options, message",
    [
        (["--strengths", "0.5,2"], "--strengths: '2' is not a number from 0 to 1"),
        (["--strokes", "0.1"], "--strokes: '0.1' is not a number from 0.25 to 16"),
        (["--strengths", "nan"], "'nan' is not a number"),
        (["--strengths", ""], "'' is not a number"),
        (
            ["--networks", "huge"],
            "cannot paint with 'huge': no such network; use large, base, small",
        ),
        (["--networks", "absent.safetensors"], "cannot read absent.safetensors: it does not exist"),
        (["--methods", ","], "--networks has no value"),
        (["--colors", "lab"], "cannot use color mode 'lab'"),
        (["--colors", "luminance", "--color-when", "before"], "--color-when after"),
        (["--mask", "nobody"], "cannot use 'nobody' as a mask"),
        (["--mask", "alpha"], "the photograph has no transparency"),
        (["-s", "starry-nihgt"], "did you mean starry-night"),
        (
            ["-o", "sheet.gif"],
            "-o sheet.gif: unsupported extension .gif; use .avif",
        ),
        (
            ["--sweep", "-o", "sweep.png"],
            "unsupported extension .png; use .gif .webp",
        ),
        (["-o", "photo.jpg/sheet.png"], "cannot write -o photo.jpg/sheet.png: "),
        (["--sweep", "--before-after"], "choose one"),
        (["--sweep", "--strengths", "0.5"], "--strengths does not apply to --sweep"),
        (["--before-after", "--width", "100"], "--width does not apply to --before-after"),
        (
            ["--before-after", "--strokes", "1,2"],
            "--before-after shows one painting; give one of --strokes, not 1.0, 2.0",
        ),
        (["--sweep", "styles/tulip.png"], "give one of photographs"),
        (
            ["-s", "styles/tulip.png", "-o", "styles/tulip.png", "--overwrite"],
            "is a style itself",
        ),
    ],
)
def test_what_cannot_be(impasto: Run, folder: Path, options: list[str], message: str) -> None:
    before = sorted(folder.rglob("*"))
    done = impasto("compare", "photo.jpg", "-s", "udnie", *options)
    assert done.code == 2 and message in done.only_error()
    assert sorted(folder.rglob("*")) == before


def test_photographs_that_cannot_be_read(impasto: Run, folder: Path) -> None:
    done = impasto("compare", "absent.jpg", "-s", "udnie")
    assert done.code == 1 and "absent.jpg" in done.only_error() and not Path("compare.png").exists()
    done = impasto("compare", "absent.jpg", "photo.jpg", "-s", "udnie", *SMALL, "--json")
    assert done.code == 1 and [*done.records[0]] == ["input", "error"]
    assert done.records[1]["photos"] == ["photo"] and Path("compare.png").exists()
    done = impasto("compare", "photo.jpg", "-s", "udnie", "-o", "photo.jpg", "--overwrite")
    assert done.code == 1 and "the photograph itself" in done.only_error()


def test_a_sheet_that_its_format_cannot_hold(impasto: Run, folder: Path) -> None:
    """Before anything is painted."""
    Image.fromarray(photo(9_000, 8)).save("tower.png")
    done = impasto("compare", "tower.png", "-s", "udnie", "--width", 64, "-o", "sheet.jpg")
    assert done.code == 1 and "JPEG has at most 65500" in done.only_error()


@pytest.mark.process
def test_comparing_needs_no_torch(folder: Path) -> None:
    code = (
        "import sys, impasto.cli.compare, impasto.cli.styles;"
        " sys.exit('torch' in sys.modules or 'av' in sys.modules)"
    )
    assert python("-c", code).code == 0


def test_values_by_commas(tmp_path: Path) -> None:
    there = tmp_path / "a,b.jpg"
    there.touch()
    given = ["udnie, tulip.jpg,", "a:0.7,b:0.3", "a:1", str(there), ",".join(["long"] * 200)]
    assert listed(given)[:5] == ["udnie", "tulip.jpg", "a:0.7,b:0.3", "a:1", str(there)]
    assert len(listed(given)) == 205
