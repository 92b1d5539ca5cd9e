"""Optimization of the picture itself: the plain curve is that of the pictures; a run from coarse to
fine ends well."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from impasto.choices import When
from impasto.errors import TrainingError
from impasto.inference.color import parse_color
from impasto.inference.settings import parse_settings
from impasto.learning.losses.objective import ContentTarget, Objective, StyleTarget
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.pretrained import load_perceptual
from impasto.learning.optimization.baseline import OptimizerState, equivalent_iterations, lbfgs
from impasto.learning.optimization.run import Optimization
from impasto.learning.optimization.scaled_problem import MARGIN, add_margin
from impasto.learning.optimization.settings import (
    OptimizationSettings,
    OptimizationTerms,
    scales_to,
)
from impasto.learning.optimization.style_pictures import StylePicture, style_pictures
from impasto.models.style import Style
from learning.tiny import UInt8, pictures, texture, tiny_perceptual, vgg_tensors

Problem = tuple[Objective, ContentTarget, StyleTarget]


@pytest.fixture
def problem() -> Problem:
    objective = Objective(tiny_perceptual())
    return objective, objective.content_target(pictures(1)), objective.style_target(pictures(2))


def states(problem: Problem, count: int) -> list[OptimizerState]:
    objective, content, style = problem
    return list(islice(lbfgs(objective, pictures(1), content, style), count + 1))


def test_the_photograph_stands_at_the_start(problem: Problem) -> None:
    photo = pictures(1)
    first = states(problem, 0)[0]
    assert first.iteration == 0
    torch.testing.assert_close(first.picture, photo)
    objective, content, style = problem
    assert first.total == pytest.approx(
        objective.total(objective.terms(photo, content, style)).item()
    )


def test_the_curve_is_that_of_the_pictures(problem: Problem) -> None:
    """J after k iterations is that of what PyTorch's optimizer, run for k steps by itself,
    leaves."""
    objective, content, style = problem
    found = states(problem, 6)
    assert [state.iteration for state in found] == list(range(7))
    for state in found:
        y = pictures(1).contiguous().requires_grad_(True)
        optimizer = torch.optim.LBFGS([y], max_iter=1, history_size=20)

        def closure(y: torch.Tensor = y, optimizer: torch.optim.LBFGS = optimizer) -> float:
            optimizer.zero_grad()
            loss = objective.total(objective.terms(y, content, style)).sum()
            loss.backward()
            return loss.item()

        for _ in range(state.iteration):
            optimizer.step(closure)
        assert state.total == pytest.approx(
            objective.total(objective.terms(y, content, style)).item(), rel=1e-4
        )
        torch.testing.assert_close(state.picture, y.detach().clamp(0, 1), rtol=0, atol=1e-4)


def test_it_comes_nearer(problem: Problem) -> None:
    curve = [state.total for state in states(problem, 20)]
    assert curve[20] < 0.5 * curve[0]
    assert equivalent_iterations(curve[20], curve) == next(
        k for k in range(21) if curve[k] <= curve[20]
    )


def test_numbers_that_are_not_finite() -> None:
    tensors = vgg_tensors()
    tensors["features.0.weight"] = tensors["features.0.weight"] * float("nan")
    objective = Objective(PerceptualNetwork("vgg19", tensors))
    content, style = (
        objective.content_target(pictures(1)),
        Objective(tiny_perceptual()).style_target(pictures(2)),
    )
    with pytest.raises(TrainingError, match="after 0 iterations"):
        next(lbfgs(objective, pictures(1), content, style))


@given(curve=st.lists(st.floats(0, 10), min_size=1, max_size=30), total=st.floats(0, 10))
def test_worth_is_the_first_time_that_the_optimizer_is_as_low(
    curve: list[float], total: float
) -> None:
    found = equivalent_iterations(total, curve)
    if found is None:
        assert min(curve) > total
    else:
        assert curve[found] <= total
        assert all(reached > total for reached in curve[:found])


# A run from coarse to fine


def optimization(photo: UInt8 | None = None, mask: Any = None, **options: Any) -> Optimization:
    """A run that always begins the same: a photograph of 96 x 64 pixels, two scales, three
    iterations each."""
    photo = texture(1, 64, 96) if photo is None else photo
    settings = OptimizationSettings(
        **{"iterations": 3, "scales": (32, 64), "start": "photo", **options}
    )
    paint = (lambda picture: 255 - picture) if settings.start == "painted" else None
    return Optimization(
        photo, [StylePicture(texture(2), mask=mask)], tiny_perceptual(), settings, paint, mask
    )


def run(of: Optimization, steps: int | None = None) -> Optimization:
    while of.fraction < 1 and steps != 0:
        of.train_step()
        steps = None if steps is None else steps - 1
    return of


@pytest.mark.parametrize(
    ("short", "scales"),
    [(512, (512,)), (1000, (500, 1000)), (2000, (500, 1000, 2000)), (16, (16,))],
)
def test_scales_are_halves(short: int, scales: tuple[int, ...]) -> None:
    assert scales_to(short) == scales


@pytest.mark.parametrize("start", ["painted", "photo", "noise"])
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_run_comes_nearer_and_to_its_end(start: Any, solver: Any) -> None:
    of = optimization(start=start, solver=solver, iterations=6)
    seen = []
    while of.fraction < 1:
        of.train_step()
        seen.append((of.fraction, of.progress.name, of.progress.step, of.progress.loss))
    fractions, units, steps, totals = zip(*seen, strict=True)
    assert list(fractions) == sorted(fractions)
    assert fractions[-1] == 1
    assert units == ("32 pixels",) * 6 + ("64 pixels",) * 6
    assert steps == (*range(1, 7), *range(1, 7))
    assert totals[-1] < totals[6]
    painted = of.painted()
    assert painted.dtype == np.uint8
    assert painted.shape == (64, 96, 3)


def test_coarse_iterations_count_little() -> None:
    assert run(optimization(), 3).fraction == pytest.approx(0.2)
    assert run(optimization(), 4).fraction == pytest.approx(0.2 + 0.8 / 3)


def test_a_picture_is_there_at_any_time() -> None:
    photo = texture(1, 64, 96)
    of = optimization(photo)
    np.testing.assert_array_equal(of.painted(), photo)
    assert run(of, 1).painted().shape == photo.shape


def test_minutes_are_kept() -> None:
    of = run(optimization(iterations=None, minutes=0.02))
    assert of.scale == 1
    assert of.seconds < 0.02 * 60 * 1.2 + 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "adam", "ema": 0.9},
        {"terms": OptimizationTerms(style_loss="sliced", histogram=0.5)},
        {"tile": 32},
    ],
    ids=["lbfgs", "adam", "sliced", "tiles"],
)
@pytest.mark.parametrize("steps", [2, 4])
def test_a_run_that_goes_on_ends_in_the_same_picture(
    tmp_path: Path, options: dict[str, Any], steps: int
) -> None:
    whole = run(optimization(**options))
    run(optimization(**options), steps).save(tmp_path / "checkpoint")
    again = optimization(**options)
    again.load(tmp_path / "checkpoint")
    assert again.step == steps
    np.testing.assert_array_equal(run(again).painted(), whole.painted())
    assert again.progress.losses == whole.progress.losses


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"photo": texture(5, 64, 96)}, "pictures"),
        ({"terms": OptimizationTerms(tv=1.0)}, "terms"),
        ({"scales": (64,)}, "scales"),
    ],
)
def test_a_checkpoint_of_another_run(tmp_path: Path, other: dict[str, Any], named: str) -> None:
    run(optimization(), 1).save(tmp_path / "checkpoint")
    with pytest.raises(TrainingError, match=f"it was started with {named}"):
        optimization(**other).load(tmp_path / "checkpoint")


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_bytes(b"no")
    with pytest.raises(TrainingError, match="not a checkpoint of this run"):
        optimization().load(tmp_path / "checkpoint")


def test_a_run_may_become_longer(tmp_path: Path) -> None:
    run(optimization(iterations=2)).save(tmp_path / "checkpoint")
    again = optimization(iterations=4)
    again.load(tmp_path / "checkpoint")
    assert run(again).iteration == 4


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_outside_of_a_mask_is_the_photograph(solver: Any) -> None:
    photo, mask = texture(1, 64, 96), np.zeros((64, 96), np.float32)
    mask[:, 48:] = 1
    painted = run(optimization(photo, mask, solver=solver)).painted()
    np.testing.assert_array_equal(painted[:, :48], photo[:, :48])
    assert np.abs(painted[:, 48:].astype(int) - photo[:, 48:]).mean() > 3


def test_a_photograph_that_is_its_style_stays() -> None:
    photo = texture(2)
    painted = run(optimization(photo, scales=(64,))).painted()
    assert np.abs(painted.astype(int) - photo).max() <= 1


@pytest.mark.parametrize("seed", [0, 1])
def test_edges_are_pulled_as_the_rest(seed: int) -> None:
    """A perceptual network sees black beyond the edges. Without a margin, pixels near them are
    pulled up to four times as strongly as the rest, and a frame is painted."""
    gray = np.full((128, 128, 3), 128, np.uint8)
    settings = OptimizationSettings(iterations=1, scales=(128,), start="photo")
    style = StylePicture(texture(seed, 128, 128))
    of = Optimization(gray, [style], load_perceptual("lite"), settings)
    _, gradient = of.problem.objective(0, of.perceptual)(of.problem.start())
    pull = gradient[0, :, MARGIN:-MARGIN, MARGIN:-MARGIN].abs().mean(0)
    assert pull.shape == (128, 128)
    inside = pull[32:-32, 32:-32].mean()
    for line in range(8):
        edges = pull[line], pull[-1 - line], pull[:, line], pull[:, -1 - line]
        assert torch.stack(edges).mean() / inside < 1.7


@pytest.mark.parametrize("sides", [(16, 16), (17, 40)])
def test_a_margin_is_the_mirrored_picture(sides: tuple[int, int]) -> None:
    """Also of pictures that are smaller than it."""
    picture = torch.rand(1, 3, *sides)
    around = ((0, 0), (0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN))
    expected = np.pad(picture.numpy(), around, mode="reflect")
    np.testing.assert_array_equal(add_margin(picture).numpy(), expected)


def test_a_flat_style_and_a_flat_photograph() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    for photo, style in ((texture(1), grey), (grey, texture(1))):
        of = Optimization(
            photo,
            [StylePicture(style)],
            tiny_perceptual(),
            OptimizationSettings(iterations=4, scales=(64,), start="photo"),
        )
        assert np.isfinite(run(of).progress.loss or 0.0)


# Styles as pictures


def picture_style(name: str, picture: UInt8) -> Style:
    return Style(name, {}, {}, pixels=picture)


def test_styles_of_a_manner() -> None:
    photo = texture(1, 80, 120)
    mix = [
        (picture_style("a", texture(2, 200, 100)), 3.0),
        (picture_style("b", texture(3, 40, 20)), 1.0),
    ]
    found = style_pictures(parse_settings(mix), photo)
    assert [style.weight for style in found] == [0.75, 0.25]
    assert [style.picture.shape for style in found] == [
        (160, 80, 3),
        (128, 64, 3),
    ]  # small ones are enlarged a little
    assert [style.mask for style in found] == [None, None]
    assert style_pictures(parse_settings(mix), photo, 90)[0].picture.shape == (180, 90, 3)


@pytest.mark.parametrize("when", ["after", "before"])
def test_styles_in_colors_of_the_photograph(when: When) -> None:
    photo = texture(1, 80, 120)
    style_settings = parse_settings(
        picture_style("a", texture(2)), color=parse_color("linear-mkl", when)
    )
    colors = (photo if when == "before" else texture(2)).mean((0, 1))
    assert np.abs(style_pictures(style_settings, photo)[0].picture.mean((0, 1)) - colors).max() < 3
