"""The number of a cell's parameters as a formula in its units n and its inputs m."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from suite.cells import Cell

TERMS: dict[str, Callable[[int, int], int]] = {"n²": lambda n, m: n * n, "nm": lambda n, m: n * m, "m²": lambda n, m: m * m, "n": lambda n, m: n, "m": lambda n, m: m, "": lambda n, m: 1}
SQUARE = ("n²", "n", "")  # where inputs and units must be equal
SIZES = ((8, 3), (16, 5), (24, 12), (40, 7), (48, 31), (64, 2), (80, 19), (96, 50))


def formula(make: Callable[[int], Cell]) -> str:
    """The formula as text, solved from counts at some sizes and held to others; "" where no such formula fits.

    >>> from suite.cells import CELLS
    >>> formula(CELLS["lstm"]), formula(CELLS["gru"]), formula(CELLS["mut1"])
    ('4n² + 4nm + 4n', '3n² + 3nm + 4n', '4n² + 3n')
    """
    try:
        square = make(8).takes is not None
        sizes = [(n, n if square else m) for n, m in SIZES]
        counts = np.array([make(n).costs(m)["parameters"] for n, m in sizes], dtype=np.float64)
    except ValueError:
        return ""
    terms = SQUARE if square else tuple(TERMS)
    table = np.array([[TERMS[term](n, m) for term in terms] for n, m in sizes], dtype=np.float64)
    solved = [Fraction(float(value)).limit_denominator(16) for value in np.linalg.lstsq(table, counts, rcond=None)[0]]
    if any(sum((f * TERMS[term](n, m) for f, term in zip(solved, terms, strict=True)), Fraction(0)) != int(count) for (n, m), count in zip(sizes, counts, strict=True)):
        return ""
    said = [f"{'' if abs(factor) == 1 and term else abs(factor)}{term}" for factor, term in zip(solved, terms, strict=True) if factor]
    signs = ["-" if factor < 0 else "+" for factor in solved if factor]
    return " ".join(part for pair in zip(signs, said, strict=True) for part in pair).removeprefix("+ ")
