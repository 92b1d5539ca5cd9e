"""Experiments: photographs x style pictures x methods, painted, saved, read back and scored.

An experiment can be stopped and continued, since it writes every value to disk at once.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ImpastoError, PictureError, WeightsError
from impasto.hardware import available_cores
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.writing import write
from impasto.learning.evaluation import flaws, lpips, metrics, report
from impasto.learning.evaluation.inception import Inception, load_inception
from impasto.learning.evaluation.measures import MEASURES, Measure
from impasto.learning.evaluation.methods import (
    LBFGSMethod,
    LBFGSRuns,
    Method,
    hash_file,
    load_methods,
    parse_methods,
)
from impasto.learning.evaluation.records import SCORES_FILE, ScoreRecords
from impasto.learning.evaluation.scorer import (
    CANONICAL,
    SHORT_SIDE,
    MeasureScorer,
    ObjectiveScorer,
    Pair,
    Values,
)
from impasto.learning.evaluation.summary import (
    EQUIVALENT_ITERATIONS,
    ScoreRow,
    Summary,
    rows_of_shared_pairs,
    summarize,
)
from impasto.learning.optimization.baseline import equivalent_iterations
from impasto.learning.tensors import to_tensor
from impasto.learning.training.inputs import load_losses, set_threads
from impasto.progress import OnProgress, Progress
from impasto.stylizer import Stylizer

# records that are no measures: how a picture was painted, and J of L-BFGS by iteration
PAINTED, CURVE = "painted", "curve"
SMOOTH_FOLDER = "smooth"  # of the pictures whose paintings show whether marks repeat


@dataclass(frozen=True)
class EvaluationSettings:
    """Settings of an evaluation.

    Attributes:
        methods: Names of methods; see `impasto.learning.evaluation.methods.METHOD_HELP`.
        measures: Measures to take.
        size: Short side of photographs and style pictures in pixels.
        perceptual: Perceptual network that scores: "vgg19", "vgg16" or "lite".
        lpips_heads: File of the official heads of LPIPS.
        inception: File of the Inception network; with it, FID or ArtFID is computed.
        engine: Engine of the stylizers.
        device: Device of the stylizers.
        precision: "auto", "bf16" or "f32".
        threads: Number of threads; None for all cores.
        overwrite: Paint and score again what an earlier run did.
    """

    methods: Sequence[str]
    measures: Sequence[Measure] = MEASURES
    size: int = SHORT_SIDE
    perceptual: str = "vgg19"
    lpips_heads: Path | None = None
    inception: Path | None = None
    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        summaries: One for each method that painted, over the pairs that all of them painted.
        conditions: What the figures depend on.
        iterations: Iterations of L-BFGS, beyond which equivalent iterations are not known.
        files: Files of results: tables, plots and a contact sheet.
        failures: Number of pairs and methods that failed, by the reason.
    """

    summaries: Sequence[Summary] = ()
    conditions: Mapping[str, Any] = field(default_factory=dict)
    iterations: int = 0
    files: Sequence[Path] = ()
    failures: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        methods = ", ".join(summary.method for summary in self.summaries)
        return f"Evaluation({methods or 'no method'})"


class Experiment:
    """A run over pairs and methods.

    Args:
        photos: Photographs. Their file stems must differ, as they name pictures.
        paintings: Style pictures; likewise.
        methods: Methods to compare.
        scorer: Takes the measures.
        folder: Folder of pictures and values, also of those of an earlier run.

    Raises:
        ImpastoError: Two files have one stem, or the folder holds something else.
    """

    def __init__(
        self,
        photos: Sequence[Path],
        paintings: Sequence[Path],
        methods: Sequence[Method],
        scorer: MeasureScorer,
        folder: Path,
    ) -> None:
        self.smooth = [
            folder / SMOOTH_FOLDER / f"{scorer.canonical.short}" / f"smooth-{name}.png"
            for name in flaws.SMOOTH_NAMES
        ]
        _check_stems([*photos, *self.smooth])
        _check_stems(paintings)
        self.photos, self.paintings, self.methods = photos, paintings, methods
        self.scorer, self.folder = scorer, folder
        self.records = ScoreRecords(folder / SCORES_FILE)
        self._hashes: dict[Path, str] = {}
        self._smooth: dict[tuple[Path, str], Values] = {}

    def __len__(self) -> int:
        return len(self.photos) * len(self.paintings) * len(self.methods)

    def __repr__(self) -> str:
        counts = f"{len(self.photos)} photographs, {len(self.paintings)} paintings"
        return f"Experiment({counts}, {len(self.methods)} methods)"

    def run(self) -> Iterator[ScoreRow | ImpastoError]:
        """Paint and score, photograph by photograph; an error stands for a pair that failed."""
        for photo in self.photos:
            for painting in self.paintings:
                pair = Pair(photo, painting, self.scorer.canonical.short)
                for method in self.methods:
                    try:
                        yield self._score(pair, method)
                    except ImpastoError as error:
                        yield error

    def _measure_smooth(self, painting: Path, method: Method) -> Values:
        """Paint smooth pictures, and measure how much their paintings repeat; once each.

        A method that cannot paint them has no such values: another tool's folder may lack them.
        """
        key = painting, method.label
        if "repetition" not in self.scorer.measures or key in self._smooth:
            return self._smooth.get(key, {})
        measured = self._smooth[key] = {}
        for name, path in self._smooth_files.items():
            pair = Pair(path, painting, self.scorer.canonical.short)
            with suppress(ImpastoError):
                measured.update(self._score_smooth(pair, method, f"repetition {name}"))
        return measured

    @cached_property
    def _smooth_files(self) -> dict[str, Path]:
        """Write the smooth pictures; return their files by name."""
        pictures = flaws.smooth_pictures(self.scorer.canonical.short)
        files = dict(zip(pictures, self.smooth, strict=True))
        for name, path in files.items():
            write(path, Picture(pictures[name]))
        return files

    def _score_smooth(self, pair: Pair, method: Method, column: str) -> Values:
        identity, path = self._identify(pair, method)
        self._paint(pair, method, identity, path)
        values = self.records.get(pair, method.label, "repetition", identity)
        if values is None:
            values = {column: flaws.repetition(read(path).rgb)}
            self.records.put(pair, method.label, "repetition", identity, values)
        return values

    def _conditions(self, pair: Pair) -> str:
        return (
            f"{pair.short} pixels, photo {self._hash(pair.photo)}, "
            f"painting {self._hash(pair.painting)}"
        )

    def _identify(self, pair: Pair, method: Method) -> tuple[str, Path]:
        """Describe all that a picture depends on, and name its file."""
        path = self.folder / "pictures" / f"{pair.short}" / method.label / f"{pair.name}.png"
        return f"{self._conditions(pair)}, {method.identity(pair)}", path

    def _score(self, pair: Pair, method: Method) -> ScoreRow:
        identity, path = self._identify(pair, method)
        values = self._paint(pair, method, identity, path)
        values |= self._measure(pair, method, identity, path)
        values |= self._measure_smooth(pair.painting, method)
        if self._runs and "J" in values:
            curve = self._curve(pair, self._conditions(pair), self._runs)
            values[EQUIVALENT_ITERATIONS] = equivalent_iterations(values["J"], curve)
        minutes = method.training_minutes(pair.painting)
        # a copy of the pair, which holds no pixels: rows are kept until the end
        return ScoreRow(replace(pair), method.label, path, values, minutes)

    def _paint(self, pair: Pair, method: Method, identity: str, path: Path) -> Values:
        """Paint a pair, unless the file holds the picture of this identity; return the time."""
        conditions = f"{pair.short} pixels"  # not the identity: the file holds the last picture
        record = self.records.get(pair, method.label, PAINTED, conditions)
        if record is None or record["identity"] != identity or not path.is_file():
            output = method.paint(pair)
            write(path, Picture(output.picture))
            milliseconds = output.seconds and 1000 * output.seconds
            values = {"identity": identity, "milliseconds": milliseconds}
            record = self.records.put(pair, method.label, PAINTED, conditions, values)
        return {"milliseconds": record["milliseconds"]}

    def _measure(self, pair: Pair, method: Method, identity: str, path: Path) -> Values:
        """Take the measures of the saved picture that the records do not hold."""
        conditions = {
            measure: f"{identity}; by {self.scorer.network_of(measure)}"
            for measure in self.scorer.measures
        }
        known = {
            measure: self.records.get(pair, method.label, measure, text)
            for measure, text in conditions.items()
        }
        if missing := [measure for measure, values in known.items() if values is None]:
            for measure, scored in self.scorer.score(read(path).rgb, pair, missing).items():
                known[measure] = self.records.put(
                    pair, method.label, measure, conditions[measure], scored
                )
        return {name: value for values in known.values() for name, value in (values or {}).items()}

    @cached_property
    def _runs(self) -> LBFGSRuns | None:
        """Return the runs of L-BFGS that give equivalent iterations, if a method is L-BFGS."""
        return next(
            (method.runs for method in self.methods if isinstance(method, LBFGSMethod)), None
        )

    @property
    def iterations(self) -> int:
        """Return the iterations of L-BFGS; equivalent iterations beyond them are not known."""
        return self._runs.counts[-1] if self._runs else 0

    def _curve(self, pair: Pair, conditions: str, runs: LBFGSRuns) -> list[float]:
        """Return J after 0, 1, 2, ... iterations, from the records if they hold enough."""
        conditions = f"{conditions}, {runs.identity}"
        record = self.records.get(pair, "lbfgs", CURVE, conditions)
        if record is None or len(record["J"]) <= self.iterations:
            record = self.records.put(pair, "lbfgs", CURVE, conditions, {"J": runs.curve(pair)})
        return list(record["J"][: self.iterations + 1])

    def _hash(self, path: Path) -> str:
        if path not in self._hashes:
            try:
                self._hashes[path] = hash_file(path)
            except OSError as error:
                raise PictureError(f"cannot read {path}: {error.strerror or error}") from error
        return self._hashes[path]


def _check_stems(paths: Sequence[Path]) -> None:
    stems = [path.stem for path in paths]
    if double := next((stem for stem in stems if stems.count(stem) > 1), None):
        raise ImpastoError(
            f"cannot evaluate: two pictures are called {double}, which names their results; "
            "rename one of them"
        )


def evaluate_methods(
    photos: Sequence[Path],
    paintings: Sequence[Path],
    folder: Path,
    settings: EvaluationSettings,
    *,
    on_progress: OnProgress | None = None,
    on_note: Callable[[str], None] | None = None,
    on_failure: Callable[[str], None] | None = None,
    on_download: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Paint photographs in the style of paintings by several methods, and measure the results.

    Every picture is saved into the folder, read back and scored. Tables, plots and a contact sheet
    are written beside the pictures. A run that was stopped continues when the same call is made.

    Args:
        photos: Photographs to paint; their file stems must differ.
        paintings: Style pictures; likewise.
        folder: Folder of pictures and results.
        settings: Methods, measures and networks.
        on_progress: Called after each picture.
        on_note: Called with remarks on the results.
        on_failure: Called with each reason of failure, once.
        on_download: Called with bytes done and in all, where weights are downloaded.

    Returns:
        Summaries of the methods. They are empty where no picture could be painted and scored.

    Raises:
        ValueError: A method is unknown.
        ImpastoError: A network or a style is missing or broken, or no pair was painted by all
            methods.
    """
    note = on_note or (lambda _: None)
    specs = parse_methods(settings.methods)
    set_threads(settings.threads or available_cores())
    perceptual = load_losses(settings.perceptual, settings.precision, on_download)
    canonical = ObjectiveScorer(perceptual, settings.size)
    stylizer = partial(
        Stylizer,
        engine=settings.engine,
        device=settings.device,
        threads=settings.threads,
        precision=settings.precision,
    )
    methods = load_methods(specs, canonical, stylizer)
    if settings.perceptual == "vgg19" and perceptual.identity != CANONICAL:
        note(
            f"scored by {perceptual.identity}: figures compare with each other, not with those of "
            "the Oxford VGG-19, as in the README"
        )
    scorer = _load_scorer(canonical, settings, note)
    inception = load_inception(settings.inception) if settings.inception else None
    if settings.overwrite:
        (folder / SCORES_FILE).unlink(missing_ok=True)
    experiment = Experiment(photos, paintings, methods, scorer, folder)
    rows, failures = _run(experiment, on_progress, on_failure or (lambda _: None))
    if not rows:
        return Evaluation(failures=failures)
    conditions = {
        "short side": f"{settings.size} pixels",
        "perceptual": perceptual.identity,
        "cores": settings.threads or available_cores(),
    }
    return _report(experiment, rows, conditions, inception, failures, note)


def _load_scorer(
    canonical: ObjectiveScorer, settings: EvaluationSettings, note: Callable[[str], None]
) -> MeasureScorer:
    """Load the networks of measures; LPIPS is left out where its network is missing."""
    squeezenet, heads = None, None
    if "lpips" in settings.measures:
        heads = lpips.read_heads(settings.lpips_heads) if settings.lpips_heads else None
        try:
            squeezenet = lpips.load_squeezenet()
        except WeightsError as error:
            note(f"lpips is left out: {error}")
    measures = [
        measure
        for measure in MEASURES
        if measure in settings.measures and (measure != "lpips" or squeezenet)
    ]
    return MeasureScorer(canonical, measures, squeezenet, heads)


def _run(
    experiment: Experiment, on_progress: OnProgress | None, on_failure: Callable[[str], None]
) -> tuple[list[ScoreRow], dict[str, int]]:
    """Run an experiment; return its rows, and the number of failures by reason."""
    rows: list[ScoreRow] = []
    failures: dict[str, int] = {}
    start, total, name = time.perf_counter(), len(experiment), ""
    for count, row in enumerate(experiment.run(), 1):
        if isinstance(row, ImpastoError):
            reason = str(row)
            failures[reason] = failures.get(reason, 0) + 1
            if failures[reason] == 1:
                on_failure(reason)
        else:
            rows.append(row)
            name = f"{row.pair.name} {row.method}"
        if on_progress:
            seconds = time.perf_counter() - start
            on_progress(Progress(count / total, seconds, name, count, total, "picture"))
    return rows, failures


def _report(
    experiment: Experiment,
    rows: Sequence[ScoreRow],
    conditions: Mapping[str, Any],
    inception: Inception | None,
    failures: Mapping[str, int],
    note: Callable[[str], None],
) -> Evaluation:
    """Summarize the pairs that all methods painted, and write the results."""
    by_method = rows_of_shared_pairs(rows)
    first = next(iter(by_method.values()))
    if not first:
        raise ImpastoError(
            "cannot compare: no pair was painted by all methods; leave out methods that failed"
        )
    if len(first) < len(experiment.photos) * len(experiment.paintings):
        note(f"tables are over the {len(first)} pairs that all of {', '.join(by_method)} painted")
    scorer = experiment.scorer
    networks: dict[str, str] = {name: scorer.network_of(name) for name in scorer.measures}
    fids: dict[str, float | None] = dict.fromkeys(by_method)
    if inception:
        networks["fid"] = inception.identity
        fids = measure_fids(by_method, inception)
        if None in fids.values():
            note("FID is left out: it takes two paintings at least")
    conditions = {
        **conditions,
        "pairs": len(first),
        "photographs": len({row.pair.photo for row in first}),
        "paintings": len({row.pair.painting for row in first}),
        "measures": networks,
    }
    summaries = [summarize(name, rows, fids[name]) for name, rows in by_method.items()]
    iterations = experiment.iterations
    files = report.write_report(experiment.folder, by_method, summaries, conditions, iterations)
    return Evaluation(summaries, conditions, iterations, files, failures)


def measure_fids(
    by_method: Mapping[str, Sequence[ScoreRow]], inception: Inception
) -> dict[str, float | None]:
    """Measure the Frechet distance of each method's pictures to their style pictures.

    Args:
        by_method: Rows of each method.
        inception: Network; its identity tells FID from ArtFID's own.

    Returns:
        The distance by method; None where there are fewer than two style pictures.
    """
    features: dict[Path, NDArray[np.floating]] = {}
    distances: dict[str, float | None] = {}
    for method, rows in by_method.items():
        if len({row.pair.painting for row in rows}) < 2:
            distances[method] = None
            continue
        for row in rows:
            if row.picture not in features:
                picture = to_tensor([read(row.picture).rgb])
                features[row.picture] = inception(picture)[0].numpy()
            if row.pair.painting not in features:
                painting = to_tensor([row.pair.painting_pixels])
                features[row.pair.painting] = inception(painting)[0].numpy()
        distances[method] = metrics.frechet_distance(
            np.stack([features[row.picture] for row in rows]),
            np.stack([features[row.pair.painting] for row in rows]),
        )
    return distances
