"""A page a task: what it asks, an example, chance and solved, what cells made of it, how fast, and at which length they give up."""

from __future__ import annotations

from typing import Any

from suite.report import accuracy, example, learning, lengths, reached
from suite.report.costs import offered
from suite.report.exhibit import Drawing, Entry, Page, Table, entries
from suite.report.material import Material, task_file
from suite.report.pages.charts import chart, looks
from suite.report.pages.results import cost_table, passed, result
from suite.report.study.delays import bracket
from suite.report.style import around, difference, shown
from suite.report.summary import Summary
from suite.report.ways import settings
from suite.runs import curves
from suite.stats import verdicts


def pages(material: Material) -> list[Page]:
    """The list of tasks, and a page for each."""
    rows = [
        [material.task_entry(s.name), Entry(s.measure), *_between(s), Entry(s.best.cell if s.best else "none ranked", css="name"), Entry(" ".join(s.verdict), css="wrap")]
        for s in material.summaries
    ]
    listed = Table("tasks", "Tasks", ["task", "measure", "chance", "solved at", "best mean", "in words"], rows)
    given = {"listed": listed if rows else None}
    return [Page("tasks.html", "Tasks", "list.html", "Tasks", given | {"empty": "No task is part of this experiment: it times cells."}, [listed] if rows else [], ["dataTables.min.js"]), *(_page(material, n) for n in range(len(material.summaries)))]


def _between(s: Summary) -> list[Entry]:
    return [Entry(shown(value, s.task.share), (note,) if (note := passed(s)[2:]) and value == s.task.solved else (), sort=value) for value in (s.task.chance, s.task.solved)]


def _page(material: Material, number: int) -> Page:
    s = material.summaries[number]
    material.told(f"task {s.label}")
    scores = Table("scores", f"Test scores on {s.label}", ["cell", f"test {s.measure}", "of validation's best steps"], [[material.cell_entry(score.cell), result(s, score), Entry(_values(s, score.values))] for score in s.scores])
    drawings = _drawings(material, s, number)
    runs = material.trained(s.name)
    level, said = reached.goal(s, runs)
    waited = [] if s.searched else reached.reached(s, runs, level)
    times = _times(material, s, waited, said, number)
    sweep = None if s.searched else lengths.sweep(s, [other for other in material.summaries if not other.searched])
    lengthened = material.once(("sweep", sweep.argument, *(other.name for _, other in sweep.tasks)), lambda: _lengthened(material, sweep, number)) if sweep else []
    panel = chart(material, s)
    costs = cost_table(material, [s])
    pairs = _pairs(s)
    baselines = _baselines(s)
    published = _published(s)
    given: dict[str, Any] = {
        "s": s,
        "answer": example.answer(s.task),
        "facts": _facts(s),
        "scores": scores,
        "drawings": [d for d in drawings if d.svg],
        "times": times,
        "said": said,
        "lengthened": lengthened,
        "baselines": baselines,
        "published": published,
        "pairs": pairs,
        "costs": costs if costs.rows else None,
        "settings": settings(runs, s.name),
        "charts": {"panels": {"accuracy": panel} if panel else {}, "looks": looks(material), "costs": [cost._asdict() for cost in offered(material.runs)]},
    }
    shows = [scores, *given["drawings"], *times, *lengthened, *(d.data for d in (*times, *lengthened)), baselines, published, pairs, given["costs"]]
    scripts = ["vega.min.js", "vega-lite.min.js", "vega-embed.min.js"] if panel else []
    return Page(task_file(s.name), s.label, "task.html", "Tasks", given, [each for each in shows if each], [*scripts, "dataTables.min.js"])


def _values(s: Summary, values: tuple[float, ...]) -> str:
    return ", ".join(shown(value, s.task.share) for value in sorted(values)[:40]) + (f" and {len(values) - 40} more" if len(values) > 40 else "")


def _facts(s: Summary) -> list[tuple[str, str]]:
    task = s.task
    found = [
        ("score", f"{task.measure}, {task.better} is better"),
        ("chance", f"{shown(task.chance, task.share)}, the best constant answer"),
        ("solved at", shown(task.solved, task.share) + passed(s)),
        ("inputs", f"{task.inputs:,}" if task.inputs else ""),
        ("outputs", f"{task.outputs:,}" if task.outputs else ""),
        ("asked", {"last": "after the last step", "every": "at every step"}.get(task.supervision, task.supervision)),
        ("answer", task.answer),
        ("data", task.source or ("drawn from a rule" if task.version is not None else "")),
        ("name in records", task.name),
    ]
    return [(name, value) for name, value in found if value]


def _drawings(material: Material, s: Summary, number: int) -> list[Drawing]:
    data = cost_table(material, [s], "accuracy-data")
    runs = material.trained(s.name)
    found = curves(runs)
    points = Table("curves-data", f"Learning curves on {s.label}", ["cell", "seed", "step", "loss", "validation"], [entries(*row) for row in found[["cell", "seed", "step", "loss", "validation"]].itertuples(index=False)])
    return [
        Drawing("example", f"One example of {s.label}", example.draw(s.task, f"e{number}"), None, example.answer(s.task), css="wide"),
        Drawing("accuracy", "Accuracy against cost", material.once(("accuracy", s.name), lambda: accuracy.draw(s, material.look, f"a{number}", material.trained(s.name), material.summaries)), data if data.rows else None, chart="" if s.searched else "accuracy"),
        Drawing("learning", "Learning curves", learning.draw(s, runs, material.look, f"l{number}"), points, "Score on the validation split over updates: a line a run." if s.searched else f"Score on the validation split over updates: a thin line a run, a thick one the mean of {learning.counts(runs)} as far as all of them go, for runs that are solved stop."),
    ]


def _times(material: Material, s: Summary, waited: list[reached.Reached], said: str, number: int) -> list[Drawing]:
    """Time to accuracy, as a figure and its table."""
    rows = [[material.cell_entry(e.cell), Entry(f"{e.found.median.reached} of {e.found.median.n}"), Entry(reached.median(e), sort=e.found.median.center if e.found.median.center is not None else float(e.most) * 1e6)] for e in waited]
    table = Table("time-data", f"Updates until {said}", ["cell", "runs that got there", "median updates [95 % interval]"], rows)
    svg = reached.draw(s, waited, said, material.look, f"t{number}")
    return [Drawing("time", "Time to accuracy", svg, table, f"Updates until {said} on validation.")] if rows else []


def _lengthened(material: Material, found: lengths.Sweep, number: int) -> list[Drawing]:
    rows = []
    for cell, each in lengths.each_critical(found, [run for _, other in found.tasks for run in material.trained(other.name)]).items():
        rows.append([material.cell_entry(cell), Entry(bracket(each) if each else "–", () if each else ("not the same seeds everywhere",), sort=(each.center or 0.0) if each else -1.0)])
    table = Table("critical", f"Critical {found.argument}: the largest that at least half of the seeds solve", ["cell", f"critical {found.argument} [95 % interval], n"], rows)
    note = f"The same task at {len(found.tasks)} values of its {found.argument}. The dotted line is what counts as solved."
    return [Drawing("lengths", f"Over {found.argument}", lengths.draw(found, material.look, f"g{number}"), table if rows else None, note)]


def _baselines(s: Summary) -> Table | None:
    order = [(name, line, "sees all inputs at once") for name, line in s.at_once] + [(name, line, "hears no order" if name in s.task.without_order else "no memory") for name, line in s.baselines]
    rows = [[Entry(name), Entry(center, sort=line.center), Entry(f"{within}, n = {line.n:,}"), Entry(kind)] for name, line, kind in order for center, within in [around(line.center, line.low, line.high, s.task.share)]]
    return Table("baselines", "Trivial baselines", ["baseline", s.measure, "95 % interval over answers", "kind"], rows) if rows else None


def _published(s: Summary) -> Table | None:
    rows = [[Entry(f.method, css="wrap"), Entry(f.setting, css="wrap"), Entry(f.measure), Entry(f"{f.value:,g}{f' {f.unit}' if f.unit else ''}", sort=f.value), Entry(f.source, href=f"references.html#ref-{f.source}"), Entry(f.confidence)] for f in s.task.figures]
    return Table("published", "Published figures, as they stand in their sources", ["method", "setting", "measure", "value", "source", "known"], rows) if rows else None


def _pairs(s: Summary) -> Table | None:
    """Every two cells by Welch's test with Holm's correction."""
    able = {score.cell: score.values for score in s.scores if len(score.values) > 1 and not score.other}
    if len(able) < 2 or s.searched:
        return None
    rows = [
        [Entry(v.a, css="name"), Entry(v.b, css="name"), Entry(v.better or "tied", css="name"), Entry(difference(v.difference.center, v.difference.low, v.difference.high, s.task.share), sort=v.difference.center), Entry(f"{v.difference.n}"), Entry(f"{v.p:.2g}", sort=v.p), Entry("–" if v.more is None else f"{v.more:,}", sort=v.more or 0)]
        for v in verdicts(able, s.task.better)
    ]
    return Table("pairs", "Every two cells", ["cell", "and", "better", "difference of means [95 %]", "n of both", "p (Holm)", "seeds of each to tell apart"], rows, filters=("cell", "and"))
