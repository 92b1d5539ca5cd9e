"""Row sources: rows are those of the picture, and resizing in bands is that of the whole."""

import numpy as np
import pytest
from banded import BandedRows
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import UInt8, photo
from PIL import Image

from impasto.images import rows
from impasto.images.rows import ArrayRows, ResizedRows, at_size


def noisy_photo(height: int, width: int) -> UInt8:
    noise = np.random.default_rng(0).integers(0, 90, (height, width, 3), np.uint8)
    return photo(height, width) // 2 + noise


@settings(deadline=None)
@given(data=st.data(), heights=st.integers(1, 40))
def test_rows_are_those_of_the_picture(data: st.DataObject, heights: int) -> None:
    picture = photo(60, 5)
    source, last = BandedRows(picture, heights), 0
    for _ in range(8):
        top = data.draw(st.integers(0, 60))
        bottom = data.draw(st.integers(top, 60))
        assert np.array_equal(source.rows(top, bottom), picture[top:bottom])
        last = top
    source.rows(last, 60)
    source.begun = 0
    for top in range(last, 60):
        source.rows(top, min(60, top + 3))
    assert source.begun == 0, "read anew though nothing above was asked for"


@pytest.mark.parametrize(("height", "width"), [(60, 200), (200, 60), (37, 11), (1, 1), (140, 131)])
def test_resizing_in_bands_is_that_of_the_whole(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "BAND_PIXELS", 1000)
    picture = noisy_photo(90, 80)
    found = ResizedRows(BandedRows(picture), height, width).to_array()
    whole = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))
    assert np.abs(found.astype(int) - whole).max() <= 2
    assert at_size(ArrayRows(picture), 90, 80).to_array() is picture
