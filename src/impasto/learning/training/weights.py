"""The weights that learn in a run, with their optimizers and running means."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from impasto.errors import TrainingError
from impasto.learning.training.muon import Muon
from impasto.learning.training.settings import TrainingSettings

ADAM_BETAS = 0.9, 0.99


class LearningWeights:
    """Weights by name, and everything that follows them from step to step.

    Args:
        parameters: `embeddings`, `network.*` and `predictor.*`.
        settings: learning rates, and the decay of the running means.

    Attributes:
        averages: running means of the weights, by name.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], settings: TrainingSettings) -> None:
        self.parameters, self.settings = dict(parameters), settings
        self.optimizers = self._optimizers()
        self.averages = {name: p.detach().clone() for name, p in self.parameters.items()}

    def __repr__(self) -> str:
        return f"LearningWeights({', '.join(self.parameters)})"

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        """Make Muon for kernels and matrices, and Adam for the rest.

        Adam also takes the predictor's last matrix, whose outputs are of several kinds.
        """
        settings = self.settings
        rates = {
            "embeddings": settings.embedding_rate,
            "network": settings.learning_rate,
            "predictor": settings.predictor_rate,
        }
        groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
        for name, p in self.parameters.items():
            is_matrix = p.ndim > 1 and name not in ("embeddings", "predictor.outer.weight")
            groups.setdefault((is_matrix, rates[name.split(".")[0]]), []).append(p)
        optimizers: list[torch.optim.Optimizer] = []
        for (is_matrix, rate), params in groups.items():
            group = [{"params": params, "rate": rate}]  # the learning rate is set at every step
            optimizers.append(
                Muon(group) if is_matrix else torch.optim.Adam(group, lr=0.0, betas=ADAM_BETAS)
            )
        return optimizers

    def compute_gradients(self, loss: Tensor) -> None:
        """Compute the gradients of a loss."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()

    def clip_gradients(self, step: int, losses: Mapping[str, float]) -> None:
        """Shorten the gradients to `settings.clip`.

        Args:
            step: number of the step.
            losses: of this step, the total among them.

        Raises:
            TrainingError: a loss or gradient is not finite.
        """
        parameters = self.parameters.values()
        norm = nn.utils.clip_grad_norm_(parameters, self.settings.clip).item()
        if not (math.isfinite(losses["total"]) and math.isfinite(norm)):
            values = ", ".join(f"{name} {value:.3g}" for name, value in losses.items())
            raise TrainingError(
                f"step {step} gave a loss or gradient that is not finite ({values}, "
                f"gradient {norm:.3g}); the state before it is kept; "
                "try a lower --learning-rate or another --seed"
            )

    def update(self, step: int, fraction: float) -> None:
        """Move the weights by one step, at the learning rate of this moment, and their means."""
        rate = self.settings.rate(step, fraction)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * rate
            optimizer.step()
        done = step + 1
        decay = min(self.settings.ema, done / (done + 10))
        with torch.no_grad():
            for name, p in self.parameters.items():
                self.averages[name].lerp_(p, 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """Collect weights, means and the state of the optimizers, by name, for a checkpoint."""
        tensors: dict[str, Tensor] = {}
        for name, p in self.parameters.items():
            tensors[name], tensors[f"average.{name}"] = p.detach(), self.averages[name]
            moments = self._optimizer_of(p).state.get(p, {})
            tensors |= {f"optimizer.{name}.{key}": value for key, value in moments.items()}
        return tensors

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from the tensors of a checkpoint.

        Raises:
            ValueError: names or shapes are others; nothing has changed then.
        """
        shapes = {
            name: tensor.shape
            for name, tensor in tensors.items()
            if not name.startswith("optimizer.")
        }
        if shapes != self._shapes():
            raise ValueError("it is of another network or of other styles")
        with torch.no_grad():
            for name, p in self.parameters.items():
                p.copy_(tensors[name])
                self.averages[name].copy_(tensors[f"average.{name}"])
                if moments := _moments(name, tensors):
                    self._optimizer_of(p).state[p] = moments

    def _shapes(self) -> dict[str, torch.Size]:
        return {
            key: p.shape for name, p in self.parameters.items() for key in (name, f"average.{name}")
        }

    def _optimizer_of(self, p: nn.Parameter) -> torch.optim.Optimizer:
        return next(
            optimizer
            for optimizer in self.optimizers
            if any(p is other for group in optimizer.param_groups for other in group["params"])
        )


def learning_parameters(
    embeddings: nn.Parameter, network: nn.Module, predictor: nn.Module | None
) -> dict[str, nn.Parameter]:
    """Collect what learns, by name: `embeddings`, `network.*` and `predictor.*`."""
    parameters = {"embeddings": embeddings}
    for part, module in (("network", network), ("predictor", predictor)):
        named = module.named_parameters() if module else ()
        parameters |= {f"{part}.{name}": p for name, p in named if p.requires_grad}
    return parameters


def _moments(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Pick the state of one weight's optimizer."""
    prefix = f"optimizer.{name}."
    moments = {
        key.removeprefix(prefix): tensor
        for key, tensor in tensors.items()
        if key.startswith(prefix)
    }
    # Adam counts its steps on the CPU
    return {key: tensor.cpu() if key == "step" else tensor for key, tensor in moments.items()}
