"""What the command line says, and where: results on stdout, all else on stderr."""

import json
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from impasto.errors import LostCheckpointWarning, RemadeStyleWarning

stderr = Console(stderr=True, highlight=False)


def fail(message: str) -> None:
    """One line of what went wrong."""
    stderr.print(Text.assemble(("error: ", "bold red"), " ".join(message.split())), soft_wrap=True)


def note(message: str) -> None:
    """One line of what else there is to know."""
    stderr.print(Text(message), soft_wrap=True)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """In place of `warnings.showwarning`: what is meant for users is a note, and all else as Python
    shows it."""
    if issubclass(category, (LostCheckpointWarning, RemadeStyleWarning)):
        note(str(message))
    else:
        (file or sys.stderr).write(
            warnings.formatwarning(message, category, filename, lineno, line)
        )


def result(line: str, record: Mapping[str, Any], as_json: bool) -> None:
    """One result on stdout: a line for people or one JSON object."""
    print(json.dumps(record, ensure_ascii=False) if as_json else line, file=sys.stdout, flush=True)


def failure(text: str, error: BaseException) -> dict[str, Any]:
    """The record of an input that failed."""
    reason = (isinstance(error, OSError) and error.strerror) or str(error) or "out of memory"
    return {"input": text, "error": reason if text in reason else f"{text}: {reason}"}


def failed(record: Mapping[str, Any], as_json: bool) -> None:
    """Say that an input failed, in a line and, with `as_json`, as the record that `failure`
    made."""
    if as_json:
        result("", record, as_json=True)
    fail(record["error"])


def bar(unit: bool = False) -> Progress:
    """A bar on stderr with time left, gone when done; `unit` counts items instead of per cent."""
    count = MofNCompleteColumn() if unit else TaskProgressColumn()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        count,
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=stderr,
        transient=True,
        disable=not stderr.is_terminal,
    )


def download(bar: Progress) -> Callable[[int, int], None]:
    """A callback that shows the fetching of weights in a bar."""
    task = bar.add_task("fetching weights", visible=False)
    return lambda done, total: bar.update(task, completed=done, total=total or None, visible=True)
