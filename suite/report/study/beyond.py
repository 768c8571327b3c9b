"""Scores at difficulties that were not trained on: do cells keep to a rule on longer sequences?"""

from __future__ import annotations

from matplotlib.ticker import FuncFormatter

from suite.report.catalogue import TaskEntry
from suite.report.exhibit import slug
from suite.report.section import Section
from suite.report.study.asked import Asked, lost, scored, short, tests
from suite.report.style import INK, canvas, shown, svg
from suite.report.summary import listed
from suite.runs import Run
from suite.stats import Interval, mean_interval

TRAINED = "as trained"
Means = dict[str, dict[str, Interval | None]]  # cell -> label -> mean


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
    means = {cell: {TRAINED: mean_interval(tests(runs)), **{label: mean_interval(at(runs, label)) for label in labels}} for cell, runs in trained.items()}
    rows = [[cell, *(scored(interval, task) if interval else "–" for interval in each.values())] for cell, each in means.items()]
    said = [told(label, means, task) for label in (TRAINED, *labels)] + [f"{word}: its means are of the others." for runs in trained.values() if (word := lost(runs))]
    solved = "; ".join(f"{label} {shown(goal(label, task)[1], task.share)}, chance {shown(goal(label, task)[0], task.share)}" for label in (TRAINED, *labels))
    note = f"The same weights, chosen at the difficulty trained on, scored at the others; a label is the task's own argument, and a task that draws its lengths draws them up to it. What counts as solved: {solved}."
    return Section(f"Beyond what was trained on: {short(task)}", said, [drawn(given, task, means)], [(["cell", TRAINED, *labels], rows)], note)


def goal(label: str, task: TaskEntry) -> tuple[float, float]:
    """Chance, and what counts as solved, at a difficulty."""
    return task.beyond.get(label, (task.chance, task.solved))


def told(label: str, means: Means, task: TaskEntry) -> str:
    """Which cells solve the task at a difficulty on average, with their scores."""
    line = goal(label, task)[1]
    able = [f"{cell} ({scored(interval, task)})" for cell, each in means.items() if (interval := each[label]) and (interval.center >= line if task.better == "higher" else interval.center <= line)]
    where = "At the difficulty trained on" if label == TRAINED else f"At {label}"
    return f"{where} {listed(able)} {'solves' if len(able) == 1 else 'solve'} {short(task)} on average." if able else f"{where} no cell solves {short(task)} on average."


def at(runs: list[Run], label: str) -> list[float]:
    """The scores at one difficulty."""
    return [run.score.beyond[label] for run in runs if run.score is not None and label in run.score.beyond]


def number(label: str) -> float:
    """The value of a label, 0 where it is none."""
    try:
        return float(label.partition("=")[2])
    except ValueError:
        return 0.0


def way(value: float, label: str, task: TaskEntry) -> float:
    """How far a score has come from chance (0) to solved (1), so that difficulties of different scales lie on one axis."""
    chance, solved = goal(label, task)
    return (value - chance) / (solved - chance) if solved != chance else 0.0


def drawn(given: Asked, task: TaskEntry, means: Means) -> str:
    """The way from chance to solved over the difficulty, mean and interval, a line a cell; dotted: solved."""
    figure, axes = canvas()
    places = {label: k for k, label in enumerate(next(iter(means.values())))}
    said = []
    for k, (cell, each) in enumerate(means.items()):
        shift = 0.06 * (k - (len(means) - 1) / 2)
        points = [(places[label] + shift, *(way(value, label, task) for value in interval[:3])) for label, interval in each.items() if interval]
        axes.plot([x for x, *_ in points], [center for _, center, _, _ in points], label=cell, color=given.look.colours[cell], marker=given.look.marks[cell], markersize=5, linewidth=1.5)
        for x, _, low, high in points:
            axes.plot([x, x], [low, high], color=given.look.colours[cell], linewidth=1.2)
        said.append(f"{cell}: " + ", ".join(f"{label}: {scored(interval, task)}" for label, interval in each.items() if interval))
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    axes.axhline(1.0, color=INK, linestyle=":", linewidth=1)
    axes.set_ylim(max(axes.get_ylim()[0], -0.6), 1.08)
    axes.set_xticks(range(len(places)), [label.partition("=")[2] or label for label in places])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    axes.set(xlabel=list(places)[-1].partition("=")[0], ylabel="way from chance to solved")
    return svg(figure, f"beyond-{slug(task.name)}", f"How far {short(task)} is solved at the difficulty trained on and beyond; dotted: solved", "; ".join(said))
