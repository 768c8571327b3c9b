"""Whole sequences as Triton kernels, one each way: the recurrent weights are loaded once, states stay where they are computed."""

from __future__ import annotations

from suite.engines.columns import Columns, Product
from suite.engines.emit_triton import OPTIONS, derivative, derived, forward, masked, reverse_loads
from suite.engines.tape import Kind, Tape
from suite.engines.triton_kernel import SIDE, Kernel, padded
from suite.engines.triton_writer import Writer


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
        forward(writer, stage, loads, {k: f"s{k}w" for k in range(len(cell.state))})
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
    masked(writer)
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
            derived(writer, n, at, width, f"o{at[1]}" if at[0] == Kind.D_OLD else "0.0")
            if at[0] == Kind.D_EXTRA:
                writer.add(f"g{at[1]}w += {derivative(at)}")
            elif at[0] != Kind.D_OLD:
                writer.store(*writer.place(at), width, derivative(at))
        for number, product in _numbered(columns):
            if product.stage != stage or product.source in cell.truncated:
                continue
            for _, column, _ in product.weights:
                row = next(name for name, at in columns.rows.items() if at == (stage, column))
                moved = f"tl.where(in{units}, {derivative((Kind.D_ROW, tape.rows[row]))}, 0.0).to(H)"
                before = summed.get(product.source)
                word = f"b_{product.source}"
                writer.add(f"{word} = tl.dot({moved}, m{number}_{column}, {f'acc={before}, ' if before else ''}input_precision=PRECISION)")
                summed[product.source] = word
    for k, name in enumerate(states):
        word = derivative((Kind.D_OLD, k))
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
