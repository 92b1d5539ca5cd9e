"""Inputs that every run shares."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto.learning.data.photos import PhotoFolder
from impasto.learning.data.synthetic.generator import SyntheticPhotos
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.training import inputs
from learning.tiny import (
    pictures,
    texture,
)


def test_content_is_photographs_or_generated(tmp_path: Path) -> None:
    Image.fromarray(texture(1, 120, 90)).save(tmp_path / "tulip.png")
    photos, generated = inputs.load_content(tmp_path, 3), inputs.load_content(None, 3)
    assert isinstance(photos, PhotoFolder) and photos.seed == 3
    assert isinstance(generated, SyntheticPhotos) and generated.seed == 3


@pytest.mark.parametrize("precision, dtype", [("f32", torch.float32), ("bf16", torch.bfloat16)])
def test_precision_of_the_perceptual_network(precision: str, dtype: torch.dtype) -> None:
    lite = inputs.load_losses("lite", precision)
    assert isinstance(lite, PerceptualNetwork) and lite.name == "lite"
    assert lite(pictures(1), ["relu1_1"])["relu1_1"].dtype == dtype
