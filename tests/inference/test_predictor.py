"""Styles at once: what is given to the style predictor, and what is kept of its predictions."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import photo
from PIL import Image

from impasto.choices import NETWORKS
from impasto.engines import base
from impasto.engines.base import Float32
from impasto.errors import StyleError
from impasto.inference import predictor
from impasto.inference.predictor import predict
from impasto.models.network import PREDICTOR_PATCH_SIZE, Network, load_shipped
from impasto.stylizer import Stylizer

NETWORK = Network("base", "cafe", 4, b"graph", {}, predictor=b"a predictor")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Float32]:
    """First parts of pictures that a predictor was asked about; it answers with their mean colors,
    and the graph's length."""
    images: list[Float32] = []

    def run_each(graph: bytes, parts: Iterable[Float32]) -> list[Float32]:
        parts = list(parts)
        images.append(parts[0])
        return [
            np.concatenate([part.mean((2, 3)), [[len(graph)]]], 1).astype(np.float32)
            for part in parts
        ]

    monkeypatch.setattr(base, "run_each", run_each)
    return images


def test_a_picture_seen_before_is_remembered(asked: list[Float32], cache: Path) -> None:
    first = predict(photo(30, 40), NETWORK)
    assert first.dtype == np.float32 and first.shape == (4,)
    np.testing.assert_array_equal(predict(photo(30, 40), NETWORK), first)
    assert len(asked) == 1
    predict(255 - photo(30, 40), NETWORK)
    predict(photo(30, 40), replace(NETWORK, predictor=b"trained on"))
    predict(photo(30, 40), replace(NETWORK, hash="f00d"))
    assert len(asked) == 4
    assert len(list((cache / "predicted").iterdir())) == 4


def test_a_damaged_memory_is_made_anew(asked: list[Float32], cache: Path) -> None:
    first = predict(photo(30, 40), NETWORK)
    (kept,) = (cache / "predicted").iterdir()
    for damage in (b"", b"123", b"12345678", np.full(4, np.nan, np.float32).tobytes()):
        kept.write_bytes(damage)
        np.testing.assert_array_equal(predict(photo(30, 40), NETWORK), first)
    assert len(asked) == 5


@pytest.mark.parametrize(
    "answer", [[1.0, 2.0, np.nan, 4.0], [1.0, np.inf, 3.0, 4.0], [1.0, 2.0, 3.0]]
)
def test_a_predictor_that_fails(
    monkeypatch: pytest.MonkeyPatch, cache: Path, answer: list[float]
) -> None:
    monkeypatch.setattr(base, "run_each", lambda *_: [np.array([answer], np.float32)])
    with pytest.raises(
        StyleError, match="base \\(cafe\\) gives no finite numbers for it; take another"
    ):
        predict(photo(30, 40), NETWORK)
    assert not (cache / "predicted").exists()


def test_without_a_place_to_remember_it_works_all_the_same(
    asked: list[Float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "file"))
    predict(photo(30, 40), NETWORK)
    predict(photo(30, 40), NETWORK)
    assert len(asked) == 2


@settings(deadline=None, max_examples=25)
@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_pictures_are_read_at_512_pixels_in_parts_and_long_ones_in_their_middle(
    height: int, width: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        images: list[Float32] = []

        def run_each(graph: bytes, parts: Iterable[Float32]) -> list[Float32]:
            images.extend(parts)
            return [np.full((1, 4), number, np.float32) for number in range(len(images))]

        patch.setattr(base, "run_each", run_each)
        patch.setattr(predictor, "_cache_path", lambda *_: Path(__file__) / "nowhere")
        embedding = predict(np.full((height, width, 3), 51, np.uint8), NETWORK)
    times = max(height, width) / min(height, width)
    most = math.prod(
        math.ceil(round(side) / PREDICTOR_PATCH_SIZE)
        for side in (predictor.SHORT_SIDE, predictor.SHORT_SIDE * min(times, predictor.MAX_ASPECT))
    )
    assert len(images) == most if times <= predictor.MAX_ASPECT else len(images) <= most
    for image in images:
        assert (
            image.shape == (1, 3, PREDICTOR_PATCH_SIZE, PREDICTOR_PATCH_SIZE)
            and image.dtype == np.float32
            and np.allclose(image, 0.2)
        )
    np.testing.assert_allclose(
        embedding, (len(images) - 1) / 2
    )  # the mean of what the parts are read as


@settings(deadline=None, max_examples=25)
@given(
    height=st.integers(PREDICTOR_PATCH_SIZE, 1100), width=st.integers(PREDICTOR_PATCH_SIZE, 1100)
)
def test_parts_cover_a_picture_evenly(height: int, width: int) -> None:
    rows, columns = np.indices((height, width), np.uint16)
    seen = np.zeros((height, width), int)
    corners = []
    for part in predictor._patches(np.stack([rows, columns], 2)):
        corners.append(tuple(part[0, 0]))
        seen[part[..., 0], part[..., 1]] += 1
    assert seen.min() >= 1
    assert len(set(corners)) == math.ceil(height / PREDICTOR_PATCH_SIZE) * math.ceil(
        width / PREDICTOR_PATCH_SIZE
    )
    for starts, side in zip(map(set, zip(*corners, strict=True)), (height, width), strict=True):
        gaps = np.diff(sorted(map(int, starts)))
        assert (
            (min(starts), max(starts)) == (0, side - PREDICTOR_PATCH_SIZE) and np.ptp(gaps) <= 1
            if len(gaps)
            else side == PREDICTOR_PATCH_SIZE
        )


def test_a_network_without_a_predictor_says_what_to_do() -> None:
    with pytest.raises(
        StyleError, match=r"base \(cafe\): it has no style predictor.*impasto train PICTURE"
    ):
        predict(photo(30, 40), replace(NETWORK, predictor=b""))


@pytest.mark.parametrize("name", NETWORKS)
def test_what_ships_paints_in_the_colors_of_any_picture(
    name: str, cache: Path, tmp_path: Path
) -> None:
    """Of two pictures as styles, red and blue strokes, each gives paintings nearer to its own
    colors."""
    rng = np.random.default_rng(0)
    strokes = np.asarray(
        Image.fromarray(rng.integers(0, 256, (24, 24), np.uint8)).resize(
            (256, 256), Image.Resampling.BICUBIC
        )
    )
    red, blue = (
        np.stack([strokes * part for part in mix], 2).astype(np.uint8)
        for mix in ((1, 0.3, 0.2), (0.2, 0.3, 1))
    )
    for color, style in (("red", red), ("blue", blue)):
        Image.fromarray(style).save(tmp_path / f"{color}.png")
    stylizer = Stylizer(name)
    painted = {
        color: stylizer.stylize(photo(96, 128), tmp_path / f"{color}.png").mean((0, 1))
        for color in ("red", "blue")
    }
    assert (
        painted["red"][0] > painted["blue"][0] + 10 and painted["blue"][2] > painted["red"][2] + 10
    )


def test_predictors_that_ship_are_small() -> None:
    assert sum(len(load_shipped(name).predictor) for name in NETWORKS) < 6_000_000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"
