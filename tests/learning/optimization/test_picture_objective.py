"""The objective of a picture over tiles: that of the whole, with its gradient, whatever the
tiles."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from impasto.learning.losses.objective import LossWeights, Objective
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.optimization import feature_tiles
from impasto.learning.optimization.picture_objective import PictureObjective
from impasto.learning.optimization.settings import OptimizationTerms
from impasto.learning.optimization.targets import MomentSums, WeightedStyle, read_style
from learning.tiny import pictures, tiny_perceptual, tiny_student

NETWORKS = {"teacher": tiny_perceptual, "student": tiny_student}
ALL = [
    OptimizationTerms(),
    OptimizationTerms(style_loss="wasserstein", content=0.5),
    OptimizationTerms(style_loss="sliced", layers={"relu1_1": 2.0, "relu3_1": 1.0, "relu2_1": 0.0}),
    OptimizationTerms(histogram=1.0, tv=0.3),
]


def problem(
    perceptual: PerceptualNetwork,
    terms: OptimizationTerms,
    side: int | None,
    height: int = 75,
    width: int = 139,
) -> tuple[Any, Tensor]:
    """An objective and a picture that it is not yet content with."""
    photo = pictures(1, height=height, width=width)
    styles = [WeightedStyle(read_style(perceptual, terms, pictures(2, height=64, width=90)))]
    return PictureObjective(perceptual, terms, photo, styles, side), 0.8 * photo.roll(
        (5, 3), (2, 3)
    )


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("side", [None, 64, 24])
def test_it_is_the_objective_of_training_and_evaluation(network: str, side: int | None) -> None:
    perceptual = NETWORKS[network]()
    objective, picture = problem(perceptual, OptimizationTerms(), side)
    terms, gradient = objective(picture)
    plain = Objective(perceptual, LossWeights())
    free = picture.clone().requires_grad_(True)
    targets = (
        plain.content_target(objective.photo),
        plain.style_target(pictures(2, height=64, width=90)),
    )
    expected = plain.terms(free, *targets)
    plain.total(expected).sum().backward()
    assert free.grad is not None
    assert terms == pytest.approx(
        {"total": plain.total(expected).item(), **{k: v.item() for k, v in expected.items()}},
        rel=1e-4,
    )
    assert (gradient - free.grad).norm() < 1e-4 * free.grad.norm()


@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(
    height=st.integers(40, 110),
    width=st.integers(40, 110),
    side=st.integers(8, 80),
    terms=st.sampled_from(ALL),
)
@example(height=91, width=88, side=46, terms=ALL[0])  # both differ by rounding in float32
@example(height=102, width=61, side=8, terms=ALL[0])
def test_tiles_do_not_show(height: int, width: int, side: int, terms: OptimizationTerms) -> None:
    """Gradients are compared in float64: in float32, rounding moves a maximum of a pooling now and
    then, and with it a whole patch of the gradient (5 % of its norm in the first example)."""
    for dtype in (torch.float32, torch.float64):
        perceptual = tiny_perceptual(dtype=dtype).to(dtype)
        whole, picture = problem(perceptual, terms, None, height, width)
        cut, _ = problem(perceptual, terms, side, height, width)
        expected, wanted = whole(picture.to(dtype))
        found, gradient = cut(picture.to(dtype))
        assert found == pytest.approx(expected, rel=1e-4)
    assert (gradient - wanted).norm() < 1e-4 * wanted.norm()


@pytest.mark.parametrize("terms", ALL)
@pytest.mark.parametrize("network", NETWORKS)
def test_the_gradient_is_what_pixels_change(network: str, terms: OptimizationTerms) -> None:
    objective, picture = problem(NETWORKS[network](), terms, 40)
    _, gradient = objective(picture)
    step = 1e-4 * gradient / gradient.square().mean().sqrt()
    change = objective(picture + step)[0]["total"] - objective(picture - step)[0]["total"]
    assert change == pytest.approx(2 * (gradient * step).sum().item(), rel=0.05)


def test_a_picture_like_its_style_and_photograph_has_nothing_to_lower() -> None:
    perceptual, photo = tiny_perceptual(), pictures(1)
    for terms in (
        OptimizationTerms(),
        OptimizationTerms(style_loss="wasserstein"),
        OptimizationTerms(style_loss="sliced", histogram=1.0),
    ):
        found, gradient = PictureObjective(
            perceptual, terms, photo, [WeightedStyle(read_style(perceptual, terms, photo))]
        )(photo)
        assert found["total"] < 1e-5
        assert gradient.abs().max() < 1e-4


def test_what_is_sampled_does_not_depend_on_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_tiles, "MAX_SORTED_POSITIONS", 500)
    terms = OptimizationTerms(style_loss="sliced", histogram=0.5)
    whole, picture = problem(tiny_perceptual(), terms, None)
    cut, _ = problem(tiny_perceptual(), terms, 24)
    (expected, wanted), (found, gradient) = whole(picture), cut(picture)
    assert found == pytest.approx(expected, rel=1e-4)
    assert (gradient - wanted).norm() < 1e-3 * wanted.norm()


def test_other_directions_are_drawn_and_the_same_again() -> None:
    objective, picture = problem(tiny_perceptual(), OptimizationTerms(style_loss="sliced"), None)
    totals = []
    for number in (0, 1, 0):
        objective.draw(number)
        totals.append(objective(picture)[0]["style"])
    assert totals[0] == totals[2] != totals[1]


def test_styles_count_by_weight() -> None:
    perceptual, photo, picture = tiny_perceptual(), pictures(1), pictures(4)
    read = [read_style(perceptual, OptimizationTerms(), pictures(seed)) for seed in (2, 3)]
    alone = [
        PictureObjective(perceptual, OptimizationTerms(), photo, [WeightedStyle(style)])(picture)[
            0
        ]["style"]
        for style in read
    ]
    both = PictureObjective(
        perceptual,
        OptimizationTerms(),
        photo,
        [WeightedStyle(read[0], 0.7), WeightedStyle(read[1], 0.3)],
    )(picture)[0]["style"]
    assert both == pytest.approx(0.7 * alone[0] + 0.3 * alone[1])


@pytest.mark.parametrize("style_loss", ["gram", "sliced"])
def test_a_mask_says_where_the_style_is_looked_for(style_loss: Any) -> None:
    perceptual, photo, terms = (
        tiny_perceptual(),
        pictures(1),
        OptimizationTerms(style_loss=style_loss),
    )
    left = torch.zeros(64, 64)
    left[:, :16] = 1
    style = read_style(perceptual, terms, pictures(2))
    objective = PictureObjective(
        perceptual, terms, photo, [WeightedStyle(style, 1.0, left)], side=24
    )
    picture = pictures(4)
    elsewhere = picture.clone()
    elsewhere[..., 56:] = 0.5  # farther away than the deepest layer sees
    assert objective(elsewhere)[0]["style"] == pytest.approx(objective(picture)[0]["style"])
    elsewhere[..., :8] = 0.5
    assert objective(elsewhere)[0]["style"] != pytest.approx(objective(picture)[0]["style"])


def test_a_mask_that_is_white_is_none() -> None:
    perceptual, photo, picture = tiny_perceptual(), pictures(1), pictures(4)
    style = read_style(perceptual, OptimizationTerms(), pictures(2))
    white = PictureObjective(
        perceptual, OptimizationTerms(), photo, [WeightedStyle(style, 1.0, torch.ones(64, 64))]
    )(picture)
    plain = PictureObjective(perceptual, OptimizationTerms(), photo, [WeightedStyle(style)])(
        picture
    )
    assert white[0] == pytest.approx(plain[0])
    torch.testing.assert_close(white[1], plain[1])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.booleans(), st.integers(0, 1000))
def test_sums_of_parts(counts: list[int], weighted: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [(100 + rng.normal(size=(n, 3))).astype(np.float32) for n in counts]
    weights = [rng.uniform(0.1, 1, (n, 1)).astype(np.float32) for n in counts]
    sums = MomentSums()
    for part, weight in zip(parts, weights, strict=True):
        sums.add(torch.from_numpy(part), torch.from_numpy(weight) if weighted else None)
    rows = np.concatenate(parts).astype(np.float64)
    if len(rows):
        w = np.concatenate(weights)[:, 0].astype(np.float64) if weighted else np.ones(len(rows))
        mean = np.average(rows, 0, w)
        cov = ((rows - mean) * w[:, None]).T @ (rows - mean) / w.sum()
        np.testing.assert_allclose(sums.moments.mean[0].numpy(), mean, rtol=1e-6)
        np.testing.assert_allclose(sums.moments.cov[0].numpy(), cov, atol=1e-4)
