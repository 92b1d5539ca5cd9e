"""What the recipes of styles and galleries share: networks, inputs, one run to its end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from impasto.errors import TrainingError
from impasto.images.image import Picture
from impasto.learning.data.photos import ContentImages
from impasto.learning.networks.perceptual import PerceptualNetwork
from impasto.learning.training.checkpoints import (
    checkpoint_path,
    has_checkpoint,
    remove_checkpoints,
)
from impasto.learning.training.inputs import load_content, load_losses, set_threads
from impasto.learning.training.loop import PreviewFile, keep_training, preview_sheet
from impasto.learning.training.ranks import SINGLE, Ranks
from impasto.learning.training.trainer import Trainer
from impasto.models.style import SUFFIX
from impasto.progress import OnProgress, Progress

Stop = KeyboardInterrupt | TrainingError


@dataclass(frozen=True)
class TrainingResult:
    """The end of one run.

    Attributes:
        network: name of the network that was trained, or that the style is for.
        target: the style file or the folder of the gallery; None where nothing is written.
        checkpoint: the file from which the run can be resumed, if it has one.
        progress: where the run stood at its end.
        parity: largest difference of the exported network to PyTorch, of pixels in 0..1, by
            precision; empty where no network was exported.
        unreadable: photographs and pictures of art that could not be read.
        stop: the reason for which the run ended early; None if it came to its end.
    """

    network: str
    target: Path | None
    checkpoint: Path | None
    progress: Progress
    parity: Mapping[str, float]
    unreadable: frozenset[str]
    stop: Stop | None


OnResult = Callable[[TrainingResult], None]


@dataclass(frozen=True)
class RunOptions:
    """Where runs write, whether they go on, and whom they tell.

    Attributes:
        target: style file or folder of a gallery; None: nothing is written, not even checkpoints.
        resume: whether to go on from a checkpoint, if there is one.
        preview_every: seconds between previews, written beside the target until the run is done;
            0 for none.
        on_progress: called after every step.
        on_result: called at the end of every run.
    """

    target: Path | None = None
    resume: bool = False
    preview_every: float = 0.0
    on_progress: OnProgress | None = None
    on_result: OnResult | None = None


def load_inputs(
    photos: Path | None,
    seed: int,
    perceptual: str,
    precision: str,
    on_progress: OnProgress | None,
) -> tuple[ContentImages, PerceptualNetwork]:
    """Open the content pictures and load the network of the losses.

    Where weights are downloaded, `on_progress` is told the bytes.
    """

    def report(done: int, total: int) -> None:
        if on_progress:
            fraction = done / total if total else 0.0
            on_progress(Progress(fraction, 0.0, perceptual, done, total or None, unit="byte"))

    return load_content(photos, seed), load_losses(perceptual, precision, report)


def set_cores(threads: int | None, ranks: Ranks = SINGLE) -> None:
    """Let PyTorch compute with so many threads; by default with the cores of this process."""
    set_threads(threads or ranks.cores)


def run_to_end(trainer: Trainer, network: str, options: RunOptions) -> Stop | None:
    """Run training to its end, from a checkpoint if there is one to resume.

    A resumed run first tells where it goes on. The preview is removed when the run is done.

    Returns:
        The reason why the run ended early, if it did.

    Raises:
        TrainingError: the checkpoint is not of this run.
    """
    on_progress, target = options.on_progress, options.target

    is_first = trainer.ranks.is_first

    def report(progress: Progress) -> None:
        if on_progress and is_first:
            on_progress(replace(progress, name=network))

    checkpoint = checkpoint_path(target, network) if target else None
    is_resumed = options.resume and checkpoint is not None and has_checkpoint(checkpoint)
    if is_resumed and checkpoint:
        trainer.load(checkpoint)
        report(trainer.progress)
    else:
        trainer.ranks.check_step(trainer.step, trainer.device)
    preview = None
    if target and is_first:
        path = target.with_name(f"{target.name.removesuffix(SUFFIX)}.preview.jpg")
        preview = PreviewFile(path, lambda: Picture(preview_sheet(trainer)), is_resumed)
    shows = preview.write if preview and options.preview_every else None
    try:
        keep_training(trainer, checkpoint, report, shows, options.preview_every)
    except (KeyboardInterrupt, TrainingError) as error:
        return error
    if preview:
        preview.remove()
    return None


def finish(
    trainer: Trainer,
    network: str,
    options: RunOptions,
    parity: Mapping[str, float],
    stop: Stop | None,
) -> None:
    """Tell the result of a run, then remove its checkpoints, or raise the reason for its stop."""
    target = options.target
    checkpoint = checkpoint_path(target, network) if target else None
    if options.on_result and trainer.ranks.is_first:
        options.on_result(
            TrainingResult(
                network,
                target,
                checkpoint,
                replace(trainer.progress, name=network),
                parity,
                frozenset(trainer.content.broken),
                stop,
            )
        )
    if stop:
        raise stop
    if checkpoint and trainer.ranks.is_first:
        remove_checkpoints(checkpoint)
