"""Images as tensors, and the type that networks run in."""

import numpy as np
import torch

from impasto.learning.tensors import best_dtype, to_tensor
from learning.tiny import (
    pictures,
    texture,
    tiny_perceptual,
)


def test_to_tensor() -> None:
    one, other = texture(1, 5, 7), texture(2, 5, 7)
    tensor = to_tensor([one, other])
    assert tensor.shape == (2, 3, 5, 7)
    np.testing.assert_allclose(tensor[1, 2].numpy(), other[:, :, 2] / 255, rtol=1e-6)


def test_best_dtype_is_one_that_perceptual_networks_run_in() -> None:
    features = tiny_perceptual(dtype=best_dtype())(pictures(1), ["relu1_1"])
    assert features["relu1_1"].dtype in (torch.float32, torch.bfloat16)
