"""The yardstick of speed has the dimensions of the PyTorch examples' network."""

import torch

from impasto.learning.johnson import Johnson


def test_parameters_of_the_examples_network() -> None:
    assert sum(p.numel() for p in Johnson().parameters()) == 1_679_235


def test_the_picture_is_as_large_as_the_photograph() -> None:
    with torch.no_grad():
        assert Johnson()(torch.rand(2, 3, 32, 44)).shape == (2, 3, 32, 44)
