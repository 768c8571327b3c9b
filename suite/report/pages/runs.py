"""Every run: a row each, complete as it stands; spec, curve and machine in data files that a page loads when they are asked for."""

from __future__ import annotations

from typing import Any

from suite.report.exhibit import Entry, Page, Table
from suite.report.material import COMMAND, Material
from suite.report.style import shown
from suite.runs import Run, SpeedSpec

CHUNK = 250  # runs a data file
POINTS = 200  # of a curve, at most


def ordered(material: Material) -> list[Run]:
    """Runs as the page lists them."""
    place = {cell: k for k, cell in enumerate(material.cells)}
    return sorted(material.runs, key=lambda r: (r.spec.kind, getattr(r.spec, "task", ""), place[r.spec.cell], getattr(r.spec, "seed", 0), r.file))


def pages(material: Material) -> list[Page]:
    """The page of all runs."""
    material.told("runs")
    runs = ordered(material)
    shares = {s.name: s.task.share for s in material.summaries}
    labels = {s.name: s.label for s in material.summaries}
    rows = [_row(run, shares, labels, material) for run in runs]
    headings = ["run", "task or shape", "cell", "engine", "seed", "status", "test", "parameters", "seconds", "machine", "commit", "repeat"]
    table = Table("runs", "All runs", headings, rows, css="runs", filters=("task or shape", "cell", "status", "machine"), ids=[run.file.removesuffix(".json") for run in runs], chunk=CHUNK)
    given = {"table_of_runs": table, "tasks": {s.name: s.label for s in material.summaries}}
    return [Page("runs.html", "Runs", "runs.html", "Runs", given, [table], ["dataTables.min.js"])]


def _row(run: Run, shares: dict[str, bool], labels: dict[str, str], material: Material) -> list[Entry]:
    spec, costs = run.spec, run.costs
    what = f"speed ({spec.length}, {spec.batch}, {spec.inputs}, {spec.units})" if isinstance(spec, SpeedSpec) else labels.get(spec.task, spec.task)
    test = run.score.test if run.score is not None else None
    share = not isinstance(spec, SpeedSpec) and shares.get(spec.task, False)
    result = Entry(shown(test, share), sort=test) if test is not None else Entry(f"{1e3 * costs.step.median:.3g} ms a step" if costs.step else "", sort=costs.step.median if costs.step else "")
    commit = run.where.commit[:8] or run.where.carrousel
    return [
        Entry(run.id[:8], href=f"#run-{run.file.removesuffix('.json')}", code=True),
        Entry(what, css="name"),
        Entry(spec.cell, mark=material.look.swatch(spec.cell), css="name"),
        Entry(spec.engine),
        Entry("" if isinstance(spec, SpeedSpec) else str(spec.seed)),
        Entry(run.status, css="wrap"),
        result,
        Entry("" if costs.parameters is None else f"{costs.parameters:,}", sort=costs.parameters),
        Entry("" if costs.seconds is None else f"{costs.seconds:.1f}", (f"for {run.where.replicas}",) if costs.seconds is not None and run.where.replicas > 1 else (), sort=costs.seconds),
        Entry(run.where.machine, href=f"machine.html#machine-{run.where.machine}"),
        Entry(commit, ("with changes",) if run.where.clean is False else (), code=True),
        Entry(COMMAND.format(id=run.id), code=True, css="command"),
    ]


def details(material: Material) -> list[dict[str, Any]]:
    """The data files of the page: what a row has no room for, by the run's file."""
    own = {run.file: run for run in material.found.runs}
    runs = ordered(material)
    return [{run.file.removesuffix(".json"): _detail(own[run.file]) for run in runs[k : k + CHUNK]} for k in range(0, len(runs), CHUNK)]


def _detail(run: Run) -> dict[str, Any]:
    every = -(-len(run.curve) // POINTS)
    return {
        "spec": {key: value for key, value in run.spec.model_dump().items() if value is not None and value is not False and value not in ("", ())},
        "status": run.status,
        "curve": [[point.step, float(f"{point.loss:.5g}"), float(f"{point.validation:.6g}")] for point in [*run.curve[: -1 : every or 1], *run.curve[-1:]]],
        "where": run.where.model_dump(),
        "command": COMMAND.format(id=run.id),
        "schema": run.schema_number,
    }
