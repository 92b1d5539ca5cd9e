"""Plain L-BFGS on the pixels, the yardstick of evaluation (Gatys et al. 2016)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.errors import TrainingError
from impasto.learning.losses.objective import ContentTarget, Objective, StyleTarget

HISTORY = 20  # gradients that L-BFGS remembers


@dataclass(frozen=True)
class OptimizerState:
    """A picture after some iterations, and its objective."""

    iteration: int  # 0 is the start itself
    total: float  # J, of the picture as the optimizer holds it: not clamped
    picture: Tensor  # (1, 3, H, W), RGB, clamped to 0..1


def lbfgs(
    objective: Objective, start: Tensor, content: ContentTarget, style: StyleTarget
) -> Iterator[OptimizerState]:
    """Yield the picture after 0, 1, 2, ... iterations of L-BFGS, without an end.

    It is PyTorch's L-BFGS (Liu and Nocedal 1989) in unit steps, without a line search. So an
    iteration costs one evaluation of the objective and its gradient. The evaluation that starts
    iteration k + 1 gives the J of the picture after k.

    Args:
        objective: what to lower.
        start: (1, 3, H, W), RGB in 0..1.
        content: its target of the photograph.
        style: its target of the painting.

    Raises:
        TrainingError: J is no longer a finite number.
    """
    # contiguous, as torch's L-BFGS looks at gradients as one row of numbers
    picture = start.detach().clone(memory_format=torch.contiguous_format).requires_grad_(True)
    optimizer = torch.optim.LBFGS([picture], max_iter=1, history_size=HISTORY)

    def closure() -> float:
        optimizer.zero_grad()
        total = objective.total(objective.terms(picture, content, style)).sum()
        total.backward()
        return total.item()

    iteration = 0
    while True:
        before = picture.detach().clone()
        total = float(optimizer.step(closure))  # what it was before the step
        if not math.isfinite(total):
            raise TrainingError(
                f"cannot optimize by L-BFGS: J is {total} after {iteration} "
                "iterations; ask for fewer"
            )
        yield OptimizerState(iteration, total, before.clamp(0, 1))
        iteration += 1


def equivalent_iterations(total: float, curve: list[float]) -> int | None:
    """Count the iterations that the optimizer takes to come as low as `total`.

    Args:
        total: a value of J.
        curve: J after 0, 1, 2, ... iterations.

    Returns:
        The number of iterations; None if it never comes so low within the curve.
    """
    return next((iteration for iteration, reached in enumerate(curve) if reached <= total), None)
