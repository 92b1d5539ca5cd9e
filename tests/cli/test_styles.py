"""impasto styles: lists, details and contact sheets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import Run
from conftest import SHIPPED
from pictures import photo
from PIL import Image

from impasto.images.reading import read
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.network import load_shipped
from impasto.models.style import Style, encode_picture


def test_the_list_of_styles(impasto: Run) -> None:
    lines = impasto("styles").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(gallery_names())
    assert len(lines[1:]) == 49  # as the README says: `photo` is no painting
    assert "The photograph itself" in impasto("styles", "photo").out
    starry = next(line for line in lines if line.startswith("starry-night"))
    assert "Gogh" in starry
    assert "1889" in starry


def test_the_list_as_json(impasto: Run) -> None:
    records = impasto("styles", "--json").records
    assert [record["name"] for record in records] == list(gallery_names())
    for record in records:
        assert all(
            isinstance(record[key], str) and record[key]
            for key in ("title", "artist", "year", "source")
        )
        for network in SHIPPED:
            assert record["networks"][network]["hash"]


def measured(path: Path) -> Path:
    """A style file with measures for one of its two networks."""
    facts = {"title": "Tulip [1]", "artist": "N. N.", "year": "2024", "source": "tulip"}
    facts |= {"base.C": "0.5", "base.S": "0.125", "base.J": "1.125", "base.steps": "300"}
    embedding = np.ones(3, np.float32)
    Style(
        "tulip", {"base": embedding, "small": embedding}, {"base": "cafe", "small": "beef"}, facts
    ).save(path)
    return path


def test_measures_are_listed_by_network(impasto: Run, tmp_path: Path) -> None:
    path = measured(tmp_path / "tulip.safetensors")
    (record,) = impasto("styles", path, "--json").records
    assert [record[key] for key in ("name", "title", "artist", "year", "source")] == [
        "tulip",
        "Tulip [1]",
        "N. N.",
        "2024",
        "tulip",
    ]
    assert record["networks"] == {
        "base": {"hash": "cafe", "C": 0.5, "S": 0.125, "J": 1.125, "steps": "300"},
        "small": {"hash": "beef"},
    }
    shown = impasto("styles", path).out
    places = [
        shown.index(word)
        for word in ("Tulip [1]", "N. N.", "2024", "cafe", "0.125", "1.125", "300", "beef")
    ]
    assert places == sorted(places)  # whatever the order in the file, which is none


def test_measures_that_are_no_numbers(impasto: Run, tmp_path: Path) -> None:
    facts = {"base.J": "very good"}
    Style("tulip", {"base": np.ones(3, np.float32)}, {"base": "cafe"}, facts).save(
        tmp_path / "a.safetensors"
    )
    (record,) = impasto("styles", tmp_path / "a.safetensors", "--json").records
    assert record["networks"]["base"]["J"] == "very good"


def test_a_remembered_picture_is_shown(impasto: Run, tmp_path: Path) -> None:
    """As people may want to know before they give the file away."""
    style = Style(
        "tulip",
        {"base": np.ones(3, np.float32)},
        {"base": "cafe"},
        {"base.gallery": "1"},
        None,
        encode_picture(photo(40, 50)),
    )
    style.save(tmp_path / "tulip.safetensors")
    (record,) = impasto("styles", tmp_path / "tulip.safetensors", "--json").records
    assert record == {
        "name": "tulip",
        "picture": "50x40",
        "networks": {"base": {"hash": "cafe", "gallery": "1"}},
    }


def test_one_style_in_detail(impasto: Run) -> None:
    shown = impasto("styles", "great-wave").out
    assert "Hokusai" in shown
    assert gallery_style("great-wave").hashes["base"] in shown
    assert "did you mean great-wave" in impasto("styles", "great-wav").only_error()


@pytest.mark.slow
def test_a_sheet_of_a_photograph(impasto: Run, photo_file: Path) -> None:
    target = photo_file.with_name("sheet.png")
    done = impasto("styles", "--sheet", target, "--photo", photo_file, "-n", "small")
    assert (done.code, done.out, done.err) == (0, f"{target}\n", "")
    sheet = read(target).rgb
    assert min(sheet.shape[:2]) > 600
    assert sheet.std() > 20
    arguments = (
        "styles",
        "starry-night",
        "udnie",
        "--sheet",
        target,
        "--photo",
        photo_file,
        "--json",
    )
    assert f"--sheet {target} exists; --overwrite replaces it" in impasto(*arguments).usage()
    (record,) = impasto(*arguments, "--overwrite").records
    height, width = read(target).rgb.shape[:2]
    assert record == {
        "output": str(target),
        "styles": ["starry-night", "udnie"],
        "width": width,
        "height": height,
    }
    assert width > 3 * 320  # photograph and both in one row
    missing = impasto(
        "styles", "--sheet", target, "--photo", photo_file.with_name("absent.jpg"), "--overwrite"
    )
    assert "no such file" in missing.only_error()
    assert (
        "never overwritten"
        in impasto(
            "styles", "--sheet", photo_file, "--photo", photo_file, "--overwrite"
        ).only_error()
    )
    assert "--sheet gallery.png" in impasto("styles", "--photo", photo_file).usage()
    assert "unsupported extension .txt" in impasto("styles", "--sheet", "sheet.txt").usage()


def test_a_sheet_of_previews(impasto: Run, tmp_path: Path) -> None:
    target = tmp_path / "sheet.jpg"
    (record,) = impasto("styles", "--sheet", target, "--json").records
    assert record["styles"] == list(gallery_names())
    assert read(target).rgb.shape == (record["height"], record["width"], 3)
    assert (
        "cannot show photo: it has no preview; paint a photograph in it"
        in impasto("styles", "photo", "--sheet", target, "--overwrite").err
    )


def test_folders_of_styles(impasto: Run, tmp_path: Path) -> None:
    """A gallery's and others', with pictures and names beside them."""
    assert "holds no style files" in impasto("styles", tmp_path).only_error()
    embeddings = {"base": np.ones(3, np.float32)}
    for path in ("mine/b.safetensors", "mine/styles/a.safetensors"):
        Style(
            Path(path).stem, embeddings, {"base": "cafe"}, remembered=encode_picture(photo(40, 50))
        ).save(tmp_path / path)
    Image.fromarray(photo(40, 50)).save(tmp_path / "tulip.png")
    arguments = ("styles", tmp_path / "mine", "udnie", tmp_path / "tulip.png")
    names = ["b", "a", "udnie", "tulip"]
    assert [record["name"] for record in impasto(*arguments, "--json").records] == names
    assert [line.split()[0] for line in impasto(*arguments).out.splitlines()[1:]] == names
    (record,) = impasto(*arguments, "--sheet", tmp_path / "sheet.png", "--json").records
    assert record["styles"] == names


def test_a_network_of_its_own_is_listed(impasto: Run, tmp_path: Path) -> None:
    known = load_shipped("small")
    own = replace(known, name="own", predictor=b"", photo=None)
    embedding = gallery_style("udnie").embedding(known)
    Style("mine", {"own": embedding}, {"own": known.hash}, {}, own).save(
        tmp_path / "mine.safetensors"
    )
    (record,) = impasto("styles", tmp_path / "mine.safetensors", "--json").records
    assert record["networks"] == {"own": {"hash": known.hash}}
