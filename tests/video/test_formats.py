"""Times on the command line become parts of clips."""

from fractions import Fraction

import pytest

from impasto.errors import VideoError
from impasto.video.clip import TimeSpan
from impasto.video.formats import parse_span, parse_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1:30", 90),
        ("1:02:03.5", 3723.5),
        ("00:00:01", 1),
        (2.5, 2.5),
    ],
)
def test_times_are_seconds_or_hours_minutes_and_seconds(text: str | float, expected: float) -> None:
    assert parse_time(text) == expected


def test_a_text_that_is_no_time_is_an_error() -> None:
    with pytest.raises(VideoError, match=r"'soon': it is no time; write seconds \(90, 1.5\)"):
        parse_time("soon")


def test_a_span_may_be_open_at_both_ends() -> None:
    assert parse_span("1:00", None) == TimeSpan(Fraction(60), None)
    assert parse_span(None, 0.5) == TimeSpan(None, Fraction(1, 2))
    assert not parse_span()
    with pytest.raises(VideoError, match="is no part of a video"):
        parse_span("2", "1")
