"""Sides that meet: the largest step across the seam is not above those inside."""

import numpy as np
import pytest
from numpy.typing import NDArray

from impasto.images.image import UInt8
from impasto.images.rows import ArrayRows
from impasto.inference import tile_grid
from impasto.inference.settings import parse_settings
from impasto.inference.wrapping import paint_wrapped
from impasto.stylizer import Stylizer

pytestmark = pytest.mark.slow


def panorama(height: int, width: int) -> UInt8:
    """A picture whose sides meet, both ways."""
    y, x = np.mgrid[0:height, 0:width] * 2 * np.pi / np.array([height, width])[:, None, None]
    waves = [np.sin(3 * x + np.cos(2 * y)), np.cos(2 * x) * np.sin(y), np.sin(x + 4 * y)]
    return np.rint(128 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def steps(painted: UInt8, axis: int) -> NDArray[np.float64]:
    """The mean step from each line to the next, the last of them across the seam."""
    lines = painted.astype(float)
    return np.abs(np.roll(lines, -1, axis) - lines).mean(axis=(1 - axis, 2))


@pytest.fixture(scope="module")
def small() -> Stylizer:
    return Stylizer("small", precision="f32")


@pytest.mark.parametrize("stroke", [0.5, 1, 2.5])
@pytest.mark.parametrize("wrap", ["none", "horizontal", "both"])
@pytest.mark.parametrize("style", ["starry-night", "udnie"])
def test_the_seam_is_like_all_other_places(
    small: Stylizer, style: str, wrap: str, stroke: float
) -> None:
    photo = panorama(150, 300)
    painted = small.stylize(photo, style, stroke=stroke, wrap=wrap)
    assert painted.shape == photo.shape
    across, down = steps(painted, 1), steps(painted, 0)
    if wrap != "none":
        assert across[-1] <= across[:-1].max()
    if wrap == "both":
        assert down[-1] <= down[:-1].max()
    if wrap == "none" and (style, stroke) == ("udnie", 1):  # so the test would see a seam
        assert across[-1] > across[:-1].max()


def test_wrapping_in_tiles(small: Stylizer) -> None:
    photo = panorama(300, 500)
    whole = small.stylize(photo, "udnie", wrap="both").astype(int)
    with tile_grid.limit_tiles(tile_grid.TileLimits(100_000, 256)):
        tiled = small.stylize(photo, "udnie", wrap="both")
    assert np.abs(tiled - whole).mean() < 1
    assert steps(tiled, 1)[-1] <= steps(tiled, 1)[:-1].max()


@pytest.mark.parametrize("size", [(1, 1), (5, 200), (200, 5), (64, 64)])
def test_small_pictures_repeat(size: tuple[int, int]) -> None:
    photo = panorama(*size)
    for wrap in ("horizontal", "both"):
        settings = parse_settings("udnie", wrap=wrap)
        found = paint_wrapped(ArrayRows(photo), settings.wrap, 1, lambda rows: rows)
        assert np.array_equal(found.to_array(), photo)


def test_strength_zero_is_the_photo(small: Stylizer) -> None:
    photo = panorama(60, 90)
    assert np.array_equal(small.stylize(photo, "udnie", strength=0, wrap="both"), photo)


def test_sides_that_there_are_not() -> None:
    with pytest.raises(ValueError, match="horizontal, both"):
        parse_settings("udnie", wrap="vertical")
