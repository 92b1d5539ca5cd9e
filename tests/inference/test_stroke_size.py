"""Strokes of any size: as large as asked for, not blurred, and the picture as large as before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pictures import UInt8, photo
from PIL import Image, ImageFilter

from impasto.images import rows
from impasto.inference import stroke_size, tile_grid
from impasto.stylizer import Stylizer


@pytest.fixture(scope="module")
def exact() -> Stylizer:
    return Stylizer("small", precision="f32")


@pytest.fixture(scope="module")
def large(scene: UInt8) -> UInt8:
    """The scene at 360 x 480 pixels, with edges as sharp as pixels are."""
    return scene.repeat(3, axis=0).repeat(3, axis=1)


def coarseness(picture: UInt8) -> float:
    """How large what stands in a picture is: the mean wavelength of its light, in pixels."""
    light = picture.astype(float).mean(-1)
    power = (
        np.abs(np.fft.fft2((light - light.mean()) * np.outer(*map(np.hanning, light.shape)))) ** 2
    )
    frequency = np.hypot(
        *np.meshgrid(*(np.fft.fftfreq(side) for side in light.shape), indexing="ij")
    )
    fine = frequency > 0.02  # the subject, which is the same, is coarser
    return float(power[fine].sum() / (power * frequency)[fine].sum())


def sharpness(picture: UInt8) -> float:
    """The steepest of the steps between neighbours: their mean in the top hundredth, in levels of
    255."""
    steps = np.abs(np.diff(picture.astype(float).mean(-1), axis=1)).ravel()
    return float(np.sort(steps)[-len(steps) // 100 :].mean())


def test_strokes_are_as_large_as_asked_for(exact: Stylizer, large: UInt8) -> None:
    soft = np.asarray(
        Image.fromarray(large).filter(ImageFilter.GaussianBlur(6))
    )  # so that edges are those of strokes
    small, natural, double, fourfold = (
        coarseness(exact.stylize(soft, "great-wave", stroke=stroke)) for stroke in (0.5, 1, 2, 4)
    )
    assert 1.2 * small < natural
    assert 1.4 * natural < double
    assert 1.15 * double < fourfold


@pytest.mark.parametrize("stroke", [2, 4])
def test_large_strokes_bring_no_fringes(exact: Stylizer, large: UInt8, stroke: int) -> None:
    """Colors of single pixels, which at the network's own size nobody sees, are not enlarged."""

    def fringes(picture: UInt8) -> float:
        colors = picture.astype(float) - picture.mean(-1, keepdims=True)
        return float(np.abs(colors - colors[:, [*range(stroke, 480), *range(stroke)]]).mean())

    height, width = large.shape[:2]
    reduced = np.asarray(
        Image.fromarray(large).resize((width // stroke, height // stroke), Image.Resampling.LANCZOS)
    )
    enlarged = Image.fromarray(exact.stylize(reduced, "starry-night")).resize(
        (width, height), Image.Resampling.LANCZOS
    )
    assert fringes(exact.stylize(large, "starry-night", stroke=stroke)) < 0.8 * fringes(
        np.asarray(enlarged)
    )


@pytest.mark.parametrize("stroke", [2, 4])
def test_large_strokes_are_not_blurred(exact: Stylizer, large: UInt8, stroke: int) -> None:
    height, width = large.shape[:2]
    reduced = np.asarray(
        Image.fromarray(large).resize((width // stroke, height // stroke), Image.Resampling.LANCZOS)
    )
    blurred = Image.fromarray(exact.stylize(reduced, "starry-night")).resize(
        (width, height), Image.Resampling.LANCZOS
    )
    painted = exact.stylize(large, "starry-night", stroke=stroke)
    assert sharpness(painted) > 1.25 * sharpness(np.asarray(blurred))
    # brought down again, its light is that of the painting of the reduced picture
    again = Image.fromarray(painted).resize(
        (width // stroke, height // stroke), Image.Resampling.BOX
    )
    assert (
        np.abs(np.asarray(again).mean(-1) - exact.stylize(reduced, "starry-night").mean(-1)).mean()
        < 8
    )


def test_stroke_1_is_the_network_s(exact: Stylizer, large: UInt8) -> None:
    assert np.array_equal(
        exact.stylize(large, "great-wave", stroke=1), exact.stylize(large, "great-wave")
    )


@pytest.mark.slow
@pytest.mark.parametrize("stroke", [0.3, 3])
def test_strength_leads_to_the_photograph(exact: Stylizer, large: UInt8, stroke: float) -> None:
    assert np.array_equal(exact.stylize(large, "starry-night", 0, stroke), large)
    near, full = (
        exact.stylize(large, "starry-night", strength, stroke).astype(int) for strength in (0.01, 1)
    )
    assert np.abs(near - large).mean() < 0.15 * np.abs(full - large).mean()


@pytest.mark.parametrize("stroke", [0.25, 0.7, 1.5, 16])
@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (7, 5), (70, 33)])
def test_any_size_is_kept(exact: Stylizer, shape: tuple[int, int], stroke: float) -> None:
    assert exact.stylize(photo(*shape), "udnie", stroke=stroke).shape == (*shape, 3)


@pytest.mark.slow
@pytest.mark.parametrize("stroke", [0.6, 2.5])
def test_bands_and_tiles_show_no_borders(
    exact: Stylizer, large: UInt8, stroke: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = exact.stylize(large, "starry-night", stroke=stroke)
    for module, name, value in (
        (tile_grid, "MAX_UNTILED_PIXELS", 0),
        (tile_grid, "TILE_SIDE", 256),
        (stroke_size, "BAND_PIXELS", 9000),
        (rows, "BAND_PIXELS", 9000),
    ):
        monkeypatch.setattr(module, name, value)
    apart = np.abs(whole.astype(int) - exact.stylize(large, "starry-night", stroke=stroke))
    assert (
        apart.max() <= 8 and apart.mean() < 0.1
    )  # bands of a resized picture round differently, by one level


def test_what_is_done_sums_to_1(exact: Stylizer) -> None:
    for stroke in (0.5, 1, 2):
        told: list[float] = []
        stroke_size.apply_stroke_size(
            rows.ArrayRows(photo(64, 80)), exact.prepare("udnie"), stroke, told.append
        ).to_array()
        assert sum(told) == pytest.approx(1)


@pytest.mark.parametrize("stroke", [0, -1, 0.2, 17, float("nan")])
def test_strokes_out_of_range(exact: Stylizer, stroke: float) -> None:
    with pytest.raises(
        ValueError, match=r"as stroke: it is out of range; give 0.25 \(small strokes\) to 16"
    ):
        exact.stylize(photo(8, 8), "udnie", stroke=stroke)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_linear_function_of_the_guide_is_found(seed: int) -> None:
    """By its definition: where the target is one, slopes and offsets are its own, but for the
    weight on small slopes."""
    rng = np.random.default_rng(seed)
    guide = rng.random((12, 15, 3), np.float32)
    slopes, offset = (
        rng.normal(size=(3, 3)).astype(np.float32),
        rng.normal(size=3).astype(np.float32),
    )
    found = stroke_size.guided_filter(guide, guide @ slopes + offset)
    assert (
        np.abs(
            np.einsum("hwi,hwio->hwo", guide, found[0]) + found[1] - (guide @ slopes + offset)
        ).max()
        < 0.15
    )
    flat = stroke_size.guided_filter(np.full_like(guide, 0.4), guide)
    assert np.abs(flat[0]).max() < 1e-3


def test_means_are_over_squares() -> None:
    side = 2 * stroke_size.RADIUS + 1
    values = np.zeros((2 * side + 1, 2 * side + 1), np.float32)
    values[side, side] = side**2
    found: NDArray[np.float32] = stroke_size._box_mean(values)
    square = slice(side - stroke_size.RADIUS, side + stroke_size.RADIUS + 1)
    assert np.allclose(found[square, square], 1) and found.sum() == pytest.approx(side**2)
    assert np.allclose(stroke_size._box_mean(np.full((3, 4, 2), 7, np.float32)), 7)


def test_a_blur_is_a_gaussian() -> None:
    values = np.zeros((31, 31), np.float32)
    values[15, 15] = 1
    found: NDArray[np.float32] = stroke_size._gaussian_blur(values, 1.5)
    assert found.sum() == pytest.approx(1)
    down, across = np.mgrid[-15:16, -15:16]
    assert (found * down**2).sum() == pytest.approx(1.5**2, rel=0.1) == (found * across**2).sum()
