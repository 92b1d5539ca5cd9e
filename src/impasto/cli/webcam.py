"""impasto webcam: paint a camera, or any video, live in a window."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli import EXIT_SOME_FAILED, console, options
from impasto.files import unwritable_reason
from impasto.models.gallery import gallery_names
from impasto.models.mix import find_mix
from impasto.stylizer import Stylizer
from impasto.video.formats import CONTAINERS

if TYPE_CHECKING:
    from impasto.webcam.outputs import Saved


def webcam(
    camera: Annotated[
        str | None,
        typer.Argument(
            metavar="[CAMERA]",
            help="Read a camera (its number or device), a video file, or an address. "
            "[default: the first camera]",
        ),
    ] = None,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            "-s",
            metavar="STYLE[,STYLE...]",
            help="Paint in these styles, as in stylize; several are separated by commas, or "
            "repeated. [default: the whole gallery]",
        ),
    ] = None,
    strength: Annotated[
        float,
        typer.Option(min=0, max=1, help="Set the strength: 0 is the photo, 1 the full style."),
    ] = 1.0,
    color: options.Color = None,
    color_when: options.ColorWhen = "after",
    mask: options.MaskOption = None,
    region: options.Regions = None,
    size: Annotated[
        int,
        typer.Option(min=64, max=4320, help="Set the pixels on the short side; larger is slower."),
    ] = 480,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror",
            help="Swap left and right. [default: with cameras, not with files]",
        ),
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", "-r", metavar="FILE", help="Record from the start.")
    ] = None,
    snapshots: Annotated[
        Path,
        typer.Option(
            "--snapshots",
            metavar="DIR",
            help="Save snapshots, and recordings without a name, in this folder.",
        ),
    ] = Path(),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file of --record if it exists.")
    ] = False,
    fullscreen: Annotated[
        bool, typer.Option("--fullscreen", "-f", help="Fill the screen.")
    ] = False,
    window: Annotated[
        bool,
        typer.Option(
            "--window/--no-window", help="Show a window; without one, --record is needed."
        ),
    ] = True,
    seconds: Annotated[
        float | None, typer.Option("--seconds", help="Stop after this time.")
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Play a file again and again.")] = False,
    network: options.Network = "small",
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    json: options.Json = False,
) -> None:
    """Paint a camera live, in a window.

    Keys: left and right for the style, up and down for its strength, m mirror, s snapshot, r
    record, f full screen, h help, q quit. Frames that come while another is painted are
    dropped, so the picture is never late. Recordings have no sound, and show frames at the times at
    which they were seen. Ctrl-C keeps recordings.

    Examples:
      impasto webcam

      impasto webcam --style starry-night,great-wave,tulip.jpg --size 720

      impasto webcam 1 --record live.mp4

      impasto webcam clip.mp4 --loop --fullscreen

      impasto webcam /dev/video2 --no-window --record live.mkv --seconds 60
    """
    if seconds is not None and seconds <= 0:
        raise typer.BadParameter(f"--seconds {seconds:g} leaves no time; give more than 0")
    if not window and not record:
        raise typer.BadParameter(
            "--no-window shows nothing; say where to record: --record live.mp4"
        )
    if record:
        _check_record(record, camera, overwrite)
    if snapshots != Path() and (reason := unwritable_reason(snapshots / "impasto.jpg")):
        raise typer.BadParameter(f"--snapshots {snapshots} cannot be written into: {reason}")
    # here, as other verbs do without PyAV
    from impasto.webcam.app import WebcamOptions, run_webcam

    stylizer = Stylizer(network, engine, threads, precision, device)
    styles = [find_mix(spec) for spec in specs(style or [])]
    result = run_webcam(
        camera,
        styles,
        options.settings(styles[0], strength, 1.0, color, color_when, mask, region),
        stylizer,
        WebcamOptions(
            size=size,
            mirror=mirror,
            record=record,
            snapshots=snapshots,
            overwrite=overwrite,
            fullscreen=fullscreen,
            window=window,
            seconds=seconds,
            loop=loop,
            engine=engine,
            threads=threads,
        ),
        on_saved=lambda saved: _report_saved(saved, stylizer.network.name, json),
        on_failed=console.fail,
    )
    console.note(
        f"{result.frames} frames painted, {result.fps:.1f} a second lately; "
        f"{result.dropped} dropped"
    )
    if result.errors:
        raise typer.Exit(EXIT_SOME_FAILED)


def _check_record(record: Path, camera: str | None, overwrite: bool) -> None:
    """Check that a recording can be written.

    Raises:
        typer.BadParameter: it cannot, or the file exists and is to be kept.
    """
    if record.suffix.lower() not in CONTAINERS:
        raise typer.BadParameter(f"--record {record} ends in none of {' '.join(CONTAINERS)}")
    if reason := unwritable_reason(record):
        raise typer.BadParameter(f"--record {record} cannot be written: {reason}")
    if camera and record.exists() and os.path.exists(camera) and record.samefile(camera):  # noqa: PTH110  # as `Path.exists` raises at long names
        raise typer.BadParameter(
            f"--record {record} is the video itself, which is never overwritten; give another name"
        )
    if record.exists() and not overwrite:
        raise typer.BadParameter(f"--record {record} exists; --overwrite replaces it")


def specs(values: list[str]) -> list[str]:
    """List the styles to walk through.

    Commas separate styles, except in a mix with weights. After a single style comes the gallery.
    """
    styles = options.listed(values)
    if len(styles) <= 1:
        styles += [name for name in gallery_names() if name not in styles]
    return styles


def _report_saved(saved: "Saved", network: str, json: bool) -> None:
    """Print a saved file: a line, or a JSON object."""
    from impasto.webcam.outputs import Snapshot

    record: dict[str, Any] = {
        "output": str(saved.path),
        "network": network,
        "width": saved.width,
        "height": saved.height,
    }
    size = f"{saved.width}x{saved.height}"
    if isinstance(saved, Snapshot):
        line = f"{saved.path} ({size}, {saved.style})"
        console.result(line, record | {"style": saved.style}, json)
        return
    fps = round(saved.frames / saved.seconds, 2)
    record |= {
        "seconds": saved.seconds,
        "frames": saved.frames,
        "fps": fps,
        "dropped": saved.dropped,
    }
    dropped = f", {saved.dropped} dropped by the encoder" if saved.dropped else ""
    details = f"{size}, {saved.seconds} s, {saved.frames} frames, {fps} a second{dropped}"
    console.result(f"{saved.path} ({details})", record, json)
