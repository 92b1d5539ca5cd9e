"""The recipe of a gallery: one network, and a style file for each painting."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from impasto.errors import TrainingError
from impasto.learning.conversion import onnx_export
from impasto.learning.networks.transformer import ARCHITECTURES, TransformerNetwork
from impasto.learning.training.gallery import start_gallery, write_gallery
from impasto.learning.training.paintings import Painting
from impasto.learning.training.settings import TrainingSettings
from impasto.learning.training.style_files import describe_training
from impasto.learning.training.trainer import Trainer
from impasto.models.network import GALLERY_VERSION, Network, read_network
from impasto.models.style import PHOTO, Style, read_style
from impasto.stylizer import Stylizer
from learning.runs import CARD, painted, stylized, train
from learning.tiny import (
    ARCHITECTURE,
    Textures,
    texture,
    tiny_perceptual,
)

SETTINGS = TrainingSettings(steps=3, batch=2, crop=64)


@dataclass
class Gallery:
    trainer: Trainer
    folder: Path
    parity: Mapping[str, float]  # what the export's check found

    @property
    def network(self) -> Network:
        return read_network(self.folder / "networks" / "base.safetensors")

    def style(self, name: str) -> Style:
        return read_style(self.folder / "styles" / f"{name}.safetensors")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Two paintings learned for three steps, written over a gallery that knew one of them for
    another network."""
    folder = tmp_path_factory.mktemp("gallery")
    old = {
        "title": "old title",
        "source": "tulip",
        "small.trained": "yesterday",
        "base.trained": "long ago",
        "base.J": "3.0",
    }
    embeddings = {"small": np.arange(5, dtype=np.float32), "base": np.zeros(7, np.float32)}
    hashes = {"small": "5ma11", "base": "o1d"}
    Style("tulip", embeddings, hashes, old).save(folder / "styles" / "tulip.safetensors")
    paintings = [
        Painting("tulip", texture(1), {"title": "A Tulip", "source": "tulip"}),
        Painting("wave", texture(2, 64, 90), {"artist": "Someone"}),
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(ARCHITECTURES, "base", ARCHITECTURE)
        patched.setitem(
            onnx_export.PARITY, "bf16", 1.0
        )  # a network this narrow magnifies what is rounded
        trainer = train(
            start_gallery("base", paintings, Textures(), tiny_perceptual(), SETTINGS),
            3,
        )
        _, parity = write_gallery(trainer, "base", paintings, folder, CARD)
    return Gallery(trainer, folder, parity)


def test_files_of_a_gallery(gallery: Gallery) -> None:
    files = {
        str(path.relative_to(gallery.folder))
        for path in gallery.folder.rglob("*")
        if path.is_file()
    }
    assert files == {
        "networks/base.safetensors",
        *(f"styles/{name}.safetensors" for name in ("tulip", "wave", "photo")),
    }


def test_the_network_of_a_gallery(gallery: Gallery) -> None:
    network = gallery.network
    averaged = {
        k.removeprefix("network."): v
        for k, v in gallery.trainer.averaged().items()
        if k != "embeddings"
    }
    assert network.name == "base"
    assert network.metadata["trained"] == "just now"
    assert float(network.metadata["parity.f32"]) == pytest.approx(gallery.parity["f32"], rel=0.1)
    assert gallery.parity["f32"] < 1e-3
    expected = TransformerNetwork(ARCHITECTURE)
    expected.load_state_dict(averaged)
    assert network.hash == onnx_export.network_hash(expected)
    assert network.embedding_size == expected.embedding_size
    for name, tensor in onnx_export.from_onnx(network.graph).state_dict().items():
        assert torch.equal(tensor, averaged[name].half().float()), name


@pytest.mark.parametrize("index, name", [(0, "tulip"), (1, "wave")])
def test_the_styles_of_a_gallery(index: int, name: str, gallery: Gallery) -> None:
    style = gallery.style(name)
    assert style.name == name
    learned = gallery.trainer.averaged()["embeddings"][index]
    np.testing.assert_allclose(
        style.embedding(gallery.network), learned.numpy(), rtol=1e-3, atol=1e-6
    )
    assert style.metadata["base.trained"] == "just now"
    photo = texture(5, 80, 112)
    expected = painted(
        onnx_export.from_onnx(gallery.network.graph),
        torch.from_numpy(style.embedding(gallery.network)),
        photo,
    )
    assert np.abs(stylized(gallery.network, style, photo) - expected).max() < 1


def test_the_photo_style_of_a_gallery_is_the_photograph(gallery: Gallery) -> None:
    photo = texture(5, 80, 112)
    got = stylized(gallery.network, gallery.style(PHOTO), photo)
    assert np.abs(got.astype(int) - photo).max() <= 1


def test_the_version_of_a_gallery(gallery: Gallery) -> None:
    assert gallery.network.gallery == GALLERY_VERSION
    for name in ("tulip", "wave", PHOTO):
        assert gallery.style(name).metadata["base.gallery"] == GALLERY_VERSION
    assert "small.gallery" not in gallery.style("tulip").metadata


def test_the_network_of_a_gallery_knows_the_photograph(gallery: Gallery) -> None:
    """So strength works with the file alone."""
    assert gallery.network.photo is not None
    np.testing.assert_array_equal(
        gallery.network.photo, gallery.style(PHOTO).embedding(gallery.network)
    )
    photo = texture(5, 80, 112)
    weak, full = (
        Stylizer(gallery.network, threads=1, precision="f32")
        .stylize(photo, gallery.style("wave"), strength)
        .astype(float)
        for strength in (0.5, 1)
    )
    assert 0 < np.abs(weak - photo).mean() < np.abs(full - photo).mean()


def test_a_gallery_keeps_the_embeddings_of_another_network(gallery: Gallery) -> None:
    style = gallery.style("tulip")
    np.testing.assert_array_equal(style.embeddings["small"], np.arange(5))
    assert style.hashes["small"] == "5ma11"
    assert style.metadata["small.trained"] == "yesterday"
    assert style.metadata["title"] == "A Tulip"
    assert "base.J" not in style.metadata, "it was measured with the embedding that is replaced"
    assert set(gallery.style("wave").embeddings) == {"base"}


def test_new_galleries_begin_alike() -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(ARCHITECTURES, "base", ARCHITECTURE)
        paintings = [Painting(name, texture(1), {}) for name in "abc"]
        one, other = (
            start_gallery("base", paintings, Textures(), tiny_perceptual(), SETTINGS)
            for _ in range(2)
        )
    assert one.embeddings.shape == (3, one.network.embedding_size)
    for name, p in one.weights.parameters.items():
        assert torch.equal(p, other.weights.parameters[name])


def test_a_gallery_goes_on_from_another(gallery: Gallery) -> None:
    """Paintings that it knows start where they stand, in any order, and others from the mean."""
    paintings = [Painting(name, texture(1), {}) for name in ("wave", "rose", "tulip")]
    trainer = start_gallery(
        "base", paintings, Textures(), tiny_perceptual(), SETTINGS, start=gallery.folder
    )
    wave, rose, tulip = trainer.embeddings.detach().cpu().numpy()
    size = len(
        gallery.style("wave").embeddings["base"]
    )  # of a network without noise; it is given some, of strength 0
    assert trainer.network.architecture.noise and size < len(wave) and not wave[size:].any()
    wave, rose, tulip = (each[:size] for each in (wave, rose, tulip))
    np.testing.assert_array_equal(wave, gallery.style("wave").embeddings["base"])
    np.testing.assert_array_equal(tulip, gallery.style("tulip").embeddings["base"])
    np.testing.assert_allclose(rose, (wave + tulip) / 2, rtol=1e-5, atol=1e-6)
    known = onnx_export.from_onnx(gallery.network.graph)
    known.rescale()
    now = trainer.network.state_dict()
    assert all(torch.equal(now[name], tensor) for name, tensor in known.state_dict().items())
    assert trainer.settings.whole_network and trainer.step == 0
    assert describe_training(train(trainer, 1), 512)["trained"].startswith(
        "just now, then 1 steps of 2"
    )


def test_a_gallery_cannot_go_on_from_one_without_styles(gallery: Gallery, tmp_path: Path) -> None:
    gallery.network.save(tmp_path / "networks" / "base.safetensors")
    with pytest.raises(TrainingError, match="no style for the network base"):
        start_gallery("base", [], Textures(), tiny_perceptual(), SETTINGS, start=tmp_path)
