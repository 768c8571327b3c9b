"""Parameters that training leaves alone, by name, pattern, or some of their entries."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from suite.names import unknown

Index = tuple[slice | int, ...]


def trained(shapes: Mapping[str, tuple[int, int]], frozen: Sequence[str]) -> dict[str, Tensor]:
    """Which entries of each parameter move, (1, *shape) bool.

    >>> trained({"0.a.h": (2, 2), "0.a.b": (1, 2)}, ["0.a.h[0, :]", "*.b"])
    {'0.a.h': tensor([[[False, False],
             [ True,  True]]]), '0.a.b': tensor([[[False, False]]])}
    """
    moves = {name: torch.ones(1, *shape, dtype=torch.bool) for name, shape in shapes.items()}
    for text in frozen:
        pattern, bracket, inside = text.partition("[")
        names = [name for name in shapes if fnmatchcase(name, pattern.strip())]
        if not names:
            raise ValueError(f"nothing to freeze: {unknown(pattern.strip(), shapes, 'parameter')}")
        for name in names:
            try:
                moves[name][(slice(None), *(entries(bracket + inside) if bracket else ()))] = False
            except (ValueError, IndexError, SyntaxError, AttributeError):
                raise ValueError(f"cannot freeze '{text}': '{name}' has shape {shapes[name]}; name entries as in {name}[0, 1:3]") from None
    return moves


def entries(text: str) -> Index:
    """The index written in brackets: whole numbers and ranges."""
    index = ast.parse(f"x{text}", mode="eval").body.slice  # type: ignore[attr-defined]
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return tuple(_range(part) if isinstance(part, ast.Slice) else int(ast.literal_eval(part)) for part in parts)


def _range(part: ast.Slice) -> slice:
    return slice(*(None if bound is None else int(ast.literal_eval(bound)) for bound in (part.lower, part.upper, part.step)))
