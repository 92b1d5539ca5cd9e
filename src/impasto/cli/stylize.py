"""impasto stylize: paint photographs and videos in a style."""

import glob
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from impasto.cli import EXIT_SOME_FAILED, options, report, video
from impasto.errors import ImpastoError, PictureError
from impasto.images import EXTENSIONS, MAX_PIXELS, WRITABLE
from impasto.manner import Manner
from impasto.pictures import Options, stylize_picture
from impasto.styles import gallery_names
from impasto.stylizer import SMALLEST, Stylizer
from impasto.video.kinds import EXTENSIONS_READ, EXTENSIONS_WRITTEN, is_clip, written_suffix
from impasto.video.motion import opencv
from impasto.video.sequences import is_pattern

OF_PICTURES = ("stroke", "size")
OF_VIDEOS = ("start", "end", "fps", "codec", "preset", "steady", "flow")


def stylize(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT", help="Pictures, videos, folders of them, globs, or numbered pictures such as frames/%05d.png."
        ),
    ],
    style: Annotated[
        str, typer.Option("--style", "-s", help="A gallery name, any picture, a style file, or a mix a:0.7,b:0.3.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="A file, numbered pictures (%05d.png), or a folder (if it is one, ends in / or inputs are several).",
        ),
    ] = None,
    strength: Annotated[float, typer.Option(min=0, max=1, help="0 is the photograph, 1 the full style.")] = 1.0,
    network: options.Network = "base",
    engine: options.Engine = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    color: options.Color = None,
    color_when: options.ColorWhen = "after",
    mask: options.MaskOption = None,
    region: options.Regions = None,
    stroke: options.Stroke = 1.0,
    size: options.Size = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG, WebP, AVIF and videos.")] = 92,
    max_pixels: options.MaxPixels = None,
    start: options.Start = None,
    end: options.End = None,
    fps: options.Fps = None,
    codec: options.Codec = "auto",
    preset: options.Preset = "veryfast",
    steady: Annotated[
        bool,
        typer.Option(
            "--steady/--no-steady", help="Of videos: paint stays where the scene does, or every frame is painted by itself."
        ),
    ] = True,
    flow: Annotated[
        bool,
        typer.Option("--flow", help="Of videos: strokes go with what moves: steadier, softer, slower; needs impasto[flow]."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that exist; without it they are kept.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Paint photographs and videos in a style.

    Without -o the painting stands beside the photograph, as photo.starry-night.jpg. A video keeps its times, size, sound and
    subtitles; Ctrl-C keeps what is painted of it.

    Examples:

      impasto stylize photo.jpg --style starry-night

      impasto stylize photo.jpg --style tulip.jpg

      impasto stylize holiday/ --style great-wave -o painted/

      impasto stylize photo.jpg -s starry-night:0.7,great-wave:0.3 -o mixed.png

      impasto stylize photo.jpg --style my-style.safetensors --strength 0.6

      impasto stylize photo.jpg --style starry-night --size 1080 --stroke 2

      impasto stylize photo.jpg --style starry-night --color luminance

      impasto stylize photo.jpg --style starry-night --mask not:face.png --region sky.png=great-wave

      impasto stylize photo.jpg --style starry-night --mask left-right

      impasto stylize clip.mp4 --style starry-night --network small --start 1:30 --end 2:00

      impasto stylize clip.mp4 --style starry-night --network small --flow

      impasto stylize frames/%05d.png --style great-wave --fps 30 -o painted.mp4
    """
    how = video.options(start, end, fps, codec, preset, quality, threads, max_pixels or MAX_PIXELS)
    smoothing: video.Smoothing = "flow" if flow else "still" if steady else "none"
    picture = Options(size, quality, max_pixels)
    if flow:
        if not steady:
            raise typer.BadParameter("--flow and --no-steady: choose one")
        opencv()
    painter = Stylizer(network, engine, threads, precision)
    manner = options.manner(style, strength, stroke, color, color_when, mask, region)
    for mix in manner.mixes:
        painter.prepare(mix)
    mix = manner.style
    paths, failures = expand(inputs, whole=bool(output) and is_pattern(output or ""))
    for text, error in failures:
        report_failure(text, error, json)
    failed = len(failures)
    several = len(paths) > 1 or len(inputs) > 1
    written = WRITABLE | EXTENSIONS_WRITTEN
    if output and not _is_folder(output, several) and Path(output).suffix.lower() not in written:
        raise typer.BadParameter(f"-o {output} ends in none of {' '.join(sorted(written))}; for a folder, write {output}/")
    if output and several and is_pattern(output):
        raise typer.BadParameter(f"-o {output} takes one input; name a folder or numbered pictures, such as frames/%05d.png")
    if output and several and Path(output).suffix.lower() in written and not output.endswith("/") and not Path(output).is_dir():
        raise typer.BadParameter(
            f"-o {output} is one file, and there are several inputs; for a folder of that name, write {output}/"
        )
    targets = {path: target_path(path, mix.name, output, several) for path in paths}
    photos = {target: path for path, target in reversed(targets.items())}  # the first, where several have one target
    again = {path for path in paths if photos.get(path, path) != path} | earlier_paintings(paths)
    if left_out := again & set(map(Path, inputs)):  # those that a folder holds need no words
        report.note(f"{', '.join(map(str, sorted(left_out)))}: painted of another input by an earlier run, so left out")
    for kind, names in (("video", OF_PICTURES), ("picture", OF_VIDEOS)):
        others = [path for path in paths if is_clip(path) == (kind == "video")]
        if others and (given := options.given(context, names)):
            report.note(f"{others[0]} is a {kind}, where {' and '.join(given)} {'have' if given[1:] else 'has'} no say")
    with report.bar(unit=True) as bar:
        task = bar.add_task(mix.name, total=len(paths) - len(again), visible=several)
        small = False  # a picture was too small, which is said once
        told: set[str] = set()  # masks of which it is said that they are resized
        for path, target in targets.items():
            if path in again:
                continue
            try:
                if photos[target] != path:
                    raise PictureError(f"{target} is to be the painting of {photos[target]}; paint {path} in a run of its own")
                if is_clip(path):
                    record = video.paint(painter, path, target, manner, how, smoothing, overwrite, bar)
                else:
                    record = _paint(painter, path, target, manner, picture, overwrite, bar)
            except (ImpastoError, OSError, MemoryError) as error:
                failed += 1
                report_failure(str(path), error, json)
            else:
                report.result(_line(record), record, json)
                _tell_of_masks(manner, record, told)
                if not small and (sides := _small(record, stroke)):
                    small = True
                    report.note(f"{path} is painted at {sides} pixels: less than {SMALLEST}x{SMALLEST} shows little of a style")
            bar.advance(task)
    if failed:
        raise typer.Exit(EXIT_SOME_FAILED)


def _paint(
    painter: Stylizer, path: Path, target: Path, manner: Manner, how: Options, overwrite: bool, bar: Progress
) -> dict[str, Any]:
    """Read, paint and write one picture; what `--json` says of it."""
    if target.suffix.lower() not in WRITABLE or is_pattern(target):
        raise PictureError(f"cannot write {target}: {path} is a single picture; use one of {' '.join(sorted(WRITABLE))}")
    if target.exists() and path.exists() and target.samefile(path):
        raise PictureError(f"{target} is the photograph itself, which is never overwritten; give another -o")
    record = {"input": str(path), "output": str(target), "style": manner.style.name, "network": painter.network.name}
    if target.exists() and not overwrite:
        return record | {"skipped": "the output exists; --overwrite replaces it"}
    start = time.perf_counter()
    task = bar.add_task(path.name, total=100, visible=False)

    def show(done: float) -> None:
        bar.update(task, advance=100 * done, visible=True)

    try:
        done = stylize_picture(path, target, painter, manner, how, show)
    except (MemoryError, RuntimeError) as error:  # engines report a lack of memory as RuntimeError
        raise PictureError(f"{path}: painting failed ({_first_line(error)})") from error
    finally:
        bar.remove_task(task)
    seconds = round(time.perf_counter() - start, 3)
    size = {"engine": painter.engine.name, "width": done.width, "height": done.height, "seconds": seconds}
    return record | size | ({"beyond": round(done.beyond, 5)} if manner.color.changes else {})


def _tell_of_masks(manner: Manner, record: dict[str, Any], told: set[str]) -> None:
    """Say of each mask once that it has another size than what is painted by it."""
    for mask in manner.masks:
        if "width" in record and mask.size not in (None, (record["width"], record["height"])) and mask.name not in told:
            assert mask.size
            told.add(mask.name)
            size = f"{record['width']}x{record['height']}"
            report.note(f"the mask {mask.name} has {mask.size[0]}x{mask.size[1]} pixels and is resized to {size}")


def _small(record: dict[str, Any], stroke: float) -> str:
    """The size at which a network saw a picture, if it is small; larger strokes are those of a reduced picture."""
    scale = 1 if "frames" in record else max(stroke, 1)
    width, height = (round(record.get(side, SMALLEST * scale) / scale) for side in ("width", "height"))
    return f"{width}x{height}" if max(width, height) < SMALLEST else ""


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
    return f"{record['output']} ({took})"


def report_failure(text: str, error: BaseException, json: bool) -> None:
    """Say that an input failed, in a line and, with `json`, in a record."""
    reason = (isinstance(error, OSError) and error.strerror) or str(error) or "out of memory"
    message = reason if text in reason else f"{text}: {reason}"
    if json:
        report.result("", {"input": text, "error": message}, as_json=True)
    report.fail(message)


def expand(inputs: list[str], whole: bool = False) -> tuple[list[Path], list[tuple[str, Exception]]]:
    """Files that the inputs name, each once and in order; and the inputs that name none, with the reasons.

    With `whole`, a folder is one input: the frames of a film.
    """
    paths: dict[Path, None] = {}
    failures: list[tuple[str, Exception]] = []
    for text in inputs:
        try:
            paths |= dict.fromkeys([Path(text)] if whole and Path(text).is_dir() else _files(text))
        except (OSError, PictureError) as error:
            failures.append((text, error))
    return list(paths), failures


def _files(text: str) -> list[Path]:
    """Files that one input names: those of a folder, those that a glob matches, or the one file, there or not."""
    path = Path(text)
    if path.is_dir():
        kinds = EXTENSIONS | EXTENSIONS_READ
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in kinds and p.is_file())
    elif not path.exists() and glob.has_magic(text):
        found = sorted(Path(match) for match in glob.glob(text, recursive=True) if Path(match).is_file())  # noqa: PTH207
    else:
        found = [path]
    if not found:
        raise PictureError(f"{text} holds no pictures and no videos ({', '.join(sorted(EXTENSIONS | EXTENSIONS_READ))})")
    return found


def target_path(path: Path, style: str, output: str | None, several: bool) -> Path:
    """Where a painting goes: beside its photograph, into the folder `output`, or to the file `output`."""
    suffix = written_suffix(path) if is_clip(path) else path.suffix if path.suffix.lower() in WRITABLE else ".jpg"
    name = f"{path.stem}.{style}{suffix}"
    if output is None:
        return path.with_name(name)
    return Path(output) / name if _is_folder(output, several) else Path(output)


def _is_folder(output: str, several: bool) -> bool:
    return several or output.endswith(("/", "\\")) or Path(output).is_dir()


def earlier_paintings(paths: list[Path]) -> set[Path]:
    """Those of `paths` that an earlier run painted of another of them, in any style of the gallery."""
    photos = {path.with_suffix("") for path in paths}
    names = {f".{name}" for name in gallery_names()}
    return {path for path in paths if Path(path.stem).suffix in names and path.with_name(Path(path.stem).stem) in photos}
