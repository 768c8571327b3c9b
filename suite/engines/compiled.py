"""The hoisted loop through PyTorch's compiler, a fixed number of steps at a time: portable, right, and seconds to compile.

A chunk of steps is recorded as a graph of operators and compiled once for a cell and a shape, whatever the length of the
sequence: the last chunk is filled up with steps that a mask passes over. What waits for no state is computed before, for
all steps at once. Compile time would grow with the chunk and hardly gains: 16 steps.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from suite.cells.cell import Cell
from suite.engines import compiler
from suite.engines.engine import Engine, Noise, Params, Refused, State
from suite.engines.hoisted import Hoisted, carried, hoist
from suite.engines.packing import packings

STEPS = 16
KEPT = 256  # chunks with their code, those used last
Run = Callable[..., list[Tensor]]
_chunks: dict[tuple[Any, ...], Chunk] = {}  # used longest ago first


@dataclass
class Chunk:
    """Steps of a cell and a shape; compiled once it has been called."""

    run: Run
    compiled: bool = False


class Layout(NamedTuple):
    """Where the tensors of a chunk stand in one flat list.

    timed   those that are cut into steps: input parts of blocks as (stage, block), then "x" where a row is it, rows of noise, the mask
    fixed   those of all steps: biases as (stage, block), recurrent matrices as (stage, number), extras by name
    """

    timed: tuple[Any, ...]
    fixed: tuple[Any, ...]


def built(graph: torch.fx.GraphModule) -> Run:
    """A graph compiled, at its first call."""
    made = torch.compile(graph, fullgraph=True, dynamic=False)

    def run(*given: Tensor) -> list[Tensor]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what PyTorch's compiler has to say of itself
            found: list[Tensor] = made(*given)
            return found

    return run


def unroll(cell: Cell, params: Params, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """The cell over time; see `Engine.unroll`."""
    length, replicas, batch = len(xs), len(next(iter(state.values()))), xs.shape[2]
    count = -(-length // STEPS)
    stages = [hoist(packing, params, xs) for packing in packings(cell)]
    valid = xs.new_ones((length, 1, batch), dtype=torch.bool) if mask is None else mask
    timed: dict[Any, Tensor] = {(s, b): base.transpose(0, 1) for s, stage in enumerate(stages) for b, base in enumerate(stage.base) if isinstance(base, Tensor) and base.ndim == 4}
    timed |= {"x": xs} if any(packing.raw and any(row.raw == "x" for row in packing.raw) for packing in packings(cell)) else {}
    timed |= {f"noise {name}": value.expand(length, *value.shape[1:]) for name, value in noise.items()} | {"mask": valid}
    fixed: dict[Any, Tensor] = {("bias", s, b): base for s, stage in enumerate(stages) for b, base in enumerate(stage.base) if isinstance(base, Tensor) and base.ndim == 3}
    fixed |= {("matrix", s, n): matrix for s, stage in enumerate(stages) for n, (_, matrix, _) in enumerate(stage.recurrent)}
    fixed |= {("extra", name): params[name] for name in cell.extra}
    layout = Layout(tuple(timed), tuple(fixed))
    pieces = [_cut(value, count, past=value.new_zeros(()) if name == "mask" else value[-1:].detach()) for name, value in timed.items()]
    constant = [laid(value) for value in fixed.values()]
    now = [laid(value.expand(replicas, -1, -1)) for value in state.values()]
    if torch.is_grad_enabled() and any(t.requires_grad for t in [*constant, *now, *(piece[0] for piece in pieces)]):
        now = [value if value.requires_grad else value.requires_grad_() for value in now]  # or the first chunk would be compiled apart
    outputs = []
    for number in range(count):
        given = [*(piece[number] for piece in pieces), *constant, *now]
        output, *now = _called(cell, _chunk(cell, stages, layout, given), given)
        outputs.append(output)
    return torch.cat(outputs)[:length], dict(zip(cell.state, now, strict=True))


def laid(value: Tensor) -> Tensor:
    """A copy whose strides follow from its shape alone, for a compiled chunk is one for its strides."""
    return value.clone(memory_format=torch.contiguous_format)


def _cut(value: Tensor, count: int, past: Tensor) -> list[Tensor]:
    """(T, …) as `count` pieces of (STEPS, …), filled up with what stands for steps past the end.

    That is the last step's values, and not zeros: where a derivative has no bound there, a mask makes NaN of it.
    """
    missing = count * STEPS - len(value)
    if missing:
        value = torch.cat([value, past.expand(missing, *value.shape[1:])])
    return list(laid(value).split(STEPS))


def _called(cell: Cell, chunk: Chunk, given: Sequence[Tensor]) -> list[Tensor]:
    try:
        found = chunk.run(*given)
    except RuntimeError as error:
        if chunk.compiled or not of_compiler(error):
            raise
        raise Refused(f"engine 'compiled' cannot run '{cell.name}': {' '.join(str(error).split())[:300]}") from error
    chunk.compiled = True
    return found


def of_compiler(error: Exception) -> bool:
    """Whether PyTorch's compiler raised it, or the one that it calls: an error of a call that runs is the program's."""
    return any(kind.__module__.startswith(("torch._dynamo.", "torch._inductor.")) for kind in type(error).__mro__)


def _chunk(cell: Cell, stages: Sequence[Hoisted], layout: Layout, given: Sequence[Tensor]) -> Chunk:
    key = (cell, torch.is_grad_enabled(), STEPS, *((tuple(t.shape), t.dtype, t.device, t.requires_grad) for t in given))
    found = _chunks.pop(key, None) or Chunk(built(recorded(cell, stages, layout, given)))
    _chunks[key] = found
    while len(_chunks) > KEPT:
        _chunks.pop(next(iter(_chunks)), None)
    return found


def recorded(cell: Cell, stages: Sequence[Hoisted], layout: Layout, given: Sequence[Tensor]) -> torch.fx.GraphModule:
    """A chunk as a graph of PyTorch's operators; what looks at the value of a tensor is refused."""
    from torch.fx.experimental.proxy_tensor import make_fx

    def chunk(*flat: Tensor) -> list[Tensor]:
        timed = dict(zip(layout.timed, flat, strict=False))
        fixed = dict(zip(layout.fixed, flat[len(timed) :], strict=False))
        ready = []
        for s, stage in enumerate(stages):
            base = tuple(timed[s, b].unbind(0) if (s, b) in timed else fixed.get(("bias", s, b)) for b in range(len(stage.base)))
            recurrent = tuple((source, fixed["matrix", s, n], blocks) for n, (source, _, blocks) in enumerate(stage.recurrent))
            ready.append(Hoisted(stage.packing, base, recurrent))
        extras = cell.extras(**{name: fixed["extra", name] for name in cell.extra})
        state = dict(zip(cell.state, flat[len(timed) + len(fixed) :], strict=True))
        noise = {name.removeprefix("noise "): value for name, value in timed.items() if isinstance(name, str) and name.startswith("noise ")}
        y, last = carried(cell, ready, extras, timed["x"] if "x" in timed else timed["mask"], state, timed["mask"], noise)
        return [y, *last.values()]

    try:
        return make_fx(chunk, tracing_mode="fake")(*(value.detach() for value in given))
    except Exception as error:  # whatever an equation can raise
        raise Refused(f"engine 'compiled' cannot compile '{cell.name}': {' '.join(str(error).split())[:300]}") from None


def refuses(cell: Cell, device: torch.device) -> str | None:
    """A sentence without the compiler that PyTorch's own calls. Equations that look at values are found out when a chunk is recorded."""
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        return f"engine 'compiled' cannot run '{cell.name}' on CUDA: PyTorch's compiler needs Triton, which is not installed"
    if device.type != "cuda":
        try:
            compiler.works()
        except Refused as sentence:
            return f"engine 'compiled' cannot run '{cell.name}': PyTorch's compiler needs a C++ compiler; {sentence}"
    return None


def prepare(cell: Cell, dtype: torch.dtype, device: torch.device) -> None:
    """A chunk both ways, compiled for one small shape: others take as long, each once."""
    inputs = cell.takes or 8
    options: dict[str, Any] = {"dtype": dtype, "device": device}
    params = {name: torch.zeros(1, *shape, **options).requires_grad_() for name, shape in cell.shapes(inputs).items()}
    state = {name: torch.zeros(1, 2, width, **options) for name, width in cell.state.items()}
    noise = {row.name: torch.ones(1, 1, 2, row.width, **options) for stage in cell.table for row in stage.rows if row.raw == "noise"}
    unroll(cell, params, torch.zeros(STEPS, 1, 2, inputs, **options), state, None, noise)


ENGINE = Engine("compiled", unroll, refuses, prepare, by_name=True)
