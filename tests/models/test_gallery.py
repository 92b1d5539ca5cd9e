"""What ships: networks, and styles that fit them and say what they are."""

import numpy as np
import pytest

from impasto.errors import NetworkError
from impasto.images.image import UInt8
from impasto.images.reading import read
from impasto.models.gallery import gallery_names, gallery_style, preview
from impasto.models.network import (
    GALLERY_VERSION,
    NETWORKS,
    load_shipped,
    network_path,
    read_network,
)
from impasto.models.style import PHOTO
from impasto.paths import GALLERY
from impasto.stylizer import Stylizer

PAINTINGS = [name for name in gallery_names() if name != PHOTO]


def test_both_networks_ship() -> None:
    """THE test that fails until `base` and `small` are both in the gallery; all others take those
    that are."""
    assert [name for name in NETWORKS if not network_path(name).exists()] == []


def test_there_are_forty_paintings_and_the_photograph() -> None:
    assert len(PAINTINGS) >= 40
    assert gallery_names()[-1] == PHOTO
    assert list(PAINTINGS) == sorted(PAINTINGS)
    assert {"starry-night", "great-wave"} <= set(PAINTINGS)


@pytest.mark.parametrize("name", gallery_names())
def test_every_style_fits_every_network(stylizer: Stylizer, name: str) -> None:
    style = gallery_style(name)
    assert style.name == name
    assert style.embedding(stylizer.network).shape == (stylizer.network.embedding_size,)


def test_styles_differ(stylizer: Stylizer) -> None:
    embeddings = [
        gallery_style(name).embedding(stylizer.network).tobytes() for name in gallery_names()
    ]
    assert len(set(embeddings)) == len(embeddings)


@pytest.mark.parametrize("name", PAINTINGS)
def test_every_painting_says_what_it_is(name: str) -> None:
    facts = gallery_style(name).metadata
    assert all(facts.get(key) for key in ("title", "artist", "year", "source", "licence"))


@pytest.mark.parametrize("name", PAINTINGS)
def test_every_painting_says_how_it_was_trained_and_what_it_scores(
    stylizer: Stylizer, name: str
) -> None:
    style, network = gallery_style(name), stylizer.network.name
    facts = {
        key: style.metadata.get(f"{network}.{key}", "")
        for key in ("trained", "perceptual", "measured", "C", "S", "J")
    }
    assert all(facts.values()), facts
    assert float(facts["J"]) == pytest.approx(float(facts["C"]) + 5 * float(facts["S"]), abs=0.01)
    assert style.metadata[f"{network}.gallery"] == stylizer.network.gallery == GALLERY_VERSION


@pytest.mark.parametrize("name", PAINTINGS)
def test_every_painting_has_a_preview_and_keeps_no_picture_of_itself(name: str) -> None:
    path = preview(name)
    assert path and min(read(path).rgb.shape[:2]) >= 100
    assert gallery_style(name).picture is None


def test_no_preview_belongs_to_nothing() -> None:
    assert {path.stem for path in (GALLERY / "previews").iterdir()} == set(PAINTINGS)


def test_networks_keep_what_they_say(
    stylizer: Stylizer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("networks") / "copy.safetensors"
    stylizer.network.save(path)
    found = read_network(path)
    assert (found.name, found.hash, found.embedding_size) == (
        stylizer.network.name,
        stylizer.network.hash,
        stylizer.network.embedding_size,
    )
    assert found.graph == stylizer.network.graph
    assert found.predictor == stylizer.network.predictor != b""
    assert np.frombuffer(found.graph, np.uint8).size > 100_000


def test_another_name_is_no_network() -> None:
    with pytest.raises(NetworkError, match="'huge'; there are base, small"):
        load_shipped("huge")


@pytest.mark.parametrize("name", PAINTINGS)
def test_paintings_have_no_grid_of_single_pixels(
    stylizer: Stylizer, scene: UInt8, name: str
) -> None:
    """Even and odd rows and columns are equally bright on the whole: a mesh of the pixel-shuffle
    would show here."""
    painted = stylizer.stylize(scene, name).astype(float)
    lattices = [painted[row::2, column::2].mean() for row in (0, 1) for column in (0, 1)]
    assert max(lattices) - min(lattices) < 3
    diagonal = (
        np.abs(
            painted[::2, ::2] + painted[1::2, 1::2] - painted[::2, 1::2] - painted[1::2, ::2]
        ).mean()
        / 2
    )
    assert diagonal < 0.7 * np.abs(np.diff(painted, axis=1)).mean()
