"""The field's measures, against their definitions."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from scipy.linalg import sqrtm

from impasto.errors import WeightsError
from impasto.learning.evaluation import inception, lpips, metrics
from impasto.learning.evaluation.inception import Inception
from impasto.learning.evaluation.lpips import CHANNELS, SqueezeNet
from learning.tiny import inception_tensors, pictures, squeeze_tensors, texture, tiny_perceptual

seeds = st.integers(0, 10_000)


def features(seed: int, channels: int = 5, height: int = 6, width: int = 7) -> torch.Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(seed)) * 4


# --- AdaIN
# --------------------------------------------------------------------------------------------------------------


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


# --- CFSD
# ---------------------------------------------------------------------------------------------------------------


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


# --- SSIM
# ---------------------------------------------------------------------------------------------------------------


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


# --- LPIPS
# --------------------------------------------------------------------------------------------------------------


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


def test_squeezenet_by_the_definition() -> None:
    """The same as torch's own layers, put together in torchvision's order."""
    tensors, picture = squeeze_tensors(), pictures(1, height=70, width=91)

    def convolved(x: torch.Tensor, name: str, **options: int) -> torch.Tensor:
        return F.relu(
            F.conv2d(
                x, tensors[f"features.{name}.weight"], tensors[f"features.{name}.bias"], **options
            )
        )

    def fire(x: torch.Tensor, index: int) -> torch.Tensor:
        x = convolved(x, f"{index}.squeeze")
        return torch.cat(
            [convolved(x, f"{index}.expand1x1"), convolved(x, f"{index}.expand3x3", padding=1)], 1
        )

    pool = torch.nn.MaxPool2d(3, 2, ceil_mode=True)
    x = 2 * picture - 1  # as LPIPS takes pictures and scales them
    x = (x - torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)) / torch.tensor(
        [0.458, 0.448, 0.450]
    ).view(3, 1, 1)
    relu1 = convolved(x, "0", stride=2)
    relu2 = fire(fire(pool(relu1), 3), 4)
    relu3 = fire(fire(pool(relu2), 6), 7)
    relu4 = fire(pool(relu3), 9)
    relu5 = fire(relu4, 10)
    relu6 = fire(relu5, 11)
    got = SqueezeNet(tensors)(picture)
    assert [f.shape[1] for f in got] == list(CHANNELS)
    for found, expected in zip(
        got, (relu1, relu2, relu3, relu4, relu5, relu6, fire(relu6, 12)), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_squeezenet_is_found_or_the_error_says_where_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    with pytest.raises(
        WeightsError, match=r"download\.pytorch\.org.*put it into .*IMPASTO_WEIGHTS"
    ):
        lpips.load()
    torch.save(squeeze_tensors(), tmp_path / "squeezenet1_1-b8a52dc0.pth")
    by_torchvision = lpips.load()
    save_file(
        squeeze_tensors() | {"classifier.1.bias": torch.zeros(3)},
        tmp_path / "squeezenet1_1.safetensors",
    )
    assert lpips.load().identity == by_torchvision.identity
    save_file(
        {"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "squeezenet1_1.safetensors"
    )
    with pytest.raises(WeightsError, match="does not hold SqueezeNet"):
        lpips.load()


def test_weights_of_more_than_there_can_be(tmp_path: Path) -> None:
    for name in ("squeezenet1_1.safetensors", "squeezenet1_1.pth"):
        with (tmp_path / name).open("wb") as file:
            file.truncate((1 << 30) + 1)  # takes no room
        with pytest.raises(WeightsError, match="no weights that can be read safely"):
            lpips.read_weights(tmp_path / name)
    (tmp_path / "header.safetensors").write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(WeightsError, match="no weights that can be read safely"):
        lpips.read_weights(tmp_path / "header.safetensors")


def test_heads_are_read_by_their_published_names(tmp_path: Path) -> None:
    heads = {
        f"lin{i}.model.1.weight": torch.rand(1, channels, 1, 1)
        for i, channels in enumerate(CHANNELS)
    }
    torch.save(heads, tmp_path / "squeeze.pth")
    read = lpips.read_heads(tmp_path / "squeeze.pth")
    assert all(torch.equal(found, heads[f"lin{i}.model.1.weight"]) for i, found in enumerate(read))
    torch.save(
        {f"lin{i}.model.1.weight": torch.rand(1, 64, 1, 1) for i in range(5)}, tmp_path / "alex.pth"
    )
    with pytest.raises(WeightsError, match=r"squeeze\.pth of the lpips package"):
        lpips.read_heads(tmp_path / "alex.pth")
    with pytest.raises(WeightsError, match="does not exist"):
        lpips.read_heads(tmp_path / "absent.pth")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"lin0.model.1.weight": Path}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="read safely"):
        lpips.read_heads(tmp_path / "evil.pth")


def test_real_squeezenet_sees_stronger_noise_as_farther(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = os.environ.get("IMPASTO_WEIGHTS")
    if not folder or not (Path(folder) / "squeezenet1_1.safetensors").is_file():
        pytest.skip("set IMPASTO_WEIGHTS to a folder that holds squeezenet1_1.safetensors")
    network, photo = lpips.load(), pictures(1, height=96, width=96)
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        target = network(photo)
        found = [
            metrics.lpips(network((photo + scale * noise).clamp(0, 1)), target)
            for scale in (0, 0.02, 0.1, 0.4)
        ]
    assert found[0] == 0
    assert found == sorted(found)


# --- FID
# ----------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("fid", [True, False])
def test_inception_takes_the_published_shapes(fid: bool) -> None:
    """Block after block fits: all branches give as many channels as the next block takes."""
    network = Inception(inception_tensors(fid=fid))
    assert network.identity.startswith("fid-" if fid else "art-")
    found = network(pictures(1, 2, height=96, width=120))
    assert found.shape == (2, 2048 // 16)
    assert found.isfinite().all()
    assert found.std() > 0
    torch.testing.assert_close(
        network(pictures(2, height=96, width=120)), found[1:], rtol=1e-3, atol=1e-4
    )


def test_fids_network_sees_299_pixels_in_minus_one_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    network = Inception(inception_tensors())
    convolve = network._conv

    def watched(name: str, x: torch.Tensor, stride: int = 1, same: bool = True) -> torch.Tensor:
        seen.append(x)
        return convolve(name, x, stride, same)

    monkeypatch.setattr(network, "_conv", watched)
    network(torch.stack([torch.ones(3, 64, 80), torch.zeros(3, 64, 80)]))
    torch.testing.assert_close(seen[0][0], torch.ones(3, 299, 299))
    torch.testing.assert_close(seen[0][1], -torch.ones(3, 299, 299))


def test_an_inception_convolution_by_torchs_own_layers() -> None:
    tensors = inception_tensors()
    layer = torch.nn.BatchNorm2d(2, eps=0.001).eval()
    layer.load_state_dict(
        {k.removeprefix("Conv2d_1a_3x3.bn."): v for k, v in tensors.items() if "1a_3x3.bn" in k}
    )
    picture = pictures(1)
    with torch.no_grad():
        expected = layer(F.conv2d(picture, tensors["Conv2d_1a_3x3.conv.weight"], stride=2)).relu()
    torch.testing.assert_close(
        Inception(tensors)._conv("Conv2d_1a_3x3", picture, 2, same=False), expected
    )


def test_a_file_without_inception(tmp_path: Path) -> None:
    tensors = inception_tensors()
    del tensors["Mixed_6c.branch7x7_2.conv.weight"]
    torch.save(tensors, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"pt_inception-2015-12-05-6726825d\.pth"):
        inception.load(tmp_path / "other.pth")
    torch.save(inception_tensors(), tmp_path / "inception.pth")
    assert inception.load(tmp_path / "inception.pth").fid
