"""Measures from the literature, against their definitions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from impasto.learning.evaluation import metrics
from learning.tiny import pictures, texture, tiny_perceptual

seeds = st.integers(0, 10_000)


def features(seed: int, channels: int = 5, height: int = 6, width: int = 7) -> torch.Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(seed)) * 4


@given(seed=seeds)
def test_adain_content(seed: int) -> None:
    a, b = features(seed), features(seed + 1)
    assert metrics.adain_content(a, b) == pytest.approx(
        float(np.mean((a.numpy() - b.numpy()) ** 2)), rel=1e-4
    )
    assert metrics.adain_content(a, a) == 0


def test_adain_style_compares_means_and_deviations() -> None:
    network = tiny_perceptual()
    a, b = (
        network(picture, metrics.ADAIN_LAYERS) for picture in (pictures(1), pictures(2, height=80))
    )
    expected = 0.0
    for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1"):
        x, y = (each[layer][0].flatten(1).double().numpy() for each in (a, b))
        expected += np.mean((x.mean(1) - y.mean(1)) ** 2) + np.mean((x.std(1) - y.std(1)) ** 2)
    painting = {layer: metrics.mean_and_deviation(f) for layer, f in b.items()}
    assert metrics.adain_style(a, painting) == pytest.approx(expected, rel=1e-4)
    assert metrics.adain_style(b, painting) == 0


@settings(deadline=None, max_examples=20)
@given(seed=seeds, height=st.integers(1, 20), width=st.integers(1, 20))
def test_cfsd_is_the_divergence_of_correlations(seed: int, height: int, width: int) -> None:
    photo, picture = (10 * features(seed + i, 5, height, width).double().numpy() for i in (0, 1))
    distributions = []
    for f in (photo, picture):
        flat = f[0].reshape(5, -1) / 5
        weights = np.exp(flat.T @ flat - (flat.T @ flat).max(1, keepdims=True))
        distributions.append(weights / weights.sum(1, keepdims=True))
    p, q = distributions
    expected = sum(
        (row_p[row_p > 0] * np.log(row_p[row_p > 0] / row_q[row_p > 0])).sum()
        for row_p, row_q in zip(p, q, strict=True)
    )
    got = metrics.cfsd(torch.from_numpy(picture), torch.from_numpy(photo))
    assert got == pytest.approx(expected, rel=1e-2, abs=1e-3)


def test_cfsd_does_not_depend_on_how_many_rows_are_taken_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a, b = features(1), features(2)
    whole = metrics.cfsd(a, b)
    monkeypatch.setattr(metrics, "CFSD_ROWS", 5)
    assert metrics.cfsd(a, b) == pytest.approx(whole, rel=1e-4)
    assert whole > 0
    assert metrics.cfsd(a, a) == 0


def test_ssim_is_one_for_the_photograph_and_falls_with_noise() -> None:
    photo = texture(1)
    assert metrics.ssim(photo, photo) == pytest.approx(1)
    noise = np.random.default_rng(0).normal(0, 1, photo.shape)
    found = [
        metrics.ssim((photo + scale * noise).clip(0, 255).astype(np.uint8), photo)
        for scale in (5, 20, 60)
    ]
    assert 1 > found[0] > found[1] > found[2] > 0


def test_ssim_of_flat_pictures_by_the_formula() -> None:
    a, b = (np.full((32, 32, 3), value, np.uint8) for value in (100, 150))
    c1 = (0.01 * 255) ** 2
    assert metrics.ssim(a, b) == pytest.approx((2 * 100 * 150 + c1) / (100**2 + 150**2 + c1))


@given(seed=seeds)
def test_lpips_without_heads_is_by_cosines(seed: int) -> None:
    a, b = ([features(seed + i), features(seed + i + 2, 9, 3, 4)] for i in (0, 1))
    expected = sum(
        2 - 2 * F.cosine_similarity(x, y).mean().item() for x, y in zip(a, b, strict=True)
    )
    assert metrics.lpips(a, b) == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert metrics.lpips(a, a) == 0


def test_heads_weigh_channels() -> None:
    a, b = [features(1)], [features(2)]
    x, y = (F.normalize(each[0], dim=1) for each in (a, b))
    for channel in range(5):
        head = torch.zeros(1, 5, 1, 1)
        head[0, channel] = 3
        expected = 3 * (x - y)[0, channel].square().mean().item()
        assert metrics.lpips(a, b, [head]) == pytest.approx(expected, rel=1e-4)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, n=st.integers(12, 30), m=st.integers(12, 30))
def test_frechet_distance_by_the_matrix_root(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 1, (n, 6)), rng.normal(0.5, 2, (m, 6)) @ rng.normal(0, 1, (6, 6))
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(
        cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real
    )
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)


def test_frechet_distance_where_pictures_are_fewer_than_numbers() -> None:
    """Gaussians that share no direction: the root vanishes and the traces add up."""
    a, b = np.zeros((3, 8)), np.zeros((4, 8))
    a[:, 0], b[:, 5] = (1, 2, 3), (0, 2, 4, 6)
    expected = 2**2 + 3**2 + np.var([1, 2, 3], ddof=1) + np.var([0, 2, 4, 6], ddof=1)
    assert metrics.frechet_distance(a, b) == pytest.approx(expected)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="two pictures at least, not 1"):
        metrics.frechet_distance(a[:1], b)


def test_art_fid() -> None:
    assert metrics.art_fid(0.5, 20.0) == pytest.approx(1.5 * 21)


def test_boldness_is_that_of_edges() -> None:
    flat = np.full((40, 50, 3), 99, np.uint8)
    stripes = np.zeros((40, 50, 3), np.uint8)
    stripes[:, ::10] = 255
    assert metrics.boldness(flat) == pytest.approx(0, abs=1e-6)
    assert metrics.boldness(stripes) > metrics.boldness((0.3 * stripes).astype(np.uint8)) > 0.005
    # of a ramp: the difference of pixels two apart, over the root of 2, as scikit-image scales it
    ramp = np.repeat(np.linspace(0, 255, 52).astype(np.uint8)[None, :, None], 30, 0).repeat(3, 2)
    assert metrics.boldness(ramp) == pytest.approx(2 / 51 / 2**0.5, rel=0.05)
    assert metrics.boldness(texture(1)) > 0.01
