"""Generated training pictures: the same by number, any size, and with the statistics of
photographs."""

import importlib.util
import socket
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.learning.data.photos import ContentImages
from impasto.learning.data.synthetic.canvas import textures
from impasto.learning.data.synthetic.generator import SyntheticPhotos, carried_photos

Array = np.ndarray


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> SyntheticPhotos:
    """A supply where neither scikit-image nor scikit-learn is installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return SyntheticPhotos()


def power_slope(pictures: list[Array]) -> float:
    """Slope of log power over log frequency, of the mean power spectrum; natural photographs have
    about -2 to -3."""
    side = pictures[0].shape[0]
    window = np.outer(np.hanning(side), np.hanning(side))
    gray = np.stack(pictures).mean(-1)
    power = (np.abs(np.fft.fft2((gray - gray.mean((1, 2), keepdims=True)) * window)) ** 2).mean(0)
    frequency = np.hypot(
        *np.meshgrid(np.fft.fftfreq(side, 1 / side), np.fft.fftfreq(side, 1 / side))
    )
    rings = np.arange(4, side * 3 // 8)
    radial = [power[np.round(frequency) == ring].mean() + 1e-9 for ring in rings]
    return float(np.polyfit(np.log(rings), np.log(radial), 1)[0])


def test_is_content() -> None:
    content: ContentImages = SyntheticPhotos(pool=7)
    assert content.pool == 7
    assert content.broken == set()


def test_same_number_same_picture() -> None:
    for number in range(12):
        np.testing.assert_array_equal(
            SyntheticPhotos(seed=5).crop(number, 64), SyntheticPhotos(seed=5).crop(number, 64)
        )


def test_numbers_and_seeds_differ() -> None:
    pictures = [
        SyntheticPhotos(seed=seed).crop(number, 64).tobytes()
        for seed in range(3)
        for number in range(20)
    ]
    assert len(set(pictures)) == len(pictures)


@settings(max_examples=15, deadline=None)
@given(size=st.integers(32, 512), number=st.integers(0, 2**40))
def test_any_size(size: int, number: int) -> None:
    picture = SyntheticPhotos().crop(number, size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8


def test_spectrum_of_photographs(bare: SyntheticPhotos) -> None:
    assert -3.3 < power_slope([bare.crop(number, 128) for number in range(40)]) < -1.7


@pytest.mark.parametrize(
    "other",
    [
        lambda: np.random.default_rng(0).integers(0, 256, (128, 128, 3)),
        lambda: np.full((128, 128, 3), 90),
        lambda: np.broadcast_to(np.linspace(0, 255, 128)[:, None, None], (128, 128, 3)),
    ],
    ids=["noise", "flat", "ramp"],
)
def test_spectrum_tells_other_pictures(other: Callable[[], Array]) -> None:
    assert not -3.3 < power_slope([other()]) < -1.7


def test_contrast_and_exposure_of_photographs(bare: SyntheticPhotos) -> None:
    gray = np.stack([bare.crop(number, 128) for number in range(40)]).mean(-1) / 255
    assert 0.3 < gray.mean() < 0.6
    assert 0.12 < gray.std((1, 2)).mean() < 0.27
    assert gray.std((1, 2)).min() > 0.01, "an empty picture teaches nothing"


def test_without_packages_all_are_drawn(bare: SyntheticPhotos) -> None:
    assert bare.photos == []
    assert bare.share == 0
    assert bare.crop(0, 64).shape == (64, 64, 3)


def test_carried_photographs_are_used() -> None:
    content = SyntheticPhotos()
    if not content.photos:
        pytest.skip("neither scikit-image nor scikit-learn is installed")
    assert 0 < content.share <= 0.4
    assert carried_photos() == content.photos
    content.share = 1
    assert all(content.crop(number, 300).std() > 1 for number in range(len(content.photos)))


def test_never_uses_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    content = SyntheticPhotos(seed=9)
    for number in range(10):
        content.crop(number, 48)


def test_textures_tile_and_are_normal() -> None:
    stack = textures()
    np.testing.assert_allclose(stack.mean((1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(stack.std((1, 2)), 1, atol=1e-3)
    # across the border no larger a step than the largest inside
    assert (
        np.abs(stack[:, 0] - stack[:, -1]).max(1)
        <= np.abs(np.diff(stack, axis=1)).max((1, 2)) * 1.2
    ).all()
