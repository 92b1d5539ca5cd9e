"""Notes on masks of another size and on small pictures."""

import pytest
from pictures import ramp

from impasto.batch.notes import mask_size_note, small_size_note
from impasto.inference.masks import Mask


@pytest.mark.parametrize(
    ("width", "height", "note"),
    [
        (40, 30, ""),
        (80, 60, "the mask m.png has 40x30 pixels and is resized to 80x60"),
        (
            80,
            64,
            "the mask m.png has 40x30 pixels and is stretched, as its proportions differ, to 80x64",
        ),
    ],
)
def test_masks_of_another_size(width: int, height: int, note: str) -> None:
    assert mask_size_note(Mask("m.png", ramp(30, 40)), width, height) == note


def test_gradients_have_any_size() -> None:
    assert mask_size_note(Mask("left-right"), 80, 60) == ""


def test_larger_strokes_are_those_of_a_smaller_picture() -> None:
    assert small_size_note("a.png", 64, 20, 1) == ""
    assert small_size_note("a.png", 64, 20, 0.5) == ""
    assert small_size_note("a.png", 64, 20, 2).startswith("a.png is painted at 32x10 pixels")
