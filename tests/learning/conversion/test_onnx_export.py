"""Networks out to graphs and back: the same network, the same pictures."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from commands import surroundings
from onnx import TensorProto, helper

from impasto.engines import base
from impasto.errors import NetworkError
from impasto.inference import tile_grid
from impasto.learning.conversion import onnx_export
from impasto.learning.networks.transformer import TransformerNetwork
from impasto.models.network import INPUTS, OUTPUT, Network, check_network, find_network
from impasto.models.noise import noise_at
from impasto.stylizer import Stylizer
from learning.tiny import ARCHITECTURE, pictures, random_embedding, tiny_network


def properties(graph: bytes) -> dict[str, str]:
    return {prop.key: prop.value for prop in onnx.load_model_from_string(graph).metadata_props}


def test_there_and_back(tiny_network: TransformerNetwork, tiny_graph: bytes) -> None:
    back = onnx_export.from_onnx(tiny_graph)
    assert back.architecture == ARCHITECTURE
    state = tiny_network.state_dict()
    assert back.state_dict().keys() == state.keys()
    for name, tensor in back.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, state[name].half().float()), name
    assert onnx_export.network_hash(back) == onnx_export.network_hash(tiny_network)


@pytest.mark.parametrize("name", base.ENGINES)
@pytest.mark.parametrize("height, width", [(40, 136), (128, 96)])
def test_engines_paint_what_pytorch_paints(
    name: str, height: int, width: int, tiny_network: TransformerNetwork, tiny_graph: bytes
) -> None:
    if name not in base.available_engines():
        pytest.skip(f"{name} is not installed")
    image, embedding = pictures(1, height=height, width=width), random_embedding(tiny_network)[None]
    with torch.no_grad():
        expected = tiny_network(image, embedding).numpy()
    got = base.load_engine(tiny_graph, name, threads=1, precision="f32").run(
        image.numpy(), embedding.numpy()
    )
    assert got.dtype == np.float32
    assert expected.std() > 0.05
    # by weights in float16, and where those were not rounded
    assert (
        np.abs(
            got - onnx_export.from_onnx(tiny_graph).eval()(image, embedding).detach().numpy()
        ).max()
        < 1e-3
    )
    assert np.abs(got - expected).max() < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", base.ENGINES)
def test_noise_comes_through(name: str, tiny_network: TransformerNetwork) -> None:
    if name not in base.available_engines():
        pytest.skip(f"{name} is not installed")
    network = tiny_network.with_noise().eval()
    graph, embedding = onnx_export.to_onnx(network), random_embedding(network)
    back = onnx_export.from_onnx(graph).eval()
    assert back.architecture.noise and onnx_export.network_hash(back) == onnx_export.network_hash(
        network
    )
    engine = base.load_engine(graph, name, threads=1, precision="f32")
    assert engine.inputs == ("image", "embedding", "noise")
    image, noise = pictures(1, height=72, width=96), noise_at(72, 96, 8, 40)
    with torch.no_grad():
        expected = back(image, embedding[None], torch.from_numpy(noise)).numpy()
    assert np.abs(engine.run(image.numpy(), embedding[None].numpy(), noise) - expected).max() < 1e-3
    assert (
        np.abs(engine.run(image.numpy(), embedding[None].numpy(), -noise) - expected).max() > 0.01
    )
    onnx_export.parity(network, graph, embedding)


@pytest.mark.parametrize("name", base.available_engines())
def test_a_last_convolution_of_one_position_comes_through(name: str) -> None:
    """Its weights are in the graph as they are, not as one with the filter, which exporters would
    fold them into; and the graph is of operations that are let run.
    """
    torch.manual_seed(0)
    network = TransformerNetwork(replace(ARCHITECTURE, last=1)).eval()
    graph, embedding = onnx_export.to_onnx(network), random_embedding(network)
    back = onnx_export.from_onnx(graph).eval()
    assert back.architecture.last == 1 and onnx_export.network_hash(
        back
    ) == onnx_export.network_hash(network)
    check_network(
        Network("own", onnx_export.network_hash(network), network.embedding_size, graph, {})
    )
    image = pictures(1, height=72, width=96)
    with torch.no_grad():
        expected = back(image, embedding[None]).numpy()
    painted = base.load_engine(graph, name, threads=1, precision="f32").run(
        image.numpy(), embedding[None].numpy()
    )
    assert np.abs(painted - expected).max() < 1e-3


def test_what_a_graph_says(tiny_network: TransformerNetwork, tiny_graph: bytes) -> None:
    said = properties(tiny_graph)
    assert said["hash"] == onnx_export.network_hash(tiny_network)
    assert int(said["embedding_size"]) == tiny_network.embedding_size
    assert json.loads(said["architecture"]) == {
        "widths": [4, 8, 8],
        "blocks": 1,
        "noise": False,
        "last": 3,
        "up_blocks": [],
        "smoothing": 3,
        "detail": 0.0,
    }
    graph = onnx.load_model_from_string(tiny_graph).graph
    assert tuple(node.name for node in graph.input) == INPUTS[:2]
    assert [node.name for node in graph.output] == [OUTPUT]


def test_weights_are_stored_in_float16(tiny_network: TransformerNetwork, tiny_graph: bytes) -> None:
    stored = {
        w.name: w.data_type for w in onnx.load_model_from_string(tiny_graph).graph.initializer
    }
    for name in tiny_network.state_dict():
        assert stored[f"{name}.float16"] == TensorProto.FLOAT16
        assert name not in stored


def test_export_leaves_the_network_alone(exported: tuple[TransformerNetwork, bytes]) -> None:
    """Weights and mode, though what is exported is the rounded network in evaluation."""
    network, graph = exported
    onnx_export.parity(network, graph, random_embedding(network))
    assert network.training
    before = tiny_network().state_dict()
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_hash_is_of_weights_alone() -> None:
    network = tiny_network()
    assert onnx_export.network_hash(network.double().train()) == onnx_export.network_hash(
        tiny_network().eval()
    )


def test_hash_changes_with_the_weights_as_they_ship() -> None:
    network = tiny_network()
    before = onnx_export.network_hash(network)
    with torch.no_grad():
        network.down1.weight[0] *= 1 + 1e-7  # less than float16 holds
        assert onnx_export.network_hash(network) == before
        network.down1.weight[0] += 0.01
    assert onnx_export.network_hash(network) != before


def foreign_graph() -> bytes:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy")
    return helper.make_model(helper.make_graph(nodes, "other", [x], [y])).SerializeToString()


def without_a_weight(graph: bytes) -> bytes:
    model = onnx.load_model_from_string(graph)
    weights = [w for w in model.graph.initializer if w.name != "down1.weight.float16"]
    assert len(weights) < len(model.graph.initializer)
    del model.graph.initializer[:]
    model.graph.initializer.extend(weights)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("kind", ["text", "empty", "other", "cut", "no weight"])
def test_graphs_that_are_no_impasto_network(kind: str, tiny_graph: bytes) -> None:
    graph = {
        "text": b"this is no graph",
        "empty": b"",
        "other": foreign_graph(),
        "cut": tiny_graph[: len(tiny_graph) // 2],
        "no weight": without_a_weight(tiny_graph),
    }[kind]
    with pytest.raises(
        NetworkError,
        match=r"cannot read a network to train from this graph: .*give a graph that impasto wrote",
    ):
        onnx_export.from_onnx(graph)


def test_parity_of_a_right_export(tiny_network: TransformerNetwork, tiny_graph: bytes) -> None:
    found = onnx_export.parity(tiny_network, tiny_graph, random_embedding(tiny_network))
    assert found["f32"] < 1e-3


def test_parity_tells_a_graph_of_another_network(tiny_graph: bytes) -> None:
    other = tiny_network(1)
    with pytest.raises(NetworkError, match="differs from the network by"):
        onnx_export.parity(other, tiny_graph, random_embedding(other))


def test_parity_tells_a_picture_that_is_not_finite(
    tiny_graph: bytes, tiny_network: TransformerNetwork
) -> None:
    embedding = random_embedding(tiny_network)
    embedding[-1] = torch.nan
    with pytest.raises(NetworkError, match="differs from the network by nan"):
        onnx_export.parity(tiny_network, tiny_graph, embedding)


EXPORT = """
import hashlib
import onnx
from learning.tiny import tiny_network
from impasto.learning.conversion import onnx_export
data = onnx_export.to_onnx(tiny_network().eval())
graph = onnx.load_model_from_string(data).graph
assert not graph.metadata_props and not graph.value_info, "the exporter's notes vary in order"
print(hashlib.sha256(data).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.export
@pytest.mark.process
def test_an_export_gives_the_same_bytes_in_another_process() -> None:
    """Of other string hashes, which change the order of sets."""
    exported = subprocess.run(
        [sys.executable, "-c", EXPORT],
        env=surroundings({"PYTHONHASHSEED": "1"}),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    data = onnx_export.to_onnx(tiny_network().eval())
    assert exported.stdout.strip() == hashlib.sha256(data).hexdigest()


@pytest.mark.slow
@pytest.mark.export
def test_what_is_exported_paints_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs as they are made now, where those of the gallery may be older."""
    shipped = find_network("small")
    graph = onnx_export.to_onnx(onnx_export.from_onnx(shipped.graph))
    stylizer = Stylizer(replace(shipped, graph=graph), precision="f32")
    picture = np.random.default_rng(0).integers(0, 255, (264, 300, 3), np.uint8)
    whole = stylizer.stylize(picture, "starry-night")
    monkeypatch.setattr(tile_grid, "MAX_UNTILED_PIXELS", 0)
    monkeypatch.setattr(tile_grid, "TILE_SIDE", 240)
    assert np.abs(stylizer.stylize(picture, "starry-night").astype(int) - whole).max() <= 1
