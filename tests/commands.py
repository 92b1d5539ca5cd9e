"""The command line in tests: its output, its errors and its exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Run = Callable[..., "Outcome"]
# of the record of a painting, in this order; those of clips have more
RECORD_FIELDS = [
    "input",
    "output",
    "style",
    "network",
    "engine",
    "precision",
    "width",
    "height",
    "seconds",
]


@dataclass(frozen=True)
class Outcome:
    """The end of a command: its exit code, and the text of both streams."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON objects on stdout, one per line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def errors(self) -> list[str]:
        """The lines on stderr."""
        return self.err.splitlines()

    def only_error(self) -> str:
        """Return the one line on stderr, which is an error."""
        (line,) = self.errors
        assert line.startswith("error: ")
        return line.removeprefix("error: ")

    def usage(self) -> str:
        """Return the message of a usage error: one line, like any other."""
        assert self.code == 2
        return self.only_error()


Paint = Callable[..., Outcome]
"""Run `impasto stylize` with arguments and a style, which must succeed."""


def python(*arguments: str, **environment: str) -> Outcome:
    """Run a new Python, which has computed and imported nothing yet."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        errors="backslashreplace",
        env=surroundings(environment),
        check=False,
        timeout=120,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def surroundings(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a process: no color, and lines that are not broken."""
    return {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "400", **(more or {})}
