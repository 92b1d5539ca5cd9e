"""Style files of trained styles: cards, and embeddings for several networks."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from impasto.learning.conversion import onnx_export
from impasto.learning.training import style as style_training
from impasto.learning.training.paintings import Painting
from impasto.learning.training.settings import TrainingSettings
from impasto.learning.training.style_files import describe_training, write_merged
from impasto.learning.training.trainer import Trainer
from impasto.models.network import Network
from impasto.models.style import Style, encode_picture, read_style
from learning.runs import CARD, painted, stylized, train
from learning.tiny import (
    Textures,
    texture,
    tiny_perceptual,
    tiny_trainer,
)

SETTINGS = TrainingSettings(steps=3, batch=2, crop=64, whole_network=False)


def new_style(painting: Painting) -> Trainer:
    return style_training.start_style("base", painting, Textures(), tiny_perceptual(), SETTINGS)


def write_style(trainer: Trainer, painting: Painting, path: Path) -> Mapping[str, float]:
    """Write the style of a run; return the differences of an exported network to PyTorch."""
    style, parity = style_training.trained_style(trainer, "base", painting, CARD)
    write_merged(style, path)
    return parity


def test_the_style_file_of_a_run(shipped: Network, tmp_path: Path) -> None:
    """It works with the shipped network, and keeps what the file held for another."""
    painting = Painting("tulip", texture(7), {"title": "A Tulip", "source": "tulip"})
    trainer = train(new_style(painting), 2)
    path = tmp_path / "tulip.safetensors"
    old = {"small.trained": "yesterday", "source": "tulip"}
    Style("tulip", {"small": np.ones(5, np.float32)}, {"small": "5ma11"}, old).save(path)
    assert write_style(trainer, painting, path) == {}, "no network was exported"
    style = read_style(path)
    assert style.name == "tulip" and style.own is None
    assert set(style.embeddings) == {"base", "small"}
    wanted = old | {"title": "A Tulip"} | {f"base.{key}": value for key, value in CARD.items()}
    assert wanted.items() <= style.metadata.items()
    photo = texture(5, 80, 112)
    expected = painted(
        onnx_export.from_onnx(shipped.graph), trainer.averaged()["embeddings"][0], photo
    )
    assert np.abs(stylized(shipped, style, photo) - expected).max() < 2


@pytest.mark.parametrize("name, source", [("rose", "tulip"), ("tulip", "rose")])
def test_a_style_of_another_painting_is_replaced(
    name: str, source: str, shipped: Network, tmp_path: Path
) -> None:
    painting = Painting("tulip", texture(7), {"source": "tulip"})
    path = tmp_path / "tulip.safetensors"
    Style(
        name,
        {"small": np.ones(5, np.float32)},
        {"small": "5ma11"},
        {"source": source, "artist": "Someone"},
    ).save(path)
    write_style(new_style(painting), painting, path)
    style = read_style(path)
    assert set(style.embeddings) == {"base"}
    assert "artist" not in style.metadata


def test_a_style_remembers_its_picture_and_the_version_of_the_gallery(
    shipped: Network, tmp_path: Path
) -> None:
    path, kept = tmp_path / "tulip.safetensors", encode_picture(texture(7))
    Style(
        "tulip", {"small": np.ones(5, np.float32)}, {"small": "5ma11"}, {"small.gallery": "7"}
    ).save(path)
    for remembered in (kept, None):  # None: --no-keep-pictures
        painting = Painting("tulip", texture(7), {}, remembered)
        write_style(new_style(painting), painting, path)
        style = read_style(path)
        assert style.remembered == remembered
        assert {key: style.metadata[key] for key in ("base.gallery", "small.gallery")} == {
            "base.gallery": shipped.gallery,
            "small.gallery": "7",
        }


def test_a_style_that_owned_its_network_can_come_to_share_one(
    shipped: Network, tmp_path: Path
) -> None:
    path = tmp_path / "tulip.safetensors"
    own = replace(shipped, name="own", predictor=b"", photo=None)
    embedding = np.ones(shipped.embedding_size, np.float32)
    Style("tulip", {"own": embedding}, {"own": own.hash}, {"own.trained": "long ago"}, own).save(
        path
    )
    painting = Painting("tulip", texture(7), {})
    write_style(new_style(painting), painting, path)
    style = read_style(path)
    assert (set(style.embeddings), style.own) == ({"base"}, None)
    assert "own.trained" not in style.metadata


def test_a_file_that_was_named_after_its_picture_keeps_its_embeddings(
    shipped: Network, tmp_path: Path
) -> None:
    """As files made with -o once were; now they are named after themselves."""
    path = tmp_path / "bold.safetensors"
    Style(
        "my-tulip", {"small": np.ones(5, np.float32)}, {"small": "5ma11"}, {"source": "My_Tulip"}
    ).save(path)
    painting = Painting("bold", texture(7), {"source": "My_Tulip"})
    write_style(new_style(painting), painting, path)
    style = read_style(path)
    assert (style.name, set(style.embeddings)) == ("bold", {"base", "small"})


def test_card() -> None:
    trainer = train(tiny_trainer(), 2)
    card = describe_training(trainer, style_size=512)
    assert card["trained"].startswith("2 steps of 2, ")
    assert card["perceptual"] == trainer.objective.perceptual.identity
    assert card["content"] == "textures"
    assert card["crop"] == "64" and card["style_size"] == "512"
    assert card["weights"] == "content 1, style 5, local 0, tv 0, stability 0"
    assert all(isinstance(value, str) for value in card.values())
