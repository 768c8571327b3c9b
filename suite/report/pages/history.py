"""The page of regressions: what asv kept over commits, steps marked with their commits, failures named."""

from __future__ import annotations

from datetime import UTC, datetime

from suite.regress.table import figure
from suite.report import asv
from suite.report.exhibit import Drawing, Entry, Page, Table
from suite.report.material import Material

MOST = 60  # figures; the tables hold every series
PAGES = "../asv/index.html"  # asv's own, where they are published beside these
SHORT = 12


def pages(material: Material) -> list[Page]:
    """One page."""
    folder = material.found.history
    try:
        found = asv.history(folder) if folder else []
    except ValueError as error:
        found = []
        material.told(str(error))
    material.told(f"history of {len(found)} benchmarks")
    drawn = sorted((each for each in found if each.measured), key=lambda each: not each.steps)  # without figures there is nothing to draw
    drawings = [Drawing(f"history-{k}", each.name, asv.draw(each, f"h{k}"), _points(k, each), _where(each, found), css="wide") for k, each in enumerate(drawn[:MOST])]
    steps, latest = _steps(found), _latest(found)
    theirs = PAGES if folder and (folder.parent / "html" / "index.html").exists() else ""
    given = {"drawings": drawings, "steps": steps, "latest": latest, "left": max(0, len(drawn) - MOST), "asv": theirs, "sought": asv.sought()}
    shows: list[Table | Drawing] = [*drawings, *(table for table in (steps, latest) if table)]
    return [Page("history.html", "Regressions", "history.html", "Regressions", given, shows, ["dataTables.min.js"])]


def _where(each: asv.History, found: list[asv.History]) -> str:
    """The machine, and the environment where a machine has several."""
    several = len({other.kept.environment for other in found if other.kept.machine == each.kept.machine}) > 1
    return f"machine {each.kept.machine}" + (f", environment {each.kept.environment}" if several else "")


def _steps(found: list[asv.History]) -> Table | None:
    rows = [
        [
            Entry(each.name, css="wrap"),
            Entry(_where(each, found).removeprefix("machine "), css="wrap"),
            Entry(step.first[:SHORT], (f"or one of {step.between} before it that were not measured",) if step.between else (), code=True),
            Entry(_day(each, step.first)),
            Entry(figure(step.before, step.series.unit), sort=step.before),
            Entry(figure(step.after, step.series.unit), sort=step.after),
            Entry(step.series.said(step.change), sort=step.change),
            Entry(step.verdict),
        ]
        for each in found
        for step in each.steps
    ]
    return Table("steps", "Steps", ["series", "machine", "commit", "day", "before", "after", "change", "verdict"], rows) if rows else None


def _latest(found: list[asv.History]) -> Table | None:
    rows = []
    for each in found:
        text, value = _value(each, each.commits[-1])
        failed = ", ".join(commit[:SHORT] for commit in each.commits if commit in each.kept.failed)
        rows.append([
            Entry(each.name, css="wrap"),
            Entry(_where(each, found).removeprefix("machine "), css="wrap"),
            Entry(str(len(each.measured))),
            Entry(each.commits[-1][:SHORT], code=True),
            Entry(text, sort=value),
            Entry(failed, css="wrap", code=bool(failed)),
        ])
    return Table("latest", "Every benchmark at its last commit", ["series", "machine", "commits", "last", "value", "failed at"], rows, filters=("machine",)) if rows else None


def _value(each: asv.History, commit: str) -> tuple[str, float | str]:
    """What became of a series at a commit, for people and for sorting."""
    value = each.kept.figures.get(commit)
    if value is None:
        return ("failed" if commit in each.kept.failed else "skipped",) * 2
    return figure(value, each.kept.series.unit), value


def _points(number: int, each: asv.History) -> Table:
    rows = []
    for commit in each.commits:
        value = each.kept.figures.get(commit)
        ends = each.kept.intervals.get(commit)
        text = _value(each, commit)[0] if value is None else f"{value:.6g}"
        rows.append([Entry(said) for said in (commit, _day(each, commit), text, *((f"{end:.6g}" for end in ends) if ends else ("", "")))])
    return Table(f"history-data-{number}", each.name, ["commit", "day", f"value, {each.kept.series.unit}", "99 % low", "99 % high"], rows)


def _day(each: asv.History, commit: str) -> str:
    return datetime.fromtimestamp(each.kept.dates[commit] / 1000, UTC).date().isoformat()
