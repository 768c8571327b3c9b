"""The page of gradient flow: how far an error reaches back in each trained cell, beside the score it explains."""

from __future__ import annotations

from typing import Any

from suite.report import flow
from suite.report.exhibit import Drawing, Entry, Page, Table
from suite.report.material import Material
from suite.report.pages.results import result
from suite.report.style import shown


def pages(material: Material) -> list[Page]:
    """One page, a part a task that gradients were collected on."""
    material.told("gradient flow")
    parts = [part for number, s in enumerate(material.summaries) if (part := _part(material, number))]
    shows = [each for part in parts for each in (part["drawing"], part["table"])]
    return [Page("gradients.html", "Gradient flow", "gradients.html", "Gradient flow", {"parts": parts, "seen": [cell for cell in material.cells if any(cell in part["cells"] for part in parts)]}, shows, ["dataTables.min.js"])]


def _part(material: Material, number: int) -> dict[str, Any] | None:
    s = material.summaries[number]
    found = flow.flows(s, material.runs, material.found.flows)
    if not found:
        return None
    rows = []
    for each in found:
        score = next(score for score in s.scores if score.cell == each.cell)
        gates = "; ".join(f"{gate} {shown(value, share=True)}" for gate, value in each.gates.items())
        half = f"{each.half:,}" if each.half is not None else "beyond"
        rows.append([material.cell_entry(each.cell), Entry(each.layer), Entry(each.state), result(s, score), Entry(half, sort=each.half if each.half is not None else 10**9), Entry(f"{each.last:.2g}", sort=each.last), Entry(f"{each.n}"), Entry(gates or "–", css="wrap")])
    headings = ["cell", "layer", "state", f"test {s.measure}", "lag at which a tenth is left", "at the longest lag", "n runs", "mean of gates"]
    table = Table(f"flow-{number}", f"Gradient flow on {s.label}", headings, rows)
    drawing = Drawing(f"flow-figure-{number}", s.label, flow.draw(s, found, material.look, f"f{number}"), None, "Median over runs of the norm of the gradient of the last output in the state so many steps before, and the range of its quartiles.", css="wide")
    return {"title": material.task_entry(s.name), "cells": {each.cell for each in found}, "drawing": drawing, "table": table}
