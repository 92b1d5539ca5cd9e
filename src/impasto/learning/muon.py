"""Muon: steps of convolution kernels and other matrices that move all their directions alike.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". Where the losses cost far more than the
network, as perceptual losses do, the matrix products of a better step are nearly free. PyTorch's own Muon (2.9 and later)
takes matrices only; here a kernel (out, in, h, w) is the matrix (out, in h w).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of the quintic iteration, from the authors
ITERATIONS = 5
UPDATE = 0.2  # root mean square of a step at a learning rate of 1: about Adam's (Liu et al. 2025, "Muon is scalable", eq. 4)


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
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                mean = self.state[p].setdefault("momentum", torch.zeros_like(p))
                mean.lerp_(p.grad, 1 - group["momentum"])
                ahead = p.grad.lerp(mean, group["momentum"])
                p.sub_(
                    orthogonal(ahead.flatten(1)).view_as(p), alpha=UPDATE * max(p.shape[0], p[0].numel()) ** 0.5 * group["lr"]
                )


def orthogonal(matrix: Tensor) -> Tensor:
    """About U V^T of a matrix U S V^T: its singular values brought near 1 (0.7 to 1.2) by Newton and Schulz's iteration."""
    a, b, c = NEWTON_SCHULZ
    x = matrix / (matrix.norm() + 1e-12)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(ITERATIONS):
        product = x @ x.T
        x = a * x + (b * product + c * product @ product) @ x
    return x.T if tall else x
