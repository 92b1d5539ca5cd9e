"""Noise, that networks are painted with; and network files, of which none that is wrong comes as
far as an engine."""

import math
import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiny_models import changed, older

from impasto.errors import NetworkError
from impasto.models.gallery import gallery_style
from impasto.models.network import (
    FORMAT,
    MAX_EMBEDDING_SIZE,
    Network,
    find_network,
    load_shipped,
    network_path,
    read_network,
)
from impasto.models.noise import noise_at
from impasto.tensor_files import read_safetensors, write_safetensors

SMALL = load_shipped("small")
PHOTO = np.zeros(SMALL.embedding_size, np.float32)

eights = st.integers(1, 20).map(lambda n: 8 * n)
corners = st.integers(0, 1000).map(lambda n: 8 * n)


@settings(deadline=None)
@given(height=eights, width=eights, top=corners, left=corners)
def test_a_part_has_the_noise_of_the_whole(height: int, width: int, top: int, left: int) -> None:
    whole, part = noise_at(top + height, left + width), noise_at(height, width, top, left)
    assert part.shape == (1, 1, height // 2, width // 2) and part.dtype == np.float32
    assert np.array_equal(part, whole[..., top // 2 :, left // 2 :])


def test_noise_is_that_and_does_not_repeat_soon() -> None:
    noise = noise_at(1000, 1000)[0, 0]
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 1) < 0.01
    for shift in (1, 4, 64, 100):
        assert abs((noise * np.roll(noise, shift, 1)).mean()) < 0.02


# Files


def refused(path: Path) -> str:
    """Why a network file is not taken, in one line that names it."""
    with pytest.raises(NetworkError) as raised:
        find_network(path)
    message = str(raised.value)
    assert "\n" not in message and str(path) in message and len(message) < 600
    return message


def test_round_trip(tmp_path: Path) -> None:
    for network in (SMALL, replace(older(SMALL), predictor=b""), replace(SMALL, photo=PHOTO)):
        network.save(tmp_path / "a.safetensors")
        found = find_network(str(tmp_path / "a.safetensors"))
        assert replace(found, metadata=network.metadata) == network
        assert (found.photo is None) == (network.photo is None)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (
            {"hash": "0123456789abcdef"},
            f"its hash is '0123456789abcdef', and that of its weights is {SMALL.hash}",
        ),
        ({"hash": "x" * 100_000}, "xx, and that of its weights is"),
        ({"embedding_size": 100, "photo": None}, "takes embedding of the shape [1, 926]"),
        ({"embedding_size": 0, "photo": None}, "its embeddings have 0 numbers"),
        (
            {"embedding_size": MAX_EMBEDDING_SIZE + 1, "photo": None},
            "its embeddings have 1,048,577 numbers",
        ),
        ({"name": "../../base"}, "it has the name '../../base'"),
        ({"photo": PHOTO + math.nan}, "not finite numbers"),
        ({"photo": PHOTO + math.inf}, "not finite numbers"),
        ({"graph": SMALL.graph[:-1000]}, "it holds no ONNX graph"),
        ({"graph": b""}, "its graph makes"),
        ({"graph": SMALL.predictor}, "its graph makes embedding of image"),
        ({"predictor": SMALL.graph}, "of its style predictor, its graph makes picture"),
        (
            {"predictor": load_shipped("base").predictor},
            "of its style predictor, its graph gives embedding of the shape (1, 1510)",
        ),
        ({"predictor": b"none"}, "of its style predictor, it holds no ONNX graph"),
    ],
)
def test_what_is_wrong_with_a_network(
    tmp_path: Path, wrong: Mapping[str, Any], reason: str
) -> None:
    path = tmp_path / "a.safetensors"
    replace(SMALL, **wrong).save(path)
    said = refused(path)
    assert reason in said and said.endswith("; get it anew, from where you trust")


def test_weights_that_were_changed(tmp_path: Path) -> None:
    def change(model: Any) -> None:
        weight = next(each for each in model.graph.initializer if each.name.endswith(".float16"))
        weight.raw_data = bytes(len(weight.raw_data))

    replace(SMALL, graph=changed(SMALL.graph, change)).save(tmp_path / "a.safetensors")
    assert f"its hash is '{SMALL.hash}', and that of its weights is" in refused(
        tmp_path / "a.safetensors"
    )


def stored(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> Path:
    write_safetensors(path, tensors, {"format": FORMAT, **metadata})
    return path


@pytest.mark.parametrize(
    ("tensors", "metadata", "reason"),
    [
        ({}, {}, "graph"),
        ({"graph": None}, {"name": None}, "name"),
        ({"graph": None}, {"hash": None}, "hash"),
        ({"graph": None}, {"embedding_size": None}, "embedding_size"),
        ({"graph": None}, {"embedding_size": "many"}, "many"),
        ({"graph": None, "photo": np.ones(3, np.float16)}, {}, "cannot reshape"),
        ({"graph": np.ones(3, np.float32)}, {}, "a graph of float32"),
        ({"graph": None, "predictor": np.ones(3, np.int64)}, {}, "a graph of int64"),
    ],
)
def test_what_is_missing(
    tmp_path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str | None], reason: str
) -> None:
    graph = np.frombuffer(SMALL.graph, np.uint8)
    facts = {
        "name": "small",
        "hash": SMALL.hash,
        "embedding_size": str(SMALL.embedding_size),
        **metadata,
    }
    path = stored(
        tmp_path / "a.safetensors",
        {name: graph if array is None else array for name, array in tensors.items()},
        {name: value for name, value in facts.items() if value is not None},
    )
    said = refused(path)
    assert "is not a whole network file" in said and reason in said and "get it anew" in said


def test_a_style_is_no_network(tmp_path: Path) -> None:
    gallery_style("photo").save(tmp_path / "style.safetensors")
    assert "the format 'impasto style 1'; give a file of the format 'impasto network 1'" in refused(
        tmp_path / "style.safetensors"
    )


@settings(max_examples=30, deadline=None)
@given(
    part=st.floats(0.001, 1),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=6),
    head=st.booleans(),
)
@example(1, [], False)
def test_damaged_files_are_refused_or_still_networks(
    tmp_path_factory: pytest.TempPathFactory,
    part: float,
    damage: list[tuple[float, int]],
    head: bool,
) -> None:
    data = network_path("small").read_bytes()
    damaged = bytearray(data[: round(len(data) * part)])
    for place, bit in damage:  # of the header, every second time
        damaged[int(place * min(len(damaged), 2000 if head else len(damaged)))] ^= 1 << bit
    path = tmp_path_factory.mktemp("damaged") / "a.safetensors"
    path.write_bytes(damaged)
    try:
        found = read_network(path)
    except NetworkError as error:
        assert "\n" not in str(error) and str(path) in str(error)
    else:
        assert isinstance(found, Network)
        tensors, _ = read_safetensors(path, NetworkError, FORMAT)
        assert "graph" in tensors


def test_networks_are_shown_in_short_and_can_be_pickled() -> None:
    assert repr(SMALL) == f"Network('small', {SMALL.embedding_size} numbers, hash {SMALL.hash})"
    copied = pickle.loads(pickle.dumps(SMALL))
    assert copied == SMALL and repr(copied) == repr(SMALL)
