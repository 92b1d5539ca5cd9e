"""Solvers lower an objective within 0..1, and go on from what they kept as if they had not
stopped."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from impasto.errors import TrainingError
from impasto.learning.optimization.solvers import LBFGS, Adam, Objective, Solver, smooth
from learning.tiny import pictures

Make = Callable[[Objective, Tensor], Solver]
SOLVERS: dict[str, Make] = {
    "lbfgs": LBFGS,
    "adam": lambda objective, picture: Adam(objective, picture, rate=0.05),
    "ema": lambda objective, picture: Adam(objective, picture, rate=0.05, ema=0.8),
}


def distance(target: Tensor) -> Objective:
    """A bowl that is steep across some pixels and shallow across others."""
    steepness = torch.logspace(-1, 1, target.numel()).reshape(target.shape)

    def objective(picture: Tensor) -> tuple[dict[str, float], Tensor]:
        way = picture - target
        return {"total": (steepness * way.square()).sum().item()}, 2 * steepness * way

    return objective


@pytest.fixture(params=SOLVERS)
def make(request: pytest.FixtureRequest) -> Make:
    return SOLVERS[request.param]


def run(solver: Solver, first: int, last: int, of: int = 60) -> Solver:
    for number in range(first, last):
        solver.step(number / of)
    return solver


def test_it_finds_the_nearest_picture_within_bounds(make: Make) -> None:
    target = 1.6 * pictures(1, height=12, width=10) - 0.3  # partly beyond 0..1
    solver = run(make(distance(target), pictures(2, height=12, width=10)), 0, 60)
    assert solver.picture.min() >= 0
    assert solver.picture.max() <= 1
    assert (solver.picture - target.clamp(0, 1)).abs().mean() < 0.05


def test_lbfgs_never_becomes_worse() -> None:
    solver = LBFGS(distance(pictures(1, height=12, width=10)), pictures(2, height=12, width=10))
    totals = []
    for _ in range(30):
        solver.step(0)
        totals.append(solver.terms["total"])
    assert totals == sorted(totals, reverse=True)


def test_lbfgs_is_done_where_nothing_helps() -> None:
    picture = pictures(1, height=12, width=10)
    solver = LBFGS(distance(picture), picture)
    run(solver, 0, 3)
    assert solver.done
    assert torch.equal(solver.picture, picture)


def test_going_on_from_what_was_kept(make: Make) -> None:
    objective, start = distance(pictures(1, height=12, width=10)), pictures(2, height=12, width=10)
    whole = run(make(objective, start), 0, 20)
    kept = {
        name: tensor.clone() for name, tensor in run(make(objective, start), 0, 9).state().items()
    }
    again = make(objective, kept["picture"])
    again.restore(kept)
    run(again, 9, 20)
    assert torch.equal(again.picture, whole.picture)
    assert again.terms == whole.terms


def test_numbers_that_are_not_finite(make: Make) -> None:
    def broken(picture: Tensor) -> tuple[dict[str, float], Tensor]:
        return {"style": float("nan"), "total": float("nan")}, picture

    with pytest.raises(TrainingError, match="style nan"):
        make(broken, pictures(1)).step(0)


def test_the_metric_is_symmetric_and_weighs_coarse_changes_more() -> None:
    one, other = pictures(1, height=20, width=31) - 0.5, pictures(2, height=20, width=31) - 0.5
    assert (one * smooth(other)).sum().item() == pytest.approx(
        (other * smooth(one)).sum().item(), rel=1e-4
    )
    assert (one * smooth(one)).sum() > 0
    flat, fine = torch.ones(1, 3, 16, 16), torch.ones(1, 3, 16, 16)
    fine[..., ::2] = -1
    assert smooth(flat).abs().mean() > 10 * smooth(fine).abs().mean()
