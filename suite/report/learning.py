"""Figure: learning curves on validation, a thin line a run, a thick one their mean."""

from __future__ import annotations

from collections.abc import Sequence

import seaborn as sns
from matplotlib.ticker import EngFormatter, FuncFormatter

from suite.report.style import Look, canvas, decade, folded, powers, svg
from suite.report.summary import Summary
from suite.runs import Run, curves


def draw(summary: Summary, runs: Sequence[Run], look: Look, name: str) -> str:
    """The figure of one task as SVG, or "" where no run was evaluated twice."""
    table = curves(run for run in runs if run.spec.kind == "train" and run.spec.task == summary.name)
    if table.empty or table.groupby("id").size().max() < 2:
        return ""
    figure, axes = canvas()
    shown = [cell for cell in look.cells if cell in set(table["cell"])]  # whatever order the records came in
    common = {"data": table, "x": "step", "y": "validation", "hue": "cell", "hue_order": shown, "palette": look.colours, "ax": axes, "legend": False}
    sns.lineplot(**common, units="id", estimator=None, linewidth=0.8, alpha=0.65)
    if not summary.searched:
        sns.lineplot(**common, errorbar=None, linewidth=2)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if summary.task.share:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    elif decade(list(table["validation"])):
        axes.set_yscale("log")
        powers(axes.yaxis)
    axes.set_xlabel("updates")
    axes.set_ylabel(folded(f"validation {summary.measure}"))
    last = table.sort_values("step").groupby(["cell", "id"])["validation"].last().groupby("cell").agg(["mean", "min", "max", "count"])
    words = "; ".join(f"{cell} ends at {mean:.3g} on average, {least:.3g} to {most:.3g}, n = {n}" for cell, mean, least, most, n in last.itertuples())
    return svg(figure, name, f"Learning curves on {summary.label}", f"Validation {summary.measure} over updates, {table['id'].nunique()} runs. {words}")
