"""Masked losses and metrics: one figure a replica.

An output is (R, B, O) where the answer is asked once, (T, R, B, O) where it is asked at every step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from suite.tasks.task import Batch, asked

Score = Callable[[Tensor, Batch], Tensor]


def per_replica(values: Tensor, batch: Batch) -> Tensor:
    """The mean over the answers asked, of (R, B) or (T, R, B), for each replica."""
    if values.ndim == 2:
        return values.mean(-1)
    wanted = asked(batch)
    kept = torch.where(wanted.unsqueeze(1), values, 0.0).transpose(0, 1).flatten(1)
    return kept.sum(-1) / wanted.sum().clamp(min=1)


def per_sequence(right: Tensor, batch: Batch) -> Tensor:
    """The share of sequences of which every answer asked is right, from (R, B) or (T, R, B) bool, for each replica."""
    whole = right if right.ndim == 2 else (right | ~asked(batch).unsqueeze(1)).all(0)
    return whole.to(torch.get_default_dtype()).mean(-1)


def cross_entropy(output: Tensor, batch: Batch) -> Tensor:
    """Mean negative log-likelihood of the right class, in nats."""
    wanted = _spread(output, batch.y).reshape(-1).clamp(min=0)
    values = functional.cross_entropy(output.reshape(-1, output.shape[-1]), wanted, reduction="none")
    return per_replica(values.view(output.shape[:-1]), batch)


def accuracy(output: Tensor, batch: Batch) -> Tensor:
    """Share of answers whose largest output is the right class."""
    right = output.argmax(-1) == _spread(output, batch.y)
    return per_replica(right.to(output.dtype), batch)


def all_right(output: Tensor, batch: Batch) -> Tensor:
    """Share of sequences whose every class asked has the largest output."""
    return per_sequence(output.argmax(-1) == _spread(output, batch.y), batch)


def squared_error(output: Tensor, batch: Batch) -> Tensor:
    """Mean squared error, summed over the outputs of an answer; of the first output where y is one number."""
    return per_replica(_error(output, batch).square().sum(-1), batch)


def bernoulli(output: Tensor, batch: Batch) -> Tensor:
    """Mean negative log-likelihood of a vector of zeros and ones, its outputs logits, summed over them, in nats an answer."""
    wanted = _targets(output, batch)
    return per_replica(functional.binary_cross_entropy_with_logits(output, wanted, reduction="none").sum(-1), batch)


def legal(output: Tensor, batch: Batch) -> Tensor:
    """Share of sequences in which, at every step, each legal output (1 in y) is larger than each other one."""
    wanted = _targets(output, batch) > 0.5
    least, most = torch.where(wanted, output, torch.inf).amin(-1), torch.where(wanted, -torch.inf, output).amax(-1)
    return per_sequence(least > most, batch)


def within(tolerance: float) -> Score:
    """Share of sequences whose every output asked is nearer to its target than `tolerance`."""

    def score(output: Tensor, batch: Batch) -> Tensor:
        return per_sequence(_error(output, batch).abs().amax(-1) < tolerance, batch)

    return score


def units_squared(output: Tensor, batch: Batch) -> Tensor:
    """Mean squared error, summed over outputs, of logistic units of which that of the right class should be 1 and the others 0."""
    return per_replica(_unit_error(output, batch).square().sum(-1), batch)


def units_within(tolerance: float) -> Score:
    """Share of sequences of whose logistic units, at every class asked, each is nearer than `tolerance` to its 1 or 0."""

    def score(output: Tensor, batch: Batch) -> Tensor:
        return per_sequence(_unit_error(output, batch).abs().amax(-1) < tolerance, batch)

    return score


def _unit_error(output: Tensor, batch: Batch) -> Tensor:
    wanted = functional.one_hot(batch.y.clamp(min=0), output.shape[-1]).unsqueeze(-3)
    return output.sigmoid() - wanted


def logistic(score: Score) -> Score:
    """A score of the logistic of the outputs: networks of 1997 have logistic output units."""

    def squashed(output: Tensor, batch: Batch) -> Tensor:
        return score(output.sigmoid(), batch)

    return squashed


def _error(output: Tensor, batch: Batch) -> Tensor:
    """What an output lacks, (…, O); zero where it is not asked."""
    return (output if batch.y.ndim > batch.mask.ndim else output[..., :1]) - _targets(output, batch)


def _targets(output: Tensor, batch: Batch) -> Tensor:
    """Numbers (B,), (T, B) or vectors (T, B, O) as (…, R, B, O), zero where nothing is asked."""
    y = batch.y if batch.y.ndim > batch.mask.ndim else batch.y.unsqueeze(-1)
    y = torch.where(asked(batch).unsqueeze(-1), y, 0.0).unsqueeze(-3)
    return y.expand(*output.shape[:-1], -1).to(output.dtype)


def _spread(output: Tensor, y: Tensor) -> Tensor:
    """Classes (B,) or (T, B) shared by all replicas of an output."""
    return (y.unsqueeze(-2)).expand(output.shape[:-1])


def certain(classes: int) -> Callable[[Tensor], Tensor]:
    """Class numbers (B,) or (T, B) -> an output of one replica that is nearly sure of them."""

    def answer(y: Tensor) -> Tensor:
        return 30.0 * functional.one_hot(y, classes).to(torch.get_default_dtype()).unsqueeze(-3)

    return answer
