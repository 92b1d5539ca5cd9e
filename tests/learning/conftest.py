"""Learning needs PyTorch: without it, none of these tests are collected."""

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from impasto.learning.networks.perceptual import PerceptualNetwork
    from impasto.learning.networks.transformer import TransformerNetwork

if importlib.util.find_spec("torch"):
    import torch

    torch.set_num_threads(1)  # tiny networks gain nothing from more, and sums come out in one order
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Other tests run the command line within this process, which sets the number of threads."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def graphs(kept_graphs: None) -> None:
    """Networks are not exported but in tests that are marked `export`."""


@pytest.fixture
def tiny_perceptual() -> "PerceptualNetwork":
    """A random VGG-19 with a few channels, as far as relu4_1."""
    from . import tiny

    return tiny.tiny_perceptual()


@pytest.fixture(scope="session")
def tiny_network() -> "TransformerNetwork":
    """A random transformer network. Shared: leave its weights and its mode alone."""
    from . import tiny

    return tiny.tiny_network().eval()


@pytest.fixture(scope="session")
def exported() -> tuple["TransformerNetwork", bytes]:
    """Another copy of `tiny_network` that was exported while it was in training, and the graph that
    came of it."""
    from impasto.learning.conversion import onnx_export

    from . import tiny

    network = tiny.tiny_network().train()
    return network, onnx_export.to_onnx(network)


@pytest.fixture(scope="session")
def tiny_graph(exported: tuple["TransformerNetwork", bytes]) -> bytes:
    """The ONNX graph of `tiny_network`."""
    return exported[1]


@pytest.fixture(scope="session")
def vgg19() -> "PerceptualNetwork":
    """The real VGG-19, from the folder that IMPASTO_WEIGHTS names; tests that ask for it are
    skipped where it is not."""
    from impasto.learning.networks import pretrained

    folder = os.environ.get("IMPASTO_WEIGHTS")
    if not folder or not (Path(folder) / "vgg19.safetensors").is_file():
        pytest.skip("set IMPASTO_WEIGHTS to a folder that holds vgg19.safetensors")
    return pretrained.load_perceptual("vgg19")
