"""Plots of an experiment: quality against content, time and training."""

import io
import os
from collections.abc import Sequence
from unittest.mock import patch

from impasto.learning.evaluation.summary import MILLISECONDS, Summary
from impasto.paths import home

# Matplotlib lists all fonts of the system by a process of its own, and keeps the list. The plots
# use the font that it brings along, and so does without that process.
if (_cache := home()) is not None and not os.environ.get("MPLCONFIGDIR"):
    os.environ["MPLCONFIGDIR"] = str(_cache / "matplotlib")
with patch("subprocess.check_output", side_effect=FileNotFoundError):
    from matplotlib.figure import Figure

Point = tuple[str, float, float]  # label, x, y


def draw_plots(summaries: Sequence[Summary], title: str) -> dict[str, bytes]:
    """Draw S against C, J against milliseconds, and J against minutes of training.

    Returns:
        PNG files by name. Plots without a point are left out.
    """
    scored = [summary for summary in summaries if "J" in summary.columns]
    content = [(s.method, s.columns["C"].mean, s.columns["S"].mean) for s in scored]
    timed = [
        (s.method, s.columns[MILLISECONDS].median, s.columns["J"].mean)
        for s in scored
        if MILLISECONDS in s.columns
    ]
    trained = [(s.method, s.minutes, s.columns["J"].mean) for s in scored if s.minutes]
    axes = ("C, content error", "S, style error")
    plots = {"style-against-content.png": _draw_plot(content, axes, title)}
    for name, points, axis in (
        ("quality-against-time.png", timed, "milliseconds a picture"),
        ("quality-against-training.png", trained, "minutes of training"),
    ):
        plots[name] = _draw_plot(points, (axis, "J = C + 5 S"), title, logarithmic=True)
    return {name: data for name, data in plots.items() if data}


def _draw_plot(
    points: Sequence[Point], axes: tuple[str, str], title: str, logarithmic: bool = False
) -> bytes:
    """Draw one labeled point for each method; return no bytes where there is no point."""
    if not points:
        return b""
    figure = Figure(figsize=(7, 5), layout="constrained")
    plot = figure.subplots()
    for label, x, y in points:
        plot.scatter(x, y)
        plot.annotate(label, (x, y), textcoords="offset points", xytext=(6, 4))
    plot.set(xlabel=axes[0], ylabel=axes[1], xscale="log" if logarithmic else "linear")
    plot.margins(x=0.3, y=0.2)  # room for labels
    plot.set_ylim(bottom=0)
    if not logarithmic:
        plot.set_xlim(left=0)
    plot.set_title(title, fontsize=8)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    return data.getvalue()
