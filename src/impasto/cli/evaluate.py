"""impasto evaluate: the quality of stylized pictures, over photographs, paintings and methods."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from impasto.batch.inputs import find_paths
from impasto.cli import EXIT_SOME_FAILED, console, evaluate_video, options, video
from impasto.cli.requirements import require_learning
from impasto.errors import TrainingError
from impasto.files import unwritable_reason
from impasto.learning.evaluation.measures import MEASURES, Measure
from impasto.progress import Progress
from impasto.video.formats import VideoOptions

if TYPE_CHECKING:
    from impasto.learning.evaluation.experiment import Evaluation, EvaluationSettings

METHODS = "base,small,recolored,double-exposure,painting,lbfgs-25"
SHOWN_FLAWS = ("repetition gradient", "residue detailed", "evenness", "halo", "palette")
CLIP_OPTIONS = frozenset({"paintings", "clip", "start", "end", "output", "threads", "json"})


def evaluate(
    context: typer.Context,
    paintings: Annotated[
        list[str],
        typer.Argument(
            metavar="PAINTING",
            help="Style pictures, folders of them, or globs; with --clip, the stylized clips.",
        ),
    ],
    photos: Annotated[
        str | None,
        typer.Option(
            "--photos",
            help="Photographs to paint: a folder, a glob or a picture. [required; not with --clip]",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder of pictures and results; a stopped run continues there. "
            "[required; not with --clip]",
        ),
    ] = None,
    clip: Annotated[
        Path | None,
        typer.Option(
            "--clip",
            help="Video: measure how steady stylized versions of this clip are "
            "(impasto[flow]). Replaces --photos.",
        ),
    ] = None,
    methods: Annotated[
        str,
        typer.Option(
            "--methods",
            "-m",
            help="large, base, small (the painting as style), base@gallery, base@FOLDER (style "
            "files), lbfgs-N, optimized-N, recolored, double-exposure, painting, "
            "NAME=FOLDER (pictures of another tool, PHOTO.PAINTING.png).",
        ),
    ] = METHODS,
    measures: Annotated[str, typer.Option(help=f"Choose among {', '.join(MEASURES)}.")] = ",".join(
        MEASURES
    ),
    size: Annotated[
        int,
        typer.Option(
            min=64, max=4096, help="Set the short side in pixels; canonical figures use 512."
        ),
    ] = 512,
    every: Annotated[int, typer.Option(min=1, help="Take every N-th photograph.")] = 1,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Take at most this number of photographs.")
    ] = None,
    perceptual: Annotated[
        Literal["vgg19", "vgg16", "lite"],
        typer.Option(
            help="Choose the network that scores; canonical figures use the Oxford vgg19."
        ),
    ] = "vgg19",
    lpips_heads: Annotated[
        Path | None,
        typer.Option(
            help="Read the official heads of LPIPS: weights/v0.1/squeeze.pth of the lpips package."
        ),
    ] = None,
    inception: Annotated[
        Path | None,
        typer.Option(
            help="Measure FID and ArtFID with this network: pt_inception-2015-12-05-6726825d.pth "
            "of pytorch-fid, or art_inception.pth of art-fid."
        ),
    ] = None,
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Floats = "auto",
    threads: options.Threads = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Paint and score again what an earlier run did.")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Video: set the start of the part that was stylized."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Video: set the end of the part that was stylized."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Measure how well methods paint photographs in the style of paintings.

    With --clip, measure how steady stylized versions of a video are.

    Every picture is painted, saved, read back and scored. The results are tables (results.md,
    results.json), plots and a contact sheet (sheet.png). To continue a stopped run, give the same
    command again.

    With --clip, stylized versions of a clip are measured. The flicker ratio is the difference of
    neighboring frames over that of the clip itself. The warping error of Lai et al. 2018 is their
    difference where the clip only moves, by DIS optical flow.

    Examples:

      impasto evaluate paintings/ --photos photos/ -o results/

      impasto evaluate wave.jpg --photos photos/ --limit 8 -m base@gallery,recolored,lbfgs-50 -o
      results/

      impasto evaluate paintings/ --photos photos/ -m base,microast=their-pictures/ --measures
      canonical,ssim -o results/

      impasto evaluate --clip clip.mp4 clip.starry-night.mp4 other-tool.mp4
    """  # noqa: D412  # blank lines part paragraphs of the help text
    if output and (reason := unwritable_reason(output / "results.md")):
        raise typer.BadParameter(f"-o {output} cannot be written into: {reason}")
    if clip:
        part = VideoOptions(video.span(start, end), threads=threads)
        _evaluate_clip(context, clip, paintings, part)
        return
    if not photos or not output:
        raise typer.BadParameter(
            "give --photos PHOTOS and -o FOLDER, or --clip CLIP for stylized versions of a video"
        )
    if start or end:
        raise typer.BadParameter("--start and --end are parts of a video; they go with --clip")
    chosen = _parse_measures(measures)
    painting_files, painting_failures = _find_pictures(paintings)
    photo_files, photo_failures = _find_pictures([photos])
    _require_evaluation()
    from impasto.learning.evaluation.experiment import EvaluationSettings

    settings = EvaluationSettings(
        methods=[name.strip() for name in methods.split(",")],
        measures=chosen,
        size=size,
        perceptual=perceptual,
        lpips_heads=lpips_heads,
        inception=inception,
        engine=engine,
        device=device,
        precision=precision,
        threads=threads,
        overwrite=overwrite,
    )
    evaluation = _evaluate(photo_files[::every][:limit], painting_files, output, settings)
    _show(evaluation, json)
    if painting_failures or photo_failures or evaluation.failures:
        raise typer.Exit(EXIT_SOME_FAILED)


def _evaluate_clip(
    context: typer.Context, clip: Path, paintings: list[str], part: VideoOptions
) -> None:
    """Measure the stability of stylized versions of a clip, which needs no PyTorch."""
    if others := options.given(context, context.params.keys() - CLIP_OPTIONS):
        raise typer.BadParameter(
            f"{sorted(others)[0]} does not apply with --clip; leave one of them out"
        )
    json = context.params["json"]
    paths, failures = find_paths(paintings, as_sequence=True)
    for text, error in failures:
        console.failed(console.failure(text, error), json)
    failed = evaluate_video.evaluate_video(clip, paths, part, context.params["output"], json)
    if failed or failures:
        raise typer.Exit(EXIT_SOME_FAILED)


def _parse_measures(text: str) -> list[Measure]:
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in MEASURES]:
        raise typer.BadParameter(
            f"--measures: no measure is called {unknown[0]!r}; use {', '.join(MEASURES)}"
        )
    return [measure for measure in MEASURES if measure in names]


def _find_pictures(inputs: Sequence[str]) -> tuple[list[Path], int]:
    """Find the files that inputs name; report and count the inputs that name none.

    Raises:
        typer.Exit: There is no file at all.
    """
    paths, failures = find_paths(inputs)
    for text, error in failures:
        console.fail(str(error) if text in str(error) else f"{text}: {error}")
    if not paths:
        raise typer.Exit(EXIT_SOME_FAILED)
    return paths, len(failures)


def _require_evaluation() -> None:
    """Raise TrainingError with the remedy where PyTorch, scikit-image or matplotlib is missing."""
    require_learning("evaluate")
    try:
        import skimage  # noqa: F401

        import impasto.learning.evaluation.plots  # noqa: F401  # this imports matplotlib
    except ImportError as error:
        raise TrainingError(
            f"cannot evaluate: scikit-image or matplotlib is not installed ({error}); "
            "pip install 'impasto[evaluate]'"
        ) from error


def _evaluate(
    photos: Sequence[Path],
    paintings: Sequence[Path],
    folder: Path,
    settings: "EvaluationSettings",
) -> "Evaluation":
    """Run the evaluation under a progress bar."""
    from impasto.learning.evaluation.experiment import evaluate_methods
    from impasto.learning.evaluation.methods import parse_methods

    try:
        parse_methods(settings.methods)
    except ValueError as error:
        raise typer.BadParameter(f"--methods: {error}") from None
    with console.bar(unit=True) as bar:
        task = bar.add_task("evaluating", total=len(photos) * len(paintings))

        def show(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.step,
                total=progress.steps,
                description=progress.name or "evaluating",
            )

        try:
            return evaluate_methods(
                photos,
                paintings,
                folder,
                settings,
                on_progress=show,
                on_note=console.note,
                on_failure=console.fail,
                on_download=console.download(bar),
            )
        except KeyboardInterrupt:
            console.note(
                f"{folder} holds the results so far; the same command continues from there"
            )
            raise


def _show(evaluation: "Evaluation", json: bool) -> None:
    """Print a line for each method, and the files of results."""
    conditions = dict(evaluation.conditions)
    for summary in evaluation.summaries:
        line = f"{summary.method:24}"
        for column in ("C", "S", "J"):
            if values := summary.columns.get(column):
                line += f"  {column} {values.mean:.3f} (median {values.median:.3f})"
        for column in SHOWN_FLAWS:
            if values := summary.columns.get(column):
                line += f"  {column} {values.mean:.2f}"
        if summary.equivalent_iterations is not None:
            line += f"  worth {summary.iterations_text(evaluation.iterations)} iterations"
        record = summary.to_json(evaluation.iterations) | {"conditions": conditions}
        console.result(line, record, json)
    if evaluation.files:
        console.note(
            f"{', '.join(map(str, evaluation.files))}: {conditions['pairs']} pairs, "
            f"{conditions['short side']}, {conditions['perceptual']}"
        )
