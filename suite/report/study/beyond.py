"""Scores at difficulties that were not trained on: do cells keep to a rule on longer sequences?"""

from __future__ import annotations

from matplotlib.ticker import FuncFormatter

from suite.report.catalogue import TaskEntry
from suite.report.exhibit import slug
from suite.report.section import Section
from suite.report.study.asked import Asked, scored, short, tests
from suite.report.style import INK, canvas, shown, svg
from suite.runs import Run
from suite.stats import Interval, mean_interval


def sections(given: Asked) -> list[Section]:
    """One section a task whose runs were scored at other difficulties."""
    return [section for task in given.tasks if (section := of(given, task))]


def of(given: Asked, task: TaskEntry) -> Section | None:
    """The section of one task."""
    trained = given.trained(task.name)
    labels = list(dict.fromkeys(label for runs in trained.values() for run in runs if run.score for label in run.score.beyond))
    if not labels:
        return None
    labels.sort(key=lambda label: (label.partition("=")[0], number(label)))
    table = {cell: {"as trained": mean_interval(tests(runs)), **{label: mean_interval(at(runs, label)) for label in labels}} for cell, runs in trained.items()}
    rows = [[cell, *(scored(interval, task) if interval else "–" for interval in means.values())] for cell, means in table.items()]
    last = labels[-1]
    kept = [cell for cell, means in table.items() if (interval := means[last]) and solves(interval, task)]
    able = [cell for cell, means in table.items() if (interval := means["as trained"]) and solves(interval, task)]
    said = [f"At the difficulty trained on, {listed(able)} {'solves' if len(able) == 1 else 'solve'} {short(task)} on average; at {last} {listed(kept)}."]
    note = f"The same weights, chosen at the difficulty trained on, scored at the others. Solved: {shown(task.solved, task.measure)}; chance, of the difficulty trained on: {shown(task.chance, task.measure)}."
    return Section(f"Beyond what was trained on: {short(task)}", said, [drawn(given, task, table)], [(["cell", "as trained", *labels], rows)], note)


def listed(cells: list[str]) -> str:
    """Cells in words, or none."""
    return ", ".join(cells) if cells else "no cell"


def at(runs: list[Run], label: str) -> list[float]:
    """The scores at one difficulty."""
    return [run.score.beyond[label] for run in runs if run.score is not None and label in run.score.beyond]


def solves(interval: Interval, task: TaskEntry) -> bool:
    """Whether a mean counts as solved."""
    return interval.center >= task.solved if task.better == "higher" else interval.center <= task.solved


def number(label: str) -> float:
    """The value of a label, 0 where it is none."""
    try:
        return float(label.partition("=")[2])
    except ValueError:
        return 0.0


def drawn(given: Asked, task: TaskEntry, table: dict[str, dict[str, Interval | None]]) -> str:
    """Score over the difficulty, mean and interval, a line a cell; dotted: solved."""
    figure, axes = canvas()
    places = {label: k for k, label in enumerate(next(iter(table.values())))}
    said = []
    for k, (cell, means) in enumerate(table.items()):
        shift = 0.06 * (k - (len(table) - 1) / 2)
        points = [(places[label] + shift, interval) for label, interval in means.items() if interval]
        axes.plot([x for x, _ in points], [i.center for _, i in points], color=given.look.colours[cell], marker=given.look.marks[cell], markersize=5, linewidth=1.5)
        for x, interval in points:
            axes.plot([x, x], [interval.low, interval.high], color=given.look.colours[cell], linewidth=1.2)
        said.append(f"{cell}: " + ", ".join(f"{label}: {scored(interval, task)}" for label, interval in means.items() if interval))
    axes.axhline(task.solved, color=INK, linestyle=":", linewidth=1)
    axes.set_xticks(range(len(places)), [label.partition("=")[2] or label for label in places])
    if task.share:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    axes.set(xlabel=list(places)[-1].partition("=")[0], ylabel=f"test {task.measure}")
    return svg(figure, f"beyond-{slug(task.name)}", f"Test {task.measure} on {short(task)} at the difficulty trained on and beyond; dotted: solved", "; ".join(said))
