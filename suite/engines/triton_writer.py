"""The text of a Triton kernel as it comes about: what is read, computed and written for the nodes of a graph.

A kernel's rows are sequences of a batch, and all units of a sequence are in one program unless nothing is summed over
them. Every buffer is (R, time, B, columns); a kernel takes its address and three strides. What passes between kernels, and
what is stored for the reverse, is decided by the tape, as for C++.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from suite.engines.columns import Columns
from suite.engines.expressions import translated
from suite.engines.graph import Graph
from suite.engines.tape import Kind, Tape
from suite.engines.triton_kernel import padded

At = tuple[Kind, int]


@dataclass
class Writer:
    """The text of a kernel as it comes about.

    words   node -> the name of its value
    shared  whether several programs share the columns of a row: all widths are the same, nothing is summed
    least   columns that a row has room for at least
    """

    tape: Tape
    columns: Columns
    shared: bool = False
    least: int = 1
    lines: list[str] = field(default_factory=list)
    buffers: dict[str, None] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)
    indent: str = "    "

    @property
    def graph(self) -> Graph:
        return self.tape.graph

    def add(self, *lines: str) -> None:
        self.lines += [self.indent + line for line in lines]

    def room(self, width: int) -> str:
        return "COLS" if self.shared else str(padded(width, self.least))

    def address(self, buffer: str, time: str, column: int, width: int) -> str:
        self.buffers[buffer] = None
        offset = f"{column} + i{width}" if column else f"i{width}"
        return f"{buffer} + r * {buffer}_r + {time} * {buffer}_t + b * {buffer}_b + {offset}"

    def load(self, buffer: str, time: str, column: int, width: int) -> str:
        return f"tl.load({self.address(buffer, time, column, width)}, mask=in{width}, other=0.0)"

    def store(self, buffer: str, time: str, column: int, width: int, word: str) -> None:
        self.add(f"tl.store({self.address(buffer, time, column, width)}, {word}, mask=in{width})")

    def place(self, at: At) -> tuple[str, str, int]:
        """Buffer, time and first column of what a generated function reads or writes."""
        kind, number = at
        if kind in (Kind.ROW, Kind.D_ROW):
            stage, column = self.columns.rows[next(name for name, found in self.tape.rows.items() if found == number)]
            return f"{'a' if kind == Kind.ROW else 'q'}{stage}", "t", column
        return {
            Kind.TAPE: ("tape", "t", number),
            Kind.OLD: (f"s{number}", "t", 0),
            Kind.NEW: (f"s{number}", "(t + 1)", 0),
            Kind.EXTRA: (f"e{number}", "0", 0),
            Kind.X: ("x", "t", 0),
            Kind.NOISE: (f"n{number}", "t", 0),
            Kind.SEED: (f"d{number}", "((t + 1) % 2)", 0),
            Kind.SEED_VALUE: (f"u{number}", "0", 0),
            Kind.D_OLD: (f"d{number}", "(t % 2)", 0),
            Kind.D_EXTRA: (f"g{number}", "0", 0),
            Kind.D_X: ("dx", "t", 0),
        }[kind]

    def fetch(self, loads: Mapping[int, At], nodes: Iterable[int]) -> None:
        """Load what is not at hand yet of some nodes."""
        for n in nodes:
            if n in loads and n not in self.words:
                self.add(f"v{n} = {self.load(*self.place(loads[n]), self.graph.nodes[n].width)}")
                if loads[n] == (Kind.SEED, 0):
                    self.add(f"v{n} += {self.load('dy', 't', 0, self.graph.nodes[n].width)}")
                self.words[n] = f"v{n}"

    def compute(self, wanted: Iterable[int], loads: Mapping[int, At]) -> None:
        """Everything that some nodes are made of, in order."""
        needed = sorted(self.graph.behind(wanted, lambda n: n in self.words or n in loads))
        self.fetch(loads, needed)
        for n in needed:
            if n not in self.words:
                word = self.expression(n)
                if self.graph.nodes[n].op == "number":
                    self.words[n] = word
                    continue
                self.add(f"v{n} = {word}")
                self.words[n] = f"v{n}"

    def expression(self, n: int) -> str:
        node = self.graph.nodes[n]
        if node.op in ("map", "number"):
            return translated(node.text.format(*(self._literal(a) for a in node.args)))
        (a,) = node.args
        word, before = self.words[a], self.graph.nodes[a].width
        if node.op == "spread":
            if before == 1:
                return f"tl.broadcast_to({word}, (ROWS, {self.room(node.width)}))"
            same = f"(i{node.width} // {node.width // before})[:, :, None] == i{before}[:, None, :]"
            return f"tl.sum(tl.where({same}, {word}[:, None, :], 0.0), axis=2)"
        if node.width == 1:
            return f"tl.sum(tl.where(i{before} < {before}, {word}, 0.0), axis=1, keep_dims=True)"
        same = f"(i{before} // {before // node.width})[:, None, :] == i{node.width}[:, :, None]"
        return f"tl.sum(tl.where({same}, {word}[:, None, :], 0.0), axis=2)"

    def _literal(self, n: int) -> str:
        node = self.graph.nodes[n]
        return node.text if node.op == "number" else self.words[n]

    def whole(self, n: int, width: int) -> str:
        """The value of a node as a block, also where it is a number or one value for all."""
        node = self.graph.nodes[n]
        if node.op == "number":
            return f"tl.full((ROWS, {self.room(width)}), {self.words[n]}, T)"
        return self.words[n]

    def head(self, name: str, numbers: str, options: str) -> str:
        """The first lines, once it is known which buffers there are."""
        arguments = ", ".join(f"{buffer}, {buffer}_r, {buffer}_t, {buffer}_b" for buffer in self.buffers)
        return f"def {name}({arguments}, {numbers}, {options}):"

    def indices(self) -> list[str]:
        """Columns of every width that is used."""
        text = "\n".join(self.lines)
        cell = self.tape.cell
        widths = sorted({node.width for node in self.graph.nodes} | {*cell.state.values(), *cell.extra.values()} | {row.width for stage in cell.table for row in stage.rows})
        found = []
        for width in widths:
            if f"i{width}" in text or f"in{width}" in text:
                start = "tl.program_id(1) * COLS + " if self.shared else ""
                found += [f"i{width} = ({start}tl.arange(0, {self.room(width)}))[None, :]", f"in{width} = inside & (i{width} < {width})"]
        return found
