"""Layers of cells, an embedding where the input is tokens, a readout: one flat parameter dict.

Names: `0.i.x` is layer 0's `i.x`, `0r.i.x` that of its reverse direction; `embedding.w` (tokens, width); `readout.w`
(outputs, width); `readout.b` (1, outputs). States and masks of dropout are called the same way: `0.h`, `0.d_g`; `below.1` masks
what layer 1 is fed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from suite import catalogue
from suite.cells import Cell, Mask
from suite.engines import Engine, unroll
from suite.names import unknown
from suite.training import freezing, initial
from suite.training.layers import Layer, Unroll, checked, direction, embed, joined, of, padded

Readout = Literal["last", "mean", "every"]
Named = str | Cell | Callable[[int], Cell]

# torch's elementwise kernels take the last few numbers of a tensor, up to 31, one by one, and tanh or sigmoid of one by
# one differs from that of many in the last bit. Where batch x units is whole blocks, and more
# than one row, a replica has the same bits together as alone.
BLOCK = 32


class Masks(NamedTuple):
    """One kind of mask a network asks for: its width, how it is drawn, and whether the rest is scaled up in training."""

    width: int
    drawn: Mask
    scaled: bool


class Answer(NamedTuple):
    """What a network says, (R, B, O) or (T, R, B, O), and every state after the last step, `0.h` (R, B, W)."""

    output: Tensor
    state: dict[str, Tensor]


@dataclass(frozen=True)
class Network:
    """What is trained.

    cells          one a layer, each fed by the outputs of the one before
    inputs         width of x, or the number of tokens
    outputs        width of the answer
    readout        from the output at the last valid step, from the mean over valid steps, or at every step
    embedding      width of the embedding; 0 where x is not tokens
    bidirectional  every layer twice, the second from the end to the beginning; outputs stand side by side
    dropout        share of the outputs between layers that training drops, scaling up the rest
    residual       whether a layer's input is added to its output, from the second layer on
    linear         whether a linear map reads the last layer; if not, its first units are the answer
    init           how parameters start: names of `suite.training.initial` joined by "+"
    frozen         parameters that training leaves as they start, by name, pattern or entries (`0.a.h[0, 1:3]`)
    """

    cells: tuple[Cell, ...]
    inputs: int
    outputs: int
    readout: Readout = "last"
    embedding: int = 0
    bidirectional: bool = False
    dropout: float = 0.0
    residual: bool = False
    linear: bool = True
    init: str = "default"
    frozen: tuple[str, ...] = ()

    @cached_property
    def layers(self) -> tuple[tuple[Layer, ...], ...]:
        """Every layer as its one or two directions."""
        made, width = [], self.embedding or self.inputs
        for number, cell in enumerate(self.cells):
            ways = [Layer(f"{number}.", cell, width, False), Layer(f"{number}r.", cell, width, True)]
            made.append(tuple(ways[: 1 + self.bidirectional]))
            width = cell.units * (1 + self.bidirectional)
        return tuple(made)

    @property
    def width(self) -> int:
        """Width of what the readout reads."""
        return self.cells[-1].units * (1 + self.bidirectional)

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Flat parameter name -> shape of one replica."""
        shapes = {"embedding.w": (self.inputs, self.embedding)} if self.embedding else {}
        for layer in (way for ways in self.layers for way in ways):
            shapes |= {f"{layer.prefix}{name}": shape for name, shape in layer.cell.shapes(layer.inputs).items()}
        return shapes | ({"readout.w": (self.outputs, self.width), "readout.b": (1, self.outputs)} if self.linear else {})

    @property
    def parameters(self) -> int:
        """Number of parameters of one replica, frozen ones too."""
        return sum(rows * columns for rows, columns in self.shapes().values())

    def start(self, seed: int) -> dict[str, Tensor]:
        """Parameters of one replica, (1, *shape) each, drawn on the CPU as `init` says; see `suite.training.initial`."""
        return initial.start(self, seed)

    def trained(self) -> dict[str, Tensor] | None:
        """Which entries of each parameter training moves, (1, *shape) bool; None where it moves all."""
        return freezing.trained(self.shapes(), self.frozen) if self.frozen else None

    def masks(self) -> dict[str, Masks]:
        """Every mask of dropout: `0.d_g` inside a layer's recurrence, `below.1` on what layer 1 is fed."""
        wanted = {}
        for number, ways in enumerate(self.layers):
            if self.dropout and number:
                wanted[f"below.{number}"] = Masks(ways[0].inputs, Mask(self.dropout), True)
            for layer in ways:
                widths = {row.name: row.width for stage in layer.cell.table for row in stage.rows}
                wanted |= {f"{layer.prefix}{name}": Masks(widths[name], mask, False) for name, mask in layer.cell.masks.items()}
        return wanted

    def __call__(self, params: Mapping[str, Tensor], x: Tensor, mask: Tensor | None = None, engine: Engine | str = "hoisted") -> Tensor:
        """The answer alone, with what dropout expects in place of masks; see `run`."""
        return self.run(params, x, mask, engine).output

    def run(
        self,
        params: Mapping[str, Tensor],
        x: Tensor,
        mask: Tensor | None = None,
        engine: Engine | str = "hoisted",
        *,
        state: Mapping[str, Tensor] | None = None,
        noise: Mapping[str, Tensor] | None = None,
        through: Unroll = unroll,
    ) -> Answer:
        """The answer to x (T, B, I) or tokens (T, B), and the states after it; x (T, R, B, I) differs from replica to replica.

        mask     (T, B) bool, true where x is
        engine   one, or the name of one; `best` is the first that refuses no cell
        state    states to start from, `0.h` (R, B, W); missing ones are at the cell's start
        noise    masks as `masks` names them, (T or 1, R, B, W); without them every entry is what it is on average
        through  what carries a cell over time, `unroll` or something that looks at it on the way
        """
        runner = catalogue.engine(engine, self.cells, x.device) if isinstance(engine, str) else engine
        mask = checked(x, mask, bool(self.embedding))
        batch, every = mask.shape[1], bool(mask.all())
        x, mask = padded(x, mask, self.block)
        state, noise = self.filled(state or {}, mask.shape[1] - batch), self.masked(noise or {}, params, mask.shape[1] - batch)
        y = embed(params["embedding.w"], x) if self.embedding else x if x.ndim == 4 else x.unsqueeze(1)
        valid, last = None if every else mask.unsqueeze(1), y[0]
        after: dict[str, Tensor] = {}
        for number, ways in enumerate(self.layers):
            fed = y * noise[f"below.{number}"] if f"below.{number}" in noise else y
            outputs = []
            for layer in ways:
                own = {name: of(values, layer.prefix) for name, values in (("params", params), ("state", state), ("noise", noise))}
                out, final = direction(layer, own, fed, valid, runner, through)
                after |= {f"{layer.prefix}{name}": value[:, :batch] for name, value in final.items()}
                outputs.append((out, next(iter(final.values()))))
            above, ends = joined([out for out, _ in outputs]), joined([end for _, end in outputs])
            y, last = (above + y, ends + last) if self.residual and number else (above, ends)
        return Answer(self.read(params, y, last, mask, batch), after)

    @cached_property
    def block(self) -> int:
        """Rows of a batch are filled up to a multiple of this."""
        widths = {width for cell in self.cells for width in (cell.units, *cell.state.values(), *cell.width.values())}
        return max(2, BLOCK // math.gcd(BLOCK, *widths))

    def filled(self, state: Mapping[str, Tensor], rows: int) -> dict[str, Tensor]:
        """States given, and the start of their cell in the rows that fill the batch up."""
        starts = {f"{layer.prefix}{name}": layer.cell.start.get(name, 0.0) for ways in self.layers for layer in ways for name in layer.cell.state}
        for name in state:
            if name not in starts:
                raise ValueError(unknown(name, starts, "state"))
        return {name: functional.pad(value, (0, 0, 0, rows), value=starts[name]) for name, value in state.items()}

    def masked(self, noise: Mapping[str, Tensor], params: Mapping[str, Tensor], rows: int) -> dict[str, Tensor]:
        """Masks given, all or none; else those of evaluation: 1 - rate where training scales nothing up, and none where it does."""
        wanted, like = self.masks(), next(iter(params.values()))
        if not noise:
            return {name: like.new_full((1, 1, 1, m.width), 1 - m.drawn.rate) for name, m in wanted.items() if not m.scaled}
        if set(noise) != set(wanted):
            raise ValueError(f"noise must be masks for {', '.join(wanted) or 'nothing'}, given was {', '.join(noise)}")
        return {name: functional.pad(value, (0, 0, 0, rows)) for name, value in noise.items()}

    def read(self, params: Mapping[str, Tensor], y: Tensor, last: Tensor, mask: Tensor, batch: int) -> Tensor:
        """The answer from the last layer's outputs (T, R, B, W) and its state at the end (R, B, W)."""
        if self.readout == "every":
            length, replicas, rows, units = y.shape
            flat = self.map(params, y.transpose(0, 1).reshape(replicas, length * rows, units))
            return flat.view(replicas, length, rows, -1).transpose(0, 1)[:, :, :batch]
        return self.map(params, last if self.readout == "last" else y.sum(0) / mask.sum(0).clamp(min=1).unsqueeze(-1))[:, :batch]

    def map(self, params: Mapping[str, Tensor], value: Tensor) -> Tensor:
        """The linear readout, or the first units of the pool.

        A product with one column is another kernel for one replica than for several, with other last bits: it gets a second one.
        """
        if not self.linear:
            return value[..., : self.outputs]
        weight, bias = params["readout.w"], params["readout.b"]
        if self.outputs == 1:
            weight, bias = functional.pad(weight, (0, 0, 0, 1)), functional.pad(bias, (0, 1))
        return torch.baddbmm(bias, value, weight.mT)[..., : self.outputs]


def network(
    cells: Named | Sequence[Named],
    units: int | Sequence[int] = 128,
    *,
    inputs: int,
    outputs: int,
    readout: Readout = "last",
    embedding: int = 0,
    bidirectional: bool = False,
    dropout: float = 0.0,
    residual: bool = False,
    linear: bool = True,
    init: str = "default",
    frozen: str | Sequence[str] = (),
) -> Network:
    """A network of one or more layers; a layer is a cell's name, a callable units -> Cell, or a `Cell`, which has its own units.

    See `Network` for what else it may have.

    >>> network(["lstm", "gru"], units=[8, 4], inputs=3, outputs=2).shapes()["1.n.x"]
    (4, 8)
    >>> network("lstm(drop=0.25)", 8, inputs=3, outputs=2, init="orthogonal+keep", bidirectional=True).shapes()["readout.w"]
    (2, 16)
    """
    listed = [cells] if isinstance(cells, (str, Cell)) or callable(cells) else list(cells)
    widths = [units] * len(listed) if isinstance(units, int) else list(units)
    if not listed or len(widths) != len(listed):
        raise ValueError(f"{len(listed)} layers need as many units, one number for all or one each, not {units}")
    if min(inputs, outputs) < 1 or embedding < 0:
        raise ValueError(f"inputs and outputs must be 1 or more and embedding 0 or more, not {inputs}, {outputs} and {embedding}")
    if readout not in ("last", "mean", "every"):
        raise ValueError(f"readout must be 'last', 'mean' or 'every', not {readout!r}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout between layers must be from 0 to less than 1, not {dropout!r}")
    if dropout and len(listed) == 1:
        raise ValueError(f"dropout {dropout:g} is between layers, and there is one; dropout inside a cell is asked for by its name, lstm(drop={dropout:g})")
    made = [catalogue.cell(c, u) if isinstance(c, str) else c if isinstance(c, Cell) else c(u) for c, u in zip(listed, widths, strict=True)]
    if residual and len({cell.units for cell in made}) > 1:
        raise ValueError(f"residual links need layers of one width, not {', '.join(str(cell.units) for cell in made)}")
    net = Network(tuple(made), inputs, outputs, readout, embedding, bidirectional, dropout, residual, linear, init, (frozen,) if isinstance(frozen, str) else tuple(frozen))
    if not linear and outputs > net.width:
        raise ValueError(f"without a linear readout the answer is {outputs} of the last layer's units, and it has {net.width}")
    initial.check(init, made)
    net.trained()
    return net
