"""impasto stylize: paint photographs and videos in a style."""

import itertools
import math
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from impasto.batch.runner import FAILURES, FileTask, stylize_image_files
from impasto.cli import EXIT_SOME_FAILED, batch, console, options, video
from impasto.errors import ImpastoError, PictureError, VideoError
from impasto.files import os_reason, unwritable_reason, write_atomically
from impasto.images.formats import WRITABLE
from impasto.images.reading import MAX_PIXELS
from impasto.inference.file_pipeline import FileOptions, stylize_bytes
from impasto.inference.model import MIN_SIDE
from impasto.inference.settings import StylizeSettings
from impasto.stylizer import Stylizer
from impasto.video.formats import EXTENSIONS_WRITTEN, exists, is_clip, is_same_file
from impasto.video.formats import VideoOptions as VideoOptions
from impasto.video.image_sequences import is_pattern
from impasto.video.temporal.optical_flow import opencv

OF_PICTURES = ("size", "memory")
OF_VIDEOS = ("start", "end", "fps", "codec", "preset", "steady", "flow")


def stylize(
    context: typer.Context,
    style: Annotated[
        str,
        typer.Option(
            "--style", "-s", help="A gallery name, any picture, a style file, or a mix a:0.7,b:0.3."
        ),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="Pictures, videos, folders with all that is below them, globs, numbered pictures such as frames/%05d.png, or "
            "- for a picture from standard input.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="A file, numbered pictures (%05d.png), a folder (if it is one, ends in / or inputs are several), or - for "
            "standard output.",
        ),
    ] = None,
    strength: Annotated[
        float, typer.Option(min=0, max=1, help="0 is the photograph, 1 the full style.")
    ] = 1.0,
    network: options.Network = "base",
    engine: options.Engine = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    color: options.Color = None,
    color_when: options.ColorWhen = "after",
    mask: options.MaskOption = None,
    region: options.Regions = None,
    stroke: options.Stroke = None,
    size: options.Size = None,
    quality: Annotated[
        int, typer.Option(min=1, max=100, help="Of JPEG, WebP, AVIF and videos.")
    ] = 92,
    max_pixels: options.MaxPixels = None,
    memory: options.Memory = None,
    start: options.Start = None,
    end: options.End = None,
    fps: options.Fps = None,
    codec: options.Codec = "auto",
    preset: options.Preset = "veryfast",
    steady: Annotated[
        bool,
        typer.Option(
            "--steady/--no-steady",
            help="Of videos: paint stays where the scene does, or every frame is painted by itself.",
        ),
    ] = True,
    flow: Annotated[
        bool,
        typer.Option(
            "--flow",
            help="Of videos: strokes go with what moves: steadier, softer, slower; needs impasto[flow].",
        ),
    ] = False,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="More inputs, one a line or parted by zero bytes; - is standard input.",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="What became of each input, one JSON object a line. Started again, it is gone on with.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Begin no input after so many; the is_same_file command goes on with those left.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Paint nothing; say what would be painted, and where to."),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace outputs that exist; without it they are kept."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Paint photographs and videos in a style.

    Without -o the painting stands beside the photograph, as photo.starry-night.jpg. A video keeps
    its times, size, sound and subtitles; Ctrl-C keeps what is painted of it.

    Examples:

      impasto stylize photo.jpg --style starry-night

      impasto stylize photo.jpg --style tulip.jpg

      impasto stylize holiday/ --style great-wave -o painted/

      impasto stylize holiday/ --style great-wave -o painted/ --report painted/report.jsonl

      find . -name '*.jpg' -print0 | impasto stylize --list - --style great-wave -o painted/

      impasto stylize - --style great-wave < photo.jpg > painted.jpg

      impasto stylize photo.jpg -s starry-night:0.7,great-wave:0.3 -o mixed.png

      impasto stylize photo.jpg --style my-style.safetensors --strength 0.6

      impasto stylize photo.jpg --style starry-night --size 1080 --stroke 2

      impasto stylize photo.jpg --style starry-night --color luminance

      impasto stylize photo.jpg --style starry-night --mask not:face.png --region sky.png=great-wave

      impasto stylize photo.jpg --style starry-night --mask left-right

      impasto stylize clip.mp4 --style starry-night --network small --start 1:30 --end 2:00

      impasto stylize clip.mp4 --style starry-night --network small --flow

      impasto stylize clip.mp4 --style starry-night --network small --stroke 1

      impasto stylize frames/%05d.png --style great-wave --fps 30 -o painted.mp4
    """
    how = video.options(
        start, end, fps, codec, preset, quality, threads, max_pixels or MAX_PIXELS, stroke
    )
    smoothing: video.Smoothing = "flow" if flow else "still" if steady else "none"
    picture = FileOptions(size, quality, max_pixels, None if memory is None else int(1e9 * memory))
    if flow:
        if not steady:
            raise typer.BadParameter("--flow and --no-steady: choose one")
        opencv()
    stylizer = Stylizer(network, engine, threads, precision)
    settings = options.settings(
        style, strength, 1.0 if stroke is None else stroke, color, color_when, mask, region
    )
    for mix in settings.mixes:
        stylizer.preload(mix)
    texts = [*(inputs or []), *(batch.listed(str(listed)) if listed else [])]
    if not texts:
        raise typer.BadParameter(
            "there is nothing to paint; name pictures, videos or folders, or a --list of them"
        )
    if batch.STANDARD in texts or output == batch.STANDARD:
        _pipe(stylizer, texts, output, settings, picture)
        return
    whole = is_pattern(output or "")  # a folder is then the frames of one film
    parted = len(texts) > 1 or Path(texts[0]).is_dir()
    folder = Path(output) if output and not whole and batch.is_folder(output, parted) else None
    found, failures = batch.expand(texts, whole, folder)
    paths = [each.path for each in found]
    several = len(paths) > 1 or len(texts) > 1 or folder is not None
    _check_output(output, several)
    if output and (reason := unwritable_reason(Path(output) / "_" if folder else Path(output))):
        raise typer.BadParameter(f"-o {output} cannot be written: {reason}")
    targets = batch.targets(found, settings.style.name, output, several)
    photos = {
        target: path for path, target in reversed(targets.items())
    }  # the first, where several have one target
    again = {path for path in paths if photos.get(path, path) != path} | batch.earlier_paintings(
        paths
    )
    if left_out := again & set(map(Path, texts)):  # those that a folder holds need no words
        console.note(
            f"{', '.join(map(str, sorted(left_out)))}: painted of another input by an earlier run, so left out"
        )
    for kind, names in (("video", OF_PICTURES), ("picture", OF_VIDEOS)):
        others = [path for path in paths if is_clip(path) == (kind == "video")]
        if others and (given := options.given(context, names)):
            console.note(
                f"{others[0]} is a {kind}, where {' and '.join(given)} {'have' if given[1:] else 'has'} no say"
            )
        if others and kind == "video" and stroke is not None and stroke != how.stroke:
            least = f"whose strokes are not smaller than {how.stroke:g}"
            console.note(f"{others[0]} is a video, {least}; --stroke {stroke:g} is of pictures")
    jobs = [FileTask(path, targets[path]) for path in paths if path not in again]
    if dry_run:
        _tell_plan(jobs, overwrite, json)
        raise typer.Exit(EXIT_SOME_FAILED if failures else 0)
    told = batch.RunLog(log, fresh=overwrite)
    context.call_on_close(told.close)
    with console.bar(unit=True) as bar:
        run = _Run(
            stylizer,
            settings,
            photos,
            overwrite,
            told,
            json,
            settings.stroke,
            minutes,
        )
        task = bar.add_task(settings.style.name, total=len(jobs), visible=several)
        for text, error in failures:
            run.failed(text, error)
        for clips, group in itertools.groupby(jobs, lambda job: is_clip(job.source)):
            todo = filter(run.wanted, group)
            for job, record in (
                run.clips(todo, how, smoothing, bar) if clips else run.pictures(todo, picture, bar)
            ):
                run.done(job, record)
                bar.advance(task)
    if run.count_failed_before:
        console.note(
            f"{run.count_failed_before} inputs failed as in an earlier run; they are in {log}"
        )
    if run.count_left:
        console.note(
            f"{run.count_left} inputs were not begun in {minutes:g} minutes; the same command goes on with them"
        )
    if run.count_failed or run.count_left:
        raise typer.Exit(EXIT_SOME_FAILED)


class _Run:
    """One run over many inputs: what is painted, kept, or fails, and what is said of it."""

    def __init__(
        self,
        stylizer: Stylizer,
        settings: StylizeSettings,
        photos: Mapping[Path, Path],
        overwrite: bool,
        log: batch.RunLog,
        json: bool,
        stroke: float,
        minutes: float | None = None,
    ) -> None:
        self._ends = math.inf if minutes is None else time.monotonic() + 60 * minutes
        self._stylizer, self._settings, self._photos, self._overwrite = (
            stylizer,
            settings,
            photos,
            overwrite,
        )
        self._log, self._json, self._stroke = log, json, stroke
        self.count_failed = self.count_failed_before = self.count_left = 0
        self._said_small = False  # a picture was too small, which is said once
        self._told: set[str] = set()  # masks of which it is said that they are resized

    def wanted(self, job: FileTask) -> bool:
        """Whether to paint it; where not, it is said why."""
        error: ImpastoError | None = None
        if self._photos[job.target] != job.source:
            first = self._photos[job.target]
            error = PictureError(
                f"{job.target} is to be the painting of {first}; paint {job.source} in a run of its own"
            )
        elif any(is_same_file(path, job.target) for path in self._settings.files):
            error = PictureError(
                f"{job.target} is a style or a mask of this run, which is never overwritten; give another -o"
            )
        elif is_clip(job.source):
            if is_same_file(job.source, job.target):
                error = VideoError(
                    f"{job.target} is the video itself, which is never overwritten; give another -o"
                )
        elif job.target.suffix.lower() not in WRITABLE or is_pattern(job.target):
            kinds = " ".join(sorted(WRITABLE))
            error = PictureError(
                f"cannot write {job.target}: {job.source} is a single picture; use one of {kinds}"
            )
        elif job.target.exists() and job.source.exists() and job.target.samefile(job.source):
            error = PictureError(
                f"{job.target} is the photograph itself, which is never overwritten; give another -o"
            )
        if error:
            self.failed(str(job.source), error)
            return False
        if exists(job.target) and not self._overwrite:
            record = self._record(job) | {"skipped": "the output exists; --overwrite replaces it"}
            console.result(_line(record), record, self._json)
            if not self._log.has(record):
                self._log.add(record)
            return False
        if time.monotonic() >= self._ends:
            self.count_left += 1
            return False
        return True

    def _record(self, job: FileTask) -> dict[str, Any]:
        names = {"style": self._settings.style.name, "network": self._stylizer.network.name}
        return {"input": str(job.source), "output": str(job.target)} | names

    def pictures(
        self, jobs: Iterator[FileTask], how: FileOptions, bar: Progress
    ) -> Iterator[tuple[FileTask, dict[str, Any] | None]]:
        """Paint pictures; what is said of each, or None where it failed."""
        task = bar.add_task("", total=100, visible=False)
        showing: FileTask | None = None

        def show(job: FileTask, done: float) -> None:
            nonlocal showing
            if job != showing:
                showing = job
                bar.reset(task, description=job.source.name, visible=True)
            bar.update(task, advance=100 * done)

        for outcome in stylize_image_files(jobs, self._stylizer, self._settings, how, show):
            painted = outcome.painted
            if painted is None:
                error: BaseException = outcome.error or MemoryError()
                if not isinstance(error, (ImpastoError, OSError)):
                    error = PictureError(
                        f"{outcome.job.source}: painting failed ({_first_line(error)})"
                    )
                self.failed(str(outcome.job.source), error)
                yield outcome.job, None
                continue
            if painted.note:
                console.note(painted.note)
            size = {
                "width": painted.width,
                "height": painted.height,
                "seconds": round(outcome.seconds, 3),
            }
            color = {"beyond": round(painted.beyond, 5)} if self._settings.color.changes else {}
            yield (
                outcome.job,
                self._record(outcome.job) | {"engine": self._stylizer.engine.name} | size | color,
            )
        bar.remove_task(task)

    def clips(
        self, jobs: Iterator[FileTask], how: VideoOptions, smoothing: video.Smoothing, bar: Progress
    ) -> Iterator[tuple[FileTask, dict[str, Any] | None]]:
        """Paint videos; what is said of each, or None where it failed."""
        for job in jobs:
            try:
                more = video.paint(
                    self._stylizer, job.source, job.target, self._settings, how, smoothing, bar
                )
            except FAILURES as error:
                self.failed(str(job.source), error)
                yield job, None
            else:
                yield job, self._record(job) | more

    def done(self, job: FileTask, record: dict[str, Any] | None) -> None:
        """Say what became of an input that did not fail."""
        if record is None:
            return
        console.result(_line(record), record, self._json)
        self._log.add(record)
        for mask in self._settings.masks:
            said = options.told_of_size(mask, record["width"], record["height"])
            if said and mask.name not in self._told:
                self._told.add(mask.name)
                console.note(said)
        if not self._said_small and (sides := _small(record, self._stroke)):
            self._said_small = True
            console.note(
                f"{job.source} is painted at {sides} pixels: less than {MIN_SIDE}x{MIN_SIDE} shows little of a style"
            )

    def failed(self, text: str, error: BaseException) -> None:
        """Say that an input failed, in a line, in the report and, with `json`, in a record."""
        self.count_failed += 1
        record = console.failure(text, error)
        if self._log.has(record) and not self._overwrite:
            self.count_failed_before += 1
            return
        console.failed(record, self._json)
        self._log.add(record)


def _check_output(output: str | None, several: bool) -> None:
    """Raises a usage error for an output that the inputs cannot have."""
    written = WRITABLE | EXTENSIONS_WRITTEN
    if (
        output
        and not batch.is_folder(output, several)
        and Path(output).suffix.lower() not in written
    ):
        raise typer.BadParameter(
            f"-o {output} ends in none of {' '.join(sorted(written))}; for a folder, write {output}/"
        )
    if output and several and is_pattern(output):
        raise typer.BadParameter(
            f"-o {output} takes one input; name a folder or numbered pictures, such as frames/%05d.png"
        )
    if (
        output
        and several
        and Path(output).suffix.lower() in written
        and not batch.is_folder(output, several=False)
    ):
        raise typer.BadParameter(
            f"-o {output} is one file, and there are several inputs; for a folder of that name, write {output}/"
        )


def _tell_plan(jobs: list[FileTask], overwrite: bool, json: bool) -> None:
    """What a run would do."""
    for job in jobs:
        there = exists(job.target)
        does = "replaced" if there and overwrite else "kept" if there else "painted"
        record = {"input": str(job.source), "output": str(job.target), "would be": does}
        console.result(
            f"{job.source} -> {job.target}" + (f" ({does})" if there else ""), record, json
        )


def _pipe(
    stylizer: Stylizer,
    texts: list[str],
    output: str | None,
    settings: StylizeSettings,
    how: FileOptions,
) -> None:
    """Paint one picture from standard input, to standard output, or both, in the format that came
    or that `output` names."""
    if len(texts) > 1:
        raise typer.BadParameter("- stands for one picture; paint others in a run of their own")
    if texts == [batch.STANDARD]:
        name, data = "standard input", sys.stdin.buffer.read()
    else:
        name, data = texts[0], Path(texts[0]).read_bytes()
    written, suffix = stylize_bytes(data, name, Path(output or "").suffix, stylizer, settings, how)
    if output in (None, batch.STANDARD):
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
        return
    assert output
    target = (
        Path(output) / f"stdin.{settings.style.name}{suffix}"
        if batch.is_folder(output, False)
        else Path(output)
    )
    try:
        write_atomically(target, written)
    except OSError as error:
        raise PictureError(f"cannot write {target}: {os_reason(error)}") from error
    console.result(str(target), {"input": batch.STANDARD, "output": str(target)}, False)


def _small(record: dict[str, Any], stroke: float) -> str:
    """The size at which a network saw a picture, if it is small; larger strokes are those of a
    reduced picture."""
    scale = max(record.get("stroke", stroke), 1)
    width, height = (
        round(record.get(side, MIN_SIDE * scale) / scale) for side in ("width", "height")
    )
    return f"{width}x{height}" if max(width, height) < MIN_SIDE else ""


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "out of memory")


def _line(record: dict[str, Any]) -> str:
    if "skipped" in record:
        return f"{record['output']} kept: {record['skipped']}"
    took = f"{record['width']}x{record['height']}, {record['seconds']} s"
    if record.get("beyond", 0) >= 0.0005:
        took += f", {100 * record['beyond']:.1f} % of pixels brought back into the colors there are"
    if "frames" in record:
        took += f", of which {record['first_seconds']} to the first of {record['frames']} frames, then {record['fps']} a second"
        took += (
            f"; strokes {record['stroke']:g} times as large, as --stroke says"
            if record["stroke"] != 1
            else ""
        )
    return f"{record['output']} ({took})"
