"""Muon: steps of convolution kernels and other matrices that move all their directions alike.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". Where the losses cost
far more than the network, as perceptual losses do, the matrix products of a better step are nearly
free. PyTorch's own Muon (2.9 and later) takes matrices only; here a kernel (out, in, h, w) is the
matrix (out, in h w).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of the quintic iteration, from the authors
ITERATIONS = 5
# root mean square of a step at a learning rate of 1: about Adam's (Liu et al. 2025, "Muon is
# scalable", eq. 4)
UPDATE = 0.2


class Muon(torch.optim.Optimizer):
    """For parameters of two or more dimensions.

    Args:
        params: as of any optimizer of PyTorch.
        lr: learning rate.
        momentum: of gradients, with Nesterov's look ahead.
    """

    def __init__(self, params: Iterable[Any], lr: float = 0.0, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move all parameters by one step; those of one shape together, for the sake of GPUs."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    alike.setdefault(p.shape, []).append(p)
            for shape, params in alike.items():
                ahead = []
                for p in params:
                    assert p.grad is not None
                    mean = self.state[p].setdefault("momentum", torch.zeros_like(p))
                    mean.lerp_(p.grad, 1 - group["momentum"])
                    ahead.append(p.grad.lerp(mean, group["momentum"]).flatten(1))
                size = max(shape[0], params[0][0].numel())
                for p, step in zip(params, orthogonal(torch.stack(ahead)), strict=True):
                    p.sub_(step.view_as(p), alpha=UPDATE * size**0.5 * group["lr"])


def orthogonal(matrices: Tensor) -> Tensor:
    """Compute about U V^T of matrices U S V^T (..., n, m), by the iteration of Newton and Schulz.

    The singular values of the result are near 1 (0.7 to 1.2).
    """
    a, b, c = NEWTON_SCHULZ
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-12)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(ITERATIONS):
        product = x @ x.mT
        x = a * x + (b * product + c * product @ product) @ x
    return x.mT if tall else x
