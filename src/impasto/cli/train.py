"""impasto train: learn a style from a picture, or a gallery from several."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from impasto.choices import MODES, NETWORKS
from impasto.cli import EXIT_INTERRUPTED, EXIT_SOME_FAILED, console, options
from impasto.cli.requirements import require_learning
from impasto.cli.training_bar import TrainingProgressBar, losses_text
from impasto.inference.color import parse_color
from impasto.learning.training.checkpoints import (
    checkpoint_path,
    has_checkpoint,
    previous_checkpoint,
)
from impasto.models.network import NetworkChoice, chosen_networks, network_path
from impasto.models.style import SUFFIX

if TYPE_CHECKING:
    from impasto.learning.training.recipe import TrainingResult
    from impasto.progress import OnProgress, Progress

DEFAULT_MINUTES = 5.0
FEW_STEPS = 20  # with fewer, a style hardly differs from where it started


def train(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURE",
            help="Picture to learn, or a style file to learn anew; several with --gallery.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Style file to write. [default: PICTURE.safetensors here]"
        ),
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option(help="Train one fresh network for all pictures, into this folder."),
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="With --gallery: go on from this gallery, not from nothing.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Train for so long. [default: 5]")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Train this many steps instead; such runs repeat bit for bit."),
    ] = None,
    network: Annotated[
        NetworkChoice,
        typer.Option(
            "--network",
            "-n",
            help="Learn the style for this network; both are base and small, all are the three.",
        ),
    ] = "base",
    whole_network: Annotated[
        bool,
        typer.Option(
            "--whole-network", help="Train a network that this style owns, not only an embedding."
        ),
    ] = False,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Paint the photographs of this folder in training. [default: generated pictures]"
        ),
    ] = None,
    art: Annotated[
        list[Path] | None,
        typer.Option(
            help="With --gallery: learn to predict styles too, from the pictures of these folders."
        ),
    ] = None,
    perceptual: Annotated[
        Literal["lite", "vgg19", "vgg16"],
        typer.Option(help="Compare pictures by this network; lite ships with impasto."),
    ] = "lite",
    crop: Annotated[
        int, typer.Option(min=64, max=1024, help="Set the side of training crops, in pixels.")
    ] = 256,
    style_size: Annotated[
        int,
        typer.Option(
            min=64,
            max=4096,
            help="Learn the picture at this short side, in pixels; larger, larger strokes.",
        ),
    ] = 512,
    batch: Annotated[int, typer.Option(min=1, help="Paint so many crops a step.")] = 4,
    content_weight: Annotated[float, typer.Option(min=0, help="Keep the subject.")] = 1.0,
    style_weight: Annotated[float, typer.Option(min=0, help="Take the style.")] = 5.0,
    local_weight: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Paint all parts of a picture equally boldly. [default: 2, or 4 with --gallery]",
        ),
    ] = None,
    tv_weight: Annotated[float, typer.Option(min=0, help="Smooth the picture.")] = 0.0,
    stability_weight: Annotated[
        float,
        typer.Option(min=0, help="Video: keep strokes in place where the scene does not change."),
    ] = 0.0,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            min=1e-8, help="Set the peak for the network; embeddings take four times as much."
        ),
    ] = None,
    predictor_rate: Annotated[
        float,
        typer.Option(
            min=1e-8,
            help="With --art: set the peak for the style predictor; a high one makes all "
            "predictions alike.",
        ),
    ] = 2e-4,
    color: Annotated[
        str | None,
        typer.Option(
            "--color",
            metavar="MODE[:AMOUNT]",
            help="Choose the colors of paintings, as of stylize; the style remembers the mode.",
        ),
    ] = None,
    color_photo: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTO",
            help="With --color: give PICTURE the colors of this photograph before it is learned.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed everything random.")] = 0,
    precision: options.Floats = "auto",
    threads: options.Threads = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name the style. [default: from the output, or from PICTURE]"),
    ] = None,
    keep_pictures: Annotated[
        bool | None,
        typer.Option(
            "--keep-pictures/--no-keep-pictures",
            help="Keep the picture, at 512 pixels, in the style file, so that it can be learned "
            "anew for another network. [default: not in a gallery]",
        ),
    ] = None,
    catalog: Annotated[
        Path | None,
        typer.Option(
            help="Read facts from this table (TSV): file, name, title, artist, year, license."
        ),
    ] = None,
    preview_every: Annotated[
        float,
        typer.Option(
            min=0,
            help="Write OUTPUT.preview.jpg every so many seconds, until the run is done; 0: never.",
        ),
    ] = 30,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Write a TensorBoard log into this folder.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run of the same command stopped.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output, and any unfinished run.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Learn a style from one picture, in minutes and without downloads; or a gallery from several.

    Ctrl-C keeps the style so far; --resume goes on from there.

    Examples:
      impasto train tulip.jpg

      impasto train tulip.jpg --minutes 10 --style-size 768 -o bold-tulip.safetensors

      impasto train tulip.safetensors --overwrite

      impasto train tulip.jpg --whole-network --photos holiday/ --perceptual vgg19

      impasto train tulip.jpg --color linear-mkl --color-photo garden.jpg -o
      tulip-in-the-garden.safetensors

      impasto train paintings/*.jpg --gallery my-gallery --photos holiday/ --minutes 60
    """
    is_style = pictures[0].suffix.lower() == SUFFIX  # to be learned again
    target = gallery or output or (pictures[0] if is_style else Path(f"{pictures[0].stem}{SUFFIX}"))
    _check_options(pictures, gallery, start, art, color, color_photo, steps, minutes)
    replaced = "learns it anew" if target == pictures[0] else "replaces it"
    _check_target(target, network, gallery is not None, resume, overwrite, replaced)
    require_learning("learn a style")
    from impasto.learning.losses.objective import LossWeights
    from impasto.learning.training.gallery import GALLERY_WEIGHTS, train_gallery
    from impasto.learning.training.paintings import read_catalog
    from impasto.learning.training.style import STYLE_WEIGHTS, train_style

    if local_weight is None:
        local_weight = (STYLE_WEIGHTS if gallery is None else GALLERY_WEIGHTS).local
    facts = read_catalog(catalog) if catalog else {}
    resumed = {
        name for name in NETWORKS if resume and has_checkpoint(checkpoint_path(target, name))
    }
    # of several processes that train together, the first one reports; see `ranks`
    is_first = os.environ.get("RANK", "0") == "0"
    with TrainingProgressBar("training", tensorboard, is_first) as bar:
        common: dict[str, Any] = {
            "minutes": minutes or DEFAULT_MINUTES,
            "steps": steps,
            "network": network,
            "photos": photos,
            "perceptual": perceptual,
            "crop": crop,
            "style_size": style_size,
            "batch": batch,
            "weights": LossWeights(
                content_weight, style_weight, local_weight, tv_weight, stability_weight
            ),
            "learning_rate": learning_rate,
            "seed": seed,
            "precision": precision,
            "threads": threads,
            "resume": resume,
            "preview_every": preview_every,
            "on_progress": _show_progress(bar, resumed),
            "on_result": lambda result: _report(result, bar, json),
        }
        if gallery is None:
            train_style(
                pictures[0],
                name=name,
                whole_network=whole_network,
                color=color,
                color_photo=color_photo,
                keep_picture=keep_pictures is not False,
                facts=facts.get(pictures[0].name),
                output=target,
                **common,
            )
        else:
            train_gallery(
                pictures,
                gallery,
                start=start,
                art=art or (),
                predictor_rate=predictor_rate,
                keep_pictures=bool(keep_pictures),
                catalog=facts,
                **common,
            )


def _check_options(
    pictures: list[Path],
    gallery: Path | None,
    start: Path | None,
    art: list[Path] | None,
    color: str | None,
    color_photo: Path | None,
    steps: int | None,
    minutes: float | None,
) -> None:
    """Refuse options that do not go together."""
    mode = parse_color(color) if color else None
    refusals = {
        "several pictures need --gallery FOLDER, which trains one network for all; or train them "
        "one by one": gallery is None and len(pictures) > 1,
        "--start goes with --gallery; a single style always starts from its prediction": (
            gallery is None and start
        ),
        "--art goes with --gallery: prediction is learned together with the network": (
            gallery is None and art
        ),
        "--color-photo needs a mode for the colors it gives: "
        f"--color {'|'.join(MODES[1:])}": color_photo and not (mode and mode.changes),
        "--color goes with a single style; the pictures of a gallery are learned as they are": (
            mode and gallery is not None
        ),
        "several processes train a gallery together; give --gallery, or start one process": (
            gallery is None and os.environ.get("WORLD_SIZE", "1") != "1"
        ),
        "give --steps or --minutes, not both": steps is not None and minutes is not None,
    }
    for message, is_refused in refusals.items():
        if is_refused:
            raise typer.BadParameter(message)


def _check_target(
    target: Path,
    network: NetworkChoice,
    is_gallery: bool,
    resume: bool,
    overwrite: bool,
    replaced: str,
) -> None:
    """Check that the output can be written; refuse to replace what is there unasked."""
    names = chosen_networks(network)
    checkpoints = [checkpoint_path(target, name) for name in names]
    outputs = [network_path(name, target) for name in names] if is_gallery else [target]
    options.check_writable([*outputs, *map(previous_checkpoint, checkpoints)])
    if resume or overwrite:
        if resume and not overwrite and not is_gallery:
            options.check_resumed(target, checkpoints)
        return
    options.check_unfinished(checkpoints)
    if not is_gallery and target.exists():
        raise typer.BadParameter(
            f"cannot write {target}: it exists; --overwrite {replaced}, or give another -o"
        )
    for name in names:
        if is_gallery and network_path(name, target).exists():
            raise typer.BadParameter(
                f"cannot write {target}: it has a network {name} already; --overwrite replaces it, "
                "or give another --gallery"
            )


def _show_progress(bar: TrainingProgressBar, resumed: set[str]) -> "OnProgress":
    """Make a callback that shows progress, and notes where the run of each network goes on.

    Args:
        bar: shows the progress.
        resumed: names of the networks whose runs go on from a checkpoint.
    """
    waiting = set(resumed)

    def show(progress: "Progress") -> None:
        if progress.unit == "step" and progress.name in waiting:
            waiting.remove(progress.name)
            console.note(
                f"going on from step {progress.step}, {progress.seconds / 60:.1f} minutes trained"
            )
        bar.step(progress)

    return show


def _report(result: "TrainingResult", bar: TrainingProgressBar, json: bool) -> None:
    """Report the result of a run; end the program if the run ended early."""
    bar.pause()
    if result.parity:
        differences = ", ".join(f"{name} {value:.2g}" for name, value in result.parity.items())
        console.note(f"exported; largest difference to PyTorch, of pixels in 0..1: {differences}")
    progress, minutes = result.progress, result.progress.seconds / 60
    record = {
        "output": str(result.target),
        "network": result.network,
        "steps": progress.step,
        "minutes": round(minutes, 2),
        **{name: round(value, 4) for name, value in progress.losses.items()},
    }
    details = f"{result.network}: {progress.step} steps, {minutes:.1f} minutes"
    console.result(f"{result.target} ({details}; {losses_text(progress)})", record, json)
    if result.unreadable:
        console.note(
            f"{len(result.unreadable)} pictures could not be read and were left out, such as "
            f"{min(result.unreadable)}"
        )
    if result.stop is not None:
        _fail(result)
    if progress.step < FEW_STEPS:
        console.note(
            f"{progress.step} steps are too few to learn from; give it more time: "
            "--minutes 5 makes hundreds"
        )


def _fail(result: "TrainingResult") -> None:
    """End the program with the reason for which a run ended early."""
    interrupted = isinstance(result.stop, KeyboardInterrupt)
    reason = "interrupted" if interrupted else str(result.stop)
    console.fail(
        f"{reason}; the style so far is in {result.target}, and --resume goes on from "
        f"{result.checkpoint}"
    )
    raise typer.Exit(EXIT_INTERRUPTED if interrupted else EXIT_SOME_FAILED)
