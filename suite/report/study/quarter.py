"""Of a random search: the best quarter of each variant's trials against the baseline's, what k trials can be expected to find, the paper's claims."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from suite.report.catalogue import TaskEntry
from suite.report.exhibit import slug
from suite.report.section import Section
from suite.report.study import claims
from suite.report.study.asked import Asked, differing, scored
from suite.report.style import FAINT, INK, SETTINGS, Look, svg
from suite.report.summary import listed
from suite.runs import Run
from suite.stats import Interval, Welch, best_of, best_share, mean_interval, variants

QUARTER = 0.25


class Trials(NamedTuple):
    """One variant: validation and test score of each trial that has them, and how many have not; `kept` are the test scores of its best quarter."""

    validation: list[float]
    test: list[float]
    without: int
    kept: list[float]


def sections(given: Asked) -> list[Section]:
    """A ranking, the curves and the claims for every task; nothing where no search was asked for."""
    if not given.catalogue.searched or not given.catalogue.study.baseline:
        return []
    return [section for task in given.tasks for section in of(given, task)]


def of(given: Asked, task: TaskEntry) -> list[Section]:
    """The sections of one task."""
    baseline = given.catalogue.study.baseline
    found = {cell: each for cell, runs in given.trained(task.name).items() if (each := trials(runs, task)) is not None}
    if baseline not in found or len(found) < 2:
        return []
    tested = compared(found, baseline, task)
    made = [ranked(given, task, found, tested), expected(given, task, found)]
    return made + ([claims.section(given, task, tested)] if given.catalogue.study.claims else [])


def trials(runs: list[Run], task: TaskEntry) -> Trials | None:
    """A variant's trials; None where fewer than two came to a score. The quarter is of all trials: one that diverged is no reason to look at fewer."""
    pairs = [(run.score.validation, run.score.test) for run in runs if run.score is not None and run.score.validation is not None and run.score.test is not None]
    if len(pairs) < 2:
        return None
    validation, test = ([pair[k] for pair in pairs] for k in (0, 1))
    share = min(1.0, max(2, math.ceil(QUARTER * len(runs))) / len(pairs))
    return Trials(validation, test, len(runs) - len(pairs), list(best_share(validation, test, share, task.better)))


def compared(found: dict[str, Trials], baseline: str, task: TaskEntry) -> dict[str, Welch]:
    """Every variant's best quarter against the baseline's."""
    return variants({cell: (each.kept, each.kept) for cell, each in found.items()}, baseline, 1.0, task.better)


def verdict(tested: Welch, task: TaskEntry) -> str:
    """Better, worse, or tied at p < 0.05 after correction."""
    if tested.adjusted >= 0.05:
        return "tied"
    return "better" if (tested.difference.center > 0) == (task.better == "higher") else "worse"


def ranked(given: Asked, task: TaskEntry, found: dict[str, Trials], tested: dict[str, Welch]) -> Section:
    """The ranking of the best quarters."""
    baseline = given.catalogue.study.baseline
    means = {cell: interval for cell, each in found.items() if (interval := mean_interval(each.kept))}
    order = sorted(means, key=lambda cell: means[cell].center, reverse=task.better == "higher")
    apart = {word: [cell for cell in order if cell != baseline and verdict(tested[cell], task) == word] for word in ("better", "worse", "tied")}
    n = len(found[baseline].test) + found[baseline].without
    said = [f"{listed(cells)} {'is' if len(cells) == 1 else 'are'} {word} than {baseline}." for word in ("better", "worse") if (cells := apart[word])]
    said += [f"{listed(apart['tied'])} {'is' if len(apart['tied']) == 1 else 'are'} tied with {baseline}: so few trials do not separate them."] if apart["tied"] else []
    rows = [
        [cell, f"{len(found[cell].test)} of {len(found[cell].test) + found[cell].without}", scored(means[cell], task), *(("–", "–", "baseline") if cell == baseline else (differing(tested[cell].difference, task), f"{tested[cell].adjusted:.2g}", verdict(tested[cell], task)))]
        for cell in order
    ]
    headings = ["variant", "trials with a score", f"best quarter: test {task.measure}", f"less {baseline}", "p, corrected", "verdict"]
    note = f"Best quarter of {n} trials by validation, mean with Student's interval; Welch's test against {baseline}, Bonferroni's correction for {len(tested)} comparisons. The trials were chosen, so the figures tell of tuned networks. {task.better.capitalize()} is better; what is worse than chance is not drawn."
    return Section(f"The best quarter of each variant on {task.label}", said, [strips(task, found, means, order, given.look)], [(headings, rows)], note)


def strips(task: TaskEntry, found: dict[str, Trials], means: dict[str, Interval], order: list[str], look: Look) -> str:
    """Every trial a faint dot, the best quarter full ones, its mean and interval a bar."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(6.4, 0.9 + 0.3 * len(order)), layout="constrained")
        axes = figure.subplots()
        for row, cell in enumerate(order):
            colour, mark, each = look.colours[cell], look.marks[cell], found[cell]
            axes.plot(each.test, [row + 0.17] * len(each.test), marker=mark, color=colour, alpha=0.3, linestyle="", markersize=4)
            axes.plot(each.kept, [row + 0.17] * len(each.kept), marker=mark, color=colour, linestyle="", markersize=4.5)
            axes.plot([means[cell].low, means[cell].high], [row - 0.17] * 2, color=colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot([means[cell].center], [row - 0.17], marker="|", color=colour, markersize=10, markeredgewidth=2)
        values = [value for cell in order for value in found[cell].test]
        low, high = min(values), max(values)
        room = 0.05 * abs(task.chance - (low if task.better == "lower" else high))
        axes.set_xlim(*((low - room, min(high, task.chance) + room) if task.better == "lower" else (max(low, task.chance) - room, high + room)))
        axes.set_yticks(range(len(order)), order)
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.set(xlabel=f"test {task.measure}", ylabel="")
    words = "; ".join(f"{cell}: best quarter {scored(means[cell], task)}" for cell in order)
    return svg(figure, f"quarter-{slug(task.name)}", f"Every trial of each variant on {task.label}; full marks: the best quarter by validation; bar: their mean and its 95 % interval", words)


def seen(axes: Any, intervals: list[Interval], task: TaskEntry) -> None:
    """The axis from the best score to chance: what is worse than that needs no room."""
    best = min(i.low for i in intervals) if task.better == "lower" else max(i.high for i in intervals)
    room = 0.04 * (task.chance - best)
    worst = max(i.high for i in intervals) if task.better == "lower" else min(i.low for i in intervals)
    beyond = worst > task.chance if task.better == "lower" else worst < task.chance
    ends = sorted((best - room, (task.chance if beyond else worst) + room))
    axes.set_ylim(*ends)


def expected(given: Asked, task: TaskEntry, found: dict[str, Trials]) -> Section:
    """What the best of k trials can be expected to score, a panel a variant with the baseline behind it."""
    baseline = given.catalogue.study.baseline
    curves = {cell: best_of(each.validation, np.random.default_rng(0), each.test, task.better) for cell, each in found.items()}
    cells = [cell for cell in curves if cell != baseline]
    columns = min(4, len(cells))
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(1.9 * columns + 0.4, 1.75 * math.ceil(len(cells) / columns) + 0.3), layout="constrained")
        panels = figure.subplots(math.ceil(len(cells) / columns), columns, sharex=True, sharey=True, squeeze=False).flatten()
        for axes, cell in zip(panels, cells, strict=False):
            for name, colour, alpha in ((baseline, INK, 0.16), (cell, given.look.colours[cell], 0.3)):
                ks = [each.k for each in curves[name]]
                axes.fill_between(ks, [e.score.low for e in curves[name]], [e.score.high for e in curves[name]], color=FAINT if name == baseline else colour, alpha=0.6 if name == baseline else alpha, linewidth=0)
                axes.plot(ks, [e.score.center for e in curves[name]], color=colour, linewidth=1.6, linestyle=":" if name == baseline else "-")
            axes.set_title(cell, fontsize=9)
        for axes in panels[len(cells) :]:
            axes.set_axis_off()
        figure.supxlabel("trials searched", fontsize=9)
        seen(panels[0], [each.score for curve in curves.values() for each in curve], task)
        figure.supylabel(f"test {task.measure}", fontsize=9)
    last = {cell: curve[-1] for cell, curve in curves.items()}
    words = "; ".join(f"{cell}: best of 1 {scored(curve[0].score, task)}, of {curve[-1].k} {scored(curve[-1].score, task)}" for cell, curve in curves.items())
    drawn = svg(figure, f"best-of-{slug(task.name)}", f"Expected test score of the trial that is best on validation among k, on {task.label}; dotted with a grey band: {baseline}", words)
    places = sorted({k for curve in curves.values() for k in (1, 3, curve[-1].k // 2, curve[-1].k) if 1 <= k <= curve[-1].k})
    rows = [[cell, *(scored(at.score, task) if (at := next((e for e in curve if e.k == k), None)) else "–" for k in places)] for cell, curve in curves.items()]
    overlapping = [cell for cell in cells if last[cell].score.overlaps(last[baseline].score)]
    said = [f"With all trials searched, the intervals of {listed(overlapping)} overlap that of {baseline}: tied."] if overlapping else []
    said += [f"Apart from {baseline} {'is' if len(cells) - len(overlapping) == 1 else 'are'} {listed([c for c in cells if c not in overlapping])}."] if len(overlapping) < len(cells) else []
    note = "Exact expectation over all subsets of k of the trials; bands: 95 % over resampled trials, too narrow beyond about a tenth of them."
    return Section(f"What k trials find on {task.label}", said, [drawn], [(["variant", *(f"best of {k}" for k in places)], rows)], note)
