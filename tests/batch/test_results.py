"""The result of one input in one style: its record and its line."""

from pathlib import Path

import pytest

from impasto.batch.results import KEPT, ClipTiming, FileResult

PAINTED = FileResult(
    *(Path("a.jpg"), Path("a.udnie.jpg"), "udnie", "base", "openvino", "f32", 640, 480, 1.23456)
)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "a.udnie.jpg (640x480, 1.235 s)"),
        ({"beyond_fraction": 0.0004}, "a.udnie.jpg (640x480, 1.235 s)"),
        (
            {"beyond_fraction": 0.0312},
            "a.udnie.jpg (640x480, 1.235 s, 3.1 % of pixels were made paler to fit the color range,"
            " with the same light and hue)",
        ),
        (
            {"clip": ClipTiming(30, 0, 0.5, 41.234, 2)},
            "a.udnie.jpg (640x480, 1.235 s, of which 0.5 to the first of 30 frames, then 41.23 a"
            " second; strokes 2 times as large, see --stroke)",
        ),
        (
            {"skipped": True},
            f"a.udnie.jpg kept: {KEPT}",
        ),
        ({"error": OSError(28, "No space left")}, "a.jpg: No space left"),
    ],
)
def test_a_line_for_people(changes: dict[str, object], line: str) -> None:
    assert FileResult(**{**vars(PAINTED), **changes}).describe() == line


def test_an_input_that_names_no_file_is_recorded_as_written() -> None:
    failed = FileResult(Path("in/"), error=ValueError("holds no pictures"), text="in/")
    assert failed.record() == {"input": "in/", "error": "in/: holds no pictures"}
