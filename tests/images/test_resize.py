"""Sizes: the short side is as asked for, and the aspect stays."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pictures import (
    photo,
)

from impasto.errors import ArgumentError
from impasto.images.resize import fit_size, resize_short_side


@given(height=st.integers(1, 60), width=st.integers(1, 60), short=st.integers(1, 60))
@example(height=20, width=60, short=1)
@example(height=60, width=20, short=1)
def test_resizing_gives_the_short_side_and_keeps_the_aspect(
    height: int, width: int, short: int
) -> None:
    found = resize_short_side(photo(height, width), short)
    sides = found.shape[:2]
    assert min(sides) == short
    assert abs(max(sides) - max(height, width) * short / min(height, width)) <= 0.5
    assert (found.shape[0] >= found.shape[1]) == (height >= width) or min(sides) == max(sides)


def test_resizing_shrinks_without_aliasing_and_takes_alpha() -> None:
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    assert (
        np.abs(resize_short_side(board, 8).astype(int) - 127).max() <= 2
    )  # the mean, not a pattern
    assert resize_short_side(board, 64) is board
    with pytest.raises(ArgumentError, match="give the pixels of the shorter side, 1 or more"):
        resize_short_side(board, 0)


@given(height=st.integers(1, 5000), width=st.integers(1, 5000), short=st.integers(1, 5000))
def test_fitted_sizes_are_those_of_resized_pictures(height: int, width: int, short: int) -> None:
    sides = fit_size(height, width, short)
    assert min(sides) == short
    assert abs(max(sides) - max(height, width) * short / min(height, width)) <= 0.5
    if max(height, width) <= 40 and short <= 40:
        assert resize_short_side(photo(height, width), short).shape[:2] == sides


def test_no_picture_is_fitted_to_nothing() -> None:
    with pytest.raises(ArgumentError, match="cannot use 0 as size: it is out of range"):
        fit_size(4, 5, 0)
