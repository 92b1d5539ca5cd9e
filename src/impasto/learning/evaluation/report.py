"""What a comparison comes to: a summary, a Markdown table, plots and a contact sheet.

Single pairs can rule a mean, so medians and spread stand beside it; and every figure is taken over
the same pairs, those that all methods painted.
"""

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from impasto.files import write_atomically
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.writing import write
from impasto.learning.evaluation import scorer
from impasto.learning.evaluation.experiment import ScoreRow
from impasto.learning.evaluation.metrics import art_fid, boldness
from impasto.sheets.contact_sheet import contact_sheet

COLUMNS = (
    "C",
    "S",
    "J",
    "AdaIN content",
    "AdaIN style",
    "CFSD",
    "SSIM",
    "LPIPS",
    "LPIPS-style (no heads)",
    "milliseconds",
)
WORTH, FID, ART_FID = "worth", "FID", "ArtFID"
OPTIMIZED = "lbfgs-"  # what labels of optimization start with; iterations follow
FEW_PAINTINGS = 4  # below which they are not split into bold and subdued
SHEET_PAIRS = 4  # rows of the contact sheet


@dataclass(frozen=True)
class Spread:
    """How a figure is distributed over pairs."""

    mean: float
    median: float
    deviation: float
    p10: float
    p90: float


def spread(values: Sequence[float]) -> Spread:
    """Mean, median, standard deviation (over n), 10th and 90th percentile."""
    low, median, high = np.percentile(values, [10, 50, 90])
    return Spread(
        float(np.mean(values)), float(median), float(np.std(values)), float(low), float(high)
    )


@dataclass(frozen=True)
class Summary:
    """One method over the pairs of a comparison.

    Attributes:
        method: its label.
        pairs: how many.
        columns: spread by column.
        worth: median of iterations of L-BFGS, infinite where most pairs are worth more than it was
            run for; None without it.
        fid: Frechet distance to the paintings, if it was asked for.
        minutes: of training, mean over paintings, where it is known.
    """

    method: str
    pairs: int
    columns: Mapping[str, Spread]
    worth: float | None = None
    fid: float | None = None
    minutes: float | None = None

    @property
    def art_fid(self) -> float | None:
        content = self.columns.get("LPIPS") or self.columns.get("LPIPS-style (no heads)")
        return art_fid(content.mean, self.fid) if content and self.fid is not None else None


def common(rows: Sequence[ScoreRow]) -> dict[str, list[ScoreRow]]:
    """Rows by method, of the pairs alone that all methods have which have any."""
    methods: dict[str, list[ScoreRow]] = {}
    for row in rows:
        methods.setdefault(row.method, []).append(row)
    pairs = [{row.pair.name for row in each} for each in methods.values()]
    shared = set.intersection(*pairs) if pairs else set()
    return {
        method: [row for row in each if row.pair.name in shared] for method, each in methods.items()
    }


def summarize(method: str, rows: Sequence[ScoreRow], fid: float | None = None) -> Summary:
    """The summary of one method's rows."""
    known = {
        column: [row.values[column] for row in rows if row.values.get(column) is not None]
        for column in COLUMNS
    }
    worths = [
        math.inf if row.values[WORTH] is None else row.values[WORTH]
        for row in rows
        if WORTH in row.values
    ]
    minutes = {row.pair.painting: row.minutes for row in rows if row.minutes is not None}
    return Summary(
        method,
        len(rows),
        {column: spread(values) for column, values in known.items() if values},
        _median(worths) if worths else None,
        fid,
        sum(minutes.values()) / len(minutes) if minutes else None,
    )


def _median(values: Sequence[float]) -> float:
    """The upper median: of infinities no mean is taken."""
    return sorted(values)[len(values) // 2]


def shown_worth(summary: Summary, iterations: int) -> str:
    """`12`, or `> 50` of what the optimizer did not reach."""
    if summary.worth is None:
        return "-"
    return f"> {iterations}" if math.isinf(summary.worth) else f"{summary.worth:.0f}"


def record(summary: Summary, iterations: int) -> dict[str, Any]:
    """A summary as JSON has it; `worth` is null where the optimizer, so many iterations long, did
    not come so low."""
    columns = {
        column: {key: _rounded(value) for key, value in vars(s).items()}
        for column, s in summary.columns.items()
    }
    found: dict[str, Any] = {"method": summary.method, "pairs": summary.pairs, **columns}
    if summary.worth is not None:
        found |= {
            WORTH: None if math.isinf(summary.worth) else summary.worth,
            "iterations": iterations,
        }
    extra = {FID: summary.fid, ART_FID: summary.art_fid, "minutes": summary.minutes}
    return found | {key: _rounded(value) for key, value in extra.items() if value is not None}


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def by_painting(methods: Mapping[str, Sequence[ScoreRow]]) -> dict[str, dict[str, Any]]:
    """Of each painting its boldness, and the mean C, S and J of each method over the
    photographs."""
    found: dict[str, dict[str, Any]] = {}
    for method, rows in methods.items():
        for painting in dict.fromkeys(row.pair.painting for row in rows):
            short = rows[0].pair.short
            entry = found.setdefault(
                painting.stem, {"boldness": _rounded(boldness(scorer.load(painting, short)))}
            )
            values = [
                row.values for row in rows if row.pair.painting == painting and "J" in row.values
            ]
            if values:
                entry[method] = {
                    key: _rounded(float(np.mean([v[key] for v in values]))) for key in "CSJ"
                }
    return found


def groups(paintings: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Paintings in two halves, bold and subdued, by their boldness."""
    ordered = sorted(paintings, key=lambda stem: -paintings[stem]["boldness"])
    half = (len(ordered) + 1) // 2
    return ordered[:half], ordered[half:]


def bold_and_subdued(paintings: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of the mean J of each method over both groups; nothing if there are too few paintings
    to speak of groups.

    With L-BFGS among the methods also of J over that of its most iterations: paintings differ in
    how near anything can come.
    """
    if len(paintings) < FEW_PAINTINGS:
        return ""
    both = groups(paintings)
    bold = both[0]
    entries = paintings.values()
    methods = [
        m for m in next(iter(entries)) if m != "boldness" and all(m in entry for entry in entries)
    ]
    if not methods:
        return ""
    counts = [int(m.removeprefix(OPTIMIZED)) for m in methods if m.startswith(OPTIMIZED)]
    head, reference = ["method", "bold", "subdued", "ratio"], f"{OPTIMIZED}{max(counts, default=0)}"
    if counts:
        head += [f"bold, over {reference}", f"subdued, over {reference}", "ratio"]
    rows = []
    for method in methods:
        cells = [method]
        for under in [None, reference] if counts else [None]:
            means = [
                float(
                    np.mean(
                        [
                            paintings[s][method]["J"] / (paintings[s][under]["J"] if under else 1)
                            for s in group
                        ]
                    )
                )
                for group in both
            ]
            cells += [*map(_number, means), f"{means[1] / means[0]:.2f}"]
        rows.append(cells)
    least = min(paintings[stem]["boldness"] for stem in bold)
    said = f"The {len(bold)} paintings whose edges are strongest (mean Sobel gradient of luminance {least:.3f} or more), the rest."
    return f"## J of bold and of subdued paintings\n\n{said}\n\n" + _table(head, rows)


def markdown(summaries: Sequence[Summary], conditions: Mapping[str, Any], iterations: int) -> str:
    """Two tables, the canonical objective and the field's measures, each under what it was measured
    on."""
    fields = [column for column in COLUMNS[3:-1] if any(column in s.columns for s in summaries)]
    sets = [
        name
        for name, key in ((FID, "fid"), (ART_FID, "art_fid"))
        if any(getattr(s, key) is not None for s in summaries)
    ]
    said = "; ".join(f"{key}: {value}" for key, value in conditions.items() if key != "measures")
    networks = conditions.get("measures", {})
    parts = ["# Painted pictures, measured\n"]
    if any("J" in s.columns for s in summaries):
        parts.append("## The canonical objective, J = C + 5 S (lower is better)\n")
        parts.append(
            f"{said}; by {networks.get('canonical')}. Mean / median ± standard deviation over pairs.\n"
        )
        head = [
            "method",
            "C",
            "S",
            "J",
            "J, 10th to 90th percentile",
            "worth in L-BFGS iterations (median)",
            "ms (median)",
        ]
        rows = [
            [
                s.method,
                *(_cell(s, column) for column in "CSJ"),
                _range(s),
                shown_worth(s, iterations),
                _ms(s),
            ]
            for s in summaries
        ]
        parts.append(
            _table(
                [*head, "minutes of training"],
                [[*r, _minutes(s)] for r, s in zip(rows, summaries, strict=True)],
            )
        )
    if fields or sets:
        parts.append("## The field's measures (SSIM: higher is better; all others: lower)\n")
        by = "; ".join(
            f"{measure} by {network}"
            for measure, network in networks.items()
            if measure != "canonical"
        )
        parts.append(
            f"{said}; {by}. Mean / median ± standard deviation over pairs; they compare within this table only.\n"
        )
        cells = [
            [
                s.method,
                *(_cell(s, c) for c in fields),
                *(_number(getattr(s, _KEYS[n])) for n in sets),
            ]
            for s in summaries
        ]
        parts.append(_table(["method", *fields, *sets], cells))
    return "\n".join(parts)


_KEYS = {FID: "fid", ART_FID: "art_fid"}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"


def _cell(summary: Summary, column: str) -> str:
    found = summary.columns.get(column)
    return (
        f"{_number(found.mean)} / {_number(found.median)} ± {_number(found.deviation)}"
        if found
        else "-"
    )


def _range(summary: Summary) -> str:
    found = summary.columns.get("J")
    return f"{_number(found.p10)} to {_number(found.p90)}" if found else "-"


def _ms(summary: Summary) -> str:
    found = summary.columns.get("milliseconds")
    return f"{found.median:.0f}" if found else "-"


def _minutes(summary: Summary) -> str:
    return "-" if summary.minutes is None else f"{summary.minutes:.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def plots(summaries: Sequence[Summary], said: str) -> dict[str, bytes]:
    """PNG files by name: S against C, J against milliseconds, J against minutes of training; those
    that have a mark."""
    drawn = {
        "style-against-content.png": _plot(
            [
                (s.method, s.columns["C"].mean, s.columns["S"].mean)
                for s in summaries
                if "J" in s.columns
            ],
            ("C, content error", "S, style error"),
            said,
        ),
        "quality-against-time.png": _plot(
            [
                (s.method, s.columns["milliseconds"].median, s.columns["J"].mean)
                for s in summaries
                if "J" in s.columns and "milliseconds" in s.columns
            ],
            ("milliseconds a picture", "J = C + 5 S"),
            said,
            logarithmic=True,
        ),
        "quality-against-training.png": _plot(
            [
                (s.method, s.minutes, s.columns["J"].mean)
                for s in summaries
                if "J" in s.columns and s.minutes
            ],
            ("minutes of training", "J = C + 5 S"),
            said,
            logarithmic=True,
        ),
    }
    return {name: data for name, data in drawn.items() if data}


def _plot(
    marks: Sequence[tuple[str, float, float]],
    axes: tuple[str, str],
    said: str,
    logarithmic: bool = False,
) -> bytes:
    """One mark a method, named beside it; nothing if there is no mark."""
    if not marks:
        return b""
    figure = Figure(figsize=(7, 5), layout="constrained")
    plot = figure.subplots()
    for label, x, y in marks:
        plot.scatter(x, y)
        plot.annotate(label, (x, y), textcoords="offset points", xytext=(6, 4))
    plot.set(xlabel=axes[0], ylabel=axes[1], xscale="log" if logarithmic else "linear")
    plot.margins(x=0.3, y=0.2)  # room for names
    plot.set_ylim(bottom=0)
    if not logarithmic:
        plot.set_xlim(left=0)
    plot.set_title(said, fontsize=8)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    return data.getvalue()


def sheet(methods: Mapping[str, Sequence[ScoreRow]]) -> Picture:
    """Some pairs, a row each: photograph, painting, and what each method made of them."""
    first = next(iter(methods.values()))
    chosen = [round(i) for i in np.linspace(0, len(first) - 1, min(SHEET_PAIRS, len(first)))]
    cells = []
    for i in chosen:
        pair = first[i].pair
        cells += [
            ("photograph", pair.pixels),
            (pair.painting.stem, scorer.load(pair.painting, pair.short)),
        ]
        cells += [(method, read(rows[i].picture).rgb) for method, rows in methods.items()]
    return Picture(contact_sheet(cells, columns=2 + len(methods), width=256))


def write_all(
    folder: Path,
    methods: Mapping[str, Sequence[ScoreRow]],
    summaries: Sequence[Summary],
    conditions: Mapping[str, Any],
    iterations: int,
) -> list[Path]:
    """Write results.md, results.json, the plots and sheet.png into a folder; the files. Raises
    OSError or PictureError."""
    said = "; ".join(
        f"{key}: {value}"
        for key, value in conditions.items()
        if key in ("short side", "pairs", "perceptual")
    )
    paintings = by_painting(methods)
    everything = {
        "conditions": dict(conditions),
        "methods": [record(summary, iterations) for summary in summaries],
        "paintings": paintings,
    }
    text = "\n".join(
        part
        for part in (markdown(summaries, conditions, iterations), bold_and_subdued(paintings))
        if part
    )
    files = {
        "results.md": text.encode(),
        "results.json": (json.dumps(everything, indent=2, ensure_ascii=False) + "\n").encode(),
        **plots(summaries, said),
    }
    for name, data in files.items():
        write_atomically(folder / name, data)
    write(folder / "sheet.png", sheet(methods))
    return [folder / name for name in (*files, "sheet.png")]
