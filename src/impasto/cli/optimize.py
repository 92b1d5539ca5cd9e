"""impasto optimize: the best painting of one photograph, by optimization of its pixels."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from impasto.cli import EXIT_INTERRUPTED, EXIT_SOME_FAILED, console, options
from impasto.cli.training_bar import TrainingProgressBar
from impasto.errors import PictureError, TrainingError
from impasto.files import unwritable_reason
from impasto.hardware import available_cores
from impasto.images.formats import WRITABLE
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.resize import resized
from impasto.images.writing import write
from impasto.inference.color import color_after, keep_color
from impasto.inference.settings import StylizeSettings
from impasto.learning.training.checkpoints import has_checkpoint, remove_checkpoints
from impasto.models.mix import Mix, find_mix
from impasto.stylizer import Stylizer
from impasto.video.formats import is_same_file

if TYPE_CHECKING:
    from impasto.learning.optimization.picture_objective import OptimizationTerms
    from impasto.learning.optimization.run import Optimization

LEAST = (
    16  # pixels, short side of a photograph: of a smaller one the deepest layer has nothing to read
)


def optimize(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photograph to paint.")],
    styles: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE...",
            help="Pictures, or style files that remember theirs; several with weights, as in a.jpg:0.7 b.jpg:0.3.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Painting to write. [default: PHOTO.STYLE-optimized.jpg beside PHOTO]",
        ),
    ] = None,
    size: Annotated[
        int,
        typer.Option(
            min=LEAST,
            help="Shorter side of the painting, pixels; smaller photographs keep their size.",
        ),
    ] = 512,
    style_size: Annotated[
        int | None,
        typer.Option(
            min=64,
            help="Short side at which styles are read: larger, larger strokes. [default: as the painting]",
        ),
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="How many, at each scale. [default: 100]")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="How long in all, instead of --iterations.")
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option(
            metavar="SIDES",
            help="Short sides from coarse to fine, as in 256,512: larger strokes. [default: --size, from 768 its half first]",
        ),
    ] = None,
    start: Annotated[
        Literal["painted", "photo", "noise"],
        typer.Option(
            help="What to start from; painted: half of what stylize makes of it, half the photograph."
        ),
    ] = "painted",
    solver: Annotated[
        Literal["lbfgs", "adam"], typer.Option(help="What lowers the objective.")
    ] = "lbfgs",
    ema: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.999,
            help="Of adam: decay of a running mean of its pictures, which is what is written.",
        ),
    ] = 0.0,
    style_loss: Annotated[
        Literal["gram", "wasserstein", "sliced"],
        typer.Option(
            help="gram: means and covariances of features, as figures are measured by; wasserstein: the is_same_file as Gaussians, by optimal transport; sliced: whole distributions along random directions."
        ),
    ] = "gram",
    content_weight: Annotated[float, typer.Option(min=0, help="Keeps the subject.")] = 1.0,
    style_weight: Annotated[float, typer.Option(min=0, help="Takes the manner.")] = 5.0,
    histogram_weight: Annotated[
        float, typer.Option(min=0, help="Takes whole histograms of features too.")
    ] = 0.0,
    tv_weight: Annotated[float, typer.Option(min=0, help="Smooths.")] = 0.0,
    layer_weights: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER=W,...",
            help="Of the style, as in relu1_1=2,relu4_1=0; others have 1. Later layers: larger forms.",
        ),
    ] = None,
    color: options.Color = None,
    color_when: options.ColorWhen = "after",
    mask: options.MaskOption = None,
    region: options.Regions = None,
    perceptual: Annotated[
        Literal["lite", "vgg19", "vgg16"],
        typer.Option(help="Network that compares; lite ships with impasto."),
    ] = "lite",
    tile: Annotated[
        int | None,
        typer.Option(
            min=0, help="Side of tiles, pixels; 0: none. [default: 768 for more than a megapixel]"
        ),
    ] = None,
    precision: options.Floats = "auto",
    threads: options.Threads = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG, WebP and AVIF.")] = 92,
    preview_every: Annotated[
        float, typer.Option(min=0, help="Seconds between previews, OUTPUT.preview.jpg; 0: none.")
    ] = 30,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where a run of the is_same_file command stopped."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output, and any has_checkpoint run.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Paint one photograph by optimizing its pixels: the best there is, in minutes instead of a
    second.

    Ctrl-C keeps the painting so far; --resume goes on from there.

    Examples:
      impasto optimize photo.jpg tulip.jpg

      impasto optimize photo.jpg tulip.jpg:0.7 wave.jpg:0.3 --size 768 -o mixed.png

      impasto optimize photo.jpg tulip.jpg --perceptual vgg19 --iterations 200

      impasto optimize photo.jpg tulip.jpg --style-loss sliced --solver adam --ema 0.9

      impasto optimize photo.jpg tulip.jpg --color luminance --mask not:face.png

      impasto optimize scan.tif tulip.jpg --size 2000 --minutes 60
    """
    if iterations is not None and minutes is not None:
        raise typer.BadParameter("--iterations or --minutes, not both")
    if ema and solver != "adam":
        raise typer.BadParameter(
            "--ema is of the pictures of --solver adam; those of lbfgs only become better"
        )
    mix = _mixed(styles)
    target = output or photo.with_name(f"{photo.stem}.{mix.name}-optimized{_suffix(photo)}")
    checkpoint = target.with_name(f"{target.name}.checkpoint")
    if resume and not overwrite:
        options.check_resumed(target, [checkpoint])
    _check_target(target, photo, checkpoint, resume or overwrite)
    style_settings = options.settings(mix, 1.0, 1.0, color, color_when, mask, region)
    learning = runs = _learning()
    picture = _sized(read(photo), photo, size)
    style_settings = _masks_of(style_settings, picture)
    short = min(picture.width, picture.height)
    settings = learning.OptimizationSettings(
        iterations=None if minutes else iterations or 100,
        minutes=minutes,
        scales=_scales(scales, short) if scales else learning.scales_to(short),
        start=start,
        terms=_terms(
            layer_weights,
            content=content_weight,
            style=style_weight,
            tv=tv_weight,
            histogram=histogram_weight,
            style_loss=style_loss,
        ),
        solver=solver,
        ema=ema,
        tile=tile,
        seed=seed,
    )
    runs.set_threads(threads or available_cores())
    with console.bar() as bar:
        network = runs.load_losses(perceptual, precision, console.download(bar))
    stylizer = Stylizer("base", threads=threads, precision=precision)
    run = learning.new_optimization(
        picture.rgb, style_settings, network, settings, stylizer, style_size
    )
    if resume and has_checkpoint(checkpoint):
        run.load(checkpoint)
        console.note(f"going on from iteration {run.step}, {run.seconds / 60:.1f} minutes painted")

    def finished() -> Picture:
        return replace(
            picture,
            rgb=keep_color(run.painted(), picture.rgb, color_after(style_settings.color))[0],
        )

    preview = target.with_name(f"{target.name}.preview.jpg")
    ended = None
    with TrainingProgressBar("optimizing") as watch:
        try:
            runs.keep_training(
                run,
                checkpoint,
                watch.step,
                (lambda: write(preview, finished())) if preview_every else None,
                preview_every,
            )
        except KeyboardInterrupt:
            ended = "interrupted"
        except TrainingError as error:
            ended = str(error)
    if run.step:
        write(target, finished(), quality)
    _report(run, target, checkpoint, mix, ended, json)


def _report(
    run: "Optimization", target: Path, checkpoint: Path, mix: Mix, ended: str | None, json: bool
) -> None:
    """Say what a run left; end the program if the run did not come to its end."""
    progress = run.progress
    if run.step:
        height, width = run.photo.shape[:2]
        record = {
            "output": str(target),
            "style": mix.name,
            "width": width,
            "height": height,
            "iterations": run.step,
            "minutes": round(progress.seconds / 60, 2),
            **{
                name: round(value, 4)
                for name, value in {**progress.terms, "total": progress.total}.items()
            },
        }
        terms = ", ".join(f"{name} {record[name]:.3f}" for name in (*progress.terms, "total"))
        took = f"{width}x{height}, {run.step} iterations, {progress.seconds / 60:.1f} minutes"
        console.result(f"{target} ({took}; {terms})", record, json)
    if ended is None:
        remove_checkpoints(checkpoint)
        return
    left = (
        f"the painting so far is {target}, and --resume goes on from {checkpoint}"
        if run.step
        else "there is no painting yet"
    )
    console.fail(f"{ended}; {left}")
    raise typer.Exit(EXIT_INTERRUPTED if ended == "interrupted" else EXIT_SOME_FAILED)


def _learning() -> Any:
    """The learning half, which wants torch."""
    try:
        from impasto.learning.optimization import run
        from impasto.learning.training import inputs, loop
    except ImportError as error:
        raise TrainingError(
            f"optimizing needs PyTorch ({error}): pip install 'impasto[train]'"
        ) from error
    names = {name: value for module in (inputs, loop, run) for name, value in vars(module).items()}
    return SimpleNamespace(**names)


def _mixed(specs: list[str]) -> Mix:
    """All styles with their weights, as one mix."""
    mixes = [find_mix(spec) for spec in specs]
    totals = [len(mix.parts) if mix.given is None else mix.given for mix in mixes]
    parts = [
        (style, weight * total / sum(totals))
        for mix, total in zip(mixes, totals, strict=True)
        for style, weight in mix.parts
    ]
    return Mix(tuple(parts), sum(totals) if any(mix.given is not None for mix in mixes) else None)


def _suffix(photo: Path) -> str:
    return photo.suffix if photo.suffix.lower() in WRITABLE else ".jpg"


def _check_target(target: Path, photo: Path, checkpoint: Path, replace: bool) -> None:
    """Before anything is read: whether the painting can be written there."""
    if target.suffix.lower() not in WRITABLE:
        raise typer.BadParameter(f"-o {target} ends in none of {' '.join(sorted(WRITABLE))}")
    if is_same_file(photo, target):
        raise PictureError(
            f"{target} is the photograph itself, which is never overwritten; give another -o"
        )
    if target.exists() and not replace:
        raise typer.BadParameter(f"{target} exists; --overwrite replaces it, or give another -o")
    if reason := unwritable_reason(target):
        raise PictureError(f"cannot write {target}: {reason}")
    if has_checkpoint(checkpoint) and not replace:
        raise typer.BadParameter(
            f"an unfinished run stands at {checkpoint}; --resume goes on with it, --overwrite starts anew"
        )


def _sized(picture: Picture, path: Path, size: int) -> Picture:
    """A photograph whose short side is `size` pixels, or less if it has less."""
    short = min(size, picture.width, picture.height)
    if short < LEAST:
        raise PictureError(
            f"{path} has {picture.width}x{picture.height} pixels, too few to optimize; {LEAST} or more are needed"
        )
    alpha = None if picture.alpha is None else resized(picture.alpha, short)
    return replace(picture, rgb=resized(picture.rgb, short), alpha=alpha)


def _masks_of(style_settings: StylizeSettings, picture: Picture) -> StylizeSettings:
    """A manner whose masks are this photograph's, and lines on those that are resized."""
    for mask in style_settings.masks:
        if said := options.told_of_size(mask, picture.width, picture.height):
            console.note(said)
    regions = [
        replace(region, mask=region.mask.of(picture.alpha)) for region in style_settings.regions
    ]
    return replace(
        style_settings,
        mask=style_settings.mask and style_settings.mask.of(picture.alpha),
        regions=regions,
    )


def _scales(text: str, short: int) -> tuple[int, ...]:
    """Short sides from coarse to fine, which end in that of the painting."""
    try:
        sides = sorted({int(part) for part in text.split(",")})
    except ValueError:
        sides = []
    if not sides or sides[0] < LEAST:
        raise typer.BadParameter(
            f"--scales {text}: give short sides in pixels, {LEAST} or more, as in 128,256,512"
        )
    return (*(side for side in sides if side < short), short)


def _terms(layers: str | None, **options: Any) -> "OptimizationTerms":
    """What the picture is optimized for."""
    from impasto.learning.optimization.picture_objective import OptimizationTerms

    weights = dict(OptimizationTerms().layers)
    for part in layers.split(",") if layers else ():
        layer, _, weight = part.strip().partition("=")
        try:
            number = float(weight)
        except ValueError:
            number = math.nan
        if layer not in weights or not 0 <= number < math.inf:
            raise typer.BadParameter(
                f"--layer-weights {part}: give a layer and a weight of 0 or more, as in relu1_1=2; layers: {', '.join(weights)}"
            )
        weights[layer] = number
    if not any(weights.values()):
        raise typer.BadParameter("--layer-weights: one layer at least needs a weight above 0")
    return OptimizationTerms(**options, layers=weights)
