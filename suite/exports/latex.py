"""Tables for a paper: scores and timings, n and interval in every row. They need the package booktabs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from suite.report.latex import escaped
from suite.report.text import COLUMNS, cell
from suite.report.timings import measured, shapes
from suite.runs import Run, TrainSpec
from suite.runs.flat import flat
from suite.runs.sources import counted
from suite.stats import mean_interval

TIMINGS = ("step, ms", "inference, ms", "× nn.LSTM")
Row = Sequence[str]


def tables(runs: Sequence[Run], path: Path) -> None:
    """A table of test scores and one of timings, where there are any."""
    scored, timed = scores(runs), timings(runs)
    parts = ["% \\usepackage{booktabs}\n"]
    if scored:
        caption = "Test scores at the update that was best on validation: mean over $n$ runs and Student's 95\\,\\% interval of it, not clipped to what the score can be; a single run has none."
        parts.append(tabular(caption, ["task", "cell", "$n$", "mean", "low", "high", "without"], scored, "llrrrrr"))
    if timed:
        caption = "Timings: median of $n$ repeats and its 95\\,\\% interval."
        parts.append(tabular(caption, ["shape", "cell", "engine", "$n$", *map(escaped, TIMINGS)], timed, "lllr" + "r" * len(TIMINGS)))
    path.write_text("\n".join(parts), encoding="utf-8")


def scores(runs: Sequence[Run]) -> list[Row]:
    """Task, cell with what tells its networks apart, n, mean, low, high, and how many runs have no score."""
    rows: list[Row] = []
    for (task, name), group in contestants(runs).items():
        values = [run.score.test for run in group if run.score is not None and run.score.test is not None]
        found = mean_interval(values)
        figures = [f"{x:.4g}" for x in (found.center, found.low, found.high)] if found else [*(f"{x:.4g}" for x in values), "--", "--", "--"][:3]
        rows.append([escaped(task), escaped(name), str(len(values)), *figures, str(len(group) - len(values))])
    return rows


def contestants(runs: Sequence[Run]) -> dict[tuple[str, str], list[Run]]:
    """Training runs that differ in nothing but their seeds, by task and cell, each once however many machines did it; two networks of one cell are told apart by what they differ in."""
    alike: dict[str, list[Run]] = {}
    for run in counted(runs):
        if isinstance(run.spec, TrainSpec):
            alike.setdefault(repr(run.spec.model_dump(exclude={"seed", "data_seed"})), []).append(run)
    settings = {key: flat(group[0].spec.model_dump(exclude={"seed", "data_seed"}), inside=True) for key, group in alike.items()}
    found = {}
    for key, group in alike.items():
        mine = settings[key]
        others = [other for other in settings.values() if (other["task"], other["cell"]) == (mine["task"], mine["cell"])]
        apart = [name for name in mine if any(other.get(name) != mine[name] for other in others)]
        found[mine["task"], ", ".join([mine["cell"], *(f"{name} {mine[name]}" for name in apart)])] = group
    return dict(sorted(found.items()))


def timings(runs: Sequence[Run]) -> list[Row]:
    """Shape, cell, engine, n, and medians with their intervals."""
    rows: list[Row] = []
    timed = shapes([run for run in runs if run.spec.kind == "speed"])
    several = len({shape.machine for shape in timed}) > 1
    for shape, group in timed.items():
        place = escaped(f"{shape.brief}; {shape.setting}" + (f"; machine {shape.machine}" if several else ""))
        for run in group:
            numbers = measured(run)
            figures = [cell(numbers[name], unit) for name, unit in (COLUMNS[head] for head in TIMINGS)]
            repeats = str(run.costs.step.n) if run.costs.step else "0"
            rows.append([place, escaped(run.spec.cell), escaped(run.spec.engine), repeats, *figures])
    return rows


def tabular(caption: str, head: Row, rows: Sequence[Row], alignment: str) -> str:
    """A table environment; what repeats itself in the first column stands once."""
    lines, before = [], ""
    for row in rows:
        lines.append(" & ".join(["" if row[0] == before else row[0], *row[1:]]) + r" \\")
        before = row[0]
    top = ["\\begin{table}", "\\centering", f"\\caption{{{caption}}}", f"\\begin{{tabular}}{{{alignment}}}", "\\toprule", " & ".join(head) + r" \\", "\\midrule"]
    return "\n".join([*top, *lines, "\\bottomrule", "\\end{tabular}", "\\end{table}", ""])
