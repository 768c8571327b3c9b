"""Tables of scores that several pages share."""

from __future__ import annotations

from collections.abc import Sequence

from suite.report.costs import Priced, offered, priced
from suite.report.exhibit import Entry, Table
from suite.report.material import Material, runs_link
from suite.report.style import around, shown, spread
from suite.report.summary import CellScore, Summary
from suite.report.text import brief
from suite.report.timings import means


def result_table(material: Material) -> Table:
    """Tasks by cells: mean, interval and n."""
    headings = ["task", *material.cells, "best trivial baseline"]
    rows = [[_task(material, s), *(result(s, _of(s, cell)) for cell in material.cells), _baseline(s)] for s in material.summaries]
    return Table("results", "Test scores by task and cell", headings, rows, css="results")


def _of(summary: Summary, cell: str) -> CellScore | None:
    return next((score for score in summary.scores if score.cell == cell), None)


def _task(material: Material, s: Summary) -> Entry:
    return material.task_entry(s.name)._replace(small=(f"{s.measure}, {s.task.better} is better; {'solved' if s.task.telling else 'called solved'} at {shown(s.task.solved, s.task.share)}{passed(s)}",), css="wrap name")


def passed(s: Summary) -> str:
    """That a level says nothing of a cell which reaches it, if so."""
    return "" if s.task.telling else ", which the best trivial baseline passes"


def result(s: Summary, score: CellScore | None) -> Entry:
    """One score with its interval and n, or what there is in its place."""
    if score is None:
        return Entry("–", ("not part of it",), css="none")
    link = runs_link(task=s.name, cell=score.cell)
    failed = (f"{len(score.other)} without a score",) if score.other and score.values else ()
    if s.searched and score.values:
        return Entry(spread(min(score.values), max(score.values), s.task.share), (f"range of {len(score.values)} trials", *failed), link, min(score.values))
    if score.interval:
        ties = ["tied"] if score.cell in s.tied else []
        center, within = around(score.interval.center, score.interval.low, score.interval.high, s.task.share)
        said = ", ".join([within, f"n = {score.interval.n}", *ties, *(["solved"] if s.solved(score) else [])])
        css = " ".join(["best" if s.best is score else "tied" if ties else "", "weak" if s.baseline and score.cell not in s.winners else ""]).strip()
        return Entry(center, (said, *failed), link, score.interval.center, css)
    if score.values:
        return Entry(shown(score.values[0], s.task.share), ("n = 1, no spread", *failed), link, score.values[0])
    word = "not run" if score.other[0].startswith("refused") else score.other[0].replace(":", " ").split(" ")[0]
    return Entry(word, (f"{len(score.other)} run{'s' * (len(score.other) > 1)}",), "not-run.html", css="none")


def _baseline(s: Summary) -> Entry:
    at_once = (f"at once: {shown(s.whole[1].center, s.task.share)}, {s.whole[0]}",) if s.whole else ()
    if s.baseline is None:
        return Entry("–", at_once, css="wrap")
    name, line = s.baseline
    center, within = around(line.center, line.low, line.high, s.task.share)
    return Entry(center, (f"{name}; {within}, n = {line.n:,}", *at_once), sort=line.center, css="wrap")


def cost_table(material: Material, summaries: Sequence[Summary], name: str = "costs") -> Table:
    """Score and every cost, a row a task and cell; of one task a row a cell."""
    several, counted = len(summaries) > 1, offered(material.runs)
    headings = [*(["task"] if several else []), "cell", "test score", "interval and n", *(f"{cost.label}{f', {cost.unit}' if cost.unit else ''}" for cost in counted)]
    rows = []
    for s in summaries:
        for p in material.once(("priced", s.name), lambda s=s: priced(s, material.trained(s.name))):  # type: ignore[misc]
            mean = sum(p.score.values) / len(p.score.values)
            center, interval = averaged(p, s)
            score = Entry(center, href=runs_link(task=s.name, cell=p.score.cell), sort=mean)
            rows.append([*([material.task_entry(s.name)] if several else []), material.cell_entry(p.score.cell), score, Entry(interval), *(_time(p) if cost.name == "time" else _count(p.cost(cost.name)) for cost in counted)])
    title = "Scores and costs" if several else f"Scores and costs on {summaries[0].label}" if summaries else "Scores and costs"
    return Table(name, title, headings, rows, filters=("task", "cell") if several else ())


def averaged(p: Priced, s: Summary) -> tuple[str, str]:
    """A cell's mean, and its interval with n."""
    interval = p.score.interval
    if interval is None:
        return shown(sum(p.score.values) / len(p.score.values), s.task.share), "n = 1, no spread"
    center, within = around(interval.center, interval.low, interval.high, s.task.share)
    return center, f"{within}, n = {interval.n}"


def _count(value: float | None) -> Entry:
    return Entry("not recorded", css="none", sort=-1) if value is None else Entry(f"{value:,.0f}", sort=value)


def _time(p: Priced) -> Entry:
    if p.time is None or p.low is None or p.high is None:
        return Entry("not recorded", css="none", sort=-1)
    return Entry(brief(p.time), (f"{brief(p.low)} to {brief(p.high)}, n = {p.timed} groups" if p.timed > 1 else "one group, no spread",), sort=p.time)


def speed_means(material: Material) -> Table | None:
    """The geometric means, which the page of speed explains."""
    rows = [[material.cell_entry(m.cell), Entry(m.engine, mark=material.look.swatch(m.engine)), Entry(m.setting), Entry(m.machine, href=f"machine.html#machine-{m.machine}"), Entry(brief(m.value), (f"range {brief(m.low)} to {brief(m.high)}", f"{'all ' if m.n == m.of else ''}{m.counted} shapes"), sort=m.value)] for m in means(material.timed)]
    return Table("speed-means", "Times faster than torch.nn.LSTM, geometric means over shapes", ["cell", "engine", "setting", "machine", "× nn.LSTM"], rows, filters=("cell", "setting", "machine")) if rows else None
