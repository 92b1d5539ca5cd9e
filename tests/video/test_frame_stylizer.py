"""Frames painted in a manner: colors that follow the scene without flicker, masks that lie
still."""

from pathlib import Path

import numpy as np
import pytest
from pictures import UInt8, photo
from PIL import Image

from impasto.errors import MaskError
from impasto.inference.color import Color, keep_color
from impasto.inference.prepared_style import PreparedStyle
from impasto.inference.settings import parse_settings
from impasto.stylizer import Stylizer
from impasto.video.frame_stylizer import FrameStyle, FrameStylizer, SteadyColor
from impasto.video.temporal.frozen_statistics import SteadyStyle


@pytest.fixture(scope="module")
def exact() -> Stylizer:
    return Stylizer("small", precision="f32")


def alone(prepared: PreparedStyle) -> FrameStyle:
    """Every frame by itself."""
    return prepared.paint


def test_a_frame_is_painted_as_a_picture(exact: Stylizer, scene: UInt8) -> None:
    mask = np.zeros((120, 160), np.uint8)
    mask[:, :70] = 255
    regions = ["top-bottom=great-wave"]
    for how in (
        parse_settings("starry-night"),
        parse_settings("starry-night", 0.5, color="luminance", mask=mask),
        parse_settings("starry-night", color="histogram:0.5"),
    ):
        expected = exact.stylize(scene, how.style, how.strength, color=how.color, mask=how.mask)
        off = np.abs(FrameStylizer(exact, how, alone)(scene).astype(int) - expected)
        assert off.mean() < 1
    # styles of a gradient are blended, not mixed
    found = FrameStylizer(exact, parse_settings("starry-night", mask=mask, regions=regions), alone)(
        scene
    )
    assert (found[:, 70:] == scene[:, 70:]).all()
    for rows, style in ((slice(0, 1), "starry-night"), (slice(-1, None), "great-wave")):
        assert (
            np.abs(found[rows, :70].astype(int) - exact.stylize(scene, style)[rows, :70]).mean() < 3
        )


def test_colors_before_are_those_of_the_first_frame(
    exact: Stylizer, scene: UInt8, tmp_path: Path
) -> None:
    path = tmp_path / "style.png"
    Image.fromarray(photo(80, 80)).save(path)
    how = parse_settings(path, color=Color("linear-mkl", when="before"))
    paint = FrameStylizer(exact, how, alone)
    assert np.abs(paint(scene).astype(int) - exact.stylize(scene, path, color=how.color)).mean() < 1
    assert paint(scene[::-1].copy()).shape == scene.shape


def test_without_strength_frames_stay(exact: Stylizer, scene: UInt8) -> None:
    paint = FrameStylizer(exact, parse_settings("starry-night", 0, color="histogram"), SteadyStyle)
    assert (paint(scene) == scene).all()


def test_frames_have_no_transparency(exact: Stylizer) -> None:
    with pytest.raises(MaskError, match="alpha"):
        FrameStylizer(exact, parse_settings("starry-night", mask="alpha"), alone)


def test_palettes_follow_slowly_and_start_anew_at_a_cut(scene: UInt8) -> None:
    """What moves into the frame hardly changes colors at once; another scene has its own."""
    painted = np.ascontiguousarray(scene[:, ::-1])
    color = SteadyColor(Color("linear-pca"))
    first = color(painted, scene)
    assert np.abs(first.astype(int) - keep_color(painted, scene, Color("linear-pca"))[0]).mean() < 2
    moved = scene.copy()
    moved[:30, :30] = (255, 0, 0)
    alone = keep_color(painted, moved, Color("linear-pca"))[0]
    shift = np.abs(color(painted, moved).astype(int) - first).mean()
    assert shift < 0.3 * np.abs(alone.astype(int) - first).mean()
    dark = (scene // 4).astype(np.uint8)
    cut = np.abs(
        color(painted, dark).astype(int) - keep_color(painted, dark, Color("linear-pca"))[0]
    ).mean()
    assert cut < 2
