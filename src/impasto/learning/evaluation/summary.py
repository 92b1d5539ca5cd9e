"""Summaries of an experiment: rows of scores, and their distribution by method.

A single pair can dominate a mean, so medians and spread stand beside it. All methods are summarized
over the same pairs: those that all of them painted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from impasto.learning.evaluation.metrics import art_fid, boldness
from impasto.learning.evaluation.scorer import Pair, Values

MILLISECONDS = "milliseconds"
EQUIVALENT_ITERATIONS = "worth"  # its name in files, since the first version
FID, ART_FID = "FID", "ArtFID"
OBJECTIVE_COLUMNS = ("C", "S", "J")
FLAW_COLUMNS = (
    "repetition flat",
    "repetition gradient",
    "repetition sky",
    "repetition style",
    "residue detailed",
    "residue flat",
    "evenness",
    "halo",
    "palette",
)
MEASURE_COLUMNS = (
    "AdaIN content",
    "AdaIN style",
    "CFSD",
    "SSIM",
    "LPIPS",
    "LPIPS-style (no heads)",
)
COLUMNS = (*OBJECTIVE_COLUMNS, *FLAW_COLUMNS, *MEASURE_COLUMNS, MILLISECONDS)


@dataclass(frozen=True)
class ScoreRow:
    """The values of one method on one pair.

    Attributes:
        pair: Photograph and style picture.
        method: Label of the method.
        picture: File of the stylized picture.
        values: Values by column.
        minutes: Minutes of training, where they are known.
    """

    pair: Pair
    method: str
    picture: Path
    values: Values
    minutes: float | None


@dataclass(frozen=True)
class Spread:
    """The distribution of a value over pairs: mean, median, deviation, 10th and 90th percentile."""

    mean: float
    median: float
    deviation: float
    p10: float
    p90: float


@dataclass(frozen=True)
class Summary:
    """One method over the pairs of an experiment.

    Attributes:
        method: Label of the method.
        pairs: Number of pairs.
        columns: Spread by column.
        equivalent_iterations: Median number of iterations that L-BFGS takes to the same J. It is
            infinite where L-BFGS did not reach the J of most pairs, and None without L-BFGS.
        fid: Frechet distance to the style pictures, where it was measured.
        minutes: Minutes of training, averaged over style pictures, where they are known.
    """

    method: str
    pairs: int
    columns: Mapping[str, Spread]
    equivalent_iterations: float | None = None
    fid: float | None = None
    minutes: float | None = None

    @property
    def art_fid(self) -> float | None:
        """Combine LPIPS and FID, where both were measured."""
        content = self.columns.get("LPIPS") or self.columns.get("LPIPS-style (no heads)")
        return art_fid(content.mean, self.fid) if content and self.fid is not None else None

    def iterations_text(self, iterations: int) -> str:
        """Format the equivalent iterations: "12", "> 50" beyond the run of L-BFGS, or "-"."""
        if self.equivalent_iterations is None:
            return "-"
        if math.isinf(self.equivalent_iterations):
            return f"> {iterations}"
        return f"{self.equivalent_iterations:.0f}"

    def to_json(self, iterations: int) -> dict[str, Any]:
        """Convert to a JSON object.

        Args:
            iterations: Iterations of L-BFGS. Equivalent iterations beyond them are null.
        """
        record: dict[str, Any] = {"method": self.method, "pairs": self.pairs}
        for column, values in self.columns.items():
            record[column] = {name: round_digits(value) for name, value in vars(values).items()}
        if self.equivalent_iterations is not None:
            reached = not math.isinf(self.equivalent_iterations)
            record[EQUIVALENT_ITERATIONS] = self.equivalent_iterations if reached else None
            record["iterations"] = iterations
        extra = {FID: self.fid, ART_FID: self.art_fid, "minutes": self.minutes}
        return record | {
            name: round_digits(value) for name, value in extra.items() if value is not None
        }


def measure_spread(values: Sequence[float]) -> Spread:
    """Compute mean, median, standard deviation (over n), 10th and 90th percentile."""
    low, median, high = np.percentile(values, [10, 50, 90])
    mean, deviation = float(np.mean(values)), float(np.std(values))
    return Spread(mean, float(median), deviation, float(low), float(high))


def rows_of_shared_pairs(rows: Sequence[ScoreRow]) -> dict[str, list[ScoreRow]]:
    """Group rows by method, and keep the pairs that every method has."""
    by_method: dict[str, list[ScoreRow]] = {}
    for row in rows:
        by_method.setdefault(row.method, []).append(row)
    names = [{row.pair.name for row in rows} for rows in by_method.values()]
    shared = set.intersection(*names) if names else set()
    return {
        method: [row for row in rows if row.pair.name in shared]
        for method, rows in by_method.items()
    }


def summarize(method: str, rows: Sequence[ScoreRow], fid: float | None = None) -> Summary:
    """Summarize the rows of one method."""
    columns = {}
    for column in COLUMNS:
        values = [row.values[column] for row in rows if row.values.get(column) is not None]
        if values:
            columns[column] = measure_spread(values)
    iterations = [
        math.inf if row.values[EQUIVALENT_ITERATIONS] is None else row.values[EQUIVALENT_ITERATIONS]
        for row in rows
        if EQUIVALENT_ITERATIONS in row.values
    ]
    # the upper median, as infinities have no mean
    median = sorted(iterations)[len(iterations) // 2] if iterations else None
    minutes = {row.pair.painting: row.minutes for row in rows if row.minutes is not None}
    mean_minutes = sum(minutes.values()) / len(minutes) if minutes else None
    return Summary(method, len(rows), columns, median, fid, mean_minutes)


def summarize_paintings(by_method: Mapping[str, Sequence[ScoreRow]]) -> dict[str, dict[str, Any]]:
    """Summarize style pictures: boldness, and each method's means over photographs.

    The means are those of C, S, J and the flaws, as far as they were measured.
    """
    paintings: dict[str, dict[str, Any]] = {}
    for method, rows in by_method.items():
        by_painting: dict[Path, list[ScoreRow]] = {}
        for row in rows:
            by_painting.setdefault(row.pair.painting, []).append(row)
        for painting, painted in by_painting.items():
            if painting.stem not in paintings:
                strength = boldness(painted[0].pair.painting_pixels)
                paintings[painting.stem] = {"boldness": round_digits(strength)}
            if means := _mean_columns(painted):
                paintings[painting.stem][method] = means
    return paintings


def _mean_columns(rows: Sequence[ScoreRow]) -> dict[str, float]:
    """Average C, S, J and the flaws over rows; columns without a value are left out."""
    means = {}
    for column in (*OBJECTIVE_COLUMNS, *FLAW_COLUMNS):
        values = [row.values[column] for row in rows if row.values.get(column) is not None]
        if values:
            means[column] = round_digits(float(np.mean(values)))
    return means


def split_by_boldness(
    paintings: Mapping[str, Mapping[str, Any]],
) -> tuple[list[str], list[str]]:
    """Split style pictures into the bolder half and the rest, the boldest first."""
    ordered = sorted(paintings, key=lambda stem: -paintings[stem]["boldness"])
    half = (len(ordered) + 1) // 2
    return ordered[:half], ordered[half:]


def round_digits(value: float) -> float:
    """Round to five significant digits."""
    return float(f"{value:.5g}")
