"""Tables of an experiment: bold and subdued style pictures."""

import pytest

pytest.importorskip("matplotlib")

from impasto.learning.evaluation.report import tabulate_boldness
from learning.evaluation.test_summary import PAINTINGS


def test_the_table_of_both_groups_has_methods_that_painted_all() -> None:
    PAINTINGS["loud"]["half"] = {"C": 0.1, "S": 0.1, "J": 0.6}
    table = tabulate_boldness(PAINTINGS)
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
    table = tabulate_boldness(rows)
    assert "subdued, over lbfgs-50" in table
    assert "| ours | 0.875 | 1.750 | 2.00 | 2.500 | 3.000 | 1.20 |" in table
    assert table.count("1.000 | 1.000 | 1.00 |") == 1


def test_of_few_paintings_there_are_no_groups() -> None:
    assert tabulate_boldness({name: PAINTINGS[name] for name in ("grey", "loud", "mild")}) == ""
