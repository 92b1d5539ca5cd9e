"""Loss terms against their definitions, written out a second time."""

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from impasto.learning.losses import statistics
from impasto.learning.losses import terms as loss_terms
from impasto.learning.losses.statistics import Moments
from impasto.learning.losses.terms import instability
from learning.features import assert_close, dtypes, exact, random_features, seeds, shapes
from learning.tiny import (
    pictures,
)


@settings(deadline=None, max_examples=40)
@given(seed=seeds, shape=shapes, dtype=dtypes)
def test_content_and_gram_loss(
    seed: int, shape: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    a, b = random_features(seed, shape, dtype), random_features(seed + 1, shape, dtype) + 0.1
    expected = ((exact(a) - exact(b)) ** 2).sum((1, 2, 3)) / (exact(b) ** 2).sum((1, 2, 3))
    assert_close(loss_terms.content_loss(a, b), expected)
    ga, gb = statistics.gram_matrix(a), statistics.gram_matrix(b)
    expected = ((exact(ga) - exact(gb)) ** 2).sum((1, 2)) / (exact(gb) ** 2).sum((1, 2))
    assert_close(loss_terms.gram_loss(a, gb), expected)


@settings(deadline=None, max_examples=40)
@given(seed=seeds, channels=st.integers(1, 6), batch=st.integers(1, 3))
def test_moment_loss(seed: int, channels: int, batch: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def draw() -> Moments:
        mean = torch.randn(batch, channels, generator=generator)
        return Moments(mean, torch.randn(batch, channels, channels, generator=generator))

    a, b = draw(), draw()
    expected = sum(
        np.sum((exact(x) - exact(y)) ** 2, axis=tuple(range(1, y.ndim)))
        / np.sum(exact(y) ** 2, axis=tuple(range(1, y.ndim)))
        for x, y in zip(a, b, strict=True)
    )
    assert_close(loss_terms.moment_loss(a, b), np.asarray(expected))


def test_content_of_unrelated_features_is_2_and_of_flat_ones_1() -> None:
    a, b = (random_features(seed, (2, 6, 40, 50), torch.float32) for seed in (1, 2))
    floor = statistics.silence_floor(b)
    target = statistics.normalize(b, floor)
    np.testing.assert_allclose(
        loss_terms.content_loss(statistics.normalize(a, floor), target), 2, atol=0.1
    )
    np.testing.assert_allclose(
        loss_terms.content_loss(statistics.normalize(a.mean() + 0 * a, floor), target), 1, atol=1e-4
    )


@settings(deadline=None, max_examples=30)
@given(seed=seeds, shape=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 30)))
def test_rms_over_positions(seed: int, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(seed)
    a, target = rng.normal(0, 1, shape), rng.normal(0, 1, shape)
    here = ((a - target) ** 2).sum(1)
    expected = np.sqrt((here**2).mean(1)) / (target**2).sum(1).mean(1)
    got = loss_terms.rms_over_positions(
        torch.from_numpy(a).float(), torch.from_numpy(target).float()
    )
    np.testing.assert_allclose(exact(got), expected, rtol=1e-3, atol=1e-3)


def test_rms_over_positions_is_larger_where_the_error_is_concentrated() -> None:
    target = torch.ones(1, 4, 100)
    alike, gathered = target + 0.5, target.clone()
    gathered[:, :, :4] += 2.5  # as much in all
    for each in (alike, gathered):
        assert loss_terms.relative_error(each, target).item() == pytest.approx(0.25)
    assert loss_terms.rms_over_positions(alike, target).item() == pytest.approx(0.25, rel=1e-3)
    assert loss_terms.rms_over_positions(gathered, target).item() == pytest.approx(
        0.25 * 5, rel=1e-3
    )  # 1 / sqrt of the share


@settings(deadline=None, max_examples=25)
@given(seed=seeds, channels=st.integers(1, 12))
@example(
    seed=268435457, channels=1
)  # a variance far below the style's, of which the little that is added is a part
def test_wasserstein_distance_of_gaussians(seed: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (
        np.cov(rng.normal(size=(channels, 3 * channels)) * rng.uniform(0.1, 3), bias=True).reshape(
            channels, -1
        )
        for _ in "ab"
    )
    means = rng.normal(size=(2, channels)) + 2
    more_a, more_b = (
        each + loss_terms.ADDED_VARIANCE / channels * np.trace(b) * np.eye(channels)
        for each in (a, b)
    )
    root = scipy.linalg.sqrtm(more_b)
    bures = np.trace(more_a + more_b - 2 * scipy.linalg.sqrtm(root @ more_a @ root).real)
    expected = bures / np.trace(b) + ((means[0] - means[1]) ** 2).sum() / (means[1] ** 2).sum()
    one, other = (
        Moments(torch.tensor(m)[None], torch.tensor(c)[None])
        for m, c in zip(means, (a, b), strict=True)
    )
    assert loss_terms.wasserstein_loss(one, other).item() == pytest.approx(
        expected, rel=1e-5, abs=1e-6
    )
    assert loss_terms.wasserstein_loss(other, other).item() == pytest.approx(0, abs=1e-6)


def test_derivative_of_the_wasserstein_distance_is_finite_without_full_rank() -> None:
    flat = Moments(torch.zeros(1, 4), torch.zeros(1, 4, 4).requires_grad_(True))
    target = Moments(torch.ones(1, 4), torch.ones(1, 4, 4))
    loss_terms.wasserstein_loss(flat, target).sum().backward()
    assert flat.cov.grad is not None
    assert flat.cov.grad.isfinite().all()


@settings(deadline=None, max_examples=30)
@given(seed=seeds, parts=st.integers(1, 5), channels=st.integers(1, 6))
def test_local_loss(seed: int, parts: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    deviations, target = rng.uniform(0, 2, (3, parts, channels)), rng.uniform(0.1, 2, (3, channels))
    expected = [
        np.mean([((part - wanted) ** 2).sum() / (wanted**2).sum() for part in picture])
        for picture, wanted in zip(deviations, target, strict=True)
    ]
    assert_close(
        loss_terms.local_loss(torch.from_numpy(deviations).float(), torch.from_numpy(target)),
        np.array(expected),
    )


def test_a_patch_of_style_meets_the_moments_and_not_the_parts() -> None:
    """What the local term is for: the same pixels, gathered in one corner or everywhere."""
    f = random_features(0, (1, 8, 32, 32), torch.float32)
    gathered = torch.zeros(1, 8, 64, 64).contiguous(memory_format=torch.channels_last)
    everywhere = gathered.clone()
    gathered[:, :, :32, :32] = f
    everywhere[:, :, ::2, ::2] = f
    target = statistics.moments(everywhere)
    assert loss_terms.moment_loss(statistics.moments(gathered), target).item() == pytest.approx(
        0, abs=1e-9
    )
    directions = statistics.principal_directions(target.cov)

    def local(picture: Tensor) -> Tensor:
        return statistics.local_deviations(statistics.project(picture, directions), 16)

    wanted = local(everywhere).mean(1)
    assert loss_terms.local_loss(local(everywhere), wanted).item() < 0.1
    assert loss_terms.local_loss(local(gathered), wanted).item() > 0.8


@settings(deadline=None, max_examples=40)
@given(
    seed=seeds,
    batch=st.integers(1, 3),
    height=st.integers(2, 9),
    width=st.integers(2, 9),
    dtype=dtypes,
)
def test_total_variation(
    seed: int, batch: int, height: int, width: int, dtype: torch.dtype
) -> None:
    picture = torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed)).to(
        dtype
    )
    x = exact(picture)
    expected = ((x[:, :, 1:] - x[:, :, :-1]) ** 2).mean((1, 2, 3)) + (
        (x[..., 1:] - x[..., :-1]) ** 2
    ).mean((1, 2, 3))
    assert_close(loss_terms.total_variation(picture), expected, dtype)


def test_total_variation_loss_is_1_for_the_photograph() -> None:
    photo = pictures(1, 2)
    np.testing.assert_allclose(exact(loss_terms.total_variation_loss(photo, photo)), 1)
    flat = torch.full_like(photo, 0.5)
    assert torch.equal(loss_terms.total_variation_loss(flat, photo), torch.zeros(2))
    assert loss_terms.total_variation_loss(photo, flat).isfinite().all()


def test_instability_is_change_over_variance_inside_the_border() -> None:
    picture = pictures(1, 2)
    assert instability(picture, picture, 8).tolist() == [0, 0]
    assert instability(picture, picture + 0.1, 8)[0].item() == pytest.approx(
        0.01 / picture[0, :, 8:-8, 8:-8].var().item(), rel=1e-4
    )
    outside = picture.clone()
    outside[..., :8, :] = 1 - outside[..., :8, :]
    outside[..., -8:] = 0
    assert instability(picture, outside, 8).tolist() == [0, 0]
    assert instability(picture, outside, 4).min() > 0.01
    assert instability(torch.zeros_like(picture), picture, 8).isfinite().all()
