"""Colors, masks, regions and gradients put together, for pictures in memory and beyond it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import UInt8, photo
from PIL import Image

from impasto.errors import ColorError, MaskError, StyleError
from impasto.images.rows import ArrayRows, ResizedRows
from impasto.inference import pipeline, regions, tile_grid
from impasto.inference.color import LUMA, Color
from impasto.inference.masks import Mask
from impasto.inference.pipeline import build_pipeline
from impasto.inference.settings import StylizeSettings, parse_settings
from impasto.models.gallery import gallery_style
from impasto.models.mix import find_mix
from impasto.models.style import Style, encode_picture
from impasto.stylizer import Stylizer


def painted(stylizer: Stylizer, picture: UInt8, how: StylizeSettings) -> UInt8:
    return build_pipeline(stylizer, ArrayRows(picture), how).rows.to_array()


def apart(one: UInt8, other: UInt8) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_nothing_but_a_style_is_what_its_brush_paints(exact: Stylizer, scene: UInt8) -> None:
    assert (
        painted(exact, scene, parse_settings("starry-night"))
        == exact.prepare("starry-night").paint(scene)
    ).all()


def test_no_strength_is_the_photograph_bit_for_bit(
    exact: Stylizer, scene: UInt8, shape: Mask
) -> None:
    for color in ("style", "luminance", "histogram", "linear-pca"):
        how = parse_settings(
            "starry-night",
            0,
            color=color,
            mask="radial",
            regions=[regions.Region(shape, find_mix("udnie"))],
        )
        assert (painted(exact, scene, how) == scene).all()


def test_outside_of_a_mask_is_the_photograph(exact: Stylizer, scene: UInt8, shape: Mask) -> None:
    plain = exact.stylize(scene, "starry-night")
    masked = painted(exact, scene, parse_settings("starry-night", mask=shape))
    assert (masked[:, :80] == scene[:, :80]).all() and (masked[:, 80:] == plain[:, 80:]).all()
    around = painted(
        exact, scene, parse_settings("starry-night", mask=replace(shape, inverted=True))
    )
    assert (around[:, 80:] == scene[:, 80:]).all() and (around[:, :80] == plain[:, :80]).all()


def test_a_gradient_of_strength(exact: Stylizer, scene: UInt8) -> None:
    """Left the photograph, right the painting, in the middle half the strength."""
    found = painted(exact, scene, parse_settings("starry-night", mask="left-right"))
    full, half = (exact.stylize(scene, "starry-night", strength) for strength in (1, 0.5))
    assert apart(found[:, :2], scene[:, :2]) < 4 and apart(found[:, -2:], full[:, -2:]) < 4
    assert apart(found[:, 79:81], half[:, 79:81]) <= 1 < apart(full[:, 79:81], half[:, 79:81])


def test_colors_are_those_of_the_photograph(exact: Stylizer, scene: UInt8) -> None:
    plain = exact.stylize(scene, "starry-night")
    assert np.abs(plain.mean((0, 1)) - scene.mean((0, 1))).max() > 10
    for mode in ("histogram", "linear-cholesky", "linear-pca", "linear-mkl"):
        work = build_pipeline(exact, ArrayRows(scene), parse_settings("starry-night", color=mode))
        assert np.abs(work.rows.to_array().mean((0, 1)) - scene.mean((0, 1))).max() < 6
        assert 0 <= work.beyond_fraction < 0.4
    bright = painted(exact, scene, parse_settings("starry-night", color="luminance")) @ LUMA
    assert np.abs(bright - plain @ LUMA).mean() < 2


def test_an_amount_of_color(exact: Stylizer, scene: UInt8) -> None:
    none, half, full = (
        painted(exact, scene, parse_settings("udnie", color=f"histogram:{amount}"))
        for amount in (0, 0.5, 1)
    )
    assert (none == exact.stylize(scene, "udnie")).all()
    assert apart(half, ((none.astype(int) + full) // 2).astype(np.uint8)) < 2


@pytest.mark.slow
def test_larger_than_memory_as_in_memory(exact: Stylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bands, tiles, and with palettes of a reduced picture."""
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 20_000)
    monkeypatch.setattr(pipeline, "BAND_PIXELS", 7_000)
    monkeypatch.setattr(pipeline, "PALETTE_SIDE", 150)
    picture = photo(200, 270)
    how = parse_settings(
        "starry-night", color="linear-mkl", mask="radial", regions=["left-right=great-wave"]
    )
    whole = painted(exact, picture, how)
    told: list[float] = []
    streamed = build_pipeline(
        exact, ResizedRows(ArrayRows(picture), 200, 270), how, advance=told.append
    )
    assert apart(streamed.rows.to_array(), whole) < 4
    assert sum(told) == pytest.approx(1)


# Styles recolored before


def test_a_style_picture_is_recolored_before(exact: Stylizer, scene: UInt8, tmp_path: Path) -> None:
    """So that the painting has the photograph's colors by itself."""
    path = tmp_path / "blue.png"
    Image.fromarray((photo(100, 100) * (0.2, 0.3, 1.0)).astype(np.uint8)).save(path)
    plain = exact.stylize(scene, path)
    before = exact.stylize(scene, path, color=Color("linear-mkl", when="before"))
    wanted = scene.mean((0, 1))
    assert (
        np.abs(before.mean((0, 1)) - wanted).mean()
        < 0.7 * np.abs(plain.mean((0, 1)) - wanted).mean()
    )


def test_what_was_learned_beyond_the_prediction_stays(exact: Stylizer) -> None:
    """A style of a picture in its own colors is the style itself."""
    learned = gallery_style("udnie")
    picture = photo(64, 80)
    style = Style(
        "learned", learned.embeddings, learned.hashes, {}, remembered=encode_picture(picture)
    )
    assert style.picture is not None
    again = exact.repictured(style, style.picture)
    assert np.allclose(again.embedding(exact.network), style.embedding(exact.network), atol=1e-5)


def test_a_gallery_name_has_no_picture_to_recolor(exact: Stylizer, scene: UInt8) -> None:
    with pytest.raises(StyleError, match=r"style starry-night .* no picture .*--color-when after"):
        exact.stylize(scene, "starry-night", color=Color("histogram", when="before"))


# What callers write


def test_masks_as_arrays(exact: Stylizer, scene: UInt8) -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[:, :40] = 255
    found = exact.stylize(scene, "udnie", mask=mask)
    assert (found[:, 84:] == scene[:, 84:]).all() and apart(found[:, :76], scene[:, :76]) > 5
    with pytest.raises(MaskError, match=r"float64 \(60, 80\) as a mask: it must be uint8 \(h, w\)"):
        exact.stylize(scene, "udnie", mask=mask / 255)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"style": 5}, StyleError),
        ({"color": 5}, ColorError),
        ({"mask": 5}, MaskError),
        ({"regions": 5}, MaskError),
        ({"regions": "sky.png=udnie"}, MaskError),
        ({"regions": [5]}, MaskError),
        ({"strength": "much"}, ValueError),
        ({"stroke": None}, ValueError),
    ],
)
def test_wrong_arguments_are_named(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"cannot (use|read)"):
        parse_settings(**({"style": "udnie"} | wrong))
