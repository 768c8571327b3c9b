"""Rows of a stage side by side, so that a product of a source is one call, or few, that writes where the function reads."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from suite.cells.cell import Cell, Row


class Product(NamedTuple):
    """A source times the weights of neighbouring rows of a stage.

    weights  parameter, its first column in the stage, its columns
    """

    stage: int
    source: str
    width: int
    weights: tuple[tuple[str, int, int], ...]

    @property
    def columns(self) -> slice:
        """Those of the stage that it adds to."""
        _, start, _ = self.weights[0]
        _, last, width = self.weights[-1]
        return slice(start, last + width)


class Columns(NamedTuple):
    """Where the rows of a cell stand.

    rows      row -> stage, first column
    widths    columns of each stage; 0 where all its rows are handed through
    products  of x first
    biases    parameter, stage, first column, columns
    """

    rows: dict[str, tuple[int, int]]
    widths: tuple[int, ...]
    products: tuple[Product, ...]
    biases: tuple[tuple[str, int, int, int], ...]

    @property
    def recurrent(self) -> tuple[Product, ...]:
        """Products of what a step makes."""
        return tuple(p for p in self.products if p.source != "x")

    @property
    def weights(self) -> list[str]:
        """Parameters that are multiplied, product by product."""
        return [name for product in self.products for name, *_ in product.weights]


def columns(cell: Cell, inputs: int) -> Columns:
    """The columns of a cell at a number of inputs.

    >>> from suite.cells import CELLS
    >>> [(p.source, p.columns) for p in columns(CELLS["gru"](4), 3).products]
    [('x', slice(0, 12, None)), ('h', slice(4, 16, None))]
    """
    rows: dict[str, tuple[int, int]] = {}
    products: list[Product] = []
    biases: list[tuple[str, int, int, int]] = []
    totals = []
    for stage, order in enumerate(_ordered(cell)):
        start = 0
        for row in order:
            rows[row.name] = stage, start
            biases += [(f"{row.name}.b", stage, start, row.width)] if row.bias else []
            start += row.width
        totals.append(start)
        products += _products(cell, stage, order, rows, inputs)
    return Columns(rows, tuple(totals), tuple(sorted(products, key=lambda p: p.source != "x")), tuple(biases))


@lru_cache(maxsize=256)
def _ordered(cell: Cell) -> tuple[tuple[Row, ...], ...]:
    """Computed rows of every stage: first those that hear no state, last those that hear no x."""

    def rank(row: Row) -> tuple[int, int, tuple[str, ...]]:
        heard = tuple(sorted(link.source for link in row.links if link.source != "x"))
        return min(len(heard), 1), -any(link.source == "x" for link in row.links), heard

    return tuple(tuple(sorted((row for row in stage.rows if not row.raw), key=rank)) for stage in cell.table)


def _products(cell: Cell, stage: int, order: tuple[Row, ...], rows: dict[str, tuple[int, int]], inputs: int) -> list[Product]:
    shapes = cell.shapes(inputs)
    found = []
    for source in dict.fromkeys(link.source for row in order for link in row.links):
        run: list[tuple[str, int, int]] = []
        for row in order:
            link = next((link for link in row.links if link.source == source), None)
            if link is not None:
                run.append((f"{row.name}.{link.weight}", rows[row.name][1], row.width))
            elif run:
                found.append(Product(stage, source, shapes[run[0][0]][1], tuple(run)))
                run = []
        found += [Product(stage, source, shapes[run[0][0]][1], tuple(run))] if run else []
    return found
