"""Layers of cells, an embedding where the input is tokens, a readout: one flat parameter dict.

Names: `0.i.x` is layer 0's `i.x`, `0r.i.x` that of its reverse direction, `0d.i.x` that of a decoder's layer 0; `embedding.w`
(tokens, width); `readout.w` (outputs, width); `readout.b` (1, outputs). States and masks of dropout are called the same way:
`0.h`, `0.d_g`; `below.1` masks what layer 1 is fed, `below.1d` what that of a decoder is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from suite import catalogue
from suite.cells import Cell, Mask
from suite.engines import Engine, unroll
from suite.engines.checks import tensor
from suite.names import unknown
from suite.training import decoding, freezing, initial
from suite.training.layers import Layer, Unroll, alike, checked, direction, embed, joined, of, padded

Readout = Literal["last", "mean", "every"]
Stack = tuple[tuple[Layer, ...], ...]

# torch's elementwise kernels take the last few numbers of a tensor, up to 31, one by one, and tanh or sigmoid of one by
# one differs from that of many in the last bit. Where batch x units is whole blocks, and more
# than one row, a replica has the same bits together as alone.
BLOCK = 32


class Masks(NamedTuple):
    """One kind of mask a network asks for: its width, how it is drawn, and whether the rest is scaled up in training."""

    width: int
    drawn: Mask
    scaled: bool


class Own(NamedTuple):
    """What a run is given under flat names, and what carries its cells over time."""

    params: Mapping[str, Tensor]
    state: Mapping[str, Tensor]
    noise: Mapping[str, Tensor]
    engine: Engine
    through: Unroll


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
    decoder        a second stack of the same cells, with parameters of its own, starts from the last states of the first and
                   answers, from the first step on where an answer is asked; the first reads the steps before
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
    decoder: bool = False

    @property
    def layers(self) -> Stack:
        """Every layer as its one or two directions, those of a decoder last."""
        return tuple(ways for stack in self.stacks for ways in stack)

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        """The layers that a step goes through: one stack, or that of an encoder and that of a decoder."""
        made: tuple[list[tuple[Layer, ...]], ...] = ([], [])
        width = self.embedding or self.inputs
        for number, cell in enumerate(self.cells):
            ways = [Layer(f"{number}.", cell, width, False), Layer(f"{number}r.", cell, width, True)]
            made[0].append(tuple(ways[: 1 + self.bidirectional]))
            made[1].append((Layer(f"{number}d.", cell, width, False),))
            width = cell.units * (1 + self.bidirectional)
        return tuple(map(tuple, made[: 1 + self.decoder]))

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
        for number, ways in ((number, ways) for stack in self.stacks for number, ways in enumerate(stack)):
            if self.dropout and number:
                wanted[below(ways)] = Masks(ways[0].inputs, Mask(self.dropout), True)
            for layer in ways:
                widths = {row.name: row.width for stage in layer.cell.table for row in stage.rows}
                wanted |= {f"{layer.prefix}{name}": Masks(widths[name], mask, False) for name, mask in layer.cell.masks.items()}
        return wanted

    def __call__(self, params: Mapping[str, Tensor], x: Tensor, mask: Tensor | None = None, engine: Engine | str = "hoisted", asked: Tensor | None = None) -> Tensor:
        """The answer alone, with what dropout expects in place of masks; see `run`."""
        return self.run(params, x, mask, engine, asked=asked).output

    def run(
        self,
        params: Mapping[str, Tensor],
        x: Tensor,
        mask: Tensor | None = None,
        engine: Engine | str = "hoisted",
        *,
        state: Mapping[str, Tensor] | None = None,
        noise: Mapping[str, Tensor] | None = None,
        asked: Tensor | None = None,
        through: Unroll = unroll,
    ) -> Answer:
        """The answer to x (T, B, I) or tokens (T, B), and the states after it; x (T, R, B, I) differs from replica to replica.

        mask     (T, B) bool, true where x is
        engine   one, or the name of one; `best` is the first that refuses no cell
        state    states to start from, `0.h` (R, B, W); missing ones are at the cell's start
        noise    masks as `masks` names them, (T or 1, R, B, W); without them every entry is what it is on average
        asked    (T, B) bool, true where an answer is asked: a decoder needs it, other networks do not look at it
        through  what carries a cell over time, `unroll` or something that looks at it on the way
        """
        tensor("x", x)
        runner = catalogue.engine(engine, self.cells, x.device, next(iter(params.values())).dtype) if not isinstance(engine, Engine) else engine
        mask = checked(x, mask, bool(self.embedding))
        batch, given = mask.shape[1], mask
        x, mask = padded(x, mask, self.rows(batch, runner, x.device))
        rows = mask.shape[1] - batch
        own = Own(params, self.filled(state or {}, rows), self.masked(noise or {}, params, rows), runner, through)
        y = embed(params["embedding.w"], x) if self.embedding else x if x.ndim == 4 else x.unsqueeze(1)
        if self.decoder:
            y, last, after = self.decoded(own, y, *(alike(steps, rows) for steps in decoding.parts(given, asked)))
        else:
            y, last, after = self.carried(self.stacks[0], own, y, mask)
        return Answer(self.read(params, y, last, mask, batch), {name: value[:, :batch] for name, value in after.items()})

    def carried(self, stack: Stack, own: Own, y: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Layers one after another on y (T, R or 1, B, W): outputs, the last layer's output at the end, and every state after it."""
        valid, last = None if bool(mask.all()) else mask.unsqueeze(1), y[0]
        noise = {name: value[: len(y)] for name, value in own.noise.items()}
        after: dict[str, Tensor] = {}
        for number, ways in enumerate(stack):
            fed = y * noise[below(ways)] if below(ways) in noise else y
            outputs = []
            for layer in ways:
                parts = {name: of(values, layer.prefix) for name, values in (("params", own.params), ("state", own.state), ("noise", noise))}
                out, final = direction(layer, parts, fed, valid, own.engine, own.through)
                after |= {f"{layer.prefix}{name}": value for name, value in final.items()}
                outputs.append((out, next(iter(final.values()))))
            above, ends = joined([out for out, _ in outputs]), joined([end for _, end in outputs])
            y, last = (above + y, ends + last) if self.residual and number else (above, ends)
        return y, last, after

    def decoded(self, own: Own, y: Tensor, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """The same of an encoder on the source steps of y and a decoder on those of the target, which are brought to the front."""
        encoder, decoder = ([layer for (layer,) in stack] for stack in self.stacks)
        until, (places, valid) = int(source.sum(0).max()), decoding.order(target)
        _, _, read = self.carried(self.stacks[0], own, y[:until], source[:until])
        begun = own._replace(state=decoding.handed(read, encoder, decoder))
        answered, last, after = self.carried(self.stacks[1], begun, decoding.taken(y, places), valid)
        return decoding.put_back(answered, places, valid, len(y)), last, read | after

    @cached_property
    def block(self) -> int:
        """Rows of a batch are filled up to a multiple of this where an engine is not rowwise."""
        widths = {width for cell in self.cells for width in (cell.units, *cell.state.values(), *cell.width.values())}
        return max(2, BLOCK // math.gcd(BLOCK, *widths))

    def rows(self, batch: int, engine: Engine, device: torch.device) -> int:
        """The rows that a batch is filled up to: two at least, for a product of one row is summed in another order."""
        return max(2, batch) if device.type in engine.rowwise else -(-batch // self.block) * self.block

    def filled(self, state: Mapping[str, Tensor], rows: int) -> dict[str, Tensor]:
        """States given, and the start of their cell in the rows that fill the batch up."""
        starts = {f"{layer.prefix}{name}": layer.cell.start.get(name, 0.0) for ways in self.stacks[0] for layer in ways for name in layer.cell.state}
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


def below(ways: tuple[Layer, ...]) -> str:
    """The name of the mask on what a layer is fed."""
    return f"below.{ways[0].prefix.removesuffix('.')}"
