"""A parameter dict laid end to end in one tensor (R, N): few operations a step, whole replicas dropped by a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Where each parameter lies in the flat row of a replica."""

    shapes: Mapping[str, tuple[int, int]]

    def flat(self, params: Mapping[str, Tensor]) -> Tensor:
        """(R, N) from (R, *shape) each."""
        return torch.cat([params[name].flatten(1) for name in self.shapes], 1)

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """(R, *shape) each, views of the flat tensor, differentiable."""
        sizes = [rows * columns for rows, columns in self.shapes.values()]
        parts = flat.split(sizes, 1)
        return {name: part.unflatten(1, shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}
