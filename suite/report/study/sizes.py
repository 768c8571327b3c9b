"""Does a cell need less data? Scores over the size of the training set, and whether the lead over the baseline changes with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter

from suite.report.catalogue import TaskEntry
from suite.report.exhibit import slug
from suite.report.section import Section
from suite.report.study.asked import Asked, differing, scored, short, tests
from suite.report.style import canvas, svg
from suite.stats import Interval, mean_interval, verdicts
from suite.stats.verdict import Verdict

At = list[tuple[int, dict[str, list[float]]]]  # size -> cell -> test scores


def sections(given: Asked) -> list[Section]:
    """One section a task; nothing where the study names no size and no baseline."""
    study = given.catalogue.study
    if not study.sizes or not study.baseline:
        return []
    return [section for group in given.groups(study.sizes) if (section := of(given, group))]


def of(given: Asked, group: list[tuple[Any, TaskEntry]]) -> Section | None:
    """The section of one task."""
    baseline, task = given.catalogue.study.baseline, group[-1][1]
    at: At = [(size, {cell: scores for cell, runs in given.trained(entry.name).items() if len(scores := tests(runs)) > 1}) for size, entry in group]
    others = [cell for cell in dict.fromkeys(cell for _, scores in at for cell in scores) if cell != baseline]
    if not others or not all(baseline in scores for _, scores in at):
        return None
    rows, said = [], []
    for cell in others:
        told = [(size, next(v for v in verdicts({cell: scores[cell], baseline: scores[baseline]}, task.better) if v)) for size, scores in at if cell in scores]
        said.append(trend(cell, baseline, at, task))
        rows += [[f"{size:,}", cell, *(scored(mean_interval(scores[name]), task) for name in (cell, baseline)), differing(v.difference, task), outcome(v)] for (size, v), (_, scores) in zip(told, at, strict=False)]  # type: ignore[arg-type]
    headings = ["training examples", "cell", f"its test {task.measure}", baseline, f"less {baseline}", "verdict"]
    note = "Means with Student's intervals; differences with Welch's, each size tested alone at p < 0.05. As many updates from each size, the rate chosen for each; smaller sets are the beginnings of larger ones, the same for both cells."
    return Section(f"How much data {short(task)} takes", said, [drawn(given, at, task)], [(headings, rows)], note)


def outcome(v: Verdict) -> str:
    """The verdict on one size."""
    if v.better:
        return f"{v.better} is better"
    return f"tied; about {v.more:,} further seeds of each could tell" if v.more else "tied"


def trend(cell: str, baseline: str, at: At, task: TaskEntry) -> str:
    """Whether the lead with the fewest examples is larger than with the most: the question of who needs less data."""
    (few, first), (many, last) = at[0], at[-1]
    if cell not in first or cell not in last:
        return f"{cell} has too few runs at {few:,} or {many:,} examples to say whether it needs less data."
    change = contrast(first[cell], first[baseline], last[cell], last[baseline], task.better)
    lead = change.low > 0 or change.high < 0
    answer = "does not need less data by this measure" if lead and change.high < 0 else "needs less data" if lead else "is not shown to need less or more data"
    return f"On {short(task)} {cell} {answer} than {baseline}: its lead with {few:,} examples, less that with {many:,}, is {differing(change, task)} (above 0: {cell} suffers less from few examples)."


def contrast(a: list[float], b: list[float], c: list[float], d: list[float], better: str) -> Interval:
    """(a - b) - (c - d) in the direction that is better, with Welch's interval for four groups (Satterthwaite's degrees of freedom)."""
    from scipy.stats import t

    groups = [np.asarray(each, dtype=float) for each in (a, b, c, d)]
    sign = 1.0 if better == "higher" else -1.0
    center = sign * float((groups[0].mean() - groups[1].mean()) - (groups[2].mean() - groups[3].mean()))
    parts = np.array([each.var(ddof=1) / len(each) for each in groups])
    total, n = float(parts.sum()), sum(map(len, groups))
    if total == 0:
        return Interval(center, center, center, n)
    free = total**2 / float(sum(part**2 / (len(each) - 1) for part, each in zip(parts, groups, strict=True)))
    half = float(t.ppf(0.975, free)) * total**0.5
    return Interval(center, center - half, center + half, n)


def drawn(given: Asked, at: At, task: TaskEntry) -> str:
    """Score over the number of examples, mean and interval, a line a cell."""
    figure, axes = canvas()
    said = []
    for cell in dict.fromkeys(cell for _, scores in at for cell in scores):
        points = [(size, interval) for size, scores in at if cell in scores and (interval := mean_interval(scores[cell]))]
        axes.plot([x for x, _ in points], [i.center for _, i in points], color=given.look.colours[cell], marker=given.look.marks[cell], markersize=5, linewidth=1.5)
        for x, interval in points:
            axes.plot([x, x], [interval.low, interval.high], color=given.look.colours[cell], linewidth=1.5)
        said.append(f"{cell}: " + ", ".join(f"{x:,}: {scored(i, task)}" for x, i in points))
    axes.set_xscale("log")
    axes.set_xticks([size for size, _ in at], [f"{size:,}" for size, _ in at])
    axes.set_xticks([], minor=True)
    if task.share:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    axes.set(xlabel="training examples", ylabel=f"test {task.measure}")
    return svg(figure, f"sizes-{slug(task.name)}", f"Test {task.measure} on {short(task)} over the number of training examples", "; ".join(said))
