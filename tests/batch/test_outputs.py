"""Outputs of a run: where paintings go, what they are called, and what is refused."""

import os
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from impasto.batch.inputs import InputFile
from impasto.batch.outputs import (
    MAX_NAME_BYTES,
    choose_targets,
    find_earlier_paintings,
    painting_name,
)


@given(
    st.text(
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=300
    ),
    st.booleans(),
)
@example("x" * 252, False)  # longer than names of files are
def test_names_fit_and_differ(stem: str, full: bool) -> None:
    name = painting_name(Path(f"{stem}.png"), "starry-night", full=full)
    assert len(os.fsencode(name)) <= MAX_NAME_BYTES and name.endswith(".starry-night.png")
    assert name != painting_name(Path(f"{stem}x.png"), "starry-night", full=full)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from([".jpg", ".png", ".gif", ".heic"])),
        max_size=12,
        unique=True,
    )
)
def test_no_two_inputs_have_one_target(parts: list[tuple[str, str]]) -> None:
    inputs = [InputFile(Path(f"no/{stem}{suffix}")) for stem, suffix in parts]
    for output in (None, "out/"):
        targets = choose_targets(inputs, "udnie", output, several=True)
        assert len(set(targets.values())) == len(inputs)


def test_paintings_of_earlier_runs() -> None:
    paths = [
        Path("a.jpg"),
        Path("a.udnie.jpg"),
        Path("b.gif"),
        Path("b.gif.udnie.jpg"),
        Path("c.udnie.jpg"),
    ]
    assert find_earlier_paintings(paths) == {Path("a.udnie.jpg"), Path("b.gif.udnie.jpg")}
