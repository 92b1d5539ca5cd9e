"""Measures of flaws: against their definitions, and on pictures whose flaws are plain to see."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab

from impasto.learning.evaluation import flaws
from learning.tiny import UInt8, texture

SIDE = 256
SKY = np.linspace(150, 190, SIDE)[:, None].repeat(SIDE, 1)  # a photograph of nothing, (H, W)
Floats = NDArray[np.float64]


def gray(luma: Floats) -> UInt8:
    """A gray picture of this luma."""
    return luma.round().clip(0, 255).astype(np.uint8)[..., None].repeat(3, 2)


def noise(seed: int, deviation: float = 1, height: int = SIDE, width: int = SIDE) -> Floats:
    return np.random.default_rng(seed).normal(0, deviation, (height, width))


def stamp(places: list[tuple[int, int]]) -> Floats:
    """The same mark of 32 pixels at all these places, (H, W)."""
    marks = np.zeros((SIDE, SIDE))
    for y, x in places:
        marks[y : y + 32, x : x + 32] += noise(0, 20, 32, 32)
    return marks


GRID = [(y, x) for y in range(0, SIDE, 32) for x in range(0, SIDE, 32)]
# every mark somewhere else by up to 12 pixels
JITTERED = [
    tuple(np.clip(place + np.random.default_rng(i).integers(-12, 13, 2), 0, SIDE - 32))
    for i, place in enumerate(np.array(GRID))
]


def test_repetition_ranks_a_tiled_stamp_above_scattered_ones_above_strokes() -> None:
    tiled = flaws.repetition(gray(SKY + stamp(GRID)))
    scattered = flaws.repetition(gray(SKY + stamp(JITTERED)))
    strokes = flaws.repetition(gray(SKY + noise(1, 20)))
    assert tiled > 0.9 > 0.4 > scattered > strokes
    assert strokes < 0.05


def test_repetition_falls_with_the_share_of_the_stamp() -> None:
    """Where noise of the same strength lies over a tiled stamp, half of the energy repeats."""
    for share in (0.25, 0.5, 0.75):
        luma = SKY + np.sqrt(share) * stamp(GRID) + np.sqrt(1 - share) * noise(1, 20)
        assert flaws.repetition(gray(luma)) == pytest.approx(share, abs=0.05)


def test_repetition_is_the_largest_correlation_of_shifted_copies() -> None:
    """By the definition, shift by shift, of a part with weights of one."""
    height, width = 40, 96
    picture = texture(3, height, width)
    part = np.zeros((height, width), bool)
    part[4:30, 5:90] = True
    margin = round(height / 16)
    part[:margin], part[-margin:], part[:, :margin], part[:, -margin:] = (False,) * 4
    luma = picture @ [0.299, 0.587, 0.114]
    blur = gaussian_filter(luma * part, 12) / gaussian_filter(part * 1.0, 12)
    fine = np.where(part, luma - blur - (luma - blur)[part].mean(), 0)
    best = 0.0
    for dy in range(height):
        for dx in range(-width + 1, width):
            if 12 < np.hypot(dy, dx) < 160:
                a = slice(0, height - dy), slice(max(0, -dx), width - max(0, dx))
                b = slice(dy, height), slice(max(0, dx), width + min(0, dx))
                overlap = max((part[a] & part[b]).sum(), 0.2 * part.sum())
                best = max(best, (fine[a] * fine[b]).sum() / overlap)
    expected = best / (fine[part].var() + 1)
    assert flaws.repetition(picture, part) == pytest.approx(expected)


def test_repetition_of_a_part_sees_nothing_else() -> None:
    top = np.arange(SIDE)[:, None].repeat(SIDE, 1) < 160
    luma = np.where(top, SKY + noise(1, 20), SKY + stamp(GRID))
    assert flaws.repetition(gray(luma), top) < 0.2
    assert flaws.repetition(gray(luma), ~top) > 0.8
    assert flaws.repetition(gray(luma), np.zeros_like(top)) == 0
    dark_below = np.where(top, luma, 0)
    assert flaws.repetition(gray(dark_below), top) == flaws.repetition(gray(luma), top)


def test_smooth_pictures_have_no_marks_and_rounding_is_none() -> None:
    for picture in flaws.smooth_pictures(SIDE).values():
        assert picture.shape == (SIDE, 320, 3)
        assert flaws.repetition(picture) < 0.1
    flat, gradient = flaws.smooth_pictures(64).values()
    assert len(np.unique(flat.reshape(-1, 3), axis=0)) == 1
    assert gradient.std((0, 1)).min() > 3


def test_the_sky_is_the_largest_smooth_part() -> None:
    luma = SKY.copy()
    luma[120:] += noise(1, 30)[120:]
    sky = flaws.find_sky(gray(luma))
    assert sky is not None
    assert sky[:104].all() and not sky[120:].any()
    # a lake below the trees is smooth too, and smaller
    luma[210:] = SKY[210:]
    again = flaws.find_sky(gray(luma))
    assert again is not None and np.array_equal(sky, again)
    assert flaws.find_sky(gray(SKY + noise(1, 30))) is None
    luma = SKY + noise(1, 30)
    luma[:60, :60] = 150  # too small
    assert flaws.find_sky(gray(luma)) is None


def half(left: Floats, right: Floats) -> Floats:
    return np.hstack([left[:, : SIDE // 2], right[:, SIDE // 2 :]])


PHOTO = half(128 + noise(1, 40), 128 + noise(2, 5))  # detailed on the left, flat on the right


def test_residue_and_evenness_by_the_strengths_of_noise() -> None:
    painted = PHOTO + half(noise(3, 20), noise(4, 10))
    found = flaws.residue(gray(painted), gray(PHOTO))
    assert found.detailed == pytest.approx(40 / np.hypot(40, 20), abs=0.02)
    assert found.flat == pytest.approx(5 / np.hypot(5, 10), abs=0.03)
    assert found.evenness == pytest.approx(2, rel=0.05)


def test_a_half_painted_picture_has_its_subject_left() -> None:
    photo, strokes = gray(PHOTO), noise(3, 40)
    painted, half_painted = gray(PHOTO + strokes), gray(PHOTO + half(0 * strokes, strokes))
    unpainted, even, half_ = (
        flaws.residue(picture, photo) for picture in (photo, painted, half_painted)
    )
    assert (unpainted.detailed, unpainted.flat, unpainted.evenness) == pytest.approx((1, 1, 1))
    assert half_.detailed == pytest.approx(1) and even.detailed < 0.8
    assert half_.flat == pytest.approx(even.flat, abs=0.02) and even.flat < 0.2
    assert half_.evenness < 0.1 and even.evenness == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("by", [(2, 0), (-1, 2)])
def test_a_displaced_photograph_is_not_painted(by: tuple[int, int]) -> None:
    found = flaws.residue(gray(np.roll(PHOTO, by, (0, 1))), gray(PHOTO))
    assert found.detailed > 0.97


def test_residue_of_one_color_is_none() -> None:
    found = flaws.residue(gray(np.full_like(SKY, 99)), gray(PHOTO))
    assert (found.detailed, found.flat) == (0, 0)


def disc() -> tuple[Floats, Floats]:
    """A photograph of a dark disc before the sky, and the distance to its outline."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    distance = np.hypot(y, x) - 40
    return np.where(distance < 0, 60, SKY), np.abs(distance)


@pytest.mark.parametrize("strength", [0.0, 4.0, 10.0, 20.0, 40.0])
def test_halo_is_the_strength_of_the_ring_over_the_rest(strength: float) -> None:
    photo, distance = disc()
    painted = photo + noise(1) * np.where(distance < 32, strength, 20)
    expected = np.sqrt((strength**2 + 1) / (20**2 + 1))
    assert flaws.halo(gray(painted), gray(photo)) == pytest.approx(expected, rel=0.1)


def test_halo_does_not_count_what_is_painted_inside_detail() -> None:
    """A textured subject that is left as it is has no ring, as long as the sky is painted."""
    photo, _ = disc()
    inside = photo == 60
    photo[inside] += noise(2, 10)[inside]
    painted = gray(photo + np.where(inside, 0, noise(1, 20)))
    assert flaws.halo(painted, gray(photo)) == pytest.approx(1, abs=0.15)
    assert flaws.residue(painted, gray(photo)).detailed > 0.2


def test_without_edges_or_without_a_place_far_from_them_there_is_no_halo() -> None:
    assert flaws.halo(gray(SKY + noise(1, 20)), gray(SKY)) is None
    stripes = np.where(np.arange(SIDE) // 16 % 2, 200, 50)[None].repeat(SIDE, 0)
    assert flaws.halo(gray(stripes + noise(1, 20)), gray(stripes.astype(float))) is None


def test_palette_distance_of_single_colors_is_that_in_lab() -> None:
    rng = np.random.default_rng(1)
    for a, b in rng.integers(0, 256, (20, 2, 3), np.uint8):
        pictures = (np.broadcast_to(color, (8, 9, 3)) for color in (a, b))
        expected = np.linalg.norm(rgb2lab(a) - rgb2lab(b)) / np.sqrt(3)
        assert flaws.palette_distance(*pictures) == pytest.approx(expected, rel=0.05)


@pytest.mark.slow
def test_palette_distance_by_sorted_projections_to_random_directions() -> None:
    a, b = texture(1), texture(2)
    directions = np.random.default_rng(0).normal(size=(3, 4000))
    directions /= np.linalg.norm(directions, axis=0)
    x, y = (np.sort(rgb2lab(each).reshape(-1, 3) @ directions, axis=0) for each in (a, b))
    expected = np.sqrt(np.square(x - y).mean())
    assert flaws.palette_distance(a, b) == pytest.approx(expected, rel=0.05)
    assert flaws.palette_distance(a, b) == pytest.approx(flaws.palette_distance(b, a))


def test_palette_distance_sees_colors_and_no_places() -> None:
    a = texture(1)
    shuffled = np.random.default_rng(0).permutation(a.reshape(-1, 3)).reshape(128, 32, 3)
    assert flaws.palette_distance(a, shuffled) == pytest.approx(0, abs=1e-9)
    large = a.repeat(8, 0).repeat(8, 1)  # of which every fourth pixel is read
    assert flaws.palette_distance(large, a) < 0.2
    washed_out, violet = (a * 0.5 + 100).astype(np.uint8), (a * [1, 0.7, 1]).astype(np.uint8)
    faint = (0.8 * a + 0.2 * violet).astype(np.uint8)
    drifts = [flaws.palette_distance(each, a) for each in (a, faint, violet)]
    assert drifts == sorted(drifts) and drifts[0] == 0 and drifts[2] > 5
    assert flaws.palette_distance(washed_out, a) > 5
