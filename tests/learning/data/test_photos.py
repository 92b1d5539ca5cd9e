"""Content for training: crops of a folder of photographs, whatever else lies in it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.errors import TrainingError
from impasto.learning.data.photos import ContentImages, PhotoFolder, random_crop
from learning.tiny import texture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photographs in a tree, and things that are none."""
    for seed, name in enumerate(["b.jpg", "deep/er/a.PNG", "deep/c.webp"]):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(texture(seed, 90, 120)).save(path)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.jpg").mkdir()
    return tmp_path


def break_some(folder: Path) -> set[str]:
    """Puts broken pictures among the good ones; their paths."""
    whole = (folder / "b.jpg").read_bytes()
    (folder / "a-text.jpg").write_text("this is no JPEG")
    (folder / "deep" / "cut.jpeg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").touch()
    return {str(folder / name) for name in ("a-text.jpg", "deep/cut.jpeg", "empty.png")}


def test_every_picture_of_a_tree(folder: Path) -> None:
    content: ContentImages = PhotoFolder(folder)
    assert content.pool == 3
    assert PhotoFolder(folder, crops=2).pool == 6
    assert content.description == "3 photographs"
    assert content.crop(0, 64).shape == (64, 64, 3)
    assert content.crop(0, 64).dtype == np.uint8
    assert content.broken == set()


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31), number=st.integers(0, 50), size=st.integers(16, 300))
def test_same_seed_number_and_size_same_picture(
    seed: int, number: int, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "same"
    if not folder.exists():
        folder.mkdir()
        for n in range(2):
            Image.fromarray(texture(n, 90, 120)).save(folder / f"{n}.png")
    one, other = PhotoFolder(folder, seed), PhotoFolder(folder, seed)
    one.crop(number + 1, size)  # what came before does not matter
    np.testing.assert_array_equal(one.crop(number, size), other.crop(number, size))


def test_numbers_and_seeds_give_other_crops(folder: Path) -> None:
    crops = {
        PhotoFolder(folder, seed).crop(number, 64).tobytes()
        for seed in range(3)
        for number in range(6)
    }
    assert len(crops) == 18


def test_all_photographs_are_used(folder: Path) -> None:
    means = {
        tuple(np.round(PhotoFolder(folder).crop(number, 256).mean((0, 1)) / 12))
        for number in range(3)
    }
    assert len(means) == 3


def test_broken_pictures_are_skipped_and_remembered(folder: Path) -> None:
    broken = break_some(folder)
    content = PhotoFolder(folder)
    crops = [content.crop(number, 64) for number in range(content.pool)]
    assert content.broken == broken
    assert all(crop.std() > 1 for crop in crops)
    again = PhotoFolder(folder)
    for number in reversed(range(content.pool)):
        np.testing.assert_array_equal(
            again.crop(number, 64), crops[number], err_msg="broken ones do not shift the others"
        )


def test_pictures_that_vanish_are_skipped_too(folder: Path) -> None:
    content = PhotoFolder(folder)
    (folder / "b.jpg").unlink()
    for number in range(content.pool):
        content.crop(number, 64)
    assert content.broken == {str(folder / "b.jpg")}


def test_nothing_but_broken_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("this is no JPEG")
    content = PhotoFolder(tmp_path)
    with pytest.raises(TrainingError, match="none of the pictures"):
        content.crop(0, 64)


def test_empty_folder_and_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(TrainingError, match=rf"{folder} holds no pictures .*--photos"):
            PhotoFolder(folder)


# Random_crop


@settings(deadline=None, max_examples=60)
@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    size=st.integers(8, 96),
    least=st.integers(8, 200),
    more=st.integers(0, 100),
    seed=st.integers(0, 2**31),
)
def test_crops_of_pictures_of_any_size(
    width: int, height: int, size: int, least: int, more: int, seed: int
) -> None:
    picture = Image.new("RGB", (width, height), (200, 100, 50))
    crop = random_crop(picture, size, np.random.default_rng(seed), (least, least + more))
    assert crop.shape == (size, size, 3)
    assert (crop == (200, 100, 50)).all(), "nothing comes from beyond the border"


def slopes(seed: int, short: float, size: int) -> tuple[float, float]:
    """Rise per pixel, across and down, in a crop of a picture, 200 x 100, whose red rises by 1
    across and green by 2 down."""
    across, down = np.meshgrid(np.arange(200), 2 * np.arange(100))
    picture = Image.fromarray(np.stack([across, down, 0 * down], -1).astype(np.uint8))
    crop = random_crop(picture, size, np.random.default_rng(seed), (short, short)).astype(float)
    inside = crop[4:-4, 4:-4]
    return np.diff(inside[:, :, 0], axis=1).mean(), np.diff(inside[:, :, 1], axis=0).mean()


@pytest.mark.parametrize("short, factor", [(100, 1.0), (200, 0.5), (50, 2.0)])
def test_the_short_side_is_brought_to_the_scale(short: int, factor: float) -> None:
    for seed in range(10):
        across, down = slopes(seed, short, 40)
        assert abs(across) == pytest.approx(factor, rel=0.1)
        assert down == pytest.approx(2 * factor, rel=0.1), "never upside down"


def test_half_of_the_crops_are_mirrored() -> None:
    mirrored = sum(slopes(seed, 100, 40)[0] < 0 for seed in range(200))
    assert 70 < mirrored < 130


def test_crops_come_from_everywhere() -> None:
    across = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
    picture = Image.fromarray(np.stack([across] * 3, -1))
    lefts = [
        random_crop(picture, 40, np.random.default_rng(seed), (100, 100)).min()
        for seed in range(200)
    ]
    assert min(lefts) < 10
    assert max(lefts) > 145


def test_flat_parts_are_avoided() -> None:
    pixels = texture(0, 100, 200)
    pixels[:, 70:] = 128
    drawn = [
        random_crop(Image.fromarray(pixels), 40, np.random.default_rng(seed), (100, 100)).std()
        for seed in range(100)
    ]
    flat = sum(deviation <= 1 for deviation in drawn)
    assert flat < 20, "of 90 starts across a part of 56 %, five in a row are 6 %"
