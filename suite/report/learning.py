"""Figure: learning curves on validation, a thin line a run, a thick one their mean as far as all of them go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd
import seaborn as sns
from matplotlib.ticker import EngFormatter, FuncFormatter

from suite.report.style import Look, canvas, decade, folded, powers, svg
from suite.report.summary import Summary
from suite.runs import Run, curves


def shared(table: pd.DataFrame) -> pd.DataFrame:
    """The evaluations that all runs of a cell have: beyond, a mean would be that of the runs that are still going."""
    there = table.groupby(["cell", "step"])["id"].transform("nunique")
    return table[there == table.groupby("cell")["id"].transform("nunique")]


def counts(runs: Sequence[Run]) -> str:
    """How many runs of a cell a mean is over, in words."""
    found = Counter(run.spec.cell for run in runs if run.curve)
    few, many = min(found.values(), default=0), max(found.values(), default=0)
    return f"the n = {many} runs of a cell" if few == many else f"the n = {few} to {many} runs of a cell"


def draw(summary: Summary, runs: Sequence[Run], look: Look, name: str) -> str:
    """The figure of one task as SVG, or "" where no run was evaluated twice."""
    table = curves(run for run in runs if run.spec.kind == "train" and run.spec.task == summary.name)
    if table.empty or table.groupby("id").size().max() < 2:
        return ""
    figure, axes = canvas()
    shown = [cell for cell in look.cells if cell in set(table["cell"])]  # whatever order the records came in
    common = {"data": table, "x": "step", "y": "validation", "hue": "cell", "hue_order": shown, "palette": look.colours, "ax": axes, "legend": False}
    sns.lineplot(**common, units="id", estimator=None, linewidth=0.8, alpha=0.65)
    if not summary.searched and len(whole := shared(table)):
        sns.lineplot(**common | {"data": whole}, errorbar=None, linewidth=2)
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
