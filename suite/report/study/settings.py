"""Of a random search: which setting accounts for how much of the spread of the scores, and what values of it do well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from suite.report.catalogue import TaskEntry
from suite.report.exhibit import slug
from suite.report.section import Section
from suite.report.study.asked import CALLED, Asked, parsed, useful
from suite.report.style import INK, SETTINGS, shown, svg
from suite.runs import Run
from suite.stats import Fanova, Importance, Interval, fanova, mean_interval

POINTS = 25  # of a curve over a setting
LOGARITHMIC = ("log_uniform", "integer_log_uniform", "one_minus_log_uniform")
FEWEST = 20  # trials from which a forest is asked


def sections(given: Asked) -> list[Section]:
    """Importance and curves of every task of a search, and what all of its trials would take."""
    if not given.catalogue.searched:
        return []
    return [*(section for task in given.tasks if (section := of(given, task))), *projected(given)]


def value(run: Run, path: str) -> Any:
    """A setting of a run; of `cell.drop` and `task.length` the argument of the call."""
    first, _, rest = path.partition(".")
    if first in ("cell", "task") and rest:
        return parsed(getattr(run.spec, first).partition(", ")[0] if first == "cell" else run.spec.task)[1].get(rest)  # type: ignore[union-attr]
    found: Any = run.spec
    for name in path.split("."):
        found = getattr(found, name)
    return found


def pooled(given: Asked, task: TaskEntry) -> list[Run]:
    """All trials of all variants that ended, those that diverged too."""
    return [run for runs in given.trained(task.name).values() for run in runs if run.done]


def forest(given: Asked, task: TaskEntry) -> Fanova | None:
    """A forest over the searched settings and the variant; None for too few trials. A momentum is looked at as its distance from 1."""
    runs = pooled(given, task)
    if len(runs) < FEWEST or len({useful(score(run), task) for run in runs}) < 2:
        return None
    space = given.catalogue.searched
    taken = {path: [turned(value(run, path), space[path].kind) for run in runs] for path in space}
    ranges = {path: span(entry.kind, entry.values) for path, entry in space.items() if entry.kind != "choice"}
    many = len({run.spec.cell for run in runs}) > 1
    trials: dict[str, list[Any]] = taken | ({"cell": [run.spec.cell for run in runs]} if many else {})
    logarithmic = [path for path, entry in space.items() if entry.kind in LOGARITHMIC]
    return fanova(trials, [useful(score(run), task) for run in runs], np.random.default_rng(0), ranges=ranges, logarithmic=logarithmic)


def turned(number: Any, kind: str) -> Any:
    """A value on the scale it was drawn on."""
    return 1 - number if kind == "one_minus_log_uniform" else number


def span(kind: str, values: Sequence[Any]) -> tuple[float, float]:
    """The range that was searched; a rounding beyond it is within."""
    low, high = float(values[0]), float(values[1])
    return (low * (1 - 1e-9), high * (1 + 1e-9)) if kind in LOGARITHMIC else (low - 1e-12, high + 1e-12)


def of(given: Asked, task: TaskEntry) -> Section | None:
    """The section of one task."""
    found = forest(given, task)
    if found is None:
        return None
    shares = found.shares()
    alone = [each for each in shares if len(each.parameters) == 1]
    first = alone[0]
    said = [f"Of the variance of the test score over the searched ranges, {named(first)} alone accounts for {percents(first)}, " + ", ".join(f"{named(each)} for {percents(each)}" for each in alone[1:]) + f" (n = {found.n} trials of {different(given, task)} different settings)."]
    rows = [[named(each), percents(each), str(each.n)] for each in shares[:10]]
    weak = "" if found.fit > 0.3 else " It explains little, so these shares mean little."
    note = (
        f"Functional analysis of variance over a random forest fitted to n = {found.n} trials of all variants together; in brackets how far its trees differ, which is no confidence interval. A score worse than chance ({shown(task.chance, task.share)}) counts as chance. "
        f"The forest explains {100 * found.fit:.0f} % of the variance of trials it has not seen.{weak}"
    )
    return Section(f"Which settings matter on {task.label}", said, [curves(given, task, found)] if continuous(given) else [], [(["setting, or two together beyond each alone", "share of the variance", "n"], rows)], note)


def named(each: Importance) -> str:
    """A setting, or two, in words."""
    return " with ".join(CALLED.get(name, name) for name in each.parameters)


def percents(each: Importance) -> str:
    """A share with the spread of the trees."""
    return f"{100 * each.share:.0f} % [{100 * each.low:.0f}, {100 * each.high:.0f}]"


def different(given: Asked, task: TaskEntry) -> int:
    """How many different settings the trials have, whatever the variant: all variants may share theirs."""
    return len({tuple(str(value(run, path)) for path in given.catalogue.searched) for run in pooled(given, task)})


def continuous(given: Asked) -> list[str]:
    """The settings that were drawn from a range."""
    return [path for path, entry in given.catalogue.searched.items() if entry.kind != "choice"]


def curves(given: Asked, task: TaskEntry, found: Fanova) -> str:
    """Every trial as a mark over each setting, and the score to expect at its values."""
    space, runs = given.catalogue.searched, pooled(given, task)
    paths, said = continuous(given), []
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(2.1 * len(paths) + 0.4, 2.7), layout="constrained")
        panels = figure.subplots(1, len(paths), sharey=True, squeeze=False)[0]
        for axes, path in zip(panels, paths, strict=True):
            kind = space[path].kind
            at = grid(kind, space[path].values)
            expected = found.marginal(path, at)
            for run in runs:
                axes.plot([turned(value(run, path), kind)], [useful(score(run), task)], marker=given.look.marks[run.spec.cell], color=given.look.colours[run.spec.cell], linestyle="", markersize=3.5, alpha=0.6)
            axes.fill_between(at, [e.low for e in expected], [e.high for e in expected], color=INK, alpha=0.15, linewidth=0)
            axes.plot(at, [e.center for e in expected], color=INK, linewidth=1.6)
            if kind in LOGARITHMIC:
                decades(axes, at)
            axes.set_xlabel(("1 − " if kind == "one_minus_log_uniform" else "") + CALLED.get(path, path))
            best = (min if task.better == "lower" else max)(expected, key=lambda e: e.center)
            said.append(f"{CALLED.get(path, path)}: best expected {best.center:.3g} at {at[list(expected).index(best)]:.3g}")
        panels[0].set_ylabel(fill(f"test {task.measure}", 28))
    return svg(figure, f"settings-{slug(task.name)}", f"Test score of every trial over each setting on {task.label}; line and band: the score to expect, and how far the trees of the forest differ (n = {found.n})", "; ".join(said))


def decades(axes: Any, at: Sequence[float]) -> None:
    """A logarithmic axis with ticks at powers of ten, or at 1, 2 and 5 times them where it is shorter than two."""
    low, high = at[0], at[-1]
    steps = (1,) if high / low >= 100 else (1, 2, 5)
    ticks = [m * 10.0**e for e in range(-9, 9) for m in steps if low * 0.999 <= m * 10.0**e <= high * 1.001]
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)


def score(run: Run) -> float | None:
    """A test score, if there is one."""
    return run.score.test if run.score is not None else None


def grid(kind: str, values: Sequence[Any]) -> list[float]:
    """Values across a range on its own scale."""
    low, high = float(values[0]), float(values[1])
    return [float(x) for x in (np.geomspace(low, high, POINTS) if kind in LOGARITHMIC else np.linspace(low, high, POINTS))]


def marginal(found: Fanova, path: str, entry: Any) -> tuple[Interval, Interval]:
    """The score to expect at the low and at the high end of a range."""
    low, high = found.marginal(path, grid(entry.kind, entry.values)[:: POINTS - 1])
    return low, high


def projected(given: Asked) -> list[Section]:
    """How long all trials of the source would take here, task by task, from those that were run."""
    total, said = given.catalogue.study.trials, []
    for task in given.tasks if total else ():
        runs = [run for run in pooled(given, task) if run.costs.seconds is not None]
        spent = [(run.costs.seconds or 0.0) / run.where.replicas for run in runs]  # runs that train as one model share its time
        each = mean_interval(spent)
        if each:
            low, center, high = (total * max(seconds, 0.0) / 3600 for seconds in (each.low, each.center, each.high))
            said.append(f"On {task.label} {len(runs)} trials took {sum(spent) / 3600:.2f} hours of one core; all {total:,} of the source would take {center:.1f} [{low:.1f}, {high:.1f}] (Student's interval of the mean of n = {each.n} trials).")
    note = "Seconds are wall time of each trial on one core of the machine named under Machine, with whatever else that was doing."
    return [Section("What the whole search would take", said, note=note)] if said else []


def by_names(found: Fanova) -> Mapping[tuple[str, ...], Importance]:
    """Importances by their settings, in any order."""
    return {tuple(sorted(each.parameters)): each for each in found.shares()}
