"""Views of pictures from which prediction is learned."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.errors import TrainingError
from impasto.learning.data.style_crops import SIDE, StyleCrops, recolored
from learning.tiny import texture


@pytest.fixture
def art(tmp_path: Path) -> StyleCrops:
    (tmp_path / "more").mkdir()
    Image.fromarray(texture(1, 300, 400)).save(tmp_path / "one.png")
    Image.fromarray(texture(2, 700, 500)).save(tmp_path / "more" / "two.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    return StyleCrops([tmp_path / "more", tmp_path], seed=3)


def test_the_same_numbers_give_the_same_view_and_others_another(art: StyleCrops) -> None:
    again = StyleCrops([path.parent for path in art.paths], seed=3)
    again.paths = art.paths
    np.testing.assert_array_equal(art.view(5, 1), again.view(5, 1))
    assert not np.array_equal(art.view(5, 1)[:64, :64], art.view(5, 2)[:64, :64])
    assert not np.array_equal(art.view(5, 1)[:64, :64], art.view(6, 1)[:64, :64])


def test_views_are_squares_of_several_sizes_and_broken_files_are_remembered(
    art: StyleCrops,
) -> None:
    views = [art.view(number) for number in range(40)]
    assert all(view.dtype == np.uint8 and view.shape == (len(view), len(view), 3) for view in views)
    sides = {len(view) for view in views}
    assert max(sides) == SIDE and min(sides) < SIDE
    assert [Path(path).name for path in art.broken] == ["broken.jpg"]


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no pictures that impasto reads, to learn"):
        StyleCrops([tmp_path])


def test_a_folder_with_broken_pictures_alone_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    art = StyleCrops([tmp_path])
    with pytest.raises(TrainingError, match="can be read"):
        [art.view(number) for number in range(30)]  # a few of them are generated


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_recoloring_keeps_where_things_are(seed: int) -> None:
    """Edges stay at their places: what has one color has one color afterwards."""
    picture = np.repeat(
        np.repeat(np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8), 6, 0), 6, 1
    )
    changed = recolored(picture, np.random.default_rng(seed))
    assert changed.shape == picture.shape and changed.dtype == np.uint8
    blocks = changed.reshape(4, 6, 5, 6, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()
