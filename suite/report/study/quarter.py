"""Of a random search: the best quarter of each variant's trials against the baseline's, what k trials can be expected to find, the paper's claims."""

from __future__ import annotations

import math
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from suite.report.catalogue import TaskEntry
from suite.report.exhibit import slug
from suite.report.section import Section
from suite.report.study import claims
from suite.report.study.asked import Asked, differing, outcome, scored, useful
from suite.report.style import FAINT, INK, SETTINGS, Look, shown, svg
from suite.report.summary import listed
from suite.runs import Run
from suite.stats import Interval, Welch, best_of, best_share, mean_interval, variants

QUARTER, TENTH, MANY = 0.25, 0.1, 100  # the paper's tenth, where that is as many trials as it takes


class Trials(NamedTuple):
    """One variant: validation and test score of each trial, those of the best constant answer for one that diverged, of which there are `without`; `kept` are the test scores of its best share."""

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
    """A variant's trials; None for fewer than two. One that diverged cost as much as the others: it counts as knowing nothing."""
    if len(runs) < 2:
        return None
    scores = [(run.score.validation, run.score.test) if run.score is not None and run.score.test is not None else (None, None) for run in runs]
    validation, test = ([useful(pair[k], task) for pair in scores] for k in (0, 1))
    share = TENTH if len(runs) >= MANY else max(2, math.ceil(QUARTER * len(runs))) / len(runs)
    return Trials(validation, test, sum(pair[1] is None for pair in scores), list(best_share(validation, test, share, task.better)))


def compared(found: dict[str, Trials], baseline: str, task: TaskEntry) -> dict[str, Welch]:
    """Every variant's best quarter against the baseline's."""
    return variants({cell: (each.kept, each.kept) for cell, each in found.items()}, baseline, 1.0, task.better)


def ranked(given: Asked, task: TaskEntry, found: dict[str, Trials], tested: dict[str, Welch]) -> Section:
    """The ranking of the best quarters."""
    baseline = given.catalogue.study.baseline
    means = {cell: interval for cell, each in found.items() if (interval := mean_interval(each.kept))}
    order = sorted(means, key=lambda cell: means[cell].center, reverse=task.better == "higher")
    apart = {word: [cell for cell in order if cell != baseline and outcome(tested[cell], task) == word] for word in ("better", "worse", "tied")}
    n, kept = len(found[baseline].test), len(found[baseline].kept)
    said = [f"{cell} is {word} than {baseline}: {differing(tested[cell].difference, task)}, p = {tested[cell].adjusted:.2g}." for word in ("better", "worse") for cell in apart[word]]
    said += [f"{listed(apart['tied'])} {'is' if len(apart['tied']) == 1 else 'are'} tied with {baseline}: n = {kept} kept trials of each do not separate them."] if apart["tied"] else []
    rows = [
        [cell, f"{len(found[cell].test) - found[cell].without} of {len(found[cell].test)}", scored(means[cell], task), *(("–", "–", "baseline") if cell == baseline else (differing(tested[cell].difference, task), f"{tested[cell].adjusted:.2g}", outcome(tested[cell], task)))]
        for cell in order
    ]
    headings = ["variant", "trials with a score", f"best {kept} trials: test {task.measure}", f"less {baseline}", "p, corrected", "verdict"]
    note = (
        f"The best {kept} of {n} trials by validation (the paper keeps a tenth; a quarter where that would be too few), mean with Student's interval; Welch's test against {baseline}, Bonferroni's correction for {len(tested)} comparisons, which the paper does not make. "
        "The best trials of a search are no sample, so p is a convention and no error rate. Every variant has the same trials, which the test does not make use of. "
        f"{task.better.capitalize()} is better; a trial that diverged, or is worse than chance, counts as chance ({shown(task.chance, task.share)})."
    )
    return Section(f"The best trials of each variant on {task.label}", said, [strips(task, found, means, order, given.look)], [(headings, rows)], note)


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
        values = [value for cell in order for value in (*found[cell].test, means[cell].low, means[cell].high)]
        low, high = min(values), max(values)
        room = 0.05 * (high - low) or 1.0
        axes.set_xlim(low - room, high + room)
        axes.set_yticks(range(len(order)), order)
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.set(xlabel=f"test {task.measure}", ylabel="")
    words = "; ".join(f"{cell}: {scored(means[cell], task)}" for cell in order)
    return svg(figure, f"quarter-{slug(task.name)}", f"Every trial of each variant on {task.label}; full marks: the best by validation; bar: their mean and its 95 % interval", words)


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
        figure.supylabel(f"test {task.measure}", fontsize=9)
    words = "; ".join(f"{cell}: best of 1 {scored(curve[0].score, task)}, of {curve[-1].k} {scored(curve[-1].score, task)}" for cell, curve in curves.items())
    drawn = svg(figure, f"best-of-{slug(task.name)}", f"Expected test score of the trial that is best on validation among k, on {task.label}; dotted with a grey band: {baseline}", words)
    places = sorted({k for curve in curves.values() for k in (1, 3, curve[-1].k // 2, curve[-1].k) if 1 <= k <= curve[-1].k})
    rows = [[cell, *(scored(at.score, task) if (at := next((e for e in curve if e.k == k), None)) else "–" for k in places)] for cell, curve in curves.items()]
    fair = max(1, min(len(each.test) for each in found.values()) // 10)  # beyond, intervals are too narrow to conclude from
    fairly = {cell: next(e for e in curve if e.k == fair).score for cell, curve in curves.items()}
    apart = [cell for cell in cells if not fairly[cell].overlaps(fairly[baseline])]
    tied = [cell for cell in cells if cell not in apart]
    said = [f"At k = {fair}, up to where intervals hold, {listed(tied)} {'is' if len(tied) == 1 else 'are'} tied with {baseline} ({scored(fairly[baseline], task)})."] if tied else []
    said += [f"At k = {fair} {cell} is apart from {baseline}: {scored(fairly[cell], task)} beside {scored(fairly[baseline], task)}." for cell in apart]
    note = "Exact expectation over all subsets of k of the trials. Bands and brackets: 95 % of resampled trials; they hold up to about a tenth of the trials and are too narrow beyond (the largest of a resample is never beyond the largest there is), so nothing is concluded from them there."
    return Section(f"What k trials find on {task.label}", said, [drawn], [(["variant", *(f"best of {k}" for k in places)], rows)], note)
