"""Pieces of a graph as Triton kernels: the functions of a step, one a stage and way, and whole sequences in one kernel each way.

A kernel's rows are sequences of a batch, and all units of a sequence are in one program unless nothing is summed over
them. Every buffer is (R, time, B, columns); a kernel takes its address and three strides. What passes between kernels, and
what is stored for the reverse, is decided by the tape, as for C++.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from suite.engines.columns import Columns, Product
from suite.engines.expressions import translated
from suite.engines.graph import Graph
from suite.engines.tape import Kind, Output, Tape

SIDE = 16  # of the smallest matrix that Triton multiplies
At = tuple[Kind, int]


def padded(width: int, least: int = 1) -> int:
    """The power of two that holds a row; one element stays one.

    >>> [padded(width, 16) for width in (1, 5, 17, 64)]
    [1, 16, 32, 64]
    """
    return 1 if width == 1 else max(least, 1 << (width - 1).bit_length())


@dataclass(frozen=True)
class Kernel:
    """A kernel, the buffers that it is called with, and the width of its rows if programs share them."""

    name: str
    buffers: tuple[str, ...]
    text: str
    shared: int = 0


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


MASK = "tl.load(mask + r * mask_r + t * mask_t + b * mask_b, mask=inside, other=0) != 0"
OPTIONS = "MASKED: tl.constexpr, HALVED: tl.constexpr, H: tl.constexpr, T: tl.constexpr, ROWS: tl.constexpr"


def step(tape: Tape, columns: Columns, stage: int) -> Kernel:
    """The function of a stage at time `t`: new values, new states in the last one, what the reverse asks for."""
    writer = _writer(tape, columns, stage, tape.forward_outputs(stage), tape.forward_loads(stage))
    _forward(writer, stage, tape.forward_loads(stage), {})
    return _stepping(writer, f"forward{stage}")


def back(tape: Tape, columns: Columns, stage: int) -> Kernel:
    """Its reverse: derivatives of the rows from those of the results; in the first stage those of the old states."""
    loads, outputs = reverse_loads(tape), tape.reverse_outputs(stage)
    writer = _writer(tape, columns, stage, outputs, loads)
    writer.compute([n for n, *_ in outputs], loads)
    _masked(writer)
    for n, at, width, _ in outputs:
        _derived(writer, n, at, width, writer.load(*writer.place((Kind.SEED, at[1])), width) if at[0] == Kind.D_OLD else "0.0")
    for _, at, width, added in outputs:
        if added:
            writer.add(f"{_derivative(at)} += {writer.load(*writer.place(at), width)}")
        writer.store(*writer.place(at), width, _derivative(at))
    return _stepping(writer, f"reverse{stage}")


def reverse_loads(tape: Tape) -> dict[int, At]:
    """What a reverse function finds; pre-activations where they were made, not on the tape."""
    rows = {tape.graph.inputs["row", name]: (Kind.ROW, column) for name, column in tape.rows.items()}
    return {n: rows.get(n, at) for n, at in tape.reverse_loads().items()}


def _writer(tape: Tape, columns: Columns, stage: int, outputs: list[Output], loads: Mapping[int, At]) -> Writer:
    needed = tape.graph.behind([n for n, *_ in outputs], loads.__contains__)
    widths = {tape.graph.nodes[n].width for n in needed if tape.graph.nodes[n].op != "number"} | {width for _, _, width, _ in outputs}
    widths |= set(tape.cell.state.values())
    summed = any(tape.graph.nodes[n].op in ("sum", "spread") for n in needed if n not in loads)
    return Writer(tape, columns, shared=len(widths) == 1 and not summed)


def _stepping(writer: Writer, name: str) -> Kernel:
    options = f"{OPTIONS}, COLS: tl.constexpr" if writer.shared else OPTIONS
    start = ["m = tl.program_id(0) * ROWS + tl.arange(0, ROWS)", "inside = (m < count)[:, None]", "r = (m // batch).to(tl.int64)[:, None]", "b = (m % batch)[:, None]"]
    lines = [*(f"    {line}" for line in [*start, "t = tl.cast(t, tl.int64)", *writer.indices()]), *writer.lines]
    text = "\n".join(['@triton.jit(do_not_specialize=["t"])', writer.head(name, "t, batch, count", options), *lines]) + "\n"
    width = next(iter(writer.tape.cell.state.values())) if writer.shared else 0
    return Kernel(name, tuple(writer.buffers), text, width)


def _forward(writer: Writer, stage: int, loads: Mapping[int, At], carried: Mapping[int, str]) -> None:
    """Results of a stage computed and stored; `carried` are states that are at hand already."""
    tape = writer.tape
    stay = {(n, (Kind.TAPE, tape.slots[n])) for name in tape.rows if (n := tape.graph.inputs["row", name]) in tape.slots}  # pre-activations need not be stored again
    outputs = [output for output in tape.forward_outputs(stage) if output[:2] not in stay]
    writer.compute([n for n, *_ in outputs], loads)
    values = {(Kind.TAPE, column): j for j, column in enumerate(tape.value.values())}
    for n, at, width, _ in outputs:
        if at[0] != Kind.NEW:
            writer.store(*writer.place(at), width, writer.whole(n, width))
            if at in values:
                _rounded(writer, f"z{values[at]}", "t", width, writer.whole(n, width))
    if stage < len(tape.cell.table) - 1:
        return
    states = [(n, at, width) for n, at, width, _ in outputs if at[0] == Kind.NEW]
    for n, (_, k), width in states:
        writer.add(f"new{k} = {writer.whole(n, width)}")
    _masked(writer)
    for _, (_, k), width in states:
        old = carried.get(k) or writer.load(*writer.place((Kind.OLD, k)), width)
        writer.add(f"    new{k} = tl.where(live, new{k}, {old})")
    units = tape.cell.units
    writer.add(f"    tl.store({writer.address('y', 't', 0, units)}, tl.where(live, new0, 0.0), mask=in{units})")
    for _, at, width in states:
        writer.store(*writer.place(at), width, f"new{at[1]}")
        if list(tape.cell.state)[at[1]] in {product.source for product in writer.columns.recurrent}:
            _rounded(writer, f"h{at[1]}", "(t + 1)", width, f"new{at[1]}")


def _rounded(writer: Writer, buffer: str, time: str, width: int, word: str) -> None:
    """What products multiply, where that is of another type."""
    writer.add("if HALVED:", f"    tl.store({writer.address(buffer, time, 0, width)}, {word}.to(H).to(T), mask=in{width})")


def _masked(writer: Writer) -> None:
    writer.add("if MASKED:", f"    live = {MASK}")
    writer.buffers["mask"] = None


def _derived(writer: Writer, n: int, at: At, width: int, otherwise: str) -> None:
    """A derivative by name; of a masked step it is `otherwise`."""
    name = _derivative(at)
    writer.add(f"{name} = {writer.whole(n, width)}", "if MASKED:", f"    {name} = tl.where(live, {name}, {otherwise})")
    if at[0] == Kind.D_ROW:
        writer.add("if HALVED:", f"    {name} = {name}.to(H).to(T)")


def _derivative(at: At) -> str:
    return f"{at[0].name.lower()}_{at[1]}"


# whole sequences


def fits(tape: Tape, columns: Columns) -> bool:
    """Whether a sequence of the cell can be one kernel: every row and state is as wide as the units."""
    cell = tape.cell
    widths = {row.width for stage in cell.table for row in stage.rows} | {*cell.state.values(), *cell.extra.values()} | {p.width for p in columns.recurrent}
    inner = {node.width for node in tape.graph.nodes if node.op != "number"}
    handed = [row for stage in cell.table for row in stage.rows if row.raw == "x"]
    return widths == {cell.units} and inner <= {1, cell.units} and cell.units > 1 and len(handed) < 2


def sequence(tape: Tape, columns: Columns) -> Kernel:
    """All steps in one kernel, the recurrent weights and the states in registers and shared memory."""
    cell = tape.cell
    writer, units = Writer(tape, columns, least=SIDE), cell.units
    _weights(writer, transposed=True)
    for k, name in enumerate(cell.state):
        writer.add(f"s{k}w = {writer.load(f's{k}', '0', 0, units)}")
        writer.words[tape.graph.inputs["state", name]] = f"s{k}w"
    for k, name in enumerate(cell.extra):
        writer.add(f"e{k}w = {writer.load(f'e{k}', '0', 0, units)}")
        writer.words[tape.graph.inputs["extra", name]] = f"e{k}w"
    writer.add("for t32 in range(length):")
    writer.indent = " " * 8
    writer.add("t = tl.cast(t32, tl.int64)")
    for stage in range(len(cell.table)):
        loads = tape.forward_loads(stage)
        for row in (row for row in cell.table[stage].rows if not row.raw):
            n = tape.graph.inputs["row", row.name]
            writer.fetch(loads, [n])
            for number, product in _numbered(columns):
                for _, column, _ in product.weights:
                    if (product.stage, column) == columns.rows[row.name]:
                        writer.add(f"v{n} = tl.dot({_operand(writer, product.source)}.to(H), m{number}_{column}, acc=v{n}, input_precision=PRECISION)")
            if n in tape.slots:
                writer.store(*writer.place((Kind.ROW, tape.rows[row.name])), units, f"v{n}")
        _forward(writer, stage, loads, {k: f"s{k}w" for k in range(len(cell.state))})
    for k in range(len(cell.state)):
        writer.add(f"s{k}w = tl.where(in{units}, new{k}, 0.0)")
    return _carrying(writer, "forwards")


def sequence_back(tape: Tape, columns: Columns) -> Kernel:
    """The way back in one kernel; what the weights and x get follows from the derivatives that it leaves."""
    cell, units = tape.cell, tape.cell.units
    writer = Writer(tape, columns, least=SIDE)
    _weights(writer, transposed=False)
    states, extras = list(cell.state), list(cell.extra)
    for k in range(len(states)):
        writer.add(f"o{k} = {writer.load(f'f{k}', '0', 0, units)}")
    for k, name in enumerate(extras):
        writer.add(f"e{k}w = {writer.load(f'e{k}', '0', 0, units)}", f"g{k}w = tl.zeros((ROWS, {writer.room(units)}), T)")
        writer.words[tape.graph.inputs["extra", name]] = f"e{k}w"
    writer.add("for back32 in range(length):")
    writer.indent = " " * 8
    writer.add("t = tl.cast(length - 1 - back32, tl.int64)")
    _masked(writer)
    loads = reverse_loads(tape)
    for (kind, name), n in tape.graph.inputs.items():
        if kind == "seed" and name in states:
            k = states.index(name)
            writer.add(f"v{n} = o{k} + {writer.load('dy', 't', 0, units)}" if k == 0 else f"v{n} = o{k}")
            writer.words[n] = f"v{n}"
    summed: dict[str, str] = {}
    for stage in reversed(range(len(cell.table))):
        for name in tape.values:
            if tape.value_stage(name) == stage and ("seed", name) in tape.graph.inputs:
                writer.words[tape.graph.inputs["seed", name]] = summed.get(name, "") or f"tl.zeros((ROWS, {writer.room(units)}), T)"
        outputs = tape.reverse_outputs(stage)
        writer.compute([n for n, *_ in outputs], loads)
        for n, at, width, _ in outputs:
            _derived(writer, n, at, width, f"o{at[1]}" if at[0] == Kind.D_OLD else "0.0")
            if at[0] == Kind.D_EXTRA:
                writer.add(f"g{at[1]}w += {_derivative(at)}")
            elif at[0] != Kind.D_OLD:
                writer.store(*writer.place(at), width, _derivative(at))
        for number, product in _numbered(columns):
            if product.stage != stage or product.source in cell.truncated:
                continue
            for _, column, _ in product.weights:
                row = next(name for name, at in columns.rows.items() if at == (stage, column))
                moved = f"tl.where(in{units}, {_derivative((Kind.D_ROW, tape.rows[row]))}, 0.0).to(H)"
                before = summed.get(product.source)
                word = f"b_{product.source}"
                writer.add(f"{word} = tl.dot({moved}, m{number}_{column}, {f'acc={before}, ' if before else ''}input_precision=PRECISION)")
                summed[product.source] = word
    for k, name in enumerate(states):
        word = _derivative((Kind.D_OLD, k))
        writer.add(f"o{k} = tl.where(in{units}, {word}{f' + {summed[name]}' if name in summed else ''}, 0.0)")
    writer.indent = "    "
    for k in range(len(states)):
        writer.store(f"d{k}", "0", 0, units, f"o{k}")
    for k in range(len(extras)):
        writer.store(f"g{k}", "0", 0, units, f"g{k}w")
    return _carrying(writer, "backwards")


def _operand(writer: Writer, source: str) -> str:
    """A source as a product takes it; what stands beside its columns is zero."""
    tape = writer.tape
    if source in tape.cell.state:
        return f"s{list(tape.cell.state).index(source)}w"
    n = tape.graph.outputs["value", source]
    return f"tl.where(in{tape.cell.units}, {writer.words[n]}, 0.0)"


def _weights(writer: Writer, *, transposed: bool) -> None:
    """Tiles of the recurrent weights, (source, row) or (row, source); beside them stand zeros."""
    units, side = writer.tape.cell.units, padded(writer.tape.cell.units, SIDE)
    writer.add(f"k = tl.arange(0, {side})[:, None]", f"j = tl.arange(0, {side})[None, :]")
    for number, product in _numbered(writer.columns):
        buffer = f"w{number}"
        writer.buffers[buffer] = None
        first = product.columns.start
        for _, column, _ in product.weights:
            row, inner = ("j", "k") if transposed else ("k", "j")
            at = f"{buffer} + r * {buffer}_r + ({column - first} + {row}) * {units} + {inner}"
            writer.add(f"m{number}_{column} = tl.load({at}, mask=(k < {units}) & (j < {units}), other=0.0).to(H)")


def _numbered(columns: Columns) -> list[tuple[int, Product]]:
    return [(number, product) for number, product in enumerate(columns.products) if product.source != "x"]


def _carrying(writer: Writer, name: str) -> Kernel:
    start = ["r = tl.program_id(0).to(tl.int64)", "b = (tl.program_id(1) * ROWS + tl.arange(0, ROWS))[:, None]", "inside = b < batch"]
    lines = [*(f"    {line}" for line in [*start, *writer.indices()]), *writer.lines]
    head = writer.head(name, "length, batch", f"{OPTIONS}, PRECISION: tl.constexpr")
    return Kernel(name, tuple(writer.buffers), "\n".join(["@triton.jit", head, *lines]) + "\n")
