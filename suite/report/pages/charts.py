"""The data of the interactive chart of accuracy against cost, a panel a task."""

from __future__ import annotations

from typing import Any

from suite.report.accuracy import stretched
from suite.report.catalogue import FigureEntry, TaskEntry
from suite.report.costs import COSTS, Priced, front, priced
from suite.report.material import Material, cell_file, runs_link
from suite.report.pages.results import averaged
from suite.report.style import short
from suite.report.summary import Summary

SHARES = {"%": 0.01, "": 1.0}


def chart(material: Material, summary: Summary) -> dict[str, Any] | None:
    """One panel: points with intervals, runs, lines of baselines, published figures of the same measure; None where no cell has a score."""
    found = material.once(("priced", summary.name), lambda: priced(summary, material.trained(summary.name)))
    if not any(p.cost(cost.name) is not None for p in found for cost in COSTS):
        return None
    higher = summary.task.better == "higher"
    fronts = {cost.name: front(found, cost.name, higher=higher) for cost in COSTS}
    return {
        "title": summary.label,
        "measure": summary.measure,
        "share": summary.task.share,
        "better": summary.task.better,
        "logarithmic": stretched(summary, material.summaries),
        "points": [point(material, summary, p, fronts) for p in found],
        "runs": [
            {"cell": run.spec.cell, "score": run.score.test, "href": runs_link(run=run.file.removesuffix(".json")), **_costs(p)}
            for p in found
            for run in material.trained(summary.name)
            if run.spec.cell == p.score.cell and run.score is not None and run.score.test is not None
        ],
        "lines": [{"label": short(line[0]), "score": line[1].center, "whole": line is summary.whole} for line in (summary.baseline, summary.whole) if line],
        "published": [{"label": figure.line, "score": value, "known": figure.confidence} for figure in summary.task.figures if (value := comparable(figure, summary.task)) is not None],
    }


def point(material: Material, s: Summary, p: Priced, fronts: dict[str, list[str]]) -> dict[str, Any]:
    """A cell's mean with its interval, or the one score there is."""
    mean, interval = sum(p.score.values) / len(p.score.values), p.score.interval
    return {
        "cell": p.score.cell,
        "score": mean,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "said": ", ".join(averaged(p, s)),
        "href": runs_link(task=s.name, cell=p.score.cell),
        "page": cell_file(material.base.get(p.score.cell, p.score.cell)),
        "front": [cost for cost, cells in fronts.items() if p.score.cell in cells],
        **_costs(p),
    }


def _costs(p: Priced) -> dict[str, float | None]:
    return {cost.name: p.cost(cost.name) for cost in COSTS}


def comparable(figure: FigureEntry, task: TaskEntry) -> float | None:
    """A published figure on the task's own scale; None where it measures something else.

    >>> entry = TaskEntry(name="t", label="t", about="", measure="accuracy", better="higher", chance=0.5, solved=0.9)
    >>> comparable(FigureEntry(method="m", measure="test accuracy", value=88.07, unit="%"), entry)
    0.8807
    >>> comparable(FigureEntry(method="m", measure="sequences until success", value=74000), entry)
    >>> music = TaskEntry(name="t", label="t", about="", measure="negative log-likelihood, nats a frame", better="lower", chance=15, solved=9)
    >>> comparable(FigureEntry(method="m", measure="test negative log-likelihood", value=8.45, unit="nats a frame"), music)
    8.45
    """
    measure = figure.measure.removeprefix("test ")
    if task.measure not in (measure, f"{measure}, {figure.unit}"):
        return None
    factor = SHARES.get(figure.unit) if task.share else 1.0
    return None if factor is None else round(figure.value * factor, 12)


def looks(material: Material) -> dict[str, dict[str, str]]:
    """Colour and mark of every cell, as charts need them."""
    return {cell: {"colour": material.look.colours[cell], "shape": material.look.shape(cell)} for cell in material.cells}
