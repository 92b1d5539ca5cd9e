"""The recipe of one style: its start, and the style that a run has learned."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from impasto.learning.conversion import onnx_export
from impasto.learning.losses.objective import Objective
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.networks.transformer import TransformerNetwork
from impasto.learning.training import style as style_training
from impasto.learning.training.paintings import Painting
from impasto.learning.training.settings import TrainingSettings
from impasto.learning.training.style_files import write_merged
from impasto.learning.training.trainer import Trainer
from impasto.models.network import Network
from impasto.models.style import Style, read_style
from learning.runs import CARD, painted, stylized, train
from learning.tiny import (
    ARCHITECTURE,
    Textures,
    texture,
    tiny_perceptual,
    tiny_student,
)

SETTINGS = TrainingSettings(steps=3, batch=2, crop=64)


def new_style(painting: Painting, whole_network: bool) -> Trainer:
    settings = replace(SETTINGS, whole_network=whole_network)
    return style_training.start_style("base", painting, Textures(), tiny_perceptual(), settings)


@pytest.mark.parametrize("name", ["cubes", "dots", "lines"])
def test_nearest_knows_a_style_of_the_gallery_by_its_picture(
    name: str, shipped: Network, styles: dict[str, Style]
) -> None:
    picture = stylized(shipped, styles[name], Textures().crop(0, 256))
    painting = Painting("unknown", picture, {})
    network = onnx_export.from_onnx(shipped.graph)
    assert (
        style_training.find_nearest_style(
            network, shipped, painting, Textures(), Objective(tiny_perceptual())
        )
        == name
    )


def test_a_style_begins_where_the_nearest_stands(
    shipped: Network, styles: dict[str, Style]
) -> None:
    picture = stylized(shipped, styles["dots"], Textures().crop(1, 256))
    trainer = new_style(Painting("unknown", picture, {}), whole_network=False)
    start = styles["dots"].embeddings["base"].copy()
    np.testing.assert_array_equal(trainer.embeddings.detach().cpu().numpy(), start[None])
    train(trainer, 1)
    assert not np.array_equal(trainer.embeddings.detach().cpu().numpy(), start[None])
    np.testing.assert_array_equal(
        styles["dots"].embeddings["base"], start, "the gallery's own is a copy"
    )


@pytest.mark.parametrize(
    "perceptual, whole_network, trust",
    [(tiny_student, False, 0.5), (tiny_student, True, 1.0), (tiny_perceptual, False, 1.0)],
)
def test_a_style_begins_as_predicted_and_lite_is_trusted_half_of_the_way(
    perceptual: Callable[[], PerceptualNetwork],
    whole_network: bool,
    trust: float,
    shipped: Network,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whose network learns too, it starts there but goes all the way: embedding and network fit
    each other only as they end."""
    predicted = np.linspace(-1, 1, shipped.embedding_size, dtype=np.float32)
    monkeypatch.setattr(
        style_training, "load_shipped", {"base": replace(shipped, predictor=b"one")}.__getitem__
    )
    monkeypatch.setattr(style_training, "predict", lambda *_: predicted)
    settings = replace(SETTINGS, whole_network=whole_network)
    trainer = style_training.start_style(
        "base", Painting("unknown", texture(7), {}), Textures(), perceptual(), settings
    )
    np.testing.assert_array_equal(trainer.embeddings.detach().cpu().numpy(), predicted[None])
    assert trainer.update_scale == trust
    start = style_training.start_style(
        "base", Painting("unknown", texture(7), {}), Textures(), perceptual(), settings
    )
    start.limit_content_loss(share=1.0)
    assert trainer.content_weight.limit == pytest.approx(
        (0.7 if trust < 1 else 0.85) * start.content_weight.limit, rel=1e-3
    )


def test_a_style_that_owns_its_network(
    shipped: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        onnx_export.PARITY, "bf16", 1.0
    )  # a network this narrow and this bold magnifies what is rounded
    painting = Painting("tulip", texture(7), {})
    trainer = train(new_style(painting, whole_network=True), 3)
    path = tmp_path / "tulip.safetensors"
    write_merged(style_training.trained_style(trainer, "base", painting, CARD)[0], path)
    style = read_style(path)
    assert style.own is not None
    assert style.own.hash != shipped.hash
    photo, averaged = texture(5, 80, 112), trainer.averaged()
    network = TransformerNetwork(ARCHITECTURE)
    network.load_state_dict(
        {k.removeprefix("network."): v for k, v in averaged.items() if k.startswith("network.")}
    )
    expected = painted(network, averaged["embeddings"][0], photo)
    # by float16; the stylizer's own network does not matter
    assert np.abs(stylized(shipped, style, photo) - expected).max() < 4
