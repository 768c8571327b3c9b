"""Figure: the score against parameters, every run a dot, the 95 % interval of the mean over it, the best baselines lines."""

from __future__ import annotations

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.ticker import FuncFormatter

from suite.report.style import INK, Look, canvas, logarithmic, shown, svg
from suite.report.summary import Summary


def draw(summary: Summary, look: Look, name: str) -> str:
    """The figure of one task as SVG, or "" where no run has a score."""
    rows = [{"cell": s.cell, "parameters": s.parameters, "score": value} for s in summary.scores for value in s.values if s.parameters]
    if not rows:
        return ""
    table = pd.DataFrame(rows)
    figure, axes = canvas()
    share = summary.task.share
    sns.scatterplot(
        table, x="parameters", y="score", hue="cell", style="cell", palette=look.colours, markers=look.marks, ax=axes, legend=False, alpha=0.55, s=34, linewidth=0, zorder=3
    )
    for score in summary.scores:
        if score.interval and score.parameters:
            low, high = score.interval.center - score.interval.low, score.interval.high - score.interval.center
            axes.errorbar([score.parameters], [score.interval.center], [[low], [high]], color=look.colours[score.cell], capsize=4, linewidth=1.6, zorder=4)
            axes.plot([score.parameters], [score.interval.center], marker="_", markersize=12, color=look.colours[score.cell], zorder=5)
    _scale(axes, table, share)
    for found, dashes, x, side in ((summary.baseline, "--", 1.0, "right"), (summary.whole, ":", 0.01, "left")):
        if found is None:
            continue
        label, line = found
        axes.axhline(line.center, color=INK, linestyle=dashes, linewidth=1, zorder=2)
        axes.annotate(label, (x, line.center), xycoords=("axes fraction", "data"), ha=side, va="bottom", fontsize=8, color=INK, xytext=(0, 2), textcoords="offset points")
    axes.set_xlabel("parameters")
    axes.set_ylabel(f"test {summary.measure}")
    return svg(figure, name, f"Test {summary.measure} against parameters on {summary.label}", described(summary))


def _scale(axes: Any, table: pd.DataFrame, share: bool) -> None:
    logarithmic(axes, table["parameters"].min() / 1.3, table["parameters"].max() * 1.3, lambda v: f"{v / 1000:g}k")
    if share:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    elif table["score"].min() > 0:
        axes.set_yscale("log")


def described(summary: Summary) -> str:
    """The figure in words."""
    parts = [f"{s.cell}: {shown(s.interval.center, summary.measure)}, n = {s.interval.n}" for s in summary.scores if s.interval]
    lines = (("best trivial baseline", summary.baseline), ("best model of the whole sequence at once", summary.whole))
    return ". ".join(parts) + "".join(f"; {name} {shown(found[1].center, summary.measure)}" for name, found in lines if found)
