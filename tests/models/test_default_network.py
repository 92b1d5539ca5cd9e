"""The default network is the first that has all styles."""

from dataclasses import replace

import numpy as np
import pytest
from pictures import photo

from impasto.choices import NETWORKS
from impasto.images.reading import PictureSource
from impasto.models import default_network
from impasto.models.default_network import AUTO, CLIP_ORDER, choose_network, resolve_network
from impasto.models.gallery import gallery_style
from impasto.models.mix import Mix, find_mix
from impasto.models.network import load_shipped, network_path
from impasto.models.style import Style, encode_picture


def only(*networks: str, name: str = "starry-night") -> Style:
    """A style of the gallery with the embeddings of these networks, and with a picture."""
    style = gallery_style(name)
    return replace(
        style,
        embeddings={network: style.embeddings[network] for network in networks},
        hashes={network: style.hashes[network] for network in networks},
        remembered=encode_picture(photo(40, 50)),
    )


def mixes(*styles: Style | str | PictureSource) -> list[Mix]:
    return [find_mix(style) for style in styles]


def test_pictures_take_the_first_network() -> None:
    assert choose_network(mixes("starry-night", "great-wave:0.5,udnie:0.5")) == "large"


def test_any_picture_takes_base_in_any_company() -> None:
    assert choose_network(mixes(photo(40, 50))) == "base"
    assert choose_network(mixes("starry-night", photo(40, 50))) == "base"
    assert choose_network([find_mix([("starry-night", 0.5), (photo(40, 50), 0.5)])]) == "base"


def test_clips_take_base() -> None:
    assert choose_network(mixes("starry-night"), CLIP_ORDER) == "base"


@pytest.mark.parametrize(
    ("networks", "of_pictures", "of_clips"),
    [
        (("base",), "base", "base"),
        (("small",), "small", "small"),
        (("large",), "large", "large"),
        (("large", "small"), "large", "small"),
        (("base", "small"), "base", "base"),
    ],
)
def test_a_style_is_painted_by_what_it_was_trained_for(
    networks: tuple[str, ...], of_pictures: str, of_clips: str
) -> None:
    styles = mixes(only(*networks), "great-wave", photo(40, 50))
    assert choose_network(styles) == of_pictures
    assert choose_network(styles, CLIP_ORDER) == of_clips


def test_one_network_has_all_styles_of_a_mix() -> None:
    one, other = only("large", "base"), only("base", "small", name="great-wave")
    assert choose_network([find_mix([(one, 0.5), (other, 0.5)])]) == "base"


def test_styles_that_no_network_has_are_those_of_base() -> None:
    old = Style("old", {"base": np.ones(3, np.float32)}, {"base": "o1d"})
    assert choose_network(mixes(old)) == "base"
    assert choose_network(mixes(only("large"), only("small", name="great-wave"))) == "base"
    network = replace(load_shipped("small"), name="own")
    own = Style("own", {"own": np.ones(3, np.float32)}, {"own": network.hash}, {}, network)
    assert choose_network(mixes(own)) == "base"
    assert choose_network(mixes(own, only("large"))) == "large"


def test_a_gallery_may_lack_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    path = network_path
    monkeypatch.setattr(
        default_network, "network_path", lambda name: path("none" if name == "large" else name)
    )
    assert choose_network(mixes("great-wave")) == "base"


def test_any_other_network_is_itself() -> None:
    for network in (*NETWORKS, "networks/old.safetensors"):
        assert resolve_network(network, mixes("great-wave")) == network
    assert resolve_network(AUTO, mixes("great-wave")) == "large"
