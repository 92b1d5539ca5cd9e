"""Baselines: pictures without style transfer."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.learning.evaluation.baselines import (
    double_exposure,
    painting_itself,
    recolored,
    transfer_colors,
)
from learning.tiny import pictures, texture


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), height=st.integers(8, 60), width=st.integers(8, 60))
def test_recolored_has_the_styles_colors(seed: int, height: int, width: int) -> None:
    photo, style = (
        pictures(seed, height=height, width=width),
        pictures(seed + 1, height=40, width=50),
    )
    got = transfer_colors(photo, style)
    assert got.shape == photo.shape
    (x, s) = (t[0].flatten(1).double().numpy() for t in (got, style))
    np.testing.assert_allclose(x.mean(1), s.mean(1), atol=1e-4)
    np.testing.assert_allclose(np.cov(x, bias=True), np.cov(s, bias=True), atol=5e-4)


def test_recolored_in_its_own_colors_a_photograph_is_itself() -> None:
    photo = pictures(1)
    torch.testing.assert_close(transfer_colors(photo, photo), photo, rtol=0, atol=1e-4)


def test_a_gray_or_flat_photograph_can_be_recolored() -> None:
    gray = pictures(1).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    for photo in (gray, torch.full((1, 3, 8, 8), 0.5)):
        assert transfer_colors(photo, pictures(2)).isfinite().all()


@settings(deadline=None, max_examples=10)
@given(height=st.integers(16, 90), width=st.integers(16, 90))
def test_double_exposure_is_as_large_as_the_photograph(height: int, width: int) -> None:
    got = double_exposure(texture(1, height, width), texture(2, 40, 70))
    assert got.shape == (height, width, 3)
    assert got.dtype == np.uint8


def test_double_exposure_lays_the_paintings_detail_over_the_photograph() -> None:
    photo = texture(1)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 255
    got = double_exposure(photo, stripes).astype(float)
    assert got[::2].mean() > got[1::2].mean() + 100


def test_baselines_are_as_large_as_the_photograph() -> None:
    photo, painting = texture(1, 50, 70), texture(2, 40, 30)
    for baseline in (recolored, painting_itself):
        picture = baseline(photo, painting)
        assert picture.shape == photo.shape
        assert picture.dtype == np.uint8
