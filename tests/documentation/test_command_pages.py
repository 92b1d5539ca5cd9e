"""The pages of the command line tell all that the help texts tell."""

import html
import re

import pytest
from commands import Run

from impasto.cli.verbs import VERBS
from website.command_pages import command_pages

NAMES = [verb.name for verb in VERBS]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return command_pages()


def test_each_verb_has_a_page(pages: dict[str, str]) -> None:
    assert list(pages) == NAMES


@pytest.mark.parametrize("verb", NAMES)
def test_page_has_all_options_and_examples(verb: str, pages: dict[str, str], impasto: Run) -> None:
    text = html.unescape(pages[verb])
    options = set(re.findall(r"--[a-z][a-z-]+", impasto(*verb.split(), "--help").out))
    assert len(options) > 1
    assert options <= set(re.findall(r"--[a-z][a-z-]+", text))
    assert re.search(rf"^impasto {verb}\b", text, re.MULTILINE)


def test_marks_of_markdown_are_written_as_characters(pages: dict[str, str]) -> None:
    page = pages["stylize"]
    assert "auto&#124;base&#124;large" in page
    assert "0&#60;=x&#60;=1" in page
    cells = [line.count("|") for line in page.splitlines() if line.startswith("| ")]
    assert set(cells) == {3}
