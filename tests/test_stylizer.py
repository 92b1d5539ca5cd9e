"""The stylizer: photos in, arrays out, of the same size exactly, painted and not lost."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pictures import UInt8, photo

from impasto.errors import PictureError
from impasto.images.resize import resize_short_side
from impasto.stylizer import Stylizer


def differs(one: UInt8, other: UInt8) -> float:
    """The mean difference of two pictures of one size, in levels of 255."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.slow
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(height=st.integers(1, 90), width=st.integers(1, 90))
@example(1, 1)
@example(7, 5)
@example(1, 90)
@example(65, 64)
def test_any_size_is_kept(stylizer: Stylizer, height: int, width: int) -> None:
    picture = photo(height, width)
    kept = picture.copy()
    painted = stylizer.stylize(picture, "starry-night")
    assert painted.shape == (height, width, 3)
    assert painted.dtype == np.uint8
    assert differs(painted, picture) > 1
    assert np.array_equal(picture, kept), "the photograph itself was changed"


# by network; 31 and more without the margin. `large` sees farther, and paints more boldly.
EDGE_LEVELS = {"large": 15, "base": 13, "small": 13}


@pytest.mark.slow
def test_edges_are_painted_as_the_rest(stylizer: Stylizer) -> None:
    """A picture that goes on in its own mirror image has no edge there: what is painted at it is
    what there would be."""
    picture = photo(120, 160)
    mirrored = np.concatenate([picture[:, ::-1], picture], 1)
    apart = []
    for style in ("starry-night", "great-wave", "udnie", "the-scream", "water-lilies"):
        prepared = stylizer.prepare(style)
        edge, inside = (
            prepared.paint(picture, left=160).astype(float),
            prepared.paint(mirrored).astype(float),
        )
        apart.append(
            np.abs((edge - inside[:, 160:])[:, :3].mean(0)).mean()
        )  # of colors, from top to bottom
    assert np.mean(apart) < EDGE_LEVELS[stylizer.network.name]


def likeness(picture: UInt8, painted: UInt8) -> float:
    """How well the colours of a painting tell the light of a picture, block by block, whatever the
    colours are: 0 to 1."""
    colours, light = blocks(painted), blocks(picture).mean(1)
    colours = np.column_stack([colours, np.ones(len(colours))])
    told = colours @ np.linalg.lstsq(colours, light, rcond=None)[0]
    return float(np.corrcoef(told, light)[0, 1])


def blocks(picture: UInt8, side: int = 8) -> NDArray[np.float64]:
    """The mean colours of square blocks, (count, 3)."""
    height, width = (length // side for length in picture.shape[:2])
    cut = picture[: height * side, : width * side].astype(float)
    return cut.reshape(height, side, width, side, 3).mean((1, 3)).reshape(-1, 3)


@pytest.mark.parametrize("style", ["starry-night", "great-wave", "roman-mosaic"])
def test_a_style_shows_and_keeps_the_subject(stylizer: Stylizer, style: str) -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image has the portrait")
    picture = resize_short_side(data.astronaut(), 240)
    painted = stylizer.stylize(picture, style)
    assert differs(painted, picture) > 10
    assert painted.std(axis=(0, 1)).min() > 15, "a flat colour"
    others = [
        likeness(other, painted) for other in (picture[::-1], picture[:, ::-1], picture[::-1, ::-1])
    ]
    assert likeness(picture, painted) > max(others) + 0.3, (
        "the subject is lost: it might be a painting of another picture"
    )


def test_styles_differ(stylizer: Stylizer, scene: UInt8) -> None:
    assert (
        differs(stylizer.stylize(scene, "starry-night"), stylizer.stylize(scene, "great-wave")) > 10
    )


@pytest.mark.parametrize("height, width", [(60, 100), (121, 83)])
def test_a_picture_is_painted_where_it_lies(stylizer: Stylizer, height: int, width: int) -> None:
    """The border that small and odd pictures get is cut where it was added."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 3] = 255
    light = stylizer.stylize(picture, "photo").mean(-1) > 127
    assert (light == (picture.mean(-1) > 127)).mean() > 0.97


def test_the_same_call_gives_the_same_bytes(stylizer: Stylizer, scene: UInt8) -> None:
    first = stylizer.stylize(scene, "starry-night")
    stylizer.stylize(scene[:77], "great-wave")
    assert np.array_equal(stylizer.stylize(scene, "starry-night"), first)
    assert np.array_equal(Stylizer(stylizer.network).stylize(scene, "starry-night"), first)


def test_views_and_other_orders_of_memory(stylizer: Stylizer, scene: UInt8) -> None:
    turned = scene.transpose(1, 0, 2)[::-1]
    assert np.array_equal(
        stylizer.stylize(turned, "great-wave"),
        stylizer.stylize(np.ascontiguousarray(turned), "great-wave"),
    )


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((8, 8, 3)),
        np.zeros((8, 8, 2), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((1, 8, 8, 3), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_picture(stylizer: Stylizer, picture: Any) -> None:
    with pytest.raises(PictureError, match="cannot read"):
        stylizer.stylize(picture, "starry-night")
