"""Scores by the canonical objective."""

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.learning.evaluation import scorer
from impasto.learning.evaluation.scorer import ObjectiveScorer
from impasto.learning.losses.objective import Objective
from impasto.learning.networks.perceptual import PerceptualNetwork
from learning.tiny import texture


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(texture(1, 600, 560)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    Image.fromarray(texture(2, 300, 320)).save(tmp_path / "painting.png")
    return tmp_path / "painting.png"


def test_pictures_come_at_512(photo: Path, painting: Path) -> None:
    assert scorer.load_picture(photo).shape == (549, 512, 3)
    assert scorer.load_picture(painting).shape == (512, 546, 3)


def test_the_photograph_loses_no_content_and_the_painting_no_style(
    photo: Path, painting: Path, tiny_perceptual: PerceptualNetwork
) -> None:
    canonical = ObjectiveScorer(tiny_perceptual)
    c, s, j = astuple(canonical.score(scorer.load_picture(photo), photo, painting))
    assert c == pytest.approx(0, abs=1e-9)
    assert s > 0.01
    assert j == pytest.approx(5 * s)
    # a photograph as large as the painting, so that it can be scored as what was painted from it
    as_large = painting.with_name("other.png")
    Image.fromarray(texture(3, 300, 320)).save(as_large)
    c, s, j = astuple(canonical.score(scorer.load_picture(painting), as_large, painting))
    assert s == pytest.approx(0, abs=1e-9)
    assert c > 0.3
    assert j == pytest.approx(c)


def test_scores_are_those_of_the_objective(
    photo: Path, painting: Path, tiny_perceptual: PerceptualNetwork
) -> None:
    """And do not depend on what was scored before."""

    def tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255

    picture = texture(5, 549, 512)
    objective, canonical = Objective(tiny_perceptual), ObjectiveScorer(tiny_perceptual)
    terms = objective.terms(
        tensor(picture),
        objective.content_target(tensor(scorer.load_picture(photo))),
        objective.style_target(tensor(scorer.load_picture(painting))),
    )
    canonical.score(scorer.load_picture(painting), painting, photo)
    for _ in range(2):
        c, s, j = astuple(canonical.score(picture, photo, painting))
        assert (c, s, j) == pytest.approx(
            (terms["content"].item(), terms["style"].item(), c + 5 * s)
        )
