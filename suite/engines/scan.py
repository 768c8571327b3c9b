"""Any cell's equations and their derived reverse as native code, compiled once, called from one fixed native loop.

The loop is `native/loop.cpp` on the CPU and `device_loops.py` around Triton on CUDA; docs/explanation/engine.md says how they work, what they
refuse and what they reach.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from suite.cells.cell import Cell
from suite.engines import compiler, plan, precision, scan_cuda
from suite.engines.checks import derived_forwards
from suite.engines.engine import Engine, Noise, Params, Refused, State, Step, Streams
from suite.engines.plan import Plan
from suite.engines.recorder import Untraceable
from suite.engines.sequence import Given, Sequence
from suite.engines.stepper import Stepper
from suite.engines.stream import unrolled
from suite.engines.tape import Kernel, Tape
from suite.engines.trace import trace

REALS = {torch.float32: "float", torch.float64: "double", torch.bfloat16: "float"}  # what states, functions and sums are kept in
LOOP = ("loop.h", "product.h", "words.h", "tiles.h", "team.h", "layout.h", "panel.h", "weights.h", "loop.cpp", "steps.cpp")
POINTERS = 64  # of one function, as `native/loop.cpp` has room for


def taped(cell: Cell) -> Tape:
    """The tape of a cell, or a Refused."""
    found = _taped(cell)
    if isinstance(found, str):
        raise Refused(f"engine 'scan' cannot compile '{cell.name}': {found}")
    return found


@lru_cache(maxsize=256)
def _taped(cell: Cell) -> Tape | str:
    try:
        tape = Tape(cell, trace(cell))
    except Untraceable as reason:
        return f"an equation {reason}"
    except RuntimeError as error:  # whatever PyTorch says of an equation
        return " ".join(str(error).split())
    if max(len(kernel.pointers) for kernel in kernels(tape)) > POINTERS:
        return f"a stage reads and writes more than {POINTERS} rows, states, extras and stored values"
    return tape


def kernels(tape: Tape) -> list[Kernel]:
    """All functions of a cell."""
    return [made(stage) for made in (tape.forward, tape.reverse) for stage in range(len(tape.cell.table))]


def loop(dtype: torch.dtype) -> ctypes.CDLL:
    """The native loop for a dtype."""
    halves = ["-DHALF"] if dtype == torch.bfloat16 else []
    return compiler.library(compiler.source(*LOOP), f"-DREAL={REALS[dtype]}", *halves, *compiler.threads())


def instructions(dtype: torch.dtype, device: torch.device | None = None) -> str:
    """What products are made with: of bfloat16 on the CPU `amx-bf16`, `avx512-bf16`, or `none`: operands are widened and multiplied as float32; on CUDA `ieee` or `tf32`."""
    if device is not None and device.type == "cuda":
        return precision.instructions(dtype, device)
    if dtype != torch.bfloat16:
        return ""
    told = loop(dtype).instructions
    told.restype = ctypes.c_char_p
    return str(told().decode())


@lru_cache(maxsize=256)
def planned(cell: Cell, inputs: int, dtype: torch.dtype) -> Plan:
    """The plan of a cell, its functions and the loop compiled or found on disk."""
    sentence = _lacks(cell, dtype)
    if sentence:
        raise Refused(sentence)
    tape = taped(cell)
    functions = "\n".join(kernel.function.text for kernel in kernels(tape))
    loaded = compiler.library(f"{compiler.source('vector.h')}\nusing T = {REALS[dtype]};\n\n{functions}")
    try:
        return plan.make(tape, inputs, loop(dtype), loaded)
    except AttributeError as error:
        raise Refused(f"engine 'scan' cannot run '{cell.name}': what the C++ compiler '{compiler.name()}' made lacks a function ({error})") from None


class Loop(NamedTuple):
    """What a kind of device has of its own: (cell, inputs, dtype) -> plan; a sequence of one; sentences why not here, and not in a dtype; steps; compiles."""

    planned: Callable[[Cell, int, torch.dtype], Any]
    sequence: Callable[..., Any]
    refuses: Callable[[Cell], str | None]
    lacks: Callable[[Cell, torch.dtype], str | None]
    stream: Streams
    prepare: Callable[[Cell, torch.dtype, torch.device], object]


def _no_compiler(cell: Cell) -> str | None:
    try:
        compiler.works()
    except Refused as sentence:
        return f"{sentence} ('{cell.name}')"
    return None


def _lacks(cell: Cell, dtype: torch.dtype) -> str | None:
    known = [str(one).removeprefix("torch.") for one in REALS]
    return None if dtype in REALS else f"engine 'scan' computes in {', '.join(known[:-1])} and {known[-1]}, not in {dtype}: '{cell.name}' is left to another engine"


def _stream(cell: Cell, params: Params, inputs: int, noise: Noise) -> Step:
    """A step of the cell on the CPU; see `Engine.stream`."""
    like = next(iter(params.values()))
    made = planned(cell, inputs, like.dtype)
    tensors = [params[name] for name in (*made.weights, *made.biases, *made.cell.extra)]
    return Stepper(made, tensors, [noise[name] for name in made.noise], inputs, like.dtype, cell.state)


def stream(cell: Cell, params: Params, inputs: int, noise: Noise) -> Step:
    """A step of the cell; see `Engine.stream`."""
    return LOOPS[next(iter(params.values())).device.type].stream(cell, params, inputs, noise)


LOOPS = {
    "cpu": Loop(planned, Sequence, _no_compiler, _lacks, _stream, lambda cell, dtype, device: planned(cell, cell.takes or 1, dtype)),
    "cuda": Loop(
        lambda cell, inputs, dtype: scan_cuda.planned(taped(cell), inputs, dtype),
        scan_cuda.DeviceSequence,
        scan_cuda.refuses,
        scan_cuda.lacks,
        lambda *given: unrolled(ENGINE)(*given),
        lambda cell, dtype, device: scan_cuda.prepare(scan_cuda.planned(taped(cell), cell.takes or 8, dtype), dtype, device),
    ),
}


class Scan(torch.autograd.Function):
    """A sequence as one operator of autograd, its reverse derived from the equations and not from this."""

    @staticmethod
    def forward(ctx: Any, made: Any, given: Given, x: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Outputs (T, R, B, W) and last states (R, B, W)."""
        run = LOOPS[x.device.type].sequence(made, given, x, tensors, kept=True)
        y, last = run.forward()
        ctx.save_for_backward(x, y, given.mask, *given.noise, *tensors)
        ctx.made, ctx.given, ctx.run = made, given, run
        ctx.set_materialize_grads(False)
        return y, *last

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, *last: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients of x, the parameters and the first states; a second call carries the sequence out again."""
        if torch.is_grad_enabled():
            raise RuntimeError("engine 'scan' has no derivative of its derivative: take gradients without create_graph, or on engine 'hoisted'")
        x, _, _, *rest = ctx.saved_tensors  # what was changed in place since is found out here
        tensors = rest[len(ctx.given.noise) :]
        run, ctx.run = ctx.run, None
        if run is None:
            run = LOOPS[x.device.type].sequence(ctx.made, ctx.given, x, tensors, kept=True)
            run.forward()
        found = run.reverse(dy, last, ctx.needs_input_grad[2])
        return None, None, *found


def unroll(cell: Cell, params: Params, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """The cell over time; see `Engine.unroll`. In bfloat16 the operands of products are that; all else is float32 until it is handed out."""
    here = LOOPS[xs.device.type]
    made = here.planned(cell, xs.shape[-1], xs.dtype)
    states = list(made.cell.state)  # in the plan's order: an equal cell may have another
    tensors = [params[name] for name in (*made.weights, *made.biases, *made.cell.extra)] + [state[name] for name in states]
    given = Given(mask, tuple(noise[name] for name in made.noise))
    if any(value.requires_grad for value in given.noise):
        raise Refused(f"engine 'scan' takes no gradient of noise, which '{cell.name}' was given with requires_grad")
    if derived_forwards((xs, *tensors, *given.noise)):
        raise Refused(f"engine 'scan' has no derivative forwards, which '{cell.name}' was asked for: take it on engine 'hoisted'")
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (xs, *tensors)):
        y, *last = Scan.apply(made, given, xs, *tensors)  # type: ignore[no-untyped-call]
    else:
        y, last = here.sequence(made, given, xs, tensors, kept=False).forward()
    found = dict(zip(states, last, strict=True))
    return y, {name: found[name] for name in cell.state}


def refuses(cell: Cell, device: torch.device) -> str | None:
    """A sentence for another device, for equations that cannot be compiled, and for a machine without a compiler or Triton."""
    if device.type not in LOOPS:
        return f"engine 'scan' runs on {' and '.join(LOOPS)} and not on {device.type}: '{cell.name}' is left to another engine"
    try:
        taped(cell)
    except Refused as sentence:
        return str(sentence)
    return LOOPS[device.type].refuses(cell)


def lacks(cell: Cell, dtype: torch.dtype, device: torch.device) -> str | None:
    """A sentence for a dtype that the loop of a device is not made for."""
    return LOOPS[device.type].lacks(cell, dtype) if device.type in LOOPS else None


def prepare(cell: Cell, dtype: torch.dtype, device: torch.device) -> None:
    """Compile a cell."""
    LOOPS[device.type].prepare(cell, dtype, device)


ENGINE: Engine = Engine("scan", unroll, refuses, prepare, stream, instructions, rowwise=("cpu",), lacks=lacks)
