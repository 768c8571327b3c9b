"""What a step leaves behind for its reverse, and where: one row of columns for every step and sequence.

Only what is dear to compute (an activation) or cannot be had otherwise (a pre-activation) is stored; cheap values are computed
again, and states and the values of later products are there anyway. Pre-activations and their derivatives have columns of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from suite.cells.cell import Cell
from suite.engines.emit_cpp import Function, Store, function
from suite.engines.graph import Graph, Node
from suite.engines.operations import DEAR
from suite.engines.packing import packings
from suite.engines.trace import products

ALIGN = 16  # elements: every block of columns starts and ends at a multiple, whatever the width of a vector


class Kind(IntEnum):
    """What a pointer of a generated function points at; the numbers are those of `native/loop.h`."""

    TAPE = 0
    OLD = 1
    NEW = 2
    EXTRA = 3
    X = 4
    NOISE = 5
    SEED = 6
    SEED_VALUE = 7
    D_OLD = 8
    D_EXTRA = 9
    D_X = 10
    D_ROW = 11
    ROW = 12


Output = tuple[int, tuple[Kind, int], int, bool]  # node, where it goes, width, added or set


@dataclass(frozen=True)
class Kernel:
    """A generated function, and what each of its pointers points at: kind and number (of a column, a state ...)."""

    function: Function
    pointers: tuple[tuple[Kind, int], ...]


class Tape:
    """Columns of a cell's tape, and the functions that fill it and empty it again, one of each a stage."""

    def __init__(self, cell: Cell, graph: Graph) -> None:
        self.cell, self.graph, self.packings = cell, graph, packings(cell)
        self.stage = {row.name: number for number, stage in enumerate(cell.table) for row in stage.rows}
        self.raw = {row.name: row.raw for stage in cell.table for row in stage.rows if row.raw}
        self.noise = [name for name, raw in self.raw.items() if raw == "noise"]
        self.values = [source for source in products(cell) if source not in cell.state]
        self.columns = 0  # taken so far: of pre-activations first, then of the tape
        self.starts = [[self._take(sum(block.widths)) for block in packing.blocks] for packing in self.packings]
        self.rows = self._rows()
        self.row_columns = self.columns | ALIGN  # an odd stride, so that rows do not meet in one set of a cache
        self.columns = 0
        self.value = {name: self._take(graph.nodes[graph.outputs["value", name]].width) for name in self.values}
        last = len(cell.table) - 1
        stored = self._stored()
        self.slots = {n: self._take(graph.nodes[n].width) for n in stored if self.made(n) < last}
        self.between = self.columns  # what later stages read comes first
        self.slots |= {n: self._take(graph.nodes[n].width) for n in stored if self.made(n) == last}

    def _take(self, width: int) -> int:
        start = self.columns
        self.columns += -(-width // ALIGN) * ALIGN
        return start

    def _rows(self) -> dict[str, int]:
        columns: dict[str, int] = {}
        for packing, starts in zip(self.packings, self.starts, strict=True):
            for block, start in zip(packing.blocks, starts, strict=True):
                columns |= {row.name: start + sum(block.widths[:number]) for number, row in enumerate(block.rows)}
        return columns

    def made(self, number: int) -> int:
        """The stage that can compute a node."""
        rows = {n: name for (kind, name), n in self.graph.inputs.items() if kind == "row"}
        return max((self.stage[rows[n]] for n in self.graph.behind([number]) if n in rows), default=0)

    @cached_property
    def given(self) -> dict[int, tuple[Kind, int]]:
        """Nodes that the reverse finds without their being stored for it: inputs, states and values of products."""
        states, extras, found = list(self.cell.state), list(self.cell.extra), dict[int, tuple[Kind, int]]()
        for (kind, name), n in self.graph.inputs.items():
            if kind == "state":
                found[n] = Kind.OLD, states.index(name)
            elif kind == "extra":
                found[n] = Kind.EXTRA, extras.index(name)
            elif kind == "seed":
                found[n] = (Kind.SEED, states.index(name)) if name in states else (Kind.SEED_VALUE, self.values.index(name))
            elif name in self.raw:
                found[n] = (Kind.X, 0) if self.raw[name] == "x" else (Kind.NOISE, self.noise.index(name))
        for name in self.values:
            found.setdefault(self.graph.outputs["value", name], (Kind.TAPE, self.value[name]))
        for name in states:
            found.setdefault(self.graph.outputs["new", name], (Kind.NEW, states.index(name)))
        return {n: where for n, where in found.items() if self.graph.nodes[n].op != "number"}

    def forward_loads(self, stage: int) -> dict[int, tuple[Kind, int]]:
        """What a forward function reads: inputs, pre-activations so far, and what an earlier stage stored."""
        late = {self.graph.outputs["new", name] for name in self.cell.state} | {self.graph.outputs["value", name] for name in self.values if self.value_stage(name) >= stage}
        loads = {n: where for n, where in self.given.items() if n not in late or where[0] not in (Kind.NEW, Kind.TAPE)}
        loads |= {n: (Kind.TAPE, column) for n, column in self.slots.items() if self.made(n) < stage}
        return loads | {self.graph.inputs["row", name]: (Kind.ROW, column) for name, column in self.rows.items() if self.stage[name] <= stage}

    def value_stage(self, name: str) -> int:
        """The stage whose function stores a value for later rows."""
        return self.made(self.graph.outputs["value", name])

    def reverse_outputs(self, stage: int) -> list[Output]:
        """Derivatives that a stage's reverse function writes."""
        zero, out = self.graph.add(Node("number", text="T(0.0)")), self.graph.outputs
        found = []
        for row in self.cell.table[stage].rows:
            if not row.raw:
                found.append((out.get(("d row", row.name), zero), (Kind.D_ROW, self.rows[row.name]), row.width, False))
            elif row.raw == "x" and ("d row", row.name) in out:
                found.append((out["d row", row.name], (Kind.D_X, 0), row.width, True))
        if stage == 0:
            found += [(out.get(("d state", s), zero), (Kind.D_OLD, k), width, False) for k, (s, width) in enumerate(self.cell.state.items())]
            found += [(out["d extra", e], (Kind.D_EXTRA, k), width, True) for k, (e, width) in enumerate(self.cell.extra.items()) if ("d extra", e) in out]
        return found

    def _stored(self) -> list[int]:
        """Nodes that the reverse reads and nobody else keeps: dear ones that do not hear a seed, and pre-activations."""
        outputs = [node for stage in range(len(self.cell.table)) for node, *_ in self.reverse_outputs(stage)]
        rows = {self.graph.inputs["row", name] for name in self.rows}
        seeds = {n for (kind, _), n in self.graph.inputs.items() if kind == "seed"}
        dear = {n for n, node in enumerate(self.graph.nodes) if node.op == "sum" or (node.op == "map" and any(word in node.text for word in DEAR))}

        def stop(n: int) -> bool:
            return n in self.given or n in rows or (n in dear and not self.graph.behind([n]) & seeds and not self._at_hand(n))

        return sorted(n for n in self.graph.behind(outputs, stop) if stop(n) and n not in self.given)

    def _at_hand(self, number: int) -> bool:
        """Whether all that a node is made of is given: then it is computed again."""
        return all(a in self.given or self.graph.nodes[a].op == "number" for a in self.graph.nodes[number].args)

    def forward(self, stage: int) -> Kernel:
        """The function of a stage: new values, new states in the last one, and what the reverse will ask for."""
        return self._kernel(f"forward{stage}", self.forward_loads(stage), self.forward_outputs(stage))

    def forward_outputs(self, stage: int) -> list[Output]:
        """What a stage's function writes."""
        stores = [(self.graph.outputs["value", name], (Kind.TAPE, self.value[name])) for name in self.values if self.value_stage(name) == stage]
        stores += [(n, (Kind.TAPE, column)) for n, column in self.slots.items() if self.made(n) == stage]
        found = [(n, at, self.graph.nodes[n].width, False) for n, at in stores]
        if stage == len(self.cell.table) - 1:
            found += [(self.graph.outputs["new", name], (Kind.NEW, k), width, False) for k, (name, width) in enumerate(self.cell.state.items())]
        return found

    def reverse(self, stage: int) -> Kernel:
        """The function that turns the derivatives of a stage's results into those of its rows, and at last of the states."""
        return self._kernel(f"reverse{stage}", self.reverse_loads(), self.reverse_outputs(stage))

    def reverse_loads(self) -> dict[int, tuple[Kind, int]]:
        """What a reverse function finds: all that is given, and what was stored for it."""
        return self.given | {n: (Kind.TAPE, column) for n, column in self.slots.items()}

    def _kernel(self, name: str, loads: dict[int, tuple[Kind, int]], stores: list[Output]) -> Kernel:
        needed = self.graph.behind([n for n, *_ in stores], loads.__contains__)
        pointers = list(dict.fromkeys([loads[n] for n in sorted(needed) if n in loads] + [at for _, at, *_ in stores]))
        made = function(
            self.graph,
            name,
            {n: pointers.index(at) for n, at in loads.items() if n in needed},
            [Store(n, pointers.index(at), width, added) for n, at, width, added in stores],
        )
        return Kernel(made, tuple(pointers))


