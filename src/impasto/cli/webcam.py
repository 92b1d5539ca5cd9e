"""impasto webcam: a camera, or any video, painted live in a window."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli import EXIT_SOME_FAILED, console, options
from impasto.files import unwritable_reason
from impasto.models.gallery import gallery_names
from impasto.models.mix import find_mix
from impasto.models.style import PHOTO
from impasto.stylizer import Stylizer
from impasto.video.formats import CONTAINERS

if TYPE_CHECKING:
    from impasto.webcam.app import Saved


def webcam(
    camera: Annotated[
        str | None,
        typer.Argument(
            metavar="[CAMERA]",
            help="A camera's number or device, a video file, or an address. [default: the first camera]",
        ),
    ] = None,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            "-s",
            metavar="STYLE[,STYLE...]",
            help="As of stylize; several to walk through, by commas or repeated. [default: the whole gallery]",
        ),
    ] = None,
    strength: Annotated[
        float, typer.Option(min=0, max=1, help="0 is the photograph, 1 the full style.")
    ] = 1.0,
    color: options.Color = None,
    color_when: options.ColorWhen = "after",
    mask: options.MaskOption = None,
    region: options.Regions = None,
    size: Annotated[
        int,
        typer.Option(min=64, max=4320, help="Pixels painted on the short side; larger is slower."),
    ] = 480,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror", help="Swap left and right. [default: of cameras, not of files]"
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
            help="A folder for snapshots, and for recordings without a name.",
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
        typer.Option("--window/--no-window", help="Show it; without a window, --record is needed."),
    ] = True,
    seconds: Annotated[float | None, typer.Option("--seconds", help="Stop after so many.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Play a file again and again.")] = False,
    network: options.Network = "small",
    engine: options.Engine = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    json: options.Json = False,
) -> None:
    """Paint a camera live, in a window.

    Keys: left and right for the style, up and down for its strength, m mirror, s snapshot, r
    record, f full screen, h help, q quit. Frames that come while one is painted are dropped, so the
    picture is never late. Recordings have the times at which frames were seen, and no sound; Ctrl-C
    keeps them.

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
    if record and record.suffix.lower() not in CONTAINERS:
        raise typer.BadParameter(f"--record {record} ends in none of {' '.join(CONTAINERS)}")
    if record and (reason := unwritable_reason(record)):
        raise typer.BadParameter(f"--record {record} cannot be written: {reason}")
    if snapshots != Path() and (reason := unwritable_reason(snapshots / "impasto.jpg")):
        raise typer.BadParameter(f"--snapshots {snapshots} cannot be written into: {reason}")
    if record and camera and record.exists() and os.path.exists(camera) and record.samefile(camera):  # noqa: PTH110
        raise typer.BadParameter(
            f"--record {record} is the video itself, which is never overwritten"
        )
    if record and record.exists() and not overwrite:
        raise typer.BadParameter(f"--record {record} exists; --overwrite replaces it")
    # here, as other verbs do without PyAV
    from impasto.webcam.app import Outputs, WebcamApp
    from impasto.webcam.capture import FramePreprocessor, OpenCamera, fitted
    from impasto.webcam.controls import WebcamControls
    from impasto.webcam.latest_frame import Clock, LatestFrame, Watchdog
    from impasto.webcam.sources import find_sources
    from impasto.webcam.stylizer import WebcamStylizer
    from impasto.webcam.window import NoWindow, PygameWindow

    stylizer = Stylizer(network, engine, threads, precision)
    styles = [find_mix(spec) for spec in specs(style or [])]
    settings = options.settings(styles[0], strength, 1.0, color, color_when, mask, region)
    feed = OpenCamera(
        find_sources(camera, size), loop
    )  # first, as what was named matters before what the machine lacks
    shown = PygameWindow() if window else NoWindow()
    problems: list[str] = []

    def failed(problem: str) -> None:
        problems.append(problem)
        console.fail(problem)
        session.done = session.done or not window  # nobody would see the rest

    try:
        session = WebcamControls(
            styles,
            strength,
            feed.live if mirror is None else mirror,
            fullscreen,
            recording=bool(record),
        )
        outputs = Outputs(
            snapshots,
            record,
            overwrite,
            lambda saved: _tell(saved, stylizer.network.name, json),
            failed,
        )
        width, height = fitted(*feed.size, size)
        webcam_stylizer = WebcamStylizer(
            stylizer, (height, width), styles, engine, threads, settings
        )
        clock = Clock()
        show = WebcamApp(session, webcam_stylizer, FramePreprocessor(size), shown, outputs, clock)
        with LatestFrame(feed, clock) as newest:
            show.run(newest, Watchdog(feed, clock), seconds)
            console.note(
                f"{show.painted} frames painted, {show.fps:.1f} a second lately; {newest.dropped} dropped"
            )
    finally:
        shown.close()
    if problems:
        raise typer.Exit(EXIT_SOME_FAILED)


def specs(given: list[str]) -> list[str]:
    """Styles to walk through. Commas part styles, but for a mix with weights; after a single one
    comes the gallery."""
    found = options.listed(given)
    if len(found) <= 1:
        found += [name for name in gallery_names() if name not in (PHOTO, *found)]
    return found


def _tell(saved: "Saved", network: str, json: bool) -> None:
    """A file on stdout: a line, or an object."""
    from impasto.webcam.app import Snapshot

    record: dict[str, Any] = {"output": str(saved.path), "network": network}
    record |= {"width": saved.width, "height": saved.height}
    size = f"{saved.width}x{saved.height}"
    if isinstance(saved, Snapshot):
        console.result(
            f"{saved.path} ({size}, {saved.style})", record | {"style": saved.style}, json
        )
        return
    fps = round(saved.frames / saved.seconds, 2)
    record |= {
        "seconds": saved.seconds,
        "frames": saved.frames,
        "fps": fps,
        "dropped": saved.dropped,
    }
    late = f", {saved.dropped} dropped by the encoder" if saved.dropped else ""
    console.result(
        f"{saved.path} ({size}, {saved.seconds} s, {saved.frames} frames, {fps} a second{late})",
        record,
        json,
    )
