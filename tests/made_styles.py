"""Styles for tests, and the errors of those that are refused."""

import numpy as np
import pytest

from impasto.errors import StyleError
from impasto.models.mix import find_mix
from impasto.models.network import Network
from impasto.models.style import (
    Style,
)

NETWORK = Network("base", "cafe", 6, b"graph", {})


FACTS = {"title": "Tulip", "artist": "Nobody", "year": "2024", "base.J": "1.25"}


def tulip(size: int = 6) -> Style:
    return Style(
        "tulip", {"base": np.linspace(-1, 2, size, dtype=np.float32)}, {"base": "cafe"}, FACTS
    )


def refused_style(spec: object) -> str:
    with pytest.raises(StyleError) as raised:
        find_mix(spec)  # type: ignore[arg-type]
    message = str(raised.value)
    assert "\n" not in message
    return message
