"""Of a sweep over a difficulty: the largest that at least half of the seeds of each cell solve, a sentence a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter

from suite.report.catalogue import TaskEntry
from suite.report.exhibit import slug
from suite.report.section import Section
from suite.report.solving import reached
from suite.report.study.asked import Asked, short
from suite.report.style import INK, canvas, svg
from suite.runs import Run
from suite.stats import Critical, Interval, critical, share_interval

Sweep = dict[str, dict[float, dict[int, bool]]]  # cell -> difficulty -> seed -> solved


def sections(given: Asked) -> list[Section]:
    """One section a sweep; nothing where the study names no difficulty."""
    argument = given.catalogue.study.difficulty
    return [of(given, argument, group) for group in given.groups(argument)] if argument else []


def of(given: Asked, argument: str, group: list[tuple[Any, TaskEntry]]) -> Section:
    """The section of one sweep."""
    task, values = group[0][1], [value for value, _ in group]
    sweep: Sweep = {}
    rates: dict[str, dict[float, str]] = {}
    for value, entry in group:
        for cell, runs in given.trained(entry.name).items():
            sweep.setdefault(cell, {})[value] = solved(entry, runs)
            rates.setdefault(cell, {})[value] = ", ".join(dict.fromkeys(f"{run.spec.optimiser.lr:g}" for run in runs if run.spec.kind == "train"))
    found = {cell: made for cell, at in sweep.items() if (made := answered(at, values)) is not None}
    said = [f"{cell} {worded(each, list(sweep[cell]), f'{short(task)} at {argument}')}." for cell, each in found.items()]
    said += [f"{cell}: not every {argument} up to its hardest has the same seeds with a result, so no critical one is given." for cell in sweep if cell not in found]
    chosen = len({rate for each in rates.values() for rate in each.values()}) > 1  # or every run had the same
    rows = [[cell, *(counted(sweep[cell].get(value)) + (f" at rate {rates[cell][value]}" if chosen and value in rates[cell] else "") for value in values), bracket(found[cell]) if cell in found else "–"] for cell in sweep]
    note = "Solved: on validation, within the updates that a run had. Critical: the largest that at least half of the seeds solve, of those tried; shares that rise with difficulty are evened out (isotonic fit), for a harder task is not solved more often. Its interval is from resampling seeds, given the rates that were chosen; without a choice it holds the true one in 98 to 99 % of experiments, for the values tried are few."
    title = f"Critical {argument} of {short(task)}"
    return Section(title, said, [drawn(given, task, argument, sweep, values)], [(["cell", *(f"{argument} {value}" for value in values), "critical [interval], n"], rows)], note)


def solved(task: TaskEntry, runs: list[Run]) -> dict[int, bool]:
    """Seed -> whether it solved the task; a run that diverged did not."""
    return {run.spec.seed: reached(task, run) for run in runs if run.done}  # type: ignore[union-attr]


def whole(at: dict[float, dict[int, bool]]) -> Critical | None:
    """The critical value, where every difficulty has the same seeds, two or more."""
    seeds = sorted(next(iter(at.values())))
    if len(seeds) < 2 or any(sorted(each) != seeds for each in at.values()):
        return None
    return critical({value: [each[seed] for seed in seeds] for value, each in at.items()}, np.random.default_rng(0))


def answered(at: dict[float, dict[int, bool]], values: Sequence[float]) -> Critical | None:
    """The critical value of a cell that was asked every difficulty, or all up to some: harder ones may be left out."""
    return whole(at) if sorted(at) == list(values[: len(at)]) else None


def end(value: float | None, beyond: bool = False) -> str:
    """A limit in words."""
    return "none" if value is None else f"{value:g}{' or more' if beyond else ''}"


def worded(found: Critical, tried: list[Any], task: str) -> str:
    """The answer in a sentence, with its interval."""
    interval = f"[{end(found.low)}, {end(found.high, found.beyond)}], n = {found.n} seeds each"
    if found.center is None:
        return f"solves {task} {min(tried):g}, the easiest tried, with fewer than half of its seeds: critical is none {interval}"
    if found.center == max(tried):
        return f"solves {task} {found.center:g}, the hardest tried, with at least half of its seeds: critical is {found.center:g} or more {interval}"
    return f"solves {task} {found.center:g} with at least half of its seeds, and harder ones with fewer: critical is {found.center:g} {interval}"


def bracket(found: Critical) -> str:
    """The critical value with its interval and n."""
    return f"{end(found.center, found.beyond and found.center == found.high)} [{end(found.low)}, {end(found.high, found.beyond)}], n = {found.n}"


def counted(at: dict[int, bool] | None) -> str:
    """How many of the runs solved it."""
    return "–" if not at else f"{sum(at.values())} of {len(at)}"


def drawn(given: Asked, task: TaskEntry, argument: str, sweep: Sweep, values: list[Any]) -> str:
    """Share of solved runs over the difficulty, with exact intervals, a line a cell."""
    figure, axes = canvas()
    places, said = {value: k for k, value in enumerate(values)}, []
    for number, (cell, at) in enumerate(sweep.items()):
        shift = 0.08 * (number - (len(sweep) - 1) / 2)
        points = [(places[value] + shift, interval) for value, each in at.items() if (interval := share(each))]
        axes.plot([x for x, _ in points], [i.center for _, i in points], label=cell, color=given.look.colours[cell], marker=given.look.marks[cell], markersize=5, linewidth=1.5)
        for x, interval in points:
            axes.plot([x, x], [interval.low, interval.high], color=given.look.colours[cell], linewidth=1.2, alpha=0.7)
        said.append(f"{cell}: " + ", ".join(f"{value:g}: {counted(each)}" for value, each in at.items()))
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    axes.axhline(0.5, linestyle=":", linewidth=1, color="#888888")
    axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    axes.set_ylim(-0.04, 1.04)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    axes.set(xlabel=argument, ylabel="seeds that solve it")
    return svg(figure, f"critical-{slug(task.name)}", f"Share of seeds that solve {short(task)}, by {argument}; bars: 95 % intervals", "; ".join(said))


def share(each: dict[int, bool]) -> Interval | None:
    """The share of solved runs."""
    return share_interval(sum(each.values()) / len(each), len(each)) if each else None
