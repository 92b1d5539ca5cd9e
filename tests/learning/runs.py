"""Runs of training in tests: steps, comparisons bit for bit, and paintings to compare with."""

import numpy as np
import torch
from torch import Tensor

from impasto.inference.prepared_style import MARGIN
from impasto.learning.networks.transformer import TransformerNetwork
from impasto.learning.training.trainer import Trainer
from impasto.models.network import Network
from impasto.models.style import Style
from impasto.stylizer import Stylizer
from learning.tiny import UInt8

CARD = {"trained": "just now", "seed": "0"}


def train(trainer: Trainer, steps: int) -> Trainer:
    """Train some steps."""
    for _ in range(steps):
        trainer.train_step()
    return trainer


def state_of(trainer: Trainer) -> dict[str, Tensor]:
    """Collect everything that a run goes on from."""
    weights = trainer.weights
    tensors = {name: p.detach().clone() for name, p in weights.parameters.items()}
    tensors |= {f"average.{name}": tensor.clone() for name, tensor in weights.averages.items()}
    for optimizer in weights.optimizers:
        for number, moments in optimizer.state_dict()["state"].items():
            tensors |= {
                f"{type(optimizer).__name__}.{number}.{key}": value.clone()
                for key, value in moments.items()
            }
    return tensors


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    """Compare tensors by name, bit for bit."""
    assert one.keys() == other.keys()
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert not different


def assert_same_run(one: Trainer, other: Trainer) -> None:
    """Compare the steps, weights and means of two runs, bit for bit."""
    assert one.step == other.step
    assert_equal(dict(one.weights.parameters), dict(other.weights.parameters))
    assert_equal(one.weights.averages, other.weights.averages)


def stylized(network: Network, style: Style, photo: UInt8) -> UInt8:
    """Paint as users do."""
    return Stylizer(network, threads=1, precision="f32").stylize(photo, style)


def painted(
    network: TransformerNetwork, embedding: torch.Tensor, photo: UInt8, margin: int = MARGIN
) -> np.ndarray:
    """Paint a photograph by PyTorch: (H, W, 3) in 0..255.

    Its sides and the margins sum up to multiples of 16.
    """
    height, width = photo.shape[:2]
    photo = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    with torch.no_grad():
        image = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
        picture = network.eval()(image, embedding[None], network.noise(*image.shape[2:]))
    pixels = np.asarray(picture[0].permute(1, 2, 0) * 255)
    return pixels[margin : margin + height, margin : margin + width]
