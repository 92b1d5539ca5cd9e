"""One stylizer in many threads paints the same bytes as in one; loaded objects can be pickled."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from pictures import UInt8, photo

import impasto
from impasto.models.gallery import gallery_style
from impasto.models.mix import find_mix
from impasto.models.style import Style
from impasto.stylizer import Stylizer

SIZES = (48, 64), (64, 48), (90, 120), (33, 77), (128, 96), (1, 9)
CALLS = 24


@pytest.fixture(scope="module", params=["openvino", "onnxruntime"])
def engine(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param)
    return str(request.param)


def calls() -> list[dict[str, Any]]:
    """Arguments of calls with sizes, styles, strokes, colors and predictions mixed."""
    picture = Style("picture", {}, {}, pixels=photo(230, 300)[30:])
    styles = "starry-night", "great-wave", "udnie:0.5,great-wave:0.5", picture
    return [
        {
            "photo": crop(*SIZES[number % len(SIZES)], number),
            "style": styles[number % len(styles)],
            "strength": (1.0, 0.6)[number % 3 == 0],
            "stroke": (1.0, 2.0, 0.5)[number % 5 % 3],
            "color": (None, "luminance", "linear-mkl")[number % 7 % 3],
            "mask": (None, "left-right")[number % 11 == 0],
        }
        for number in range(CALLS)
    ]


def crop(height: int, width: int, number: int) -> UInt8:
    """Another photo for each number."""
    return np.ascontiguousarray(photo(height + number, width + number)[number:, number:])


def equal(one: list[UInt8], other: list[UInt8]) -> int:
    return sum(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
def test_threads_paint_the_same_bytes_as_one(engine: str) -> None:
    alone = [Stylizer("small", engine).stylize(**call) for call in calls()[:4]]
    alone += [(stylizer := Stylizer("small", engine)).stylize(**call) for call in calls()[4:]]
    shared = Stylizer("small", engine)
    order = np.random.default_rng(0).permutation(2 * CALLS) % CALLS
    with ThreadPoolExecutor(8) as pool:
        painted = list(pool.map(lambda number: shared.stylize(**calls()[number]), order))
    assert equal(painted, [alone[number] for number in order]) == 2 * CALLS
    assert stylizer.network.hash == shared.network.hash


def test_threads_may_call_the_function_too() -> None:
    photos = [photo(*size) for size in SIZES]
    alone = [np.asarray(impasto.stylize(each, "udnie", network="small")) for each in photos]
    with ThreadPoolExecutor(6) as pool:
        painted = list(
            pool.map(
                lambda each: np.asarray(impasto.stylize(each, "udnie", network="small")), photos
            )
        )
    assert equal(painted, alone) == len(photos)


@pytest.mark.slow
def test_a_stylizer_that_has_painted_can_be_pickled() -> None:
    stylizer = Stylizer("small")
    painted = stylizer.stylize(photo(48, 64), "udnie")
    copy = pickle.loads(pickle.dumps(stylizer))
    assert np.array_equal(copy.stylize(photo(48, 64), "udnie"), painted)
    prepared = pickle.loads(pickle.dumps(stylizer.prepare("udnie")))
    assert np.array_equal(prepared.paint(photo(48, 64)), painted)


def test_styles_and_mixes_can_be_pickled() -> None:
    stylizer = Stylizer("small")
    for style in (gallery_style("udnie"), find_mix("udnie:0.3,great-wave")):
        copy = pickle.loads(pickle.dumps(style))
        assert np.array_equal(
            stylizer.stylize(photo(48, 64), copy), stylizer.stylize(photo(48, 64), style)
        )
