"""The page of regressions: what asv kept over commits, steps marked with their commits."""

from __future__ import annotations

from datetime import UTC, datetime

from suite.report import asv
from suite.report.exhibit import Drawing, Entry, Page, Table, entries
from suite.report.material import Material

MOST = 60  # figures; the tables hold every series
PAGES = "../asv/index.html"  # asv's own, where they are published beside these


def pages(material: Material) -> list[Page]:
    """One page."""
    found = asv.history(material.found.history) if material.found.history else []
    material.told(f"history of {len(found)} benchmarks")
    steps = _steps(found)
    latest = _latest(found)
    drawings = [Drawing(f"history-{k}", f"{s.benchmark} {s.parameters}".strip(), asv.draw(s, f"h{k}"), _points(k, s), f"machine {s.machine}", css="wide") for k, s in enumerate(sorted(found, key=lambda s: not s.steps)[:MOST])]
    given = {"drawings": drawings, "steps": steps, "latest": latest, "left": max(0, len(found) - MOST), "asv": PAGES if material.found.history and (material.found.history.parent / "html" / "index.html").exists() else ""}
    shows: list[Table | Drawing] = [*drawings, *(table for table in (steps, latest) if table)]
    return [Page("history.html", "Regressions", "history.html", "Regressions", given, shows, ["dataTables.min.js"])]


def _steps(found: list[asv.Series]) -> Table | None:
    rows = []
    for s in found:
        for step in s.steps:
            before, after = s.points[step - 1], s.points[step]
            ratio = after.value / before.value if before.value else float("inf")
            rows.append([Entry(s.benchmark, css="wrap"), Entry(s.parameters, css="wrap"), Entry(s.machine), Entry(after.commit[:12], code=True), Entry(_day(after)), Entry(f"{before.value:.4g}", sort=before.value), Entry(f"{after.value:.4g}", sort=after.value), Entry(f"× {ratio:.3g}", sort=ratio)])
    return Table("steps", "Steps", ["benchmark", "parameters", "machine", "commit", "day", "before", "after", "ratio"], rows) if rows else None


def _latest(found: list[asv.Series]) -> Table | None:
    rows = [[Entry(s.benchmark, css="wrap"), Entry(s.parameters, css="wrap"), Entry(s.machine), Entry(str(len(s.points))), Entry(s.points[-1].commit[:12], code=True), Entry(f"{s.points[-1].value:.4g} {s.unit}", sort=s.points[-1].value)] for s in found]
    return Table("latest", "Every benchmark at its last commit", ["benchmark", "parameters", "machine", "commits", "last", "value"], rows, filters=("machine",)) if rows else None


def _points(number: int, s: asv.Series) -> Table:
    rows = [entries(p.commit, _day(p), f"{p.value:.6g}", "" if p.low is None else f"{p.low:.6g}", "" if p.high is None else f"{p.high:.6g}") for p in s.points]
    return Table(f"history-data-{number}", f"{s.benchmark} {s.parameters}".strip(), ["commit", "day", f"value, {s.unit}", "99 % low", "99 % high"], rows)


def _day(point: asv.Point) -> str:
    return datetime.fromtimestamp(point.date / 1000, UTC).date().isoformat()
