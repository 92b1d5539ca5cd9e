"""Statistics of features against their definitions, written out a second time."""

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.learning.losses import statistics
from learning.features import (
    DTYPES,
    ERROR,
    assert_close,
    dtypes,
    exact,
    random_features,
    seeds,
    shapes,
)


@settings(deadline=None, max_examples=60)
@given(seed=seeds, shape=shapes, dtype=dtypes)
def test_moments(seed: int, shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    f = random_features(seed, shape, dtype)
    mean = exact(f).mean((2, 3))
    centered = exact(f) - mean[:, :, None, None]
    cov = np.einsum("bchw,bdhw->bcd", centered, centered) / (shape[2] * shape[3])
    got = statistics.moments(f)
    assert_close(got.mean, mean)
    if (
        dtype == torch.bfloat16
    ):  # centring rounds, and where there is little to centre that is all there is
        cov_error = 0.02 * np.abs(exact(f)).max() ** 2
        np.testing.assert_allclose(exact(got.cov), cov, rtol=0, atol=cov_error + 1e-9)
    else:
        np.testing.assert_allclose(
            exact(got.cov), cov, rtol=0, atol=1e-5 * np.abs(exact(f)).max() ** 2 + 1e-9
        )


def test_moments_do_not_depend_on_memory_format() -> None:
    f = random_features(3, (2, 5, 7, 6), torch.float32)
    for a, b in zip(statistics.moments(f), statistics.moments(f.contiguous()), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 4, 1, 3), (3, 1, 3, 3)])
def test_derivative_of_moments(shape: tuple[int, ...]) -> None:
    f = torch.randn(
        shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True
    )
    assert torch.autograd.gradcheck(statistics.moments, f)


@pytest.mark.parametrize("dtype", DTYPES)
def test_derivative_of_moments_is_the_automatic_one(dtype: torch.dtype) -> None:
    f = random_features(0, (2, 6, 9, 7), dtype).requires_grad_()
    weights = [torch.randn(2, 6, dtype=torch.float64), torch.randn(2, 6, 6, dtype=torch.float64)]
    sum((w * part).sum() for w, part in zip(weights, statistics.moments(f), strict=True)).backward()  # type: ignore[union-attr]
    plain = f.detach().double().requires_grad_()
    flat = plain.flatten(2)
    mean = flat.mean(2)
    centered = flat - mean[:, :, None]
    cov = torch.einsum("bcn,bdn->bcd", centered, centered) / flat.shape[2]
    ((weights[0] * mean).sum() + (weights[1] * cov).sum()).backward()
    assert f.grad is not None and plain.grad is not None
    assert f.grad.dtype == dtype
    assert (f.grad - plain.grad).norm() < ERROR[dtype] * plain.grad.norm()


@settings(deadline=None, max_examples=60)
@given(seed=seeds, shape=shapes, dtype=dtypes)
def test_gram_matrix(seed: int, shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    f = random_features(seed, shape, dtype)
    expected = np.einsum("bchw,bdhw->bcd", exact(f), exact(f)) / (shape[2] * shape[3])
    assert_close(statistics.gram_matrix(f), expected, dtype)


@settings(deadline=None, max_examples=40)
@given(seed=seeds, shape=shapes)
def test_covariance_is_the_gram_matrix_less_the_mean(
    seed: int, shape: tuple[int, int, int, int]
) -> None:
    f = random_features(seed, shape, torch.float32)
    mean, cov = statistics.moments(f)
    expected = exact(statistics.gram_matrix(f)) - np.einsum("bc,bd->bcd", exact(mean), exact(mean))
    np.testing.assert_allclose(
        exact(cov), expected, rtol=0, atol=1e-5 * np.abs(exact(f)).max() ** 2 + 1e-9
    )


@settings(deadline=None, max_examples=40)
@given(seed=seeds, shape=shapes, dtype=dtypes)
def test_normalized_by_the_definition(
    seed: int, shape: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    f = random_features(seed, shape, dtype)
    floor = torch.full((shape[0], 1, 1), 0.3)
    flat = exact(f).reshape(*shape[:2], -1)
    centered = flat - flat.mean(2, keepdims=True)
    expected = centered / (np.sqrt((centered**2).mean(2, keepdims=True)) + 0.3)
    np.testing.assert_allclose(exact(statistics.normalize(f, floor)), expected, rtol=0, atol=1e-4)


def test_normalized_has_mean_0_deviation_1() -> None:
    f = statistics.normalize(
        random_features(0, (2, 5, 17, 13), torch.float32), torch.zeros(2, 1, 1)
    )
    np.testing.assert_allclose(exact(f.mean(2)), 0, atol=1e-6)
    np.testing.assert_allclose(exact(f.std(2, correction=0)), 1, atol=1e-4)


def test_silent_channels_stay_silent() -> None:
    f = random_features(0, (1, 4, 16, 16), torch.float32)
    f[:, 0] *= 1e-4
    deviations = statistics.normalize(f, statistics.silence_floor(f)).std(2, correction=0)[0]
    assert deviations[0] < 0.01
    assert (deviations[1:] > 0.4).all()


def test_silence_floor_is_a_tenth_of_the_deviation_or_a_hundredth_of_the_features() -> None:
    f = random_features(0, (2, 5, 8, 8), torch.float32)
    per_picture = exact(f).reshape(2, 5, -1)
    centered = per_picture - per_picture.mean(2, keepdims=True)
    np.testing.assert_allclose(
        exact(statistics.silence_floor(f))[:, 0, 0],
        0.1 * np.sqrt((centered**2).mean((1, 2))),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        exact(statistics.silence_floor(torch.full((1, 3, 4, 4), 7.0))), 0.07, rtol=1e-5
    )


def test_channels_without_any_deviation_have_finite_gradients() -> None:
    f = torch.full((1, 2, 4, 4), 3.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(statistics.normalize(f, torch.full((1, 1, 1), 0.1)).sum(), f)
    assert gradient.isfinite().all()


@given(seed=seeds, count=st.integers(1, 40), wanted=st.integers(1, 60))
def test_quantiles(seed: int, count: int, wanted: int) -> None:
    values = np.random.default_rng(seed).normal(size=(count, 3))
    got = statistics.quantiles(torch.from_numpy(values), wanted).numpy()
    np.testing.assert_allclose(
        got,
        np.quantile(values, (np.arange(wanted) + 0.5) / wanted, axis=0, method="hazen"),
        atol=1e-9,
    )


@given(seed=seeds, count=st.integers(1, 30))
def test_transport_is_the_nearest_pairing(seed: int, count: int) -> None:
    """Each value goes to another one of the target, and no pairing of all has less squared
    distance."""
    rng = np.random.default_rng(seed)
    values, target = rng.normal(size=(2, count, 1))
    got = statistics.match_sorted(
        torch.from_numpy(values), statistics.quantiles(torch.from_numpy(target), count)
    ).numpy()
    np.testing.assert_array_equal(np.sort(got, 0), np.sort(target, 0))
    rows, columns = scipy.optimize.linear_sum_assignment((values - target.T) ** 2)
    assert ((values - got) ** 2).sum() == pytest.approx(
        ((values[rows] - target[columns]) ** 2).sum()
    )


def test_random_directions_are_at_right_angles() -> None:
    directions = statistics.random_directions(5, 12, torch.Generator().manual_seed(0))
    assert directions.shape == (5, 12)
    for block in directions.split(5, 1):
        torch.testing.assert_close(block.T @ block, torch.eye(block.shape[1]))


@settings(deadline=None, max_examples=60)
@given(seed=seeds, shape=shapes, side=st.integers(1, 9), dtype=dtypes)
def test_local_deviations(
    seed: int, shape: tuple[int, int, int, int], side: int, dtype: torch.dtype
) -> None:
    f = random_features(seed, shape, dtype)
    rows, columns = max(1, shape[2] // side), max(1, shape[3] // side)
    h, w = shape[2] // rows, shape[3] // columns
    parts = [
        exact(f)[:, :, y * h : (y + 1) * h, x * w : (x + 1) * w]
        for y in range(rows)
        for x in range(columns)
    ]
    expected = np.stack([part.std((2, 3)) for part in parts], 1)
    got = statistics.local_deviations(f, side)
    assert got.dtype == torch.float32
    # rounding of the mean is all there is where a part is flat
    error = 1e-5 if dtype == torch.float32 else 0.01
    np.testing.assert_allclose(
        exact(got), expected, rtol=0, atol=error * np.abs(exact(f)).max() + 2e-6
    )


@pytest.mark.parametrize("shape, side", [((2, 3, 8, 8), 4), ((1, 2, 7, 9), 3), ((1, 3, 4, 5), 9)])
def test_derivative_of_local_deviations(shape: tuple[int, ...], side: int) -> None:
    f = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    f = f.contiguous(memory_format=torch.channels_last).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: statistics._LocalVariances.apply(f, side), f)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("channels", [16, 64])
def test_top_eigenpairs_are_those_of_the_largest_eigenvalues(channels: int) -> None:
    """Of several covariances at once, one of them 0."""
    generator = torch.Generator().manual_seed(channels)
    vectors = torch.linalg.qr(torch.randn(2, channels, channels, generator=generator)).Q
    wanted = 0.7 ** torch.arange(channels).flip(0)
    cov = torch.cat([(vectors * wanted) @ vectors.mT, torch.zeros(1, channels, channels)])
    values, found = statistics.top_eigenpairs(cov, channels // 8)
    torch.testing.assert_close(
        values[:2], wanted[-(channels // 8) :].expand(2, -1), rtol=1e-3, atol=0
    )
    along = (found[:2].mT @ vectors[:, :, -(channels // 8) :]).abs()
    torch.testing.assert_close(along, torch.eye(channels // 8).expand(2, -1, -1), rtol=0, atol=0.02)
    assert values[2].abs().max() < 1e-6 and found.isfinite().all()


@settings(deadline=None, max_examples=30)
@given(seed=seeds, channels=st.integers(8, 24))
def test_along_principal_directions_features_vary_by_1_and_most(seed: int, channels: int) -> None:
    f = random_features(seed, (2, channels, 12, 14), torch.float32)
    cov = statistics.moments(f).cov
    directions = statistics.principal_directions(cov)
    assert directions.shape == (2, channels, channels // 8)
    along = statistics.project(f, directions)
    assert along.shape == (2, channels // 8, 12, 14)
    np.testing.assert_allclose(
        exact(statistics.moments(along).cov),
        np.broadcast_to(np.eye(channels // 8), (2, channels // 8, channels // 8)),
        atol=1e-3,
    )
    lengths = 1 / exact(
        directions.square().sum(1)
    )  # what varies by v along u varies by 1 along u / sqrt(v)
    np.testing.assert_allclose(
        lengths, np.linalg.eigvalsh(exact(cov))[:, -(channels // 8) :], rtol=1e-3
    )
