"""A network that ships with a small gallery, and runs with a style predictor."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from impasto.models.network import Network
from impasto.models.style import Style

if TYPE_CHECKING:
    from impasto.learning.networks.transformer import TransformerNetwork
    from impasto.learning.training.trainer import Trainer


@pytest.fixture
def styles(tiny_network: "TransformerNetwork") -> dict[str, Style]:
    """Three bold styles."""
    from impasto.learning.conversion import onnx_export
    from learning.tiny import random_embedding

    code = onnx_export.network_hash(tiny_network)
    return {
        name: Style(name, {"base": random_embedding(tiny_network, seed).numpy()}, {"base": code})
        for seed, name in enumerate(["cubes", "dots", "lines"])
    }


@pytest.fixture
def shipped(
    tiny_graph: bytes,
    tiny_network: "TransformerNetwork",
    styles: dict[str, Style],
    monkeypatch: pytest.MonkeyPatch,
) -> Network:
    """A network that ships, with a gallery of these styles."""
    from impasto.learning.conversion import onnx_export
    from impasto.learning.training import style as style_training

    network = Network(
        "base", onnx_export.network_hash(tiny_network), tiny_network.embedding_size, tiny_graph, {}
    )
    monkeypatch.setattr(style_training, "load_shipped", {"base": network}.__getitem__)
    monkeypatch.setattr(style_training, "gallery_names", lambda: tuple(styles))
    monkeypatch.setattr(style_training, "gallery_style", styles.__getitem__)
    return network


@pytest.fixture
def predicting(tmp_path: Path) -> "Callable[..., Trainer]":
    """Make a run with a style predictor."""
    from learning.tiny import tiny_predicting_trainer

    def make(**settings: Any) -> "Trainer":
        (tmp_path / "art").mkdir(exist_ok=True)
        return tiny_predicting_trainer(tmp_path / "art", **settings)

    return make
