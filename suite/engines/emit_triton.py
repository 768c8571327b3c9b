"""Pieces of a graph as Triton kernels: the functions of a step, one a stage and way."""

from __future__ import annotations

from collections.abc import Mapping

from suite.engines.columns import Columns
from suite.engines.tape import Kind, Output, Tape
from suite.engines.triton_kernel import Kernel
from suite.engines.triton_writer import At, Writer

MASK = "tl.load(mask + r * mask_r + t * mask_t + b * mask_b, mask=inside, other=0) != 0"
OPTIONS = "MASKED: tl.constexpr, HALVED: tl.constexpr, H: tl.constexpr, T: tl.constexpr, ROWS: tl.constexpr"


def step(tape: Tape, columns: Columns, stage: int) -> Kernel:
    """The function of a stage at time `t`: new values, new states in the last one, what the reverse asks for."""
    writer = _writer(tape, columns, stage, tape.forward_outputs(stage), tape.forward_loads(stage))
    forward(writer, stage, tape.forward_loads(stage), {})
    return _stepping(writer, f"forward{stage}")


def back(tape: Tape, columns: Columns, stage: int) -> Kernel:
    """Its reverse: derivatives of the rows from those of the results; in the first stage those of the old states."""
    loads, outputs = reverse_loads(tape), tape.reverse_outputs(stage)
    writer = _writer(tape, columns, stage, outputs, loads)
    writer.compute([n for n, *_ in outputs], loads)
    masked(writer)
    for n, at, width, _ in outputs:
        derived(writer, n, at, width, writer.load(*writer.place((Kind.SEED, at[1])), width) if at[0] == Kind.D_OLD else "0.0")
    for _, at, width, added in outputs:
        if added:
            writer.add(f"{derivative(at)} += {writer.load(*writer.place(at), width)}")
        writer.store(*writer.place(at), width, derivative(at))
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


def forward(writer: Writer, stage: int, loads: Mapping[int, At], carried: Mapping[int, str]) -> None:
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
    masked(writer)
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


def masked(writer: Writer) -> None:
    writer.add("if MASKED:", f"    live = {MASK}")
    writer.buffers["mask"] = None


def derived(writer: Writer, n: int, at: At, width: int, otherwise: str) -> None:
    """A derivative by name; of a masked step it is `otherwise`."""
    name = derivative(at)
    writer.add(f"{name} = {writer.whole(n, width)}", "if MASKED:", f"    {name} = tl.where(live, {name}, {otherwise})")
    if at[0] == Kind.D_ROW:
        writer.add("if HALVED:", f"    {name} = {name}.to(H).to(T)")


def derivative(at: At) -> str:
    return f"{at[0].name.lower()}_{at[1]}"
