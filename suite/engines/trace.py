"""A step and its reverse as one short graph. No derivative is written here: autograd takes it, and is recorded."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from suite.cells.cell import Cell, Stage
from suite.engines.engine import advance
from suite.engines.graph import Graph
from suite.engines.recorder import Recorder, Untraceable


def trace(cell: Cell) -> Graph:
    """Inputs `row`, `state`, `extra`, and a `seed` for each result; results `value`, `new`, and `d row`, `d state`, `d extra`.

    A `value` is what an earlier stage makes and a later row multiplies. A derivative that is zero is not there. The step
    is recorded twice, at other values and numbers of sequences: what looks at either gives two graphs and is refused.
    """
    one, other = _recorded(cell, Recorder((2, 3), 0.5)), _recorded(cell, Recorder((3, 4), -0.25))
    if one != other:
        raise Untraceable("depends on the values of a tensor, or on how many sequences there are")
    return one


def _recorded(cell: Cell, recorder: Recorder) -> Graph:
    with torch.inference_mode(False), torch.enable_grad(), torch.device("cpu"):
        return _both_ways(cell, recorder)


def _both_ways(cell: Cell, recorder: Recorder) -> Graph:
    with recorder:
        widths = {("row", row.name): row.width for stage in cell.table for row in stage.rows}
        widths |= {("state", name): width for name, width in cell.state.items()} | {("extra", name): width for name, width in cell.extra.items()}
        leaves = {name: recorder.take(name, width).requires_grad_() for name, width in widths.items()}
        given = {name: leaf.clone() for name, leaf in leaves.items()}  # a step may change what it is given
        rows = {name: value for (kind, name), value in given.items() if kind == "row"}
        state, extras = cell.states(*(given["state", name] for name in cell.state)), cell.extras(*(given["extra", name] for name in cell.extra))
        heard: dict[str, Tensor] = {}

        def pre(number: int, stage: Stage, known: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
            del number
            heard.update(known)
            return {row.name: rows[row.name] for row in stage.rows}

        new = advance(cell, pre, state, extras)
        results = {("value", source): heard[source] for source in products(cell) if source not in cell.state}
        results |= {("new", name): value for name, value in new._asdict().items()}
        recorder.graph.outputs |= {name: recorder.number(value) for name, value in results.items()}
        if any(kind == "value" and recorder.graph.nodes[number].op == "number" for (kind, _), number in recorder.graph.outputs.items()):
            raise Untraceable("makes a value for a later row that is a constant")
        seeds = {name: recorder.take(("seed", name[1]), value.shape[-1]) for name, value in results.items() if value.requires_grad}
    weighed = sum(((results[name] * seed).sum() for name, seed in seeds.items()), torch.zeros(()))  # as grad_outputs they cost 0.3 s of imports
    with recorder:
        found = torch.autograd.grad(weighed, list(leaves.values()), create_graph=True, allow_unused=True)
        for (kind, name), value in zip(leaves, found, strict=True):
            if value is not None:
                recorder.graph.outputs[f"d {kind}", name] = recorder.number(value)
    return recorder.graph


def products(cell: Cell) -> list[str]:
    """Everything but x that a row multiplies by a weight."""
    return list(dict.fromkeys(link.source for stage in cell.table for row in stage.rows for link in row.links if link.source != "x"))
