"""Rows of a cell <-> columns of one wide matrix, so that each source costs one product a stage.

Rows that hear exactly the same sources form a block; the blocks that hear a source stand side by side in
that source's matrix. Nothing is padded: the products are those of the equations, in fewer calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from suite.cells.cell import Cell, Row
from suite.engines.engine import Params


@dataclass(frozen=True)
class Block:
    """Rows fed by the same sources: they stand side by side in every product."""

    rows: tuple[Row, ...]
    sources: tuple[str, ...]
    bias: bool

    @property
    def names(self) -> list[str]:
        """Its rows by name."""
        return [row.name for row in self.rows]

    @property
    def widths(self) -> list[int]:
        """Columns of each row."""
        return [row.width for row in self.rows]


@dataclass(frozen=True)
class Packing:
    """One stage of a cell: its blocks, and the rows that are handed through."""

    blocks: tuple[Block, ...]
    raw: tuple[Row, ...]

    @property
    def sources(self) -> list[str]:
        """Everything that is multiplied by a weight, in order of first use."""
        return list(dict.fromkeys(source for block in self.blocks for source in block.sources))

    def hearing(self, source: str) -> list[int]:
        """Numbers of the blocks that a source feeds."""
        return [number for number, block in enumerate(self.blocks) if source in block.sources]

    def matrix(self, params: Params, source: str) -> Tensor:
        """(R, inputs, columns): the weights of a source into all blocks that hear it."""
        weights = [
            params[f"{row.name}.{link.weight}"]
            for number in self.hearing(source)
            for row in self.blocks[number].rows
            for link in row.links
            if link.source == source
        ]
        return joined(weights, -2).mT

    def bias(self, params: Params, number: int) -> Tensor | None:
        """(R, 1, columns) of a block, or None where its rows have none."""
        block = self.blocks[number]
        return joined([params[f"{name}.b"] for name in block.names], -1) if block.bias else None


@lru_cache(maxsize=256)
def packings(cell: Cell) -> tuple[Packing, ...]:
    """One packing a stage."""
    packed = []
    for stage in cell.table:
        groups: dict[tuple[tuple[str, ...], bool], list[Row]] = {}
        for row in stage.rows:
            if not row.raw:
                groups.setdefault((tuple(link.source for link in row.links), row.bias), []).append(row)
        blocks = tuple(Block(tuple(rows), sources, bias) for (sources, bias), rows in groups.items())
        packed.append(Packing(blocks, tuple(row for row in stage.rows if row.raw)))
    return tuple(packed)


def joined(tensors: list[Tensor], dim: int) -> Tensor:
    """Concatenated, without a copy where there is one."""
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors, dim)
