"""Fixtures of the tests of verbs."""

import pytest
from commands import Outcome, Paint, Run


@pytest.fixture
def paint(impasto: Run) -> Paint:
    """Run `impasto stylize ... --style starry-night`, which must succeed.

    The only notes are those on small pictures.
    """

    def run(*arguments: object, style: str = "starry-night") -> Outcome:
        done = impasto("stylize", *arguments, "--style", style)
        assert done.code == 0
        assert all("shows little of a style" in line for line in done.errors), done.err
        return done

    return run
