"""Optimization as something that comparisons paint by."""

from pathlib import Path

import numpy as np
import pytest
from pictures import UInt8, photo
from PIL import Image

from impasto.errors import StyleError
from impasto.images.image import Picture
from impasto.inference.color import Color, keep_color
from impasto.inference.settings import StylizeSettings, parse_settings
from impasto.learning.optimization.stylizer import Kind, OptimizationStylizer
from impasto.stylizer import Stylizer


@pytest.fixture
def tulip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A picture as a style; no weights but those of `lite`."""
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))
    Image.fromarray(photo(64, 80)[::-1, :, ::-1].copy()).save(tmp_path / "tulip.png")
    return str(tmp_path / "tulip.png")


@pytest.mark.parametrize("kind", ["lbfgs", "optimize"])
def test_it_paints(kind: Kind, tulip: str, scene: UInt8) -> None:
    follower, style_settings = (
        OptimizationStylizer(kind, 2, Stylizer("small")),
        parse_settings(tulip),
    )
    shares: list[float] = []

    def paint(**changes: object) -> UInt8:
        return follower(picture, StylizeSettings(style_settings.style, **changes), shares.append)  # type: ignore[arg-type]

    picture = Picture(scene[:64, :80].copy())
    painted = paint()
    assert follower.perceptual.name == "lite"
    assert (
        painted.shape == picture.rgb.shape
        and painted.dtype == np.uint8
        and (painted != picture.rgb).any()
    )
    assert sum(shares) == pytest.approx(1)
    assert (paint(strength=0.0) == picture.rgb).all()
    half = (painted.astype(float) + picture.rgb) / 2
    assert np.abs(paint(strength=0.5) - half).max() <= 0.5
    luminance = Color("luminance")
    assert (paint(color=luminance) == keep_color(painted, picture.rgb, luminance)[0]).all()
    assert sum(shares) == pytest.approx(1)  # nothing was painted again
    before = paint(color=Color("linear-mkl", when="before"))
    assert sum(shares) == pytest.approx(2) and (before != painted).any()


def test_what_it_cannot_paint(tulip: str) -> None:
    follower = OptimizationStylizer("lbfgs", 2, Stylizer("small"))
    for style_settings in (
        parse_settings(tulip, stroke=2),
        parse_settings(tulip, mask="radial"),
        parse_settings(f"{tulip}:1,{tulip}:1"),
    ):
        with pytest.raises(
            StyleError, match=r"lbfgs-2 cannot paint .*mixes, strokes, masks or regions"
        ):
            follower.check(style_settings)
    with pytest.raises(StyleError, match="udnie has no picture that lbfgs-2 could follow"):
        follower.check(parse_settings("udnie"))
