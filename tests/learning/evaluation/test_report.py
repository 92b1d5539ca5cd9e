"""What a comparison comes to: bold and subdued paintings."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from impasto.learning.evaluation.metrics import boldness
from impasto.learning.evaluation.report import bold_and_subdued, groups
from learning.tiny import texture


def test_boldness_is_that_of_edges() -> None:
    flat = np.full((40, 50, 3), 99, np.uint8)
    stripes = np.zeros((40, 50, 3), np.uint8)
    stripes[:, ::10] = 255
    assert boldness(flat) == pytest.approx(0, abs=1e-6)
    assert boldness(stripes) > boldness((0.3 * stripes).astype(np.uint8)) > 0.005
    # of a ramp: the difference of pixels two apart, over the root of 2, as scikit-image scales it
    ramp = np.repeat(np.linspace(0, 255, 52).astype(np.uint8)[None, :, None], 30, 0).repeat(3, 2)
    assert boldness(ramp) == pytest.approx(2 / 51 / 2**0.5, rel=0.05)
    assert boldness(texture(1)) > 0.01


PAINTINGS = {
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
    assert groups(PAINTINGS) == (["loud", "hard"], ["mild", "grey"])
    assert groups({"one": {"boldness": 1.0}}) == (["one"], [])


def test_the_table_of_both_groups_has_methods_that_painted_all() -> None:
    PAINTINGS["loud"]["half"] = {"C": 0.1, "S": 0.1, "J": 0.6}
    table = bold_and_subdued(PAINTINGS)
    assert "| ours | 0.875 | 1.750 | 2.00 |" in table and "half" not in table
    assert "0.100 or more" in table


def test_both_groups_beside_optimization() -> None:
    """Over the J of most iterations, pair by pair: what is hard for all counts as much as what is
    easy."""
    near, far = (
        {"loud": 0.5, "hard": 0.25, "mild": 0.75, "grey": 0.5},
        dict.fromkeys(PAINTINGS, 9.0),
    )
    rows = {
        name: entry | {"lbfgs-9": {"J": far[name]}, "lbfgs-50": {"J": near[name]}}
        for name, entry in PAINTINGS.items()
    }
    table = bold_and_subdued(rows)
    assert "subdued, over lbfgs-50" in table
    assert "| ours | 0.875 | 1.750 | 2.00 | 2.500 | 3.000 | 1.20 |" in table
    assert table.count("1.000 | 1.000 | 1.00 |") == 1


def test_of_few_paintings_there_are_no_groups() -> None:
    assert bold_and_subdued({name: PAINTINGS[name] for name in ("grey", "loud", "mild")}) == ""
