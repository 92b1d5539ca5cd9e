"""Losses against their definitions, written out a second time."""

from collections.abc import Mapping

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from impasto.learning.losses import statistics
from impasto.learning.losses import terms as loss_terms
from impasto.learning.losses.objective import LossWeights, Objective
from impasto.learning.losses.statistics import Moments
from impasto.learning.losses.terms import instability
from impasto.learning.networks.perceptual import PerceptualNetwork
from learning.tiny import (
    STYLE_LAYERS,
    VGG19,
    pictures,
    student_tensors,
    tiny_perceptual,
    tiny_student,
    vgg_tensors,
)

Float64 = NDArray[np.float64]
DTYPES = (torch.float32, torch.bfloat16)
ERROR = {torch.float32: 1e-5, torch.bfloat16: 0.02}  # of the largest number

shapes = st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 9), st.integers(1, 9))
seeds = st.integers(0, 2**32)
dtypes = st.sampled_from(DTYPES)


def random_features(seed: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Features as a perceptual network leaves them: not negative, of several scales, channels
    last."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.logspace(-1, 1, shape[1])[None, :, None, None]
    f = ((torch.randn(shape, generator=generator) + 0.5).relu() * scale).to(dtype)
    return f.contiguous(memory_format=torch.channels_last)


def exact(tensor: Tensor) -> Float64:
    return tensor.detach().double().numpy()


def assert_close(got: Tensor, expected: Float64, dtype: torch.dtype = torch.float32) -> None:
    assert got.dtype == torch.float32
    np.testing.assert_allclose(
        exact(got), expected, rtol=0, atol=ERROR[dtype] * np.abs(expected).max() + 1e-9
    )


# --- moments and terms
# --------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(seed=seeds, shape=shapes, dtype=dtypes)
def test_moments(seed: int, shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    f = random_features(seed, shape, dtype)
    mean = exact(f).mean((2, 3))
    centred = exact(f) - mean[:, :, None, None]
    cov = np.einsum("bchw,bdhw->bcd", centred, centred) / (shape[2] * shape[3])
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
    centred = flat - mean[:, :, None]
    cov = torch.einsum("bcn,bdn->bcd", centred, centred) / flat.shape[2]
    ((weights[0] * mean).sum() + (weights[1] * cov).sum()).backward()
    assert f.grad is not None and plain.grad is not None
    assert f.grad.dtype == dtype
    assert (f.grad - plain.grad).norm() < ERROR[dtype] * plain.grad.norm()


@settings(deadline=None, max_examples=60)
@given(seed=seeds, shape=shapes, dtype=dtypes)
def test_gram(seed: int, shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    f = random_features(seed, shape, dtype)
    expected = np.einsum("bchw,bdhw->bcd", exact(f), exact(f)) / (shape[2] * shape[3])
    assert_close(statistics.gram(f), expected, dtype)


@settings(deadline=None, max_examples=40)
@given(seed=seeds, shape=shapes)
def test_covariance_is_the_gram_matrix_less_the_mean(
    seed: int, shape: tuple[int, int, int, int]
) -> None:
    f = random_features(seed, shape, torch.float32)
    mean, cov = statistics.moments(f)
    expected = exact(statistics.gram(f)) - np.einsum("bc,bd->bcd", exact(mean), exact(mean))
    np.testing.assert_allclose(
        exact(cov), expected, rtol=0, atol=1e-5 * np.abs(exact(f)).max() ** 2 + 1e-9
    )


@settings(deadline=None, max_examples=40)
@given(seed=seeds, shape=shapes, dtype=dtypes)
def test_content_and_gram_loss(
    seed: int, shape: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    a, b = random_features(seed, shape, dtype), random_features(seed + 1, shape, dtype) + 0.1
    expected = ((exact(a) - exact(b)) ** 2).sum((1, 2, 3)) / (exact(b) ** 2).sum((1, 2, 3))
    assert_close(loss_terms.content_loss(a, b), expected)
    ga, gb = statistics.gram(a), statistics.gram(b)
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


@settings(deadline=None, max_examples=40)
@given(seed=seeds, shape=shapes, dtype=dtypes)
def test_normalized_by_the_definition(
    seed: int, shape: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    f = random_features(seed, shape, dtype)
    floor = torch.full((shape[0], 1, 1), 0.3)
    flat = exact(f).reshape(*shape[:2], -1)
    centred = flat - flat.mean(2, keepdims=True)
    expected = centred / (np.sqrt((centred**2).mean(2, keepdims=True)) + 0.3)
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
    centred = per_picture - per_picture.mean(2, keepdims=True)
    np.testing.assert_allclose(
        exact(statistics.silence_floor(f))[:, 0, 0],
        0.1 * np.sqrt((centred**2).mean((1, 2))),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        exact(statistics.silence_floor(torch.full((1, 3, 4, 4), 7.0))), 0.07, rtol=1e-5
    )


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


# --- optimal transport
# ----------------------------------------------------------------------------------------------------


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


# --- the canonical objective
# --------------------------------------------------------------------------------------------


def canonical(
    photo: Tensor, style: Tensor, picture: Tensor, tensors: Mapping[str, Tensor], dtype: torch.dtype
) -> Float64:
    """C, S and J of one picture, as the canonical objective is defined."""
    mean, std = (
        torch.tensor([0.485, 0.456, 0.406])[:, None, None],
        torch.tensor([0.229, 0.224, 0.225])[:, None, None],
    )

    def features(x: Tensor) -> dict[str, Float64]:
        x, out = ((x - mean) / std).to(dtype), {}
        for layer in VGG19:
            if layer is None:
                x = F.max_pool2d(x, 2)
                continue
            name, i, _ = layer
            weight, bias = (
                tensors[f"features.{i}.{part}"].to(dtype) for part in ("weight", "bias")
            )
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
            out[name] = exact(x[0].flatten(1))
        return out

    def centred(f: Float64) -> Float64:
        return np.asarray(f - f.mean(1, keepdims=True))

    fx, fs, fy = features(photo), features(style), features(picture)
    floor = 0.1 * np.sqrt((centred(fx["relu4_1"]) ** 2).mean())

    def n(f: Float64) -> Float64:
        return np.asarray(centred(f) / (np.sqrt((centred(f) ** 2).mean(1, keepdims=True)) + floor))

    c = ((n(fy["relu4_1"]) - n(fx["relu4_1"])) ** 2).sum() / (n(fx["relu4_1"]) ** 2).sum()
    s = 0.0
    for layer in STYLE_LAYERS:
        covs = [centred(f[layer]) @ centred(f[layer]).T / f[layer].shape[1] for f in (fy, fs)]
        means = [f[layer].mean(1) for f in (fy, fs)]
        s += sum(((a - b) ** 2).sum() / (b**2).sum() for a, b in (covs, means)) / 4
    return np.array([c, s, c + 5 * s])


def measured(objective: Objective, photo: Tensor, style: Tensor, picture: Tensor) -> Float64:
    """C, S and J of one picture as the package computes them."""
    with torch.no_grad():
        terms = objective.terms(
            picture, objective.content_target(photo), objective.style_target(style)
        )
    return np.array([terms["content"].item(), terms["style"].item(), objective.total(terms).item()])


@pytest.mark.parametrize("height, width", [(64, 64), (71, 93), (128, 67)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_canonical_objective(height: int, width: int, dtype: torch.dtype) -> None:
    photo, picture = (
        pictures(1, height=height, width=width),
        pictures(2, height=height, width=width),
    )
    style = pictures(3, height=80, width=101)
    picture = 0.5 * picture + 0.5 * photo
    expected = canonical(photo, style, picture, vgg_tensors(), dtype)
    got = measured(Objective(tiny_perceptual(dtype=dtype)), photo, style, picture)
    np.testing.assert_allclose(got, expected, rtol=1e-4 if dtype == torch.float32 else 0.01)


def test_canonical_objective_with_the_real_vgg19(vgg19: PerceptualNetwork) -> None:
    photo, style = pictures(1, height=90, width=101), pictures(3, height=80, width=96)
    tensors = {
        f"features.{i}.{part}": getattr(vgg19, f"{part[0]}{i}")
        for i in vgg19.layers.values()
        for part in ("weight", "bias")
    }
    picture = (
        photo + 0.1 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    ).clamp(0, 1)
    expected = canonical(photo, style, picture, tensors, torch.float32)
    np.testing.assert_allclose(
        measured(Objective(vgg19), photo, style, picture), expected, rtol=1e-3
    )


def test_a_batch_is_scored_picture_by_picture() -> None:
    objective = Objective(tiny_perceptual())
    photos, styles, painted = pictures(1, 2), pictures(3, 4), pictures(5, 6)
    together = objective.terms(
        painted, objective.content_target(photos), objective.style_target(styles)
    )
    for i in range(2):
        c, s, _ = measured(objective, photos[i : i + 1], styles[i : i + 1], painted[i : i + 1])
        np.testing.assert_allclose(
            [together["content"][i].item(), together["style"][i].item()], [c, s], rtol=1e-4
        )


@settings(deadline=None, max_examples=10)
@given(factor=st.floats(0.05, 20), seed=st.integers(0, 1000))
def test_scale_of_the_perceptual_network_does_not_matter(factor: float, seed: int) -> None:
    tensors = vgg_tensors(seed)
    # every ReLU feature becomes `factor` times what it was
    scaled = {
        k: v * factor if k == "features.0.weight" or k.endswith("bias") else v
        for k, v in tensors.items()
    }
    photo, style, picture = pictures(1), pictures(2), pictures(3)
    plain, other = PerceptualNetwork("vgg19", tensors), PerceptualNetwork("vgg19", scaled)
    f, g = (network(photo, ["relu4_1"])["relu4_1"] for network in (plain, other))
    torch.testing.assert_close(f * factor, g, rtol=1e-3, atol=1e-4 * factor)
    expected = measured(Objective(plain), photo, style, picture)
    np.testing.assert_allclose(
        measured(Objective(other), photo, style, picture), expected, rtol=2e-3
    )


def test_the_photograph_itself_loses_no_content_and_the_painting_no_style() -> None:
    objective = Objective(tiny_perceptual())
    photo, style = pictures(1), pictures(2)
    c, s, j = measured(objective, photo, style, photo)
    assert c == pytest.approx(0, abs=1e-9)
    assert j == pytest.approx(5 * s)
    c, s, j = measured(objective, photo, style, style)
    assert s == pytest.approx(0, abs=1e-9)
    assert j == pytest.approx(c)


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


# --- terms of training alone: even content, the local term
# -----------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(seed=seeds, shape=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 30)))
def test_even_error(seed: int, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(seed)
    a, target = rng.normal(0, 1, shape), rng.normal(0, 1, shape)
    here = ((a - target) ** 2).sum(1)
    expected = np.sqrt((here**2).mean(1)) / (target**2).sum(1).mean(1)
    got = loss_terms.rms_over_positions(
        torch.from_numpy(a).float(), torch.from_numpy(target).float()
    )
    np.testing.assert_allclose(exact(got), expected, rtol=1e-3, atol=1e-3)


def test_even_error_is_the_relative_one_where_all_places_are_alike_and_larger_where_they_are_not() -> (
    None
):
    target = torch.ones(1, 4, 100)
    alike, gathered = target + 0.5, target.clone()
    gathered[:, :, :4] += 2.5  # as much in all
    for each in (alike, gathered):
        assert loss_terms.relative_error(each, target).item() == pytest.approx(0.25)
    assert loss_terms.rms_over_positions(alike, target).item() == pytest.approx(0.25, rel=1e-3)
    assert loss_terms.rms_over_positions(gathered, target).item() == pytest.approx(
        0.25 * 5, rel=1e-3
    )  # 1 / sqrt of the share


def test_even_content_of_the_objective() -> None:
    plain, even = Objective(tiny_perceptual()), Objective(tiny_perceptual(), even_content=True)
    photo, style, picture = pictures(1), pictures(2), pictures(3)
    target = plain.content_target(photo)
    f = tiny_perceptual()(picture, ["relu4_1"])["relu4_1"]
    expected = loss_terms.rms_over_positions(statistics.normalize(f, target.floor), target.features)
    terms = even.terms(picture, target, even.style_target(style))
    assert terms["content"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert terms["style"].item() == pytest.approx(
        measured(plain, photo, style, picture)[1], rel=1e-5
    )


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
def test_leading_directions_are_those_of_the_largest_eigenvalues(channels: int) -> None:
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


def test_local_term_of_the_objective_by_the_definition() -> None:
    perceptual = tiny_perceptual()
    objective = Objective(perceptual, LossWeights(local=1))
    styles, picture = pictures(3, 4, height=128, width=192), pictures(1, 2, height=192, width=130)
    got = objective.terms(
        picture, objective.content_target(picture), objective.style_target(styles)
    )["local"]
    features, wanted = perceptual(picture, STYLE_LAYERS), perceptual(styles, STYLE_LAYERS)
    for i in range(2):
        errors = []
        for layer, size in zip(
            STYLE_LAYERS, (32, 16, 8, 4), strict=True
        ):  # 32 pixels, in positions
            y, s = features[layer][i : i + 1], wanted[layer][i : i + 1]
            directions = statistics.principal_directions(statistics.moments(s).cov)
            parted = [
                statistics.local_deviations(statistics.project(f, directions), size) for f in (y, s)
            ]
            errors.append(loss_terms.local_loss(parted[0], parted[1].mean(1)).item())
        assert got[i].item() == pytest.approx(np.mean(errors), rel=1e-4)


def test_targets_by_number() -> None:
    objective = Objective(tiny_perceptual(), LossWeights(local=1))
    targets, picture = objective.style_target(pictures(3, 4, 5)), pictures(1)
    content = objective.content_target(picture)
    chosen = objective.terms(
        picture, content, {k: t.rows(torch.tensor([1])) for k, t in targets.items()}
    )
    alone = objective.terms(picture, content, objective.style_target(pictures(4)))
    for name, value in alone.items():
        assert chosen[name].item() == pytest.approx(value.item(), rel=1e-4)


def test_weights_of_the_terms() -> None:
    objective = Objective(
        tiny_perceptual(), LossWeights(content=2, style=3, local=5, tv=7, stability=11)
    )
    values = {"content": 1.0, "style": 10.0, "tv": 100.0, "local": 1000.0, "stability": 10_000.0}
    terms = {name: torch.tensor([value, 2 * value]) for name, value in values.items()}
    assert objective.total(terms).tolist() == [115_732, 231_464]
    assert "local" not in Objective(tiny_perceptual()).terms(
        pictures(1), objective.content_target(pictures(1)), objective.style_target(pictures(2))
    )


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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("painted", ["flat", "busy"])
def test_flat_pictures_give_finite_losses_and_gradients(
    level: float, painted: str, dtype: torch.dtype
) -> None:
    objective = Objective(tiny_perceptual(dtype=dtype))
    flat = torch.full((1, 3, 64, 64), level)
    for style in (flat, pictures(1)):
        picture = (flat.clone() if painted == "flat" else pictures(2)).requires_grad_()
        terms = objective.terms(
            picture, objective.content_target(flat), objective.style_target(style)
        )
        loss = objective.total(terms).sum()
        loss.backward()
        assert loss.isfinite()
        assert picture.grad is not None and picture.grad.isfinite().all()


def test_channels_without_any_deviation_have_finite_gradients() -> None:
    f = torch.full((1, 2, 4, 4), 3.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(statistics.normalize(f, torch.full((1, 1, 1), 0.1)).sum(), f)
    assert gradient.isfinite().all()


def test_a_photograph_without_content_does_not_outweigh_all_others() -> None:
    """Its normalized features count as at least 0.05 in the mean square, so that noise on it costs
    little."""
    tensors = vgg_tensors()
    tensors["features.19.weight"] *= 1e-3
    tensors["features.19.bias"] = torch.ones(10)
    photo, picture = pictures(1, 2)[:, None]
    f, g = (
        PerceptualNetwork("vgg19", tensors)(x, ["relu4_1"])["relu4_1"] for x in (photo, picture)
    )
    target, got = (statistics.normalize(x, statistics.silence_floor(f)) for x in (f, g))
    assert 0 < target.square().mean() < 0.05
    c = measured(Objective(PerceptualNetwork("vgg19", tensors)), photo, picture, picture)[0]
    assert c == pytest.approx((got - target).square().mean().item() / 0.05, rel=1e-3)


# --- a student's read-outs
# ----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(
    seed=seeds,
    layer=st.sampled_from(STYLE_LAYERS),
    height=st.integers(2, 9),
    width=st.integers(2, 9),
)
def test_moments_through_the_read_out(seed: int, layer: str, height: int, width: int) -> None:
    """mean(R f + b) = R mean + b, and cov(R f + b) = R cov R^T."""
    student = tiny_student()
    channels = next(found[2] for found in VGG19 if found and found[0] == layer)
    f = random_features(seed, (2, channels, height, width), torch.float32)
    expected = statistics.moments(student.read(layer, f))
    for got, want in zip(
        student.read_moments(layer, *statistics.moments(f)), expected, strict=True
    ):
        np.testing.assert_allclose(
            exact(got), exact(want), rtol=0, atol=1e-4 * exact(want).max() + 1e-4
        )


def test_a_student_is_compared_as_it_predicts_its_teacher() -> None:
    tensors, student = student_tensors(), tiny_student()
    photo, style, picture = pictures(1), pictures(2), pictures(3)

    def predicted(x: Tensor, layer: str) -> Tensor:
        weight, bias = tensors[f"readout.{layer}.weight"], tensors[f"readout.{layer}.bias"]
        return (
            torch.einsum("dc,bchw->bdhw", weight, tiny_perceptual()(x, [layer])[layer])
            + bias[:, None, None]
        )

    s = 0.0
    for layer in STYLE_LAYERS:
        got, wanted = (
            statistics.moments(predicted(picture, layer)),
            statistics.moments(predicted(style, layer)),
        )
        s += loss_terms.moment_loss(got, wanted).item() / 4
    top, target = predicted(picture, "relu4_1"), predicted(photo, "relu4_1")
    floor = statistics.silence_floor(target)
    c = loss_terms.content_loss(
        statistics.normalize(top, floor), statistics.normalize(target, floor)
    ).item()
    np.testing.assert_allclose(
        measured(Objective(student), photo, style, picture)[:2], np.array([c, s]), rtol=1e-3
    )
