"""The record of a painting: what it says, and what it leaves out."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import photo
from PIL import Image

import impasto
from impasto.errors import PictureError
from impasto.images.image import Picture
from impasto.images.writing import write
from impasto.inference import tile_grid
from impasto.inference.file_pipeline import FileOptions, stylize_file
from impasto.inference.record import is_mix, make_record, read_record
from impasto.inference.settings import parse_settings
from impasto.models.network import load_shipped
from impasto.stylizer import Stylizer


@pytest.fixture(scope="module")
def small() -> Stylizer:
    return Stylizer("small", precision="f32", threads=1)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder with a photo, a picture to take the style of, and a mask."""
    folder = tmp_path / "secret"
    folder.mkdir()
    for name in ("photo.png", "Tulip.png", "mask.png"):
        Image.fromarray(photo(40, 60)).save(folder / name)
    return folder


def recorded(
    folder: Path, small: Stylizer, style: Any, size: int | None = None, **more: Any
) -> Any:
    """Paint a file, and return its record and the text in it."""
    target = folder.parent / "painting.jpg"
    settings = parse_settings(style, **more)
    stylize_file(folder / "photo.png", target, small, settings, FileOptions(size=size))
    return read_record(target), target.read_bytes()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_record_says_all_that_decides_the_pixels(secret: Path, small: Stylizer) -> None:
    record, _ = recorded(
        secret,
        small,
        f"great-wave:3,{secret / 'Tulip.png'}:1",
        size=20,
        strength=0.75,
        stroke=2,
        color="luminance:0.5",
        mask=f"not:{secret / 'mask.png'}",
        regions=["left-right=starry-night"],
        wrap="both",
    )
    styles, (region,) = record["styles"], record["regions"]
    assert [(style["id"], style["weight"], style["title"]) for style in styles] == [
        ("gallery:great-wave", 0.75, "The Great Wave off Kanagawa"),
        ("picture:tulip", 0.25, "tulip"),
    ]
    assert (styles[1]["file"], styles[1]["sha256"]) == ("Tulip.png", sha256(secret / "Tulip.png"))
    assert region["mask"] == {"name": "left-right"}
    assert region["styles"][0]["id"] == "gallery:starry-night"
    digest = sha256(secret / "mask.png")
    assert record["mask"] == {"file": "mask.png", "sha256": digest, "inverted": True}
    expected = {
        "strength": 0.75,
        "stroke": 2,
        "color": "luminance",
        "color_amount": 0.5,
        "network": "small",
        "network_hash": load_shipped("small").hash,
        "wrap": "both",
        "size": 30,
        "short_side": 20,
        "quality": 92,
        "precision": "f32",
        "threads": 1,
        "name": "photo.png",
        "photo_sha256": sha256(secret / "photo.png"),
    }
    assert {key: record[key] for key in expected} == expected


def test_no_folder_is_written(secret: Path, small: Stylizer) -> None:
    style, mask = str(secret / "Tulip.png"), str(secret / "mask.png")
    _, data = recorded(secret, small, style, mask=mask, regions=[(mask, style)])
    assert b"Tulip.png" in data
    assert b"secret" not in data


def test_a_painting_at_its_own_size_with_defaults_has_the_keys_of_the_page(
    secret: Path, small: Stylizer
) -> None:
    record, _ = recorded(secret, small, "great-wave")
    assert record["size"] is None
    assert not record.keys() & {"color_when", "color_amount", "mask", "regions", "wrap", "tile"}


def test_a_style_file_is_named_with_its_hash(secret: Path, small: Stylizer) -> None:
    file = secret / "mine.safetensors"
    impasto.load_style("great-wave").save(file)
    record, _ = recorded(secret, small, file)
    (style,) = record["styles"]
    assert (style["id"], style["file"]) == ("file:great-wave", "mine.safetensors")
    assert style["sha256"] == sha256(file)


def test_styles_in_memory_have_no_file(small: Stylizer) -> None:
    settings = parse_settings(photo(40, 60), mask=np.full((40, 60), 9, np.uint8))
    record = json.loads(make_record(settings, small, None))
    assert record["styles"] == [{"id": "picture:picture", "weight": 1, "title": "picture"}]
    assert record["mask"] == {"name": "array"}
    assert "name" not in record and "quality" not in record


def test_another_network_is_not_called_by_the_name_of_one_that_ships() -> None:
    shipped = load_shipped("small")
    other = Stylizer(replace(shipped, hash="cafe"), precision="f32")
    record = json.loads(make_record(parse_settings("photo"), other, None))
    assert "network" not in record
    assert (record["own_network"], record["network_hash"]) == ("small", "cafe")


def test_settings_are_left_out_on_demand(secret: Path, small: Stylizer) -> None:
    target, settings = secret / "a.png", parse_settings("great-wave")
    options = FileOptions(embed_settings=False)
    stylize_file(secret / "photo.png", target, small, settings, options)
    assert read_record(target) is None


def test_small_tiles_are_told(
    secret: Path, small: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "tile" not in recorded(secret, small, "great-wave")[0]
    limits = tile_grid.TileLimits(1000, 512)
    monkeypatch.setattr(tile_grid, "tile_limits", lambda _=None: limits)
    assert recorded(secret, small, "great-wave")[0]["tile"] == 512


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "[]", "{}", "1" * 5000, "[" * 100_000, '{"styles": []}', '{"styles": [1]}'),
        *('{"styles": [{"id": 1, "weight": 1}]}', '{"styles": [{"id": "a", "weight": "1"}]}'),
        *('{"styles": [{"id": "a", "weight": 1e999}]}', '{"styles": [{"id": "a", "weight": NaN}]}'),
    ],
)
def test_text_that_is_no_record(tmp_path: Path, text: str) -> None:
    write(tmp_path / "a.png", Picture(photo(20, 30), settings=text))
    assert read_record(tmp_path / "a.png") is None


def test_what_is_no_picture_has_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(PictureError, match="no picture"):
        read_record(tmp_path / "a.png")


def test_a_mix_is_a_list_of_styles() -> None:
    assert is_mix([{"id": "gallery:x", "weight": 0.5}])
    assert not is_mix({"id": "gallery:x", "weight": 0.5})


def test_the_painting_of_a_function_carries_its_settings(tmp_path: Path, photo_file: Path) -> None:
    painting = impasto.stylize(photo_file, "great-wave", network="small", size=30)
    painting.save(tmp_path / "a.jpg", xmp=painting.info["xmp"])
    record = impasto.read_settings(tmp_path / "a.jpg")
    assert record is not None
    assert (record["name"], record["short_side"]) == ("photo.jpg", 30)
    painting = impasto.stylize(photo(40, 60), "great-wave", network="small")
    painting.save(tmp_path / "b.jpg", xmp=painting.info["xmp"])
    record = impasto.read_settings(str(tmp_path / "b.jpg"))
    assert record is not None and "name" not in record


def test_files_of_the_library_carry_settings_on_demand(photo_file: Path) -> None:
    for embed in (True, False):
        (result,) = impasto.stylize_files(
            photo_file, "great-wave", network="small", embed_settings=embed, overwrite=True
        )
        assert result.target
        assert (impasto.read_settings(result.target) is not None) == embed
