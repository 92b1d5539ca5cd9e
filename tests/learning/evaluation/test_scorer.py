"""Scores of pictures, and the baselines that paint nothing."""

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from impasto.learning.evaluation import scorer
from impasto.learning.evaluation.scorer import ObjectiveScorer, Score
from impasto.learning.losses.objective import Objective
from impasto.learning.networks.perceptual import PerceptualNetwork
from learning.tiny import pictures, texture


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(texture(1, 600, 560)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    Image.fromarray(texture(2, 300, 320)).save(tmp_path / "painting.png")
    return tmp_path / "painting.png"


def test_pictures_come_at_512(photo: Path, painting: Path) -> None:
    assert scorer.load(photo).shape == (549, 512, 3)
    assert scorer.load(painting).shape == (512, 546, 3)


def test_the_photograph_loses_no_content_and_the_painting_no_style(
    photo: Path, painting: Path, tiny_perceptual: PerceptualNetwork
) -> None:
    judge = ObjectiveScorer(tiny_perceptual)
    c, s, j = astuple(judge.score(scorer.load(photo), photo, painting))
    assert c == pytest.approx(0, abs=1e-9)
    assert s > 0.01
    assert j == pytest.approx(5 * s)
    # a photograph as large as the painting, so that it can be scored as what was painted from it
    as_large = painting.with_name("other.png")
    Image.fromarray(texture(3, 300, 320)).save(as_large)
    c, s, j = astuple(judge.score(scorer.load(painting), as_large, painting))
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
    objective, judge = Objective(tiny_perceptual), ObjectiveScorer(tiny_perceptual)
    terms = objective.terms(
        tensor(picture),
        objective.content_target(tensor(scorer.load(photo))),
        objective.style_target(tensor(scorer.load(painting))),
    )
    judge.score(scorer.load(painting), painting, photo)
    for _ in range(2):
        c, s, j = astuple(judge.score(picture, photo, painting))
        assert (c, s, j) == pytest.approx(
            (terms["content"].item(), terms["style"].item(), c + 5 * s)
        )


def test_mean() -> None:
    assert scorer.mean([Score(1, 2, 11), Score(3, 6, 33), Score(2, 1, 7)]) == Score(2, 3, 17)


# --- baselines
# ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), height=st.integers(8, 60), width=st.integers(8, 60))
def test_recolored_has_the_styles_colours(seed: int, height: int, width: int) -> None:
    photo, style = (
        pictures(seed, height=height, width=width),
        pictures(seed + 1, height=40, width=50),
    )
    got = scorer.recolored(photo, style)
    assert got.shape == photo.shape
    (x, s) = (t[0].flatten(1).double().numpy() for t in (got, style))
    np.testing.assert_allclose(x.mean(1), s.mean(1), atol=1e-4)
    np.testing.assert_allclose(np.cov(x, bias=True), np.cov(s, bias=True), atol=5e-4)


def test_recoloured_in_its_own_colours_a_photograph_is_itself() -> None:
    photo = pictures(1)
    torch.testing.assert_close(scorer.recolored(photo, photo), photo, rtol=0, atol=1e-4)


def test_a_grey_or_flat_photograph_can_be_recoloured() -> None:
    grey = pictures(1).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    for photo in (grey, torch.full((1, 3, 8, 8), 0.5)):
        assert scorer.recolored(photo, pictures(2)).isfinite().all()


@settings(deadline=None, max_examples=10)
@given(height=st.integers(16, 90), width=st.integers(16, 90))
def test_double_exposure_is_as_large_as_the_photograph(height: int, width: int) -> None:
    got = scorer.double_exposure(texture(1, height, width), texture(2, 40, 70))
    assert got.shape == (height, width, 3)
    assert got.dtype == np.uint8


def test_double_exposure_lays_the_paintings_detail_over_the_photograph() -> None:
    photo = texture(1)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 255
    got = scorer.double_exposure(photo, stripes).astype(float)
    assert got[::2].mean() > got[1::2].mean() + 100
