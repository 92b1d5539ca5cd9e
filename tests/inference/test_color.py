"""Color modes: what each promises, before colors are brought into 0..255, and that few have to
be."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pictures import UInt8, photo

from impasto.choices import MODES, Mode
from impasto.errors import ColorError
from impasto.inference.color import (
    LUMA,
    Color,
    clip_to_gamut,
    color_after,
    fit_recoloring,
    keep_color,
    measure_palette,
    parse_color,
    recolor,
    recolor_style,
)

rgb2yiq = pytest.importorskip("skimage.color").rgb2yiq
match_histograms = pytest.importorskip("skimage.exposure").match_histograms

LINEAR: tuple[Mode, ...] = ("linear-cholesky", "linear-pca", "linear-mkl")


@st.composite
def pictures(draw: st.DrawFn) -> UInt8:
    """A picture of colors that vary in all directions, some much less than in others."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    height, width = draw(st.integers(8, 40)), draw(st.integers(8, 40))
    mixing = rng.normal(size=(3, 3)) * np.array(
        [60.0, draw(st.floats(4, 60)), draw(st.floats(4, 60))]
    )
    return (
        (rng.normal(size=(height, width, 3)) @ mixing.T / 2 + rng.uniform(60, 190, 3))
        .clip(0, 255)
        .astype(np.uint8)
    )


def moments(picture: NDArray[np.generic]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pixels = picture.reshape(-1, 3).astype(float)
    return pixels.mean(0), np.cov(pixels.T, bias=True)


@given(picture=pictures())
def test_a_palette_is_mean_covariance_and_histograms(picture: UInt8) -> None:
    mean, cov = moments(picture)
    found = measure_palette(picture)
    assert np.allclose(found.mean, mean) and np.allclose(found.cov, cov)
    for channel in range(3):
        expected = np.bincount(picture[..., channel].ravel(), minlength=256) / picture[..., 0].size
        assert np.allclose(found.histograms[channel], expected)


@settings(deadline=None)
@given(one=pictures(), other=pictures(), share=st.floats(0, 1))
def test_a_palette_between_two(one: UInt8, other: UInt8, share: float) -> None:
    first, second = measure_palette(one), measure_palette(other)
    between = first.towards(second, share)
    for name in ("mean", "cov", "histograms"):
        expected = (1 - share) * getattr(first, name) + share * getattr(second, name)
        assert np.allclose(getattr(between, name), expected)


@settings(deadline=None)
@given(painted=pictures(), shown=pictures(), mode=st.sampled_from(LINEAR))
def test_linear_maps_give_mean_and_covariance(painted: UInt8, shown: UInt8, mode: Mode) -> None:
    """To 1 % of each, whatever the shapes of the two pictures, where colors vary in all
    directions."""
    for each in (painted, shown):
        assume(np.linalg.eigvalsh(moments(each)[1])[0] > 2)
    full = fit_recoloring(mode, measure_palette(painted), measure_palette(shown)).apply(
        painted, painted
    )
    assert full.dtype == np.float32
    mean, cov = moments(full)
    wanted_mean, wanted_cov = moments(shown)
    assert np.linalg.norm(mean - wanted_mean) <= 0.01 * np.linalg.norm(wanted_mean)
    assert np.linalg.norm(cov - wanted_cov) <= 0.01 * np.linalg.norm(wanted_cov)


@given(painted=pictures(), shown=pictures())
def test_luminance_keeps_the_chrominance(painted: UInt8, shown: UInt8) -> None:
    """The I and Q of the photograph, to a level, under the Y of the painting."""
    height, width = (min(sides) for sides in zip(painted.shape[:2], shown.shape[:2], strict=True))
    painted, shown = painted[:height, :width], shown[:height, :width]
    full = fit_recoloring("luminance", measure_palette(painted), measure_palette(shown)).apply(
        painted, shown
    )
    y, i, q = np.moveaxis(rgb2yiq(full.astype(float)), -1, 0)
    _, i_shown, q_shown = np.moveaxis(rgb2yiq(shown.astype(float)), -1, 0)
    assert max(np.abs(i - i_shown).max(), np.abs(q - q_shown).max()) <= 1
    assert np.abs(y - rgb2yiq(painted.astype(float))[..., 0]).max() <= 1


@given(painted=pictures(), shown=pictures())
def test_histogram_is_what_scikit_image_matches(painted: UInt8, shown: UInt8) -> None:
    found = fit_recoloring("histogram", measure_palette(painted), measure_palette(shown)).apply(
        painted, painted
    )
    expected = match_histograms(painted, shown, channel_axis=-1)  # cut to whole levels
    assert np.abs(found - expected.astype(float)).max() < 1.001


@given(picture=pictures(), mode=st.sampled_from(MODES[1:]))
def test_a_picture_in_its_own_colors_is_itself(picture: UInt8, mode: Mode) -> None:
    """To a level; linear maps take faint colors for rounding."""
    assume(mode not in LINEAR or np.linalg.eigvalsh(moments(picture)[1])[0] > 2)
    found, beyond = keep_color(picture, picture, Color(mode))
    assert np.abs(found.astype(int) - picture).max() <= 1 and beyond == 0


def test_the_monge_kantorovich_map_moves_colors_least(scene: UInt8) -> None:
    """Of all linear maps that match the covariance, and it is symmetric."""
    shown = photo(90, 70)
    moved = {}
    for mode in LINEAR:
        full = fit_recoloring(mode, measure_palette(scene), measure_palette(shown)).apply(
            scene, scene
        )
        moved[mode] = float(np.square(full - scene).mean())
    assert moved["linear-mkl"] == min(moved.values()) < 0.999 * moved["linear-cholesky"]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1, 300))
def test_gamut(seed: int, spread: float) -> None:
    """Colors inside stay; those beyond keep luminance, where white and black allow it, and hue."""
    rng = np.random.default_rng(seed)
    colors = (128 + spread * rng.normal(size=(20, 20, 3))).astype(np.float32)
    found, beyond = clip_to_gamut(colors)
    inside = ((colors >= -0.5) & (colors <= 255.5)).all(-1)
    assert beyond == (~inside).sum()
    assert np.abs(found[inside] - colors[inside]).max(initial=0) <= 0.51
    luminance = colors @ LUMA
    possible = (luminance > 0) & (luminance < 255)
    assert np.abs(found @ LUMA - luminance)[possible].max(initial=0) <= 1
    # hue: the order of R, G and B
    order = np.argsort(colors[~inside], axis=-1)
    ranked = np.take_along_axis(found[~inside].astype(int), order, axis=-1)
    assert (np.diff(ranked, axis=-1) >= -1).all()
    # and no more is lost than has to be: one of R, G and B is as far as it can go
    assert np.minimum(ranked[:, 0], 255 - ranked[:, 2]).max(initial=0) <= 1


def test_what_is_rounding_is_not_beyond() -> None:
    found, beyond = clip_to_gamut(np.array([[-0.5, -0.5, -0.5], [255.5, 255.5, 255.5]], np.float32))
    assert found.tolist() == [[0, 0, 0], [255, 255, 255]] and beyond == 0


def test_few_pixels_are_beyond_and_are_told(scene: UInt8) -> None:
    bright = (scene // 2 + 127).astype(np.uint8)
    result, share = keep_color(bright, scene, Color("luminance"))
    full = fit_recoloring("luminance", measure_palette(bright), measure_palette(scene)).apply(
        bright, scene
    )
    assert (
        share == pytest.approx(((full < -0.5) | (full > 255.5)).any(-1).mean()) and 0 < share < 0.5
    )
    assert result.dtype == np.uint8 and result.shape == scene.shape
    assert keep_color(bright, scene, Color())[1] == 0


def test_amount_is_between(scene: UInt8) -> None:
    painted = np.ascontiguousarray(scene[::-1])
    change = fit_recoloring("linear-mkl", measure_palette(painted), measure_palette(photo(50, 50)))
    none, half, full = (
        recolor(painted, scene, change, amount)[0].astype(int) for amount in (0, 0.5, 1)
    )
    assert (none == painted).all()
    assert np.abs(half - (none + full) / 2).mean() < 2


@pytest.mark.parametrize("mode", MODES)
def test_grey_pictures(mode: Mode, scene: UInt8) -> None:
    """Of a grey style no color comes, of a grey photograph none stays, and one tone is no division
    by zero."""
    grey = np.repeat(scene[..., :1], 3, axis=-1)
    flat = np.full_like(scene, 90)
    for painted, shown in (
        (grey, scene),
        (scene, grey),
        (flat, scene),
        (scene, flat),
        (flat, flat),
    ):
        result, _ = keep_color(painted, shown, Color(mode))
        assert result.shape == scene.shape
        if mode not in ("style", "histogram") and shown is grey:
            assert np.ptp(result.astype(int), axis=-1).max() <= 3
        if shown is flat and mode.startswith("linear"):
            assert np.abs(result.astype(int) - 90).max() <= 4


@pytest.mark.parametrize("mode", MODES)
def test_style_pictures_take_the_photographs_colors(mode: Mode, scene: UInt8) -> None:
    style, shown = photo(70, 50), scene[:, ::2]
    found = recolor_style(style, np.ascontiguousarray(shown), Color(mode, when="before"))
    if mode == "style":
        assert (found == style).all()
    elif mode == "luminance":
        assert np.ptp(found.astype(int), axis=-1).max() <= 1
        assert abs((found @ LUMA).mean() - (shown @ LUMA).mean()) < 4
    else:
        assert np.abs(moments(found)[0] - moments(shown)[0]).max() < 8


def test_what_is_left_to_do_afterwards() -> None:
    assert color_after(Color("histogram", when="before")) == Color()
    assert color_after(Color("luminance", 0.5, "before")) == Color("luminance", 0.5)
    assert color_after(Color("linear-pca", 0.5)) == Color("linear-pca", 0.5)


def test_modes_as_they_are_written() -> None:
    assert parse_color("luminance") == Color("luminance")
    assert parse_color(" linear-mkl:0.25", "before") == Color("linear-mkl", 0.25, "before")
    assert not parse_color("style").changes and not parse_color("histogram:0").changes


@pytest.mark.parametrize(
    "text",
    [
        "lab",
        "",
        "luminance:",
        "luminance:2",
        "luminance:x",
        "luminance:nan",
        "luminance:-1",
        ":0.5",
    ],
)
def test_modes_that_are_none(text: str) -> None:
    with pytest.raises(ColorError, match="luminance"):
        parse_color(text)


def test_modes_and_amounts_that_are_none_in_python() -> None:
    with pytest.raises(ColorError, match=r"cannot use color mode 'lab': .* use style, luminance, "):
        Color("lab")  # type: ignore[arg-type]
    for amount in (-0.1, 1.1, math.nan):
        with pytest.raises(
            ColorError, match=f"cannot use {amount} as the amount .* from 0 .* to 1"
        ):
            Color("luminance", amount)
