"""Style files: what they keep, and what users are told where something does not fit."""

import math
import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_styles import NETWORK, refused_style, tulip
from pictures import photo

from impasto.errors import StyleError
from impasto.images.image import Picture, UInt8
from impasto.images.writing import encode
from impasto.models.gallery import gallery_names, gallery_style
from impasto.models.gallery_files import FORMAT
from impasto.models.network import MAX_EMBEDDING_SIZE, load_shipped
from impasto.models.style import (
    MAX_LONG_SIDE,
    MAX_SHORT_SIDE,
    Style,
    encode_picture,
    read_style,
)
from impasto.tensor_files import write_safetensors


@given(
    name=st.text(
        st.characters(exclude_characters="/\\\0\n\r", exclude_categories=["Cs", "Cc"]), min_size=1
    ),
    values=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=9),
    facts=st.dictionaries(st.sampled_from(["title", "artist", "base.J"]), st.text("abc é😀")),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    values: list[float],
    facts: Mapping[str, str],
) -> None:
    path = tmp_path_factory.mktemp("round") / "trip.safetensors"
    embeddings = {"base": np.array(values, np.float32), "small": np.zeros(2, np.float32)}
    Style(name, embeddings, {"base": "cafe", "small": "beef"}, facts).save(path)
    found = read_style(path)
    assert (found.name, found.hashes, found.own) == (name, {"base": "cafe", "small": "beef"}, None)
    assert {key: value for key, value in found.metadata.items() if key != "format"} == facts
    for network, embedding in embeddings.items():
        assert found.embeddings[network].dtype == np.float32
        np.testing.assert_allclose(found.embeddings[network], embedding, rtol=1e-3, atol=1e-6)


def test_a_style_stays_small(tmp_path: Path) -> None:
    for name in gallery_names():
        gallery_style(name).save(tmp_path / name)
        assert (tmp_path / name).stat().st_size < 16_000


def test_a_network_of_its_own_travels_in_the_file(tmp_path: Path) -> None:
    own = replace(load_shipped("small"), name="own", metadata={}, predictor=b"")
    embedding = np.linspace(
        -1, 2, own.embedding_size, dtype=np.float32
    )  # to the last bit, unlike others
    Style("mine", {"own": embedding}, {"own": own.hash}, own=own).save(
        tmp_path / "mine.safetensors"
    )
    found = read_style(tmp_path / "mine.safetensors")
    assert found.own == own
    assert found.embedding(found.own).tolist() == embedding.tolist()


@pytest.mark.parametrize("lacking", ["name", "base.hash"])
def test_a_file_that_lacks_something(tmp_path: Path, lacking: str) -> None:
    metadata = {"format": FORMAT, "name": "tulip", "base.hash": "cafe"}
    del metadata[lacking]
    write_safetensors(
        tmp_path / "a.safetensors", {"embedding.base": np.ones(6, np.float16)}, metadata
    )
    with pytest.raises(StyleError, match=f"a.safetensors: it is not a whole style file.*{lacking}"):
        read_style(tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", ["../../escaped", "/etc/passwd", "a\\b", "", "two\nlines"])
def test_a_name_in_a_file_cannot_lead_elsewhere(tmp_path: Path, name: str) -> None:
    """Names become parts of the names of outputs."""
    metadata = {"format": FORMAT, "name": name, "base.hash": "cafe"}
    write_safetensors(
        tmp_path / "a.safetensors", {"embedding.base": np.ones(6, np.float16)}, metadata
    )
    with pytest.raises(StyleError, match="name"):
        read_style(tmp_path / "a.safetensors")


def test_a_graph_is_bytes(tmp_path: Path) -> None:
    metadata = {"format": FORMAT, "name": "tulip"}
    write_safetensors(tmp_path / "a.safetensors", {"graph": np.zeros(6, np.uint8)}, metadata)
    with pytest.raises(StyleError, match="no embedding"):
        read_style(tmp_path / "a.safetensors").embedding(NETWORK)


def test_a_picture_travels_in_the_file(tmp_path: Path) -> None:
    picture = photo(300, 200)
    replace(tulip(), remembered=encode_picture(picture)).save(tmp_path / "tulip.safetensors")
    found = read_style(tmp_path / "tulip.safetensors")
    assert set(found.embeddings) == {"base"}
    assert found.picture is not None and found.picture.dtype == np.uint8
    assert found.picture.shape == picture.shape
    assert np.abs(found.picture.astype(int) - picture).mean() < 4
    tulip().save(tmp_path / "tulip.safetensors")
    assert read_style(tmp_path / "tulip.safetensors").picture is None


@pytest.mark.parametrize(
    ("height", "width", "kept"),
    [
        (1024, 2048, (512, 1024)),
        (900, 513, (898, 512)),
        (512, 600, (512, 600)),
        (40, 30, (40, 30)),
        (1, 30, (1, 30)),
        (64, 20_000, (26, 8125)),  # more than WebP holds
    ],
)
def test_the_size_of_a_remembered_picture(height: int, width: int, kept: tuple[int, int]) -> None:
    picture: UInt8 = np.full((height, width, 3), 90, np.uint8)
    found = replace(tulip(), remembered=encode_picture(picture)).picture
    assert found is not None and found.shape == (*kept, 3)


def test_a_broken_picture(tmp_path: Path) -> None:
    replace(tulip(), remembered=encode_picture(photo(60, 60))[:-40]).save(
        tmp_path / "tulip.safetensors"
    )
    found = read_style(tmp_path / "tulip.safetensors")
    assert found.embedding(NETWORK).size == 6, "what does not need it works"
    with pytest.raises(
        StyleError, match=r"the picture that .*tulip\.safetensors remembers.*broken"
    ):
        _ = found.picture


GRAPH = np.frombuffer(load_shipped("small").graph, np.uint8)


CUT = GRAPH[:-100]


WIDE = load_shipped("small").embedding_size


@pytest.mark.parametrize(
    ("tensors", "metadata", "reason"),
    [
        (
            {"embedding.base": np.ones((2, 3), np.float16)},
            {},
            "it has 'embedding.base' of float16 [2, 3]",
        ),
        ({"embedding.base": np.ones(6, np.int32)}, {}, "it has 'embedding.base' of int32 [6]"),
        (
            {"embedding.base": np.ones(MAX_EMBEDDING_SIZE + 1, np.float16)},
            {},
            "it has 'embedding.base' of float16 [1048577]",
        ),
        ({"embedding.../base": np.ones(6, np.float16)}, {}, "it has 'embedding.../base'"),
        ({"weights": np.ones(6, np.float16)}, {}, "it has 'weights'"),
        ({"picture": np.ones(6, np.float16)}, {}, "it has 'picture'"),
        ({"graph": np.ones(6, np.float16)}, {}, "it has 'graph'"),
        (
            {"embedding.own": np.ones(WIDE, np.float32), "graph": CUT},
            {"own.hash": "f00d"},
            "it holds no ONNX graph",
        ),
        (
            {"embedding.own": np.ones(WIDE, np.float32), "graph": GRAPH},
            {"own.hash": "f00d"},
            "its hash is 'f00d', and that of",
        ),
        (
            {"embedding.own": np.ones(9, np.float32), "graph": GRAPH},
            {"own.hash": "f00d"},
            "takes embedding of the shape",
        ),
        ({}, {"name": "long" * 64}, "a name of more than 255 bytes"),
        ({}, {"name": "\x1b[2J"}, "leave out slashes and control characters"),
        ({}, {"name": "a\x9bb"}, "leave out slashes and control characters"),
    ],
)
def test_what_is_wrong_with_a_style(
    tmp_path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str], reason: str
) -> None:
    path = tmp_path / "a.safetensors"
    write_safetensors(
        path, tensors, {"format": FORMAT, "name": "tulip", "base.hash": "cafe", **metadata}
    )
    said = refused_style(path)
    assert str(path) in said and reason in said and "anew" in said


def test_what_a_file_says_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    facts = {"title": "Tulip\x1b]0;mine\x07", "artist": "a\x9b31mb", "\x1bkey": "value"}
    replace(tulip(), metadata=facts).save(tmp_path / "a.safetensors")
    assert read_style(tmp_path / "a.safetensors").metadata == {
        "title": "Tulip\ufffd]0;mine\ufffd",
        "artist": "a\ufffd31mb",
    }


def test_a_picture_larger_than_any_that_is_remembered(tmp_path: Path) -> None:
    bomb = encode(Picture(np.zeros((MAX_LONG_SIDE, MAX_SHORT_SIDE + 1, 3), np.uint8)), ".webp")
    replace(tulip(), remembered=bomb).save(tmp_path / "a.safetensors")
    with pytest.raises(StyleError, match=r"513 x 8192 pixels are .*; get the style anew") as raised:
        _ = read_style(tmp_path / "a.safetensors").picture
    assert "--max-pixels" not in str(raised.value)


@given(
    part=st.floats(0, 1),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=6),
)
def test_damaged_files_are_refused_or_still_styles(
    tmp_path_factory: pytest.TempPathFactory, part: float, damage: list[tuple[float, int]]
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a.safetensors"
    replace(tulip(), remembered=encode_picture(photo(8, 8))).save(path)
    damaged = bytearray(path.read_bytes())
    for place, bit in damage:
        damaged[int(place * len(damaged))] ^= 1 << bit
    path.write_bytes(damaged[: round(len(damaged) * part)])
    try:
        found = read_style(path)
        _ = found.embedding(NETWORK), found.picture
    except StyleError as error:
        assert "\n" not in str(error)


def test_the_embedding_of_a_network() -> None:
    np.testing.assert_array_equal(
        tulip().embedding(NETWORK), np.linspace(-1, 2, 6, dtype=np.float32)
    )


def test_a_style_of_another_network() -> None:
    with pytest.raises(StyleError) as raised:
        tulip().embedding(replace(NETWORK, hash="beef"))
    parts = (
        "tulip",
        "cafe of gallery 1",
        "beef of gallery 1",
        "impasto train PICTURE --network base",
        "--network FILE",
    )
    assert all(part in str(raised.value) for part in parts)


def test_versions_of_the_gallery_are_named() -> None:
    style = replace(tulip(), metadata={"base.gallery": "2"})
    with pytest.raises(StyleError, match=r"cafe of gallery 2, this is beef of gallery 3"):
        style.embedding(replace(NETWORK, hash="beef", metadata={"gallery": "3"}))


def test_a_style_that_remembers_is_learned_anew_from_its_file(tmp_path: Path) -> None:
    replace(tulip(), remembered=encode_picture(photo(60, 60))).save(tmp_path / "my.safetensors")
    with pytest.raises(
        StyleError, match=f"impasto train {tmp_path / 'my.safetensors'} --overwrite --network base"
    ):
        read_style(tmp_path / "my.safetensors").embedding(replace(NETWORK, hash="beef"))


def test_a_style_without_this_network() -> None:
    with pytest.raises(
        StyleError,
        match=r"tulip has no embedding for the network small, only for base; use --network base",
    ):
        tulip().embedding(replace(NETWORK, name="small"))


@pytest.mark.parametrize(
    "values",
    [[1, 2, math.nan, 4, 5, 6], [1, 2, math.inf, 4, 5, 6], [1, 2, 3], [[1, 2, 3], [4, 5, 6]]],
)
def test_a_broken_embedding(values: list[float]) -> None:
    broken = replace(tulip(), embeddings={"base": np.array(values, np.float32)})
    with pytest.raises(StyleError, match="tulip is broken: its embedding is not 6 finite numbers"):
        broken.embedding(NETWORK)


def test_styles_are_shown_in_short() -> None:
    assert (
        repr(gallery_style("starry-night")) == "Style('starry-night', networks=base, large, small)"
    )
    assert repr(replace(tulip(), embeddings={})) == "Style('tulip', networks=none)"


def test_styles_can_be_pickled() -> None:
    style = replace(tulip(), remembered=encode_picture(photo(8, 9)))
    assert style.picture is not None
    copied = pickle.loads(pickle.dumps(style))
    assert (copied.name, copied.hashes, copied.metadata) == ("tulip", style.hashes, style.metadata)
    assert np.array_equal(copied.embedding(NETWORK), style.embedding(NETWORK))
    assert np.array_equal(copied.picture, style.picture)
