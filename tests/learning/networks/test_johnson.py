"""The yardstick of speed has the dimensions of the PyTorch examples' network, and its names."""

import torch

from impasto.learning.networks.johnson import Johnson


def test_parameters_of_the_examples_network() -> None:
    assert sum(p.numel() for p in Johnson().parameters()) == 1_679_235


def test_names_are_those_of_the_examples_checkpoints() -> None:
    names = list(Johnson().state_dict())
    assert names[:4] == ["conv1.conv2d.weight", "conv1.conv2d.bias", "in1.weight", "in1.bias"]
    assert "res5.conv2.conv2d.weight" in names
    assert "res5.in2.bias" in names
    assert names[-2:] == ["deconv3.conv2d.weight", "deconv3.conv2d.bias"]
    assert len(names) == 62


def test_the_picture_is_as_large_as_the_photograph() -> None:
    with torch.no_grad():
        assert Johnson()(torch.rand(2, 3, 32, 44)).shape == (2, 3, 32, 44)
        assert Johnson((3, 5, 2), 0)(torch.rand(1, 3, 16, 20)).shape == (1, 3, 16, 20)
