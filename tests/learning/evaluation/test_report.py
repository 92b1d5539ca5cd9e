"""Tables of an experiment: flaws, and bold and subdued style pictures."""

import pytest

pytest.importorskip("matplotlib")

from impasto.learning.evaluation.report import tabulate, tabulate_boldness
from impasto.learning.evaluation.summary import summarize
from learning.evaluation.test_summary import PAINTINGS, row


def test_flaws_have_a_table_of_the_columns_that_were_measured() -> None:
    rows = {
        "ours": [row("ours", "a", C=1, halo=0.5, palette=2), row("ours", "b", C=1, palette=4)],
        "theirs": [row("theirs", name, C=1, palette=8) for name in "ab"],
    }
    summaries = [summarize(name, each) for name, each in rows.items()]
    networks = {"canonical": "vgg19", "halo": "pixels", "palette": "pixels"}
    text = tabulate(summaries, {"measures": networks}, 0)
    assert "| method | halo | palette |\n" in text
    assert "| ours | 0.500 / 0.500 ± 0.000 | 3.000 / 3.000 ± 1.000 |\n" in text
    assert "| theirs | - | 8.000 / 8.000 ± 0.000 |\n" in text
    assert "other papers" not in text and "evenness |" not in text
    assert "## Flaws" not in tabulate([summarize("ours", [row("ours", "a", SSIM=1)])], {}, 0)


def test_methods_without_j_are_not_bold_or_subdued() -> None:
    paintings = {name: entry | {"flawed": {"halo": 0.5}} for name, entry in PAINTINGS.items()}
    assert tabulate_boldness(paintings) == tabulate_boldness(PAINTINGS)
    only = {
        name: {"boldness": entry["boldness"], "flawed": {"halo": 0.5}}
        for name, entry in PAINTINGS.items()
    }
    assert tabulate_boldness(only) == ""


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
