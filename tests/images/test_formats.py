"""Formats: the same picture from each, in the limits of each."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import LOSSLESS, differs, names
from pictures import (
    photo,
    ramp,
)

from impasto.errors import PictureError
from impasto.images.formats import EXTENSIONS, UNREADABLE, WRITABLE
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.writing import write

WITH_ALPHA = (".png", ".tif", ".webp", ".avif")


@pytest.mark.parametrize("suffix", sorted(WRITABLE))
def test_every_format_gives_back_what_was_written(tmp_path: Path, suffix: str) -> None:
    picture = Picture(photo(48, 64))
    path = tmp_path / f"picture{suffix}"
    write(path, picture, quality=95)
    found = read(path)
    assert differs(found.rgb, picture.rgb) <= (0 if suffix in LOSSLESS else 2)
    assert (found.width, found.height, found.alpha, found.exif) == (64, 48, None, None)


@pytest.mark.parametrize("suffix", WITH_ALPHA)
def test_alpha_is_kept_where_the_format_has_it(tmp_path: Path, suffix: str) -> None:
    picture = Picture(photo(48, 64), ramp(48, 64))
    write(tmp_path / f"a{suffix}", picture)
    found = read(tmp_path / f"a{suffix}")
    assert found.alpha is not None
    assert differs(found.alpha, ramp(48, 64)) <= (0 if suffix in LOSSLESS else 1)
    if suffix in LOSSLESS:
        visible = found.alpha > 0
        assert np.array_equal(found.rgb[visible], picture.rgb[visible])


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_clear_parts_turn_white_where_the_format_has_no_alpha(tmp_path: Path, suffix: str) -> None:
    rgb, alpha = photo(48, 64), ramp(48, 64)
    write(tmp_path / f"a{suffix}", Picture(rgb, alpha))
    share = alpha[..., None] / 255
    on_white = (rgb * share + 255 * (1 - share)).round().astype(np.uint8)
    assert differs(read(tmp_path / f"a{suffix}").rgb, on_white) < 2


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    suffix=st.sampled_from(sorted(WRITABLE)),
    alpha=st.booleans(),
)
def test_any_size_from_one_pixel_up_is_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, suffix: str, alpha: bool
) -> None:
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    write(
        path,
        Picture(photo(height, width), np.full((height, width), 9, np.uint8) if alpha else None),
    )
    assert read(path).rgb.shape == (height, width, 3)


def test_jpeg_keeps_full_color_from_quality_90(tmp_path: Path) -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (
        (255, 0, 0),
        (0, 0, 255),
    )  # halving the color resolution would make it all purple
    for quality, faithful in ((90, True), (89, False)):
        write(tmp_path / "a.jpg", Picture(stripes), quality)
        assert (differs(read(tmp_path / "a.jpg").rgb, stripes) < 10) is faithful


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_a_lower_quality_makes_a_smaller_file(tmp_path: Path, suffix: str) -> None:
    sizes = []
    for quality in (20, 95):
        write(tmp_path / f"a{suffix}", Picture(photo(96, 96)), quality)
        sizes.append((tmp_path / f"a{suffix}").stat().st_size)
    assert sizes[0] < sizes[1]


def test_suffixes() -> None:
    assert WRITABLE < EXTENSIONS
    assert not EXTENSIONS & UNREADABLE
    for suffix in (".jfif", ".jpe", ".hif", ".heic", ".gif", ".apng", ".dib", ".nef", ".dng"):
        assert suffix in EXTENSIONS - WRITABLE


@pytest.mark.parametrize("name", ["a.gif", "a.heic", "a.txt", "a"])
def test_unknown_suffixes_name_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureError) as raised:
        write(tmp_path / name, Picture(photo(8, 8)))
    assert all(suffix in str(raised.value) for suffix in (*WRITABLE, Path(name).suffix))
    assert names(tmp_path) == []


def test_the_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    write(tmp_path / "A.PNG", Picture(photo(8, 8)))
    assert np.array_equal(read(tmp_path / "A.PNG").rgb, photo(8, 8))


@pytest.mark.parametrize(
    ("suffix", "most"), [(".jpg", 65_500), (".webp", 16_383), (".avif", 32_768)]
)
def test_sides_beyond_the_format_name_another(tmp_path: Path, suffix: str, most: int) -> None:
    longest, longer = (Picture(np.zeros((side, 1, 3), np.uint8)) for side in (most, most + 1))
    write(tmp_path / f"a{suffix}", longest)
    assert read(tmp_path / f"a{suffix}").height == most
    with pytest.raises(PictureError, match=rf"1 x {most + 1} pixels.* at most {most}; use .*\.png"):
        write(tmp_path / f"b{suffix}", longer)
