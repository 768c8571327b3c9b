"""What a network does between its cells: tokens looked up, batches filled up, sequences turned round, directions joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from suite.cells import Cell
from suite.engines import Engine

Unroll = Callable[..., tuple[Tensor, dict[str, Tensor]]]


class Layer(NamedTuple):
    """One direction of a layer: its prefix in flat names, its cell, the width it is fed, and whether it reads from the end."""

    prefix: str
    cell: Cell
    inputs: int
    backwards: bool


def checked(x: Tensor, mask: Tensor | None, tokens: bool) -> Tensor:
    """The mask of x, all true where there is none, once both are what they must be."""
    if x.ndim not in ((2,) if tokens else (3, 4)) or 0 in x.shape:
        raise ValueError(f"x must be {'tokens (time, batch)' if tokens else '(time, batch, inputs) or (time, replica, batch, inputs)'}, each 1 or more, not {tuple(x.shape)}")
    if tokens == x.is_floating_point():
        raise ValueError(f"x must be {'integers, for the network embeds tokens' if tokens else 'floating, for the network has no embedding'}, not {x.dtype}")
    shape = (len(x), x.shape[1 if tokens else -2])
    if mask is None:
        return torch.ones(shape, dtype=torch.bool, device=x.device)
    if mask.dtype != torch.bool or mask.shape != shape:
        raise ValueError(f"mask must be bool of shape {shape}, (time, batch) as x is, not {mask.dtype} {tuple(mask.shape)}")
    return mask


def direction(layer: Layer, own: Mapping[str, Any], x: Tensor, valid: Tensor | None, engine: Engine, through: Unroll) -> tuple[Tensor, dict[str, Tensor]]:
    """One direction of a layer; backwards, the valid steps of each sequence change places, and padding stays where it is."""
    x = turned(x, valid) if layer.backwards else x
    noise = {name: value.expand(-1, -1, x.shape[2], -1) for name, value in own["noise"].items()}
    out, final = through(layer.cell, own["params"], x, own["state"], engine=engine, mask=valid, noise=noise)
    return turned(out, valid) if layer.backwards else out, final


def turned(x: Tensor, valid: Tensor | None) -> Tensor:
    """Each sequence of x (T, R, B, W) from its last valid step to its first; turned twice it is as it was. valid (T, 1, B)."""
    if valid is None:
        return x.flip(0)
    order = (~valid).to(torch.uint8).argsort(dim=0, stable=True)  # the k-th valid step stands at order[k]
    rank, last = order.argsort(0), valid.sum(0, keepdim=True) - 1
    source = torch.where(valid, order.gather(0, (last - rank).clamp(min=0)), torch.arange(len(x), device=x.device)[:, None, None])
    return x.gather(0, source.unsqueeze(-1).expand_as(x))


def of(values: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What belongs to one direction of a layer, under the cell's own names."""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Side by side along the units."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), -1)


def padded(x: Tensor, mask: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """A batch filled up with zeros; the caller drops the answers to them."""
    missing = rows - mask.shape[1]
    if not missing:
        return x, mask
    ends = (0, 0) * (x.ndim > 2) + (0, missing)
    return functional.pad(x, ends), functional.pad(mask, (0, missing), value=True)


def alike(steps: Tensor, rows: int) -> Tensor:
    """A mask (T, B) with more rows, like the first."""
    return torch.cat([steps, steps[:, :1].expand(-1, rows)], 1) if rows else steps


def embed(weight: Tensor, tokens: Tensor) -> Tensor:
    """Rows of (R, V, W) for tokens (T, B): (T, R, B, W)."""
    replicas, vocabulary, width = weight.shape
    offset = torch.arange(replicas, device=tokens.device)[:, None] * vocabulary
    return functional.embedding(tokens.unsqueeze(1) + offset, weight.reshape(-1, width))
