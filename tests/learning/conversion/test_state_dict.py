"""State dicts of PyTorch, ours and those of imported networks: plain tensors, which paint the same
when they are read back."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load

from impasto import export as exporting
from impasto.errors import NetworkError
from impasto.inference.prepared_style import MARGIN
from impasto.learning.conversion import onnx_export, pytorch_examples, state_dict
from impasto.learning.networks.transformer import ARCHITECTURES, TransformerNetwork
from impasto.models.gallery import gallery_style
from impasto.models.network import Network, load_shipped
from impasto.models.noise import noise_at
from learning.tiny import johnson, random_embedding


def test_as_the_help_says() -> None:
    network = load_shipped("base")
    style = gallery_style("starry-night").embedding(network)
    exported = state_dict.export_state_dict(network, style, ".pth")
    assert exported.difference < 1e-4
    state = torch.load(io.BytesIO(exported.files[".pth"]), weights_only=True)
    assert all(tensor.dtype == torch.float32 for tensor in state.values())
    embedding = state.pop("embedding")
    fresh = TransformerNetwork(ARCHITECTURES["base"]).eval()
    fresh.load_state_dict(state)
    image = exporting.make_sample()
    with torch.no_grad():
        noise = torch.from_numpy(noise_at(*exporting.SAMPLE_SIZE, -MARGIN, -MARGIN))
        got = fresh(torch.from_numpy(image), embedding[None], noise).numpy()
    assert np.abs(got - exporting.paint_sample(network, style)).max() < 1e-4


def test_safetensors_say_the_dimensions(tmp_path: Path) -> None:
    network = load_shipped("small")
    exported = state_dict.export_state_dict(network, None, ".safetensors")
    (tmp_path / "a.safetensors").write_bytes(exported.files[".safetensors"])
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert json.loads(file.metadata()["architecture"]) == {
            "widths": [8, 24, 48],
            "blocks": 3,
            "noise": True,
            "last": 1,
            "up_blocks": [],
            "smoothing": 3,
            "detail": 0.0,
        }
        assert (
            set(file.keys()) == TransformerNetwork(ARCHITECTURES["small"]).state_dict().keys()
        )  # and no embedding


def test_a_network_without_noise(tiny_network: TransformerNetwork, tiny_graph: bytes) -> None:
    network = Network(
        "own", onnx_export.network_hash(tiny_network), tiny_network.embedding_size, tiny_graph, {}
    )
    exported = state_dict.export_state_dict(network, random_embedding(tiny_network).numpy(), ".pt")
    assert exported.difference < 1e-4


def test_an_imported_network_goes_back_as_it_came() -> None:
    came = johnson((8, 4, 6), 1)
    embedding = pytorch_examples.embedding_of(came).numpy()
    exported = state_dict.export_state_dict(
        Network("own", "x", len(embedding), pytorch_examples.to_onnx(came), {}),
        embedding,
        ".safetensors",
    )
    assert exported.difference < 1e-4
    state = load(exported.files[".safetensors"])
    assert state.keys() == came.state_dict().keys()
    assert all(torch.equal(tensor, came.state_dict()[name]) for name, tensor in state.items())


def test_what_differs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    network = load_shipped("small")
    style = gallery_style("starry-night").embedding(network)
    monkeypatch.setattr(
        exporting, "paint_sample", lambda network, embedding: np.zeros((1, 3, 96, 128), np.float32)
    )
    with pytest.raises(NetworkError, match="differs from the network by"):
        state_dict.export_state_dict(network, style, ".pth")
