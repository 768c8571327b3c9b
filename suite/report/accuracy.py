"""Figure: the score against parameters, every run a dot, the 95 % interval of the mean over it, the cells that no other dominates joined by a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.ticker import EngFormatter, FuncFormatter

from suite.report.costs import Priced, front, priced
from suite.report.style import INK, Drawn, Look, canvas, decade, folded, logarithmic, powers, short, shown, svg
from suite.report.summary import Summary
from suite.runs import Run

PALE = 0.35  # of a cell that another beats at the same cost or less


def stretched(summary: Summary, among: Sequence[Summary] = ()) -> bool:
    """Whether scores stand on a log axis: where those of the task, or of one `among` others of its family, span a factor of ten with their baselines, and none of the family is 0."""
    family = [s for s in (summary, *among) if s.name.partition("(")[0] == summary.name.partition("(")[0] and s.measure == summary.measure]
    values = [[*(value for score in s.scores for value in score.values), *(line[1].center for line in (s.baseline, s.whole) if line)] for s in family]
    return not summary.task.share and all(value > 0 for each in values for value in each) and any(decade(each) for each in values)


def draw(summary: Summary, look: Look, name: str, runs: Sequence[Run] = (), among: Sequence[Summary] = ()) -> Drawn:
    """The figure of one task as SVG, or "" where no run has a score; dominated cells are pale where `runs` say what cells cost, and tasks `among` which it stands have its scale."""
    rows = sized(runs) if summary.searched else [{"cell": s.cell, "parameters": s.parameters, "score": value} for s in summary.scores for value in s.values if s.parameters]
    if not rows:
        return Drawn("")
    table = pd.DataFrame(rows)
    figure, axes = canvas()
    share = summary.task.share
    found = priced(summary, runs)
    able = front(found, "parameters", higher=summary.task.better == "higher")
    strength = {s.cell: 1.0 if s.cell in able or not able else PALE for s in summary.scores}
    for cell, part in table.groupby("cell", sort=False):
        axes.scatter(part["parameters"], part["score"], c=look.colours[str(cell)], marker=look.marks[str(cell)], alpha=0.55 * strength[str(cell)], s=34, linewidth=0, zorder=3)
    for score in summary.scores:
        if score.interval and score.parameters:
            low, high = score.interval.center - score.interval.low, score.interval.high - score.interval.center
            common = {"color": look.colours[score.cell], "alpha": strength[score.cell]}
            axes.errorbar([score.parameters], [score.interval.center], [[low], [high]], capsize=4, linewidth=1.6, zorder=4, **common)
            axes.plot([score.parameters], [score.interval.center], marker="_", markersize=12, zorder=5, **common)
    _front(axes, found, able)
    _scale(axes, table, share, stretched(summary, among))
    for line, dashes, x, side in ((summary.baseline, "--", 1.0, "right"), (summary.whole, ":", 0.01, "left")):
        if line is None:
            continue
        label, height = line
        axes.axhline(height.center, color=INK, linestyle=dashes, linewidth=1, zorder=2)
        axes.annotate(short(label), (x, height.center), xycoords=("axes fraction", "data"), ha=side, va="bottom", fontsize=9, color=INK, xytext=(0, 2), textcoords="offset points")
    axes.set_xlabel("parameters")
    axes.set_ylabel(f"{folded(f'test {summary.measure}')}\n{summary.task.better} is better")
    return svg(figure, name, f"Test {summary.measure} against parameters on {summary.label}", described(summary))


def sized(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Each run at its own size."""
    return [{"cell": run.spec.cell, "parameters": run.costs.parameters, "score": run.score.test} for run in runs if run.costs.parameters and run.score is not None and run.score.test is not None]


def _front(axes: Any, found: Sequence[Priced], able: Sequence[str]) -> None:
    """A line along the cells that no other dominates."""
    at = {p.score.cell: (p.parameters, sum(p.score.values) / len(p.score.values)) for p in found}
    if len(able) > 1:
        axes.plot(*zip(*(at[cell] for cell in able), strict=True), color=INK, linewidth=0.9, alpha=0.6, drawstyle="steps-post", zorder=2)


def _scale(axes: Any, table: pd.DataFrame, share: bool, long: bool) -> None:
    logarithmic(axes, table["parameters"].min() / 1.3, table["parameters"].max() * 1.3, EngFormatter(sep=""))
    if share:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    elif long:
        axes.set_yscale("log")
        powers(axes.yaxis)


def described(summary: Summary) -> str:
    """The figure in words."""
    trials = [f"{s.cell}: {len(s.values)} trials, {shown(min(s.values), summary.task.share)} to {shown(max(s.values), summary.task.share)}" for s in summary.scores if summary.searched and s.values]
    parts = trials + [f"{s.cell}: {shown(s.interval.center, summary.task.share)}, n = {s.interval.n}" for s in summary.scores if s.interval]
    lines = (("best trivial baseline", summary.baseline), ("best model of the whole sequence at once", summary.whole))
    return ". ".join(parts) + "".join(f"; {name} {shown(found[1].center, summary.task.share)}" for name, found in lines if found)
