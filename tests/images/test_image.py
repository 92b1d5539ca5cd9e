"""Pictures in memory: their arrays are checked, and Pillow images come back the same."""

from typing import Any

import numpy as np
import pytest
from pictures import (
    photo,
    ramp,
)

from impasto.errors import PictureError
from impasto.images.image import Header, Picture
from impasto.images.reading import from_pil


def test_to_pil_and_back() -> None:
    picture = Picture(photo(5, 7), ramp(5, 7))
    found = from_pil(picture.to_pil())
    assert found.alpha is not None
    assert np.array_equal(found.alpha, ramp(5, 7))
    visible = found.alpha > 0
    assert np.array_equal(found.rgb[visible], picture.rgb[visible])
    assert picture.to_pil().mode == "RGBA"
    assert Picture(photo(5, 7)).to_pil().mode == "RGB"


@pytest.mark.parametrize(
    "rgb", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_arrays_that_are_no_picture_are_refused(rgb: Any) -> None:
    with pytest.raises(PictureError, match=r"\(H, W, 3\)"):
        Picture(rgb)


def test_alpha_of_another_size_is_refused() -> None:
    with pytest.raises(PictureError, match="alpha"):
        Picture(photo(4, 5), ramp(5, 4))


def test_pictures_are_shown_by_their_size() -> None:
    assert repr(Picture(photo(4, 5))) == "Picture(5 x 4, RGB)"
    assert repr(Picture(photo(4, 5), ramp(4, 5))) == "Picture(5 x 4, RGBA)"
    assert "exif" not in repr(Header("PNG", 5, 4, exif=b"Exif" * 1000))
