"""The recipe of `impasto optimize` chooses the network that paints the start."""

from dataclasses import replace
from typing import Any

import pytest

from impasto.learning.optimization import recipe
from impasto.models.gallery import gallery_style
from impasto.models.mix import Mix, find_mix
from impasto.models.style import Style, encode_picture
from impasto.stylizer import Stylizer
from learning.tiny import texture, tiny_perceptual


def learned_for(network: str) -> Style:
    """A style that was learned for one network alone, and keeps its picture."""
    style = gallery_style("udnie")
    return replace(
        style,
        embeddings={network: style.embeddings[network]},
        hashes={network: style.hashes[network]},
        remembered=encode_picture(texture(1)),
    )


@pytest.mark.parametrize(
    ("style", "network"),
    [
        (find_mix(texture(1)), "large"),
        (learned_for("large"), "large"),
        (learned_for("base"), "base"),
    ],
)
def test_large_paints_the_start_where_it_has_the_style(
    style: Mix | Style, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    class Noted(Stylizer):
        def __init__(self, name: Any, **options: Any) -> None:
            made.append(name)
            super().__init__(name, **options)

    monkeypatch.setattr(recipe, "Stylizer", Noted)
    recipe.optimize_photo(texture(1), style, size=64, iterations=1, perceptual=tiny_perceptual())
    assert made == [network]
