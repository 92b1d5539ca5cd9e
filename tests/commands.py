"""The command line as tests see it: what was said, where, and how it ended."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Run = Callable[..., "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON objects on stdout, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def errors(self) -> list[str]:
        """The lines on stderr."""
        return self.err.splitlines()

    def only_error(self) -> str:
        """The one line on stderr, which is an error."""
        (line,) = self.errors
        assert line.startswith("error: ")
        return line.removeprefix("error: ")

    def usage(self) -> str:
        """What a usage error says: one line, like any other."""
        assert self.code == 2
        return self.only_error()


def python(*arguments: str, **environment: str) -> Outcome:
    """A Python of its own, which has computed and imported nothing yet."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=surroundings(environment),
        check=False,
        timeout=120,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def surroundings(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process: no colour, lines as long as they are."""
    return {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "400", **(more or {})}
