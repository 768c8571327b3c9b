"""What was not run and why, the machines, the references."""

from __future__ import annotations

from typing import Any

from suite.report.exhibit import Entry, Page, Table
from suite.report.material import Material, not_run, runs_link
from suite.runs import Where


def pages(material: Material) -> list[Page]:
    """Three pages."""
    return [_not_run(material), _machine(material), _references(material)]


def _not_run(material: Material) -> Page:
    rows = []
    for entry in not_run(material.runs):
        what = next((s.label for s in material.summaries if s.name == entry["what"]), entry["what"])
        cells = Entry(", ".join(f"{cell} × {n}" for cell, n in entry["cells"]), css="wrap name")
        rows.append([Entry(what, css="wrap name"), cells, Entry(str(entry["n"]), href=_link(entry)), Entry(entry["ended"]), Entry(entry["reason"], css="wrap")])
    table = Table("not-run", "Runs without a result", ["what", "cells", "runs", "ended", "why"], rows) if rows else None
    return Page("not-run.html", "Not run", "not-run.html", "Not run", {"table": table, "skipped": material.found.skipped}, [table] if table else [], ["dataTables.min.js"])


def _link(entry: dict[str, Any]) -> str:
    """The runs of one row: those of its task, or of its engine where it was timed, that ended so and for this reason."""
    what, timed, engine = entry["what"].partition("speed, engine ")
    which = {"kind": "speed", "engine": engine} if timed and not what else {"task": entry["what"]}
    return runs_link(**which, status=entry["ended"], why=entry["reason"])


def _machine(material: Material) -> Page:
    counts: dict[str, int] = {}
    places: dict[str, dict[str, Where]] = {}
    for run in material.runs:
        counts[run.where.machine] = counts.get(run.where.machine, 0) + 1
        software = run.where.model_dump_json(exclude={"threads", "replicas"})
        places.setdefault(run.where.machine, {}).setdefault(software, run.where)
    machines = [{"name": name, "n": counts[name], "where": list(found.values())} for name, found in places.items()]
    rows = [
        [Entry(w.machine, code=True), Entry(w.processor, css="wrap"), Entry(str(w.cores)), Entry(f"{w.memory_bytes / 2**30:.0f} GiB"), Entry(w.accelerator, css="wrap"), Entry(w.system), Entry(w.python), Entry(w.versions.get("torch", "unknown")), Entry(w.commit[:12] or "not from a checkout", ("with uncommitted changes",) if w.clean is False else (), code=True)]
        for machine in machines
        for w in machine["where"]  # type: ignore[attr-defined]
    ]
    table = Table("machines", "Machines and versions", ["machine", "processor", "cores", "memory", "accelerator", "system", "Python", "torch", "commit"], rows)
    return Page("machine.html", "Machine and versions", "machine.html", "Machine", {"machines": machines, "table": table}, [table], ["dataTables.min.js"])


def _references(material: Material) -> Page:
    found = material.catalogue.references
    used = {entry.paper for entry in material.described.values()} | {s.task.paper for s in material.summaries} | {f.source for s in material.summaries for f in s.task.figures}
    return Page("references.html", "References", "references.html", "References", {"references": found, "missing": sorted(used - {r.get("key", "") for r in found} - {""})})
