"""Pictures to learn, and tables of facts about them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.errors import TrainingError
from impasto.learning.training.paintings import read_catalog, read_painting
from impasto.models.style import Style, encode_picture
from learning.tiny import (
    texture,
)


def test_read_catalog(tmp_path: Path) -> None:
    table = tmp_path / "catalog.tsv"
    table.write_text(
        "file\tname\ttitle\n"
        "night.jpg\tstarry-night\tDe sterrennacht\n"
        "wave.jpg\tgreat-wave\t神奈川沖浪裏\n",
        "utf-8",
    )
    assert read_catalog(table) == {
        "night.jpg": {"name": "starry-night", "title": "De sterrennacht"},
        "wave.jpg": {"name": "great-wave", "title": "神奈川沖浪裏"},
    }


@pytest.mark.parametrize(
    "text", ["", "file\tname\n", "file,name\na.jpg,a\n", "name\ttitle\na\tA\n", "\n\n"]
)
def test_a_table_that_is_no_catalog(text: str, tmp_path: Path) -> None:
    table = tmp_path / "catalog.tsv"
    table.write_text(text)
    with pytest.raises(TrainingError, match=rf"{table} is no catalog: .*tab-separated"):
        read_catalog(table)


def test_a_catalog_that_cannot_be_read(tmp_path: Path) -> None:
    table = tmp_path / "catalog.tsv"
    with pytest.raises(TrainingError, match=f"cannot read the catalog {table}: No such file"):
        read_catalog(table)
    table.write_bytes("file\tname\na.jpg\tétude\n".encode("latin-1"))
    with pytest.raises(TrainingError, match=f"cannot read the catalog {table}: .*UTF-8"):
        read_catalog(table)


def test_rows_of_a_catalog_that_are_short_or_long(tmp_path: Path) -> None:
    """What is left out is empty, and the facts can stand in a style file."""
    table = tmp_path / "catalog.tsv"
    table.write_text("file\tname\ttitle\na.jpg\ta\nb.jpg\tb\tB\tmore\n")
    facts = read_catalog(table)
    assert facts["a.jpg"] == {"name": "a", "title": ""}
    assert all(
        isinstance(text, str) for row in facts.values() for pair in row.items() for text in pair
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "My_Tulip.png"
    Image.fromarray(texture(1, 120, 90)).save(path)
    return path


@pytest.mark.parametrize(
    "facts, name, expected",
    [
        (None, None, "my-tulip"),
        ({"name": "tulip", "title": "T"}, None, "tulip"),
        ({"name": "tulip"}, "given", "given"),
        ({"title": "T"}, None, "my-tulip"),
    ],
)
def test_read_painting(
    facts: Mapping[str, str] | None, name: str | None, expected: str, picture: Path
) -> None:
    painting = read_painting(picture, 60, facts, name)
    assert painting.name == expected
    assert painting.pixels.shape == (80, 60, 3)
    assert painting.metadata["source"] == "My_Tulip"
    assert painting.metadata.get("title") == (facts or {}).get("title")
    assert "name" not in painting.metadata


@pytest.mark.parametrize("keep", [True, False])
def test_a_painting_remembers_the_picture_as_it_was(picture: Path, keep: bool) -> None:
    """Not at the size of the strokes, which may be larger."""
    painting = read_painting(picture, 150, keep=keep)
    assert painting.pixels.shape == (200, 150, 3)
    assert painting.remembered == (encode_picture(texture(1, 120, 90)) if keep else None)


def test_the_painting_of_a_style_file(tmp_path: Path) -> None:
    """It keeps name and facts, and the very bytes of the picture, which do not wear when they are
    learned again."""
    facts = {"title": "A Tulip", "source": "My_Tulip", "base.trained": "long ago", "base.J": "3.0"}
    path = tmp_path / "any.safetensors"
    kept = encode_picture(texture(1, 120, 90))
    Style("tulip", {"base": np.ones(7, np.float32)}, {"base": "o1d"}, facts, remembered=kept).save(
        path
    )
    painting = read_painting(path, 60)
    assert (painting.name, painting.remembered) == ("tulip", kept)
    assert painting.metadata == {"title": "A Tulip", "source": "My_Tulip"}
    assert painting.pixels.shape == (80, 60, 3)
    assert read_painting(path, 60, {"name": "fact"}).name == "fact"
    assert read_painting(path, 60, {"name": "fact"}, "given", keep=False).remembered is None


def test_a_style_file_without_a_picture_is_not_learned_anew(tmp_path: Path) -> None:
    path = tmp_path / "tulip.safetensors"
    Style("tulip", {"base": np.ones(7, np.float32)}, {"base": "o1d"}).save(path)
    with pytest.raises(
        TrainingError,
        match=rf"{path} does not remember.*impasto train PICTURE -o {path} --overwrite",
    ):
        read_painting(path, 60)
