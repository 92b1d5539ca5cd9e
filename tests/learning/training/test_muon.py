"""Muon: steps that move all directions of a matrix alike."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.learning.training.muon import UPDATE, Muon, orthogonal


@settings(deadline=None)
@given(
    rows=st.integers(2, 12),
    columns=st.integers(2, 12),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    seed=st.integers(0, 99),
)
def test_all_singular_values_come_near_1(rows: int, columns: int, scale: float, seed: int) -> None:
    u, _, v = torch.linalg.svd(
        torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)),
        full_matrices=False,
    )
    values = torch.linspace(0.2, 1, len(v))
    made = orthogonal(scale * u * values @ v)
    found = torch.linalg.svdvals(made)
    assert found.min() > 0.6 and found.max() < 1.3
    # and the directions are the matrix's own
    torch.testing.assert_close(
        u.T @ made @ v.T, torch.diag((u.T @ made @ v.T).diagonal()), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (4, 30), (40, 6)])
def test_a_step_is_about_as_large_as_one_of_adam(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    kernel = torch.nn.Parameter(torch.randn(shape))
    before = kernel.detach().clone()
    kernel.grad = 1e-4 * torch.randn(shape)
    Muon([kernel], lr=0.01).step()
    rms = (kernel.detach() - before).square().mean().sqrt().item()
    assert rms == pytest.approx(UPDATE * 0.01, rel=0.3)


def test_the_first_step_goes_against_the_gradient_and_later_ones_along_its_mean() -> None:
    kernel = torch.nn.Parameter(torch.zeros(3, 3))
    optimizer = Muon([kernel], lr=1.0)
    kernel.grad = torch.diag(torch.tensor([3.0, -2.0, 1.0]))
    optimizer.step()
    assert (kernel.detach().diagonal().sign() == torch.tensor([-1.0, 1.0, -1.0])).all()
    mean = 0.05 * kernel.grad
    torch.testing.assert_close(optimizer.state[kernel]["momentum"], mean)
    kernel.grad = torch.eye(3)
    optimizer.step()
    torch.testing.assert_close(
        optimizer.state[kernel]["momentum"], 0.95 * mean + 0.05 * torch.eye(3)
    )


def test_parameters_without_a_gradient_stay() -> None:
    kernel = torch.nn.Parameter(torch.ones(2, 2))
    Muon([kernel], lr=1.0).step()
    assert (kernel == 1).all()


def test_a_badly_scaled_least_squares_problem_is_solved_sooner_than_by_plain_descent() -> None:
    """Directions in which the inputs hardly vary are learned as quickly as the others."""
    torch.manual_seed(0)
    inputs = torch.randn(64, 8) * torch.logspace(0, -2, 8)
    wanted = torch.randn(8, 8)

    def error_after(make: type[torch.optim.Optimizer], lr: float) -> float:
        matrix = torch.nn.Parameter(torch.zeros(8, 8))
        optimizer = make([matrix], lr=lr)  # type: ignore[call-arg]
        for step in range(200):
            optimizer.zero_grad()
            (inputs @ (matrix - wanted)).square().mean().backward()
            optimizer.param_groups[0]["lr"] = lr * (1 - step / 200)
            optimizer.step()
        return (matrix.detach() - wanted).square().mean().item()

    assert error_after(Muon, 0.2) < 0.3 * min(
        error_after(torch.optim.SGD, lr) for lr in (0.1, 1.0, 3.0)
    )


def test_matrices_of_a_shape_are_stepped_as_each_would_be_alone() -> None:
    torch.manual_seed(1)
    start, gradients = torch.randn(3, 6, 4), torch.randn(2, 3, 6, 4)

    def stepped(together: bool) -> list[torch.Tensor]:
        matrices = [torch.nn.Parameter(each.clone()) for each in start]
        optimizers = (
            [Muon(matrices, lr=0.1)] if together else [Muon([each], lr=0.1) for each in matrices]
        )
        for gradient in gradients:
            for matrix, each in zip(matrices, gradient, strict=True):
                matrix.grad = each.clone()
            for optimizer in optimizers:
                optimizer.step()
        return [each.detach() for each in matrices]

    for one, other in zip(stepped(True), stepped(False), strict=True):
        torch.testing.assert_close(one, other)
