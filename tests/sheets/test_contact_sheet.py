"""Contact sheets: where pictures are, and that labels stay with their pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import UInt8

from impasto.sheets.contact_sheet import GAP, SheetRow, contact_sheet, in_rows, sheet_of

WIDTH = 96
labels = st.text(st.characters(max_codepoint=0x17F), max_size=40)


def red(height: int, width: int = 40) -> UInt8:
    return np.tile(np.array([255, 0, 0], np.uint8), (height, width, 1))


def is_white(part: UInt8) -> bool:
    return bool(part.size) and bool((part == 255).all())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(labels, st.integers(5, 90)), min_size=1, max_size=9),
    st.one_of(st.none(), st.integers(1, 4)),
)
def test_cells_and_their_labels_keep_to_their_columns(
    cells: list[tuple[str, int]], columns: int | None
) -> None:
    sheet = contact_sheet([(label, red(height)) for label, height in cells], columns, WIDTH)
    rows = in_rows([("", red(1))] * len(cells), columns)
    across = max(len(row.cells) for row in rows)
    assert sheet.shape[1] == GAP + across * (WIDTH + GAP)
    for column in range(across + 1):
        start = column * (WIDTH + GAP)
        assert is_white(
            sheet[:, start + 2 : start + GAP - 2]
        )  # letters reach a little out of their lines
    is_red = (sheet == (255, 0, 0)).all(-1)
    assert is_red.sum() == sum(WIDTH * round(height * WIDTH / 40) for _, height in cells)
    assert is_white(sheet[:GAP]) and is_white(sheet[-GAP:])


def test_as_many_in_a_row_as_look_well() -> None:
    def shape(count: int) -> list[int]:
        return [len(row.cells) for row in in_rows([("", red(1))] * count)]

    assert [shape(count) for count in (1, 5, 6, 8, 50)] == [[1], [5], [3, 3], [4, 4], [9] * 5 + [5]]


def test_a_table() -> None:
    """Names stand left of their rows, in the middle; heads above their columns, close to them."""
    rows = [
        SheetRow([("", red(40)), ("", red(40))], "the first", ("one", "two")),
        SheetRow([("", red(80)), ("", red(80))], "2nd"),
    ]
    sheet = sheet_of(rows, WIDTH)
    is_red, is_ink = (sheet == (255, 0, 0)).all(-1), (sheet == 0).all(-1)
    left = int(np.flatnonzero(is_red.any(0))[0])
    assert sheet.shape[1] == left + 2 * (WIDTH + GAP)
    tops = np.flatnonzero(is_red[1:, left] & ~is_red[:-1, left]) + 1
    bottoms = np.flatnonzero(is_red[:-1, left] & ~is_red[1:, left]) + 1
    assert (bottoms - tops).tolist() == [WIDTH, 2 * WIDTH]
    for top, bottom in zip(tops, bottoms, strict=True):
        name = np.flatnonzero(is_ink[top:bottom, : left - GAP].any(1))
        assert name.mean() == pytest.approx((bottom - top) / 2, abs=6)
    heads = is_ink[: tops[0]]
    for column in range(2):
        start = left + column * (WIDTH + GAP)
        assert heads[:, start : start + WIDTH].any()
    assert np.flatnonzero(heads.any(1))[-1] > tops[0] - 12
    assert not is_ink[tops[0] :, left:].any()


def test_long_labels_break_after_commas_and_lose_their_middle() -> None:
    def lines(label: str) -> int:
        sheet = contact_sheet([(label, red(40))], width=WIDTH)
        inked = np.flatnonzero((sheet[GAP + WIDTH :] < 128).sum((1, 2)))
        return 1 + int((np.diff(inked) > 1).sum())

    assert [lines(label) for label in ("mmm", "mmmmmm, mmmmmm, mmm", "m" * 80)] == [1, 3, 1]
    first, second = (contact_sheet([("m" * 80 + end, red(40))], width=WIDTH) for end in "12")
    assert (first != second).any()  # ends tell them apart


def test_a_title_and_letters_as_large_as_the_cells_want() -> None:
    plain, titled = (
        contact_sheet([("name", red(40))], width=WIDTH, title=title) for title in ("", "small")
    )
    assert (titled[-len(plain) + GAP :] == plain[GAP:]).all() and len(titled) > len(plain) + 10
    small, large = (
        len(contact_sheet([("name", red(40))], width=width)) - width for width in (320, 960)
    )
    assert large > 2 * small - 2 * GAP


def test_letters_beyond_ascii_are_no_boxes() -> None:
    """Where the system has a font for them: two letters would look alike."""
    one, other = (contact_sheet([(letter, red(40))], width=WIDTH) for letter in "äž")
    if (one == other).all():
        pytest.skip("this system has no font for them")
    assert one.shape == other.shape
