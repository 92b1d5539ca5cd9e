"""The canonical objective against its definition, and the terms of training."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from impasto.learning.losses import statistics
from impasto.learning.losses import terms as loss_terms
from impasto.learning.losses.objective import LossWeights, Objective
from impasto.learning.networks.perceptual import PerceptualNetwork
from learning.features import (
    DTYPES,
    Float64,
    exact,
    random_features,
    seeds,
)
from learning.tiny import (
    STYLE_LAYERS,
    VGG19,
    pictures,
    student_tensors,
    tiny_perceptual,
    tiny_student,
    vgg_tensors,
)


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

    def centered(f: Float64) -> Float64:
        return np.asarray(f - f.mean(1, keepdims=True))

    fx, fs, fy = features(photo), features(style), features(picture)
    floor = 0.1 * np.sqrt((centered(fx["relu4_1"]) ** 2).mean())

    def n(f: Float64) -> Float64:
        return np.asarray(
            centered(f) / (np.sqrt((centered(f) ** 2).mean(1, keepdims=True)) + floor)
        )

    c = ((n(fy["relu4_1"]) - n(fx["relu4_1"])) ** 2).sum() / (n(fx["relu4_1"]) ** 2).sum()
    s = 0.0
    for layer in STYLE_LAYERS:
        covs = [centered(f[layer]) @ centered(f[layer]).T / f[layer].shape[1] for f in (fy, fs)]
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
    batch = objective.terms(
        painted, objective.content_target(photos), objective.style_target(styles)
    )
    for i in range(2):
        c, s, _ = measured(objective, photos[i : i + 1], styles[i : i + 1], painted[i : i + 1])
        np.testing.assert_allclose(
            [batch["content"][i].item(), batch["style"][i].item()], [c, s], rtol=1e-4
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
        for layer, size in zip(STYLE_LAYERS, (32, 16, 8, 4), strict=True):  # 32 pixels
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
    expected = statistics.moments(student.project(layer, f))
    for got, want in zip(
        student.project_moments(layer, *statistics.moments(f)), expected, strict=True
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
