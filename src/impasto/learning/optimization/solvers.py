"""What lowers the objective of a picture: L-BFGS and Adam, both within 0..1, both able to go on
from what they kept.
"""

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from impasto.errors import TrainingError

Objective = Callable[
    [Tensor], tuple[dict[str, float], Tensor]
]  # of a picture: terms with their "total", and its gradient

HISTORY, HISTORY_BYTES = (
    20,
    1_200_000_000,
)  # most pairs of steps and changes that L-BFGS remembers, and most memory for them
TRIALS = 6  # of a step, each shorter than the one before
FIRST = 0.02  # mean change of pixels in a first step, of which nothing is known
SMOOTH, COARSEST = 0.75, 1 / 64  # see `smoothed`
BETAS, TINY = (0.9, 0.99), 1e-8  # of Adam


class Solver(Protocol):
    """Lowers an objective, one step after the other.

    Attributes:
        picture: (1, 3, H, W), RGB in 0..1, as good as it has come.
        terms: of the picture last looked at, with "total".
        done: nothing lowers it any more.
    """

    picture: Tensor
    terms: dict[str, float]
    done: bool

    def step(self, fraction: float) -> None:
        """One step, when so much of what there is to do is done, 0..1. Raises TrainingError where
        the total is not finite.
        """
        ...

    def state(self) -> dict[str, Tensor]:
        """What going on takes, beside the objective."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        ...


def smoothed(gradient: Tensor) -> Tensor:
    """A gradient (1, 3, H, W) whose frequencies f weigh as f^-0.75, from 1/64 of a pixel up.

    As metric of L-BFGS it says that pictures change most in what is coarse, as natural ones do
    (their spectrum is 1/f); the plain gradient knows only single pixels, and takes many steps to
    change what is coarse.
    """
    height, width = gradient.shape[2:]
    down, across = (
        torch.fft.fftfreq(height, device=gradient.device),
        torch.fft.rfftfreq(width, device=gradient.device),
    )
    weight = (2 * torch.hypot(down[:, None], across[None]).clamp_min(COARSEST)) ** -SMOOTH
    return torch.fft.irfft2(torch.fft.rfft2(gradient) * weight, s=(height, width))


def checked(objective: Objective, picture: Tensor) -> tuple[dict[str, float], Tensor]:
    """Terms and gradient. Raises TrainingError where they are not finite."""
    terms, gradient = objective(picture)
    if not (math.isfinite(terms["total"]) and bool(gradient.isfinite().all())):
        values = ", ".join(f"{name} {value:.3g}" for name, value in terms.items())
        raise TrainingError(
            f"the objective left the finite numbers ({values}); lower its weights, or take --precision f32"
        )
    return terms, gradient


class LBFGS:
    """L-BFGS (Liu and Nocedal 1989) in the metric of `smoothed`, each step brought back into 0..1
    and shortened until it helps.

    Brought back at each step and not in the end, since what lies beyond 0..1 by then was paid for
    and is not seen.
    """

    def __init__(self, objective: Objective, picture: Tensor) -> None:
        self.objective, self.picture, self.done = objective, picture.clamp(0, 1).contiguous(), False
        self.steps: list[Tensor] = []
        self.changes: list[Tensor] = []  # of the gradient, by each of the steps
        self.history = max(3, min(HISTORY, HISTORY_BYTES // (8 * picture.numel())))
        self.look()

    def look(self) -> None:
        """Look at the picture anew, as what the objective draws at random has changed."""
        self.terms, self.gradient = checked(self.objective, self.picture)

    def _direction(self) -> Tensor:
        """Downhill, by all that is remembered."""
        way, shares = -self.gradient, []
        pairs = list(zip(self.steps, self.changes, strict=True))
        for step, change in reversed(pairs):
            share = (step * way).sum() / (step * change).sum()
            way = way - share * change
            shares.append(share)
        way = smoothed(way)
        if not pairs:
            return way * (FIRST / way.square().mean().sqrt().clamp_min(1e-30))
        step, change = pairs[-1]
        way *= (step * change).sum() / (change * smoothed(change)).sum()
        for (step, change), share in zip(pairs, reversed(shares), strict=True):
            way += (share - (change * way).sum() / (step * change).sum()) * step
        return way

    def step(self, fraction: float) -> None:
        """One step; `done` where none helps."""
        way, length = self._direction(), 1.0
        for _ in range(TRIALS):
            picture = (self.picture + length * way).clamp(0, 1)
            terms, gradient = checked(self.objective, picture)
            if terms["total"] < self.terms["total"]:
                break
            length /= 3
        else:
            self.done = not self.steps  # what is remembered may mislead: once more without it
            self.steps, self.changes = [], []
            return
        step, change = picture - self.picture, gradient - self.gradient
        if (step * change).sum() > 1e-10 * change.square().sum():
            self.steps, self.changes = (
                [*self.steps, step][-self.history :],
                [*self.changes, change][-self.history :],
            )
        self.picture, self.terms, self.gradient = picture, terms, gradient

    def state(self) -> dict[str, Tensor]:
        """All but the gradient, which is found again."""
        pairs = {"steps": self.steps, "changes": self.changes}
        return {"picture": self.picture} | {
            name: torch.cat(kept) for name, kept in pairs.items() if kept
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.picture = state["picture"]
        self.steps, self.changes = (
            list(state[name].split(1)) if name in state else [] for name in ("steps", "changes")
        )
        self.look()


class Adam:
    """Adam (Kingma and Ba 2015), its rate falling to 0 by half a cosine, with a running mean of its
    pictures if so asked.

    Args:
        objective: what to lower.
        picture: where to start.
        rate: how far pixels move in a step, at first.
        ema: decay of the running mean, shorter at first; 0: none, and `picture` is the best there
            was.
    """

    def __init__(
        self, objective: Objective, picture: Tensor, rate: float, ema: float = 0.0
    ) -> None:
        self.objective, self.rate, self.ema, self.done = objective, rate, ema, False
        self.current = picture.clamp(
            0, 1
        ).contiguous()  # sums depend on the order in memory, and a checkpoint keeps this one
        self.picture = self.current.clone()
        self.mean, self.square = torch.zeros_like(self.current), torch.zeros_like(self.current)
        self.count, self.least = 0, math.inf
        self.terms: dict[str, float] = {"total": math.inf}

    def step(self, fraction: float) -> None:
        self.terms, gradient = checked(self.objective, self.current)
        if not self.ema and self.terms["total"] < self.least:
            self.least, self.picture = self.terms["total"], self.current
        self.count += 1
        self.mean.lerp_(gradient, 1 - BETAS[0])
        self.square.lerp_(gradient.square(), 1 - BETAS[1])
        mean, square = (
            kept / (1 - beta**self.count)
            for kept, beta in zip((self.mean, self.square), BETAS, strict=True)
        )
        rate = self.rate * 0.5 * (1 + math.cos(math.pi * fraction))
        self.current = (self.current - rate * mean / (square.sqrt() + TINY)).clamp(0, 1)
        if self.ema:
            self.picture = self.picture.lerp(
                self.current, 1 - min(self.ema, self.count / (self.count + 10))
            )

    def state(self) -> dict[str, Tensor]:
        numbers = torch.tensor([self.count, self.least], dtype=torch.float64)
        kept = {
            "picture": self.picture,
            "current": self.current,
            "mean": self.mean,
            "square": self.square,
        }
        return kept | {"numbers": numbers}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.picture, self.current, self.mean, self.square = (
            state[k].clone() for k in ("picture", "current", "mean", "square")
        )
        self.count, self.least = int(state["numbers"][0]), float(state["numbers"][1])
