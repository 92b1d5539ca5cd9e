"""A live view is painted in the style of the moment, steadily."""

from typing import Any

import numpy as np
import pytest
from pictures import photo

from impasto.errors import NetworkError
from impasto.models.mix import Mix, find_mix
from impasto.stylizer import Stylizer
from impasto.video.temporal.frozen_statistics import SteadyStyle
from impasto.webcam import stylizer as stylizer_module
from impasto.webcam.stylizer import WebcamStylizer

SIZE = (64, 96)


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    return Stylizer("small").for_many()


@pytest.fixture(scope="module")
def styles() -> list[Mix]:
    return [find_mix("great-wave"), find_mix("starry-night:0.5,udnie:0.5")]


def test_styles_and_strengths(stylizer: Stylizer, styles: list[Mix]) -> None:
    paint = WebcamStylizer(stylizer, SIZE, styles)
    picture = photo(*SIZE)
    for style in styles:
        expected = SteadyStyle(stylizer.prepare(style, 1.0))
        for _ in range(2):
            assert (paint(picture, style, 1.0) == expected(picture)).all()
    weak = paint(picture, styles[1], 0.5).astype(int)
    assert (weak == SteadyStyle(stylizer.prepare(styles[1], 0.5))(picture)).all()
    assert (paint(picture, styles[1], 0.0) == picture).all()


def test_a_style_keeps_its_brush(
    stylizer: Stylizer, styles: list[Mix], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    class Counted(SteadyStyle):
        def __init__(self, *arguments: Any) -> None:
            made.append(1)
            super().__init__(*arguments)

    monkeypatch.setattr(stylizer_module, "SteadyStyle", Counted)
    paint = WebcamStylizer(stylizer, SIZE, styles)
    assert len(made) == 1, "one network, warmed up once"
    for style in (styles[0], styles[0], styles[1], styles[1]):
        paint(photo(*SIZE), style, 1.0)
    assert len(made) == 3


def test_an_engine_that_fails(
    stylizer: Stylizer, styles: list[Mix], monkeypatch: pytest.MonkeyPatch
) -> None:
    paint = WebcamStylizer(stylizer, SIZE, styles)

    def fail(*_: Any) -> None:
        raise RuntimeError("bad allocation\nat 0x1234")

    monkeypatch.setattr(SteadyStyle, "begin", fail)
    with pytest.raises(
        NetworkError, match=r"painting 96x64 pixels failed \(bad allocation\); try a smaller --size"
    ):
        paint(np.zeros((64, 96, 3), np.uint8), styles[0], 1.0)
