"""Figure: one task at several difficulties, a line a cell: length generalisation, and the critical delay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.ticker import FuncFormatter

from suite.names import parse_call
from suite.report.study.delays import answered, solved
from suite.report.style import INK, Drawn, Look, canvas, folded, svg
from suite.report.summary import Summary
from suite.runs import Run, TrainSpec
from suite.stats import Critical

LIKELY = ("length", "delay", "lag", "test", "stretch")  # which argument is drawn where several vary


class Sweep(NamedTuple):
    """Tasks that differ in one numeric argument alone, the easiest first."""

    argument: str
    tasks: tuple[tuple[float, Summary], ...]


def sweep(summary: Summary, among: Sequence[Summary]) -> Sweep | None:
    """The sweep that a task belongs to, the longest there is; None where no other task differs from it in one number alone."""
    name, own = _parsed(summary.name)
    found: list[Sweep] = []
    for argument in sorted(set(own) - {"train"}, key=lambda a: (a not in LIKELY, a)):  # more examples are no difficulty
        rest = {k: v for k, v in own.items() if k != argument}
        alike = [(given[argument], other) for other in among for called, given in [_parsed(other.name)] if called == name and {k: v for k, v in given.items() if k != argument} == rest]
        numbers = [(float(value), other) for value, other in alike if isinstance(value, int | float) and not isinstance(value, bool)]
        if len({value for value, _ in numbers}) > 1:
            found.append(Sweep(argument, tuple(sorted(numbers, key=lambda pair: pair[0]))))
    return max(found, key=lambda each: len(each.tasks), default=None)


def _parsed(name: str) -> tuple[str, dict[str, object]]:
    try:
        return parse_call(name)
    except ValueError:
        return name, {}


def draw(found: Sweep, look: Look, name: str) -> Drawn:
    """Score over the argument, mean and interval, a line a cell."""
    figure, axes = canvas()
    task, said = found.tasks[0][1].task, []
    for cell in dict.fromkeys(score.cell for _, s in found.tasks for score in s.scores):
        points = [(x, score.interval) for x, s in found.tasks for score in s.scores if score.cell == cell and score.interval]
        if not points:
            continue
        axes.plot([x for x, _ in points], [i.center for _, i in points], color=look.colours[cell], marker=look.marks[cell], markersize=5, linewidth=1.5)
        for x, interval in points:
            axes.plot([x, x], [interval.low, interval.high], color=look.colours[cell], linewidth=1.5)
        said.append(f"{cell}: " + ", ".join(f"{x:g}: {interval.center:.3g} [{interval.low:.3g}, {interval.high:.3g}], n = {interval.n}" for x, interval in points))
    axes.axhline(task.solved, color=INK, linestyle=":", linewidth=1)
    if task.share:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    xs = [x for x, _ in found.tasks]
    if min(xs) > 0 and max(xs) / min(xs) >= 8:
        axes.set_xscale("log")
        axes.set_xticks(xs, [f"{x:g}" for x in xs])
        axes.set_xticks([], minor=True)
    axes.set(xlabel=found.argument, ylabel=folded(f"test {task.measure}"))
    return svg(figure, name, f"Test {task.measure} over {found.argument}; dotted: solved", "; ".join(said))


def each_critical(found: Sweep, runs: Sequence[Run]) -> dict[str, Critical | None]:
    """The critical value of each cell, by the rule of a study's page; None where seeds are missing."""
    made = {}
    for cell in dict.fromkeys(score.cell for _, s in found.tasks for score in s.scores):
        mine = {x: [run for run in runs if isinstance(run.spec, TrainSpec) and (run.spec.task, run.spec.cell) == (s.name, cell)] for x, s in found.tasks}
        made[cell] = answered({x: solved(s.task, mine[x]) for x, s in found.tasks if mine[x]}, [x for x, _ in found.tasks])
    return made
