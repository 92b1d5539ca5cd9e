"""impasto stylize: paint photographs and videos in a style."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from impasto.batch.inputs import STANDARD
from impasto.batch.outputs import EARLIER_PAINTING, BatchPlan, is_folder, plan_files
from impasto.batch.results import FileResult
from impasto.batch.runner import BatchOptions, preload, run_plan
from impasto.batch.shards import parse_shard
from impasto.choices import MAX_PIXELS
from impasto.cli import EXIT_SOME_FAILED, cluster_options, console, options, video
from impasto.cli.batch import print_results
from impasto.errors import PictureError
from impasto.files import address, os_reason, write_atomically
from impasto.images.formats import DEFAULT_QUALITY
from impasto.inference.file_pipeline import STANDARD_INPUT, FileOptions, stylize_bytes
from impasto.inference.settings import StylizeSettings
from impasto.models.default_network import AUTO, CLIP_ORDER, PICTURE_ORDER, resolve_network
from impasto.progress import OnProgress
from impasto.stylizer import Stylizer
from impasto.video.formats import VideoOptions, exists
from impasto.video.temporal.optical_flow import opencv

MAX_NAMES = 8  # of files, in one note
PICTURE_OPTIONS = ("size", "memory", "wrap")
VIDEO_OPTIONS = ("start", "end", "fps", "codec", "preset", "hwaccel", "steady", "flow", "every")


def stylize(
    context: typer.Context,
    style: Annotated[
        list[str],
        typer.Option(
            "--style",
            "-s",
            help="Paint in this style: a gallery name, any picture, a style file, one on"
            " the Hugging Face Hub (hf:user/repo/style), or a mix a:0.7,b:0.3. Repeat it to paint"
            " every input in several styles.",
            rich_help_panel=options.COMMON,
        ),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="Pictures, videos, folders with all that is below them, globs, numbered pictures"
            " such as frames/%05d.png, or - for a picture from standard input.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Write to a file, numbered pictures (%05d.png), a folder, or - for standard"
            " output. It is a folder if it exists as one, ends in /, or there are several inputs"
            " or styles. [default: beside the input]",
            rich_help_panel=options.COMMON,
        ),
    ] = None,
    strength: options.Strength = 1.0,
    color: options.Color = None,
    network: options.DefaultNetwork = AUTO,
    overwrite: options.Overwrite = False,
    color_when: options.ColorWhen = "after",
    mask: options.MaskOption = None,
    region: options.Regions = None,
    stroke: options.Stroke = None,
    size: options.Size = None,
    wrap: options.WrapOption = "none",
    quality: options.Quality = DEFAULT_QUALITY,
    max_pixels: options.MaxPixels = None,
    memory: options.Memory = None,
    embed_settings: options.EmbedSettings = True,
    start: options.Start = None,
    end: options.End = None,
    fps: options.Fps = None,
    codec: options.Codec = "auto",
    preset: options.Preset = "veryfast",
    hwaccel: options.HwAccel = "none",
    steady: options.Steady = True,
    flow: options.Flow = False,
    every: options.Every = 1,
    list_file: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Read more inputs from FILE, one per line or separated by zero bytes; - is"
            " standard input.",
            rich_help_panel=options.BATCHES,
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            metavar="NAME",
            help="Read the inputs from this column of FILE, which is then a Parquet file.",
            rich_help_panel=options.BATCHES,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Append one JSON record per input to FILE. The same command resumes the run.",
            rich_help_panel=options.BATCHES,
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            min=0,
            help="Begin no input after so many minutes; the same command resumes the run.",
            rich_help_panel=options.BATCHES,
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="NUMBER/COUNT",
            help="Paint one of COUNT parts of the inputs; jobs 1 to COUNT paint all. The report of"
            " part 3/64 is FILE with .003-of-064 before its suffix.",
            rich_help_panel=options.BATCHES,
        ),
    ] = None,
    cluster: cluster_options.Cluster = None,
    actors: cluster_options.Actors = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print the inputs and their outputs; paint nothing.",
            rich_help_panel=options.BATCHES,
        ),
    ] = False,
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    json: options.Json = False,
) -> None:
    """Paint photographs and videos in a style.

    Without -o the painting stands beside the photograph, as photo.starry-night.jpg. A video keeps
    its times, size, sound and subtitles; Ctrl-C keeps the part that is painted.

    For example:

      impasto stylize photo.jpg --style starry-night

      impasto stylize photo.jpg --style tulip.jpg

      impasto stylize photo.jpg --style my-style.safetensors --strength 0.6

      impasto stylize photo.jpg -s starry-night:0.7,great-wave:0.3 -o mixed.png

      impasto stylize photo.jpg -s starry-night -s great-wave -s tulip.jpg

    Color, masks and strokes:

      impasto stylize photo.jpg --style starry-night --color luminance

      impasto stylize photo.jpg --style starry-night --mask not:face.png --region sky.png=great-wave

      impasto stylize photo.jpg --style starry-night --mask left-right

      impasto stylize photo.jpg --style starry-night --size 1080 --stroke 2

      impasto stylize panorama.jpg --style starry-night --wrap horizontal

    Video:

      impasto stylize clip.mp4 --style starry-night --network small --start 1:30 --end 2:00

      impasto stylize clip.mp4 --style starry-night --network small --flow

      impasto stylize clip.mp4 --style starry-night --network small --every 2

      impasto stylize clip.mp4 --style starry-night --network small --stroke 1

      impasto stylize frames/%05d.png --style great-wave --fps 30 -o painted.mp4

    Batches:

      impasto stylize holiday/ --style great-wave -o painted/

      impasto stylize holiday/ --style great-wave -o painted/ --report painted/report.jsonl

      find . -name '*.jpg' -print0 | impasto stylize --list - --style great-wave -o painted/

      impasto stylize holiday/ --style great-wave -o painted/ --report report.jsonl --shard 3/64

      impasto stylize - --style great-wave < photo.jpg > painted.jpg
    """
    part = parse_shard(shard) if shard else None
    nodes = cluster_options.parse(cluster, actors, threads, output, minutes, shard)
    threads = nodes.threads if nodes else threads
    limit = max_pixels or MAX_PIXELS
    clips = replace(
        video.options(start, end, fps, codec, preset, quality, threads, limit, stroke),
        every=every,
        hwaccel=hwaccel,
    )
    limit_bytes = None if memory is None else int(1e9 * memory)
    pictures = FileOptions(size, quality, max_pixels, limit_bytes, embed_settings)
    if flow and not steady:
        raise typer.BadParameter("--flow and --no-steady: choose one")
    if flow or every > 1:
        opencv()
    styles = [
        options.settings(
            text, strength, 1.0 if stroke is None else stroke, color, color_when, mask, region, wrap
        )
        for text in dict.fromkeys(style)
    ]
    _note_mixes(styles)
    stylizers = _load_networks(network, styles, engine, threads, precision, device)
    texts = [*(inputs or []), *options.listed_inputs(list_file, column)]
    if not texts:
        raise typer.BadParameter(
            "there is nothing to paint; name pictures, videos or folders, or give a --list of them"
        )
    if STANDARD in texts or output == STANDARD:
        if part or nodes:
            raise typer.BadParameter(
                f"--{'shard' if part else 'cluster'} takes files; - is one picture"
            )
        _pipe(stylizers[0], texts, output, styles, pictures)
        return
    plan = nodes.plan(texts, styles) if nodes else plan_files(texts, styles, output, part)
    preload(plan, styles, *stylizers)
    _note_plan(context, plan, clips, stroke)
    if dry_run:
        _print_plan(plan, overwrite, json)
        raise typer.Exit(EXIT_SOME_FAILED if plan.failures else 0)
    if part and report:
        report = part.report_path(report)
    batch = BatchOptions(pictures, clips, steady, flow, overwrite, minutes, report)

    def paint(progress: OnProgress) -> Iterator[FileResult]:
        if nodes is None:
            return run_plan(plan, stylizers[0], batch, progress, stylizers[1])
        return nodes.run(plan, stylizers, batch, progress)

    if not print_results(plan, batch, json, paint, is_cluster=nodes is not None):
        raise typer.Exit(EXIT_SOME_FAILED)


def _load_networks(
    network: str,
    styles: Sequence[StylizeSettings],
    engine: str,
    threads: int | None,
    precision: str,
    device: str,
) -> tuple[Stylizer, Stylizer]:
    """Load the networks of pictures and of videos; engines load when they are first needed."""
    mixes = [mix for settings in styles for mix in settings.mixes]
    of_pictures, of_videos = (
        resolve_network(network, mixes, order) for order in (PICTURE_ORDER, CLIP_ORDER)
    )
    stylizer = Stylizer(of_pictures, engine, threads, precision, device)
    if of_videos == of_pictures:
        return stylizer, stylizer
    return stylizer, Stylizer(of_videos, engine, threads, precision, device)


def _note_mixes(styles: Sequence[StylizeSettings]) -> None:
    """Print that a comma mixes styles, where no weights show that this is meant."""
    for settings in styles:
        mix = settings.style
        if mix.weight_sum is None and len(mix.parts) > 1:
            console.note(
                f"a comma mixes styles: {len(mix.parts)} styles in equal parts; repeat --style to"
                " paint in each of them"
            )


def _note_plan(
    context: typer.Context, plan: BatchPlan, clips: VideoOptions, stroke: float | None
) -> None:
    """Print notes on inputs that are left out, and on options that do not apply to an input."""
    if plan.left_out:
        console.note(f"{EARLIER_PAINTING}: {_list_some(plan.left_out)}")
    if plan.unread:
        unread = _list_some(plan.unread)
        console.note(f"left out, as impasto does not read their formats: {unread}")
    picture = next((task.source for task in plan.tasks if not task.is_clip), None)
    clip = next((task.source for task in plan.tasks if task.is_clip), None)
    for source, names, kind in (
        (clip, PICTURE_OPTIONS, "pictures"),
        (picture, VIDEO_OPTIONS, "videos"),
    ):
        if source and (present := options.given(context, names)):
            verb = "apply" if len(present) > 1 else "applies"
            console.note(f"{_join(present)} {verb} to {kind} only; ignored for {source}")
    if clip and stroke is not None and stroke != clips.stroke:
        console.note(
            f"--stroke {stroke:g} applies to pictures only; {clip} is painted with --stroke"
            f" {clips.stroke:g}"
        )


def _list_some(paths: Sequence[Path]) -> str:
    more = len(paths) - MAX_NAMES
    return ", ".join(map(address, paths[:MAX_NAMES])) + (f" and {more} more" if more > 0 else "")


def _join(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _print_plan(plan: BatchPlan, overwrite: bool, json: bool) -> None:
    """Print the inputs that name no file, and what a run would do with the others."""
    for text, error in plan.failures:
        console.failed(console.failure(text, error), json)
    for task in plan.tasks:
        is_there = exists(task.target, task.is_numbered)
        action = "painted"
        if is_there:
            action = "replaced" if overwrite else "kept"
        source, target = address(task.source), address(task.target)
        record = {"input": source, "output": target, "would be": action}
        line = f"{source} -> {target}" + (f" ({action})" if is_there else "")
        console.result(line, record, json)


def _pipe(
    stylizer: Stylizer,
    texts: Sequence[str],
    output: str | None,
    styles: Sequence[StylizeSettings],
    pictures: FileOptions,
) -> None:
    """Paint one picture from standard input, to standard output, or both.

    The format is that of the input, or that which `output` names.
    """
    if len(texts) > 1:
        raise typer.BadParameter("- stands for one picture; paint others in a run of their own")
    if len(styles) > 1:
        raise typer.BadParameter(
            f"- stands for one painting, and there are {len(styles)} styles; give one --style"
        )
    (settings,) = styles
    if texts[0] == STANDARD:
        name, data = STANDARD_INPUT, sys.stdin.buffer.read()
    else:
        name, data = texts[0], Path(texts[0]).read_bytes()
    suffix = Path(output or "").suffix
    painting, suffix = stylize_bytes(data, name, suffix, stylizer, settings, pictures)
    if output in (None, STANDARD):
        sys.stdout.buffer.write(painting)
        sys.stdout.buffer.flush()
        return
    assert output
    target = Path(output)
    if is_folder(output, several=False):
        target /= f"stdin.{settings.style.name}{suffix}"
    try:
        write_atomically(target, painting)
    except OSError as error:
        raise PictureError(f"cannot write {target}: {os_reason(error)}") from error
    console.result(str(target), {"input": STANDARD, "output": str(target)}, as_json=False)
