"""Loss terms against flaws: on pictures whose flaws are plain to see, and against definitions."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab
from torch import Tensor

from impasto.learning.losses import flaws

SIDE = 192


def noise(seed: int, side: int = SIDE) -> Tensor:
    """Gray noise around mid gray, (1, 3, side, side)."""
    generator = torch.Generator().manual_seed(seed)
    gray = 0.5 + 0.1 * torch.randn(1, 1, side, side, generator=generator)
    return gray.repeat(1, 3, 1, 1)


def test_fine_luma_of_a_flat_picture_is_zero() -> None:
    assert flaws.fine_luma(torch.full((1, 3, 64, 64), 0.3), 4.0).abs().max() < 1e-6


def test_residue_is_the_share_of_the_photograph_that_is_left() -> None:
    photo, paint = noise(1), noise(2)
    detail = flaws.find_detail(photo)
    assert detail.weights.mean() == pytest.approx(flaws.DETAILED_SHARE, abs=0.05)
    kept = 1 - flaws.KEPT_DETAIL
    assert flaws.residue_loss(photo, detail).item() == pytest.approx(kept, abs=0.01)
    assert flaws.residue_loss(paint, detail).item() == 0
    # a mixture of a^2 and b^2 of two kinds of noise correlates by a / sqrt(a^2 + b^2)
    mixed = 0.5 + 0.8 * (photo - 0.5) + 0.6 * (paint - 0.5)
    expected = 0.8 - flaws.KEPT_DETAIL
    assert flaws.residue_loss(mixed, detail).item() == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("by", [(1, -2), (2, 2)])
def test_a_subject_that_is_displaced_is_not_painted(by: tuple[int, int]) -> None:
    photo = noise(3)
    moved = photo.roll(by, (2, 3))
    left = flaws.residue_loss(moved, flaws.find_detail(photo)).item()
    assert left == pytest.approx(1 - flaws.KEPT_DETAIL, abs=0.02)


def test_a_flat_photograph_has_no_detail() -> None:
    detail = flaws.find_detail(torch.full((1, 3, SIDE, SIDE), 0.5))
    assert not detail.weights.any() and flaws.residue_loss(noise(1), detail).item() == 0


def test_repetition_ranks_stamps_above_strokes() -> None:
    stamped = noise(4, 24).repeat(1, 1, SIDE // 24, SIDE // 24)
    half = 0.5 * stamped + 0.5 * noise(5)
    tiled, mixed, free = (
        flaws.repetition_loss(picture).item() for picture in (stamped, half, noise(5))
    )
    assert tiled > 0.7 > mixed > 0.2 and free < 0.02


def test_repetition_has_a_gradient_that_is_finite_without_paint() -> None:
    flat = torch.full((1, 3, SIDE, SIDE), 0.5, requires_grad=True)
    flaws.repetition_loss(flat).sum().backward()
    assert flat.grad is not None and flat.grad.isfinite().all()


def mesh(levels: float) -> Tensor:
    """A checkerboard of 2 x 2 pixels around mid gray, (1, 3, SIDE, SIDE)."""
    line = torch.arange(SIDE) // 2 % 2 * 2 - 1
    return 0.5 + levels / 255 * (line[:, None] * line).expand(1, 3, -1, -1)


def test_spectrum_of_white_noise_is_its_variance() -> None:
    level = flaws.spectrum(noise(7))[:, 0].mean().item()
    # the mean logarithm of a power that varies as the square of noise does is 0.577 below that of
    # its mean (Euler's constant), as sine and cosine vary on their own
    variance = 0.01 + (flaws.LEAST_DEVIATION / 255) ** 2
    assert level == pytest.approx(np.log(variance) - np.euler_gamma, abs=0.05)


def test_spectrum_of_gray_pictures_has_no_color() -> None:
    least = 2 * np.log(flaws.LEAST_DEVIATION / 255)
    np.testing.assert_allclose(flaws.spectrum(noise(8))[:, 1:].numpy(), least, atol=1e-3)


def test_spectrum_tells_a_mesh_from_grain_of_the_same_energy() -> None:
    grain = 0.5 + 0.04 * (noise(9) - 0.5) / 0.1
    same = 0.5 + 0.04 * (noise(10) - 0.5) / 0.1
    woven = mesh(0.04 * 255)
    assert woven.std().item() == pytest.approx(grain.std().item(), rel=0.02)
    target = flaws.spectrum(grain)
    near, far = (flaws.spectrum_loss(picture, target).item() for picture in (same, woven))
    assert near < 0.15 and far > 10 * near


def test_spectrum_finds_a_mesh_over_the_smooth_parts_of_a_picture() -> None:
    """Strong grain in a half of a picture does not hide a faint mesh in the other half."""
    half = torch.full((1, 3, SIDE, SIDE), 0.5)
    half[..., : SIDE // 2] = noise(11)[..., : SIDE // 2]
    target = flaws.spectrum(half)
    assert flaws.spectrum_loss(half, target).item() == 0
    assert flaws.spectrum_loss(half + mesh(4) - 0.5, target).item() > 0.2


def test_spectrum_does_not_compare_strokes() -> None:
    line = torch.arange(SIDE)
    wave = 0.5 + 0.2 * torch.sin(2 * np.pi * line / 48).expand(1, 3, SIDE, SIDE)
    flat = torch.full((1, 3, SIDE, SIDE), 0.5)
    assert flaws.spectrum_loss(wave, flaws.spectrum(flat)).item() < 0.1


def test_contrast_of_white_noise_is_its_deviation() -> None:
    fine, coarse = flaws.local_contrast(noise(12)).mean((0, 2, 3)).tolist()
    # a mean of 25 has a 25th of the variance; that of 17 x 17 of these takes little of it away
    assert fine == pytest.approx(np.log(0.1 * np.sqrt(24 / 25)), abs=0.02)
    assert coarse == pytest.approx(np.log(0.1 * np.sqrt(1 / 25)), abs=0.1)


def test_a_flat_picture_has_the_least_contrast() -> None:
    flat = torch.full((1, 3, SIDE, SIDE), 0.5)
    least = np.log(flaws.LEAST_CONTRAST / 255)
    np.testing.assert_allclose(flaws.local_contrast(flat).numpy(), least, atol=1e-3)


def test_places_are_ranked_among_those_of_all_photographs() -> None:
    photographs = torch.cat(
        [0.5 + deviation * (noise(13) - 0.5) / 0.1 for deviation in np.linspace(0.005, 0.1, 20)]
    )
    contrast = flaws.local_contrast(photographs)
    ranks = flaws.contrast_ranks(contrast, flaws.contrast_scale(contrast)).mean((1, 2, 3))
    np.testing.assert_allclose(ranks.numpy(), np.linspace(0.025, 0.975, 20), atol=0.03)


def half_busy(seed: int, busy: int) -> Tensor:
    """Make a picture with noise in its left half (0) or its right one (1)."""
    picture = torch.full((1, 3, SIDE, SIDE), 0.5)
    half = slice(busy * SIDE // 2, (busy + 1) * SIDE // 2)
    picture[..., half] = noise(seed)[..., half]
    return picture


def test_contrast_asks_for_marks_where_the_photograph_has_them() -> None:
    photograph = half_busy(14, busy=0)
    contrast = flaws.local_contrast(photograph)
    ranks = flaws.contrast_ranks(contrast, flaws.contrast_scale(contrast))
    style = flaws.contrast_quantiles(half_busy(15, busy=1))  # wherever they are in the style
    inside, beside = (
        flaws.contrast_loss(half_busy(16, busy), ranks, style).item() for busy in (0, 1)
    )
    assert inside < 0.1 and beside > 1


def test_contrast_lets_a_style_be_busy_everywhere() -> None:
    contrast = flaws.local_contrast(half_busy(17, busy=0))
    ranks = flaws.contrast_ranks(contrast, flaws.contrast_scale(contrast))
    style = flaws.contrast_quantiles(noise(18))
    everywhere, half = (
        flaws.contrast_loss(picture, ranks, style).item()
        for picture in (noise(19), half_busy(20, busy=0))
    )
    assert everywhere == pytest.approx(0, abs=1e-3) and half > 0.3


def test_lab_is_that_of_scikit_image() -> None:
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(6))
    expected = rgb2lab(picture[0].permute(1, 2, 0).numpy())
    np.testing.assert_allclose(
        flaws.to_lab(picture)[0].permute(1, 2, 0).numpy(), expected, atol=1e-3
    )


def test_palette_of_two_colors_is_their_distance() -> None:
    first, second = (
        torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, 128, 128).contiguous()
        for color in ((0.8, 0.4, 0.2), (0.7, 0.5, 0.3))
    )
    distance = (flaws.to_lab(first) - flaws.to_lab(second))[0, :, 0, 0].square().sum().item()
    loss = flaws.palette_loss(first, flaws.palette(second)).item()
    # the mean square along directions that are spread evenly is a third of the squared distance
    assert loss**2 * flaws.MIN_PALETTE_VARIANCE == pytest.approx(distance, rel=0.2)
    least = flaws.MIN_PALETTE_SQUARE**0.5
    assert flaws.palette_loss(first, flaws.palette(first)).item() == pytest.approx(least, rel=0.1)


def test_palette_does_not_depend_on_where_colors_are() -> None:
    picture = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(7))
    assert flaws.palette_loss(picture.flip(2, 3), flaws.palette(picture)).item() < 0.1


def test_nearest_is_the_cosine_distance_to_the_nearest_mark() -> None:
    generator = torch.Generator().manual_seed(8)
    style = torch.randn(2, 5, 6, 7, generator=generator)
    f = torch.randn(2, 5, 8, 8, generator=generator)
    marks = flaws.pick_marks(style, 42)
    expected = []
    for one, picture in zip(style, f, strict=True):
        center = one.mean((1, 2))
        candidates = (one - center[:, None, None]).flatten(1).T
        places = (picture[:, ::2, 1::2] - center[:, None, None]).flatten(1).T
        cosine = torch.nn.functional.cosine_similarity(places[:, None], candidates[None], dim=2)
        expected.append(1 - cosine.amax(1).mean())
    torch.testing.assert_close(flaws.nearest_loss(f, marks), torch.stack(expected))


def test_marks_repeat_where_there_are_too_few() -> None:
    marks = flaws.pick_marks(torch.randn(1, 3, 2, 2), 10)
    assert marks.features.shape == (1, 10, 3)
    torch.testing.assert_close(marks.features.norm(dim=2), torch.ones(1, 10))
