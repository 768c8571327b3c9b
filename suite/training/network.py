"""Layers of cells, an embedding where the input is tokens, a linear readout: one flat parameter dict.

Names: `0.i.x` is layer 0's `i.x`; `embedding.w` (tokens, width); `readout.w` (outputs, units); `readout.b` (1, outputs).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from suite import catalogue
from suite.cells import Cell
from suite.engines import ENGINES, Engine, unroll

Readout = Literal["last", "mean", "every"]

# torch's elementwise kernels take the last few numbers of a tensor, up to 31, one by one, and tanh or sigmoid of one by
# one differs from that of many in the last bit. Where batch x units is whole blocks, and more
# than one row, a replica has the same bits together as alone.
BLOCK = 32


@dataclass(frozen=True)
class Network:
    """What is trained.

    cells      one a layer, each fed by the outputs of the one before
    inputs     width of x, or the number of tokens
    outputs    width of the answer
    readout    from the output at the last valid step, from the mean over valid steps, or at every step
    embedding  width of the embedding; 0 where x is not tokens
    """

    cells: tuple[Cell, ...]
    inputs: int
    outputs: int
    readout: Readout = "last"
    embedding: int = 0

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Flat parameter name -> shape of one replica."""
        shapes = {"embedding.w": (self.inputs, self.embedding)} if self.embedding else {}
        width = self.embedding or self.inputs
        for number, cell in enumerate(self.cells):
            shapes |= {f"{number}.{name}": shape for name, shape in cell.shapes(width).items()}
            width = cell.units
        return shapes | {"readout.w": (self.outputs, width), "readout.b": (1, self.outputs)}

    @property
    def parameters(self) -> int:
        """Number of parameters of one replica."""
        return sum(rows * columns for rows, columns in self.shapes().values())

    def start(self, seed: int) -> dict[str, Tensor]:
        """Parameters of one replica, (1, *shape) each, drawn on the CPU.

        As torch.nn does: every entry of a cell or readout from U(-1/sqrt(units), 1/sqrt(units)), with the units of
        the layer (of the layer below for the readout); embeddings from N(0, 1/width), which torch draws from N(0, 1).
        """
        generator = torch.Generator().manual_seed(seed)
        drawn = {}
        for name, shape in self.shapes().items():
            part = name.partition(".")[0]
            if part == "embedding":
                drawn[name] = torch.randn(1, *shape, generator=generator) / math.sqrt(self.embedding)
                continue
            bound = 1 / math.sqrt(self.cells[-1 if part == "readout" else int(part)].units)
            drawn[name] = (2 * torch.rand(1, *shape, generator=generator) - 1) * bound
        return drawn

    def __call__(self, params: Mapping[str, Tensor], x: Tensor, mask: Tensor | None = None, engine: Engine = ENGINES["hoisted"]) -> Tensor:
        """The answer to x (T, B, I) or tokens (T, B): (R, B, O), or (T, R, B, O) if every step is read; mask (T, B)."""
        if mask is None:
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        batch, every = mask.shape[1], mask.all()
        x, mask = padded(x, mask, max(2, BLOCK // math.gcd(BLOCK, *(cell.units for cell in self.cells))))
        y = embed(params["embedding.w"], x) if self.embedding else x.unsqueeze(1)
        valid = None if every else mask.unsqueeze(1)
        last = y
        for number, cell in enumerate(self.cells):
            prefix = f"{number}."
            own = {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}
            y, state = unroll(cell, own, y, engine=engine, mask=valid)
            last = next(iter(state.values()))
        weight, bias = params["readout.w"].mT, params["readout.b"]
        if self.readout == "last":
            return torch.baddbmm(bias, last, weight)[:, :batch]
        if self.readout == "mean":
            return torch.baddbmm(bias, y.sum(0) / mask.sum(0).unsqueeze(-1), weight)[:, :batch]
        length, replicas, rows, units = y.shape
        flat = torch.baddbmm(bias, y.transpose(0, 1).reshape(replicas, length * rows, units), weight)
        return flat.view(replicas, length, rows, -1).transpose(0, 1)[:, :, :batch]


def padded(x: Tensor, mask: Tensor, multiple: int) -> tuple[Tensor, Tensor]:
    """A batch filled up with zeros to a multiple; the caller drops the answers to them."""
    missing = -mask.shape[1] % multiple
    if not missing:
        return x, mask
    rows = (0, 0) * (x.ndim - 2) + (0, missing)
    return functional.pad(x, rows), functional.pad(mask, (0, missing), value=True)


def embed(weight: Tensor, tokens: Tensor) -> Tensor:
    """Rows of (R, V, W) for tokens (T, B): (T, R, B, W)."""
    replicas, vocabulary, width = weight.shape
    offset = torch.arange(replicas, device=tokens.device)[:, None] * vocabulary
    return functional.embedding(tokens.unsqueeze(1) + offset, weight.reshape(-1, width))


def network(
    cells: str | Cell | Sequence[str | Cell],
    units: int | Sequence[int] = 128,
    *,
    inputs: int,
    outputs: int,
    readout: Readout = "last",
    embedding: int = 0,
) -> Network:
    """A network of one or more layers; a layer is a cell's name, or a cell.

    >>> network(["lstm", "gru"], units=[8, 4], inputs=3, outputs=2).shapes()["1.n.x"]
    (4, 8)
    """
    listed = [cells] if isinstance(cells, (str, Cell)) else list(cells)
    widths = [units] * len(listed) if isinstance(units, int) else list(units)
    if not listed or len(widths) != len(listed):
        raise ValueError(f"{len(listed)} layers need as many units, one number for all or one each, not {units}")
    if min(inputs, outputs) < 1 or embedding < 0:
        raise ValueError(f"inputs and outputs must be 1 or more and embedding 0 or more, not {inputs}, {outputs} and {embedding}")
    if readout not in ("last", "mean", "every"):
        raise ValueError(f"readout must be 'last', 'mean' or 'every', not {readout!r}")
    made = [catalogue.cell(c, u) if isinstance(c, str) else c for c, u in zip(listed, widths, strict=True)]
    return Network(tuple(made), inputs, outputs, readout, embedding)
