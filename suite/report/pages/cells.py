"""A page a cell: its equations, its table, what is proved of it, what it costs, how fast it is, and its results."""

from __future__ import annotations

from typing import Any

from suite.report.catalogue import CellEntry
from suite.report.exhibit import Drawing, Entry, Page, Table
from suite.report.foreign import drawing
from suite.report.material import Material, cell_file
from suite.report.mathml import equations
from suite.report.pages.results import result
from suite.report.summary import Summary
from suite.report.text import brief, cell
from suite.report.timings import LSTM, ratio, shape_of
from suite.runs import TrainSpec
from suite.stats import covers

LINES = "From left to right: what is there before the step, every named value, the states after it. Thick lines are matrices of weights, dashed ones vectors of weights, dotted ones that end in a dot are gates that multiply, thin ones the value itself."


def pages(material: Material) -> list[Page]:
    """The list of cells, and a page for each."""
    rows = [[_named(material, entry), Entry(entry.formula or "–"), Entry(", ".join(entry.states)), Entry(str(len(entry.rows)) if entry.rows else "–"), Entry(str(len(entry.proofs))), _paper(entry)] for entry in material.described.values()]
    listed = Table("cells", "Cells", ["cell", "parameters at n units and m inputs", "states", "rows", "proofs", "source"], rows)
    return [Page("cells.html", "Cells", "list.html", "Cells", {"listed": listed if rows else None, "empty": "No cell is part of these records."}, [listed], ["dataTables.min.js"]), *(_page(material, entry) for entry in material.described.values())]


def _named(material: Material, entry: CellEntry) -> Entry:
    return Entry(entry.name, href=cell_file(entry.name), mark=material.look.swatch(entry.name) if entry.name in material.look.marks else "", css="name")


def _paper(entry: CellEntry) -> Entry:
    return Entry(entry.paper, href=f"references.html#ref-{entry.paper}") if entry.paper else Entry("–")


def _page(material: Material, entry: CellEntry) -> Page:
    own = [name for name, base in material.base.items() if base == entry.name]
    results, speed, costs = _results(material, own), _speed(material, own), _costs(material, own)
    proofs = Table("proofs", f"What is proved of {entry.name}", ["property", "test"], [[Entry(p.says, css="wrap"), Entry(p.test, code=True, css="wrap")] for p in entry.proofs])
    heard = Table("rows", f"What feeds each pre-activation of {entry.name}", ["row", "sources"], [[Entry(row, code=True), Entry(sources, code=True)] for row, sources in entry.rows])
    drawn = Drawing("diagram", f"One step of {entry.name}", drawing(entry.diagram), None, LINES, css="wide diagram")
    given: dict[str, Any] = {
        "cell": entry,
        "mark": material.look.swatch(entry.name if entry.name in material.look.marks else own[0]) if entry.name in material.look.marks or own else "",
        "math": equations(entry.typeset),
        "diagram": drawn if drawn.svg else None,
        "rows": heard if heard.rows else None,
        "proofs": proofs if proofs.rows else None,
        "results": results,
        "costs": costs,
        "speed": speed,
        "reference": next((r for r in material.catalogue.references if r.get("key") == entry.paper), None),
    }
    shows = [given["diagram"], given["rows"], given["proofs"], results, costs, speed]
    return Page(cell_file(entry.name), entry.name, "cell.html", "Cells", given, [each for each in shows if each], ["dataTables.min.js"])


def _results(material: Material, own: list[str]) -> Table | None:
    rows = []
    for s in material.summaries:
        place = {score.cell: place for place, score in enumerate(sorted((x for x in s.scores if x.whole and x.interval), key=lambda x: x.interval.center, reverse=s.task.better == "higher"), start=1)}  # type: ignore[union-attr]
        rows += [[material.task_entry(s.name), Entry(score.cell, css="name"), result(s, score), Entry(_placed(s, score.cell, place))] for score in s.scores if score.cell in own]
    return Table("results", "Results on every task", ["task", "as", "test score", "place by mean"], rows) if rows else None


def _placed(s: Summary, name: str, place: dict[str, int]) -> str:
    """A cell's place; one that is tied with the best shares its place, and the best shares it with those."""
    if name not in place:
        return "not ranked"
    shared = name in s.tied or (place[name] == 1 and bool(s.tied))
    return f"tied for 1 of {len(place)}" if shared else f"{place[name]} of {len(place)}"


def _costs(material: Material, own: list[str]) -> Table | None:
    """What its networks came to, each size once, the smallest first, with the tasks that it was for."""
    labels = {s.name: s.label for s in material.summaries}
    found: dict[tuple[Any, ...], dict[str, None]] = {}
    for run in material.runs:
        if isinstance(run.spec, TrainSpec) and run.spec.cell in own and run.costs.parameters is not None:
            key = (run.costs.parameters, run.spec.cell, run.spec.units, run.costs.multiply_adds, run.costs.state_bytes)
            found.setdefault(key, {})[labels.get(run.spec.task, run.spec.task)] = None
    rows = [[Entry(name, css="name"), Entry(", ".join(tasks), css="wrap"), *(Entry("" if value is None else f"{value:,}", sort=value) for value in (units, parameters, adds, state))] for (parameters, name, units, adds, state), tasks in sorted(found.items(), key=lambda item: item[0][:3])]
    return Table("costs", "Networks that were trained", ["as", "for", "units", "parameters", "multiply–adds a step", "state, bytes"], rows) if rows else None


def _speed(material: Material, own: list[str]) -> Table | None:
    rows, counts = [], set()
    for run in sorted(material.timed, key=lambda run: (shape_of(run), run.spec.engine, run.file)):
        if run.spec.cell in own and run.costs.step:
            counts.add(run.costs.step.n)
            shape = shape_of(run)
            times = ratio(run, LSTM)
            rows.append([Entry(run.spec.engine, mark=material.look.swatch(run.spec.engine)), Entry(shape.brief), Entry(shape.setting), Entry(cell(run.costs.step, 1e3), (f"n = {run.costs.step.n}",), sort=run.costs.step.median), Entry(brief(times.median) if times else "–", sort=times.median if times else -1), Entry(run.where.machine)])
    return Table("speed", "Training step by engine and shape", ["engine", "steps, batch, inputs, units", "setting", f"step, ms [{covers(*sorted(counts))}]", f"× {LSTM}", "machine"], rows, filters=("engine", "setting")) if rows else None


