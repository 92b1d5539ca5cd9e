"""impasto evaluate: how good painted pictures are, over photographs, paintings and methods."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from impasto.cli import EXIT_SOME_FAILED, console, evaluate_video, options, video
from impasto.batch.inputs import find_paths
from impasto.errors import ImpastoError, TrainingError, WeightsError
from impasto.files import unwritable_reason
from impasto.hardware import available_cores
from impasto.stylizer import Stylizer
from impasto.video.formats import VideoOptions

if TYPE_CHECKING:
    from impasto.learning.evaluation.experiment import Experiment, MeasureScorer, ScoreRow
    from impasto.learning.evaluation.inception import Inception
    from impasto.learning.evaluation.scorer import ObjectiveScorer

METHODS = "base,small,recolored,double-exposure,painting,lbfgs-25"
MeasureName = Literal["canonical", "adain", "cfsd", "ssim", "lpips"]
MEASURES = get_args(MeasureName)


CLIP_OPTIONS = frozenset(
    {"paintings", "clip", "start", "end", "output", "threads", "json"}
)  # that have a say with --clip


def evaluate(
    context: typer.Context,
    paintings: Annotated[
        list[str],
        typer.Argument(
            metavar="PAINTING",
            help="Pictures, folders of pictures, or globs; with --clip, the clip as painted.",
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
            help="Folder of pictures and results; a run goes on there. [required; not with --clip]",
        ),
    ] = None,
    clip: Annotated[
        Path | None,
        typer.Option(
            "--clip",
            help="A video, in place of --photos: how steady painted versions of it are (impasto[flow]).",
        ),
    ] = None,
    methods: Annotated[
        str,
        typer.Option(
            "--methods",
            "-m",
            help="base, small (the painting as style), base@gallery, base@FOLDER (style files), lbfgs-N, optimized-N, "
            "recolored, double-exposure, painting, NAME=FOLDER (pictures of another tool, PHOTO.PAINTING.png).",
        ),
    ] = METHODS,
    measures: Annotated[str, typer.Option(help=f"Some of {', '.join(MEASURES)}.")] = ",".join(
        MEASURES
    ),
    size: Annotated[
        int,
        typer.Option(min=64, max=4096, help="Short side, pixels; canonical figures are of 512."),
    ] = 512,
    every: Annotated[int, typer.Option(min=1, help="Take every N-th photograph.")] = 1,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Take so many photographs at most.")
    ] = None,
    perceptual: Annotated[
        Literal["vgg19", "vgg16", "lite"],
        typer.Option(help="Network that judges; canonical figures are of the Oxford vgg19."),
    ] = "vgg19",
    lpips_heads: Annotated[
        Path | None,
        typer.Option(
            help="Official heads of LPIPS: weights/v0.1/squeeze.pth of the lpips package."
        ),
    ] = None,
    inception: Annotated[
        Path | None,
        typer.Option(
            help="For FID and ArtFID: pt_inception-2015-12-05-6726825d.pth of pytorch-fid, or art_inception.pth of art-fid."
        ),
    ] = None,
    engine: options.Engine = "auto",
    precision: options.Floats = "auto",
    threads: options.Threads = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Paint and score anew what an earlier run did.")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="With --clip: where the part of it begins that was painted."
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="TIME", help="With --clip: where that part ends.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Measure how well methods paint photographs in the manner of paintings, or how steady painted
    videos are.

    Every picture is painted, saved, read back and scored; results.md, results.json, plots and
    sheet.png come out. A run that was stopped goes on where it was when the same command is given
    again.

    With --clip, of painted versions of it: the flicker ratio (how much neighbouring frames differ,
    over how much those of the clip do) and the warping error of Lai et al. 2018 (how much they
    differ where the clip only moves; flow by DIS).

    Examples:

      impasto evaluate paintings/ --photos photos/ -o results/

      impasto evaluate wave.jpg --photos photos/ --limit 8 -m base@gallery,recolored,lbfgs-50 -o
      results/

      impasto evaluate paintings/ --photos photos/ -m base,microast=their-pictures/ --measures
      canonical,ssim -o results/

      impasto evaluate --clip clip.mp4 clip.starry-night.mp4 other-tool.mp4
    """
    if output and (reason := unwritable_reason(output / "results.md")):
        raise typer.BadParameter(f"-o {output} cannot be written into: {reason}")
    if clip:
        _evaluate_clip(
            context, clip, paintings, VideoOptions(video.span(start, end), threads=threads)
        )
        return
    if not photos or not output:
        raise typer.BadParameter(
            "give --photos PHOTOS and -o FOLDER, or --clip CLIP for painted versions of a video"
        )
    if start or end:
        raise typer.BadParameter("--start and --end are parts of a video; they go with --clip")
    wanted = _measures(measures)
    failed = 0
    found = {}
    for what, inputs in (("paintings", paintings), ("photographs", [photos])):
        found[what], failures = find_paths(inputs)
        failed += len(failures)
        for text, error in failures:
            console.fail(str(error) if text in str(error) else f"{text}: {error}")
        if not found[what]:
            raise typer.Exit(EXIT_SOME_FAILED)
    chosen = found["photographs"][::every][:limit]
    _check_installed()
    from impasto.learning.evaluation import experiment
    from impasto.learning.evaluation.inception import load as load_inception
    from impasto.learning.evaluation.methods import find_methods as find_methods
    from impasto.learning.evaluation.scorer import CANONICAL, ObjectiveScorer
    from impasto.learning.training.inputs import load_losses as load_perceptual
    from impasto.learning.training.inputs import set_threads

    set_threads(threads or available_cores())
    with console.bar() as bar:
        judge = ObjectiveScorer(load_perceptual(perceptual, precision, console.download(bar)), size)
    stylizer = partial(Stylizer, engine=engine, threads=threads, precision=precision)
    try:
        stylizers = find_methods([name.strip() for name in methods.split(",")], judge, stylizer)
    except ValueError as error:
        raise typer.BadParameter(f"--methods: {error}") from None
    if perceptual == "vgg19" and (judging := judge.objective.perceptual.identity) != CANONICAL:
        console.note(
            f"{judging} judges: figures compare with each other, not with those of the Oxford VGG-19, as in the README"
        )
    scorer = _scorer(judge, wanted, lpips_heads)
    fid = load_inception(inception) if inception else None
    if overwrite:
        (output / experiment.SCORES).unlink(missing_ok=True)
    comparison = experiment.Experiment(chosen, found["paintings"], stylizers, scorer, output)
    rows, wrong = _run(comparison)
    if not rows:
        raise typer.Exit(EXIT_SOME_FAILED)
    conditions = {
        "short side": f"{size} pixels",
        "perceptual": judge.objective.perceptual.identity,
        "cores": threads or available_cores(),
    }
    _write(comparison, rows, conditions, fid, json)
    if failed or wrong:
        raise typer.Exit(EXIT_SOME_FAILED)


def _evaluate_clip(
    context: typer.Context, clip: Path, paintings: list[str], how: VideoOptions
) -> None:
    """Stability of painted versions of a clip, which needs nothing of the learning half."""
    if others := options.given(context, context.params.keys() - CLIP_OPTIONS):
        raise typer.BadParameter(
            f"{sorted(others)[0]} has no say with --clip; leave one of them out"
        )
    found, failures = find_paths(paintings, as_sequence=True)
    for text, error in failures:
        console.failed(console.failure(text, error), context.params["json"])
    failed = evaluate_video.evaluate(
        clip, found, how, context.params["output"], context.params["json"]
    )
    if failed or failures:
        raise typer.Exit(EXIT_SOME_FAILED)


def _measures(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in MEASURES]:
        raise typer.BadParameter(
            f"--measures: no measure is called {unknown[0]!r}; there are {', '.join(MEASURES)}"
        )
    return list(dict.fromkeys(names))


def _check_installed() -> None:
    """The learning half wants torch, and measures and plots a little more."""
    try:
        import impasto.learning.evaluation.report  # noqa: F401
    except ImportError as error:
        raise TrainingError(
            f"evaluating needs PyTorch, scikit-image and matplotlib ({error}): pip install 'impasto[evaluate]'"
        ) from error


def _scorer(
    judge: "ObjectiveScorer", wanted: list[str], lpips_heads: Path | None
) -> "MeasureScorer":
    """Measures ready to take. One whose network is not here is left out, and a line says how to get
    it."""
    from impasto.learning.evaluation import lpips
    from impasto.learning.evaluation.experiment import MEASURES, MeasureScorer

    squeeze, heads = None, None
    if "lpips" in wanted:
        heads = lpips.read_heads(lpips_heads) if lpips_heads else None
        try:
            squeeze = lpips.load()
        except WeightsError as error:
            console.note(f"lpips is left out: {error}")
    return MeasureScorer(
        judge, [m for m in MEASURES if m in wanted and (m != "lpips" or squeeze)], squeeze, heads
    )


def _run(comparison: "Experiment") -> tuple[list["ScoreRow"], int]:
    """Rows, and how many pairs failed; each reason is told once."""
    rows: list[ScoreRow] = []
    reasons: dict[str, int] = {}
    with console.bar(unit=True) as bar:
        task = bar.add_task("evaluating", total=len(comparison))
        try:
            for row in comparison.run():
                bar.advance(task)
                if not isinstance(row, ImpastoError):
                    rows.append(row)
                    bar.update(task, description=f"{row.pair.name} {row.method}")
                    continue
                reasons[str(row)] = reasons.get(str(row), 0) + 1
                if reasons[str(row)] == 1:
                    console.fail(str(row))
        except KeyboardInterrupt:
            console.note(
                f"what is done is in {comparison.folder}; the same command goes on from there"
            )
            raise
    return rows, sum(reasons.values())


def _write(
    comparison: "Experiment",
    rows: list["ScoreRow"],
    conditions: dict[str, Any],
    fid: "Inception | None",
    json: bool,
) -> None:
    """Write results over the pairs that all methods have, and say them."""
    from impasto.learning.evaluation import experiment, report

    methods = report.common(rows)
    pairs = len(next(iter(methods.values())))
    if not pairs:
        raise ImpastoError(
            "no pair was painted by all methods, so that nothing compares; leave out methods that failed"
        )
    if pairs < len(comparison.photos) * len(comparison.paintings):
        console.note(f"tables are over the {pairs} pairs that all of {', '.join(methods)} painted")
    by: dict[str, str] = {
        measure: comparison.scorer.by(measure) for measure in comparison.scorer.wanted
    }
    kept: dict[Path, Any] = {}
    distances = {
        label: experiment.frechet(each, fid, kept) if fid else None
        for label, each in methods.items()
    }
    if fid:
        by |= {"fid": fid.identity}
        if None in distances.values():
            console.note("FID is left out: it takes two paintings at least")
    first = next(iter(methods.values()))
    conditions |= {
        "pairs": pairs,
        "photographs": len({row.pair.photo for row in first}),
        "paintings": len({row.pair.painting for row in first}),
        "measures": by,
    }
    summaries = [report.summarize(label, each, distances[label]) for label, each in methods.items()]
    files = report.write_all(
        comparison.folder, methods, summaries, conditions, comparison.iterations
    )
    for summary in summaries:
        line = f"{summary.method:24}"
        line += "".join(
            f"  {column} {s.mean:.3f} (median {s.median:.3f})"
            for column, s in summary.columns.items()
            if column in "CSJ"
        )
        worth = report.shown_worth(summary, comparison.iterations)
        line += f"  worth {worth} iterations" if summary.worth is not None else ""
        console.result(
            line, report.record(summary, comparison.iterations) | {"conditions": conditions}, json
        )
    console.note(
        f"{', '.join(map(str, files))}: {pairs} pairs, {conditions['short side']}, {conditions['perceptual']}"
    )
