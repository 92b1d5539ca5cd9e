"""Perceptual networks: layers by torchvision's numbers, and weights found, fetched and checked."""

import hashlib
import io
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from impasto.errors import WeightsError
from impasto.learning.evaluation.scorer import CANONICAL
from impasto.learning.networks import perceptual, pretrained
from impasto.learning.networks.perceptual import PerceptualNetwork
from learning.tiny import STYLE_LAYERS, pictures, tiny_perceptual, vgg_tensors


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory, and no other folder of weights: where fetched weights go."""
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("IMPASTO_WEIGHTS", raising=False)
    return tmp_path / "cache" / "weights"


# --- layers
# -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "network, layer, index",
    [
        ("vgg19", "relu1_1", 0),
        ("vgg19", "relu2_1", 5),
        ("vgg19", "relu3_1", 10),
        ("vgg19", "relu3_4", 16),
        ("vgg19", "relu4_1", 19),
        ("vgg19", "relu4_2", 21),
        ("vgg19", "relu5_4", 34),
        ("vgg16", "relu1_2", 2),
        ("vgg16", "relu2_2", 7),
        ("vgg16", "relu3_3", 14),
        ("vgg16", "relu4_1", 17),
        ("vgg16", "relu4_3", 21),
        ("vgg16", "relu5_3", 28),
        ("lite", "relu4_1", 19),
    ],
)
def test_layers_have_torchvisions_numbers(network: str, layer: str, index: int) -> None:
    everywhere = {f"features.{i}.weight": torch.zeros(1, 1, 3, 3) for i in range(40)}
    everywhere |= {f"features.{i}.bias": torch.zeros(1) for i in range(40)}
    assert PerceptualNetwork(network, everywhere).layers[layer] == index


def test_features_by_the_definition() -> None:
    """The same as torch's own layers, put together in torchvision's order."""
    tensors, picture = vgg_tensors(), pictures(1, 2, height=37, width=50)
    model = torch.nn.Sequential()
    for i in range(21):
        if i in (4, 9, 18):
            model.append(torch.nn.MaxPool2d(2, 2))
        elif (weight := tensors.get(f"features.{i}.weight")) is not None:
            model.append(torch.nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1))
        else:
            model.append(torch.nn.ReLU())
    model.load_state_dict(
        {key.removeprefix("features."): tensor for key, tensor in tensors.items()}
    )
    got = tiny_perceptual()(picture, STYLE_LAYERS)
    x = (picture - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor(
        [0.229, 0.224, 0.225]
    )[:, None, None]
    with torch.no_grad():
        for layer, end in (("relu1_1", 2), ("relu2_1", 7), ("relu3_1", 12), ("relu4_1", 21)):
            torch.testing.assert_close(got[layer], model[:end](x), rtol=1e-4, atol=1e-5)


def test_no_further_than_the_last_layer_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    convolutions: list[int] = []
    original = torch.nn.functional.conv2d

    def counted(*args: Any, **kwargs: Any) -> Tensor:
        convolutions.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr("impasto.learning.networks.perceptual.F.conv2d", counted)
    tiny_perceptual()(pictures(1), ["relu2_1", "relu1_2"])
    assert len(convolutions) == 3


@pytest.mark.parametrize("layer", ["relu4_2", "relu9_9", "conv1_1", ""])
def test_unknown_layer(layer: str) -> None:
    with pytest.raises(ValueError, match=r"vgg19 has only the layers relu1_1, .*relu4_1"):
        tiny_perceptual()(pictures(1), ["relu1_1", layer])


def test_frozen_but_differentiable() -> None:
    network, picture = tiny_perceptual(), pictures(1).requires_grad_()
    assert not list(network.parameters())
    (gradient,) = torch.autograd.grad(network(picture, ["relu4_1"])["relu4_1"].sum(), picture)
    assert gradient.abs().sum() > 0


# --- identity
# -----------------------------------------------------------------------------------------------------------


def test_identity_is_of_the_tensors_not_of_their_order_or_the_type_computed_in() -> None:
    tensors = vgg_tensors()
    identity = PerceptualNetwork("vgg19", tensors).identity
    assert identity.startswith("vgg19-")
    assert PerceptualNetwork("vgg19", dict(reversed(tensors.items()))).identity == identity
    assert PerceptualNetwork("vgg19", tensors, torch.bfloat16).identity == identity


@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_identity_differs_when_any_number_differs(data: st.DataObject) -> None:
    tensors = vgg_tensors()
    before = perceptual.tensors_hash(tensors)
    name = data.draw(st.sampled_from(sorted(tensors)))
    flat = tensors[name].flatten()
    flat[data.draw(st.integers(0, len(flat) - 1))] += 1e-3
    assert perceptual.tensors_hash(tensors) != before


def test_identity_differs_with_name_shape_and_type() -> None:
    one = torch.arange(6.0)
    versions = [
        {"a": one},
        {"b": one},
        {"a": one.reshape(2, 3)},
        {"a": one.reshape(3, 2)},
        {"a": one.view(torch.int32)},
    ]
    assert len({perceptual.tensors_hash(version) for version in versions}) == len(versions)


def test_identity_does_not_depend_on_memory_format() -> None:
    tensor = torch.randn(2, 3, 4, 5)
    assert perceptual.tensors_hash({"a": tensor}) == perceptual.tensors_hash(
        {"a": tensor.contiguous(memory_format=torch.channels_last)}
    )


# --- weights on this machine
# --------------------------------------------------------------------------------------------


def put(folder: Path, name: str, seed: int) -> Path:
    """Weights with torchvision's file name or as safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    tensors = {**vgg_tensors(seed), "classifier.0.weight": torch.zeros(3)}
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


def expected_identity(seed: int) -> str:
    return PerceptualNetwork("vgg19", vgg_tensors(seed)).identity


@pytest.mark.parametrize("file", ["vgg19.safetensors", "vgg19-dcbb9e9d.pth"])
def test_weights_in_the_folder_given_then_in_the_cache(
    file: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cache, file, 1)
    assert pretrained.load_perceptual("vgg19").identity == expected_identity(1)
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(tmp_path / "given"))
    assert pretrained.load_perceptual("vgg19").identity == expected_identity(1), (
        "the folder given holds none"
    )
    put(tmp_path / "given", file, 2)
    assert pretrained.load_perceptual("vgg19").identity == expected_identity(2)


def test_unknown_network() -> None:
    with pytest.raises(WeightsError, match=r"'vgg11'.*use vgg16, vgg19, lite"):
        pretrained.load_perceptual("vgg11")


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.mkdir, (self.folder,)


def test_weights_never_run_code(cache: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    cache.mkdir(parents=True)
    path = cache / "vgg19-dcbb9e9d.pth"
    torch.save({**vgg_tensors(), "features.40.weight": Malicious(trap)}, path)
    with pytest.raises(WeightsError, match=str(path)) as caught:
        pretrained.load_perceptual("vgg19")
    assert "weights_only" not in str(caught.value), "never advise to run it"
    assert not trap.exists()
    torch.load(path, weights_only=False)
    assert trap.exists(), "the trap works"


@pytest.mark.parametrize("file", ["vgg19.safetensors", "vgg19-dcbb9e9d.pth"])
@pytest.mark.parametrize("content", ["cut", "text", "empty", "other"])
def test_broken_weights_say_what_to_do(file: str, content: str, cache: Path) -> None:
    path = put(cache, file, 0)
    if content == "other":
        save_file(
            {"conv.weight": torch.zeros(3)}, path
        ) if path.suffix == ".safetensors" else torch.save({"a": 1}, path)
    else:
        path.write_bytes(
            {"cut": path.read_bytes()[:-3000], "text": b"no weights", "empty": b""}[content]
        )
    with pytest.raises(
        WeightsError, match=f"cannot read a perceptual network from {path}: .*delete the file"
    ) as caught:
        pretrained.load_perceptual("vgg19")
    assert "weights_only" not in str(caught.value), "never advise to run what is in a file"


def damaged(kind: str) -> dict[str, torch.Tensor]:
    tensors = vgg_tensors()
    if kind == "not finite":
        tensors["features.2.weight"][0, 0, 0, 0] = torch.nan
    elif kind == "without a bias":
        del tensors["features.2.bias"]
    elif kind == "of another width":
        tensors["features.2.weight"] = tensors["features.2.weight"][:, :1]
    elif kind == "of whole numbers":
        tensors["features.2.bias"] = tensors["features.2.bias"].to(torch.int64)
    else:
        tensors["features.0.weight"] = torch.zeros(4, 3, 1 << 12, 1)
    return tensors


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("not finite", r"features\.2\.weight is not of finite numbers"),
        ("without a bias", r"features\.2 is missing"),
        ("of another width", r"features\.2 has the shape \[\d+, 1, 3, 3\] and a bias of .*"),
        ("of whole numbers", r"features\.2\.bias is not of finite numbers"),
        ("of large kernels", r"features\.0 has the shape \[4, 3, 4096, 1\] and a bias of .*"),
    ],
)
def test_weights_of_another_network_or_damaged_ones(kind: str, reason: str, cache: Path) -> None:
    cache.mkdir(parents=True)
    path = cache / "vgg19.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in damaged(kind).items()}, path)
    with pytest.raises(
        WeightsError, match=f"cannot read vgg19 from {path}: {reason}; delete the file"
    ):
        pretrained.load_perceptual("vgg19")


def test_weights_that_are_too_large(cache: Path) -> None:
    for name, most in (
        ("vgg19.safetensors", "1,073,741,824"),
        ("vgg16-397923af.pth", "1,073,741,824"),
    ):
        path = put(cache, name, 0)
        with path.open("r+b") as file:
            file.truncate(pretrained.MAX_WEIGHT_BYTES + 1)  # takes no room
        with pytest.raises(
            WeightsError,
            match=f"cannot read a perceptual network from {path}: .*{most} are the most.*delete the file",
        ):
            pretrained.load_perceptual(name[:5])


# --- fetching
# -----------------------------------------------------------------------------------------------------------


class Server(HTTPServer):
    """Serves `body` at any address, says it is `promised` bytes, and may end in the middle of a
    piece."""

    body, promised, chunked = b"", 0, False


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        if self.server.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % self.server.promised + self.server.body)
        else:
            self.send_header("Content-Length", str(self.server.promised))
            self.end_headers()
            self.wfile.write(self.server.body)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Where vgg19 is published: here."""
    buffer = io.BytesIO()
    torch.save(vgg_tensors(5), buffer)
    monkeypatch.setenv("no_proxy", "*")
    with Server(("127.0.0.1", 0), Handler) as server:
        server.body, server.promised = buffer.getvalue(), len(buffer.getvalue())
        start = hashlib.sha256(server.body).hexdigest()[:8]
        monkeypatch.setitem(
            pretrained.PUBLISHED,
            "vgg19",
            f"http://127.0.0.1:{server.server_port}/vgg19-{start}.pth",
        )
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server
        server.shutdown()


def test_fetched_once_and_kept(server: Server, cache: Path) -> None:
    seen: list[tuple[int, int]] = []
    network = pretrained.load_perceptual(
        "vgg19", progress=lambda done, total: seen.append((done, total))
    )
    assert network.identity == expected_identity(5)
    size = len(server.body)
    assert seen[-1] == (size, size)
    assert [path.name for path in cache.iterdir()] == [
        pretrained.PUBLISHED["vgg19"].rsplit("/", 1)[1]
    ]
    server.body, server.promised = b"", 0
    assert pretrained.load_perceptual("vgg19").identity == expected_identity(5), "from the cache"


def test_fetched_weights_that_are_not_the_published_ones(server: Server, cache: Path) -> None:
    server.body = server.body[:-1] + b"!"
    with pytest.raises(WeightsError, match=r"SHA-256 .*; get http://"):
        pretrained.load_perceptual("vgg19")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("chunked", [False, True])
def test_connection_that_breaks(chunked: bool, server: Server, cache: Path) -> None:
    server.chunked, server.body = chunked, server.body[: len(server.body) // 2]
    with pytest.raises(WeightsError) as caught:
        pretrained.load_perceptual("vgg19")
    message = str(caught.value)
    assert "cannot fetch" in message
    assert (
        f"get {pretrained.PUBLISHED['vgg19']}" in message
        and str(cache) in message
        and "IMPASTO_WEIGHTS" in message
    )
    assert "--perceptual lite" in message
    assert list(cache.iterdir()) == []


def test_no_connection(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setitem(
        pretrained.PUBLISHED, "vgg16", f"http://127.0.0.1:{port}/vgg16-397923af.pth"
    )
    with pytest.raises(
        WeightsError, match=r"weights of vgg16, which are not on this machine: .*--perceptual lite"
    ):
        pretrained.load_perceptual("vgg16")
    assert list(cache.iterdir()) == []


def test_cache_that_cannot_be_written(cache: Path) -> None:
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="--perceptual lite"):
        pretrained.load_perceptual("vgg16")


# --- the networks there are
# ---------------------------------------------------------------------------------------------


def test_lite_ships_with_read_outs_for_the_teachers_channels(cache: Path) -> None:
    lite = pretrained.load_perceptual("lite")
    assert lite.identity.startswith("lite-")
    read = {layer: lite.project(layer, f) for layer, f in lite(pictures(1), STYLE_LAYERS).items()}
    assert {layer: f.shape[1:] for layer, f in read.items()} == {
        "relu1_1": (64, 64, 64),
        "relu2_1": (128, 32, 32),
        "relu3_1": (256, 16, 16),
        "relu4_1": (512, 8, 8),
    }
    assert not cache.exists(), "nothing was fetched"


def test_vgg19_by_its_shapes_and_identity(vgg19: PerceptualNetwork) -> None:
    layers = ["relu1_2", "relu2_2", "relu3_4", "relu4_1"]
    shapes = {
        layer: tuple(f.shape[1:])
        for layer, f in vgg19(pictures(1, height=50, width=65), layers).items()
    }
    assert shapes == {
        "relu1_2": (64, 50, 65),
        "relu2_2": (128, 25, 32),
        "relu3_4": (256, 12, 16),
        "relu4_1": (512, 6, 8),
    }
    assert vgg19.identity == CANONICAL, (
        "the Oxford weights, by which figures in the docs were measured"
    )
