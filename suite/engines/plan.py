"""A cell as the native loop wants it: the C structures of `native/loop.h`, filled once a cell."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, Structure, c_long, c_void_p
from dataclasses import dataclass, field
from typing import Any

from suite.cells.cell import Cell
from suite.engines.tape import Kernel, Tape

Longs = POINTER(c_long)


class CKernel(Structure):
    """A generated function."""

    _fields_ = [("run", c_void_p), ("widths", Longs), ("count", c_long), ("kinds", Longs), ("numbers", Longs)]


class CBlock(Structure):
    """Rows that hear the same sources."""

    _fields_ = [(name, c_long) for name in ("stage", "column", "columns", "link", "links", "row", "rows", "weight", "bias")]


class CSource(Structure):
    """What is multiplied by a weight."""

    _fields_ = [(name, c_long) for name in ("kind", "number", "width", "column", "stage", "open")]


class CPlan(Structure):
    """Everything about a cell that does not change from call to call."""

    _fields_ = [
        *((name, c_long) for name in ("stages", "blocks", "sources", "states", "values", "extras", "columns", "between", "row_columns", "weights", "biases")),
        ("forward", POINTER(CKernel)),
        ("reverse", POINTER(CKernel)),
        ("block", POINTER(CBlock)),
        ("links", Longs),
        ("row_widths", Longs),
        ("source", POINTER(CSource)),
        ("state_widths", Longs),
        ("extra_widths", Longs),
    ]


class CView(Structure):
    """Data and four strides, in elements."""

    _fields_ = [("data", c_void_p), *((name, c_long) for name in ("time", "replica", "row", "element"))]


Pointers = POINTER(c_void_p)


class CCall(Structure):
    """One call of the loop."""

    _fields_ = [
        *((name, c_long) for name in ("length", "replicas", "batch", "inputs", "threads", "kept")),
        *((name, CView) for name in ("x", "y", "mask", "dy")),
        ("tape", c_void_p),
        ("packed", c_void_p),
        ("history", POINTER(CView)),
        ("noise", POINTER(CView)),
        *((name, Pointers) for name in ("tensors", "gradients", "d_last")),
        ("d_x", c_void_p),
    ]


@dataclass
class Plan:
    """The C plan, and in which order the loop takes the parameters.

    weights, biases   parameter names, block after block, in it link after link (weights), row after row
    """

    cell: Cell
    weights: list[str]
    biases: list[str]
    columns: int
    noise: list[str]
    plan: CPlan
    forward: Any
    reverse: Any
    step: Any
    ready: Any
    forget: Any
    pack: Any
    packed: Any
    reference: Any  # to the C plan
    held: list[Any] = field(default_factory=list)  # what the C structures point at


def longs(values: Sequence[int]) -> Any:
    """A C array."""
    return (c_long * max(1, len(values)))(*values)


def make(tape: Tape, inputs: int, loop: ctypes.CDLL, functions: ctypes.CDLL) -> Plan:
    """The plan of a cell, with the loop and the cell's own functions."""
    cell, states, extras = tape.cell, list(tape.cell.state), list(tape.cell.extra)
    sources = ["x", *(s for packing in tape.packings for s in packing.sources if s != "x")]
    sources = list(dict.fromkeys(sources))
    weights: list[str] = []
    biases: list[str] = []
    links: list[int] = []
    rows: list[int] = []
    blocks: list[CBlock] = []
    for stage, (packing, starts) in enumerate(zip(tape.packings, tape.starts, strict=True)):
        for block, start in zip(packing.blocks, starts, strict=True):
            first = CBlock(stage, start, sum(block.widths), len(links), len(block.sources), len(rows), len(block.rows), len(weights), len(biases) if block.bias else -1)
            blocks.append(first)
            links += [sources.index(source) for source in block.sources]
            rows += block.widths
            weights += [f"{row.name}.{next(link.weight for link in row.links if link.source == source)}" for source in block.sources for row in block.rows]
            biases += [f"{name}.b" for name in block.names] if block.bias else []
    held: list[Any] = []

    def keep(thing: Any) -> Any:
        held.append(thing)
        return thing

    def kernels(made: list[Kernel], which: str) -> Any:
        found = [
            CKernel(ctypes.cast(getattr(functions, f"{which}{n}"), c_void_p), keep(longs(k.function.widths)), len(k.pointers), keep(longs([kind for kind, _ in k.pointers])), keep(longs([number for _, number in k.pointers])))
            for n, k in enumerate(made)
        ]
        return keep((CKernel * len(found))(*found))

    loop.packed.restype = c_long
    loop.ready.restype = c_void_p
    described = []
    for name in sources:
        if name == "x":
            described.append(CSource(0, 0, inputs, 0, 0, 1))
        elif name in states:
            described.append(CSource(1, states.index(name), cell.state[name], 0, 0, name not in cell.truncated))
        else:
            described.append(CSource(2, tape.values.index(name), tape.graph.nodes[tape.graph.outputs["value", name]].width, tape.value[name], tape.value_stage(name), 1))
    stages = range(len(cell.table))
    plan = CPlan(
        *(len(cell.table), len(blocks), len(sources), len(states), len(tape.values), len(extras), tape.columns, tape.between, tape.row_columns, len(weights), len(biases)),
        kernels([tape.forward(k) for k in stages], "forward"),
        kernels([tape.reverse(k) for k in stages], "reverse"),
        keep((CBlock * max(1, len(blocks)))(*blocks)),
        keep(longs(links)),
        keep(longs(rows)),
        keep((CSource * len(described))(*described)),
        keep(longs(list(cell.state.values()))),
        keep(longs(list(cell.extra.values()))),
    )
    return Plan(cell, weights, biases, tape.columns, tape.noise, plan, loop.forward, loop.reverse, loop.step, loop.ready, loop.forget, loop.pack, loop.packed, ctypes.byref(plan), [*held, functions])


def pointers(addresses: Sequence[int | None]) -> Any:
    """A C array of addresses."""
    return (c_void_p * max(1, len(addresses)))(*addresses)
