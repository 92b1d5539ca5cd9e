"""Spans of time are parts of clips."""

from fractions import Fraction

import pytest

from impasto.errors import VideoError
from impasto.video.clip import TimeSpan


@pytest.mark.parametrize(("start", "end"), [(2, 1), (1, 1), (-1, None)])
def test_a_span_ends_after_its_start(start: int, end: int | None) -> None:
    with pytest.raises(VideoError, match="is no part of a video"):
        TimeSpan(Fraction(start), None if end is None else Fraction(end))


def test_the_fraction_of_a_clip_within_a_span() -> None:
    span = TimeSpan(Fraction(1), Fraction(3))
    assert span.fraction_of(Fraction(4)) == 0.5
    assert span.fraction_of(Fraction(2)) == 0.5
    assert span.fraction_of(Fraction(1, 2)) == 0
    assert span.fraction_of(Fraction(0)) == 1
