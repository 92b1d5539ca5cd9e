"""A loaded network: strength, mixes, styles made for other networks, and network files."""

import pickle
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pictures import UInt8, photo
from tiny_models import older

import impasto
from impasto.errors import NetworkError, RemadeStyleWarning, StyleError
from impasto.inference import predictor
from impasto.models.gallery import gallery_style
from impasto.models.mix import find_mix
from impasto.models.network import Network
from impasto.models.style import PHOTO, Embedding, Style, encode_picture
from impasto.stylizer import Stylizer


def differs(one: UInt8, other: UInt8) -> float:
    """The mean difference of two pictures of one size, in levels of 255."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


def owning(network: Network, style: Style, name: str) -> Style:
    """A style of the gallery as one that owns its network."""
    own = replace(network, name="own", hash=f"hash of {name}")
    return Style(name, {"own": style.embedding(network)}, {"own": own.hash}, {}, own)


def test_strength_zero_is_the_photograph(stylizer: Stylizer, scene: UInt8) -> None:
    found = stylizer.stylize(scene, "starry-night", 0)
    assert np.array_equal(found, scene)
    assert found is not scene


def test_strength_leads_from_the_photograph_to_the_style(stylizer: Stylizer, scene: UInt8) -> None:
    steps = [
        stylizer.stylize(scene, "starry-night", strength)
        for strength in (0, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.99, 1)
    ]
    away = [differs(step, scene) for step in steps]
    assert 0 < away[1] < 0.05 * away[-1]
    assert all(later > earlier - 0.5 for earlier, later in pairwise(away)), away
    assert max(differs(one, other) for one, other in pairwise(steps)) < 0.6 * away[-1], "a jump"
    assert differs(steps[-2], steps[-1]) < 2


def test_the_photo_style_comes_near_the_photograph(stylizer: Stylizer, scene: UInt8) -> None:
    assert differs(stylizer.stylize(scene, "photo"), scene) < 3


def test_a_mix_of_one_and_nothing_is_that_one(stylizer: Stylizer, scene: UInt8) -> None:
    mixed = stylizer.stylize(scene, "starry-night:1,great-wave:0")
    assert np.array_equal(mixed, stylizer.stylize(scene, "starry-night"))


def test_a_mix_lies_between_its_styles(stylizer: Stylizer, scene: UInt8) -> None:
    one, other = (stylizer.stylize(scene, name) for name in ("starry-night", "great-wave"))
    nearer, further = (
        stylizer.stylize(scene, f"starry-night:{w},great-wave:{1 - w}") for w in (0.8, 0.2)
    )
    assert differs(nearer, one) < differs(further, one)
    assert differs(further, other) < differs(nearer, other)
    assert 0 < differs(nearer, one) < differs(one, other)


def test_styles_that_own_their_networks_mix_by_pixels(stylizer: Stylizer, scene: UInt8) -> None:
    one = owning(stylizer.network, gallery_style("starry-night"), "one")
    other = owning(stylizer.network, gallery_style("great-wave"), "other")
    shared = gallery_style("roman-mosaic")
    singles = [stylizer.stylize(scene, style) for style in (one, other, shared)]
    assert np.array_equal(singles[0], stylizer.stylize(scene, "starry-night"))
    mixed = stylizer.stylize(scene, find_mix([(one, 5), (other, 3), (shared, 2)]))
    mean = np.average(np.stack(singles).astype(float), axis=0, weights=[5, 3, 2])
    assert np.abs(mixed - mean).max() <= 1.5


@pytest.mark.parametrize("strength", [0.05, 0.5])
def test_strength_holds_for_styles_that_own_their_networks(
    stylizer: Stylizer, scene: UInt8, strength: float
) -> None:
    own = owning(stylizer.network, gallery_style("starry-night"), "one")
    full, found = (stylizer.stylize(scene, own, each) for each in (1, strength))
    assert 0.3 * strength < differs(found, scene) / differs(full, scene) < 2 * strength


@pytest.mark.parametrize("strength", [-0.01, 1.01, float("nan"), float("inf")])
def test_strength_out_of_range(stylizer: Stylizer, strength: float) -> None:
    with pytest.raises(ValueError, match="as strength: it is out of range; give 0"):
        stylizer.stylize(photo(8, 8), "starry-night", strength)


@pytest.mark.parametrize("strength", [0, 1])
def test_an_unknown_style(stylizer: Stylizer, strength: float) -> None:
    with pytest.raises(StyleError, match="did you mean starry-night"):
        stylizer.stylize(photo(8, 8), "starry-nigth", strength)


def test_a_style_of_another_network(stylizer: Stylizer) -> None:
    stranger = Stylizer(replace(stylizer.network, hash="another"))
    with pytest.raises(StyleError, match="was made for another"):
        stranger.stylize(photo(8, 8), "starry-night")


def old_style(network: str = "base", picture: UInt8 | None = None) -> Style:
    """A style of somebody's, made for a network that is no longer here, which remembers its
    picture."""
    remembered = encode_picture(photo(40, 50) if picture is None else picture)
    return Style(
        "tulip", {network: np.ones(3, np.float32)}, {network: "o1d"}, {}, remembered=remembered
    )


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[UInt8]:
    """The pictures that were asked for; all of them look like The Great Wave to this predictor."""
    seen: list[UInt8] = []

    def predict(picture: UInt8, network: Network) -> Embedding:
        seen.append(picture)
        return gallery_style("great-wave").embedding(network)

    monkeypatch.setattr(predictor, "predict", predict)
    return seen


@pytest.mark.parametrize("made_for", ["base", "small"])
def test_a_style_is_remade_from_the_picture_it_remembers(
    stylizer: Stylizer, scene: UInt8, predicted: list[UInt8], made_for: str
) -> None:
    """Once, with a word, and the painting is that of the prediction."""
    fresh, style = Stylizer(stylizer.network), old_style(made_for)
    with pytest.warns(
        RemadeStyleWarning, match=r"^tulip .*picture it remembers; `impasto train tulip.safetensors"
    ) as said:
        fresh.preload(style)
        painted = fresh.stylize(scene, style)
        fresh.stylize(scene, replace(style, name="read again"))
    assert len(said) == 1 and len(predicted) == 1
    assert style.picture is not None and np.array_equal(predicted[0], style.picture)
    assert np.array_equal(painted, stylizer.stylize(scene, "great-wave"))
    with pytest.warns(RemadeStyleWarning):
        fresh.stylize(scene, old_style(picture=photo(30, 30)))
    assert len(predicted) == 2, "another picture is another style"


def test_a_style_that_fits_is_not_remade(
    stylizer: Stylizer, scene: UInt8, predicted: list[UInt8]
) -> None:
    style = replace(gallery_style("starry-night"), remembered=encode_picture(photo(40, 50)))
    assert np.array_equal(stylizer.stylize(scene, style), stylizer.stylize(scene, "starry-night"))
    assert not predicted


def test_a_remade_style_mixes(stylizer: Stylizer, scene: UInt8, predicted: list[UInt8]) -> None:
    with pytest.warns(RemadeStyleWarning):
        mixed = Stylizer(stylizer.network).stylize(
            scene, find_mix([(old_style(), 3), (gallery_style("starry-night"), 1)]), 0.8
        )
    assert np.array_equal(mixed, stylizer.stylize(scene, "great-wave:3,starry-night:1", 0.8))


def test_without_a_predictor_a_style_is_to_be_learned_anew(
    stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predict(picture: UInt8, network: Network) -> Embedding:
        raise StyleError(f"no style predictor ships for the network {network.name}")

    monkeypatch.setattr(predictor, "predict", predict)
    with pytest.raises(StyleError) as raised:
        stylizer.stylize(photo(8, 8), old_style(stylizer.network.name))
    said = str(raised.value)
    name = stylizer.network.name
    assert all(
        part in said
        for part in ("tulip", "o1d", stylizer.network.hash, "no style predictor", "--network FILE")
    )
    assert f"impasto train tulip.safetensors --overwrite --network {name}" in said


@pytest.fixture
def network_file(stylizer: Stylizer, tmp_path: Path) -> Path:
    """A network of an older gallery."""
    path = tmp_path / "old.safetensors"
    older(stylizer.network).save(path)
    return path


def for_old(stylizer: Stylizer, name: str) -> Style:
    network = stylizer.network
    return Style(
        name,
        {network.name: gallery_style(name).embedding(network)},
        {network.name: older(network).hash},
    )


@pytest.mark.slow
def test_a_style_still_works_with_its_old_network(
    stylizer: Stylizer, scene: UInt8, network_file: Path
) -> None:
    style = for_old(stylizer, "starry-night")
    expected = stylizer.stylize(scene, "starry-night")
    for network in (network_file, str(network_file)):
        assert np.array_equal(Stylizer(network).stylize(scene, style), expected)
        assert np.array_equal(np.asarray(impasto.stylize(scene, style, network=network)), expected)


def test_strength_with_an_old_network_blends_pixels(
    stylizer: Stylizer, scene: UInt8, network_file: Path
) -> None:
    style = for_old(stylizer, "starry-night")
    full, half = (Stylizer(network_file).stylize(scene, style, strength) for strength in (1, 0.5))
    assert np.abs(half - (full.astype(float) + scene) / 2).max() <= 1


def test_strength_with_a_network_file_that_knows_the_photograph(
    stylizer: Stylizer, scene: UInt8, tmp_path: Path
) -> None:
    knowing = replace(
        older(stylizer.network), photo=gallery_style(PHOTO).embedding(stylizer.network)
    )
    knowing.save(tmp_path / "old.safetensors")
    found = Stylizer(tmp_path / "old.safetensors").stylize(
        scene, for_old(stylizer, "starry-night"), 0.4
    )
    assert np.array_equal(found, stylizer.stylize(scene, "starry-night", 0.4))


def test_what_is_no_network_file(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"absent\.safetensors: it does not exist"):
        Stylizer(tmp_path / "absent.safetensors")
    with pytest.raises(NetworkError, match="does not exist"):
        Stylizer("~nobody-of-this-name/base.safetensors")
    gallery_style("starry-night").save(tmp_path / "style.safetensors")
    with pytest.raises(NetworkError, match="it has the format 'impasto style 1'"):
        Stylizer(str(tmp_path / "style.safetensors"))


def test_an_unknown_network() -> None:
    with pytest.raises(NetworkError, match="huge"):
        Stylizer("huge")


def test_streams_paint_the_same_with_a_share_of_the_threads(scene: UInt8) -> None:
    stylizer = Stylizer("small", precision="f32", threads=2)
    assert stylizer.in_streams(1) is stylizer
    streams = stylizer.in_streams(2)
    assert streams is stylizer.in_streams(2) and isinstance(streams, Stylizer)
    assert (stylizer.threads, streams.threads) == (2, 1)
    one, other = (each.stylize(scene, "udnie").astype(int) for each in (stylizer, streams))
    assert np.abs(one - other).max() <= 1
    alone = Stylizer("small", precision="f32", threads=1)
    assert np.array_equal(other, alone.stylize(scene, "udnie"))


def test_streams_share_predictions(
    stylizer: Stylizer, scene: UInt8, monkeypatch: pytest.MonkeyPatch
) -> None:
    style, streams = Style("picture", {}, {}, pixels=photo(230, 300)), stylizer.in_streams(2)
    stylizer.prepare(style)
    monkeypatch.setattr(predictor, "predict", None)
    streams.prepare(style)


@pytest.mark.parametrize("faster", [True, False])
def test_many_pictures_are_painted_in_int8_where_it_is_faster(
    faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr("impasto.engines.openvino.is_int8_faster", lambda graph: faster)
    one = Stylizer("small", "openvino", threads=2, device="cpu")
    many = one.for_many()
    assert one.engine.precision in ("f32", "bf16")
    assert many.engine.precision == ("int8" if faster else one.engine.precision)
    assert many.in_streams(2).engine.precision == many.engine.precision
    assert pickle.loads(pickle.dumps(many)).engine.precision == many.engine.precision
    assert one.for_many() is many is many.for_many()


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_many_pictures_are_painted_in_the_precision_asked_for(precision: str) -> None:
    stylizer = Stylizer("small", "openvino", precision=precision, device="cpu")
    assert stylizer.for_many().engine.precision == precision
