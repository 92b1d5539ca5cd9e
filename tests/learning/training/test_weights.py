"""Weights that learn, and their running means."""

import torch

from learning.tiny import (
    tiny_trainer,
)


def test_running_mean_of_weights_by_the_definition() -> None:
    trainer = tiny_trainer(ema=0.3)
    averages = {name: p.detach().clone() for name, p in trainer.weights.parameters.items()}
    for step in range(1, 7):
        trainer.train_step()
        decay = min(0.3, step / (step + 10))
        averages = {
            name: decay * averages[name] + (1 - decay) * p.detach()
            for name, p in trainer.weights.parameters.items()
        }
    for name, tensor in trainer.averaged().items():
        torch.testing.assert_close(tensor, averages[name], rtol=1e-5, atol=1e-6)
