"""Figure and table of time to accuracy: the share of runs that have reached a score, after so many updates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.ticker import EngFormatter, FuncFormatter

from suite.report.style import Drawn, Look, canvas, shown, svg
from suite.report.summary import Summary
from suite.runs import Run, TrainSpec
from suite.stats import Reaching, reaching, updates_to


class Reached(NamedTuple):
    """One cell: its curve, and the budget of its runs."""

    cell: str
    found: Reaching
    most: int


def goal(summary: Summary, runs: Sequence[Run]) -> tuple[float, str]:
    """The score that is waited for, and in words: what counts as solved, or the best trivial baseline where that is better, if any run got there; else halfway from chance."""
    task = summary.task
    values = [point.validation for run in runs if isinstance(run.spec, TrainSpec) and run.spec.task == summary.name for point in run.curve]
    level, what, none = (task.solved, "solved", "solved it") if task.telling or task.trivial is None else (task.trivial, "the test score of the best trivial baseline", "got there")
    if any(task.reaches(value, level) for value in values):
        return level, f"{what}, {shown(level, summary.task.share)}"
    halfway = (task.chance + level) / 2
    return halfway, f"halfway from chance to {what}, {shown(halfway, summary.task.share)}, for no run {none}"


def reached(summary: Summary, runs: Sequence[Run], level: float) -> list[Reached]:
    """Every cell with two runs or more that were evaluated."""
    made = []
    ran = [r for r in runs if isinstance(r.spec, TrainSpec) and r.spec.task == summary.name and r.curve and not r.status.startswith("refused")]
    for cell in (score.cell for score in summary.scores):
        mine = [run for run in ran if run.spec.cell == cell]
        if len(mine) >= 2:
            times = [updates_to(run, level, summary.task.better) for run in mine]
            made.append(Reached(cell, reaching([t for t, _ in times], [got for _, got in times]), max(t for t, _ in times)))
    return made


def draw(summary: Summary, found: Sequence[Reached], said: str, look: Look, name: str) -> Drawn:
    """Steps from none to all, a line a cell; "" where nothing got there."""
    if not any(each.found.times for each in found):
        return Drawn("")
    figure, axes = canvas()
    for each in found:
        times = [0.0, *each.found.times, float(each.most)]
        shares = [0.0, *(share.center for share in each.found.shares)]
        axes.step(times, [*shares, shares[-1]], where="post", color=look.colours[each.cell], linewidth=1.8)
        axes.plot(times[1:-1], shares[1:], marker=look.marks[each.cell], color=look.colours[each.cell], linestyle="", markersize=5)
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set(xlabel="updates", ylabel="runs that got there")
    words = "; ".join(f"{e.cell}: {median(e)}, {e.found.median.reached} of {e.found.median.n} runs" for e in found)
    return svg(figure, name, f"Updates until {said}, on {summary.label}", words)


def median(each: Reached) -> str:
    """The median with its interval, open where runs never got there."""
    found = each.found.median
    low, high = (f"{x:,.0f}" if x is not None else "beyond" for x in (found.low, found.high))
    return f"{found.center:,.0f} [{low}, {high}]" if found.center is not None else f"not within {each.most:,}"
