"""impasto train: learn a style from a picture, or a gallery from several."""

import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from impasto.cli import EXIT_INTERRUPTED, EXIT_SOME_FAILED, console, options
from impasto.errors import TrainingError
from impasto.hardware import available_cores
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.writing import write
from impasto.inference.color import MODES, parse_color
from impasto.learning.training.checkpoints import has_checkpoint, remove_checkpoints
from impasto.models.network import NETWORKS, network_path
from impasto.models.style import SUFFIX, name_of
from impasto.progress import Progress

if TYPE_CHECKING:
    from impasto.learning.training.settings import TrainingProgress as TrainingProgress
    from impasto.learning.training.trainer import Trainer

NetworkChoice = Literal["base", "small", "both"]

FEW_STEPS = 20  # with fewer, a style is hardly other than where it started


def train(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURE",
            help="The picture to learn, or a style file to learn anew; several with --gallery.",
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
        float | None, typer.Option(min=0.01, help="How long to train. [default: 5]")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Train this many steps instead: repeatable bit for bit."),
    ] = None,
    network: Annotated[
        NetworkChoice, typer.Option("--network", "-n", help="Network to learn the style for.")
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
            help="Folder of photographs to paint in training. [default: generated pictures]"
        ),
    ] = None,
    art: Annotated[
        list[Path] | None,
        typer.Option(
            help="With --gallery: folders of pictures from which the network also learns to predict styles."
        ),
    ] = None,
    perceptual: Annotated[
        Literal["lite", "vgg19", "vgg16"],
        typer.Option(help="Network of the losses; lite ships with impasto."),
    ] = "lite",
    crop: Annotated[
        int, typer.Option(min=64, max=1024, help="Side of training crops, pixels.")
    ] = 256,
    style_size: Annotated[
        int,
        typer.Option(
            min=64, max=4096, help="Short side the picture is learned at: larger, larger strokes."
        ),
    ] = 512,
    batch: Annotated[int, typer.Option(min=1, help="Crops a step.")] = 4,
    content_weight: Annotated[float, typer.Option(min=0, help="Keeps the subject.")] = 1.0,
    style_weight: Annotated[float, typer.Option(min=0, help="Takes the manner.")] = 5.0,
    local_weight: Annotated[
        float | None,
        typer.Option(
            min=0, help="Paints all parts of a picture as boldly. Default: 2, or 4 with --gallery."
        ),
    ] = None,
    tv_weight: Annotated[float, typer.Option(min=0, help="Smooths.")] = 0.0,
    stability_weight: Annotated[
        float,
        typer.Option(min=0, help="For video: strokes that stay where the scene does not change."),
    ] = 0.0,
    learning_rate: Annotated[
        float | None,
        typer.Option(min=1e-8, help="Peak for the network; embeddings take four times as much."),
    ] = None,
    predictor_rate: Annotated[
        float,
        typer.Option(
            min=1e-8,
            help="With --art: peak for the style predictor. More soon makes all predictions alike.",
        ),
    ] = 2e-4,
    color: Annotated[
        str | None,
        typer.Option(
            "--color",
            metavar="MODE[:AMOUNT]",
            help="Colors of paintings, as of stylize: the style remembers what it is for.",
        ),
    ] = None,
    color_photo: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTO",
            help="With --color: give PICTURE the colors of this photograph before it is learned, for paintings of it.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    precision: options.Floats = "auto",
    threads: options.Threads = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the style. [default: from the output, or from PICTURE]"),
    ] = None,
    keep_pictures: Annotated[
        bool | None,
        typer.Option(
            "--keep-pictures/--no-keep-pictures",
            help="Keep the picture, at 512 pixels, in the style file: it outlives its network so. [default: not in a gallery]",
        ),
    ] = None,
    catalog: Annotated[
        Path | None, typer.Option(help="Table (TSV) of file, name, title, artist, year, licence.")
    ] = None,
    preview_every: Annotated[
        float, typer.Option(min=0, help="Seconds between previews, OUTPUT.preview.jpg; 0: none.")
    ] = 30,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Write a TensorBoard log into this folder.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run of the same command stopped.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output, and any has_checkpoint run.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Learn a style from one picture, in minutes, with nothing to download; or make a gallery from
    several.

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
    if gallery is None and len(pictures) > 1:
        raise typer.BadParameter(
            "several pictures need --gallery FOLDER, which trains one network for all; or train one by one"
        )
    if start and gallery is None:
        raise typer.BadParameter(
            "--start goes with --gallery; a single style always starts as it is predicted"
        )
    if art and gallery is None:
        raise typer.BadParameter(
            "--art goes with --gallery: prediction is learned together with the network"
        )
    chosen = parse_color(color) if color else None
    if color_photo and not (chosen and chosen.changes):
        raise typer.BadParameter(
            f"--color-photo says whose colors to take; say how: --color {'|'.join(MODES[1:])}"
        )
    if chosen and gallery is not None:
        raise typer.BadParameter(
            "--color is of a single style; a gallery's pictures are learned as they are"
        )
    if steps is not None and minutes is not None:
        raise typer.BadParameter("--steps or --minutes, not both")
    known = pictures[0].suffix.lower() == SUFFIX  # a style, to be learned anew
    target = gallery or output or (pictures[0] if known else Path(f"{pictures[0].stem}{SUFFIX}"))
    if gallery is None and target.exists() and not (overwrite or resume):
        does = "learns it anew" if target == pictures[0] else "replaces it"
        raise typer.BadParameter(f"{target} exists; --overwrite {does}, or give another -o")
    names = list(NETWORKS) if network == "both" else [network]
    if resume and not overwrite and gallery is None:
        options.check_resumed(target, [_checkpoint(target, each) for each in names])
    for each in names:
        checkpoint = _checkpoint(target, each)
        if gallery and network_path(each, gallery).exists() and not (resume or overwrite):
            raise typer.BadParameter(
                f"{gallery} has a network {each} already; --overwrite replaces it, or give another --gallery"
            )
        if has_checkpoint(checkpoint) and not (resume or overwrite):
            raise typer.BadParameter(
                f"an unfinished run stands at {checkpoint}; --resume goes on with it, --overwrite starts anew"
            )
    learning = _learning()
    from impasto.learning.losses.objective import LossWeights

    learning.set_threads(threads or available_cores())
    fresh = gallery is not None
    if local_weight is None:
        local_weight = 4.0 if fresh else 2.0
    settings = learning.TrainingSettings(
        steps=steps,
        minutes=None if steps else (minutes or 5) / len(names),
        batch=batch,
        crop=crop,
        seed=seed,
        weights=LossWeights(
            content_weight, style_weight, local_weight, tv_weight, stability_weight
        ),
        whole_network=whole_network or fresh,
        predictor_rate=predictor_rate,
        **learning.learning_rates(
            learning_rate, "tuned" if not fresh else "continued" if start else "fresh"
        ),
    )
    facts = learning.read_catalog(catalog) if catalog else {}
    # named after its file, so that two styles of one picture differ; one that is learned anew in
    # place keeps its name
    after = (
        {} if fresh or output in (None, pictures[0]) else {"name": learning.name_of(output.stem)}
    )
    keep = not fresh if keep_pictures is None else keep_pictures
    paintings = [
        learning.read_painting(
            p, style_size, after | facts.get(p.name, {}), None if fresh else name, keep
        )
        for p in pictures
    ]
    if chosen:
        paintings = [
            learning.recolor_painting(
                paintings[0], chosen, read(color_photo).rgb if color_photo else None
            )
        ]
    content = learning.load_content(photos, seed)
    with console.bar() as bar:
        losses = learning.load_losses(perceptual, precision, console.download(bar))
    pool = learning.StyleCrops(art, seed) if art else None
    begin = partial(learning.new_gallery, start=start, art=pool) if fresh else learning.new_style
    for each in names:
        checkpoint = _checkpoint(target, each)
        trainer = begin(each, paintings, content, losses, settings)
        if resume and has_checkpoint(checkpoint):
            trainer.load(checkpoint)
            console.note(
                f"going on from step {trainer.step}, {trainer.seconds / 60:.1f} minutes trained"
            )
        with TrainingProgressBar("training", tensorboard) as watch:
            preview = (
                target.with_name(f"{target.name.removesuffix(SUFFIX)}.preview.jpg")
                if preview_every
                else None
            )
            ended = _train(learning, trainer, checkpoint, watch, preview, preview_every)
        card = learning.card(trainer, crop=crop, style_size=style_size)
        write_result = learning.write_gallery if fresh else learning.write_style
        parity = write_result(trainer, each, paintings, target, card)
        if parity:
            shown = ", ".join(
                f"{precision} {difference:.2g}" for precision, difference in parity.items()
            )
            console.note(f"exported; largest difference to PyTorch, of pixels in 0..1: {shown}")
        _report(trainer, target, each, checkpoint, ended, json)


def _report(
    trainer: "Trainer", target: Path, network: str, checkpoint: Path, ended: str | None, json: bool
) -> None:
    """Say what a run left; end the program if the run did not come to its end."""
    progress = trainer.progress
    record = {
        "output": str(target),
        "network": network,
        "steps": progress.step,
        "minutes": round(progress.seconds / 60, 2),
        **{name: round(value, 4) for name, value in progress.terms.items()},
    }
    terms = ", ".join(f"{name} {value:.3f}" for name, value in progress.terms.items())
    console.result(
        f"{target} ({network}: {progress.step} steps, {progress.seconds / 60:.1f} minutes; {terms})",
        record,
        json,
    )
    if trainer.content.broken:
        console.note(
            f"{len(trainer.content.broken)} pictures could not be read and were left out, such as {min(trainer.content.broken)}"
        )
    if ended is None:
        if trainer.step < FEW_STEPS:
            console.note(
                f"{trainer.step} steps are too few to learn from; give it more time: --minutes 5 makes hundreds"
            )
        remove_checkpoints(checkpoint)
        return
    console.fail(
        f"{ended}; the style so far is in {target}, and --resume goes on from {checkpoint}"
    )
    raise typer.Exit(EXIT_INTERRUPTED if ended == "interrupted" else EXIT_SOME_FAILED)


def _train(
    learning: Any,
    trainer: "Trainer",
    checkpoint: Path,
    watch: "TrainingProgressBar",
    preview: Path | None,
    preview_every: float,
) -> str | None:
    """Run a trainer to its end; None, or why it ended before that."""

    def show() -> None:
        assert preview is not None
        write(preview, Picture(learning.preview_sheet(trainer)))

    try:
        learning.keep_training(
            trainer, checkpoint, watch.step, show if preview else None, preview_every
        )
    except KeyboardInterrupt:
        return "interrupted"
    except TrainingError as error:
        return str(error)
    return None


def _learning() -> Any:
    """The learning half, which wants torch."""
    try:
        from impasto.learning.data.style_crops import StyleCrops
        from impasto.learning.training import gallery, inputs, loop, settings, style
    except ImportError as error:
        raise TrainingError(
            f"learning needs PyTorch ({error}): pip install 'impasto[train]'"
        ) from error
    names = {
        name: value
        for module in (inputs, settings, loop, style, gallery)
        for name, value in vars(module).items()
    }
    return SimpleNamespace(**names | {"Art": StyleCrops, "name_of": name_of})


def _checkpoint(target: Path, network: str) -> Path:
    return target.with_name(f"{target.name}.{network}.checkpoint")


class TrainingProgressBar:
    """Shows a run's progress: a bar on a terminal, a line now and then elsewhere, and a TensorBoard
    log if asked.
    """

    LINE_EVERY = 30.0  # seconds, where there is no terminal

    def __init__(self, label: str, tensorboard: Path | None = None) -> None:
        self._bar = console.bar()
        self._task = self._bar.add_task(label, total=1.0)
        self._last = time.monotonic()
        self._log: Any = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise TrainingError(
                    f"--tensorboard needs TensorBoard ({error}): pip install 'impasto[tensorboard]'"
                ) from error
            self._log = SummaryWriter(str(tensorboard))

    def __enter__(self) -> "TrainingProgressBar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        if self._log:
            self._log.close()

    def step(self, progress: "TrainingProgress | Progress") -> None:
        """Show one step."""
        if isinstance(progress, Progress):
            terms, total = dict(progress.losses), progress.loss or 0.0
            unit = f"{progress.name}, {progress.unit}"
        else:
            terms, total, unit = progress.terms, progress.total, progress.unit
        text = " ".join(f"{name} {value:.3f}" for name, value in terms.items())
        line = f"{unit} {progress.step}: {text} total {total:.3f}"
        self._bar.update(self._task, completed=progress.fraction, description=line)
        if self._bar.disable and time.monotonic() - self._last > self.LINE_EVERY:
            self._last = time.monotonic()
            console.note(
                f"{100 * progress.fraction:.0f} %, {progress.seconds_left / 60:.1f} minutes left, {line}"
            )
        if self._log:
            for name, value in {**terms, "total": total}.items():
                self._log.add_scalar(name, value, progress.step)
