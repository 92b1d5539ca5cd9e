"""Outputs of a run: where paintings go, what they are called, and what is refused."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pictures import photo, save

from impasto.batch.inputs import InputFile
from impasto.batch.outputs import (
    MAX_NAME_BYTES,
    BatchPlan,
    FileTask,
    check_task,
    choose_targets,
    find_earlier_paintings,
    painting_name,
    plan_files,
)
from impasto.errors import OutputError
from impasto.images.image import Picture
from impasto.images.writing import write
from impasto.inference.record import make_record
from impasto.inference.settings import parse_settings
from impasto.stylizer import Stylizer

UDNIE, WAVE = parse_settings("udnie"), parse_settings("great-wave")


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


def test_paintings_in_other_styles_are_known_by_their_settings(tmp_path: Path) -> None:
    paths = save(tmp_path, "a.jpg", "a.tulip.jpg", "a.small.png", "b.tulip.jpg", "a.broken.jpg")
    record = make_record(UDNIE, Stylizer("small"), None)
    for path in (paths[1], paths[3]):
        write(path, Picture(photo(20, 30), settings=record))
    paths[4].write_bytes(b"no picture")
    assert find_earlier_paintings(paths) == {paths[1]}


def tasks(plan: BatchPlan) -> list[tuple[str, str]]:
    return [(task.source.name, task.target.name) for task in plan.tasks]


def test_several_styles_are_named_in_the_outputs(tmp_path: Path) -> None:
    one, other = save(tmp_path, "a.png", "b.jpg")
    plan = plan_files([one, other], [UDNIE, WAVE])
    assert tasks(plan) == [
        ("a.png", "a.udnie.png"),
        ("a.png", "a.great-wave.png"),
        ("b.jpg", "b.udnie.jpg"),
        ("b.jpg", "b.great-wave.jpg"),
    ]
    assert not plan.is_single and plan_files([one], [UDNIE]).is_single
    folder = tmp_path / "new"  # a folder, as it takes two paintings
    assert {task.target.parent for task in plan_files([one], [UDNIE, WAVE], folder).tasks} == {
        folder
    }


@pytest.mark.parametrize("output", ["one.png", "frames/%05d.png"])
def test_several_styles_do_not_go_into_one_file(tmp_path: Path, output: str) -> None:
    save(tmp_path, "a.png")
    with pytest.raises(OutputError, match=r"cannot write .*2 styles"):
        plan_files([tmp_path / "a.png"], [UDNIE, WAVE], tmp_path / output)


def test_two_styles_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="2 styles of the name udnie"):
        plan_files(["a.png"], [UDNIE, replace(UDNIE, strength=0.5)])


def test_paintings_of_all_styles_are_no_inputs(tmp_path: Path) -> None:
    save(tmp_path, "a.png", "a.udnie.png", "a.great-wave.png", "a.starry-night.png")
    plan = plan_files([tmp_path, tmp_path / "a.udnie.png"], [UDNIE, WAVE])
    assert {source for source, _ in tasks(plan)} == {"a.png"}
    # told are those that are named, and those in folders that are no targets of this run
    assert plan.left_out == [tmp_path / "a.starry-night.png", tmp_path / "a.udnie.png"]


@pytest.mark.parametrize("name", ["50%discount.jpg", "50%d.png", "%05d.jpg", "100%d.webp"])
def test_names_made_of_names_are_no_patterns(tmp_path: Path, name: str) -> None:
    save(tmp_path, name)
    for output in (None, f"{tmp_path}/out/"):
        (task,) = plan_files([tmp_path / name], [UDNIE], output).tasks
        assert not task.is_numbered and check_task(task) is None


def test_patterns_that_a_user_writes_stay_patterns(tmp_path: Path) -> None:
    save(tmp_path, "01.png", "02.png")
    pattern = f"{tmp_path}/%02d.png"
    (task,) = plan_files([pattern], [UDNIE], f"{tmp_path}/out-%03d.png").tasks
    assert task.is_numbered and task.is_clip
    (task,) = plan_files([pattern], [UDNIE]).tasks
    assert task.is_numbered and task.target.name == "%02d.udnie.png"
    (task,) = plan_files([f"{tmp_path}/01.png"], [UDNIE], f"{tmp_path}/%03d.png").tasks
    assert "single picture" in str(check_task(task))


def test_no_inputs_make_no_tasks() -> None:
    assert plan_files([], [UDNIE]).tasks == []


def test_what_must_not_be_painted(tmp_path: Path) -> None:
    one, style = save(tmp_path, "a.png", "style.png")
    for task, reason in (
        (FileTask(one, one, UDNIE), "it is the photograph itself"),
        (FileTask(one, style, UDNIE), "it is a style or a mask of this run"),
        (FileTask(one, tmp_path / "b.mp4", UDNIE), "is a single picture; use one of"),
        (FileTask(one, one, UDNIE, is_clip=True), "it is the video itself"),
        (FileTask(one, tmp_path / "b.png", UDNIE, rival=style), "is painted into it"),
    ):
        assert reason in str(check_task(task, [style]))
    assert check_task(FileTask(one, tmp_path / "b.png", UDNIE), [style]) is None
