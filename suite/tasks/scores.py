"""Masked losses and metrics: one figure a replica.

An output is (R, B, O) where the answer is asked once, (T, R, B, O) where it is asked at every step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from suite.tasks.task import Batch


def per_replica(values: Tensor, batch: Batch) -> Tensor:
    """The mean of (R, B), or of the valid steps of (T, R, B), for each replica."""
    if values.ndim == 2:
        return values.mean(-1)
    kept = torch.where(batch.mask.unsqueeze(1), values, 0.0).transpose(0, 1).flatten(1)
    return kept.sum(-1) / batch.mask.sum()


def cross_entropy(output: Tensor, batch: Batch) -> Tensor:
    """Mean negative log-likelihood of the right class, in nats."""
    wanted = _spread(output, batch.y).reshape(-1)
    values = functional.cross_entropy(output.reshape(-1, output.shape[-1]), wanted, reduction="none")
    return per_replica(values.view(output.shape[:-1]), batch)


def accuracy(output: Tensor, batch: Batch) -> Tensor:
    """Share of answers whose largest output is the right class."""
    right = output.argmax(-1) == _spread(output, batch.y)
    return per_replica(right.to(output.dtype), batch)


def squared_error(output: Tensor, batch: Batch) -> Tensor:
    """Mean squared error of the first output against a target (B,)."""
    return per_replica((output[..., 0] - _spread(output, batch.y)).square(), batch)


def _spread(output: Tensor, y: Tensor) -> Tensor:
    """Targets (B,) or (T, B) shared by all replicas of an output."""
    return (y.unsqueeze(-2)).expand(output.shape[:-1])


def certain(classes: int) -> Callable[[Tensor], Tensor]:
    """Class numbers (B,) or (T, B) -> an output of one replica that is nearly sure of them."""

    def answer(y: Tensor) -> Tensor:
        return 30.0 * functional.one_hot(y, classes).to(torch.get_default_dtype()).unsqueeze(-3)

    return answer
