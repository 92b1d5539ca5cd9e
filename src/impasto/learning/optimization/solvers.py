"""Solvers that lower the objective of a picture: L-BFGS and Adam.

Both keep pictures within 0..1, and both can be resumed from their state.
"""

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from impasto.errors import TrainingError

Objective = Callable[[Tensor], tuple[dict[str, float], Tensor]]
"""A function of a picture to its terms with their "total", and its gradient."""

MAX_HISTORY = 20  # pairs of steps and changes that L-BFGS remembers
MAX_HISTORY_BYTES = 1_200_000_000  # memory for them
TRIALS = 6  # of a step, each shorter than the one before
TRIAL_RATIO = 3  # by which a trial is shorter than the one before
FIRST_STEP = 0.02  # root mean square change of pixels in a first step, which has no history
SMOOTH_EXPONENT, MIN_FREQUENCY = 0.75, 1 / 64  # see `smooth`
MIN_CURVATURE = 1e-10  # of a pair, below which it is not remembered
BETAS, EPSILON = (0.9, 0.99), 1e-8  # of Adam


class Solver(Protocol):
    """An object that lowers an objective, one step after the other.

    Attributes:
        picture: (1, 3, H, W), RGB in 0..1, the best so far.
        terms: of the picture evaluated last, with "total".
        done: whether no step lowers the objective any more.
    """

    picture: Tensor
    terms: dict[str, float]
    done: bool

    def step(self, fraction: float) -> None:
        """Do one step.

        Args:
            fraction: of this scale that is done, 0..1.

        Raises:
            TrainingError: the objective is no longer finite.
        """
        ...

    def state(self) -> dict[str, Tensor]:
        """Collect the tensors that resuming needs, beside the objective."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the tensors of `state`."""
        ...


def smooth(gradient: Tensor) -> Tensor:
    """Weight the frequencies f of a gradient (1, 3, H, W) by f^-0.75, from 1/64 of a pixel up.

    As metric of L-BFGS it lets pictures change most in coarse structures, as natural ones do (their
    spectrum is 1/f). The plain gradient knows only single pixels, and takes many steps to change
    coarse structures.
    """
    height, width = gradient.shape[2:]
    down, across = (
        torch.fft.fftfreq(height, device=gradient.device),
        torch.fft.rfftfreq(width, device=gradient.device),
    )
    weight = (
        2 * torch.hypot(down[:, None], across[None]).clamp_min(MIN_FREQUENCY)
    ) ** -SMOOTH_EXPONENT
    return torch.fft.irfft2(torch.fft.rfft2(gradient) * weight, s=(height, width))


def evaluate(objective: Objective, picture: Tensor) -> tuple[dict[str, float], Tensor]:
    """Compute terms and gradient of a picture (1, 3, H, W).

    Raises:
        TrainingError: they are not finite.
    """
    terms, gradient = objective(picture)
    if not (math.isfinite(terms["total"]) and bool(gradient.isfinite().all())):
        values = ", ".join(f"{name} {value:.3g}" for name, value in terms.items())
        raise TrainingError(
            f"cannot optimize: the objective is not finite ({values}); lower its weights, or use "
            "--precision f32"
        )
    return terms, gradient


class LBFGS:
    """L-BFGS (Liu and Nocedal 1989) in the metric of `smooth`, within 0..1.

    Each step is brought back into 0..1 and shortened until it helps. Values beyond 0..1 that are
    brought back only in the end would have lowered the objective, and not be seen.

    Args:
        objective: what to lower.
        picture: the start, (1, 3, H, W).
    """

    def __init__(self, objective: Objective, picture: Tensor) -> None:
        self.objective, self.picture, self.done = objective, picture.clamp(0, 1).contiguous(), False
        self.steps: list[Tensor] = []
        self.changes: list[Tensor] = []  # of the gradient, by each of the steps
        self.history = max(3, min(MAX_HISTORY, MAX_HISTORY_BYTES // (8 * picture.numel())))
        self.look()

    def look(self) -> None:
        """Evaluate the picture anew, after the objective has drawn other random numbers."""
        self.terms, self.gradient = evaluate(self.objective, self.picture)

    def _direction(self) -> Tensor:
        """Compute the direction downhill, by the pairs that are remembered."""
        direction, shares = -self.gradient, []
        pairs = list(zip(self.steps, self.changes, strict=True))
        for step, change in reversed(pairs):
            share = (step * direction).sum() / (step * change).sum()
            direction = direction - share * change
            shares.append(share)
        direction = smooth(direction)
        if not pairs:
            return direction * (FIRST_STEP / direction.square().mean().sqrt().clamp_min(1e-30))
        step, change = pairs[-1]
        direction *= (step * change).sum() / (change * smooth(change)).sum()
        for (step, change), share in zip(pairs, reversed(shares), strict=True):
            direction += (share - (change * direction).sum() / (step * change).sum()) * step
        return direction

    def step(self, fraction: float) -> None:
        """Do one step; set `done` where none helps."""
        direction, length = self._direction(), 1.0
        for _ in range(TRIALS):
            picture = (self.picture + length * direction).clamp(0, 1)
            terms, gradient = evaluate(self.objective, picture)
            if terms["total"] < self.terms["total"]:
                break
            length /= TRIAL_RATIO
        else:
            self.done = not self.steps  # the history may mislead: once more without it
            self.steps, self.changes = [], []
            return
        step, change = picture - self.picture, gradient - self.gradient
        if (step * change).sum() > MIN_CURVATURE * change.square().sum():
            self.steps, self.changes = (
                [*self.steps, step][-self.history :],
                [*self.changes, change][-self.history :],
            )
        self.picture, self.terms, self.gradient = picture, terms, gradient

    def state(self) -> dict[str, Tensor]:
        """Collect the picture and the pairs; the gradient is computed again."""
        pairs = {"steps": self.steps, "changes": self.changes}
        return {"picture": self.picture} | {
            name: torch.cat(tensors) for name, tensors in pairs.items() if tensors
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the tensors of `state`."""
        self.picture = state["picture"]
        self.steps, self.changes = (
            list(state[name].split(1)) if name in state else [] for name in ("steps", "changes")
        )
        self.look()


class Adam:
    """Adam (Kingma and Ba 2015), whose rate falls to 0 by half a cosine.

    Args:
        objective: what to lower.
        picture: the start, (1, 3, H, W).
        rate: how far pixels move in a step, at first.
        ema: decay of a running mean of its pictures, shorter at first; 0: none, and `picture` is
            the best there was.
    """

    def __init__(
        self, objective: Objective, picture: Tensor, rate: float, ema: float = 0.0
    ) -> None:
        self.objective, self.rate, self.ema, self.done = objective, rate, ema, False
        # contiguous, as sums depend on the order in memory, and a checkpoint keeps this one
        self.current = picture.clamp(0, 1).contiguous()
        self.picture = self.current.clone()
        self.mean, self.square = torch.zeros_like(self.current), torch.zeros_like(self.current)
        self.count, self.least = 0, math.inf
        self.terms: dict[str, float] = {"total": math.inf}

    def step(self, fraction: float) -> None:
        """Do one step; the rate depends on the fraction that is done."""
        self.terms, gradient = evaluate(self.objective, self.current)
        if not self.ema and self.terms["total"] < self.least:
            self.least, self.picture = self.terms["total"], self.current
        self.count += 1
        self.mean.lerp_(gradient, 1 - BETAS[0])
        self.square.lerp_(gradient.square(), 1 - BETAS[1])
        mean, square = (
            moment / (1 - beta**self.count)
            for moment, beta in zip((self.mean, self.square), BETAS, strict=True)
        )
        rate = self.rate * 0.5 * (1 + math.cos(math.pi * fraction))
        self.current = (self.current - rate * mean / (square.sqrt() + EPSILON)).clamp(0, 1)
        if self.ema:
            self.picture = self.picture.lerp(
                self.current, 1 - min(self.ema, self.count / (self.count + 10))
            )

    def state(self) -> dict[str, Tensor]:
        """Collect pictures, moments and numbers."""
        numbers = torch.tensor([self.count, self.least], dtype=torch.float64)
        tensors = {
            "picture": self.picture,
            "current": self.current,
            "mean": self.mean,
            "square": self.square,
        }
        return tensors | {"numbers": numbers}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the tensors of `state`."""
        self.picture, self.current, self.mean, self.square = (
            state[k].clone() for k in ("picture", "current", "mean", "square")
        )
        self.count, self.least = int(state["numbers"][0]), float(state["numbers"][1])
