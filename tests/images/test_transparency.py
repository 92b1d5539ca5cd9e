"""Hidden colors have no effect: in reading, resizing, painting, styles, frames and training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import UInt8, photo
from PIL import Image, ImageDraw

from impasto.images import vips
from impasto.images.image import Picture
from impasto.images.reading import read, read_header, to_picture
from impasto.images.rows import ArrayRows, CoveredRows
from impasto.images.transparency import VisibleColors, cover_clear, make_opaque, resize_visible
from impasto.models.gallery import find_style
from impasto.stylizer import Stylizer
from impasto.video.animations import AnimationReader
from impasto.video.clip import Frame, TimeSpan

HIDDEN = [(0, 0, 0), (255, 255, 255), (255, 0, 255)]


def cut_out(height: int, width: int, hidden: tuple[int, int, int]) -> UInt8:
    """A photo with a soft-edged ellipse of it visible, uint8 (H, W, 4)."""
    shape = Image.new("L", (4 * width, 4 * height), 0)
    box = (width, height, 3 * width, 3 * height)
    ImageDraw.Draw(shape).ellipse(box, fill=255)
    alpha = np.array(shape.resize((width, height), Image.Resampling.BOX))
    rgb = photo(height, width).copy()
    rgb[alpha == 0] = hidden
    return np.dstack([rgb, alpha])


def palette_png(pixels: UInt8, path: Path) -> None:
    """A palette with a transparent entry that has the hidden color."""
    hidden = pixels[0, 0, :3]
    visible = np.where(pixels[..., 3:] > 127, 1, 0)
    color = np.array([[hidden], [[200, 30, 60]]], np.uint8)
    image = Image.fromarray(visible[..., 0].astype(np.uint8))
    image = image.convert("P")
    image.putpalette(color.ravel().tolist())
    image.save(path, transparency=0)


SAVED: dict[str, Callable[[UInt8, Path], None]] = {
    "rgba.png": lambda pixels, path: Image.fromarray(pixels).save(path),
    "la.png": lambda pixels, path: Image.fromarray(pixels).convert("LA").save(path),
    "rgba.tif": lambda pixels, path: Image.fromarray(pixels).save(path),
    "rgba.webp": lambda pixels, path: Image.fromarray(pixels).save(path, lossless=True, exact=True),
    "palette.png": palette_png,
    "palette.gif": palette_png,
}


@pytest.mark.parametrize("name", SAVED)
def test_files_that_look_alike_are_read_alike(tmp_path: Path, name: str) -> None:
    pictures = []
    for hidden in HIDDEN:
        SAVED[name](cut_out(40, 60, hidden), tmp_path / name)
        pictures.append(read(tmp_path / name))
    first = pictures[0]
    assert first.alpha is not None and first.alpha.min() == 0
    for other in pictures[1:]:
        assert np.array_equal(other.rgb, first.rgb)
        assert other.alpha is not None and np.array_equal(other.alpha, first.alpha)


def test_visible_colors_stay_and_spread() -> None:
    pixels = cut_out(300, 500, (0, 255, 0))
    pixels[..., :3] = (200, 40, 30)
    pixels[pixels[..., 3] == 0] = (0, 255, 0, 0)
    covered = cover_clear(pixels[..., :3], pixels[..., 3])
    assert (covered == (200, 40, 30)).all()
    two = np.zeros((50, 100, 4), np.uint8)
    two[:, :20], two[:, 80:] = (250, 0, 0, 255), (0, 0, 250, 255)
    covered = cover_clear(two[..., :3], two[..., 3])
    assert (covered[:, :20] == (250, 0, 0)).all() and (covered[:, 80:] == (0, 0, 250)).all()
    assert covered[25, 25, 0] > 150 > 50 > covered[25, 75, 0]


def test_a_picture_that_is_clear_all_over_is_white() -> None:
    pixels = np.zeros((20, 30, 4), np.uint8)
    assert (to_picture(pixels).rgb == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (513, 3), (40, 60), (300, 290)])
def test_bands_give_what_the_whole_gives(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (*size, 3), np.uint8)
    alpha = (rng.random(size) < 0.3).astype(np.uint8) * rng.integers(1, 256, size, np.uint8)
    whole = cover_clear(rgb, alpha) if alpha.min() == 0 else rgb
    bands = [(rgb[top : top + 7], alpha[top : top + 7]) for top in range(0, size[0], 7)]
    colors = VisibleColors(*size, bands)
    parts = [colors.cover(band, of_band, 7 * row) for row, (band, of_band) in enumerate(bands)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert (whole[alpha > 0] == rgb[alpha > 0]).all()


def test_opaque_colors_follow_the_alpha() -> None:
    rgb = np.full((10, 10, 3), 200, np.uint8)
    alpha = np.full((10, 10), 255, np.uint8)
    rgb[5, 5], alpha[5, 5] = 0, 2  # hardly visible
    assert make_opaque(rgb, alpha)[5, 5, 0] > 195
    assert Picture(rgb).opaque() is rgb


def test_less_visible_colors_count_less_in_resizing() -> None:
    """The definition: colors and alpha are premultiplied, resampled and divided."""
    rng = np.random.default_rng(5)
    rgb, alpha = (
        rng.integers(0, 256, (60, 80, 3), np.uint8),
        rng.integers(0, 256, (60, 80), np.uint8),
    )
    found = resize_visible(rgb, alpha, (20, 15), Image.Resampling.BOX).astype(float)
    weight = alpha.astype(float).reshape(15, 4, 20, 4)
    sums = (rgb.astype(float).reshape(15, 4, 20, 4, 3) * weight[..., None]).sum((1, 3))
    assert np.abs(found - sums / weight.sum((1, 3))[..., None]).max() <= 0.51


def test_a_smaller_cut_out_has_no_fringe() -> None:
    disc = Image.new("RGBA", (600, 600), (0, 255, 0, 0))
    ImageDraw.Draw(disc).ellipse((100, 100, 500, 500), fill=(200, 40, 40, 255))
    stylizer = Stylizer("small", precision="f32")
    small = stylizer.stylize(disc, "udnie", strength=0, size=150)
    visible = small[..., 3] > 0
    assert np.abs(small[visible][:, :3].astype(int) - (200, 40, 40)).max() <= 1


def test_hidden_colors_change_no_painting(tmp_path: Path) -> None:
    stylizer, paintings = Stylizer("small", precision="f32"), []
    for hidden in HIDDEN:
        pixels = cut_out(64, 96, hidden)
        Image.fromarray(pixels).save(tmp_path / "cut.png")
        paintings.append(
            [
                stylizer.stylize(tmp_path / "cut.png", "udnie"),
                stylizer.stylize(pixels, "udnie", size=40, color="histogram"),
                stylizer.stylize(Image.fromarray(pixels), "udnie", stroke=2),
                stylizer.stylize(Picture(pixels[..., :3], pixels[..., 3]), "udnie"),
                stylizer.stylize(photo(64, 96), pixels),
                stylizer.stylize(photo(64, 96), find_style(tmp_path / "cut.png")),
            ]
        )
        find_style.__globals__["_picture_style"].cache_clear()
    for others in paintings[1:]:
        assert all(map(np.array_equal, others, paintings[0]))


def test_rows_are_covered_as_the_picture_in_memory_is(tmp_path: Path) -> None:
    pytest.importorskip("pyvips")
    Image.fromarray(cut_out(300, 400, (0, 255, 0))).save(tmp_path / "cut.png")
    header, picture = read_header(tmp_path / "cut.png"), read(tmp_path / "cut.png")
    colors = vips.VipsRows(tmp_path / "cut.png", header)
    alpha = vips.VipsRows(tmp_path / "cut.png", header, alpha=True)
    covered = CoveredRows(colors, alpha)
    assert np.array_equal(covered.to_array(), picture.rgb)
    assert np.array_equal(covered.reopen().rows(70, 90), picture.rgb[70:90])
    assert isinstance(ArrayRows(picture.rgb), ArrayRows)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_frames_that_look_alike_are_read_alike(tmp_path: Path, suffix: str) -> None:
    frames: list[list[UInt8]] = []
    path = tmp_path / f"clip{suffix}"
    for hidden in HIDDEN[:2]:
        one = Image.fromarray(cut_out(40, 60, hidden))
        other = one.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        options: dict[str, Any] = {"lossless": True, "exact": True} if suffix == ".webp" else {}
        one.save(path, save_all=True, append_images=[other], duration=100, **options)
        with AnimationReader(path, TimeSpan(), 10**6) as clip:
            items = [item for item in clip.items() if isinstance(item, Frame)]
        assert all(item.alpha is not None for item in items)
        if suffix == ".gif":  # whose palette depends on all pixels
            assert (items[0].rgb[0, 0] != hidden).any()
            return
        frames.append([item.rgb for item in items])
    assert all(map(np.array_equal, *frames))
