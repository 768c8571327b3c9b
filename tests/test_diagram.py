"""Diagrams show what the table says: every row, what it hears and through what, in no colour of their own."""

import re
from xml.etree import ElementTree as ET

import pytest
import torch

from suite import Cell
from suite.cells import CELLS
from suite.launch.diagram import STROKES, diagram, legend
from suite.launch.wiring import Line, called, wiring


def links(cell):
    """(row, source) of every product of the table."""
    return {(row.name, link.source) for stage in cell.table for row in stage.rows for link in row.links}


def direct(cell):
    """Those of x or a state; a value of an earlier stage may stand for itself or be written out."""
    return {(row, "x(t)" if source == "x" else called(["before", source])) for row, source in links(cell) if source in ("x", *cell.state)}


@pytest.mark.parametrize("name", CELLS)
def test_lines_through_matrices_are_the_table(name):
    cell = CELLS[name](8)
    drawn = {(line.row, line.source) for line in wiring(cell).lines if line.kind == "matrix"}
    assert {row for row, _ in drawn} == {row for row, _ in links(cell)}
    assert direct(cell) <= drawn
    if len(direct(cell)) == len(links(cell)):
        assert direct(cell) == drawn


@pytest.mark.parametrize("name", CELLS)
def test_every_state_gate_and_line_is_drawn(name):
    cell = CELLS[name](8)
    made, text = wiring(cell), diagram(cell)
    assert sorted(box.name for box in made.boxes if box.kind == "state") == sorted(called(["t", state]) for state in cell.state)
    assert len([box for box in made.boxes if box.role]) == len(cell.gates)
    figure = ET.fromstring(text)
    tags = [element.tag.rpartition("}")[2] for element in figure]
    assert tags.count("rect") == len(made.boxes)
    assert tags.count("circle") == sum(line.kind == "gate" for line in made.lines)
    assert text.count("stroke-width") == len(made.boxes) + len(made.lines)
    assert all(row in figure.get("aria-label") for affine, _ in cell.stages for row in affine)
    assert "\n" not in text


@pytest.mark.parametrize("name", CELLS)
def test_a_diagram_has_no_width_and_no_colour_of_its_own(name):
    text = diagram(CELLS[name](8))
    assert text == diagram(CELLS[name](24))
    assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', text)) <= {"none", "currentColor"}


def test_boxes_stand_apart_and_inside():
    for name in CELLS:
        figure = ET.fromstring(diagram(CELLS[name](8)))
        wide, high = float(figure.get("width")), float(figure.get("height"))
        boxes = [[float(r.get(key)) for key in ("x", "y", "width", "height")] for r in figure if r.tag.endswith("rect")]
        assert all(x >= 0 and y >= 0 and x + w <= wide and y + h <= high for x, y, w, h in boxes)
        assert all(abs(a[0] - b[0]) >= a[2] or abs(a[1] - b[1]) >= a[3] for k, a in enumerate(boxes) for b in boxes[:k])


def test_peepholes_are_the_vectors_that_a_variant_adds():
    plain, peephole = (wiring(CELLS[name](8)).lines for name in ("lstm", "lstm-peephole"))
    vectors = {line for line in peephole if line.kind == "vector"}
    assert vectors == {Line("c(t−1)", "i", "vector"), Line("c(t−1)", "f", "vector"), Line("c(t)", "o", "vector")}
    assert set(peephole) - vectors == set(plain)


def test_the_two_grus_differ_in_where_they_reset():
    after, before = (wiring(CELLS[name](8)).lines for name in ("gru", "gru-cho"))
    assert Line("h(t−1)", "m", "matrix", "m") in after
    assert Line("h(t−1)", "n", "matrix", "n") in before
    assert Line("r", "n", "gate") in {*after} & {*before}


def test_of_functions_that_take_no_symbols_the_table_is_drawn():
    def step(a, s, p):
        return s._replace(h=torch.tanh(a.z) * float(a.f.sum() * 0 + 1) + s.h)

    cell = Cell("theirs", (({"z": "x h b", "f": "x b"}, step),), {"h": 4})
    made = wiring(cell)
    assert {(line.row, line.source) for line in made.lines if line.kind == "matrix"} == {("z", "x(t)"), ("z", "h(t−1)"), ("f", "x(t)")}
    assert {line.source for line in made.lines if line.target == "h(t)"} == {"z", "f", "h(t−1)"}
    ET.fromstring(diagram(cell))


def test_the_legend_knows_every_kind_of_line():
    kinds = {line.kind for name in CELLS for line in wiring(CELLS[name](8)).lines}
    assert kinds == set(STROKES)
    ET.fromstring(legend())
