"""The page of speed: times and memory by cell, engine and shape, how they grow, what was refused; only what agreed with the reference."""

from __future__ import annotations

from collections.abc import Sequence

from suite.report import ratios, scaling, speed
from suite.report.exhibit import Drawing, Entry, Page, Table
from suite.report.material import Material
from suite.report.pages.results import speed_means
from suite.report.text import cell, repeats
from suite.report.timings import Shape, measured, shapes
from suite.runs import Run

COLUMNS = "A column is a shape: steps, batch, inputs and units. Blue is faster than torch.nn.LSTM at the same shape, red slower; the fastest cells in the geometric mean stand first. What is empty was not timed; a cell without all shapes has no mean and stands last."


def pages(material: Material) -> list[Page]:
    """One page."""
    material.told("speed")
    agreed = [run for run in material.timed if run.costs.step and run.status == "done"]  # the gate lets no other be timed
    unproved = sum(not run.costs.difference for run in agreed)
    overviews = [_overview(material, number, setting, group) for number, (setting, group) in enumerate(ratios.settings(agreed).items())]
    grown = _grown(material, agreed)
    timed = [_shape(material, number, shape, group) for number, (shape, group) in enumerate(shapes(agreed).items())]
    means = speed_means(material)
    growth = _growth(material, agreed)
    given = {"overviews": overviews, "means": means, "grown": grown, "growth": growth, "timed": timed, "unproved": unproved, "engines": [(engine, material.look.swatch(engine)) for engine in material.look.engines]}
    shows = [*overviews, means, *grown, growth, *(each for drawing, _ in timed for each in (drawing, drawing.data))]
    return [Page("speed.html", "Speed", "speed.html", "Speed", given, [each for each in shows if each], ["dataTables.min.js"])]


def _overview(material: Material, number: int, setting: str, group: Sequence[Run]) -> Drawing:
    return Drawing(f"ratios-{number}", f"Times faster than torch.nn.LSTM: {setting}", ratios.draw(setting, group, material.look, f"r{number}"), None, COLUMNS, css="wide heat")


def _grown(material: Material, runs: Sequence[Run]) -> list[Drawing]:
    """A figure for each size that grew alone, and for each thing that was held beside it."""
    found: dict[tuple[str, str], list[scaling.Growth]] = {}
    for growth in scaling.growths(runs):
        found.setdefault((growth.size, growth.rest), []).append(growth)
    return [Drawing(f"scaling-{n}", f"Over {size}", scaling.draw(size, rest, group, material.look, f"g{n}"), None, rest, css="wide") for n, ((size, rest), group) in enumerate(found.items())]


def _growth(material: Material, runs: Sequence[Run]) -> Table | None:
    rows = [[material.cell_entry(g.cell), Entry(g.engine), Entry(g.size), Entry(f"{g.exponent:.2f}", (g.said.partition(" ")[2],), sort=g.exponent), Entry(g.rest, css="wrap")] for g in scaling.growths(runs)]
    return Table("exponents", "Fitted exponents: time of a training step is proportional to size to this power", ["cell", "engine", "grows with", "exponent", "held"], rows, filters=("cell", "engine", "grows with")) if rows else None


def _shape(material: Material, number: int, shape: Shape, group: Sequence[Run]) -> tuple[Drawing, str]:
    """The figure of one shape, with the table of its timings as its data."""
    used = speed.headings(group)
    headings = ["cell", "engine", *used, "parameters", "multiply–adds a step", "state, B", "differs from the reference by"]
    rows = []
    for run, row in zip(group, speed.rows(group), strict=True):
        found = measured(run)
        numbers = [Entry(cell(found[name], unit), sort=(timing.median if (timing := found[name]) else -1)) for name, unit in used.values()]
        counts = [Entry(count, sort=int(count.replace(",", "")) if count else -1) for count in row["counts"]]
        rows.append([material.cell_entry(run.spec.cell), Entry(run.spec.engine, mark=material.look.swatch(run.spec.engine)), *numbers, *counts, Entry(row["difference"])])
    table = Table(f"timings-{number}", f"Timings: {shape.title}", headings, rows, note=repeats(group), filters=("engine",))
    return Drawing(f"shape-{number}", shape.title, speed.draw(shape, group, material.look, f"s{number}"), table, css="wide"), repeats(group)


