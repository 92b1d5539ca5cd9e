"""Summaries of an experiment: spread, shared pairs, equivalent iterations and boldness."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.learning.evaluation.scorer import Pair
from impasto.learning.evaluation.summary import (
    ScoreRow,
    measure_spread,
    rows_of_shared_pairs,
    split_by_boldness,
    summarize,
    summarize_paintings,
)

PAINTINGS: dict[str, dict[str, Any]] = {
    "grey": {
        "boldness": 0.02,
        "ours": {"C": 0.5, "S": 0.3, "J": 2.0},
        "half": {"C": 0.5, "S": 0.3, "J": 2.0},
    },
    "loud": {"boldness": 0.2, "ours": {"C": 0.5, "S": 0.1, "J": 1.0}},
    "mild": {"boldness": 0.03, "ours": {"C": 0.5, "S": 0.2, "J": 1.5}},
    "hard": {"boldness": 0.1, "ours": {"C": 0.5, "S": 0.1, "J": 0.75}},
}


def test_the_bolder_half_and_the_rest() -> None:
    assert split_by_boldness(PAINTINGS) == (["loud", "hard"], ["mild", "grey"])
    assert split_by_boldness({"one": {"boldness": 1.0}}) == (["one"], [])


def row(method: str, photo: str, **values: Any) -> ScoreRow:
    pair = Pair(Path(f"{photo}.png"), Path("wave.png"), 64)
    return ScoreRow(pair, method, Path(f"{method}/{photo}.png"), values, 3.0)


def test_spread_is_over_n() -> None:
    spread = measure_spread([1, 2, 3, 10])
    assert (spread.mean, spread.median) == (4, 2.5)
    assert spread.deviation == pytest.approx(np.sqrt((9 + 4 + 1 + 36) / 4))
    assert spread.p10 < spread.median < spread.p90


def test_methods_are_compared_over_the_pairs_of_all() -> None:
    rows = [row("ours", "a"), row("ours", "b"), row("theirs", "b"), row("theirs", "c")]
    shared = rows_of_shared_pairs(rows)
    assert {name: [each.pair.photo.stem for each in found] for name, found in shared.items()} == {
        "ours": ["b"],
        "theirs": ["b"],
    }
    assert rows_of_shared_pairs([]) == {}


def test_paintings_have_the_means_of_the_flaws_that_were_measured(tmp_path: Path) -> None:
    painting = tmp_path / "wave.png"
    Image.fromarray(np.full((64, 64, 3), 99, np.uint8)).save(painting)
    pair = Pair(tmp_path / "a.png", painting, 64)
    values: list[dict[str, Any]] = [
        {"J": 1.0, "halo": None, "palette": 2.0, "SSIM": 1.0},
        {"J": 2.0, "halo": 0.5, "palette": 4.0, "SSIM": 1.0},
    ]
    rows = [ScoreRow(pair, "ours", painting, each, None) for each in values]
    summary = summarize_paintings({"ours": rows})["wave"]
    assert summary["ours"] == {"J": 1.5, "halo": 0.5, "palette": 3.0}
    rows = [ScoreRow(pair, "ours", painting, {"SSIM": 1.0}, None)]
    assert "ours" not in summarize_paintings({"ours": rows})["wave"]


def test_iterations_that_were_not_reached_count_as_infinite() -> None:
    few = summarize("ours", [row("ours", "a", worth=7), row("ours", "b", worth=None)])
    assert few.equivalent_iterations == math.inf
    assert few.iterations_text(50) == "> 50"
    assert few.to_json(50) == {
        "method": "ours",
        "pairs": 2,
        "worth": None,
        "iterations": 50,
        "minutes": 3.0,
    }
    most = summarize("ours", [row("ours", name, worth=7) for name in "ab"])
    assert most.iterations_text(50) == "7"
    assert summarize("ours", [row("ours", "a")]).iterations_text(50) == "-"
