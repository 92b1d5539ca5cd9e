"""Print the results of a batch: one line each, and what is left at the end."""

from collections.abc import Callable, Iterator
from pathlib import Path

from impasto.batch.clips import ClipInterrupted
from impasto.batch.outputs import BatchPlan
from impasto.batch.results import FileResult
from impasto.batch.runner import BatchOptions
from impasto.cli import console
from impasto.progress import OnProgress


class Summary:
    """The results of a run: each is printed, and the failures are counted."""

    def __init__(self, plan: BatchPlan, json: bool) -> None:
        self._json = json
        self._left = len(plan.tasks)
        self._painted = self._kept = 0
        self._failed: set[Path] = set()
        self._failed_before: set[Path] = set()

    def add(self, result: FileResult) -> None:
        """Print a result, unless it is a failure that was reported before."""
        if result.target is not None:
            self._left -= 1
        if result.error is None:
            self._kept += result.skipped
            self._painted += not result.skipped
            _print_result(result, self._json)
        elif not result.repeated:
            self._failed.add(result.source)
            console.failed(result.record(), self._json)
        elif result.source not in self._failed:
            self._failed_before.add(result.source)

    def conclude(self, batch: BatchOptions) -> bool:
        """Print notes on what is not painted; return whether all inputs are painted or kept."""
        if count := len(self._failed_before):
            failed = "1 input" if count == 1 else f"{count} inputs"
            console.note(f"{failed} failed as in an earlier run; see {batch.report}")
        if self._left:
            left = "1 input was" if self._left == 1 else f"{self._left} inputs were"
            console.note(
                f"{left} not begun in {batch.minutes:g} minutes; the same command resumes the run"
            )
        if self._painted and self._kept:
            console.note(f"{self._painted} painted, {self._kept} kept")
        return not (self._failed or self._failed_before or self._left)

    def interrupt(self) -> None:
        """Print a note on what an interrupted run of several files has done."""
        done = self._painted + self._kept
        if done and self._left:
            begun = "1 output is" if done == 1 else f"{done} outputs are"
            left = "1 is" if self._left == 1 else f"{self._left} are"
            console.note(f"{begun} done, {left} not; the same command goes on")


def print_results(
    plan: BatchPlan,
    batch: BatchOptions,
    json: bool,
    paint: Callable[[OnProgress], Iterator[FileResult]],
    is_cluster: bool = False,
) -> bool:
    """Paint, and print one line per result; return whether all inputs are painted or kept.

    Args:
        plan: the files to paint.
        batch: options of the run.
        json: print JSON records.
        paint: paints, and calls its argument with the progress.
        is_cluster: the progress is that of the run, not that of the file in work.
    """
    summary = Summary(plan, json)
    label = ", ".join(dict.fromkeys(task.settings.style.name for task in plan.tasks))
    try:
        with console.bar(unit=True) as bar:
            task = bar.add_task(label, total=len(plan.tasks), visible=not plan.is_single)
            of_run, of_file = console.run_progress(bar, task), console.file_progress(bar)
            for result in paint(of_run if is_cluster else of_file):
                summary.add(result)
                bar.advance(task, result.target is not None)
    except KeyboardInterrupt as stop:
        if isinstance(stop, ClipInterrupted):
            _note_partial_video(stop)
        summary.interrupt()
        raise
    return summary.conclude(batch)


def _note_partial_video(stop: ClipInterrupted) -> None:
    """Print which file holds the part of a video that was painted before Ctrl-C."""
    for note in stop.notes:
        console.note(note)
    console.note(
        f"{stop.partial} holds the frames painted until then ({stop.frames}); the same command"
        " paints this video anew"
    )


def _print_result(result: FileResult, json: bool) -> None:
    for note in result.notes:
        console.note(note)
    console.result(result.describe(), result.record(), json)
