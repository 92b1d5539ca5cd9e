"""Fixtures of stylizing one picture."""

import numpy as np
import pytest

from impasto.inference.masks import Mask
from impasto.stylizer import Stylizer


@pytest.fixture(scope="module")
def exact() -> Stylizer:
    return Stylizer("small", precision="f32")


@pytest.fixture
def shape() -> Mask:
    """White on the right half of the scene."""
    pixels = np.zeros((120, 160), np.uint8)
    pixels[:, 80:] = 255
    return Mask("shape", pixels)
