"""L-BFGS on the picture itself: the curve is that of the pictures, and what pictures are worth is read from it."""

from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from impasto.errors import TrainingError
from impasto.learning.features import Perceptual
from impasto.learning.losses import ContentTarget, Objective, StyleTarget
from impasto.learning.optimize import State, lbfgs, worth

from .tiny import pictures, tiny_perceptual, vgg_tensors

Problem = tuple[Objective, ContentTarget, StyleTarget]


@pytest.fixture
def problem() -> Problem:
    objective = Objective(tiny_perceptual())
    return objective, objective.content_target(pictures(1)), objective.style_target(pictures(2))


def states(problem: Problem, count: int) -> list[State]:
    objective, content, style = problem
    return list(islice(lbfgs(objective, pictures(1), content, style), count + 1))


def test_the_photograph_stands_at_the_start(problem: Problem) -> None:
    photo = pictures(1)
    first = states(problem, 0)[0]
    assert first.iteration == 0
    torch.testing.assert_close(first.picture, photo)
    objective, content, style = problem
    assert first.total == pytest.approx(objective.total(objective.terms(photo, content, style)).item())


def test_the_curve_is_that_of_the_pictures(problem: Problem) -> None:
    """J after k iterations is that of what PyTorch's optimizer, run for k steps by itself, leaves."""
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
        assert state.total == pytest.approx(objective.total(objective.terms(y, content, style)).item(), rel=1e-4)
        torch.testing.assert_close(state.picture, y.detach().clamp(0, 1), rtol=0, atol=1e-4)


def test_it_comes_nearer(problem: Problem) -> None:
    curve = [state.total for state in states(problem, 20)]
    assert curve[20] < 0.5 * curve[0]
    assert worth(curve[20], curve) == next(k for k in range(21) if curve[k] <= curve[20])


def test_numbers_that_are_not_finite() -> None:
    tensors = vgg_tensors()
    tensors["features.0.weight"] = tensors["features.0.weight"] * float("nan")
    objective = Objective(Perceptual("vgg19", tensors))
    content, style = objective.content_target(pictures(1)), Objective(tiny_perceptual()).style_target(pictures(2))
    with pytest.raises(TrainingError, match="after 0 iterations"):
        next(lbfgs(objective, pictures(1), content, style))


@given(curve=st.lists(st.floats(0, 10), min_size=1, max_size=30), total=st.floats(0, 10))
def test_worth_is_the_first_time_that_the_optimizer_is_as_low(curve: list[float], total: float) -> None:
    found = worth(total, curve)
    if found is None:
        assert min(curve) > total
    else:
        assert curve[found] <= total
        assert all(reached > total for reached in curve[:found])
