"""Output of the command line: results go to stdout, all else to stderr."""

import io
import json
import math
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Self, TextIO, cast

from impasto import progress
from impasto.batch.log import failure_record
from impasto.errors import DeviceWarning, LostCheckpointWarning, RemadeStyleWarning
from impasto.progress import OnProgress

if TYPE_CHECKING:  # rich takes longer to load than most verbs that need it for nothing
    from rich.console import Console
    from rich.progress import Progress, TaskID

NOTE_SECONDS = 10  # between notes on the progress of a run, where no bar is shown

# characters that control a terminal or turn the direction of text, as names of files may hold them
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@cache
def stderr() -> "Console":
    """Return the console of notes, errors and bars."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def escape_unwritable() -> None:
    """Let both streams escape the characters that their encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def printable(text: str) -> str:
    r"""Escape the characters that control a terminal: a name stays in its line, as `a\x1b.jpg`."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def fail(message: str) -> None:
    """Print an error in one line."""
    from rich.text import Text

    text = printable(" ".join(message.split()))
    stderr().print(Text.assemble(("error: ", "bold red"), text), soft_wrap=True)


def note(message: str) -> None:
    """Print a note in one line."""
    from rich.text import Text

    stderr().print(Text(printable(message)), soft_wrap=True)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning for users as a note, and any other as Python does.

    It takes the place of `warnings.showwarning`.
    """
    if issubclass(category, (DeviceWarning, LostCheckpointWarning, RemadeStyleWarning)):
        note(str(message))
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        (file or sys.stderr).write(text)


def result(line: str, record: Mapping[str, Any], as_json: bool) -> None:
    """Print one result on stdout: a line for people, or one JSON object in ASCII."""
    print(json.dumps(record) if as_json else printable(line), file=sys.stdout, flush=True)


failure = failure_record
"""Make the record of an input that failed."""


def failed(record: Mapping[str, Any], as_json: bool) -> None:
    """Print that an input failed: a line and, with `as_json`, the record made by `failure`."""
    if as_json:
        result("", record, as_json=True)
    fail(record["error"])


def bar(unit: bool = False) -> "Progress":
    """Return a progress bar on stderr with the time left, which vanishes when done.

    Args:
        unit: count items instead of per cent.
    """
    if not sys.stderr.isatty():  # rich need not load to show nothing
        return cast("Progress", _NoBar())
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    count = MofNCompleteColumn() if unit else TaskProgressColumn()
    return Progress(
        TextColumn("{task.description}", markup=False),  # names may hold brackets
        BarColumn(),
        count,
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=stderr(),
        transient=True,
    )


class _NoBar:
    """What the verbs of this package call of a progress bar, where none is shown."""

    disable = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add_task(self, *_: object, **__: object) -> int:
        return 0

    def reset(self, *_: object, **__: object) -> None:
        pass

    update = advance = reset


def file_progress(bar: "Progress") -> OnProgress:
    """Return a callback that shows the file in work: a picture in per cent, a video in frames."""
    task = bar.add_task("", total=100, visible=False)
    name, seconds = "", 0.0

    def show(state: progress.Progress) -> None:
        nonlocal name, seconds
        if state.name != name or state.seconds < seconds:  # another file, perhaps of the same name
            name = state.name
            bar.reset(task, description=printable(name), total=100, visible=True)
        seconds = state.seconds
        if state.unit == "frame":
            rate = state.step / max(seconds, 1e-9)
            text = f"{printable(name)}, {rate:.1f} frames a second"
            bar.update(task, completed=state.step, total=state.steps, description=text)
        else:
            bar.update(task, completed=100 * state.fraction)

    return show


def run_progress(bar: "Progress", task: "TaskID") -> OnProgress:
    """Return a callback that shows the pictures a second of a run: in its bar, or as notes."""
    noted = -math.inf

    def show(state: progress.Progress) -> None:
        nonlocal noted
        rate = f"{state.step / max(state.seconds, 1e-9):.1f} a second"
        bar.update(task, description=f"{printable(state.name)}, {rate}")
        if bar.disable and state.seconds - noted >= NOTE_SECONDS and state.step != state.steps:
            noted = state.seconds
            left = str(timedelta(seconds=round(state.seconds_left)))
            note(f"{state.step} of {state.steps} done, {rate}, {left} left")

    return show


def download(bar: "Progress") -> Callable[[int, int], None]:
    """Return a callback that shows the download of weights in a bar."""
    task = bar.add_task("fetching weights", visible=False)
    return lambda done, total: bar.update(task, completed=done, total=total or None, visible=True)
