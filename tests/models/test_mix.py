"""Mixes: what names them, and what their parts weigh."""

import math
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_styles import refused_style, tulip
from pictures import photo
from PIL import Image

from impasto.models.gallery import gallery_style
from impasto.models.mix import Mix, find_mix


def test_one_style_by_whatever_names_it(tmp_path: Path) -> None:
    style = gallery_style("starry-night")
    path = tmp_path / "a:b,c.safetensors"
    style.save(path)
    for spec in (
        "starry-night",
        " starry-night:3 ",
        str(path),
        path,
        style,
        Mix(((style, 1.0),)),
        [(style, 5.0)],
    ):
        mix = find_mix(spec)
        assert mix.name == "starry-night"
        assert [weight for _, weight in mix.parts] == [1]


@pytest.mark.parametrize(
    ("spec", "weights", "name", "given_sum"),
    [
        ("starry-night:0.7,great-wave:0.3", [0.7, 0.3], "starry-night-70-great-wave-30", 1),
        ("starry-night:7, great-wave:3", [0.7, 0.3], "starry-night-70-great-wave-30", 10),
        ("starry-night,great-wave", [0.5, 0.5], "starry-night-50-great-wave-50", None),
        ("starry-night:3,great-wave", [0.75, 0.25], "starry-night-75-great-wave-25", 4),
        ("starry-night:1,great-wave:0", [1], "starry-night", 1),
        ("starry-night:1e-3,photo:1e-3", [0.5, 0.5], "starry-night-50-photo-50", 2e-3),
    ],
)
def test_weights(spec: str, weights: list[float], name: str, given_sum: float | None) -> None:
    mix = find_mix(spec)
    assert [weight for _, weight in mix.parts] == pytest.approx(weights)
    assert mix.weight_sum == (None if given_sum is None else pytest.approx(given_sum))
    assert mix.name == name


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=4))
def test_weights_keep_their_ratios_and_sum_to_one(weights: list[float]) -> None:
    names = ["starry-night", "great-wave", "photo", "starry-night"]
    mix = find_mix(
        ",".join(f"{name}:{weight!r}" for name, weight in zip(names, weights, strict=False))
    )
    assert [style.name for style, _ in mix.parts] == names[: len(weights)]
    assert [weight for _, weight in mix.parts] == pytest.approx(
        [weight / sum(weights) for weight in weights]
    )


@given(st.one_of(st.floats(max_value=0), st.just(math.nan), st.just(math.inf)))
def test_weights_that_are_no_positive_numbers(weight: float) -> None:
    assert "weights of a mix must be positive numbers" in refused_style(f"starry-night:{weight!r}")
    if weight != 0:
        assert "weights of a mix must be positive numbers" in refused_style(
            f"starry-night:{weight!r},great-wave:1"
        )


@pytest.mark.parametrize("weight", ["much", "", "0.5x", "0x1"])
def test_garbage_for_a_weight(weight: str) -> None:
    assert "starry-night" in refused_style(f"starry-night:{weight},great-wave:1")
    assert "a mix is written starry-night:0.7,great-wave:0.3" in refused_style(
        "starry-night:much,great-wave:1"
    )


def test_files_in_a_mix_and_colons_in_their_paths(tmp_path: Path) -> None:
    path = tmp_path / "c:" / "tulip.safetensors"
    tulip().save(path)
    mix = find_mix(f"{path}:3,photo:1")
    assert [(style.name, weight) for style, weight in mix.parts] == [
        ("tulip", 0.75),
        ("photo", 0.25),
    ]
    assert [weight for _, weight in find_mix(f"{path},{path}:1").parts] == [0.5, 0.5]
    absent = tmp_path / "d:" / "absent.safetensors"
    assert (
        refused_style(f"{absent},photo")
        == f"cannot read {absent}: it does not exist; check the name"
    )


@pytest.mark.parametrize(
    "name", ["a,b.png", "a:0.5,b.png", "a, b.png", "a:2.png", "a,b,c.png", "50%d=1.png"]
)
def test_any_name_of_a_file_works_in_a_mix(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo(40, 40)).save(name)
    stem = name.removesuffix(".png").lower()
    for spec, weights in (
        (name, [1.0]),
        (f"{name}:0.25,starry-night:0.75", [0.25, 0.75]),
        (f"starry-night:0.75,{name}:0.25", [0.75, 0.25]),
        (f"starry-night,{name}", [0.5, 0.5]),
    ):
        mix = find_mix(spec)
        assert [weight for _, weight in mix.parts] == weights
        assert {style.name for style, _ in mix.parts} <= {stem, "starry-night"}


def test_a_mix_of_whatever_is_a_style() -> None:
    mix = find_mix([("starry-night", 3), (photo(8, 9), 1)])
    assert mix.name == "starry-night-75-picture-25"
    assert find_mix(photo(8, 9)).name == find_mix(Image.fromarray(photo(8, 9))).name == "picture"


@pytest.mark.parametrize("wrong", [["starry-night"], [("starry-night", "much")], [1, 2], [[]]])
def test_a_list_that_is_no_mix_names_the_form(wrong: Any) -> None:
    assert '[("starry-night", 0.7), ("great-wave", 0.3)]' in refused_style(wrong)


@pytest.mark.parametrize("wrong", [[], [("starry-night", 0)], [("starry-night", -1)]])
def test_pairs_without_positive_weights(wrong: Any) -> None:
    assert "weights of a mix must be positive numbers" in refused_style(wrong)


def test_mixes_are_shown_in_short_and_can_be_pickled() -> None:
    mix = find_mix("starry-night:0.7,great-wave:0.3")
    assert repr(mix) == "Mix(starry-night 0.7, great-wave 0.3)"
    copied = pickle.loads(pickle.dumps(mix))
    assert (copied.name, copied.weight_sum) == (mix.name, mix.weight_sum)
    assert repr(copied) == repr(mix)
