"""What a step leaves behind for its reverse, and where: one row of columns for every step and sequence.

A row of the tape starts as the pre-activations of a step. What is dear to compute and needed again (an activation) takes the place of
the pre-activation it was made of, and the reverse writes the derivative there; cheap values are computed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from suite.cells.cell import Cell
from suite.engines.emit_cpp import Function, Store, function
from suite.engines.operations import DEAR
from suite.engines.packing import packings
from suite.engines.trace import Graph, Node, products

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


@dataclass(frozen=True)
class Kernel:
    """A generated function, and what each of its pointers points at: kind and number (of a column, a state ...)."""

    function: Function
    pointers: tuple[tuple[Kind, int], ...]


class Tape:
    """Columns of a cell's tape, and the functions that fill it and empty it again, one of each a stage."""

    def __init__(self, cell: Cell, graph: Graph) -> None:
        self.cell, self.graph, self.packings = cell, graph, packings(cell)
        self.columns = 0
        self.stage = {row.name: number for number, stage in enumerate(cell.table) for row in stage.rows}
        self.raw = {row.name: row.raw for stage in cell.table for row in stage.rows if row.raw}
        self.noise = [name for name, raw in self.raw.items() if raw == "noise"]
        self.values = [source for source in products(cell) if source not in cell.state]
        self.starts = [[self._take(sum(block.widths)) for block in packing.blocks] for packing in self.packings]
        self.rows = self._rows()
        self.value = {name: self._take(graph.nodes[graph.outputs["value", name]].width) for name in self.values}
        self.slots = self._slots()

    def _take(self, width: int) -> int:
        start = self.columns
        self.columns += -(-width // ALIGN) * ALIGN
        return start

    def _rows(self) -> dict[str, int]:
        columns = {}
        for packing, starts in zip(self.packings, self.starts, strict=True):
            for block, start in zip(packing.blocks, starts, strict=True):
                for row in block.rows:
                    columns[row.name] = start
                    start += row.width
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

    def _forward_loads(self, stage: int) -> dict[int, tuple[Kind, int]]:
        """What a forward function reads: inputs, pre-activations so far, and what an earlier stage stored."""
        late = {self.graph.outputs["new", name] for name in self.cell.state} | {self.graph.outputs["value", name] for name in self.values if self.value_stage(name) >= stage}
        loads = {n: where for n, where in self.given.items() if n not in late or where[0] not in (Kind.NEW, Kind.TAPE)}
        loads |= {n: (Kind.TAPE, column) for n, column in self.slots.items() if self.made(n) < stage}
        taken = {column for n, column in self.slots.items() if self.made(n) < stage}
        for name, column in self.rows.items():
            if self.stage[name] <= stage and column not in taken:
                loads.setdefault(self.graph.inputs["row", name], (Kind.TAPE, column))
        return loads

    def value_stage(self, name: str) -> int:
        """The stage whose function stores a value for later rows."""
        return self.made(self.graph.outputs["value", name])

    def reverse_outputs(self, stage: int) -> list[tuple[int, tuple[Kind, int], int, bool]]:
        """Derivatives that a stage's reverse function writes: node, where, width, added or set."""
        zero, out = self.graph.add(Node("number", text="T(0.0)")), self.graph.outputs
        found = []
        for row in self.cell.table[stage].rows:
            if not row.raw:
                found.append((out.get(("d row", row.name), zero), (Kind.TAPE, self.rows[row.name]), row.width, False))
            elif row.raw == "x" and ("d row", row.name) in out:
                found.append((out["d row", row.name], (Kind.D_X, 0), row.width, True))
        if stage == 0:
            found += [(out.get(("d state", s), zero), (Kind.D_OLD, k), width, False) for k, (s, width) in enumerate(self.cell.state.items())]
            found += [(out["d extra", e], (Kind.D_EXTRA, k), width, True) for k, (e, width) in enumerate(self.cell.extra.items()) if ("d extra", e) in out]
        return found

    def _slots(self) -> dict[int, int]:
        """Node -> column, for all that a reverse function reads and nobody else keeps."""
        users: dict[int, set[int]] = {}
        for stage in range(len(self.cell.table)):
            for n in self._stored([node for node, *_ in self.reverse_outputs(stage)]):
                users.setdefault(n, set()).add(stage)
        slots, free = {}, dict(self.rows)
        inputs = {name: self.graph.inputs["row", name] for name in self.rows}
        for name, n in inputs.items():  # a pre-activation that is itself read stays, unless its derivative comes too early
            if n in users:
                column = free.pop(name)
                slots[n] = column if min(users[n]) >= self.stage[name] else self._take(self.graph.nodes[n].width)
        later = {stage: self.graph.behind(self._forward_nodes(stage), lambda n: n in slots or n in users) for stage in range(len(self.cell.table))}
        for n in sorted(set(users) - set(inputs.values())):
            made, behind, place = self.made(n), self.graph.behind([n]), None
            for name in sorted(free, key=lambda row: inputs[row] not in behind):
                fits = self.graph.nodes[inputs[name]].width == self.graph.nodes[n].width and self.stage[name] == made and min(users[n]) >= made
                if fits and not any(inputs[name] in nodes for stage, nodes in later.items() if stage > made):
                    place = name
                    break
            slots[n] = free.pop(place) if place else self._take(self.graph.nodes[n].width)
        return slots

    def _forward_nodes(self, stage: int) -> list[int]:
        """What a forward function must compute, apart from what it stores for the reverse."""
        wanted = [self.graph.outputs["value", name] for name in self.values if self.value_stage(name) == stage]
        return wanted + [self.graph.outputs["new", name] for name in self.cell.state] * (stage == len(self.cell.table) - 1)

    def _stored(self, outputs: list[int]) -> set[int]:
        """Nodes that must be stored for these derivatives: dear ones that do not hear a seed, and pre-activations."""
        rows = {self.graph.inputs["row", name] for name in self.rows}
        seeds = {n for (kind, _), n in self.graph.inputs.items() if kind == "seed"}
        dear = {n for n, node in enumerate(self.graph.nodes) if node.op == "sum" or any(word in node.text for word in DEAR) and node.op == "map"}

        def stop(n: int) -> bool:
            return n in self.given or n in rows or (n in dear and not self.graph.behind([n]) & seeds and not self._at_hand(n))

        return {n for n in self.graph.behind(outputs, stop) if stop(n) and n not in self.given}

    def _at_hand(self, number: int) -> bool:
        """Whether all that a node is made of is given: then it is computed again."""
        return all(a in self.given or self.graph.nodes[a].op == "number" for a in self.graph.nodes[number].args)

    def forward(self, stage: int) -> Kernel:
        """The function of a stage: new values, new states in the last one, and what the reverse will ask for."""
        stores = [(self.graph.outputs["value", name], (Kind.TAPE, self.value[name])) for name in self.values if self.value_stage(name) == stage]
        if stage == len(self.cell.table) - 1:
            stores += [(self.graph.outputs["new", name], (Kind.NEW, k)) for k, name in enumerate(self.cell.state)]
        own = {self.graph.inputs["row", name]: column for name, column in self.rows.items()}
        stores += [(n, (Kind.TAPE, column)) for n, column in self.slots.items() if self.made(n) == stage and own.get(n) != column]
        widths = {self.graph.outputs["new", name]: width for name, width in self.cell.state.items()}
        return self._kernel(f"forward{stage}", self._forward_loads(stage), [(n, at, widths.get(n, self.graph.nodes[n].width), False) for n, at in stores])

    def reverse(self, stage: int) -> Kernel:
        """The function that turns the derivatives of a stage's results into those of its rows, and at last of the states."""
        return self._kernel(f"reverse{stage}", self.given | {n: (Kind.TAPE, column) for n, column in self.slots.items()}, self.reverse_outputs(stage))

    def _kernel(self, name: str, loads: dict[int, tuple[Kind, int]], stores: list[tuple[int, tuple[Kind, int], int, bool]]) -> Kernel:
        needed = self.graph.behind([n for n, *_ in stores], loads.__contains__)
        pointers = list(dict.fromkeys([loads[n] for n in sorted(needed) if n in loads] + [at for _, at, *_ in stores]))
        made = function(
            self.graph,
            name,
            {n: pointers.index(at) for n, at in loads.items() if n in needed},
            [Store(n, pointers.index(at), width, added) for n, at, width, added in stores],
        )
        return Kernel(made, tuple(pointers))


