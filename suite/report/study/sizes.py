"""Does a cell need less data? Scores over the size of the training set, and the size at which each cell comes to a level."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter

from suite.report.catalogue import TaskEntry
from suite.report.exhibit import slug
from suite.report.section import Section
from suite.report.study.asked import Asked, differing, lost, scored, short, tests
from suite.report.study.needed import Needed, level, needed, worded
from suite.report.style import INK, canvas, folded, shown, svg
from suite.runs import Run
from suite.stats import mean_interval, verdicts
from suite.stats.verdict import Verdict

At = dict[int, dict[str, list[Run]]]  # size -> cell -> runs


def sections(given: Asked) -> list[Section]:
    """One section a task; nothing where the study names no size and no baseline."""
    study = given.catalogue.study
    return [section for group in given.groups(study.sizes) if (section := of(given, group))] if study.sizes and study.baseline else []


def of(given: Asked, group: list[tuple[Any, TaskEntry]]) -> Section | None:
    """The section of one task; None where the baseline or any other cell has no size at which all of its runs came to a score."""
    baseline, task = given.catalogue.study.baseline, group[-1][1]
    at: At = {size: given.trained(entry.name) for size, entry in group}
    said = [f"With {size:,} examples {word}: not compared there." for size, cells in at.items() for runs in cells.values() if (word := lost(runs))]
    whole = {size: {cell: tests(runs) for cell, runs in cells.items() if not lost(runs) and len(runs) > 1} for size, cells in at.items()}
    cells = list(dict.fromkeys(cell for scores in whole.values() for cell in scores))
    goal = level(whole, task)
    if baseline not in cells or len(cells) < 2 or goal is None:
        return None
    found = {cell: needed({size: scores[cell] for size, scores in whole.items() if cell in scores}, goal, task.better, np.random.default_rng(0)) for cell in cells}
    said = [*(compared(cell, found[cell], baseline, found[baseline], goal, task) for cell in cells if cell != baseline), *said]
    rows = [row(size, cell, scores, baseline, task) for size, scores in whole.items() for cell in scores if cell != baseline and baseline in scores]
    headings = ["training examples", "cell", f"its test {task.measure}", baseline, f"minus {baseline}", "verdict at this size alone"]
    note = (
        f"Level: nine tenths of the way from chance ({shown(task.chance, task.share)}) to the best mean with the most examples. Needed: the size at which a cell's mean reaches it, between two sizes on their logarithm; "
        f"brackets: 95 % of resampled seeds, given the rates that were chosen. Means with Student's intervals; differences with Welch's, {len(rows)} tests at p < 0.05 each, not corrected for one another. "
        "As many updates from each size; smaller sets are the beginnings of larger ones, the same for all cells."
    )
    return Section(f"How much data {short(task)} takes", said, [drawn(given, whole, goal, task)], [(headings, rows)], note)


def compared(cell: str, mine: Needed, baseline: str, theirs: Needed, goal: float, task: TaskEntry) -> str:
    """Who needs less data, where their intervals are apart."""
    answer = "is not shown to need less or more data" if mine.overlaps(theirs) else "needs less data" if mine.center < theirs.center else "needs more data"
    return f"On {short(task)} {cell} {answer} than {baseline}: to a test {task.measure} of {shown(goal, task.share)} {cell} needs {worded(mine)}, {baseline} {worded(theirs)}."


def row(size: int, cell: str, scores: dict[str, list[float]], baseline: str, task: TaskEntry) -> list[str]:
    """One cell against the baseline at one size."""
    (v,) = verdicts({cell: scores[cell], baseline: scores[baseline]}, task.better)
    means = [scored(interval, task) if (interval := mean_interval(scores[name])) else "–" for name in (cell, baseline)]
    return [f"{size:,}", cell, *means, differing(v.difference, task), verdict(v)]


def verdict(v: Verdict) -> str:
    """The verdict on one size."""
    if v.better:
        return f"{v.better} is better"
    return f"tied; about {v.more:,} further seeds of each could tell" if v.more else "tied"


def drawn(given: Asked, whole: dict[int, dict[str, list[float]]], goal: float, task: TaskEntry) -> str:
    """Score over the number of examples, mean and interval, a line a cell; dotted: the level."""
    figure, axes = canvas()
    said = []
    for cell in dict.fromkeys(cell for scores in whole.values() for cell in scores):
        points = [(size, interval) for size, scores in whole.items() if cell in scores and (interval := mean_interval(scores[cell]))]
        axes.plot([x for x, _ in points], [i.center for _, i in points], label=cell, color=given.look.colours[cell], marker=given.look.marks[cell], markersize=5, linewidth=1.5)
        for x, interval in points:
            axes.plot([x, x], [interval.low, interval.high], color=given.look.colours[cell], linewidth=1.5)
        said.append(f"{cell}: " + ", ".join(f"{x:,}: {scored(i, task)}" for x, i in points))
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    axes.axhline(goal, color=INK, linestyle=":", linewidth=1)
    axes.set_xscale("log")
    axes.set_xticks(list(whole), [f"{size:,}" for size in whole])
    axes.set_xticks([], minor=True)
    if task.share:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    axes.set(xlabel="training examples", ylabel=folded(f"test {task.measure}"))
    return svg(figure, f"sizes-{slug(task.name)}", f"Test {task.measure} on {short(task)} over the number of training examples; dotted: the level", "; ".join(said))
