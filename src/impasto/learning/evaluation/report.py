"""Reports of an experiment: Markdown tables, a JSON file, plots and a contact sheet."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from impasto.files import write_atomically
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.writing import write
from impasto.learning.evaluation.plots import draw_plots
from impasto.learning.evaluation.scorer import FLAWS
from impasto.learning.evaluation.summary import (
    ART_FID,
    FID,
    FLAW_COLUMNS,
    MEASURE_COLUMNS,
    MILLISECONDS,
    OBJECTIVE_COLUMNS,
    ScoreRow,
    Summary,
    split_by_boldness,
    summarize_paintings,
)
from impasto.sheets.contact_sheet import contact_sheet

LBFGS_PREFIX = "lbfgs-"  # of labels of L-BFGS; the number of iterations follows
MIN_PAINTINGS = 4  # fewer are not split into bold and subdued
SHEET_PAIRS = 4  # rows of the contact sheet
SHEET_WIDTH = 256  # pixels, of a picture there
SPREAD_NOTE = "Mean / median ± standard deviation over pairs"


def write_report(
    folder: Path,
    by_method: Mapping[str, Sequence[ScoreRow]],
    summaries: Sequence[Summary],
    conditions: Mapping[str, Any],
    iterations: int,
) -> list[Path]:
    """Write results.md, results.json, plots and sheet.png into a folder.

    Args:
        folder: Folder of the results.
        by_method: Rows of each method, over the same pairs.
        summaries: Summary of each method.
        conditions: What the figures depend on.
        iterations: Iterations of L-BFGS among the methods, or 0.

    Returns:
        The files.

    Raises:
        OSError: A file cannot be written.
        PictureError: A picture cannot be read, or the sheet cannot be written.
    """
    paintings = summarize_paintings(by_method)
    results = {
        "conditions": dict(conditions),
        "methods": [summary.to_json(iterations) for summary in summaries],
        "paintings": paintings,
    }
    tables = (tabulate(summaries, conditions, iterations), tabulate_boldness(paintings))
    named = ("short side", "pairs", "perceptual")
    title = "; ".join(f"{name}: {value}" for name, value in conditions.items() if name in named)
    files = {
        "results.md": "\n".join(table for table in tables if table).encode(
            errors="backslashreplace"
        ),
        "results.json": (json.dumps(results, indent=2) + "\n").encode(),
        **draw_plots(summaries, title),
    }
    for name, data in files.items():
        write_atomically(folder / name, data)
    write(folder / "sheet.png", make_sheet(by_method))
    return [folder / name for name in (*files, "sheet.png")]


def tabulate(summaries: Sequence[Summary], conditions: Mapping[str, Any], iterations: int) -> str:
    """Write Markdown tables under their conditions: the canonical objective, flaws, other measures.

    A table without figures is left out.
    """
    text = "; ".join(f"{name}: {value}" for name, value in conditions.items() if name != "measures")
    networks = conditions.get("measures", {})
    parts = ["# Stylized pictures, measured\n"]
    if any("J" in summary.columns for summary in summaries):
        parts += [
            "## The canonical objective, J = C + 5 S (lower is better)\n",
            f"{text}; by {networks.get('canonical')}. {SPREAD_NOTE}.\n",
            _tabulate_objective(summaries, iterations),
        ]
    if table := _tabulate_flaws(summaries):
        parts += [
            "## Flaws (repetition, residue, palette: lower is better; evenness, halo: low values "
            "are flaws)\n",
            f"{text}; by pixels. {SPREAD_NOTE}.\n",
            table,
        ]
    if table := _tabulate_measures(summaries):
        by = "; ".join(
            f"{measure} by {network}"
            for measure, network in networks.items()
            if measure != "canonical" and measure not in FLAWS
        )
        parts += [
            "## Measures of other papers (SSIM: higher is better; all others: lower)\n",
            f"{text}; {by}. {SPREAD_NOTE}; they compare within this table only.\n",
            table,
        ]
    return "\n".join(parts)


def _tabulate_objective(summaries: Sequence[Summary], iterations: int) -> str:
    head = [
        *("method", *OBJECTIVE_COLUMNS, "J, 10th to 90th percentile"),
        *("worth in L-BFGS iterations (median)", "ms (median)", "minutes of training"),
    ]
    rows = []
    for summary in summaries:
        total, time = summary.columns.get("J"), summary.columns.get(MILLISECONDS)
        rows.append(
            [
                summary.method,
                *(_format_spread(summary, column) for column in OBJECTIVE_COLUMNS),
                f"{_format(total.p10)} to {_format(total.p90)}" if total else "-",
                summary.iterations_text(iterations),
                f"{time.median:.0f}" if time else "-",
                "-" if summary.minutes is None else f"{summary.minutes:.0f}",
            ]
        )
    return format_table(head, rows)


def _tabulate_flaws(summaries: Sequence[Summary]) -> str:
    """Write the table of flaws that at least one method has; nothing where there are none."""
    flaws = [column for column in FLAW_COLUMNS if any(column in s.columns for s in summaries)]
    if not flaws:
        return ""
    rows = [
        [summary.method, *(_format_spread(summary, column) for column in flaws)]
        for summary in summaries
    ]
    return format_table(["method", *flaws], rows)


def _tabulate_measures(summaries: Sequence[Summary]) -> str:
    """Write the table of measures that at least one method has; nothing where there are none."""
    columns = [column for column in MEASURE_COLUMNS if any(column in s.columns for s in summaries)]
    distances = {
        FID: [summary.fid for summary in summaries],
        ART_FID: [summary.art_fid for summary in summaries],
    }
    distances = {
        name: values for name, values in distances.items() if values != [None] * len(values)
    }
    if not columns and not distances:
        return ""
    rows = [
        [
            summary.method,
            *(_format_spread(summary, column) for column in columns),
            *(_format(values[index]) for values in distances.values()),
        ]
        for index, summary in enumerate(summaries)
    ]
    return format_table(["method", *columns, *distances], rows)


def tabulate_boldness(paintings: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a table of each method's mean J over bold and over subdued style pictures.

    With L-BFGS among the methods, the table also has J over that of the longest run of L-BFGS, as
    style pictures differ in the J that any method can reach. Methods that miss a style picture are
    left out.

    Args:
        paintings: Boldness and scores by style picture; see `summarize_paintings`.

    Returns:
        Markdown; nothing for fewer than `MIN_PAINTINGS` style pictures.
    """
    if len(paintings) < MIN_PAINTINGS:
        return ""
    groups = split_by_boldness(paintings)
    entries = list(paintings.values())
    methods = [
        name
        for name in entries[0]
        if name != "boldness" and all("J" in entry.get(name, ()) for entry in entries)
    ]
    if not methods:
        return ""
    counts = [
        int(name.removeprefix(LBFGS_PREFIX)) for name in methods if name.startswith(LBFGS_PREFIX)
    ]
    head, references = ["method", "bold", "subdued", "ratio"], [""]
    if counts:
        references.append(f"{LBFGS_PREFIX}{max(counts)}")
        head += [f"bold, over {references[1]}", f"subdued, over {references[1]}", "ratio"]
    rows = []
    for method in methods:
        cells = [method]
        for reference in references:
            bold, subdued = (_mean_ratio(paintings, group, method, reference) for group in groups)
            cells += [_format(bold), _format(subdued), f"{subdued / bold:.2f}"]
        rows.append(cells)
    least = min(paintings[stem]["boldness"] for stem in groups[0])
    return (
        "## J of bold and of subdued paintings\n\n"
        f"Bold are the {len(groups[0])} paintings with the strongest edges (mean Sobel gradient of "
        f"luminance {least:.3f} or more); subdued are the others.\n\n{format_table(head, rows)}"
    )


def _mean_ratio(
    paintings: Mapping[str, Mapping[str, Any]], group: Sequence[str], method: str, reference: str
) -> float:
    """Average J of a method over a group, divided by that of a reference method if one is named."""
    ratios = [
        paintings[stem][method]["J"] / (paintings[stem][reference]["J"] if reference else 1)
        for stem in group
    ]
    return float(np.mean(ratios))


def _format(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"


def _format_spread(summary: Summary, column: str) -> str:
    values = summary.columns.get(column)
    if values is None:
        return "-"
    return f"{_format(values.mean)} / {_format(values.median)} ± {_format(values.deviation)}"


def format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a Markdown table; all columns but the first are aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def make_sheet(by_method: Mapping[str, Sequence[ScoreRow]]) -> Picture:
    """Make a contact sheet of some pairs: photograph, style picture and the methods' pictures."""
    first = next(iter(by_method.values()))
    count = min(SHEET_PAIRS, len(first))
    cells = []
    for number in (round(place) for place in np.linspace(0, len(first) - 1, count)):
        pair = first[number].pair
        cells += [("photograph", pair.photo_pixels), (pair.painting.stem, pair.painting_pixels)]
        cells += [(method, read(rows[number].picture).rgb) for method, rows in by_method.items()]
    return Picture(contact_sheet(cells, columns=2 + len(by_method), width=SHEET_WIDTH))
