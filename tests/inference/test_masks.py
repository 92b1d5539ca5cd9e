"""Masks: pictures and gradients, at any size, and in bands as in one piece."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import photo, ramp
from PIL import Image

from impasto.choices import GRADIENTS
from impasto.errors import MaskError
from impasto.inference.masks import Mask, parse_mask


@given(
    name=st.sampled_from([*GRADIENTS, "picture"]),
    inverted=st.booleans(),
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    cut=st.integers(0, 60),
)
def test_in_bands_as_in_one_piece(
    name: str, inverted: bool, height: int, width: int, cut: int
) -> None:
    mask = Mask(name, ramp(20, 30) if name == "picture" else None, inverted)
    whole, cut = mask.at_size(height, width), min(cut, height)
    bands = [
        mask.rows(top, bottom, height, width)
        for top, bottom in ((0, cut), (cut, height))
        if bottom > top
    ]
    assert whole.shape == (height, width) and whole.min() >= 0 and whole.max() <= 1
    assert np.abs(np.concatenate(bands) - whole).max() < 0.02
    assert np.allclose(Mask(name, mask.pixels, not inverted).at_size(height, width), 1 - whole)


def test_gradients_go_where_their_names_say() -> None:
    corners = {
        name: Mask(name).at_size(101, 101)[[0, 0, -1, -1, 50], [0, -1, 0, -1, 50]].round().tolist()
        for name in GRADIENTS
    }
    assert corners == {
        "left-right": [0, 1, 0, 1, 0],
        "right-left": [1, 0, 1, 0, 0],
        "top-bottom": [0, 0, 1, 1, 0],
        "bottom-top": [1, 1, 0, 0, 0],
        "radial": [0, 0, 0, 0, 1],
    }


def test_pictures_by_brightness_or_by_their_transparency(tmp_path: Path) -> None:
    grey, clear = tmp_path / "grey.png", tmp_path / "clear.png"
    Image.fromarray(ramp(20, 30)).save(grey)
    Image.fromarray(np.dstack([photo(20, 30), ramp(20, 30)])).save(clear)
    for path in (grey, clear):
        assert np.allclose(parse_mask(str(path)).at_size(20, 30), ramp(20, 30) / 255)
    assert np.allclose(parse_mask(f"not:{grey}").at_size(20, 30), 1 - ramp(20, 30) / 255)
    assert parse_mask(str(grey)).size == (30, 20) and parse_mask("radial").size is None


def test_the_photographs_own_transparency() -> None:
    alpha = ramp(20, 30)
    assert np.allclose(parse_mask("not:alpha").with_alpha(alpha).at_size(20, 30), 1 - alpha / 255)
    with pytest.raises(MaskError, match="has no transparency"):
        parse_mask("alpha").with_alpha(None)


def test_gradients_are_wide_and_shapes_are_not() -> None:
    shape = np.zeros((60, 60), np.uint8)
    shape[20:40, 20:40] = 255
    shape[19] = 128
    assert all(Mask(name).is_wide for name in GRADIENTS) and not Mask("shape", shape).is_wide


def test_the_inverse_of_the_inverse_is_the_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not parse_mask("not:not:left-right").inverted
    assert parse_mask("not:not:not:left-right").inverted
    Image.fromarray(ramp(20, 30)).save("not:a.png")  # a file of this name exists
    assert not parse_mask("not:a.png").inverted
    assert parse_mask("not:not:a.png").inverted


def test_masks_that_are_none(tmp_path: Path) -> None:
    black, white, broken = (tmp_path / f"{name}.png" for name in ("black", "white", "broken"))
    Image.new("L", (8, 8)).save(black)
    Image.new("L", (8, 8), 255).save(white)
    broken.write_bytes(black.read_bytes()[:40])
    assert parse_mask(str(white)).at_size(2, 2).min() == 1
    for text, said in (
        (black, "black all over"),
        (f"not:{white}", "white all over"),
        (broken, "cannot use the mask: .*broken.png"),
        (tmp_path / "missing.png", "no such file"),
        ("middle", "left-right"),
        ("", "cannot use '' as a mask"),
        ("~nobody-of-this-name/mask.png", "no such file"),
        ("x" * 5000, "no such gradient"),
    ):
        with pytest.raises(MaskError, match=said):
            parse_mask(str(text))


@pytest.mark.parametrize("channels", [0, 1, 3, 4])
def test_masks_may_be_arrays_of_any_channels(channels: int) -> None:
    gray = ramp(20, 30)
    pixels = gray if channels == 0 else np.repeat(gray[..., None], channels, axis=2)
    assert (parse_mask(pixels).at_size(20, 30) == gray.astype(np.float32) / 255).all()


def test_true_is_stylized() -> None:
    where = np.arange(12).reshape(3, 4) % 2 == 0
    assert (parse_mask(where).at_size(3, 4) == where).all()


def test_masks_may_be_bytes_file_objects_and_pil_images(tmp_path: Path) -> None:
    image, path = Image.fromarray(ramp(20, 30)), tmp_path / "mask.png"
    image.save(path)
    expected = parse_mask(path).at_size(20, 30)
    with path.open("rb") as file:
        for source in (path.read_bytes(), file, image):
            assert (parse_mask(source).at_size(20, 30) == expected).all()
    assert parse_mask(path).file == path and parse_mask(image).file is None


@pytest.mark.parametrize("source", [5, None, object(), b"", np.zeros((3, 4)), np.zeros((3, 4, 2))])
def test_objects_that_are_no_masks(source: object) -> None:
    with pytest.raises(MaskError, match="cannot use"):
        parse_mask(source)  # type: ignore[arg-type]


def test_a_text_file_is_no_mask(tmp_path: Path) -> None:
    (tmp_path / "mask.txt").write_text("text")
    with (tmp_path / "mask.txt").open() as file, pytest.raises(MaskError, match="binary mode"):
        parse_mask(file)  # type: ignore[arg-type]
