"""Paint many files: several pictures at once, and videos one after the other."""

import contextlib
import itertools
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from impasto.batch.clips import stylize_clip
from impasto.batch.log import RunLog
from impasto.batch.notes import mask_size_note, small_size_note
from impasto.batch.ordered_pool import map_in_order
from impasto.batch.outputs import BatchPlan, FileTask, check_task, plan_files
from impasto.batch.painter import PicturePainter
from impasto.batch.results import ClipTiming, FileResult
from impasto.batch.shards import Shard
from impasto.errors import ImpastoError, PictureError, first_line
from impasto.inference.file_pipeline import FileOptions
from impasto.inference.settings import StylizeSettings
from impasto.progress import Advance, OnProgress, Progress
from impasto.stylizer import Stylizer
from impasto.video.formats import VideoOptions, exists

# Pictures of a run from which they are painted in the precision for many: compiling for it takes
# up to 0.1 s more for each size of picture
MANY_PICTURES = 16


class _CallbackError(BaseException):
    """Carries an exception of the caller's `on_progress`, which ends the run, past all handlers."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True)
class BatchOptions:
    """Options of a run.

    Attributes:
        pictures: how pictures are read and written.
        videos: how videos are read and written.
        steady: keep the paint of a video still where its scene is still.
        flow: let the strokes of a video follow its motion; needs OpenCV.
        overwrite: replace targets that exist, and begin the report anew.
        minutes: begin no file after so many; None sets no limit.
        report: file of JSON lines, one per input; a run with the same report resumes it.
    """

    pictures: FileOptions = FileOptions()
    videos: VideoOptions = VideoOptions()
    steady: bool = True
    flow: bool = False
    overwrite: bool = False
    minutes: float | None = None
    report: Path | None = None


def stylize_files(
    inputs: Iterable[str | Path],
    styles: StylizeSettings | Sequence[StylizeSettings],
    stylizer: Stylizer,
    output: str | Path | None = None,
    options: BatchOptions | None = None,
    on_progress: OnProgress | None = None,
    clip_stylizer: Stylizer | None = None,
    shard: Shard | None = None,
) -> Iterator[FileResult]:
    """Paint pictures and videos, each in one or several styles.

    Args:
        inputs: files, folders with all pictures and videos below them, or globs.
        styles: settings of the run; several paint each input in each of them.
        stylizer: the loaded network.
        output: a file, numbered pictures, or a folder; None writes beside each input.
        options: options of the run.
        on_progress: called with the progress of the file in work.
        clip_stylizer: the network of videos, animations and numbered pictures, if it is another.
        shard: paint this part of the inputs only, with a report of its own.

    Returns:
        One result per input and style, as of `run_plan`.

    Raises:
        StyleError: a style does not fit its network.
        NetworkError: an engine cannot be loaded.
        OutputError: the output or the report cannot be written as asked.
    """
    styles = [styles] if isinstance(styles, StylizeSettings) else styles
    plan = plan_files(inputs, styles, output, shard)
    preload(plan, styles, stylizer, clip_stylizer)
    if shard and options and options.report:
        options = replace(options, report=shard.report_path(options.report))
    return run_plan(plan, stylizer, options, on_progress, clip_stylizer)


def preload(
    plan: BatchPlan,
    styles: Sequence[StylizeSettings],
    stylizer: Stylizer,
    clip_stylizer: Stylizer | None = None,
) -> None:
    """Load what a plan needs, so that errors of styles and engines come before the first file.

    Raises:
        StyleError: a style is broken, or made for another network.
        NetworkError: an engine cannot be loaded.
    """
    kinds = {task.is_clip for task in plan.tasks} or {False}
    stylizers = for_plan(plan, stylizer, clip_stylizer)
    for loaded in {stylizers[is_clip] for is_clip in kinds}:
        for settings in styles:
            for mix in settings.mixes:
                loaded.preload(mix)


def for_plan(
    plan: BatchPlan, stylizer: Stylizer, clip_stylizer: Stylizer | None = None
) -> tuple[Stylizer, Stylizer]:
    """Return the networks of pictures and of videos, with the precision that suits a plan."""
    pictures = sum(not task.is_clip for task in plan.tasks)
    of_pictures = stylizer.for_many() if pictures >= MANY_PICTURES else stylizer
    return of_pictures, (clip_stylizer or stylizer).for_many()


def run_plan(
    plan: BatchPlan,
    stylizer: Stylizer,
    options: BatchOptions | None = None,
    on_progress: OnProgress | None = None,
    clip_stylizer: Stylizer | None = None,
) -> Iterator[FileResult]:
    """Do what a plan says.

    A file that fails, fails alone. Several pictures are painted at once, as many as cores and
    memory allow (`impasto.batch.painter`), and videos one after the other.

    Args:
        plan: the files to paint.
        stylizer: the loaded network.
        options: options of the run.
        on_progress: called with the progress of the file in work.
        clip_stylizer: the network of videos, animations and numbered pictures, if it is another.

    Yields:
        One result per input and style, in order. Files that were not begun in time have none.
        Closing the iterator ends the run: pictures that are painted by then are still written and
        reported.

    Raises:
        OutputError: the report cannot be written.
        ClipInterrupted: on Ctrl-C in a video.
    """
    options = options or BatchOptions()
    with contextlib.closing(RunLog(options.report, fresh=options.overwrite)) as log:
        stylizers = for_plan(plan, stylizer, clip_stylizer)
        try:
            yield from _Run(plan, stylizers, options, log, on_progress).results()
        except _CallbackError as stop:
            raise stop.error from None


class _Run:
    """One run over a plan: the state of its report, its notes and its time."""

    def __init__(
        self,
        plan: BatchPlan,
        stylizers: tuple[Stylizer, Stylizer],  # of pictures, and of clips
        options: BatchOptions,
        log: RunLog,
        on_progress: OnProgress | None,
    ) -> None:
        self._plan, self._stylizers, self._options, self._log = plan, stylizers, options, log
        self._report_progress = on_progress
        minutes = math.inf if options.minutes is None else options.minutes
        self._end = time.monotonic() + 60 * minutes
        self._noted: set[str] = set()  # topics of the notes that are given once
        self._is_cut = False  # whether a task was left for lack of time

    def _on_progress(self, progress: Progress) -> None:
        if self._report_progress is not None:
            try:
                self._report_progress(progress)
            except Exception as error:
                raise _CallbackError(error) from error

    def results(self) -> Iterator[FileResult]:
        for text, error in self._plan.failures:
            yield self._reported(FileResult(Path(text), text=text, error=error))
        for is_clip, tasks in itertools.groupby(self._plan.tasks, lambda task: task.is_clip):
            paint = self._clips if is_clip else self._pictures
            yield from paint(tasks)
        if self._plan.shard and not self._is_cut:
            inputs = {task.source for task in self._plan.tasks}
            self._log.finish(self._plan.shard, len(inputs))

    # Pictures

    def _pictures(self, tasks: Iterable[FileTask]) -> Iterator[FileResult]:
        """Paint pictures in several threads, and yield their results in order."""
        painter = PicturePainter(
            self._stylizers[False], self._options.pictures, len(self._plan.tasks)
        )

        def work(task: FileTask, report: OnProgress) -> tuple[FileTask, FileResult | None]:
            if result := self._settled(task):
                return task, result
            return task, None if self._is_late() else self._picture(task, painter, report)

        def finish(done: tuple[FileTask, FileResult | None]) -> FileResult | None:
            task, result = done
            return result and self._reported(result, task.settings)

        results = map_in_order(
            work, tasks, painter.threads, finish, self._on_progress, painter.stop
        )
        with contextlib.closing(results):
            yield from filter(None, results)

    def _picture(self, task: FileTask, painter: PicturePainter, report: OnProgress) -> FileResult:
        begun, result = time.perf_counter(), self._result(task)
        try:
            painted = painter.paint(task, _advance(task, report))
        except Exception as error:
            return replace(result, error=_explain(error, task.source))
        return replace(
            result,
            engine=self._stylizer(task).engine.name,
            precision=self._stylizer(task).engine.precision,
            width=painted.width,
            height=painted.height,
            seconds=time.perf_counter() - begun,
            beyond_fraction=painted.beyond_fraction if task.settings.color.changes else None,
            notes=painted.notes,
        )

    # Videos

    def _clips(self, tasks: Iterable[FileTask]) -> Iterator[FileResult]:
        for task in tasks:
            if result := self._settled(task):
                yield self._reported(result, task.settings)
            elif not self._is_late():
                yield self._reported(self._clip(task), task.settings)

    def _clip(self, task: FileTask) -> FileResult:
        begun, first = time.perf_counter(), 0.0
        # seconds until a frame was painted: networks are compiled for its size

        def on_progress(progress: Progress) -> None:
            nonlocal first
            first = first or time.perf_counter() - begun
            self._on_progress(progress)

        try:
            clip = stylize_clip(
                task.source,
                task.target,
                task.settings,
                self._stylizer(task),
                replace(self._options.videos, numbered=task.is_numbered),
                steady=self._options.steady,
                flow=self._options.flow,
                on_progress=on_progress,
            )
        except Exception as error:
            return replace(self._result(task), error=_explain(error, task.source))
        seconds = time.perf_counter() - begun
        fps = (clip.frames - 1) / (seconds - first) if clip.frames > 1 else 1 / seconds
        return replace(
            self._result(task),
            engine=self._stylizer(task).engine.name,
            precision=self._stylizer(task).engine.precision,
            width=clip.width,
            height=clip.height,
            seconds=seconds,
            clip=ClipTiming(clip.frames, clip.lost, first, fps, clip.stroke),
            notes=tuple(clip.notes),
        )

    # Both

    def _is_late(self) -> bool:
        if time.monotonic() < self._end:
            return False
        self._is_cut = True
        return True

    def _stylizer(self, task: FileTask) -> Stylizer:
        return self._stylizers[task.is_clip]

    def _result(self, task: FileTask) -> FileResult:
        return FileResult(
            task.source,
            task.target,
            style=task.settings.style.name,
            network=self._stylizer(task).network.name,
        )

    def _settled(self, task: FileTask) -> FileResult | None:
        """Return the result of a task that is not to be painted: it must not be, or is done."""
        result = self._result(task)
        try:
            if error := check_task(task, self._plan.protected):
                return replace(result, error=error)
            is_wanted = self._options.overwrite or not exists(task.target, task.is_numbered)
        except (OSError, ValueError) as unreadable:  # of a disk that is gone, for example
            return replace(result, error=unreadable)
        return None if is_wanted else replace(result, skipped=True)

    def _reported(self, result: FileResult, settings: StylizeSettings | None = None) -> FileResult:
        """Add a result to the report, and to the result what is told once in a run.

        Args:
            result: the result.
            settings: how it was painted; None where the input names no file.
        """
        record = result.record()
        is_known = self._log.has(record)
        is_painted = result.error is None and not result.skipped
        if is_painted or not is_known:
            self._log.add(record)
        if result.error is not None:
            return replace(result, repeated=is_known)
        if settings is None or not is_painted:
            return result
        stroke = result.clip.stroke if result.clip else settings.stroke
        topics = {
            f"mask {mask.name}": mask_size_note(mask, result.width, result.height)
            for mask in settings.masks
        }
        topics["small size"] = small_size_note(
            str(result.source), result.width, result.height, stroke
        )
        notes = {topic: note for topic, note in topics.items() if note and topic not in self._noted}
        self._noted |= notes.keys()
        return replace(result, notes=(*result.notes, *notes.values()))


def _advance(task: FileTask, report: OnProgress) -> Advance:
    """Make the callback that turns shares of a painting into progress."""
    begun, done = time.perf_counter(), 0.0

    def advance(share: float) -> None:
        nonlocal done
        done += share
        seconds = time.perf_counter() - begun
        report(Progress(min(done, 1.0), seconds, task.source.name, unit="file"))

    return advance


def _explain(error: Exception, source: Path) -> Exception:
    """Make a sentence of a failure of an engine or a library, which may have many lines or none."""
    if isinstance(error, (ImpastoError, OSError)):
        return error
    if isinstance(error, (MemoryError, RuntimeError)):  # engines report a lack of memory so
        return PictureError(
            f"cannot paint {source}: painting failed ({first_line(error)}); if memory is short, use"
            " --memory or --size"
        )
    return PictureError(
        f"cannot paint {source}: a library failed ({type(error).__name__}: {first_line(error)});"
        " convert the file, or report this"
    )
