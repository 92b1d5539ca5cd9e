"""impasto optimize: the best painting of one photograph, by optimization of its pixels."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from impasto.batch.notes import mask_size_note
from impasto.cli import EXIT_INTERRUPTED, EXIT_SOME_FAILED, console, options
from impasto.cli.requirements import require_learning
from impasto.cli.training_bar import TrainingProgressBar
from impasto.errors import PictureError
from impasto.images.formats import WRITABLE
from impasto.images.image import Picture
from impasto.inference.settings import StylizeSettings
from impasto.models.mix import Mix, find_mix
from impasto.progress import OnProgress, Progress
from impasto.video.formats import is_same_file

if TYPE_CHECKING:
    from impasto.learning.optimization.recipe import OptimizeResult

# pixels, short side of a photograph: on a smaller one the deepest layer has no positions
MIN_SIZE = 16


def optimize(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photograph to paint.")],
    styles: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE...",
            help="Pictures, or style files that remember theirs; several with weights, as in "
            "a.jpg:0.7 b.jpg:0.3.",
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
            min=MIN_SIZE,
            help="Set the shorter side of the painting, pixels; smaller photos keep their size.",
        ),
    ] = 512,
    style_size: Annotated[
        int | None,
        typer.Option(
            min=64,
            help="Read styles at this short side; larger: larger strokes. [default: as the "
            "painting]",
        ),
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Set the iterations at each scale. [default: 100]")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Set the time in all, instead of --iterations.")
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option(
            metavar="SIDES",
            help="Set short sides from coarse to fine, as in 256,512: larger strokes. [default: "
            "--size, from 768 its half first]",
        ),
    ] = None,
    start: Annotated[
        Literal["painted", "photo", "noise"],
        typer.Option(
            help="Start from this picture; painted: half the painting of stylize, half the photo."
        ),
    ] = "painted",
    solver: Annotated[
        Literal["lbfgs", "adam"], typer.Option(help="Choose the solver that lowers the objective.")
    ] = "lbfgs",
    ema: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.999,
            help="Write a running mean of the pictures of adam, of this decay.",
        ),
    ] = 0.0,
    style_loss: Annotated[
        Literal["gram", "wasserstein", "sliced"],
        typer.Option(
            help="Choose the style loss. gram: means and covariances of features, as in all "
            "figures; wasserstein: the same as Gaussians, by optimal transport; "
            "sliced: whole distributions "
            "along random directions."
        ),
    ] = "gram",
    content_weight: Annotated[float, typer.Option(min=0, help="Keep the subject.")] = 1.0,
    style_weight: Annotated[float, typer.Option(min=0, help="Follow the style.")] = 5.0,
    histogram_weight: Annotated[
        float, typer.Option(min=0, help="Match histograms of features too.")
    ] = 0.0,
    tv_weight: Annotated[float, typer.Option(min=0, help="Smooth the painting.")] = 0.0,
    layer_weights: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER=W,...",
            help="Weight layers of the style, as in relu1_1=2,relu4_1=0; others have 1. Later "
            "layers: larger forms.",
        ),
    ] = None,
    color: options.Color = None,
    color_when: options.ColorWhen = "after",
    mask: options.MaskOption = None,
    region: options.Regions = None,
    perceptual: Annotated[
        Literal["lite", "vgg19", "vgg16"],
        typer.Option(help="Choose the network that compares; lite ships with impasto."),
    ] = "lite",
    tile: Annotated[
        int | None,
        typer.Option(
            min=0, help="Set the side of tiles, pixels; 0: none. [default: 768 above a megapixel]"
        ),
    ] = None,
    precision: options.Floats = "auto",
    threads: options.Threads = None,
    seed: Annotated[int, typer.Option(help="Seed everything random.")] = 0,
    quality: Annotated[
        int, typer.Option(min=1, max=100, help="Set the quality of JPEG, WebP and AVIF.")
    ] = 92,
    preview_every: Annotated[
        float,
        typer.Option(
            min=0,
            help="Write OUTPUT.preview.jpg every so many seconds, until the run is done; 0: never.",
        ),
    ] = 30,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume a run of the same command that was stopped."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output, and any unfinished run.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Paint one photograph by optimizing its pixels: best quality, in minutes, not a second.

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
    mix = _merge_mixes(styles)
    target = output or photo.with_name(f"{photo.stem}.{mix.name}-optimized{_suffix(photo)}")
    checkpoint = target.with_name(f"{target.name}.checkpoint")
    if resume and not overwrite:
        options.check_resumed(target, [checkpoint])
    _check_target(target, photo, checkpoint, resume or overwrite)
    settings = options.settings(mix, 1.0, 1.0, color, color_when, mask, region)
    require_learning("optimize")
    from impasto.learning.optimization.recipe import load_photo, optimize_photo
    from impasto.learning.training.inputs import load_losses

    layers = _layer_weights(layer_weights) if layer_weights else None
    sides = _scales(scales) if scales else None
    picture = load_photo(photo, size)
    _note_mask_sizes(settings, picture)
    with console.bar() as bar:
        network = load_losses(perceptual, precision, console.download(bar))
    with TrainingProgressBar("optimizing") as progress_bar:
        result = optimize_photo(
            picture,
            settings,
            size=size,
            style_size=style_size,
            iterations=iterations,
            minutes=minutes,
            scales=sides,
            start=start,
            solver=solver,
            ema=ema,
            style_loss=style_loss,
            content_weight=content_weight,
            style_weight=style_weight,
            histogram_weight=histogram_weight,
            tv_weight=tv_weight,
            layer_weights=layers,
            perceptual=network,
            tile=tile,
            precision=precision,
            threads=threads,
            seed=seed,
            quality=quality,
            preview_every=preview_every,
            output=target,
            resume=resume,
            on_progress=_noting_resumption(progress_bar.step) if resume else progress_bar.step,
        )
    _report(result, target, checkpoint, mix, json)


def _noting_resumption(on_progress: OnProgress) -> OnProgress:
    """Wrap a callback so that its first call notes where the run is resumed."""
    first = True

    def report(progress: Progress) -> None:
        nonlocal first
        if first and progress.step and progress.fraction:
            minutes = progress.seconds / 60
            console.note(
                f"going on from iteration {progress.step} at {progress.name}, after "
                f"{minutes:.1f} minutes"
            )
        first = False
        on_progress(progress)

    return report


def _report(
    result: "OptimizeResult", target: Path, checkpoint: Path, mix: Mix, as_json: bool
) -> None:
    """Report the painting; end the program with an error if the run ended early."""
    if result.iterations:
        losses = {**result.losses, "total": result.loss}
        minutes = result.seconds / 60
        record = {
            "output": str(target),
            "style": mix.name,
            "width": result.width,
            "height": result.height,
            "iterations": result.iterations,
            "minutes": round(minutes, 2),
            **{name: round(value, 4) for name, value in losses.items()},
        }
        terms = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        size = f"{result.width}x{result.height}"
        took = f"{size}, {result.iterations} iterations, {minutes:.1f} minutes"
        console.result(f"{target} ({took}; {terms})", record, as_json)
    if result.stopped is None:
        return
    left = (
        f"the painting so far is {target}, and --resume goes on from {checkpoint}"
        if result.iterations
        else "there is no painting yet"
    )
    console.fail(f"{result.stopped}; {left}")
    interrupted = result.stopped == "interrupted"
    raise typer.Exit(EXIT_INTERRUPTED if interrupted else EXIT_SOME_FAILED)


def _merge_mixes(specs: list[str]) -> Mix:
    """Merge all styles with their weights into one mix."""
    mixes = [find_mix(spec) for spec in specs]
    totals = [len(mix.parts) if mix.weight_sum is None else mix.weight_sum for mix in mixes]
    parts = [
        (style, weight * total / sum(totals))
        for mix, total in zip(mixes, totals, strict=True)
        for style, weight in mix.parts
    ]
    return Mix(
        tuple(parts), sum(totals) if any(mix.weight_sum is not None for mix in mixes) else None
    )


def _suffix(photo: Path) -> str:
    """Choose the suffix of the painting: the photograph's, where impasto writes that format."""
    return photo.suffix if photo.suffix.lower() in WRITABLE else ".jpg"


def _check_target(target: Path, photo: Path, checkpoint: Path, replace: bool) -> None:
    """Check, before anything is read, that the painting can be written."""
    if target.suffix.lower() not in WRITABLE:
        raise typer.BadParameter(
            f"cannot write {target}: it ends in none of {' '.join(sorted(WRITABLE))}"
        )
    if is_same_file(photo, target):
        raise PictureError(
            f"cannot write {target}: it is the photograph itself, which is never overwritten; give "
            "another -o"
        )
    if not replace:
        options.check_unfinished([checkpoint])
    if target.exists() and not replace:
        raise typer.BadParameter(
            f"cannot write {target}: it exists; --overwrite replaces it, or give another -o"
        )
    options.check_writable([target])


def _note_mask_sizes(settings: StylizeSettings, picture: Picture) -> None:
    """Note the masks that are resized to the photograph."""
    for mask in settings.masks:
        if message := mask_size_note(mask, picture.width, picture.height):
            console.note(message)


def _scales(text: str) -> list[int]:
    """Parse short sides from coarse to fine."""
    try:
        sides = sorted({int(part) for part in text.split(",")})
    except ValueError:
        sides = []
    if not sides or sides[0] < MIN_SIZE:
        raise typer.BadParameter(
            f"--scales {text}: give short sides in pixels, {MIN_SIZE} or more, as in 128,256,512"
        )
    return sides


def _layer_weights(text: str) -> dict[str, float]:
    """Parse weights of style layers, as in `relu1_1=2,relu4_1=0`."""
    from impasto.learning.losses.objective import STYLE_LAYERS

    weights = dict.fromkeys(STYLE_LAYERS, 1.0)
    for part in text.split(","):
        layer, _, weight = part.strip().partition("=")
        try:
            number = float(weight)
        except ValueError:
            number = math.nan
        if layer not in weights or not 0 <= number < math.inf:
            raise typer.BadParameter(
                f"--layer-weights {part}: give a layer and a weight of 0 or more, as in "
                f"relu1_1=2; layers: {', '.join(weights)}"
            )
        weights[layer] = number
    if not any(weights.values()):
        raise typer.BadParameter("--layer-weights: one layer at least needs a weight above 0")
    return weights
