"""Parameters that training leaves alone, by name, pattern, or some of their entries."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from suite.names import unknown

Index = tuple[slice, ...]


def trained(shapes: Mapping[str, tuple[int, int]], frozen: Sequence[str]) -> dict[str, Tensor]:
    """Which entries of each parameter move, (1, *shape) bool.

    >>> trained({"0.a.h": (2, 2), "0.a.b": (1, 2)}, ["0.a.h[0, :]", "*.b"])
    {'0.a.h': tensor([[[False, False],
             [ True,  True]]]), '0.a.b': tensor([[[False, False]]])}
    """
    moves = {name: torch.ones(1, *shape, dtype=torch.bool) for name, shape in shapes.items()}
    for text in (frozen,) if isinstance(frozen, str) else frozen:
        pattern, bracket, inside = text.partition("[")
        names = [name for name in shapes if fnmatchcase(name, pattern.strip())]
        if not names:
            raise ValueError(f"nothing to freeze: {unknown(pattern.strip(), shapes, 'parameter')}")
        for name in names:
            try:
                chosen = moves[name][(slice(None), *(entries(bracket + inside) if bracket else ()))]
                if not chosen.numel():
                    raise IndexError
                chosen.fill_(False)
            except (ValueError, IndexError, SyntaxError):
                raise ValueError(f"cannot freeze '{text}': '{name}' has shape {shapes[name]}; name entries as in {name}[0, 1:3]") from None
    if not any(move.any() for move in moves.values()):
        raise ValueError(f"all parameters are frozen by {', '.join(frozen)}: nothing is left to train")
    return moves


def entries(text: str) -> Index:
    """The index written in brackets: whole numbers and ranges."""
    body = ast.parse(f"x{text}", mode="eval").body
    if not isinstance(body, ast.Subscript) or not isinstance(body.value, ast.Name):
        raise ValueError
    parts = body.slice.elts if isinstance(body.slice, ast.Tuple) else [body.slice]
    return tuple(slice(*(None if bound is None else _whole(bound) for bound in (part.lower, part.upper, part.step))) if isinstance(part, ast.Slice) else slice(_whole(part), _whole(part) + 1 or None) for part in parts)


def _whole(node: ast.expr) -> int:
    value = ast.literal_eval(node)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value
